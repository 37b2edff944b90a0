"""Clinical checks of one fused pair: known lesions, marked regions, bright regions, faults."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_core.clinical import (
    EDGE,
    Fault,
    HeadChecks,
    Sight,
    edges_of_neither,
    head_checks,
    head_outline,
    rim_at_bone,
    ringing_outside,
    sight,
    surroundings,
)
from pipelines.clinical import CHECKS, FAINT, Mark, bright_on_ct, mark
from pipelines.fuse import FusedPair
from pipelines.hidden import BONE_HU, bright_regions

Labels = NDArray[np.uint8]
Bits = NDArray[np.bool_]

MOST_REGIONS = 4
"""Bright regions that are listed, the most dimmed first."""

STANDS_OUT = "Stands out: contrast-to-noise ratio, below 0 where darker than its surroundings"
BRIGHTNESS = "Brightness: grey levels of 255 above the surroundings"
FAULTS = "Must not be there: grey levels of 255 at the worst place"


@dataclass(frozen=True)
class Line:
    """One line of the table of what must still be seen.

    Attributes:
        group: what the numbers are.
        what: in words.
        ct, mri, fused: the numbers; None where they say nothing.
        kept: share of the source that shows it best; None for faults and what neither shows.
        mark: None where neither image shows it.
        place: where, in words; may be empty.
    """

    group: str
    what: str
    ct: float | None
    mri: float | None
    fused: float
    kept: float | None
    mark: Mark | None
    place: str = ""


def pair_lines(
    pair: FusedPair,
    labels: Labels | None = None,
    regions: Sequence[tuple[str, Bits]] = (),
) -> tuple[Line, ...]:
    """What must still be seen in a fused pair, and what must not be there.

    Args:
        pair: a fused pair.
        labels: (H, W), the tissues where they are known; bright regions are looked for elsewhere.
        regions: name and (H, W) mask of what the user marked.

    Raises:
        ValueError: a mask has another shape or marks nothing.
    """
    fused = pair.fused8 / np.float32(255)
    spacing = pair.ct.spacing or (1.0, 1.0)
    head = head_outline(pair.ct01, pair.mri01)
    lines = []
    for name, region in regions:
        around = surroundings(region, head, spacing)
        lines.append(_seen(name, sight(fused, pair.ct01, pair.mri01, region, around)))
    if labels is not None:
        checks = head_checks(fused, pair.ct01, pair.mri01, labels, spacing)
        lines += [*_known(checks)]
        faults = (checks.outside, checks.skull, checks.invented)
    else:
        lines += _found(pair)
        bone = pair.ct.pixels > BONE_HU if pair.ct.unit == "HU" else pair.ct01 >= 0.99
        faults = (
            ringing_outside(fused, pair.ct01, pair.mri01),
            rim_at_bone(fused, pair.ct01, pair.mri01, np.asarray(bone, np.bool_), spacing),
            edges_of_neither(fused, pair.ct01, pair.mri01),
        )
    keys = ("outside", "skull", "invented")
    area = spacing[0] * spacing[1], "mm²" if pair.ct.spacing else "pixels"
    lines += [_fault(key, fault, *area) for key, fault in zip(keys, faults, strict=True)]
    order = (STANDS_OUT, BRIGHTNESS, FAULTS)
    return tuple(sorted(lines, key=lambda line: order.index(line.group)))


def mask_regions(mask: NDArray[np.floating | np.integer]) -> list[tuple[str, Bits]]:
    """The regions of a mask image, one per value other than 0.

    Args:
        mask: (H, W).

    Raises:
        ValueError: it marks nothing, or more than 32 values, as a photograph has.
    """
    values = np.unique(mask[mask != 0])
    if values.size == 0:
        raise ValueError("The mask is 0 everywhere: paint what should be seen in another value.")
    if values.size > 32:
        raise ValueError(
            f"The mask has {values.size} values: it must be 0 outside and one value per region."
        )
    if values.size == 1:
        return [("Marked region", mask != 0)]
    return [(f"Marked region {value:g}", mask == value) for value in values]


def text_table(lines: Sequence[Line]) -> str:
    """The lines as text, by group."""
    rows = []
    for group in dict.fromkeys(line.group for line in lines):
        rows.append(f"{group}\n{'':<34}{'CT':>8}{'MRI':>8}{'fused':>8}{'kept':>8}")
        for line in (line for line in lines if line.group == group):
            numbers = "".join(f"{_number(v):>8}" for v in (line.ct, line.mri, line.fused))
            kept = "–" if line.kept is None else f"{100 * line.kept:.0f} %"
            said = line.mark or "in neither image"
            rows.append(f"  {line.what:<32}{numbers}{kept:>8}  {said}  {line.place}".rstrip())
    return "\n".join(rows)


def _known(checks: HeadChecks) -> Iterator[Line]:
    for lesion in checks.lesions:
        name = lesion.tissue.name.capitalize()
        place = f"row {lesion.row:.0f}, column {lesion.column:.0f}"
        yield _seen(name, lesion.sight, place)
        if bright_on_ct(lesion):
            kept = lesion.sight.contrast_kept("CT")
            yield _brightness(f"{name}, against the CT's", lesion.sight, kept, place)
    if checks.cortex is not None and abs(checks.cortex.cnr.mri) >= 1:
        kept = checks.cortex.contrast_kept("MRI")
        yield _brightness("Cortex, against the MRI's", checks.cortex, kept, "")


def _found(pair: FusedPair) -> Iterator[Line]:
    """Lines of the bright regions of a pair, the most dimmed first."""
    regions = bright_regions(
        pair.ct01,
        pair.mri01,
        pair.fused8 / np.float32(255),
        hu=pair.ct.pixels if pair.ct.unit == "HU" else None,
        spacing=pair.ct.spacing,
    )
    unit = "mm²" if pair.ct.spacing else "pixels"
    for region in sorted(regions, key=lambda r: -r.dimmed)[:MOST_REGIONS]:
        kept, own = 1 - region.dimmed, 255 * region.contrast
        ct, mri = (own, None) if region.source == "CT" else (None, own)
        yield Line(
            BRIGHTNESS, f"Bright on {region.source}, {region.area_mm2:.0f} {unit}", ct, mri,
            255 * region.fused, kept, mark(kept, "share"),
            f"row {region.row:.0f}, column {region.column:.0f}",
        )  # fmt: skip


def _seen(name: str, found: Sight, place: str = "") -> Line:
    kept = found.cnr_kept if found.seen else None
    said = None if kept is None else mark(kept, "share")
    return Line(STANDS_OUT, name, *found.cnr, kept, said, place)


def _brightness(what: str, found: Sight, kept: float, place: str) -> Line:
    ct, mri, fused = (255 * value for value in found.contrast)
    return Line(BRIGHTNESS, what, ct, mri, fused, kept, mark(kept, "share"), place)


def _fault(key: str, fault: Fault, pixel: float, unit: str) -> Line:
    place = "" if fault.row is None else f"row {fault.row}, column {fault.column}"
    said = mark(fault.worst, "grey levels")
    if key == "invented" and fault.pixels:
        area = fault.pixels * pixel
        place += f"; {area:.0f} {unit} with {EDGE:.0f} grey levels or more"
        # A step that only a pixel or two have is not seen as an edge.
        said = mark(max(min(fault.worst, area), FAINT), "grey levels")
    return Line(FAULTS, CHECKS[key].title, None, None, fault.worst, None, said, place)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".replace("-", "−")
