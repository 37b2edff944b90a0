"""An MRI on the pixel grid of its CT."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.image import Image

ASPECT_TOLERANCE = 0.10
"""Largest relative difference of width / height that is taken for the same field of view."""

SPACING_TOLERANCE = 0.01
"""Largest relative difference of spacings that counts as equal."""


def match_grid(ct: Image, mri: Image) -> tuple[Image, str | None]:
    """Resample an MRI onto the grid of a CT, where their sizes differ.

    Equal sizes stay as they are. Where both give a spacing, the physical extents are laid over
    each other by their centres, and what the MRI does not cover gets its minimum; otherwise the
    MRI is scaled to the CT's shape. Shrinking averages areas, enlarging is linear.

    Args:
        ct: the CT, whose grid counts.
        mri: the MRI of the same slice.

    Returns:
        The MRI on the CT's grid (the notice is also the last of its notes), and the sentence to
        show, or None where nothing was done and nothing is to be said.

    Raises:
        InputError: the aspect ratios differ by more than 10 % and neither file gives a spacing.
    """
    if ct.shape == mri.shape:
        notice = _same_shape_notice(ct, mri)
        return (mri, None) if notice is None else (_noted(mri, notice), notice)
    sizes = f"The CT has {_size(ct)} pixels and the MRI {_size(mri)}"
    if ct.spacing is not None and mri.spacing is not None:
        pixels, covered = _by_spacing(ct.shape, ct.spacing, mri, mri.spacing)
        notice = (
            f"{sizes}; the MRI was resampled onto the CT's grid by the pixel spacing of both files "
            f"({_mm(ct.spacing)} and {_mm(mri.spacing)}), centre on centre"
        )
        if covered < 0.995:
            notice += f", and covers {100 * covered:.0f} % of it"
        notice += "."
        spacing: tuple[float, float] | None = ct.spacing
    else:
        difference = _aspect_difference(ct, mri)
        if difference > ASPECT_TOLERANCE + 1e-9 and ct.spacing is None and mri.spacing is None:
            raise InputError(
                f"{sizes} ({ct.name}, {mri.name}): their proportions differ by "
                f"{100 * difference:.0f} %, and neither file gives a pixel spacing; crop both to "
                f"the same field of view."
            )
        pixels = _resize(mri.pixels, ct.shape)
        notice = f"{sizes}; the MRI was resampled to the CT's size"
        if difference > 0.005:
            notice += f", which changes its proportions by {100 * difference:.1f} %"
        notice += "."
        spacing = ct.spacing or _scaled_spacing(mri, ct.shape)
    moved = replace(mri, pixels=pixels, spacing=spacing)
    return _noted(moved, notice), notice


def _noted(image: Image, notice: str) -> Image:
    return replace(image, notes=(*image.notes, notice))


def _same_shape_notice(ct: Image, mri: Image) -> str | None:
    if ct.spacing is None or mri.spacing is None:
        return None
    pairs = zip(ct.spacing, mri.spacing, strict=True)
    if all(abs(a - b) <= SPACING_TOLERANCE * max(a, b) for a, b in pairs):
        return None
    return (
        f"The CT and the MRI both have {_size(ct)} pixels but different pixel spacings "
        f"({_mm(ct.spacing)} and {_mm(mri.spacing)}); they are laid pixel on pixel."
    )


def _size(image: Image) -> str:
    return f"{image.shape[1]} × {image.shape[0]}"


def _mm(spacing: tuple[float, float]) -> str:
    row, column = spacing
    if abs(row - column) <= 1e-4 * max(row, column):
        return f"{row:.4g} mm"
    return f"{column:.4g} × {row:.4g} mm"


def _aspect_difference(ct: Image, mri: Image) -> float:
    ratio = (ct.shape[1] * mri.shape[0]) / (ct.shape[0] * mri.shape[1])
    return max(ratio, 1 / ratio) - 1


def _scaled_spacing(mri: Image, shape: tuple[int, int]) -> tuple[float, float] | None:
    if mri.spacing is None:
        return None
    row, column = (mm * n / m for mm, n, m in zip(mri.spacing, mri.shape, shape, strict=True))
    return row, column


def _resize(pixels: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resize axis by axis: area average where an axis shrinks, linear where it grows."""
    for axis in (0, 1):
        rows, columns = pixels.shape
        size = (columns, shape[0]) if axis == 0 else (shape[1], rows)
        shrinks = shape[axis] < pixels.shape[axis]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(pixels, size, interpolation=method)
        pixels = np.asarray(resized, np.float32).reshape(size[1], size[0])
    return pixels


def _by_spacing(
    shape: tuple[int, int],
    spacing: tuple[float, float],
    mri: Image,
    mri_spacing: tuple[float, float],
) -> tuple[NDArray[np.float32], float]:
    """Sample the MRI at the centres of the target pixels, both grids centred on each other.

    Returns:
        The pixels on the target grid, and the share of it that the MRI covers.
    """
    # A finer MRI is first averaged to about the target's spacing, or it would alias.
    coarse = tuple(
        max(1, round(n * mm / target)) if mm < target else n
        for n, mm, target in zip(mri.shape, mri_spacing, spacing, strict=True)
    )
    pixels = _resize(mri.pixels, (coarse[0], coarse[1]))
    covered = 1.0
    inside: list[NDArray[np.bool_]] = []
    for axis in (0, 1):
        extent = mri.shape[axis] * mri_spacing[axis]
        count = pixels.shape[axis]
        offset = (np.arange(shape[axis]) - (shape[axis] - 1) / 2) * spacing[axis]
        position = offset * (count / extent) + (count - 1) / 2
        within = np.abs(offset) <= extent / 2 + 1e-6 * spacing[axis]
        covered *= float(within.mean())
        inside.append(within)
        pixels = _sample(pixels, np.clip(position, 0, count - 1), axis)
    low = mri.pixels.min()
    return np.where(np.outer(*inside), pixels, low).astype(np.float32), covered


def _sample(
    pixels: NDArray[np.float32], position: NDArray[np.float64], axis: int
) -> NDArray[np.float32]:
    """Interpolate linearly along one axis at fractional positions inside the array."""
    before = np.minimum(position.astype(np.intp), max(pixels.shape[axis] - 2, 0))
    after = np.minimum(before + 1, pixels.shape[axis] - 1)
    weight = (position - before).astype(np.float32)
    weight = weight[:, None] if axis == 0 else weight[None, :]
    first, second = pixels.take(before, axis), pixels.take(after, axis)
    return np.asarray(first + weight * (second - first), np.float32)
