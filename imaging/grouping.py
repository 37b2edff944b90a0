"""DICOM files -> series: split by identifier, patient, orientation, size; localizers set aside."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from imaging.dicom_files import DicomFile, Place
from imaging.errors import InputError
from imaging.stacking import Frame, Stack, copies, plan_stack
from imaging.study import Series, SetAside

TURNED = 0.02
"""Difference of direction cosines, about one degree, from which slices are another stack."""

FEW = 3
"""So few slices that differ from the many of their series are taken for localizers."""

MOST_PASSES = 12
"""Passes over the same places up to which each is listed as a series of its own."""


def group_series(files: Iterable[DicomFile]) -> tuple[list[Series], list[SetAside]]:
    """Sort image files into series that can each become one volume."""
    localizers: list[str] = []
    strays: list[str] = []
    stacks: list[list[Frame]] = []
    for members in _by_identifier(files).values():
        localizers += [file.source.name for file in members if file.localizer]
        parts = _by_geometry([file for file in members if not file.localizer])
        most = max((len(part) for part in parts), default=0)
        for part in parts:
            if len(part) <= FEW and most >= 3 * len(part) and most > FEW:
                strays += [frame.file.source.name for frame in part]
            else:
                stacks.append(part)
    aside = []
    if localizers:
        count = "1 localizer was" if len(localizers) == 1 else f"{len(localizers)} localizers were"
        aside.append(SetAside(f"{count} set aside.", tuple(localizers)))
    if strays:
        count = "1 image was" if len(strays) == 1 else f"{len(strays)} images were"
        aside.append(
            SetAside(
                f"{count} set aside for another orientation or size than the rest of the series, "
                "as localizers have.",
                tuple(strays),
            )
        )
    passes = [(one, note) for stack in stacks for one, note in _passes(stack)]
    counts: Counter[str] = Counter()
    series: list[Series] = []
    for frames, note in passes:
        modality = frames[0].file.modality
        counts[modality] += 1
        series.append(_series(frames, f"{modality or 'DICOM'} series {counts[modality]}", note))
    return series, aside


def _by_identifier(files: Iterable[DicomFile]) -> dict[tuple[object, ...], list[DicomFile]]:
    groups: dict[tuple[object, ...], list[DicomFile]] = {}
    for file in files:
        key = (
            file.origin.series or file.source.where,
            file.origin.patient,
            file.modality,
        )
        groups.setdefault(key, []).append(file)
    return groups


def _by_geometry(files: Sequence[DicomFile]) -> list[list[Frame]]:
    parts: list[list[Frame]] = []
    for file in files:
        for index in range(len(file.places)):
            frame = Frame(file, index)
            for part in parts:
                if _alike(part[0], frame):
                    part.append(frame)
                    break
            else:
                parts.append([frame])
    return parts


def _alike(one: Frame, other: Frame) -> bool:
    a, b = one.file, other.file
    if (a.shape, a.colour, a.inverted) != (b.shape, b.colour, b.inverted):
        return False
    p, q = one.place, other.place
    if (p.position is None) != (q.position is None) or (p.spacing is None) != (q.spacing is None):
        return False
    if p.spacing and q.spacing and not np.allclose(p.spacing, q.spacing, rtol=0.01):
        return False
    return _same(p, q)


def _same(p: Place, q: Place) -> bool:
    if p.across is None or p.down is None or q.across is None or q.down is None:
        return p.across is q.across
    apart = max(np.abs(p.across - q.across).max(), np.abs(p.down - q.down).max())
    return bool(apart <= TURNED)


def _passes(frames: list[Frame]) -> list[tuple[list[Frame], tuple[str, ...]]]:
    passes = copies(frames)
    notes: tuple[str, ...] = ()
    if twice := len(frames) - sum(len(one) for one in passes):
        notes = (
            f"{twice} image{' that is a copy' if twice == 1 else 's that are copies'} of another "
            f"{'was' if twice == 1 else 'were'} dropped.",
        )
    if len(passes) == 1:
        return [(passes[0], notes)]
    if len(passes) > MOST_PASSES:
        only = f"Only the first of {len(passes)} passes over the slices is used."
        return [(passes[0], (*notes, only))]
    return [
        (one, (*notes, f"This is pass {number} of {len(passes)} over the same slices."))
        for number, one in enumerate(passes, 1)
    ]


def _series(frames: list[Frame], name: str, notes: tuple[str, ...]) -> Series:
    file = frames[0].file
    stack: Stack | None = None
    problem = None
    try:
        stack = plan_stack(frames)
    except InputError as error:
        problem = str(error)
    if stack is None:
        shape, spacing = (len(frames), *file.shape), None
    else:
        notes = (*notes, *_kept(frames, stack))
        shape, spacing = stack.shape, stack.spacing if stack.placed else None
    return Series(
        kind="DICOM",
        name=name,
        modality=file.modality,
        body_part=file.body_part,
        shape=shape,
        spacing=spacing,
        plane=_plane(frames[0].place),
        notes=notes,
        problem=problem,
        origin=file.origin,
        stack=stack,
    )


def _kept(frames: list[Frame], stack: Stack) -> tuple[str, ...]:
    expected = {frame.file.expected for frame in frames}
    passes = {frame.file.acquisition for frame in frames}
    wanted = next(iter(expected)) if len(expected) == 1 and len(passes) == 1 else None
    if wanted is None or wanted <= len(frames):
        return stack.notes
    return (
        *stack.notes,
        f"The files say that {wanted} images belong to this acquisition; {len(frames)} are here.",
    )


def _plane(place: Place) -> str:
    if place.across is None or place.down is None:
        return ""
    normal = np.abs(np.cross(place.across, place.down))
    if normal.max() < 0.9:
        return "oblique"
    return ("sagittal", "coronal", "axial")[int(normal.argmax())]
