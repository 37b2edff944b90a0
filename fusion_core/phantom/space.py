"""Points of a slice in head coordinates, seeded smooth noise, and distances to simple shapes."""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fusion_core.phantom.config import HeadConfig, Point, anatomy

Field = NDArray[np.float32]
"""One float32 value per point of a slice, (h, w)."""

AnyField = NDArray[np.float32] | NDArray[np.float64]
"""The same in whichever precision an expression came out."""

COARSE = 4.0
"""Spacing in mm at which slowly varying fields are computed before they are enlarged."""


class Points(NamedTuple):
    """Head coordinates in mm of every point of a slice: x right, y back, z up; ``step`` apart."""

    x: Field
    y: Field
    z: Field
    step: float

    def crop(self, box: tuple[slice, slice]) -> "Points":
        """Return the points inside a box of rows and columns."""
        return Points(self.x[box], self.y[box], self.z[box], self.step)


def slice_points(config: HeadConfig, z_mm: float, oversample: int) -> Points:
    """Return the points of one axial slice, turned and tilted as this head lies in the scanner."""
    head = anatomy(config)
    count = config.size * oversample
    step = config.spacing_mm / oversample
    axis = ((np.arange(count) - (count - 1) / 2) * step).astype(np.float32)
    column, row = axis[None, :], axis[:, None] - np.float32(2.0)
    cos, sin = np.float32(np.cos(head.roll)), np.float32(np.sin(head.roll))
    x = cos * column + sin * row
    y = cos * row - sin * column
    z = np.float32(z_mm) + np.float32(np.tan(head.pitch)) * y
    return Points(x, y, z, step)


@lru_cache(maxsize=96)
def _noise_grid(seed: int, stream: int, cells: int, low: float, high: float) -> Field:
    """Return periodic band-passed Gaussian noise (cells^3), standard deviation 1."""
    rng = np.random.default_rng([seed, 100 + stream])
    spectrum = np.fft.rfftn(rng.standard_normal((cells, cells, cells)))
    full, half = np.fft.fftfreq(cells) * cells, np.fft.rfftfreq(cells) * cells
    radius = np.sqrt(full[:, None, None] ** 2 + full[None, :, None] ** 2 + half**2)
    middle, width = (low + high) / 2, (high - low) / 2
    spectrum *= np.exp(-(((radius - middle) / width) ** 2))
    spectrum[0, 0, 0] = 0
    noise = np.fft.irfftn(spectrum, s=(cells,) * 3, axes=(0, 1, 2))
    return np.asarray(noise / noise.std(), dtype=np.float32)


def noise(
    config: HeadConfig, stream: int, wavelength: float, x: Field, y: Field, z: Field
) -> Field:
    """Return smooth noise of standard deviation 1 at points in mm.

    Args:
        config: the head; its seed makes the noise.
        stream: which of the seed's independent noises.
        wavelength: typical wavelength in mm.
        x, y, z: the points, (h, w), in mm.
    """
    cells, waves = 64, 10.0
    grid = _noise_grid(config.seed, stream, cells, waves * 0.7, waves * 1.3)
    scale = np.float32(cells / (waves * wavelength))
    where = np.stack((x.ravel(), y.ravel(), z.ravel())) * scale
    value = ndimage.map_coordinates(grid, where, order=1, mode="grid-wrap", output=np.float32)
    return np.asarray(value, dtype=np.float32).reshape(x.shape)


def slow_noise(config: HeadConfig, stream: int, wavelength: float, points: Points) -> Field:
    """Return noise of a wavelength well above :data:`COARSE` on a slice, computed coarsely."""
    stride = max(1, round(COARSE / points.step))
    coarse = [np.ascontiguousarray(axis[::stride, ::stride]) for axis in points[:3]]
    value = noise(config, stream, wavelength, *coarse)
    height, width = points.x.shape
    # Sample k of the coarse grid sits at fine index k * stride, which cv2.resize does not know.
    affine = np.array([[1 / stride, 0, 0], [0, 1 / stride, 0]], dtype=np.float32)
    enlarged = cv2.warpAffine(
        value,
        affine,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(enlarged, dtype=np.float32)


def steepness(value: Field, step: float, along_z: Field | None = None) -> Field:
    """Return the gradient magnitude per mm of a field on a slice.

    Args:
        value: the field, (h, w).
        step: distance between points in mm.
        along_z: the field's change over one mm upwards, or None where it has none.
    """
    half, edge = 0.5 / step, cv2.BORDER_REPLICATE
    gx = cv2.Sobel(value, cv2.CV_32F, 1, 0, ksize=1, scale=half, borderType=edge)
    gy = cv2.Sobel(value, cv2.CV_32F, 0, 1, ksize=1, scale=half, borderType=edge)
    squared = gx * gx + gy * gy
    if along_z is not None:
        squared += along_z * along_z
    return np.asarray(np.sqrt(squared), dtype=np.float32)


def distance_from(mask: NDArray[np.bool_], step: float) -> Field:
    """Return each point's in-plane distance in mm to the nearest point of a mask."""
    far = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(far, dtype=np.float32) * np.float32(step)


def ellipsoid(points: Points, centre: Point, radii: Point, turn: float = 0.0) -> Field:
    """Return about the signed distance in mm to an ellipsoid, negative inside.

    Args:
        points: where to measure.
        centre: its centre in mm.
        radii: its half axes in mm.
        turn: rotation in the axial plane in radians; positive turns the front outwards where x > 0.
    """
    dx, dy = points.x - np.float32(centre[0]), points.y - np.float32(centre[1])
    if turn:
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
    dx, dy = dx / np.float32(radii[0]), dy / np.float32(radii[1])
    dz = (points.z - np.float32(centre[2])) / np.float32(radii[2])
    far = (np.sqrt(dx * dx + dy * dy + dz * dz) - 1) * np.float32(min(radii))
    return np.asarray(far, dtype=np.float32)


def capsule(points: Points, start: Point, end: Point, radii: tuple[float, float]) -> Field:
    """Return the signed distance in mm to a tube with round ends, negative inside.

    Args:
        points: where to measure.
        start, end: the ends of its axis in mm.
        radii: its radius in mm at the start and at the end.
    """
    along = np.subtract(end, start).astype(np.float32)
    dx, dy, dz = (axis - np.float32(s) for axis, s in zip(points[:3], start, strict=True))
    part = (dx * along[0] + dy * along[1] + dz * along[2]) / np.float32(along @ along)
    np.clip(part, 0, 1, out=part)
    dx, dy, dz = dx - part * along[0], dy - part * along[1], dz - part * along[2]
    radius = np.float32(radii[0]) + part * np.float32(radii[1] - radii[0])
    return np.asarray(np.sqrt(dx * dx + dy * dy + dz * dz) - radius, dtype=np.float32)


def bump(value: AnyField, centre: float, width: float) -> Field:
    """Return exp(-((value - centre) / width)^2)."""
    scaled = (value - np.float32(centre)) / np.float32(width)
    return np.asarray(np.exp(-scaled * scaled), dtype=np.float32)


def ramp(value: AnyField) -> Field:
    """Return the logistic function: 0 far below zero, 1 far above."""
    exponent: Field = np.asarray(np.clip(value, -30, 30), dtype=np.float32)
    return np.asarray(1 / (1 + np.exp(-exponent)), dtype=np.float32)
