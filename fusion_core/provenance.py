"""Where every fused pixel comes from: exact, additive, per subband and per source.

The transform is linear, so ``F = sum of ct images + sum of mri images``, one image per subband
and source. Clamping to [0, 1] for the screen is the one further term.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fusion_core.model import FusionResult, Masks
from fusion_core.wavelets import (
    Details,
    Subbands,
    band_names,
    level_sizes,
    synthesise,
    synthesise_level,
)

Weights = Literal["learned", "swapped", "ct", "mri"]
"""Whose masks gate the subbands: the method's own, the same with the sources exchanged, or all
weight on one source (its mask 1 and the other's 0 in every subband)."""


@dataclass(frozen=True)
class Attribution:
    """Images that add up to the fused image.

    Attributes:
        names: the K = 3J + 1 bands, in the order of :func:`fusion_core.wavelets.band_names`.
        ct: (B, K, H, W), what each band brought from CT; values may be negative.
        mri: (B, K, H, W), the same from MRI.
        clipping: (B, 1, H, W), shown minus fused: what clamping to [0, 1] adds.
    """

    names: tuple[str, ...]
    ct: Tensor
    mri: Tensor
    clipping: Tensor

    @property
    def ct_only(self) -> Tensor:
        """(B, 1, H, W): all that came from CT."""
        return self.ct.sum(1, keepdim=True)

    @property
    def mri_only(self) -> Tensor:
        """(B, 1, H, W): all that came from MRI."""
        return self.mri.sum(1, keepdim=True)

    @property
    def shown(self) -> Tensor:
        """(B, 1, H, W): the image on the screen, CT part + MRI part + clipping, in [0, 1]."""
        return self.ct_only + self.mri_only + self.clipping


@dataclass(frozen=True)
class BandShare:
    """CT's share of one band by three definitions; MRI's share is what is left to 1.

    Attributes:
        band: its name.
        mask: mean of CT's mask over the sum of both masks' means.
        energy: energy of CT's gated coefficients over the energy of both.
        attribution: sum of |image| that the band brought from CT, over that of both.
        mean_mask_ct: mean of mask a.
        mean_mask_mri: mean of mask b.

    A share is NaN where neither source brings anything.
    """

    band: str
    mask: float
    energy: float
    attribution: float
    mean_mask_ct: float
    mean_mask_mri: float


@dataclass(frozen=True)
class BandEnergy:
    """How much of an image's energy (sum of squared coefficients) a band holds, 0 to 1.

    Attributes:
        band: its name.
        raw: share of the energy of all bands.
        centred: the same after the mean was taken from LL, so that brightness does not count.
    """

    band: str
    raw: float
    centred: float


@dataclass(frozen=True)
class Breakdown:
    """A pixel, or the mean over a region, taken apart; all in the unit of the image.

    ``sum(ct) + sum(mri) + clipping == shown`` up to rounding.

    Attributes:
        names: the bands.
        ct: what each band brought from CT.
        mri: what each band brought from MRI.
        clipping: what clamping added.
        shown: the value on the screen, 0 to 1.
        ct_share: share of CT by attribution in each band (sum of magnitudes), NaN if empty.
    """

    names: tuple[str, ...]
    ct: tuple[float, ...]
    mri: tuple[float, ...]
    clipping: float
    shown: float
    ct_share: tuple[float, ...]


def attribute(result: FusionResult) -> Attribution:
    """Split a fused image into one image per subband and source.

    Raises:
        ValueError: the result comes from a rule that works on pixels and has no subbands.
    """
    masks, ct, mri, wavelet = _wavelet_parts(result)
    height, width = result.fused.shape[-2:]
    c, m = masks.ct.combine(ct, torch.mul), masks.mri.combine(mri, torch.mul)
    pair = c.combine(m, lambda x, y: torch.cat((x, y), 1))
    images = _synthesise_apart(pair, wavelet, (height, width))
    images = images.view(images.shape[0], -1, 2, height, width)
    fused = images.sum((1, 2)).unsqueeze(1)
    return Attribution(
        band_names(ct.levels), images[:, :, 0], images[:, :, 1], fused.clamp(0, 1) - fused
    )


def contributions(
    result: FusionResult, attribution: Attribution | None = None
) -> tuple[BandShare, ...]:
    """CT's share of every band by the three definitions of :class:`BandShare`.

    Args:
        result: what a model or a wavelet rule returned.
        attribution: its attribution, if it is already there.

    Raises:
        ValueError: the result has no subbands.
    """
    masks, ct, mri, _ = _wavelet_parts(result)
    attribution = attribution or attribute(result)
    shares = []
    columns = zip(masks.ct.items(), masks.mri.items(), ct.items(), mri.items(), strict=True)
    for k, ((name, a), (_, b), (_, c), (_, m)) in enumerate(columns):
        mean_a, mean_b = a.double().mean(), b.double().mean()
        energy_c, energy_m = (a * c).double().square().sum(), (b * m).double().square().sum()
        image_c = attribution.ct[:, k].double().abs().sum()
        image_m = attribution.mri[:, k].double().abs().sum()
        shares.append(
            BandShare(
                name,
                _share(mean_a, mean_b),
                _share(energy_c, energy_m),
                _share(image_c, image_m),
                float(mean_a),
                float(mean_b),
            )
        )
    return tuple(shares)


def energies(bands: Subbands) -> tuple[BandEnergy, ...]:
    """The share of an image's energy in each of its bands, raw and with LL's mean removed."""
    raw = {name: float(band.double().square().sum()) for name, band in bands.items()}
    centred = dict(raw)
    ll = bands.ll.double()
    centred[next(iter(raw))] = float((ll - ll.mean((-2, -1), keepdim=True)).square().sum())
    total, total_centred = sum(raw.values()), sum(centred.values())
    return tuple(
        BandEnergy(
            name,
            raw[name] / total if total else float("nan"),
            centred[name] / total_centred if total_centred else float("nan"),
        )
        for name in raw
    )


def pixel(attribution: Attribution, row: int, column: int, index: int = 0) -> Breakdown:
    """Take one fused pixel apart.

    Args:
        attribution: of the fused image.
        row: from 0, downward.
        column: from 0, to the right.
        index: which image of the batch.

    Raises:
        ValueError: the pixel lies outside the image.
    """
    return region(attribution, (row, column, row + 1, column + 1), index)


def region(attribution: Attribution, box: tuple[int, int, int, int], index: int = 0) -> Breakdown:
    """Take the mean over a rectangle apart.

    Args:
        attribution: of the fused image.
        box: (first row, first column, row after the last, column after the last).
        index: which image of the batch.

    Raises:
        ValueError: the rectangle is empty or leaves the image.
    """
    height, width = attribution.clipping.shape[-2:]
    top, left, bottom, right = box
    if not (0 <= top < bottom <= height and 0 <= left < right <= width):
        raise ValueError(f"The region {box} is empty or leaves the {height}x{width} image.")
    ct = attribution.ct[index, :, top:bottom, left:right].double()
    mri = attribution.mri[index, :, top:bottom, left:right].double()
    clipping = float(attribution.clipping[index, 0, top:bottom, left:right].double().mean())
    mean_ct, mean_mri = ct.mean((1, 2)), mri.mean((1, 2))
    magnitudes = zip(ct.abs().sum((1, 2)), mri.abs().sum((1, 2)), strict=True)
    return Breakdown(
        attribution.names,
        tuple(mean_ct.tolist()),
        tuple(mean_mri.tolist()),
        clipping,
        float(mean_ct.sum() + mean_mri.sum()) + clipping,
        tuple(_share(c, m) for c, m in magnitudes),
    )


def reweight(result: FusionResult, weights: Weights) -> FusionResult:
    """Fuse the same subbands with other masks.

    "ct" gives the CT image itself and "mri" the MRI itself, by perfect reconstruction; that is
    not the CT part of the fused image, which is what the method's own mask lets through.

    Raises:
        ValueError: the result has no subbands, or the weights are unknown.
    """
    masks, ct, mri, wavelet = _wavelet_parts(result)
    ones, zeros = masks.ct.map(torch.ones_like), masks.ct.map(torch.zeros_like)
    if weights == "learned":
        return result
    choices = {
        "swapped": Masks(masks.mri, masks.ct), "ct": Masks(ones, zeros), "mri": Masks(zeros, ones)
    }  # fmt: skip
    if weights not in choices:
        raise ValueError(f"Unknown weights {weights!r}; valid: learned, {', '.join(choices)}.")
    chosen = choices[weights]
    gated = chosen.ct.combine(ct, torch.mul).combine(
        chosen.mri.combine(mri, torch.mul), torch.add
    )  # fmt: skip
    size = (result.fused.shape[-2], result.fused.shape[-1])
    return FusionResult(synthesise(gated, wavelet, size), chosen, ct, mri, wavelet)


def what_if(
    attribution: Attribution,
    ct: Mapping[str, float] | None = None,
    mri: Mapping[str, float] | None = None,
    *,
    base: Tensor | None = None,
) -> Tensor:
    """The fused image with some bands' shares scaled: 0 mutes, 1 leaves, 2 doubles.

    Args:
        attribution: of the fused image.
        ct: factor per band name for what came from CT; absent names keep 1.
        mri: the same for MRI.
        base: (B, 1, H, W), the fused image; the sum of its parts if absent. What is scaled is
            added to it, so that factors of 1 give it back to the bit.

    Returns:
        (B, 1, H, W), not clamped.

    Raises:
        ValueError: a band's name is unknown.
    """
    total = attribution.ct_only + attribution.mri_only if base is None else base.clone()
    for factors, images in ((ct or {}, attribution.ct), (mri or {}, attribution.mri)):
        if unknown := sorted(set(factors) - set(attribution.names)):
            raise ValueError(
                f"Unknown bands {', '.join(unknown)}; this result has "
                f"{', '.join(attribution.names)}."
            )
        for k, name in enumerate(attribution.names):
            if factors.get(name, 1.0) != 1.0:
                total = total + (factors[name] - 1.0) * images[:, k : k + 1]
    return total


def clipped_share(result: FusionResult, head: Tensor | None = None) -> float:
    """Share of pixels, 0 to 1, that clamping moves by more than half a grey level of 255.

    Args:
        result: what a model or a rule returned.
        head: (B, 1, H, W) bool, the pixels to count; all of them if absent.
    """
    moved = (result.fused.clamp(0, 1) - result.fused).abs() > 0.5 / 255
    counted = moved if head is None else moved[head]
    return float(counted.double().mean()) if counted.numel() else 0.0


def _wavelet_parts(result: FusionResult) -> tuple[Masks, Subbands, Subbands, str]:
    if result.masks is None or result.ct is None or result.mri is None or result.wavelet is None:
        raise ValueError(
            "This result comes from a rule that works on pixels: it has no subbands or masks to "
            "explain. Use a checkpoint or a wavelet rule."
        )
    return result.masks, result.ct, result.mri, result.wavelet


def _synthesise_apart(bands: Subbands, wavelet: str, size: tuple[int, int]) -> Tensor:
    """Each band's image alone, all others zero: (B, K C, H, W) for bands of C channels."""
    images = bands.ll
    sizes = level_sizes(size, wavelet, bands.levels)
    for level, out in zip(reversed(bands.details), reversed(sizes), strict=True):
        below = images.shape[1]
        # The images so far enter through LL; the three new bands each through their own input.
        zeros = images.new_zeros(images.shape[0], below + 3 * level.lh.shape[1], *images.shape[2:])
        inputs = [zeros.clone() for _ in range(4)]
        inputs[0][:, :below] = images[:, :below]
        for i, band in enumerate(level):
            start = below + i * band.shape[1]
            inputs[i + 1][:, start : start + band.shape[1]] = band
        images = synthesise_level(inputs[0], Details(*inputs[1:]), wavelet, out)
    return images


def _share(ct: Tensor, mri: Tensor) -> float:
    total = float(ct + mri)
    return float(ct) / total if total > 0 else float("nan")
