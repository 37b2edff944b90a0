"""What must still be seen in a fused image, and what must not be there.

Images are (H, W) in [0, 1] as they are shown. A region stands out from its surroundings by its
*contrast*, the difference of the two mean greys, and by its *conspicuity*, that contrast divided by
the spread of the greys inside and around it (contrast-to-noise ratio). The spread holds texture as
well as noise, because anatomy around a lesion hides it as noise does.

The faults are counted so that adding the two images is none: a fused image may be as bright as both
together and as steep as both together. That is what tells them from the metric Nabf, which counts
every gradient above the stronger source, however faint.

Reference: H. L. Kundel & G. Revesz, "Lesion conspicuity, structured noise, and film reader error",
AJR 126(6), 1976, doi:10.2214/ajr.126.6.1233; M. S. Patterson & F. S. Foster, "The improvement and
quantitative assessment of B-mode images produced by an annular array/cone hybrid", Ultrasonic
Imaging 5(3), 1983, doi:10.1177/016173468300500301.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fusion_core.phantom import Tissue

Grey = NDArray[np.floating[Any]]
Bits = NDArray[np.bool_]
Spacing = tuple[float, float]
SourceName = Literal["CT", "MRI"]

GREY = 255
"""Grey levels of a display, in which faults are given."""

BLACK = 0.02
"""Up to this a pixel belongs to the air around the head where both sources have it."""

EDGE = 25.0
"""Least step in grey levels beyond both sources' that counts as an edge of neither."""

SEEN = 1.0
"""Least contrast-to-noise ratio at which a region counts as standing out."""

RING_MM = (1.5, 5.0)
"""Surroundings: from the first to the second distance around a region."""

LESION_TISSUES = (
    Tissue.TUMOUR,
    Tissue.OEDEMA,
    Tissue.INFARCT,
    Tissue.BLEED,
    Tissue.CALCIFICATION,
)
"""Labels of a synthetic head that are findings; necrosis is neither lesion nor surroundings."""

HEALTHY = (
    Tissue.CSF,
    Tissue.VENTRICLE,
    Tissue.GREY_MATTER,
    Tissue.WHITE_MATTER,
    Tissue.DEEP_GREY,
    Tissue.CEREBELLAR_GREY,
    Tissue.CEREBELLAR_WHITE,
    Tissue.BRAIN_STEM,
)
"""Labels that a lesion is compared with."""

_BONE = (Tissue.CORTICAL_BONE, Tissue.DIPLOE)
_LEAST_MM2, _LEAST_STONE_MM2 = 50.0, 10.0
_FRAGMENT_MM = 1.5
_LEAST_SURROUNDINGS = 60
_LEAST_NOISE = 0.5 / GREY
_CORTEX_MM = 4.0
_SKULL_MM = 5.0


class Three(NamedTuple):
    """One number of the CT, the MRI and the fused image."""

    ct: float
    mri: float
    fused: float


@dataclass(frozen=True)
class Sight:
    """How a region stands out from its surroundings; below 0 it is the darker one.

    Attributes:
        contrast: mean grey inside minus mean grey around it, of a range of 1.
        cnr: that contrast over the root mean square of the two standard deviations.
    """

    contrast: Three
    cnr: Three

    @property
    def best(self) -> SourceName:
        """The source in which it is the more conspicuous."""
        return "CT" if abs(self.cnr.ct) >= abs(self.cnr.mri) else "MRI"

    @property
    def seen(self) -> bool:
        """Whether it stands out at all in either source."""
        return max(abs(self.cnr.ct), abs(self.cnr.mri)) >= SEEN

    @property
    def cnr_kept(self) -> float:
        """Share of the best source's conspicuity.

        What is dark on CT and bright on MRI may be either in the fused image and is seen; below 0
        is what looks in the fused image as it does in neither.
        """
        best = self.cnr.ct if self.best == "CT" else self.cnr.mri
        like_one = self.cnr.fused * self.cnr.ct > 0 or self.cnr.fused * self.cnr.mri > 0
        return _share(abs(self.cnr.fused) * (1 if like_one else -1), abs(best))

    def contrast_kept(self, source: SourceName) -> float:
        """Share of one source's contrast; below 0 where bright and dark are exchanged."""
        return _share(
            self.contrast.fused, self.contrast.ct if source == "CT" else self.contrast.mri
        )


@dataclass(frozen=True)
class Lesion:
    """One lesion of a synthetic head in a slice.

    Attributes:
        tissue: its label.
        row, column: of its centre, from 0.
        area_mm2: in the slice.
        sight: how it stands out from the healthy tissue around it.
    """

    tissue: Tissue
    row: float
    column: float
    area_mm2: float
    sight: Sight


@dataclass(frozen=True)
class Fault:
    """The worst of what should not be there.

    Attributes:
        worst: grey levels of 255; 0 where there is none.
        row, column: where the worst lies, from 0; None where there is none.
        pixels: how many are concerned.
    """

    worst: float
    row: int | None
    column: int | None
    pixels: int


@dataclass(frozen=True)
class HeadChecks:
    """All checks of a fused slice of a synthetic head.

    Attributes:
        lesions: calcifications from 10 mm² and other lesions from 50 mm².
        cortex: grey matter against the white matter beside it; None where a slice has none.
        outside: :func:`ringing_outside`.
        skull: :func:`rim_at_bone`.
        invented: :func:`edges_of_neither`.
    """

    lesions: tuple[Lesion, ...]
    cortex: Sight | None
    outside: Fault
    skull: Fault
    invented: Fault


def sight(fused: Grey, ct: Grey, mri: Grey, region: Bits, around: Bits) -> Sight:
    """How a region stands out from its surroundings in all three images.

    Args:
        fused, ct, mri: (H, W) in [0, 1].
        region: (H, W), what should be seen.
        around: (H, W), what it should stand out from.

    Raises:
        ValueError: shapes differ, or the region or its surroundings hold no pixel.
    """
    _check(fused, ct, mri, region, around)
    if not region.any() or not around.any():
        which = "region" if not region.any() else "surroundings"
        raise ValueError(f"The {which} hold no pixel of the image: mark a larger region in it.")
    parts = [(image[region], image[around]) for image in (ct, mri, fused)]
    contrast = [float(inside.mean()) - float(outer.mean()) for inside, outer in parts]
    noise = [np.sqrt((float(inside.var()) + float(outer.var())) / 2) for inside, outer in parts]
    # An even region on even ground would stand out infinitely; half a grey level is the display's.
    cnr = [c / max(float(n), _LEAST_NOISE) for c, n in zip(contrast, noise, strict=True)]
    return Sight(Three(*contrast), Three(*cnr))


def surroundings(region: Bits, allowed: Bits, spacing: Spacing) -> Bits:
    """The pixels around a region to compare it with.

    Those 1.5 to 5 mm away; farther ones where fewer than 60 pixels are allowed there, as around a
    tumour that lies in its oedema.

    Args:
        region: (H, W).
        allowed: (H, W), what may count as surroundings.
        spacing: (row, column) in mm.
    """
    far = _distance(region, spacing)
    usable = allowed & ~region & (far > RING_MM[0])
    found = usable & (far <= RING_MM[1])
    if found.sum() >= _LEAST_SURROUNDINGS or usable.sum() <= _LEAST_SURROUNDINGS:
        return found if found.sum() >= _LEAST_SURROUNDINGS else usable
    reach = np.partition(far[usable], _LEAST_SURROUNDINGS)[_LEAST_SURROUNDINGS]
    return np.asarray(usable & (far <= reach), np.bool_)


def head_outline(ct: Grey, mri: Grey) -> Bits:
    """The head without holes, (H, W): the largest part where either image is not black."""
    parts, count = ndimage.label(np.maximum(ct, mri) > BLACK, np.ones((3, 3)))
    if count == 0:
        return np.zeros(ct.shape, np.bool_)
    largest = parts == 1 + np.bincount(parts.ravel())[1:].argmax()
    return np.asarray(ndimage.binary_fill_holes(largest), np.bool_)


def ringing_outside(fused: Grey, ct: Grey, mri: Grey) -> Fault:
    """What the fused image shows around the head where both sources are black.

    The worst grey is what exceeds the brighter source; counted are the pixels around the head that
    exceed it by a grey level or more.
    """
    around = ~head_outline(ct, mri)
    excess = (np.asarray(fused) - np.maximum(ct, mri)) * GREY
    return _fault(excess, around, least=1.0)


def rim_at_bone(fused: Grey, ct: Grey, mri: Grey, bone: Bits, spacing: Spacing) -> Fault:
    """Dark or bright rims beside bone: darker than both images or brighter than both together.

    A neighbour's value, one pixel away, is allowed as well, so that a blurred outline is no rim.

    Args:
        fused, ct, mri: (H, W) in [0, 1].
        bone: (H, W); looked at are 5 mm beside it.
        spacing: (row, column) in mm.

    Returns:
        The worst in grey levels; counted are the pixels beyond by a grey level or more.
    """
    low = ndimage.minimum_filter(np.minimum(ct, mri), 3)
    high = ndimage.maximum_filter(np.minimum(np.asarray(ct) + mri, 1), 3)
    beyond = np.maximum(low - fused, fused - high) * GREY
    beside = (_distance(bone, spacing) <= _SKULL_MM) & ~bone & head_outline(ct, mri)
    return _fault(beyond, np.asarray(beside, np.bool_), least=1.0)


def edges_of_neither(fused: Grey, ct: Grey, mri: Grey) -> Fault:
    """Edges inside the head that the sources do not have, not even added up.

    An edge's step is the length of Sobel's gradient, scaled so that a step between two pixels has
    its height. Allowed is the sum of both sources' largest steps within one pixel.

    Returns:
        The largest step beyond that in grey levels; counted are the pixels where it reaches 25.
    """
    ours = _step(fused)
    theirs = ndimage.maximum_filter(_step(ct), 3) + ndimage.maximum_filter(_step(mri), 3)
    return _fault((ours - theirs) * GREY, head_outline(ct, mri), least=EDGE)


def head_checks(
    fused: Grey, ct: Grey, mri: Grey, labels: NDArray[np.uint8], spacing: Spacing
) -> HeadChecks:
    """Every check of a slice whose tissues are known.

    Args:
        fused: (H, W) in [0, 1], as shown.
        ct, mri: the windowed sources.
        labels: (H, W) values of :class:`fusion_core.phantom.Tissue`.
        spacing: (row, column) in mm.

    Raises:
        ValueError: shapes differ.
    """
    _check(fused, ct, mri, labels)
    healthy = _of(labels, HEALTHY)
    return HeadChecks(
        tuple(_lesions(fused, ct, mri, labels, healthy, spacing)),
        _cortex(fused, ct, mri, labels, spacing),
        ringing_outside(fused, ct, mri),
        rim_at_bone(fused, ct, mri, _of(labels, _BONE), spacing),
        edges_of_neither(fused, ct, mri),
    )


def _lesions(
    fused: Grey, ct: Grey, mri: Grey, labels: NDArray[np.uint8], healthy: Bits, spacing: Spacing
) -> Iterator[Lesion]:
    for tissue in LESION_TISSUES:
        painted = labels == tissue
        least = _LEAST_STONE_MM2 if tissue == Tissue.CALCIFICATION else _LEAST_MM2
        if not painted.any():
            continue
        # Fragments that a fold or a vessel parts are one lesion.
        places, count = ndimage.label(_distance(painted, spacing) <= _FRAGMENT_MM)
        for place in range(1, count + 1):
            region = painted & (places == place)
            area = float(region.sum()) * spacing[0] * spacing[1]
            around = surroundings(region, healthy, spacing)
            if area < least or not around.any():
                continue
            row, column = (float(axis.mean()) for axis in np.nonzero(region))
            yield Lesion(tissue, row, column, area, sight(fused, ct, mri, region, around))


def _cortex(
    fused: Grey, ct: Grey, mri: Grey, labels: NDArray[np.uint8], spacing: Spacing
) -> Sight | None:
    grey, white = labels == Tissue.GREY_MATTER, labels == Tissue.WHITE_MATTER
    if not grey.any() or not white.any():
        return None
    beside = white & (_distance(grey, spacing) <= _CORTEX_MM)
    inner = grey & (_distance(white, spacing) <= _CORTEX_MM)
    if not beside.any() or not inner.any():
        return None
    return sight(fused, ct, mri, np.asarray(inner, np.bool_), np.asarray(beside, np.bool_))


def _fault(excess: NDArray[np.floating[Any]], where: Bits, least: float) -> Fault:
    """The largest excess within a mask, and how many of its pixels reach ``least``."""
    if not where.any():
        return Fault(0.0, None, None, 0)
    seen = np.where(where, excess, -np.inf)
    row, column = np.unravel_index(int(seen.argmax()), seen.shape)
    worst = float(seen[row, column])
    if worst <= 0:
        return Fault(0.0, None, None, 0)
    return Fault(worst, int(row), int(column), int((seen >= least).sum()))


def _step(image: Grey) -> NDArray[np.float32]:
    picture = np.ascontiguousarray(image, np.float32)
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 4)
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 4)
    return np.asarray(np.hypot(across, down), np.float32)


def _distance(mask: Bits, spacing: Spacing) -> NDArray[np.float64]:
    """Millimetres to the nearest pixel of a mask; infinite where it is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing))


def _of(labels: NDArray[np.uint8], tissues: tuple[Tissue, ...]) -> Bits:
    return np.asarray(np.isin(labels, tissues), np.bool_)


def _share(value: float, of: float) -> float:
    return value / of if of else float("nan")


def _check(*arrays: NDArray[Any]) -> None:
    if arrays[0].ndim != 2 or any(other.shape != arrays[0].shape for other in arrays):
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ValueError(f"Images, labels and regions must be (H, W) of one shape, not {shapes}.")
