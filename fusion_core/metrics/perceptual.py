"""Perception: models of what an eye would see in the fused image of its sources."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fusion_core.metrics.gradient import gradients
from fusion_core.metrics.images import Floats, Images, UndefinedMetric

_VIF_WINDOWS = (17, 9, 5, 3)
_VIF_SIDE = 41  # the smallest side that leaves a 3x3 window at the fourth scale
_NOISE = 2.0  # variance of the eye's own noise, on grey levels
_EPSILON = 1e-10
_LOGS_AT_ONCE = 32  # 32 factors of at most 1 + 255² / 2 stay within float64

_TILE = 16
_CYCLES_PER = 256  # pixels: frequencies are counted per 256 px whatever the image's size


def vif(images: Images) -> float:
    """Visual information fidelity in the pixel domain, four scales, summed over the sources.

    Raises:
        UndefinedMetric: the image is too small for four scales, or a source is constant.
    """
    images.require(_VIF_SIDE, _VIF_SIDE)
    for source, name in ((images.ct, "CT"), (images.mri, "MRI")):
        if source.min() == source.max():
            raise UndefinedMetric(
                f"Undefined here: the {name} is constant, so it holds no information to keep."
            )
    fused, *sources = [image.astype(np.float64) for image in images.all]
    kept, held = np.zeros(2), np.zeros(2)
    for scale, size in enumerate(_VIF_WINDOWS):
        window = np.asarray(cv2.getGaussianKernel(size, size / 5, cv2.CV_64F), dtype=np.float64)
        if scale:
            fused, *sources = (
                np.ascontiguousarray(_filter(image, window)[::2, ::2])
                for image in (fused, *sources)
            )
        mean_f = _filter(fused, window)
        var_f = np.maximum(_filter(fused * fused, window) - mean_f * mean_f, 0)
        for i, signal in enumerate(sources):
            mean_s = _filter(signal, window)
            var_s = np.maximum(_filter(signal * signal, window) - mean_s * mean_s, 0)
            cov = _filter(fused * signal, window) - mean_f * mean_s
            kept[i] += _log_sum(_channel_gain(var_s, var_f, cov))
            held[i] += _log_sum(1 + var_s / _NOISE)
    return float((kept / held).sum())


def qcv(images: Images) -> float:
    """Chen and Varshney's visible difference to the sources, weighted by their local edges.

    Raises:
        UndefinedMetric: the image holds no 16x16 tile, or no tile holds an edge and the fused
            image is not a copy of both sources.
    """
    images.require(_TILE, _TILE)
    height, width = images.fused.shape
    fused = images.fused.astype(np.float64)
    eye = _contrast_sensitivity(height, width)
    difference = weight = 0.0
    _, *edges = images.once(gradients)
    for source, edge in zip((images.ct, images.mri), edges, strict=True):
        seen = fft.irfft2(fft.rfft2(source - fused) * eye, s=(height, width))
        saliency = _tile_means(edge.squared * edge.squared * edge.strength)  # strength^5
        difference += float(np.vdot(_tile_means(seen * seen), saliency))
        weight += float(saliency.sum())
    if weight == 0:
        if images.copies:
            return 0.0
        raise UndefinedMetric(
            "Undefined here: neither source has an edge in a full 16 x 16 tile, so no tile counts."
        )
    return difference / weight


def _filter(image: Floats, window: Floats) -> Floats:
    """Separable filter, kept where the window lies wholly inside the image."""
    margin = len(window) // 2
    filtered = np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, window, window), dtype=np.float64)
    return filtered[margin:-margin, margin:-margin]


def _channel_gain(var_s: Floats, var_f: Floats, cov: Floats) -> Floats:
    """1 + signal-to-noise ratio after the fusion seen as a channel: f = g * s + noise."""
    g = cov / (var_s + _EPSILON)
    # No signal in, none out, or an inverted one: nothing is carried.
    g[(var_s < _EPSILON) | (var_f < _EPSILON) | (g < 0)] = 0
    noise = np.maximum(var_f - g * cov, _EPSILON)
    gain: Floats = 1 + g * g * var_s / (noise + _NOISE)
    return gain


def _log_sum(values: Floats) -> float:
    """Sum of log10 over values >= 1, by one logarithm for many factors."""
    flat = values.ravel()
    whole = flat.size - flat.size % _LOGS_AT_ONCE
    products = np.multiply.reduce(flat[:whole].reshape(_LOGS_AT_ONCE, -1), axis=0)
    return float(np.log10(products).sum() + np.log10(flat[whole:]).sum())


@lru_cache(maxsize=4)
def _contrast_sensitivity(height: int, width: int) -> NDArray[np.float64]:
    """Mannos and Sakrison's filter on the half plane of `rfft2`, (height, width // 2 + 1)."""
    v = fft.fftfreq(height, 1 / _CYCLES_PER)[:, None]
    u = fft.rfftfreq(width, 1 / _CYCLES_PER)[None]
    r = 0.114 * np.hypot(u, v) / 4
    sensitivity = np.asarray(2.6 * (0.0192 + r) * np.exp(-(r**1.1)))
    sensitivity.setflags(write=False)
    return sensitivity


def _tile_means(values: Floats) -> Floats:
    """Mean over each full 16x16 tile; a rest at the right or bottom is left out."""
    rows, columns = (side // _TILE for side in values.shape)
    whole = values[: rows * _TILE, : columns * _TILE]
    means: Floats = whole.reshape(rows, _TILE, columns, _TILE).mean(axis=(1, 3))
    return means
