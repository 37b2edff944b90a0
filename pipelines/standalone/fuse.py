"""Fuse a CT and an MRI image with the model in this folder. Research, not for diagnosis.

    python fuse.py CT MRI -o FUSED [--details FILE.npz]

Needs Python 3.10 or newer, numpy and torch; Pillow as well where an image is not .npy.
From Python: `model = fuse.Model(); fused, masks, parts = model(ct, mri)` with (H, W) in [0, 1].
"""

import argparse
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

HERE = Path(__file__).resolve().parent
BANDS = ("LL", "LH", "HL", "HH")
TINY = 1e-6
SOFT_LL, SOFT_DETAIL, STEP, NUDGE_TINY = 0.04, 0.02, 0.1, 1e-4  # of the context mask network

Array = np.ndarray
Arrays = dict[str, np.ndarray]
Levels = list[list[Tensor]]  # [[LL], coarsest details, ..., finest details]
Bands = list[Levels]  # of CT and of MRI
Sizes = list[tuple[int, int]]


class Model:
    """The fusion model of a folder: settings from config.json, weights from safetensors."""

    def __init__(self, folder: Path = HERE) -> None:
        self.config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        self.settings = self.config["settings"]
        self.weights = read_weights(Path(folder) / self.config["weights"])
        self.filters = {k: torch.tensor(v) for k, v in self.config["filters"].items()}

    @torch.inference_mode()
    def __call__(self, ct: Array, mri: Array) -> tuple[Array, Arrays, Arrays]:
        """Fuse a pair.

        Args:
            ct, mri: (H, W) arrays of one shape, windowed to [0, 1].

        Returns:
            fused: (H, W) float32, not clamped; clamp it to [0, 1] for display.
            masks: name to array, such as "ct_LL": the share of each coefficient that is used.
            parts: "ct" and "mri", (H, W) each: what each source adds to the fused image. Both
                dictionaries are empty for a model without masks.
        """
        if np.ndim(ct) != 2 or np.shape(ct) != np.shape(mri):
            raise ValueError(f"two (H, W) images of one shape are needed, not {np.shape(ct)} and "
                             f"{np.shape(mri)}.")  # fmt: skip
        pair = torch.from_numpy(np.stack((ct, mri)).astype(np.float32))[None]
        if self.settings.get("architecture") == "resnet":
            return self._residual(pair)[0, 0].numpy(), {}, {}
        return self._wavelet(pair)

    # --- masks in the wavelet domain --------------------------------------------------------

    def _wavelet(self, pair: Tensor) -> tuple[Array, Arrays, Arrays]:
        s, levels, sizes, a, b = self.settings, [], [], [], []
        ll, count = pair, self.settings["levels"]
        for j in range(count):
            sizes.append((ll.shape[-2], ll.shape[-1]))
            bands = self._analyse(ll)
            seen = bands[0] if s["mask_inputs"] == "ll" else torch.cat(bands, 1)
            out = self._gates(seen, 0 if s["shared"] else j)
            mine, other = (out, 1 - out) if s["gating"] == "convex" else out.chunk(2, 1)
            a.append(list(mine.chunk(mine.shape[1], 1)))
            b.append(list(other.chunk(other.shape[1], 1)))
            levels.append(bands)
            ll = bands[0]
        sources = [[[band[:, i : i + 1] for band in level] for level in levels] for i in (0, 1)]
        gates = [[[g[-1][0]], *(list(x[-3:]) for x in reversed(g))] for g in (a, b)]
        # From here on the coarsest level stands first: [[LL], details, finer details, ...].
        values = [[[x[-1][0]], *(x[j][1:] for j in reversed(range(count)))] for x in sources]
        sizes.reverse()
        if s["bounded"]:
            gates = self._bound(gates, values, sizes)
        parts = [self._rebuild(g, v, sizes) for g, v in zip(gates, values, strict=True)]
        masks = {
            f"{name}_{band}": mask[0, 0].numpy()
            for name, g in zip(("ct", "mri"), gates, strict=True)
            for band, mask in zip(band_names(count), (m for level in g for m in level), strict=True)
        }
        ct, mri = (part[0, 0].numpy() for part in parts)
        return ct + mri, masks, {"ct": ct, "mri": mri}

    def _gates(self, x: Tensor, net: int) -> Tensor:
        if self.settings.get("mask_net") == "context":
            return self._context_gates(x, f"mask_nets.{net}")
        s, layers = self.settings, len(self.settings["widths"]) + 1
        dilations = s["dilations"] or [1] * layers
        for i, dilation in enumerate(dilations):
            x = self._convolve(x, f"mask_nets.{net}.layers.{2 * i}", dilation=dilation)
            x = torch.sigmoid(x) if i == layers - 1 else F.relu(x)
        return x

    def _context_gates(self, seen: Tensor, net: str) -> Tensor:
        """Blocks of 2 x 2 coefficients as channels, a coarse branch, and nudged gates."""
        height, width = seen.shape[-2:]
        seen = F.pad(seen, (0, width % 2, 0, height % 2), mode="replicate")
        blocks = F.pixel_unshuffle(seen, 2)
        around = F.avg_pool2d(seen[:, :2], 2)
        around = F.avg_pool2d(around, 3, 1, 1, count_include_pad=False)
        ll, details = blocks[:, :8] - around.repeat_interleave(4, 1), blocks[:, 8:]
        soft = ll / (ll.abs() + SOFT_LL), details / (details.abs() + SOFT_DETAIL)
        x = F.relu(self._convolve(torch.cat((blocks, *soft), 1), f"{net}.fine.0"))
        wide = F.avg_pool2d(x, 4, ceil_mode=True)
        for i, dilation in enumerate((1, 2, 4)):
            wide = F.relu(self._convolve(wide, f"{net}.coarse.{i}", dilation=dilation))
        wide = self._convolve(wide, f"{net}.up")
        x = x + F.interpolate(wide, size=x.shape[-2:], mode="bilinear", align_corners=False)
        last = len(self.settings["widths"])
        for i in range(1, last):
            x = F.relu(self._convolve(x, f"{net}.fine.{i}"))
        said = self._convolve(x, f"{net}.fine.{last}")
        n = said.shape[1] // 3
        by_source = blocks.view(-1, 4, 2, 4, *blocks.shape[-2:])[:, -n // 4 :]
        ct, mri = (by_source[:, :, i].flatten(1, 2) for i in (0, 1))
        nudge = said[:, 2 * n :] * STEP / (ct * ct + mri * mri + NUDGE_TINY)
        gates = torch.sigmoid(said[:, : 2 * n]) + torch.cat((nudge * ct, nudge * mri), 1)
        return F.pixel_shuffle(gates.clamp(0, 1), 2)[..., :height, :width]

    def _bound(self, gates: Bands, values: Bands, sizes: Sizes) -> Bands:
        """Shrink gates so that a two-tap model's image stays in [0, 1]; coarsest level first."""
        (a, b), (c, m) = gates, values
        white = 2.0 ** self.settings["levels"]
        ll = a[0][0] * c[0][0] + b[0][0] * m[0][0]
        shrink = white / ll.clamp(min=white)
        kept = [[[a[0][0] * shrink]], [[b[0][0] * shrink]]]
        ll = ll * shrink
        for j, size in enumerate(sizes, 1):
            bands = [w * x + v * y for w, x, v, y in zip(a[j], c[j], b[j], m[j], strict=True)]
            lh, hl, hh = bands
            spread = torch.stack((lh + hl + hh, lh - hl - hh, hl - lh - hh, hh - lh - hl))
            up, down = spread.amax(0), -spread.amin(0)
            shrink = torch.minimum(
                ((white - ll).clamp(min=0) + TINY) / (up.clamp(min=0) + TINY),
                (ll + TINY) / (down.clamp(min=0) + TINY),
            ).clamp(max=1)
            for source, g in zip(kept, (a, b), strict=True):
                source.append([mask * shrink for mask in g[j]])
            ll = self._synthesise([ll, *(band * shrink for band in bands)], size)
            white /= 2
        return kept

    def _rebuild(self, gates: Levels, values: Levels, sizes: Sizes) -> Tensor:
        x = gates[0][0] * values[0][0]
        for g, v, size in zip(gates[1:], values[1:], sizes, strict=True):
            x = self._synthesise([x, *(mask * band for mask, band in zip(g, v, strict=True))], size)
        return x

    def _analyse(self, x: Tensor) -> list[Tensor]:
        """LL, LH, HL, HH of (1, 2, H, W) as PyWavelets' dwt2 gives them."""
        taps = torch.stack((self.filters["dec_lo"].flip(0), self.filters["dec_hi"].flip(0)))
        mode, length = self.settings["mode"], taps.shape[1]
        x = extend(extend(x, -1, length, mode), -2, length, mode)
        rows = taps.view(2, 1, 1, length).repeat(2, 1, 1, 1)
        columns = taps.view(2, 1, length, 1).repeat(4, 1, 1, 1)
        x = F.conv2d(F.conv2d(x, rows, stride=(1, 2), groups=2), columns, stride=(2, 1), groups=4)
        return [x[:, [i, 4 + i]] for i in range(4)]

    def _synthesise(self, bands: list[Tensor], size: tuple[int, int]) -> Tensor:
        taps = torch.stack((self.filters["rec_lo"], self.filters["rec_hi"]))
        length = taps.shape[1]
        columns, rows = taps.view(2, 1, length, 1).repeat(2, 1, 1, 1), taps.view(2, 1, 1, length)
        cut = length - 2
        x = F.conv_transpose2d(
            torch.cat(bands, 1), columns, stride=(2, 1), padding=(cut, 0), groups=2
        )
        x = F.conv_transpose2d(x, rows, stride=(1, 2), padding=(0, cut))
        return x[..., : size[0], : size[1]]

    # --- the residual network ---------------------------------------------------------------

    def _residual(self, pair: Tensor) -> Tensor:
        fine = F.relu(self._convolve(pair, "stem"))
        x = F.relu(self._convolve(fine, "down", stride=2))
        for i in range(self.settings["blocks"]):
            inner = F.relu(self._convolve(x, f"blocks.{i}.first"))
            x = F.relu(x + self._convolve(inner, f"blocks.{i}.second"))
        x = self._convolve(x, "up")
        x = F.interpolate(x, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return pair.mean(1, keepdim=True) + self._convolve(F.relu(fine + x), "head")

    def _convolve(self, x: Tensor, layer: str, stride: int = 1, dilation: int = 1) -> Tensor:
        weight = self.weights[f"{layer}.weight"]
        pad = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, self.weights[f"{layer}.bias"], stride, pad, dilation)


def extend(x: Tensor, dim: int, taps: int, mode: str) -> Tensor:
    """Continue an image beyond its border along one axis."""
    size = x.shape[dim]
    before, after = taps - 2, taps - 2 + size % 2
    if mode == "zero":
        return F.pad(x, (before, after) if dim == -1 else (0, 0, before, after))
    index = torch.arange(-before, size + after)
    if mode == "periodic":
        index = index % size
    elif mode == "symmetric":
        index = index % (2 * size)
        index = torch.minimum(index, 2 * size - 1 - index)
    else:
        period = max(2 * size - 2, 1)
        index = index % period
        index = torch.minimum(index, period - index)
    return x.index_select(dim, index)


def band_names(levels: int) -> tuple[str, ...]:
    """Names of the bands, LL first, then coarse to fine."""
    if levels == 1:
        return BANDS
    details = [f"{kind}{j}" for j in range(levels, 0, -1) for kind in BANDS[1:]]
    return (f"LL{levels}", *details)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; nothing in it is ever run."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise ValueError(f"{path.name}: {name} is {entry['dtype']}; float32 is needed.")
        start, end = entry["data_offsets"]
        values = np.frombuffer(body[start:end], "<f4").reshape(entry["shape"])
        found[name] = torch.from_numpy(values.astype(np.float32))
    return found


def read_image(path: Path) -> Array:
    """(H, W) float32 in [0, 1] from .npy, or from a grey 8- or 16-bit image through Pillow."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path, allow_pickle=False), np.float32)
    import PIL.Image

    with PIL.Image.open(path) as picture:
        values = np.asarray(picture if picture.mode.startswith("I") else picture.convert("L"))
    return values.astype(np.float32) / (255 if values.dtype == np.uint8 else 65535)


def write_image(path: Path, image: Array) -> None:
    """.npy keeps every value; another suffix gets 8 bits, clamped, through Pillow."""
    if path.suffix == ".npy":
        np.save(path, image)
        return
    import PIL.Image

    PIL.Image.fromarray(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)).save(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ct", type=Path)
    parser.add_argument("mri", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--details", type=Path, help=".npz for the masks and both sources' parts")
    args = parser.parse_args()
    try:
        fused, masks, parts = Model()(read_image(args.ct), read_image(args.mri))
        write_image(args.out, fused)
        if args.details:
            details: dict[str, Any] = masks | {f"{name}_part": x for name, x in parts.items()}
            np.savez(args.details, **details)
    except (ValueError, OSError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
