"""Structure: how far the fused image follows its sources, pixel by pixel and window by window."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics.images import Floats, Gray, Images, UndefinedMetric

_NAMES = ("fused image", "CT", "MRI")
_WINDOW = 7
_AREA = _WINDOW * _WINDOW
# SSIM's constants (0.01 and 0.03 of the data range, squared), on the grey levels 0..255.
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
_PSNR_OF_EQUALS = 100.0
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Moments:
    """Exact integer sums over the pixels of fused image (0), CT (1) and MRI (2)."""

    count: int
    sums: tuple[int, ...]
    products: tuple[tuple[int, ...], ...]

    def scatter(self, i: int, j: int) -> int:
        """Covariance of image i and image j, times count²: exact, so 0 means constant."""
        return self.count * self.products[i][j] - self.sums[i] * self.sums[j]

    def squared_error(self, i: int, j: int) -> int:
        """Sum of squared differences of image i and image j."""
        return self.products[i][i] - 2 * self.products[i][j] + self.products[j][j]


def moments(images: Images) -> Moments:
    """Sums and sums of products of the three images, exact."""
    flat = [image.ravel() for image in images.all]
    total = np.zeros((4, 4))
    for start in range(0, images.fused.size, _BLOCK):  # float64 holds these integers exactly
        block = np.array([image[start : start + _BLOCK] for image in flat], dtype=np.float64)
        block = np.vstack([np.ones_like(block[:1]), block])
        total += block @ block.T
    exact = [[int(value) for value in row] for row in total]
    return Moments(exact[0][0], tuple(exact[0][1:]), tuple(tuple(row[1:]) for row in exact[1:]))


def psnr_ct(images: Images) -> float:
    """Peak signal-to-noise ratio against the CT, in dB; 100 where the two are equal."""
    return _psnr(images, 1)


def psnr_mri(images: Images) -> float:
    """Peak signal-to-noise ratio against the MRI, in dB; 100 where the two are equal."""
    return _psnr(images, 2)


def psnr_avg(images: Images) -> float:
    """Peak signal-to-noise ratio, mean over the sources, in dB."""
    return (psnr_ct(images) + psnr_mri(images)) / 2


def _psnr(images: Images, source: int) -> float:
    m = images.once(moments)
    error = m.squared_error(0, source) / m.count / 255**2
    return -10 * math.log10(error) if error > 0 else _PSNR_OF_EQUALS


def correlation(images: Images) -> float:
    """Pearson correlation of the fused image with its sources, the mean of both (CC)."""
    m = images.once(moments)
    _refuse_constant(m, (0, 1, 2))
    r = [m.scatter(0, s) / math.sqrt(m.scatter(0, 0)) / math.sqrt(m.scatter(s, s)) for s in (1, 2)]
    return sum(r) / 2


def scd(images: Images) -> float:
    """Sum of the correlations of differences: corr(f - mr, ct) + corr(f - ct, mr)."""
    m = images.once(moments)
    _refuse_constant(m, (1, 2))
    total = 0.0
    for kept, removed in ((1, 2), (2, 1)):
        spread = m.scatter(0, 0) - 2 * m.scatter(0, removed) + m.scatter(removed, removed)
        if spread == 0:
            raise UndefinedMetric(
                f"Undefined here: the fused image minus the {_NAMES[removed]} is constant, so "
                f"nothing is left to compare with the {_NAMES[kept]}."
            )
        shared = m.scatter(0, kept) - m.scatter(removed, kept)
        total += shared / math.sqrt(spread) / math.sqrt(m.scatter(kept, kept))
    return total


def _refuse_constant(m: Moments, which: tuple[int, ...]) -> None:
    for i in which:
        if m.scatter(i, i) == 0:
            raise UndefinedMetric(
                f"Undefined here: the {_NAMES[i]} is constant, and nothing correlates with a "
                "constant."
            )


def ssim_ct(images: Images) -> float:
    """Structural similarity with the CT."""
    return images.once(ssims)[0]


def ssim_mri(images: Images) -> float:
    """Structural similarity with the MRI."""
    return images.once(ssims)[1]


def ssim_avg(images: Images) -> float:
    """Structural similarity, mean over the sources."""
    return (ssim_ct(images) + ssim_mri(images)) / 2


def ssims(images: Images) -> tuple[float, float]:
    """Structural similarity with CT and with MRI: 7x7 uniform window, sample covariance, interior.

    The window sums are integers, so this is scikit-image's default form without its rounding.

    Raises:
        UndefinedMetric: the image is smaller than the window.
    """
    images.require(_WINDOW, _WINDOW)
    f = images.fused.astype(np.uint16)
    sum_f, square_f = _window_sums(images.fused), _window_sums(f * f)
    mean_f, var_f = sum_f / _AREA, _covariance(square_f, sum_f, sum_f)

    def similarity(source: Gray) -> float:
        s = source.astype(np.uint16)
        sum_s = _window_sums(source)
        mean_s = sum_s / _AREA
        var_s = _covariance(_window_sums(s * s), sum_s, sum_s)
        cov = _covariance(_window_sums(f * s), sum_f, sum_s)
        a1, a2 = 2 * mean_f * mean_s + _C1, 2 * cov + _C2
        b1, b2 = mean_f * mean_f + mean_s * mean_s + _C1, var_f + var_s + _C2
        return float((a1 * a2 / (b1 * b2)).mean())

    return similarity(images.ct), similarity(images.mri)


def _window_sums(image: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int32]:
    """Sums over each 7x7 window that lies wholly inside the image."""
    sums = cv2.boxFilter(image, cv2.CV_32S, (_WINDOW, _WINDOW), normalize=False)
    margin = _WINDOW // 2
    inside: NDArray[np.int32] = np.asarray(sums, dtype=np.int32)[margin:-margin, margin:-margin]
    return inside


def _covariance(products: NDArray[np.int32], a: NDArray[np.int32], b: NDArray[np.int32]) -> Floats:
    """Sample covariance from window sums; 49 * 49 * 255² still fits in 32 bits."""
    scaled: Floats = (_AREA * products - a * b) / (_AREA * (_AREA - 1))
    return scaled
