"""What the lesson computes: sums of patterns, masks by hand, muted bands, pitfalls."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.model import Masks, gate
from fusion_core.wavelets import Details, Subbands, analyse, band_names, synthesise
from ui.lab.method_parts import Parts, array

Grey = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PatternSum:
    """An image as a sum of its largest wavelet patterns.

    Attributes:
        image: (H, W), the sum.
        missing: (H, W), what the others would add.
        kept: how many patterns are in the sum.
        count: how many there are.
        energy: share of the energy (sum of squares), 0 to 1, that the sum holds.
    """

    image: Grey
    missing: Grey
    kept: int
    count: int
    energy: float


def tensor(image: NDArray[np.floating[Any]]) -> Tensor:
    """(1, 1, H, W) float64."""
    return torch.from_numpy(np.asarray(image, np.float64))[None, None]


def largest_patterns(image: Grey, wavelet: str, share: float, levels: int = 4) -> PatternSum:
    """Keep only the coefficients of largest magnitude.

    Args:
        image: (H, W).
        wavelet: its name.
        share: of the coefficients to keep, above 0 to 1.
        levels: of the decomposition.
    """
    bands = analyse(tensor(image), wavelet, levels)
    every = torch.cat([band.flatten() for _, band in bands.items()])
    kept = max(1, round(share * every.numel()))
    threshold = every.abs().topk(kept).values[-1]
    size = (image.shape[0], image.shape[1])
    few = bands.map(lambda band: band * (band.abs() >= threshold))
    total = array(synthesise(few, wavelet, size))
    left = sum(float(band.square().sum()) for _, band in few.items())
    energy = left / max(float(every.square().sum()), 1e-30)
    return PatternSum(total, np.asarray(image, np.float64) - total, kept, every.numel(), energy)


def fuse_constant(parts: Parts, smooth: float, detail: float) -> Grey:
    """Fuse with one number for LL and one for all details: the CT's share, 0 to 1."""
    a = Subbands(
        torch.full_like(parts.ct.ll, smooth),
        tuple(Details(*(torch.full_like(x, detail) for x in level)) for level in parts.ct.details),
    )
    masks = Masks(a, a.map(lambda mask: 1 - mask))
    return array(synthesise(gate(masks, parts.ct, parts.mri), parts.wavelet, parts.size))


def only(bands: Subbands, names: tuple[str, ...]) -> Subbands:
    """Bands of which all but the named ones are zero."""
    flat = [band if name in names else torch.zeros_like(band) for name, band in bands.items()]
    details = [Details(*flat[i : i + 3]) for i in range(1, len(flat), 3)]
    return Subbands(flat[0], tuple(reversed(details)))


def muted(image: Grey, band: str) -> Grey:
    """An image without one band of its one-level Haar transform."""
    bands = analyse(tensor(image), "haar", 1)
    names = tuple(name for name in band_names(1) if name != band)
    return array(synthesise(only(bands, names), "haar", (image.shape[0], image.shape[1])))


def without_fine_details(image: Grey, wavelet: str, levels: int = 2) -> Grey:
    """An image of which only LL after some levels is left; not clamped."""
    bands = analyse(tensor(image), wavelet, levels)
    name = band_names(levels)[0]
    size = (image.shape[0], image.shape[1])
    return array(synthesise(only(bands, (name,)), wavelet, size))


def shifted(image: Grey, columns: int) -> Grey:
    """An image moved to the right; the border it leaves is black."""
    moved = np.zeros_like(image)
    moved[:, columns:] = image[:, : image.shape[1] - columns]
    return moved
