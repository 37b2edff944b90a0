"""What a fused image hides: bright regions of either source that stand out less in it.

A region's *conspicuity* is the contrast one sees: the mean grey inside it minus the median grey of
a ring around it, both in [0, 1] on the screen. Found are regions that are bright against their
surroundings; dark ones (an infarct on CT) and textures are not looked for, so an empty list does
not mean that nothing is hidden.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pipelines.fuse import FusedPair

Grey = NDArray[np.floating[Any]]
Bits = NDArray[np.bool_]
SourceName = Literal["CT", "MRI"]

DIMMED = 0.30
"""Loss of conspicuity, as a share of the source's, from which the user is told."""

DENSE_HU = 50.0
"""A region of the CT inside the skull counts from this mean up; brain has 25 to 45 HU."""

BONE_HU = 300.0
FLUID_HU = 15.0
"""Where the CT is below this, a bright region of the MRI is taken for fluid, not for a lesion."""

CONTRAST: dict[SourceName, float] = {"CT": 0.15, "MRI": 0.20}
"""Least grey above the surroundings, of the whole range, for a region to count."""

SMALLEST_MM2: dict[SourceName, float] = {"CT": 10.0, "MRI": 25.0}
"""Least area of a region: a calcification is small, and so is many a sulcus on the MRI."""

LARGEST_MM2 = 4000.0
_BACKGROUND_MM = 28.0
_SMOOTH_MM = 0.8
_RING_MM = (1.5, 5.0)
_SKULL_GAP_MM = 6.0
_MARGIN_MM = 3.0
_OPENING_MM = 1.2


@dataclass(frozen=True)
class Region:
    """A bright region of one source, and how much of it one still sees.

    Attributes:
        source: the image that shows it.
        row: of its centre, from 0, downward.
        column: of its centre, from 0, to the right.
        area_mm2: in square millimetres; in pixels where the spacing is unknown.
        contrast: in the source, grey above its surroundings, in [0, 1].
        fused: the same in the fused image; below 0 where it is darker than its surroundings.
        radius: of the circle that holds it, in pixels, for drawing.
    """

    source: SourceName
    row: float
    column: float
    area_mm2: float
    contrast: float
    fused: float
    radius: float

    @property
    def dimmed(self) -> float:
        """Share of its contrast that is gone: 0 none, 1 all, above 1 reversed, below 0 a gain."""
        return 1 - self.fused / self.contrast


def hidden_regions(
    ct: Grey,
    mri: Grey,
    fused: Grey,
    *,
    hu: Grey | None = None,
    spacing: tuple[float, float] | None = None,
    threshold: float = DIMMED,
) -> tuple[Region, ...]:
    """Find the regions that the fused image dims, the most dimmed first.

    Args:
        ct: (H, W), the windowed CT in [0, 1].
        mri: (H, W), the windowed MRI in [0, 1].
        fused: (H, W), what is shown; clamped to [0, 1] here.
        hu: (H, W), the CT in HU; None where it has none, and grey levels alone decide.
        spacing: (row, column) in mm; 1 mm is assumed where None.
        threshold: least loss of contrast, as a share.

    Raises:
        ValueError: shapes differ.
    """
    found = bright_regions(ct, mri, fused, hu=hu, spacing=spacing)
    dimmed = [region for region in found if region.dimmed > threshold]
    return tuple(sorted(dimmed, key=lambda region: -region.dimmed))


def bright_regions(
    ct: Grey,
    mri: Grey,
    fused: Grey,
    *,
    hu: Grey | None = None,
    spacing: tuple[float, float] | None = None,
) -> tuple[Region, ...]:
    """Find every bright region of both sources, dimmed or not; as :func:`hidden_regions`.

    Raises:
        ValueError: shapes differ.
    """
    others = (mri, fused) if hu is None else (mri, fused, hu)
    if ct.ndim != 2 or any(other.shape != ct.shape for other in others):
        raise ValueError("CT, MRI, fused image and HU must be (H, W) of one shape.")
    scale = _Scale(*(spacing or (1.0, 1.0)))
    ct, mri = np.asarray(ct, np.float32), np.asarray(mri, np.float32)
    shown = np.clip(np.asarray(fused, np.float32), 0, 1)
    inside = _inside(ct, mri, hu, scale)
    if not inside.any():
        return ()
    dense = _standing_out(ct, inside, "CT", scale)
    bright = _standing_out(mri, inside, "MRI", scale)
    if hu is not None:
        soft = scale.smooth(np.asarray(hu, np.float32), _SMOOTH_MM)
        dense &= soft > DENSE_HU
        bright &= soft > FLUID_HU
    else:
        bright &= scale.smooth(ct, _SMOOTH_MM) > 0.15
    regions = _measured("CT", ct, shown, dense, inside, scale)
    return (*regions, *_measured("MRI", mri, shown, bright, inside, scale))


def pair_regions(pair: FusedPair) -> tuple[Region, ...]:
    """:func:`hidden_regions` of a fused pair."""
    return hidden_regions(
        pair.ct01,
        pair.mri01,
        pair.fused8 / np.float32(255),
        hu=pair.ct.pixels if pair.ct.unit == "HU" else None,
        spacing=pair.ct.spacing,
    )


def sentence(region: Region, millimetres: bool = True) -> str:
    """One sentence for the user.

    Args:
        region: a dimmed region.
        millimetres: whether its area is in mm² and not in pixels.
    """
    area = f"{region.area_mm2:.0f} {'mm²' if millimetres else 'pixels'}"
    place = f"row {region.row:.0f}, column {region.column:.0f}"
    start = f"A bright region of the {region.source} ({area}, {place})"
    if region.dimmed >= 1:
        return f"{start} does not stand out in the fused image: look at the {region.source}."
    return f"{start} stands out {100 * region.dimmed:.0f} % less in the fused image."


class _Scale:
    """Millimetres to pixels of one image."""

    def __init__(self, row: float, column: float) -> None:
        if not (math.isfinite(row * column) and min(row, column) > 0):
            raise ValueError(f"Spacing must be positive millimetres, not {row} and {column}.")
        self.row, self.column = row, column

    @property
    def area(self) -> float:
        return self.row * self.column

    def smooth(self, image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
        blurred = ndimage.gaussian_filter(image, (sigma / self.row, sigma / self.column))
        return np.asarray(blurred, np.float32)

    def near(self, mask: Bits, mm: float) -> Bits:
        """The mask and all that lies within a distance of it."""
        if not mask.any():
            return mask
        distance = ndimage.distance_transform_edt(~mask, sampling=(self.row, self.column))
        return np.asarray(distance <= mm, np.bool_)

    def within(self, mask: Bits, mm: float) -> Bits:
        """The part of a mask that lies farther than a distance from its outside."""
        padded = np.pad(mask, 1)
        distance = ndimage.distance_transform_edt(padded, sampling=(self.row, self.column))
        return np.asarray(distance[1:-1, 1:-1] > mm, np.bool_)


def _inside(ct: Grey, mri: Grey, hu: Grey | None, scale: _Scale) -> Bits:
    """The cavity of the skull; where there is no closed skull, the body without its bone."""
    bone = np.asarray(ct >= 0.99 if hu is None else hu > BONE_HU, np.bool_)
    shell = _largest(scale.near(bone, _SKULL_GAP_MM / 2))
    filled = np.asarray(ndimage.binary_fill_holes(shell), np.bool_)
    cavity = _largest(filled & ~shell)
    body = np.asarray(np.maximum(ct, mri) > 0.05 if hu is None else hu > -200, np.bool_)
    body = np.asarray(ndimage.binary_fill_holes(_largest(body)), np.bool_)
    if cavity.sum() > 0.15 * body.sum():
        return cavity
    return scale.within(body, _MARGIN_MM) & ~scale.near(_largest(bone), _MARGIN_MM)


def _largest(mask: Bits) -> Bits:
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), np.bool_)


def _standing_out(
    image: NDArray[np.float32], inside: Bits, name: SourceName, scale: _Scale
) -> Bits:
    """Where an image is brighter than what surrounds it within the cavity."""
    soft = scale.smooth(image, _SMOOTH_MM)
    middle = float(np.median(soft[inside]))
    # Outside the cavity lies bone or scalp, which would pass for surroundings.
    known = np.where(inside, soft, np.float32(middle))
    levels = np.rint(np.clip(known, 0, 1) * 255).astype(np.uint8)
    side = max(3, 2 * round(_BACKGROUND_MM / 2 / math.sqrt(scale.area)) + 1)
    around = cv2.medianBlur(levels, min(side, 255)).astype(np.float32) / 255
    # A lesion wider than half the neighbourhood is its own median; the cavity's catches it.
    floor = np.minimum(around, np.float32(middle))
    mask = inside & (soft - floor > CONTRAST[name])
    opened = scale.near(scale.within(mask, _OPENING_MM / 2), _OPENING_MM / 2)
    return np.asarray(opened & mask, np.bool_)


def _measured(
    name: SourceName, source: Grey, shown: Grey, mask: Bits, inside: Bits, scale: _Scale
) -> list[Region]:
    labels, _ = ndimage.label(mask)
    found = []
    for index, box in enumerate(ndimage.find_objects(labels), 1):
        region_only = labels[box] == index
        area = float(region_only.sum()) * scale.area
        if not SMALLEST_MM2[name] <= area <= LARGEST_MM2:
            continue
        pad = [math.ceil(_RING_MM[1] / mm) + 1 for mm in (scale.row, scale.column)]
        wide = tuple(slice(max(s.start - p, 0), s.stop + p) for s, p in zip(box, pad, strict=True))
        region = labels[wide] == index
        ring = scale.near(region, _RING_MM[1]) & ~scale.near(region, _RING_MM[0])
        ring &= inside[wide] & ~mask[wide]
        if ring.sum() < 8:
            continue
        contrast = _contrast(source[wide], region, ring)
        if contrast < CONTRAST[name]:
            continue
        rows, columns = np.nonzero(region)
        top, left = wide[0].start, wide[1].start
        centre = (float(rows.mean()), float(columns.mean()))
        radius = float(np.hypot(rows - centre[0], columns - centre[1]).max()) + 1
        found.append(
            Region(
                name, centre[0] + top, centre[1] + left, area, contrast,
                _contrast(shown[wide], region, ring), radius,
            )
        )  # fmt: skip
    return found


def _contrast(image: Grey, region: Bits, ring: Bits) -> float:
    return float(image[region].mean()) - float(np.median(image[ring]))
