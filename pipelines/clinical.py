"""Clinical checks of a method on many synthetic heads, whose lesions are known."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np

from fusion_core.clinical import HeadChecks, Lesion, head_checks
from fusion_core.phantom import (
    LESIONS,
    HeadConfig,
    PhantomSlice,
    Tissue,
    lesion_sites,
    render_slice,
)
from imaging.errors import InputError
from pipelines.fuse import to_8bit
from pipelines.hidden import DIMMED
from pipelines.methods import Method, MethodError

FIRST_HEAD = 1001
"""Seed of the first head; neither a bundled case nor a head of a training set by default."""

MR_SEQUENCES = ("T1", "T2", "FLAIR")
"""The heads take these in turn, so that each lesion meets each of them."""

KEPT, LOST = 1 - DIMMED, 0.30
"""From the first share of the best source's value on something is kept, below the second lost."""

FAINT, PLAIN = 5.0, 25.0
"""Grey levels of 255, or mm²: from the first on a fault is faint, from the second plain to see."""

Mark = Literal["kept", "weaker", "lost", "clean", "faint", "plain"]
Unit = Literal["share", "grey levels", "mm²"]


@dataclass(frozen=True)
class Check:
    """One thing to look for.

    Attributes:
        key: for files.
        title: for tables.
        unit: "share" of the source that shows it best, of which more is better, or "grey levels"
            or "mm²" of what should not be there.
        description: what is measured, one sentence.
    """

    key: str
    title: str
    unit: Unit
    description: str


_SEEN = "Contrast-to-noise ratio against the healthy tissue around it, of the better source's."
_BRIGHT = "Grey above the healthy tissue around it, of the CT's; below 0 it is the darker one."

CHECKS: dict[str, Check] = {
    check.key: check
    for check in (
        Check("tumour_seen", "Tumour stands out", "share", _SEEN),
        Check("oedema_seen", "Oedema stands out", "share", _SEEN),
        Check("infarct_seen", "Infarct stands out", "share", _SEEN),
        Check("bleed_seen", "Fresh bleed stands out", "share", _SEEN),
        Check("calcification_seen", "Calcification stands out", "share", _SEEN),
        Check("bleed_bright", "Fresh bleed still bright", "share", _BRIGHT),
        Check("calcification_bright", "Calcification still bright", "share", _BRIGHT),
        Check(
            "cortex", "Cortex against white matter", "share",
            "Grey matter against the white matter beside it, of the MRI's difference in grey.",
        ),
        Check(
            "outside", "Ringing outside the head", "grey levels",
            "Brightest pixel in the air around the head where both images are black.",
        ),
        Check(
            "skull", "Rim beside the skull", "grey levels",
            "Farthest below both images, or above both together, within 5 mm of bone.",
        ),
        Check(
            "invented", "Edge of neither image", "grey levels",
            "Largest step inside the head beyond those of both images together.",
        ),
        Check(
            "invented_area", "Area of such edges", "mm²",
            "Area inside the head where that step reaches 25 grey levels.",
        ),
    )
}  # fmt: skip
"""Every check by its key, in the order of tables."""


@dataclass(frozen=True)
class Finding:
    """The value of one check at one place: a share or grey levels."""

    check: str
    value: float
    place: str


@dataclass(frozen=True)
class SliceRecord:
    """What a method made of one slice.

    Attributes:
        index, total: from 1, over slices and methods.
        method: its name.
        slice_name: head, level and sequence in words.
        findings: what could be checked there.
        error: one sentence where the method failed, else None.
    """

    index: int
    total: int
    method: str
    slice_name: str
    findings: tuple[Finding, ...] = ()
    error: str | None = None


@dataclass(frozen=True)
class Summary:
    """One check of one method over all slices.

    Attributes:
        method, check: which.
        count: how many places were checked; 0 leaves NaN.
        mean, worst: over those places.
        where: of the worst.
    """

    method: str
    check: str
    count: int
    mean: float
    worst: float
    where: str


def mark(value: float, unit: Unit) -> Mark:
    """How a value is called: kept, weaker or lost, or for faults clean, faint or plain."""
    if unit == "share":
        return "kept" if value >= KEPT else "weaker" if value >= LOST else "lost"
    return "clean" if value < FAINT else "faint" if value < PLAIN else "plain"


def phantom_slices(heads: int, size: int = 256) -> Iterator[tuple[str, PhantomSlice]]:
    """One slice through each kind of lesion of each head, with its name.

    Args:
        heads: how many, 1 or more.
        size: pixels along a side; the field of view stays the same.

    Raises:
        InputError: fewer than one head was asked for.
    """
    if heads < 1:
        raise InputError(f"{heads} heads were asked for; give 1 or more.")
    for number in range(heads):
        config = HeadConfig(seed=FIRST_HEAD + number, size=size, spacing_mm=0.9 * 256 / size)
        for place, kind in enumerate(LESIONS):
            levels = [s.centre[2] for s in lesion_sites(config) if s.kind == kind]
            z_mm = fmean(levels)
            sequence = MR_SEQUENCES[(number + place) % len(MR_SEQUENCES)]
            name = f"head {config.seed}, {z_mm:.0f} mm, {sequence}"
            yield name, render_slice(config, z_mm, sequence)


def check_methods(methods: Sequence[Method], heads: int = 6) -> Iterator[SliceRecord]:
    """Fuse every slice with every method and check it.

    Args:
        methods: what fuses.
        heads: how many synthetic heads, four slices each.

    Raises:
        InputError: fewer than one head was asked for.
    """
    total, index = heads * len(LESIONS) * len(methods), 0
    for name, picture in phantom_slices(heads):
        for method in methods:
            index += 1
            try:
                fused = to_8bit(method.fuse(picture.ct01, picture.mr01).fused[0, 0].numpy())
            except MethodError as error:
                yield SliceRecord(index, total, method.name, name, error=str(error))
                continue
            pixel_mm2 = picture.spacing_mm[0] * picture.spacing_mm[1]
            checks = head_checks(
                fused / np.float32(255), picture.ct01, picture.mr01, picture.labels,
                picture.spacing_mm,
            )  # fmt: skip
            yield SliceRecord(index, total, method.name, name, tuple(findings(checks, pixel_mm2)))


def findings(checks: HeadChecks, pixel_mm2: float) -> Iterator[Finding]:
    """The values that a slice has; what neither source shows has none.

    Args:
        checks: of the slice.
        pixel_mm2: area of a pixel.
    """
    for lesion in checks.lesions:
        if not lesion.sight.seen:
            continue
        name, place = lesion.tissue.name.lower(), _place(lesion.row, lesion.column)
        yield Finding(f"{name}_seen", lesion.sight.cnr_kept, place)
        if f"{name}_bright" in CHECKS and bright_on_ct(lesion):
            yield Finding(f"{name}_bright", lesion.sight.contrast_kept("CT"), place)
    if checks.cortex is not None and abs(checks.cortex.cnr.mri) >= 1:
        yield Finding("cortex", checks.cortex.contrast_kept("MRI"), "")
    for key in ("outside", "skull", "invented"):
        fault = getattr(checks, key)
        place = "" if fault.row is None else _place(fault.row, fault.column)
        yield Finding(key, fault.worst, place)
    yield Finding("invented_area", checks.invented.pixels * pixel_mm2, "")


def bright_on_ct(lesion: Lesion) -> bool:
    """Whether a lesion is one that is read by its brightness on CT, and is bright there."""
    dense = lesion.tissue in (Tissue.BLEED, Tissue.CALCIFICATION)
    return dense and lesion.sight.cnr.ct >= 1


def summarise(records: Sequence[SliceRecord]) -> list[Summary]:
    """Mean and worst of every check, by method in the order of the records."""
    found = []
    for method in dict.fromkeys(record.method for record in records):
        own = [record for record in records if record.method == method]
        for check in CHECKS.values():
            places = [(f.value, r, f) for r in own for f in r.findings if f.check == check.key]
            if not places:
                found.append(Summary(method, check.key, 0, math.nan, math.nan, ""))
                continue
            choose = min if check.unit == "share" else max
            worst, record, finding = choose(places, key=lambda place: place[0])
            mean = fmean(value for value, _, _ in places)
            where = f"{record.slice_name}, {finding.place}".removesuffix(", ")
            found.append(Summary(method, check.key, len(places), mean, worst, where))
    return found


def text_table(summaries: Sequence[Summary]) -> str:
    """Mean and worst of every check, a column per method."""
    methods = list(dict.fromkeys(s.method for s in summaries))
    by_key: Mapping[tuple[str, str], Summary] = {(s.method, s.check): s for s in summaries}
    wide = max(18, *(len(method) + 2 for method in methods))
    lines = [f"{'check':<29}" + "".join(f"{method:>{wide}}" for method in methods)]
    for check in CHECKS.values():
        row = (by_key[method, check.key] for method in methods)
        lines.append(f"{check.title:<29}" + "".join(f"{_cell(s):>{wide}}" for s in row))
    lines.append(
        "mean (worst): % of the value in the source that shows it best; for the last four grey "
        "levels of 255, and mm²"
    )
    lines.append(
        f"kept from {KEPT:.0%}, lost below {LOST:.0%}; a fault is faint from {FAINT:.0f} and plain "
        f"from {PLAIN:.0f} grey levels or mm²"
    )
    return "\n".join(lines)


def csv_text(summaries: Sequence[Summary]) -> str:
    """A line per method and check: unit, places, mean, worst, where the worst is."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(("method", "check", "unit", "places", "mean", "worst", "mark", "where"))
    for s in summaries:
        unit = CHECKS[s.check].unit
        numbers = ("", "", "") if s.count == 0 else (
            f"{s.mean:.4f}", f"{s.worst:.4f}", mark(s.mean, unit)
        )  # fmt: skip
        table.writerow((s.method, s.check, unit, s.count, *numbers, s.where))
    return buffer.getvalue()


def _cell(summary: Summary) -> str:
    if summary.count == 0:
        return "–"
    if CHECKS[summary.check].unit == "share":
        return f"{100 * summary.mean:.0f} % ({100 * summary.worst:.0f})"
    return f"{summary.mean:.1f} ({summary.worst:.0f})"


def _place(row: float, column: float) -> str:
    return f"row {row:.0f}, column {column:.0f}"
