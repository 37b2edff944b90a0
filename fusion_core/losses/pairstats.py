"""What the loss terms share about one batch, each piece computed at most once."""

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from fusion_core.losses.filters import Padding, gaussian_blur, sobel, window_mean

C1 = 0.01**2
C2 = 0.03**2

_UNIFORM = (1 / 7,) * 7
_UNBIASED = 49 / 48  # sample over population variance of the 7 x 7 window

# Squared magnitudes below this count as flat: the magnitude stays exact to float32 and the
# square root keeps a finite gradient (zero) on a constant image.
_FLAT = 1e-20


class Gradients(NamedTuple):
    """Sobel derivatives and their magnitude, each (B, C, H, W)."""

    dx: Tensor
    dy: Tensor
    magnitude: Tensor


class SourceMoments(NamedTuple):
    """Windowed mean and variance of CT and MRI, each (B, 2, h, w)."""

    mean: Tensor
    variance: Tensor


class PairStats:
    """Lazily shared intermediate maps of one batch of fused images and their sources.

    Whatever depends on the sources alone carries no gradient: the sources are detached. Half
    precision is raised to float32; float64 stays.

    Args:
        fused: (B, 1, H, W) float, nominally in [0, 1], unclamped.
        ct: same shape, in [0, 1].
        mri: same shape, in [0, 1].

    Raises:
        ValueError: a shape or dtype is not as stated.
    """

    def __init__(self, fused: Tensor, ct: Tensor, mri: Tensor) -> None:
        _check(fused, ct, mri)
        dtype = torch.float64 if fused.dtype == torch.float64 else torch.float32
        self.fused = fused.to(dtype)
        with torch.no_grad():
            # (B, 2, H, W), CT first: one pass over both sources wherever they are treated alike.
            self.sources = torch.cat([ct.to(dtype), mri.to(dtype)], dim=1)
        self._fused_gradients: dict[Padding, Gradients] = {}
        self._source_gradients: dict[Padding, Gradients] = {}

    @cached_property
    def brighter(self) -> Tensor:
        """Pixelwise maximum of the two sources, (B, 1, H, W)."""
        return self.sources.amax(dim=1, keepdim=True)

    def fused_gradients(self, padding: Padding) -> Gradients:
        """Sobel gradients of the fused image, (B, 1, H, W) each."""
        if padding not in self._fused_gradients:
            self._fused_gradients[padding] = _gradients(self.fused, padding)
        return self._fused_gradients[padding]

    def source_gradients(self, padding: Padding) -> Gradients:
        """Sobel gradients of CT and MRI, (B, 2, H, W) each."""
        if padding not in self._source_gradients:
            self._source_gradients[padding] = _gradients(self.sources, padding)
        return self._source_gradients[padding]

    @cached_property
    def source_moments(self) -> SourceMoments:
        """Mean and variance of the sources under the Gaussian window."""
        blurred = gaussian_blur(torch.cat([self.sources, self.sources.square()], dim=1))
        mean, square = blurred[:, :2], blurred[:, 2:]
        return SourceMoments(mean, (square - mean.square()).clamp_min(0))

    @cached_property
    def ssim_maps(self) -> Tensor:
        """Structural similarity of the fused image with CT and with MRI, (B, 2, h, w).

        Reference: Wang et al. 2004, doi:10.1109/TIP.2003.819861.
        """
        return _similarity(gaussian_blur(self._products), self.source_moments)

    @cached_property
    def uniform_ssim_maps(self) -> Tensor:
        """Structural similarity as the metric SSIM_Avg has it, (B, 2, h, w).

        The window is uniform, 7 x 7, with sample covariance, where it fits.
        """
        with torch.no_grad():
            means = window_mean(torch.cat([self.sources, self.sources.square()], 1), _UNIFORM)
            mean, square = means[:, :2], means[:, 2:]
            source = SourceMoments(mean, _UNBIASED * (square - mean.square()).clamp_min(0))
        return _similarity(window_mean(self._products, _UNIFORM), source, _UNBIASED)

    @property
    def _products(self) -> Tensor:
        """The fused image, its square, and its products with both sources, (B, 4, H, W)."""
        return torch.cat([self.fused, self.fused.square(), self.fused * self.sources], dim=1)


def _similarity(means: Tensor, source: SourceMoments, factor: float = 1.0) -> Tensor:
    """SSIM from the local means of `PairStats._products`; the factor corrects (co)variances."""
    mean, square, product = means[:, :1], means[:, 1:2], means[:, 2:]
    mean_product, mean_square = mean * source.mean, mean.square()
    luminance = (2 * mean_product + C1) / (mean_square + source.mean.square() + C1)
    structure = (2 * factor * (product - mean_product) + C2) / (
        factor * (square - mean_square) + source.variance + C2
    )
    return luminance * structure


def _gradients(image: Tensor, padding: Padding) -> Gradients:
    dx, dy = sobel(image, padding)
    return Gradients(dx, dy, norm(dx, dy))


def norm(x: Tensor, y: Tensor) -> Tensor:
    """Length of the vector (x, y) per pixel, with gradient zero where it vanishes."""
    return (x.square() + y.square()).clamp_min(_FLAT).sqrt()


def _check(fused: Tensor, ct: Tensor, mri: Tensor) -> None:
    for name, image in (("fused", fused), ("ct", ct), ("mri", mri)):
        if image.ndim != 4 or image.shape[1] != 1 or image.numel() == 0:
            raise ValueError(
                f"{name} has shape {tuple(image.shape)}; a loss needs (B, 1, H, W), not empty"
            )
        if not image.is_floating_point():
            raise ValueError(f"{name} is {image.dtype}; a loss needs floats in [0, 1]")
        if image.shape != fused.shape:
            raise ValueError(
                f"{name} has shape {tuple(image.shape)} but fused has {tuple(fused.shape)}; "
                "bring all three onto one grid first"
            )
