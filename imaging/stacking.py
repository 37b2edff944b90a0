"""Slices with their places -> the order, the gaps and the grid of a volume; no pixels."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imaging.dicom_files import DicomFile, Place, Vector
from imaging.errors import InputError
from imaging.limits import MAX_DECODED_BYTES
from imaging.volume import Matrix

SAME_PLACE_MM = 0.01
"""Slices nearer to each other than this lie at one place."""

IRREGULAR = 0.02
"""Share of the spacing by which slices may lie off a regular grid and still be taken as on it."""

MOST_MISSING = 5
"""Most slices in a row that are filled in; a wider gap is refused if it exceeds LARGE_GAP_MM."""

LARGE_GAP_MM = 10.0
SHIFT_PIXELS = 0.1
"""Offsets of slices within their planes up to this many pixels are ignored."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of one file."""

    file: DicomFile
    index: int

    @property
    def place(self) -> Place:
        """Where it lies."""
        return self.file.places[self.index]


@dataclass(frozen=True, eq=False)
class Stack:
    """How frames become a volume.

    Attributes:
        frames: in order along the normal, one per place.
        at: (K,) where they lie along the normal, mm from the first.
        targets: (N,) where the slices of the volume lie, regular.
        shifts: (K, 2) rows and columns by which each frame lies off the first within its plane.
        shape: (N, H, W) of the volume.
        affine: (4, 4) from (column, row, slice, 1) to LPS mm.
        placed: the files say where the slices lie.
        notes: sentences for the user.
    """

    frames: tuple[Frame, ...]
    at: Vector
    targets: Vector
    shifts: Matrix
    shape: tuple[int, int, int]
    affine: Matrix
    placed: bool
    notes: tuple[str, ...]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance of slices, rows and columns, mm."""
        column, row, slice_ = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(slice_), float(row), float(column)


def plan_stack(frames: Sequence[Frame]) -> Stack:
    """Order frames by position and lay a regular grid through them.

    Args:
        frames: of one series, orientation, size and spacing; at least one.

    Raises:
        InputError: a gap is too wide to be filled, or the volume would be over the limit.
    """
    first = frames[0].place
    if first.position is None or first.across is None or first.down is None:
        return _without_places(frames)
    normal = np.cross(first.across, first.down)
    notes: list[str] = []
    ordered, at = _in_order(frames, normal, notes)
    start = ordered[0].place
    row, column = _in_plane(start, notes)
    targets = _grid(at, start.thickness, notes)
    apart = np.array([f.place.position for f in ordered]) - start.position
    within = apart - np.outer(at, normal)
    shifts = np.stack([within @ first.down / row, within @ first.across / column], axis=1)
    if np.abs(shifts).max() <= SHIFT_PIXELS:
        shifts = np.zeros_like(shifts)
    else:
        notes.append(_shift_note(at, within))
    corner, grown = np.floor(shifts.min(axis=0) + 1e-6), np.ceil(shifts.max(axis=0) - 1e-6)
    rows, columns = (np.array(ordered[0].file.shape) + (grown - corner)).astype(int)
    step = targets[1] - targets[0] if len(targets) > 1 else _thickness(start)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (
        first.across * column, first.down * row, normal * step,
    )  # fmt: skip
    affine[:3, 3] = (
        start.position + first.down * row * corner[0] + first.across * column * corner[1]
    )
    shape = (len(targets), int(rows), int(columns))
    _check_shape(shape)
    return Stack(tuple(ordered), at, targets, shifts - corner, shape, affine, True, tuple(notes))


def copies(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Tell repeated passes over the same places apart, such as echoes or phases.

    Frames that are the same object are dropped. Where every place occurs equally often, the
    passes are given back one by one, in the order of their instance numbers; else all as one.
    """
    seen: set[tuple[str, int]] = set()
    unique: list[Frame] = []
    for frame in frames:
        key = (frame.file.instance or frame.file.source.where, frame.index)
        if key not in seen:
            seen.add(key)
            unique.append(frame)
    first = unique[0].place
    if first.position is None or first.across is None or first.down is None:
        return [unique]
    normal = np.cross(first.across, first.down)
    at = np.array([float(np.dot(f.place.position, normal)) for f in unique])  # type: ignore[arg-type]
    order = np.argsort(at, kind="stable")
    places: list[list[Frame]] = []
    for before, index in zip([None, *order[:-1]], order, strict=True):
        if before is None or at[index] - at[before] > SAME_PLACE_MM:
            places.append([])
        places[-1].append(unique[index])
    times = {len(place) for place in places}
    if len(places) < 2 or len(times) != 1 or times == {1}:
        return [unique]
    passes = [
        sorted(place, key=lambda f: (f.file.acquisition, f.file.number, f.index))
        for place in places
    ]
    return [list(one) for one in zip(*passes, strict=True)]


def _without_places(frames: Sequence[Frame]) -> Stack:
    ordered = tuple(sorted(frames, key=lambda f: (f.file.number, f.file.source.name, f.index)))
    notes: list[str] = []
    row, column = _in_plane(ordered[0].place, notes)
    step = _thickness(ordered[0].place)
    if len(ordered) == 1:
        notes.append("The file does not say where its slice lies, so geometry cannot align it.")
    else:
        notes.append(
            "The files do not say where the slices lie; they are stacked in the order of their "
            f"numbers, {step:.4g} mm apart, and cannot be aligned by geometry."
        )
    shape = (len(ordered), *ordered[0].file.shape)
    _check_shape(shape)
    at: Vector = np.arange(len(ordered), dtype=np.float64) * step
    affine = np.diag([column, row, step, 1.0])
    return Stack(ordered, at, at, np.zeros((len(ordered), 2)), shape, affine, False, tuple(notes))


def _in_order(
    frames: Sequence[Frame], normal: Vector, notes: list[str]
) -> tuple[list[Frame], Vector]:
    along = np.array([float(np.dot(f.place.position, normal)) for f in frames])  # type: ignore[arg-type]
    order = sorted(range(len(frames)), key=lambda i: (along[i], frames[i].file.number))
    kept = [order[0]]
    for index in order[1:]:
        if along[index] - along[kept[-1]] > SAME_PLACE_MM:
            kept.append(index)
    if dropped := len(order) - len(kept):
        notes.append(
            f"{_count(dropped, 'slice')} at a place that another slice already takes "
            f"{'was' if dropped == 1 else 'were'} dropped."
        )
    return [frames[i] for i in kept], along[kept] - along[kept[0]]


def _grid(at: Vector, thickness: float | None, notes: list[str]) -> Vector:
    """Regular positions through slices that may have gaps or uneven distances."""
    if len(at) == 1:
        return at
    steps = np.diff(at)
    step = float(np.median(steps))
    # Of two slices, or of mostly missing ones, only the declared distance tells what is missing.
    if thickness and len(at) == 2 and steps[0] > 1.5 * thickness:
        step = thickness
    slack = IRREGULAR * step + SAME_PLACE_MM
    if np.abs(at - np.linspace(0, at[-1], len(at))).max() <= slack:
        return np.linspace(0, at[-1], len(at))
    missing = np.maximum(np.rint(steps / step).astype(int) - 1, 0)
    widest = int(np.argmax(missing))
    if missing[widest] > MOST_MISSING and steps[widest] > LARGE_GAP_MM:
        raise InputError(
            f"{_count(int(missing[widest]), 'slice')} in a row are missing after slice "
            f"{widest + 1} of {len(at)}, a gap of {steps[widest]:.1f} mm, which is too wide to be "
            "filled; export the series again whole."
        )
    whole = bool((np.abs(steps / step - (missing + 1)) <= 2 * IRREGULAR).all())
    if whole:
        where = ", ".join(f"{i + 1}" for i in np.flatnonzero(missing)[:5])
        filled = int(missing.sum())
        notes.append(
            f"{_count(filled, 'slice')} {'is' if filled == 1 else 'are'} missing (after slice "
            f"{where}{' and others' if np.count_nonzero(missing) > 5 else ''}) and "
            f"{'was' if filled == 1 else 'were'} filled by interpolation between the neighbours."
        )
        return np.linspace(0, at[-1], int((missing + 1).sum()) + 1)
    notes.append(
        f"The distance between slices varies from {steps.min():.4g} to {steps.max():.4g} mm; they "
        f"were interpolated onto a regular grid of {step:.4g} mm."
    )
    return np.arange(math.floor(at[-1] / step + 1e-3) + 1) * step


def _shift_note(at: Vector, within: Matrix) -> str:
    reach = float(at[-1])
    slope = within[-1] / reach if reach > 0 else np.zeros(3)
    size = float(np.linalg.norm(slope))
    if size > 0 and np.abs(within - np.outer(at, slope)).max() < 0.1 * np.abs(within).max():
        angle = math.degrees(math.atan(size))
        return (
            f"The gantry was tilted by {angle:.1f}°: the slices were moved within their planes so "
            "that they stand straight above each other."
        )
    return "The slices are offset within their planes; they were moved to where they belong."


def _in_plane(place: Place, notes: list[str]) -> tuple[float, float]:
    if place.spacing is None:
        notes.append("The files give no pixel spacing; 1 mm is assumed.")
        return 1.0, 1.0
    return place.spacing


def _thickness(place: Place) -> float:
    return place.thickness or 1.0


def _check_shape(shape: tuple[int, int, int]) -> None:
    size = math.prod(shape) * 4
    if size > MAX_DECODED_BYTES:
        raise InputError(
            f"The series makes a volume of {shape[2]} × {shape[1]} × {shape[0]} samples "
            f"({size / 2**20:.0f} MiB), more than the limit of {MAX_DECODED_BYTES // 2**20} MiB; "
            "export fewer slices."
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
