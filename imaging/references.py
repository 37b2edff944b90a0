"""Which files of a series a slice of another grid was made from."""

import itertools

import numpy as np

from imaging.dicom_write import Source
from imaging.stacking import Stack
from imaging.volume import Matrix


def references(
    stack: Stack, affine: Matrix, shape: tuple[int, ...]
) -> tuple[tuple[Source, ...], ...]:
    """Name the source images of every slice of a grid.

    A slice was made from the images that it lies between: from the one it lies on, from the two
    around it, and from all that it cuts through where the grid is oblique to the series.

    Args:
        stack: how the files became a volume.
        affine: (4, 4), from the grid's (column, row, slice, 1) to mm in the series.
        shape: of the grid, (K, H, W).

    Returns:
        One tuple for each slice; empty ones where the files have no identifiers.
    """
    normal = stack.affine[:3, 2] / np.linalg.norm(stack.affine[:3, 2])
    at = stack.at
    named = [
        Source(frame.file.sop_class, frame.file.instance)
        if frame.file.sop_class and frame.file.instance
        else None
        for frame in stack.frames
    ]
    slices, rows, columns = shape
    corners = np.array(
        [(x, y, 0, 1) for x, y in itertools.product((0, columns - 1), (0, rows - 1))], float
    )
    found = []
    for k in range(slices):
        corners[:, 2] = k
        heights = ((corners @ affine.T)[:, :3] - stack.affine[:3, 3]) @ normal
        first, last = _around(at, float(heights.min())), _around(at, float(heights.max()))
        used = range(first[0], last[1] + 1)
        # A file with several frames is one object, to be named once.
        found.append(tuple(dict.fromkeys(s for i in used if (s := named[i]) is not None)))
    return tuple(found)


def _around(at: np.ndarray, height: float) -> tuple[int, int]:
    """The places below and above a height; the same one twice where it lies on it or outside."""
    nearest = int(np.argmin(np.abs(at - height)))
    step = float(np.median(np.diff(at))) if len(at) > 1 else 1.0
    if abs(at[nearest] - height) <= 0.05 * step or not at[0] <= height <= at[-1]:
        return nearest, nearest
    above = int(np.searchsorted(at, height))
    return above - 1, above
