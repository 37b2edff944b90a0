"""Denoising by shrinking wavelet coefficients.

Reference: D. L. Donoho, I. M. Johnstone, "Ideal spatial adaptation by wavelet shrinkage",
Biometrika 81(3), 1994, doi:10.1093/biomet/81.3.425.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from fusion_core.wavelets import Details, Subbands, synthesise

Shrinkage = Literal["soft", "hard"]

_NORMAL_MEDIAN = 0.6745
"""Median of the absolute value of a standard normal variable."""


def add_noise(image: Tensor, sigma: float, seed: int = 0) -> Tensor:
    """Add white Gaussian noise; the same seed gives the same noise.

    Args:
        image: any shape, any values.
        sigma: standard deviation, in the image's units, at least 0.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    return image + sigma * noise.to(image)


def noise_level(bands: Subbands) -> float:
    """Standard deviation of white noise, estimated from the median of the finest diagonal band.

    It is exact on average for orthogonal wavelets, and too large where the image itself has fine
    diagonal structure over more than half of its area.
    """
    return float(bands.details[0].hh.abs().median()) / _NORMAL_MEDIAN


def universal_threshold(sigma: float, pixels: int) -> float:
    """sigma sqrt(2 ln N): above it, white noise alone hardly ever reaches."""
    return sigma * math.sqrt(2 * math.log(max(pixels, 2)))


def shrink(bands: Subbands, threshold: float, kind: Shrinkage) -> Subbands:
    """Set details below a threshold to zero; "soft" also moves the others towards zero by it.

    Args:
        bands: a decomposition; its LL stays as it is.
        threshold: in the coefficients' units, at least 0.
        kind: "soft" or "hard".

    Raises:
        ValueError: the kind is unknown or the threshold is negative.
    """
    if kind not in get_args(Shrinkage):
        raise ValueError(f"Unknown shrinkage {kind!r}; choose soft or hard.")
    if threshold < 0:
        raise ValueError(f"A threshold must be at least 0, not {threshold}.")

    def one(band: Tensor) -> Tensor:
        if kind == "hard":
            return torch.where(band.abs() > threshold, band, torch.zeros_like(band))
        return band.sign() * (band.abs() - threshold).clamp(min=0)

    return Subbands(bands.ll, tuple(Details(*map(one, level)) for level in bands.details))


def psnr(image: Tensor, truth: Tensor, *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal images.

    Args:
        image, truth: the same shape.
        data_range: largest minus smallest possible value.
    """
    error = float((image - truth).double().square().mean())
    return math.inf if error == 0 else 10 * math.log10(data_range**2 / error)


def psnr_curve(
    bands: Subbands, truth: Tensor, wavelet: str, thresholds: Sequence[float], kind: Shrinkage
) -> list[float]:
    """PSNR against the truth, data range 1, after shrinking by each threshold.

    Args:
        bands: of the noisy image.
        truth: (1, 1, H, W) in [0, 1].
        wavelet: of the bands.
        thresholds: in the coefficients' units.
        kind: "soft" or "hard".
    """
    size = (truth.shape[-2], truth.shape[-1])
    return [
        psnr(synthesise(shrink(bands, t, kind), wavelet, size), truth, data_range=1.0)
        for t in thresholds
    ]
