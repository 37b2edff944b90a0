"""The frames of one DICOM series -> one `Volume` in true units."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from imaging.decode import decode_frame, decode_frames, frame_count
from imaging.dicom_file import open_dicom
from imaging.dicom_values import Values, mirrored, true_values
from imaging.errors import InputError
from imaging.quiet import quiet
from imaging.stacking import Frame, Stack
from imaging.volume import Volume
from imaging.windowing import Window

NEAR = 0.05
"""Share of the spacing within which a slice counts as lying on a place of the grid."""


def read_stack(stack: Stack, name: str, progress: Callable[[float], None] | None = None) -> Volume:
    """Decode a planned stack, slice by slice.

    Rescaling comes first, slice by slice; padding becomes the smallest other value; MONOCHROME1
    is inverted together with its window; colour becomes luminance.

    Args:
        stack: what `plan_stack` made.
        name: a name for messages that tells nothing of the patient.
        progress: told the share that is done, in (0, 1].

    Raises:
        InputError: a file is damaged, truncated, over a limit or cannot be decoded.
    """
    heights, rows, columns = len(stack.frames), stack.shape[1], stack.shape[2]
    voxels = np.full((heights, rows, columns), np.nan, np.float32)
    notes: list[str] = list(stack.notes)
    windows: dict[int, Window | None] = {}
    whites: set[float | None] = set()
    units: set[str] = set()
    padded = bad = 0
    for done, (at, values) in enumerate(_values(stack.frames), 1):
        pixels, outside = values.pixels, values.padding & np.isfinite(values.pixels)
        bad += int(np.count_nonzero(~np.isfinite(pixels)))
        padded += int(np.count_nonzero(outside))
        # NaN marks what has no value until the smallest value of the whole volume is known.
        pixels = np.where(outside | ~np.isfinite(pixels), np.float32(np.nan), pixels)
        _lay(voxels[at], pixels, stack.shifts[at])
        windows[at] = values.window
        whites.add(values.white)
        units.add(values.unit)
        notes.extend(note for note in values.notes if note not in notes)
        if progress is not None:
            progress(done / heights)
    empty = np.isnan(voxels)
    if empty.all():
        raise InputError(f"{name} has no sample with a finite value; export it again.")
    low = np.float32(np.nanmin(voxels))
    beyond = bool(empty.any())
    if beyond:
        voxels[empty] = low
    del empty
    if padded:
        notes.append(
            f"{padded} padding samples outside the scan were set to the smallest value, {low:g}."
        )
    if bad:
        notes.append(
            f"{bad} sample{'' if bad == 1 else 's'} without a finite value (NaN or infinity) "
            "were set to the minimum."
        )
    voxels = _regular(voxels, stack)
    window = windows[heights // 2]
    if len(set(windows.values())) > 1:
        notes.append("The window differs from slice to slice; that of the middle slice is used.")
    value_range = (float(voxels.min()), float(voxels.max()))
    white = next(iter(whites)) if len(whites) == 1 else None
    if white is not None:
        value_range = (0.0, white)
    file = stack.frames[0].file
    unit = next(iter(units)) if len(units) == 1 else "grey"
    padding: float | None = float(low) if beyond else None
    if file.inverted:
        total = sum(value_range)
        np.subtract(np.float32(total), voxels, out=voxels)
        window = None if window is None else mirrored(window, total)
        unit, padding = "grey", None if padding is None else total - padding
        notes.append("The images were inverted because the files store white as 0 (MONOCHROME1).")
    return Volume(
        voxels=voxels,
        affine=stack.affine,
        value_range=value_range,
        unit=unit,
        modality=file.modality if file.modality in ("CT", "MR") else None,
        name=name,
        notes=tuple(notes),
        window=window,
        padding=padding,
        body_part=file.body_part,
        origin=file.origin,
    )


def _values(frames: tuple[Frame, ...]) -> Iterator[tuple[int, Values]]:
    """Every frame's place in the stack and its values, each file opened once."""
    files: dict[int, dict[int, int]] = {}
    for at, frame in enumerate(frames):
        files.setdefault(id(frame.file), {})[frame.index] = at
    for wanted in files.values():
        source = frames[next(iter(wanted.values()))].file.source
        with quiet():
            dataset = open_dicom(source.load(), source.name)
            decoded = (
                enumerate(decode_frames(dataset, source.name))
                if frame_count(dataset) > 1
                else [(0, decode_frame(dataset, 0, source.name))]
            )
            for index, stored in decoded:
                if index in wanted:
                    try:
                        values = true_values(dataset, stored, index)
                    except Exception:
                        raise InputError(
                            f"{source.name} is a damaged DICOM file: its rescaling or palette "
                            "cannot be read; export it again."
                        ) from None
                    yield wanted[index], values


def _lay(
    canvas: NDArray[np.float32], pixels: NDArray[np.float32], shift: NDArray[np.float64]
) -> None:
    """Lay a slice onto a canvas, shifted by rows and columns, linearly between pixels."""
    (down, across), (row, column) = np.floor(shift + 1e-6).astype(int), shift
    height, width = pixels.shape
    parts = np.float32(max(row - down, 0)), np.float32(max(column - across, 0))
    if max(parts) < 1e-3:
        canvas[down : down + height, across : across + width] = pixels
        return
    for axis, part in enumerate(parts):
        if part < 1e-3:
            continue
        edge = [(1, 1) if i == axis else (0, 0) for i in (0, 1)]
        grown = np.pad(pixels, edge, mode="edge")
        ends = grown.shape[axis]
        before = grown.take(range(ends - 1), axis)
        after = grown.take(range(1, ends), axis)
        pixels = np.asarray(part * before + (1 - part) * after, np.float32)
    height, width = pixels.shape
    canvas[down : down + height, across : across + width] = pixels


def _regular(voxels: NDArray[np.float32], stack: Stack) -> NDArray[np.float32]:
    """Interpolate linearly onto the regular positions; slices that lie on one are copied."""
    if len(stack.targets) == len(stack.at) and len(stack.at) < 2:
        return voxels
    step = stack.targets[1] - stack.targets[0] if len(stack.targets) > 1 else 1.0
    if len(stack.targets) == len(stack.at) and (
        np.abs(stack.targets - stack.at).max() <= NEAR * step
    ):
        return voxels
    out = np.empty((len(stack.targets), *voxels.shape[1:]), np.float32)
    for index, target in enumerate(stack.targets):
        nearest = int(np.argmin(np.abs(stack.at - target)))
        if abs(stack.at[nearest] - target) <= NEAR * step:
            out[index] = voxels[nearest]
            continue
        after = int(np.searchsorted(stack.at, target))
        part = (target - stack.at[after - 1]) / (stack.at[after] - stack.at[after - 1])
        out[index] = voxels[after - 1] + np.float32(part) * (voxels[after] - voxels[after - 1])
    return out
