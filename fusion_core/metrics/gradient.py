"""Edges: whether the gradients of the sources survive in the fused image, and none is invented."""

from typing import NamedTuple

import cv2
import numpy as np

from fusion_core.metrics.images import Floats, Gray, Images, UndefinedMetric

# Xydeas and Petrovic's sigmoids of edge strength (g) and orientation (a): height, slope, middle.
_TG, _KG, _DG = 0.9994, -15.0, 0.5
_TA, _KA, _DA = 0.9879, -22.0, 0.8
_NO_EDGES = "Undefined here: neither source has an edge, so there is nothing to keep or to invent."


class Gradient(NamedTuple):
    """Sobel gradient of one image in grey levels: strength, its square, angle in (-pi/2, pi/2]."""

    strength: Floats
    squared: Floats
    angle: Floats


class EdgeQuality(NamedTuple):
    """How well each source's edges survive, per pixel, in [0, 1]."""

    ct: Floats
    mri: Floats


def gradients(images: Images) -> tuple[Gradient, Gradient, Gradient]:
    """Zero-padded Sobel gradients of fused image, CT and MRI."""
    fused, ct, mri = (_gradient(image) for image in images.all)
    return fused, ct, mri


def edge_quality(images: Images) -> EdgeQuality:
    """Xydeas and Petrovic's edge preservation maps, for CT and for MRI."""
    fused, ct, mri = images.once(gradients)
    return EdgeQuality(_kept(ct, fused), _kept(mri, fused))


def edge_preservation(images: Images) -> float:
    """Correlation of the fused image's gradient magnitude with the larger of the sources'.

    Raises:
        UndefinedMetric: one of the two gradient maps is constant.
    """
    fused, ct, mri = (_squared_sobel(image) for image in images.all)
    kept, wanted = np.sqrt(fused), np.sqrt(np.maximum(ct, mri))
    for magnitude, name in ((kept, "the fused image has"), (wanted, "the sources have")):
        if magnitude.min() == magnitude.max():
            raise UndefinedMetric(
                f"Undefined here: {name} the same gradient everywhere, and nothing correlates "
                "with a constant."
            )
    kept, wanted = (x.ravel() - x.mean() for x in (kept, wanted))
    return float(kept @ wanted / np.sqrt((kept @ kept) * (wanted @ wanted)))


def qabf(images: Images) -> float:
    """Share of the sources' edges, weighted by their strength, that the fused image keeps.

    Raises:
        UndefinedMetric: no source has an edge and the fused image is not a copy of both.
    """
    _, ct, mri = images.once(gradients)
    total = ct.strength.sum() + mri.strength.sum()
    if total == 0:
        if images.copies:
            return 1.0
        raise UndefinedMetric(_NO_EDGES)
    quality = images.once(edge_quality)
    kept = np.vdot(quality.ct, ct.strength) + np.vdot(quality.mri, mri.strength)
    return float(kept / total)


def nabf(images: Images) -> float:
    """Edge loss counted where the fused gradient exceeds both sources': invented edges.

    Raises:
        UndefinedMetric: no source has an edge and the fused image is not a copy of both.
    """
    fused, ct, mri = images.once(gradients)
    total = ct.strength.sum() + mri.strength.sum()
    if total == 0:
        if images.copies:
            return 0.0
        raise UndefinedMetric(_NO_EDGES)
    quality = images.once(edge_quality)
    invented = fused.strength > np.maximum(ct.strength, mri.strength)
    lost = (1 - quality.ct) * ct.strength + (1 - quality.mri) * mri.strength
    return float(lost[invented].sum() / total)


def _gradient(image: Gray) -> Gradient:
    # The rows count upwards here, as in Xydeas and Petrovic's code. It matters only where sx is 0:
    # the angle is +pi/2 there, and its neighbours in angle lie on one side of the circle.
    sx = cv2.Sobel(image, cv2.CV_16S, 1, 0, ksize=3, borderType=cv2.BORDER_CONSTANT)
    sy = cv2.Sobel(image, cv2.CV_16S, 0, 1, ksize=3, borderType=cv2.BORDER_CONSTANT)
    x, y = sx.astype(np.float64), sy.astype(np.float64)
    squared = x * x + y * y
    upright = x == 0
    np.copyto(x, 1, where=upright)  # a stand-in, to divide by
    angle = np.arctan(y / -x)
    np.copyto(angle, np.pi / 2, where=upright)
    return Gradient(np.sqrt(squared), squared, angle)


def _squared_sobel(image: Gray) -> Floats:
    """Squared Sobel magnitude with the border reflected."""
    x = cv2.Sobel(image, cv2.CV_16S, 1, 0, ksize=3).astype(np.float64)
    y = cv2.Sobel(image, cv2.CV_16S, 0, 1, ksize=3).astype(np.float64)
    squared: Floats = x * x + y * y
    return squared


def _kept(source: Gradient, fused: Gradient) -> Floats:
    """How well the source's edge strength and orientation survive, per pixel."""
    weaker = np.minimum(source.strength, fused.strength)
    stronger = np.maximum(source.strength, fused.strength)
    # A Sobel magnitude is 0 or at least 1, so the maximum with 1 changes no quotient but 0 / 0.
    g = weaker / np.maximum(stronger, 1)
    np.copyto(g, stronger, where=weaker == stronger)
    a = 1 - np.abs(source.angle - fused.angle) / (np.pi / 2)
    strength = 1 + np.exp(_KG * (g - _DG))
    orientation = 1 + np.exp(_KA * (a - _DA))
    return np.asarray(_TG * _TA / (strength * orientation))
