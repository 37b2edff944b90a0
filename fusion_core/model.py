"""FusionNet: decompose both images, gate every subband with learned masks, reconstruct.

``F = IDWT(a * DWT(CT) + b * DWT(MRI))`` with masks a and b in [0, 1]. The transform is linear, so
every fused pixel splits exactly into what came from either image (:mod:`fusion_core.provenance`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import torch
from torch import Tensor, nn

from fusion_core.context_masks import ContextMaskNet
from fusion_core.masks import MaskNet
from fusion_core.wavelets import (
    MAX_LEVELS,
    TWO_TAP_WAVELETS,
    BoundaryMode,
    Details,
    Subbands,
    analyse_level,
    band_names,
    check_mode,
    check_wavelet,
    level_sizes,
    synthesise,
    synthesise_level,
)

_LATER = {"mask_net": "plain"}  # settings that earlier files do not have, and their defaults
_TINY = 1e-6  # far below one grey level; keeps the gradient of a division finite

MaskInputs = Literal["ll", "all"]
Gating = Literal["convex", "independent"]
MaskNetKind = Literal["plain", "context"]


@dataclass(frozen=True)
class FusionConfig:
    """Everything that defines a FusionNet but its weights; it travels with them.

    Args:
        wavelet: one of :data:`fusion_core.wavelets.WAVELETS`.
        levels: J, 1 to 5; the model has 3J + 1 masks per gate.
        mode: how images continue beyond their border.
        mask_inputs: what the mask network of a level sees of both images: ``"ll"``, their
            approximations, or ``"all"``, their four bands of that level.
        mask_net: ``"plain"``, a stack of convolutions, or ``"context"``, the wide view of
            :class:`fusion_core.context_masks.ContextMaskNet`, for independent gates on all bands.
        widths: channels of the mask network's hidden layers.
        kernel_size: odd side of its kernels.
        dilations: spacing of the kernel taps per layer, empty for 1 everywhere.
        gating: ``"convex"`` (b = 1 - a) or ``"independent"`` (a and b free in [0, 1]).
        shared: one mask network for all levels instead of one per level.
        bounded: shrink gates where the fused image would leave [0, 1], so that nothing is clipped;
            for two-tap wavelets (haar), whose approximations are block means.
        gate_start: logit at which untrained gates begin; None leaves the usual initialisation.
    """

    wavelet: str = "haar"
    levels: int = 1
    mode: BoundaryMode = "symmetric"
    mask_inputs: MaskInputs = "ll"
    mask_net: MaskNetKind = "plain"
    widths: tuple[int, ...] = (16, 32)
    kernel_size: int = 3
    dilations: tuple[int, ...] = ()
    gating: Gating = "convex"
    shared: bool = False
    bounded: bool = False
    gate_start: float | None = None

    def __post_init__(self) -> None:
        check_wavelet(self.wavelet)
        check_mode(self.mode)
        object.__setattr__(self, "widths", tuple(self.widths))
        object.__setattr__(self, "dilations", tuple(self.dilations))
        if not 1 <= self.levels <= MAX_LEVELS:
            raise ValueError(f"levels must be 1 to {MAX_LEVELS}, got {self.levels}.")
        choices_of = {"mask_inputs": MaskInputs, "mask_net": MaskNetKind, "gating": Gating}
        for name, kinds in choices_of.items():
            if getattr(self, name) not in get_args(kinds):
                choices = ", ".join(get_args(kinds))
                raise ValueError(f"{name} must be one of {choices}; got {getattr(self, name)!r}.")
        if not all(isinstance(w, int) and 1 <= w <= 4096 for w in self.widths):
            raise ValueError(f"widths must be whole numbers from 1 to 4096, got {self.widths}.")
        if self.mask_net == "context":
            self._check_context()
        if self.bounded and self.wavelet not in TWO_TAP_WAVELETS:
            raise ValueError(
                f"bounded needs a two-tap wavelet ({', '.join(TWO_TAP_WAVELETS)}), "
                f"got {self.wavelet}."
            )
        if self.kernel_size not in (1, 3, 5, 7, 9, 11):
            raise ValueError(f"kernel_size must be odd, 1 to 11, got {self.kernel_size}.")
        if self.dilations and len(self.dilations) != len(self.widths) + 1:
            raise ValueError(
                f"dilations needs one number per layer ({len(self.widths) + 1}), "
                f"got {len(self.dilations)}."
            )
        if not all(isinstance(d, int) and 1 <= d <= 64 for d in self.dilations):
            raise ValueError(f"dilations must be whole numbers from 1 to 64: {self.dilations}.")

    def _check_context(self) -> None:
        needs = {"mask_inputs": "all", "gating": "independent", "dilations": ()}
        for name, value in needs.items():
            if getattr(self, name) != value:
                raise ValueError(
                    f"mask_net 'context' needs {name} {value!r}, got {getattr(self, name)!r}; "
                    "mask_net 'plain' takes any."
                )
        if not self.widths:
            raise ValueError("mask_net 'context' needs at least one hidden layer in widths.")

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the subbands, the coarsest first."""
        return band_names(self.levels)

    @property
    def gates(self) -> tuple[str, ...]:
        """Sources with masks of their own; the MRI's are 1 minus the CT's in a convex model."""
        return ("CT",) if self.gating == "convex" else ("CT", "MRI")

    @property
    def summary(self) -> str:
        """A few words for tables."""
        levels = "1 level" if self.levels == 1 else f"{self.levels} levels"
        return f"{self.wavelet}, {levels}, {self.gating} gates"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a later setting only where it is not the default.

        A checkpoint's hash covers these values: one of an earlier version that is saved again
        keeps it.
        """
        return {k: v for k, v in asdict(self).items() if k not in _LATER or v != _LATER[k]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FusionConfig":
        """The inverse of :meth:`to_dict`.

        Raises:
            ValueError: a key is unknown or a value is out of range.
        """
        return read_settings(cls, values)


S = TypeVar("S")


def read_settings(kind: type[S], values: Mapping[str, Any]) -> S:
    """A settings dataclass from plain values.

    Raises:
        ValueError: a key is unknown or a value is out of range.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - known):
        raise ValueError(
            f"Unknown model settings {', '.join(unknown)}; valid ones: {', '.join(sorted(known))}."
        )
    return kind(**values)


def _deep(
    levels: int,
    widths: tuple[int, ...] = (16, 16),
    dilations: tuple[int, ...] = (),
    bounded: bool = False,
    mask_net: MaskNetKind = "plain",
) -> FusionConfig:
    return FusionConfig(
        levels=levels,
        mask_inputs="all",
        mask_net=mask_net,
        widths=widths,
        dilations=dilations,
        gating="independent",
        bounded=bounded,
        gate_start=1.0,
    )


PRESETS: dict[str, FusionConfig] = {
    "seed": FusionConfig(),
    "seed-2m": FusionConfig(widths=(468, 468)),
    "medical": FusionConfig(wavelet="db4", levels=2),
    "default": _deep(1, widths=(64, 64, 64), bounded=True, mask_net="context"),
    "dilated": _deep(1, widths=(32, 32, 32), dilations=(1, 2, 4, 1), bounded=True),
    "default-lite": _deep(1, widths=(24, 24), dilations=(1, 2, 1), bounded=True),
    "deep-1": _deep(1),
    "deep-2": _deep(2),
    "deep": _deep(3),
}
"""Named architectures. ``seed`` is the published one: 6,100 parameters."""


class Masks(NamedTuple):
    """The gates of both images: the share of each coefficient that enters the fused image.

    Both have the layout of the subbands, one channel each: (B, 1, h, w) in [0, 1].
    """

    ct: Subbands
    mri: Subbands


@dataclass(frozen=True)
class FusionResult:
    """A fused image and everything it was made of.

    Attributes:
        fused: (B, 1, H, W), not clamped; screens and files clamp it to [0, 1].
        masks: the gates; None for a rule that works on pixels, as are the next three.
        ct: subbands of the CT image, (B, 1, h, w) each.
        mri: subbands of the MRI image.
        wavelet: name of the wavelet.
    """

    fused: Tensor
    masks: Masks | None = None
    ct: Subbands | None = None
    mri: Subbands | None = None
    wavelet: str | None = None


class FusionNet(nn.Module):
    """Wavelet fusion of a CT and an MRI image with learned masks."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        # The coarsest level (the last) also gates LL; a shared network does so at every level.
        bands = [4] if config.shared else [3] * (config.levels - 1) + [4]
        self.mask_nets = nn.ModuleList(_mask_net(config, n) for n in bands)

    @property
    def parameter_count(self) -> int:
        """Number of trainable values."""
        return sum(p.numel() for p in self.parameters())

    def forward(self, ct: Tensor, mri: Tensor) -> FusionResult:
        """Fuse a CT and an MRI image.

        Args:
            ct: (H, W), (1, H, W) or (B, 1, H, W), float, in [0, 1].
            mri: the same shape.

        Returns:
            A result whose tensors all have four dimensions, (B, 1, H, W) or (B, 1, h, w).

        Raises:
            ValueError: shapes differ or are none of the above.
        """
        pair = torch.cat(as_batches(ct, mri), 1)
        bands, approximations = self._decompose(pair)
        masks = self._masks(bands, approximations)
        c, m = bands.map(lambda x: x[:, :1]), bands.map(lambda x: x[:, 1:])
        size = (pair.shape[-2], pair.shape[-1])
        if self.config.bounded:
            masks = bound(masks, c, m, self.config.wavelet, size)
            fused = gate(masks, c, m)
        elif self.config.gating == "convex":
            fused = _gate_convex(masks.ct, c, m)
        else:
            fused = gate(masks, c, m)
        return FusionResult(
            synthesise(fused, self.config.wavelet, size), masks, c, m, self.config.wavelet
        )

    def _decompose(self, pair: Tensor) -> tuple[Subbands, list[Tensor]]:
        """Subbands of the pair (B, 2, H, W) and the approximations of every level, fine first."""
        ll, details, approximations = pair, [], []
        for _ in range(self.config.levels):
            ll, level = analyse_level(ll, self.config.wavelet, self.config.mode)
            details.append(level)
            approximations.append(ll)
        return Subbands(ll, tuple(details)), approximations

    def _masks(self, bands: Subbands, approximations: list[Tensor]) -> Masks:
        """Gates of every band, each level's network looking at that level only."""
        ct, mri = [], []
        for j, (ll, details) in enumerate(zip(approximations, bands.details, strict=True)):
            seen = ll if self.config.mask_inputs == "ll" else torch.cat((ll, *details), 1)
            gates = self.mask_nets[0 if self.config.shared else j](seen).to(seen.dtype)
            a, b = (gates, 1 - gates) if self.config.gating == "convex" else gates.chunk(2, 1)
            ct.append(a.split(1, 1))
            mri.append(b.split(1, 1))
        return Masks(_mask_bands(ct), _mask_bands(mri))


def _mask_net(config: FusionConfig, bands: int) -> nn.Module:
    """The untrained mask network of a level with this many gated bands."""
    net: MaskNet | ContextMaskNet
    if config.mask_net == "context":
        net = ContextMaskNet(bands, config.widths, config.kernel_size)
    else:
        inputs = 2 if config.mask_inputs == "ll" else 8
        gates = 1 if config.gating == "convex" else 2
        net = MaskNet(inputs, config.widths, gates * bands, config.kernel_size, config.dilations)
    if config.gate_start is not None:
        net.start_at(config.gate_start)
    return net


def gate(masks: Masks, ct: Subbands, mri: Subbands) -> Subbands:
    """``a * C + b * M``, band by band."""
    weighted_ct = masks.ct.combine(ct, torch.mul)
    return weighted_ct.combine(masks.mri.combine(mri, torch.mul), torch.add)


def bound(masks: Masks, ct: Subbands, mri: Subbands, wavelet: str, size: tuple[int, int]) -> Masks:
    """Shrink gates so that the fused image of a two-tap wavelet stays in [0, 1].

    There LL is the mean of a block, so it only has to stay below white. The details of a level
    spread a block's mean over its four parts; both sources' detail gates shrink by one factor
    until the brightest part is at most white and the darkest at least black. Level by level this
    holds for the pixels. Gates only shrink: they stay in [0, 1] and provenance stays exact.

    Args:
        masks: the gates.
        ct: subbands of the CT image, values in [0, 1] before the transform.
        mri: subbands of the MRI image.
        wavelet: haar or another with two taps.
        size: (H, W) of the images.
    """
    white = 2.0**ct.levels
    total = masks.ct.ll * ct.ll + masks.mri.ll * mri.ll
    shrink = white / total.clamp(min=white)
    a, b = [], []
    top = Masks(
        masks.ct._replace(ll=masks.ct.ll * shrink), masks.mri._replace(ll=masks.mri.ll * shrink)
    )
    ll = total * shrink
    columns = list(zip(top.ct.details, top.mri.details, ct.details, mri.details, strict=True))
    sizes = level_sizes(size, wavelet, ct.levels)
    for (a_j, b_j, c_j, m_j), out in zip(reversed(columns), reversed(sizes), strict=True):
        details = [x * y + u * v for x, y, u, v in zip(a_j, c_j, b_j, m_j, strict=True)]
        lh, hl, hh = details
        spread = (lh + hl + hh, lh - hl - hh, hl - lh - hh, hh - lh - hl)
        up = torch.maximum(torch.maximum(spread[0], spread[1]), torch.maximum(*spread[2:]))
        down = -torch.minimum(torch.minimum(spread[0], spread[1]), torch.minimum(*spread[2:]))
        # The small number leaves gates alone where there is nothing to shrink, as in black air.
        shrink = torch.minimum(
            ((white - ll).clamp(min=0) + _TINY) / (up.clamp(min=0) + _TINY),
            (ll + _TINY) / (down.clamp(min=0) + _TINY),
        ).clamp(max=1)
        a.append(Details(*(x * shrink for x in a_j)))
        b.append(Details(*(x * shrink for x in b_j)))
        if len(a) < ct.levels:
            ll = synthesise_level(ll, Details(*(x * shrink for x in details)), wavelet, out)
        white /= 2
    return Masks(Subbands(top.ct.ll, tuple(reversed(a))), Subbands(top.mri.ll, tuple(reversed(b))))


def as_batches(ct: Tensor, mri: Tensor) -> tuple[Tensor, Tensor]:
    """Give both images four dimensions, (B, 1, H, W).

    Raises:
        ValueError: shapes differ or are not (H, W), (1, H, W) or (B, 1, H, W).
    """
    if ct.shape != mri.shape:
        raise ValueError(
            f"CT and MRI must have the same shape, got {tuple(ct.shape)} and {tuple(mri.shape)}."
        )
    shape = tuple(ct.shape)
    if not 2 <= len(shape) <= 4 or (len(shape) > 2 and shape[-3] != 1) or 0 in shape:
        raise ValueError(f"Expected (H, W), (1, H, W) or (B, 1, H, W), got {shape}.")
    full = (1,) * (4 - len(shape)) + shape
    return ct.reshape(full), mri.reshape(full)


def _gate_convex(a: Subbands, ct: Subbands, mri: Subbands) -> Subbands:
    """``a * C + (1 - a) * M`` in one operation per band."""
    details = (
        Details(*(torch.lerp(y, x, w) for w, x, y in zip(*level, strict=True)))
        for level in zip(a.details, ct.details, mri.details, strict=True)
    )
    return Subbands(torch.lerp(mri.ll, ct.ll, a.ll), tuple(details))


def _mask_bands(levels: list[tuple[Tensor, ...]]) -> Subbands:
    """Order per-level gates (LL first where present) like subbands."""
    return Subbands(levels[-1][0], tuple(Details(*level[-3:]) for level in levels))
