"""One image on the grid of another, by where their files place them and a transform."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.image import Image
from imaging.transform import Matrix, Transform
from imaging.volume import Volume, same_grid

Interpolation = Literal["linear", "nearest", "cubic"]
INTERPOLATIONS: tuple[Interpolation, ...] = ("linear", "nearest", "cubic")

THREADS = 2
_SLAB = 8 * 1024 * 1024
"""Samples that are resampled at once: what the work needs beyond input and output."""


@dataclass(frozen=True, eq=False)
class Placed:
    """Samples with their place: what images and volumes have in common.

    Args:
        values: float32, (H, W) or (K, H, W).
        affine: (n + 1, n + 1), from (column, row[, slice], 1) to mm.
    """

    values: NDArray[np.float32]
    affine: Matrix

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance of neighbours along x, y[, z] of the grid, mm."""
        return np.asarray(np.linalg.norm(self.affine[:-1, :-1], axis=0), np.float64)

    @property
    def size(self) -> NDArray[np.float64]:
        """Samples along x, y[, z]."""
        return np.array(self.values.shape[::-1], np.float64)

    @property
    def middle(self) -> NDArray[np.float64]:
        """Centre of the grid, mm."""
        return np.asarray((self.affine @ (*((self.size - 1) / 2), 1))[:-1], np.float64)

    def binned(self, factors: NDArray[np.intp]) -> "Placed":
        """Average blocks of so many samples along x, y[, z]; the grid follows."""
        values, affine = self.values, self.affine.copy()
        for axis, factor in enumerate(int(f) for f in factors):
            if factor <= 1:
                continue
            dim = values.ndim - 1 - axis
            starts = np.arange(0, values.shape[dim], factor)
            counts = np.minimum(starts + factor, values.shape[dim]) - starts
            shape = [-1 if d == dim else 1 for d in range(values.ndim)]
            sums = np.add.reduceat(values, starts, dim, dtype=np.float32)
            values = np.divide(sums, counts.reshape(shape), dtype=np.float32)
            affine[:-1, -1] += affine[:-1, axis] * (factor - 1) / 2
            affine[:-1, axis] *= factor
        return Placed(values, affine)

    def coarse(self, spacing: float) -> "Placed":
        """The same at about a spacing in mm, by averaging; no axis keeps fewer than 8 samples."""
        factors = np.maximum(1, np.round(spacing / self.spacing))
        factors = np.minimum(factors, np.maximum(1, self.size // 8))
        return self.binned(factors.astype(np.intp))


@dataclass(frozen=True, eq=False)
class Resampled:
    """A volume on another's grid.

    Attributes:
        volume: the moved samples; where there are none, the lowest value.
        overlap: share of the grid that the moving volume's field of view covers, 0 to 1.
        notice: what was done, in one sentence; also the last of the volume's notes where anything
            was done.
    """

    volume: Volume
    overlap: float
    notice: str


def place(image: Image | Volume) -> Placed:
    """Samples and their place; an image without a spacing has pixels of 1 mm.

    An image lies with its middle at the origin, because its file tells no position.
    """
    if isinstance(image, Volume):
        return Placed(image.voxels, image.affine)
    row, column = image.spacing or (1.0, 1.0)
    affine = np.diag((column, row, 1.0))
    rows, columns = image.shape
    affine[:2, 2] = -column * (columns - 1) / 2, -row * (rows - 1) / 2
    return Placed(image.pixels, affine)


def resample(
    moving: Volume,
    onto: Volume,
    transform: Transform | None = None,
    interpolation: Interpolation = "linear",
) -> Resampled:
    """Put a volume on the grid of another.

    A moving volume that is finer than the grid is averaged first, or it would alias. Padding and
    what lies outside the field of view become the lowest value that is not padding.

    Args:
        moving: the volume to move.
        onto: the volume whose grid counts; its samples are not used.
        transform: from `onto` to `moving` in mm; None lays both as their files place them.
        interpolation: "linear"; "nearest" for labels; "cubic", held to the volume's range.

    Raises:
        InputError: the two do not overlap anywhere.
    """
    still = transform is None or np.allclose(transform.matrix, np.eye(4), atol=1e-9)
    if still and same_grid(moving, onto):
        return Resampled(moving, 1.0, "Both volumes share one grid; no alignment is needed.")
    link = (transform.matrix if transform else np.eye(4)) @ onto.affine
    overlap = coverage(link, onto.shape, place(moving))
    if overlap == 0:
        raise InputError(
            f"{moving.name} and {onto.name} have no place in common as they lie; register them, "
            "or choose two series of the same body part."
        )
    source, low = without_padding(moving)
    voxels = sample(Placed(source, moving.affine), link, onto.shape, low, interpolation)
    slices, rows, columns = onto.shape
    spacing = " × ".join(f"{mm:.3g}" for mm in onto.spacing[::-1])
    notice = (
        f"{moving.name} was resampled onto the grid of {onto.name} ({columns} × {rows} × {slices}, "
        f"{spacing} mm) by {_WORDS[interpolation]}"
    )
    if transform is not None and not still:
        notice += f", {transform.describe()}"
    notice += "." if overlap > 0.995 else f", and covers {100 * overlap:.0f} % of it."
    volume = replace(
        moving,
        voxels=voxels,
        affine=onto.affine.copy(),
        notes=(*moving.notes, notice),
        padding=None,
        origin=replace(moving.origin, frame_of_reference=onto.origin.frame_of_reference),
    )
    return Resampled(volume, overlap, notice)


def resample_image(
    moving: Image,
    onto: Image,
    transform: Transform | None = None,
    interpolation: Interpolation = "linear",
) -> Image:
    """Put an image on the grid of another, middle on middle before the transform."""
    target = place(onto)
    link = (transform.matrix if transform else np.eye(3)) @ target.affine
    low = float(moving.pixels.min())
    pixels = sample(place(moving), link, onto.shape, low, interpolation)
    notice = f"Laid on {onto.name} by {_WORDS[interpolation]}"
    if transform is not None:
        notice += f", {transform.describe()}"
    notes = (*moving.notes, f"{notice}.")
    return replace(
        moving, pixels=pixels, spacing=onto.spacing, orientation=onto.orientation, notes=notes
    )


_WORDS: dict[Interpolation, str] = {
    "linear": "linear interpolation",
    "nearest": "the nearest sample",
    "cubic": "cubic interpolation",
}


def coverage(link: Matrix, shape: tuple[int, ...], moving: Placed) -> float:
    """Share of a grid that lies in the field of view of the moving samples.

    Args:
        link: from the grid's (column, row[, slice], 1) to mm in the moving image.
        shape: of the grid, (H, W) or (K, H, W).
        moving: what is to cover it.
    """
    axes = [np.unique(np.linspace(0, n - 1, min(n, 64))) for n in shape[::-1]]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], -1)
    return float(inside(link, points, moving).mean())


def inside(link: Matrix, points: NDArray[np.float64], moving: Placed) -> NDArray[np.bool_]:
    """Which (n, dimension) points of a grid lie in the field of view of the moving samples."""
    index = np.linalg.inv(moving.affine) @ link
    where = points @ index[:-1, :-1].T + index[:-1, -1]
    held = (where >= -0.5 - 1e-6) & (where <= moving.size - 0.5 + 1e-6)
    return np.asarray(held.all(-1), np.bool_)


def sample(
    moving: Placed,
    link: Matrix,
    shape: tuple[int, ...],
    low: float,
    interpolation: Interpolation = "linear",
) -> NDArray[np.float32]:
    """Interpolate at the points of a grid.

    Args:
        moving: the samples.
        link: from the grid's (column, row[, slice], 1) to mm in the moving image.
        shape: of the grid, (H, W) or (K, H, W).
        low: value outside the field of view.
        interpolation: see `resample`.
    """
    sitk = itk()
    index = np.linalg.inv(moving.affine) @ link
    if interpolation != "nearest":
        steps = np.floor(np.abs(index[:-1, :-1]).max(1) + 0.05).astype(np.intp)
        moving = moving.binned(np.clip(steps, 1, moving.size.astype(np.intp)))
        index = np.linalg.inv(moving.affine) @ link
    # All geometry goes into the transform between indices, so sheared and mirrored grids work.
    size = len(shape)
    step = sitk.AffineTransform(size)
    step.SetMatrix(index[:-1, :-1].ravel().tolist())
    step.SetTranslation(index[:-1, -1].tolist())
    source = sitk.GetImageFromArray(np.ascontiguousarray(moving.values))
    worker = sitk.ResampleImageFilter()
    worker.SetNumberOfThreads(THREADS)
    worker.SetTransform(step)
    worker.SetInterpolator(_interpolator(sitk, interpolation, min(moving.values.shape)))
    worker.SetDefaultPixelValue(low)
    worker.SetOutputDirection(np.eye(size).ravel().tolist())
    worker.SetOutputSpacing((1.0,) * size)
    result = np.empty(shape, np.float32)
    count = max(1, _SLAB // int(np.prod(shape[1:])))
    for first in range(0, shape[0], count):
        last = min(first + count, shape[0])
        worker.SetSize([int(n) for n in (*shape[:0:-1], last - first)])
        worker.SetOutputOrigin((*(0.0,) * (size - 1), float(first)))
        piece = worker.Execute(source)
        result[first:last] = sitk.GetArrayViewFromImage(piece)
    if interpolation == "cubic":
        bottom, top = float(moving.values.min()), float(moving.values.max())
        np.clip(result, min(low, bottom), top, out=result)
    return result


def itk() -> Any:
    """SimpleITK, imported when it is needed; it carries no types."""
    import SimpleITK

    return SimpleITK


def _interpolator(sitk: Any, name: Interpolation, shortest: int) -> Any:
    if name == "nearest":
        return sitk.sitkNearestNeighbor
    # ITK's spline refuses axes of fewer than four samples.
    return sitk.sitkBSpline if name == "cubic" and shortest >= 4 else sitk.sitkLinear


def without_padding(volume: Volume) -> tuple[NDArray[np.float32], float]:
    """Samples with padding put to the lowest value that is none, and that value."""
    if volume.padding is None:
        return volume.voxels, float(volume.voxels.min())
    pad = volume.voxels == np.float32(volume.padding)
    if not pad.any() or pad.all():
        return volume.voxels, float(volume.voxels.min())
    low = float(volume.voxels.min(where=~pad, initial=np.inf))
    return np.where(pad, np.float32(low), volume.voxels), low
