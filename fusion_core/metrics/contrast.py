"""Contrast and sharpness of the fused image alone, on the grey levels 0..255."""

import math

import cv2
import numpy as np

from fusion_core.metrics.images import Images
from fusion_core.metrics.structure import moments


def standard_deviation(images: Images) -> float:
    """Standard deviation of the fused image (ddof 0), in grey levels."""
    return math.sqrt(images.once(moments).scatter(0, 0)) / images.fused.size


def spatial_frequency(images: Images) -> float:
    """Root of the mean squared vertical plus horizontal step of the fused image, in grey levels."""
    images.require(2, 2)
    f = images.fused.astype(np.float32)  # steps and their squares are exact in float32
    down = cv2.subtract(f[1:], f[:-1])
    right = cv2.subtract(f[:, 1:], f[:, :-1])
    squares = [cv2.norm(step, cv2.NORM_L2SQR) / step.size for step in (down, right)]
    return math.sqrt(sum(squares))


def average_gradient(images: Images) -> float:
    """Mean of sqrt((gx² + gy²) / 2) of the fused image, gx and gy by numpy's gradient."""
    images.require(2, 2)
    gy, gx = np.gradient(images.fused.astype(np.float64))
    return float(np.sqrt((gx * gx + gy * gy) / 2).mean())
