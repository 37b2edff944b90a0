"""A model of this program as an ONNX graph, written node by node: any batch, height and width.

The graph does what ``FusionNet.forward`` does, in the same order, so that both agree to rounding;
sizes are computed inside it. Nothing here knows files.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import onnx
import pywt
from onnx import TensorProto, helper
from torch import nn

from fusion_core.architectures import FusionModel
from fusion_core.baseline import ResidualBlock, ResNetFusion
from fusion_core.context_masks import (
    AREA,
    BLOCK,
    COARSE,
    SOFT_DETAIL,
    SOFT_LL,
    STEP,
    TINY,
    ContextMaskNet,
)
from fusion_core.masks import MaskNet
from fusion_core.model import FusionNet
from fusion_core.wavelets import TWO_TAP_WAVELETS, BoundaryMode
from pipelines.onnx_nodes import Graph

OPSET = 18
IR_VERSION = 10
"""Both are old enough for runtimes of 2024 and new enough for every operator used here."""

_TINY = 1e-6  # of fusion_core.model.bound

Level = list[str]
"""Names of LL, LH, HL and HH of one level."""


def build_graph(model: FusionModel, outputs: Sequence[str]) -> onnx.ModelProto:
    """Write the graph of a model.

    Args:
        model: in evaluation mode.
        outputs: names of what it returns, from :func:`output_names`.
    """
    graph = Graph()
    if isinstance(model, ResNetFusion):
        made = [_resnet(graph, model)]
    else:
        made = _wavelet_model(graph, model)
    for made_here, name in zip(made, outputs, strict=True):
        graph.op("Identity", made_here, out=name)
    sides = {"fused": ("height", "width")}
    bodies = helper.make_graph(
        graph.nodes,
        "fusion",
        [_value(name, ("height", "width")) for name in ("ct", "mri")],
        [_value(name, sides.get(name, (f"{name}_height", f"{name}_width"))) for name in outputs],
        graph.constants,
    )
    return helper.make_model(
        bodies,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="trainable-wavelet-fusion",
    )


def output_names(model: FusionModel) -> tuple[str, ...]:
    """``fused``, then ``ct_LL`` and so on: the masks of the CT's bands and of the MRI's."""
    if isinstance(model, ResNetFusion):
        return ("fused",)
    bands = model.config.bands
    return ("fused", *(f"{source}_{band}" for source in ("ct", "mri") for band in bands))


def _value(name: str, sides: tuple[str, str]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1, *sides])


# --- the wavelet model --------------------------------------------------------------------------


def _wavelet_model(g: Graph, model: FusionNet) -> list[str]:
    config = model.config
    x = g.op("Concat", "ct", "mri", axis=1)
    sizes: list[str] = []
    levels: list[Level] = []
    for _ in range(config.levels):
        sizes.append(g.sides(x))
        levels.append(_analyse(g, x, config.wavelet, config.mode))
        x = levels[-1][0]
    # Masks per level and source; LL belongs to the coarsest level, which is the last.
    a: list[Level] = []
    b: list[Level] = []
    for j, level in enumerate(levels):
        seen = level[0] if config.mask_inputs == "ll" else g.op("Concat", *level, axis=1)
        net = model.mask_nets[0 if config.shared else j]
        if isinstance(net, ContextMaskNet):
            gates = _context_net(g, net, seen)
        else:
            gates = _mask_net(g, cast(MaskNet, net), seen)
        count = 4 if config.shared or j == config.levels - 1 else 3
        ct = [g.channel(gates, i) for i in range(count)]
        if config.gating == "convex":
            mri = [g.sub(g.number(1), mask) for mask in ct]
        else:
            mri = [g.channel(gates, count + i) for i in range(count)]
        a.append(ct)
        b.append(mri)
    c = [[g.channel(band, 0) for band in level] for level in levels]
    m = [[g.channel(band, 1) for band in level] for level in levels]
    top = (a[-1][0], b[-1][0])
    details = [(a[j][-3:], b[j][-3:], c[j][1:], m[j][1:]) for j in range(config.levels)]
    return _gate(g, model, top, (c[-1][0], m[-1][0]), details, sizes)


def _gate(
    g: Graph,
    model: FusionNet,
    top: tuple[str, str],
    approximations: tuple[str, str],
    details: list[tuple[Level, Level, Level, Level]],
    sizes: list[str],
) -> list[str]:
    """Weigh every band, shrink the gates of a bounded model, and rebuild the image."""
    config = model.config
    a_ll, b_ll = top
    white = 2.0**config.levels
    ll = g.add(g.mul(a_ll, approximations[0]), g.mul(b_ll, approximations[1]))
    if config.bounded:
        shrink = g.op("Div", g.number(white), g.op("Max", ll, g.number(white)))
        a_ll, b_ll, ll = g.mul(a_ll, shrink), g.mul(b_ll, shrink), g.mul(ll, shrink)
    ct_masks, mri_masks = [a_ll], [b_ll]
    for (a, b, c, m), size in zip(reversed(details), reversed(sizes), strict=True):
        bands = [g.add(g.mul(x, y), g.mul(u, v)) for x, y, u, v in zip(a, c, b, m, strict=True)]
        if config.bounded:
            shrink = _shrink(g, ll, bands, white)
            a, b = [g.mul(x, shrink) for x in a], [g.mul(x, shrink) for x in b]
            bands = [g.mul(x, shrink) for x in bands]
            white /= 2
        ct_masks += a
        mri_masks += b
        ll = g.crop(_synthesise(g, [ll, *bands], config.wavelet), size)
    return [ll, *ct_masks, *mri_masks]


def _shrink(g: Graph, ll: str, details: Level, white: float) -> str:
    """The factor of :func:`fusion_core.model.bound` for the details of one level."""
    lh, hl, hh = details
    spread = (
        g.add(lh, hl, hh),
        g.sub(g.sub(lh, hl), hh),
        g.sub(g.sub(hl, lh), hh),
        g.sub(g.sub(hh, lh), hl),
    )
    zero, tiny = g.number(0), g.number(_TINY)
    up = g.op("Max", *spread, zero)
    down = g.op("Max", g.op("Neg", g.op("Min", *spread)), zero)
    above = g.op("Max", g.sub(g.number(white), ll), zero)
    factors = [g.op("Div", g.add(x, tiny), g.add(y, tiny)) for x, y in ((above, up), (ll, down))]
    return g.op("Min", *factors, g.number(1))


def _mask_net(g: Graph, net: MaskNet, x: str) -> str:
    for layer in net.layers:
        if isinstance(layer, nn.Conv2d):
            x = g.convolve(x, layer)
        else:
            x = g.op(type(layer).__name__.replace("ReLU", "Relu"), x)
    return x


def _context_net(g: Graph, net: ContextMaskNet, seen: str) -> str:
    """The forward of :class:`ContextMaskNet`."""
    size = g.sides(seen)
    for axis in (2, 3):
        amounts = g.op("Concat", g.whole(0), g.op("Mod", g.side(seen, axis), g.whole(2)), axis=0)
        seen = g.op("Pad", seen, amounts, "", g.whole(axis), mode="edge")
    # SpaceToDepth puts the places of a block before the bands, pixel_unshuffle behind them.
    swapped = g.op("SpaceToDepth", seen, blocksize=BLOCK)
    blocks = g.channel(swapped, *(k * 8 + band for band in range(8) for k in range(AREA)))
    means = g.op(
        "AveragePool", g.channel(seen, 0, 1), kernel_shape=[BLOCK] * 2, strides=[BLOCK] * 2
    )
    around = g.op("AveragePool", means, kernel_shape=[3, 3], pads=[1] * 4)
    ll = g.sub(g.channel(blocks, *range(2 * AREA)), g.channel(around, *[0] * AREA, *[1] * AREA))
    details = g.channel(blocks, *range(2 * AREA, 8 * AREA))
    squashed = [_squash(g, ll, SOFT_LL), _squash(g, details, SOFT_DETAIL)]
    x = g.op("Relu", g.convolve(g.op("Concat", blocks, *squashed, axis=1), net.fine[0]))
    wide = g.op("AveragePool", x, kernel_shape=[COARSE] * 2, strides=[COARSE] * 2, ceil_mode=1)
    for layer in net.coarse:
        wide = g.op("Relu", g.convolve(wide, layer))
    x = g.add(x, _grown(g, g.convolve(wide, net.up), x))
    for layer in net.fine[1:-1]:
        x = g.op("Relu", g.convolve(x, layer))
    said = g.convolve(x, net.fine[-1])

    n = net.bands * AREA
    ct, mri = (
        g.channel(blocks, *(
            (2 * band + source) * AREA + k for band in range(4 - net.bands, 4) for k in range(AREA)
        ))
        for source in (0, 1)
    )  # fmt: skip
    energy = g.add(g.mul(ct, ct), g.mul(mri, mri), g.number(TINY))
    step = g.mul(g.channel(said, *range(2 * n, 3 * n)), g.number(STEP))
    nudge = g.op("Div", step, energy)
    gates = g.op("Sigmoid", g.channel(said, *range(2 * n)))
    moved = g.add(gates, g.op("Concat", g.mul(nudge, ct), g.mul(nudge, mri), axis=1))
    moved = g.op("Clip", moved, g.number(0), g.number(1))
    return g.crop(g.op("DepthToSpace", moved, blocksize=BLOCK, mode="CRD"), size)


def _squash(g: Graph, x: str, scale: float) -> str:
    return g.op("Div", x, g.add(g.op("Abs", x), g.number(scale)))


def _grown(g: Graph, x: str, like: str) -> str:
    """Bilinear, to the height and width of another tensor."""
    channels = g.op("Gather", g.op("Shape", x), g.whole(0, 1), axis=0)
    target = g.op("Concat", channels, g.sides(like), axis=0)
    return g.op(
        "Resize", x, "", "", target, mode="linear", coordinate_transformation_mode="half_pixel"
    )


def _analyse(g: Graph, x: str, wavelet: str, mode: BoundaryMode) -> Level:
    """LL, LH, HL and HH of the pair, each (batch, 2, h, w)."""
    if wavelet in TWO_TAP_WAVELETS:
        return _butterfly(g, _pad(g, x, 2, mode))
    w = pywt.Wavelet(wavelet)
    taps = np.array([w.dec_lo[::-1], w.dec_hi[::-1]])
    x = _pad(g, x, w.dec_len, mode)
    rows = np.tile(taps[:, None, None, :], (2, 1, 1, 1)).astype(np.float32)
    columns = np.tile(taps[:, None, :, None], (4, 1, 1, 1)).astype(np.float32)
    x = g.op("Conv", x, g.tensor(rows), strides=[1, 2], group=2)
    x = g.op("Conv", x, g.tensor(columns), strides=[2, 1], group=4)
    # Channels: for CT, then MRI: low rows (LL, LH), then high rows (HL, HH).
    return [g.channel(x, i, 4 + i) for i in range(4)]


def _butterfly(g: Graph, x: str) -> Level:
    half = g.number(0.5)
    top, bottom = g.every_second(x, 2, 0), g.every_second(x, 2, 1)
    low, high = g.mul(g.add(top, bottom), half), g.mul(g.sub(top, bottom), half)
    left, right = g.every_second(low, 3, 0), g.every_second(low, 3, 1)
    ll, hl = g.add(left, right), g.sub(left, right)
    left, right = g.every_second(high, 3, 0), g.every_second(high, 3, 1)
    return [ll, g.add(left, right), hl, g.sub(left, right)]


def _synthesise(g: Graph, bands: Level, wavelet: str) -> str:
    if wavelet in TWO_TAP_WAVELETS:
        ll, lh, hl, hh = bands
        low, high = (g.add(ll, hl), g.sub(ll, hl)), (g.add(lh, hh), g.sub(lh, hh))
        corners = [
            *(g.add(x, y) for x, y in zip(low, high, strict=True)),
            *(g.sub(x, y) for x, y in zip(low, high, strict=True)),
        ]
        blocks = g.op("Concat", *corners, axis=1)
        return g.mul(g.op("DepthToSpace", blocks, blocksize=2, mode="CRD"), g.number(0.5))
    w = pywt.Wavelet(wavelet)
    taps = np.array([w.rec_lo, w.rec_hi], np.float32)
    cut = w.rec_len - 2
    x = g.op("Concat", *bands, axis=1)
    columns = np.tile(taps[:, None, :, None], (2, 1, 1, 1))
    x = g.op("ConvTranspose", x, g.tensor(columns), strides=[2, 1], group=2, pads=[cut, 0, cut, 0])
    rows = taps[:, None, None, :]
    return g.op("ConvTranspose", x, g.tensor(rows), strides=[1, 2], pads=[0, cut, 0, cut])


def _pad(g: Graph, x: str, taps: int, mode: BoundaryMode) -> str:
    """Continue the image by L - 2 samples before it and L - 2 + N mod 2 after it, on both axes."""
    for axis in (2, 3):
        size = g.side(x, axis)
        after = g.add(g.op("Mod", size, g.whole(2)), g.whole(taps - 2))
        if mode == "zero":
            amounts = g.op("Concat", g.whole(taps - 2), after, axis=0)
            x = g.op("Pad", x, amounts, g.number(0), g.whole(axis))
        else:
            first, end = g.whole(2 - taps), g.add(size, after)
            index = g.op("Range", *(_scalar(g, v) for v in (first, end, g.whole(1))))
            x = g.op("Gather", x, _border(g, index, size, mode), axis=axis)
    return x


def _border(g: Graph, index: str, size: str, mode: BoundaryMode) -> str:
    """Which samples continue a signal of that size, for any index before or after it."""
    if mode == "periodic":
        return g.op("Mod", index, size)
    if mode == "symmetric":
        period = g.mul(size, g.whole(2))
        index = g.op("Mod", index, period)
        return g.op("Min", index, g.sub(g.sub(period, index), g.whole(1)))
    period = g.op("Max", g.sub(g.mul(size, g.whole(2)), g.whole(2)), g.whole(1))
    index = g.op("Mod", index, period)
    # A side of one sample has the period 1 and every index 0.
    return g.op("Min", index, g.sub(period, index))


def _scalar(g: Graph, x: str) -> str:
    return g.op("Squeeze", x, g.whole(0))


# --- the deep baseline --------------------------------------------------------------------------


def _resnet(g: Graph, model: ResNetFusion) -> str:
    pair = g.op("Concat", "ct", "mri", axis=1)
    fine = g.op("Relu", g.convolve(pair, model.stem))
    x = g.op("Relu", g.convolve(fine, model.down))
    for block in model.blocks:
        residual = cast(ResidualBlock, block)
        inner = g.op("Relu", g.convolve(x, residual.first))
        x = g.op("Relu", g.add(x, g.convolve(inner, residual.second)))
    x = g.convolve(x, model.up)
    change = g.convolve(g.op("Relu", g.add(fine, _grown(g, x, fine))), model.head)
    return g.add(g.op("ReduceMean", pair, g.whole(1), keepdims=1), change)
