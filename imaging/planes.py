"""Axial, coronal and sagittal pictures of a volume, laid as radiologists look at them."""

import itertools
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.image import Image
from imaging.orientation import edge_letters
from imaging.volume import Matrix, Volume

Plane = Literal["axial", "coronal", "sagittal"]
PLANES: tuple[Plane, ...] = ("axial", "coronal", "sagittal")

S = TypeVar("S", bound=np.generic)

# Per plane: the patient's axes (0 left, 1 back, 2 head) through the pictures, down and across
# them, and whether these two grow as the axis does. The patient's left is on the right, the head
# is up, and in sagittal pictures the face looks to the left.
_LAID: dict[Plane, tuple[int, tuple[int, int], tuple[int, int]]] = {
    "axial": (2, (1, 1), (0, 1)),
    "coronal": (1, (2, -1), (0, 1)),
    "sagittal": (0, (2, -1), (1, 1)),
}


@dataclass(frozen=True)
class Axes:
    """How the pictures of one plane lie in an array of (slice, row, column).

    Attributes:
        through: axis of the array along which the pictures follow each other, in its own order.
        down: axis that runs down a picture; across: the one that runs to its right.
        down_flipped: the picture runs against the array there; across_flipped likewise.
    """

    through: int
    down: int
    across: int
    down_flipped: bool
    across_flipped: bool

    def stack(self, voxels: NDArray[S]) -> NDArray[S]:
        """The array as (picture, row, column) of the plane: a view, nothing is copied."""
        view = voxels.transpose(self.through, self.down, self.across)
        return view[:, :: -1 if self.down_flipped else 1, :: -1 if self.across_flipped else 1]

    def affine(self, affine: Matrix, shape: tuple[int, ...]) -> Matrix:
        """From (column, row, picture, 1) of the stack to mm.

        Args:
            affine: (4, 4), from (column, row, slice, 1) of the array.
            shape: of the array, (K, H, W).
        """
        turned = np.eye(4)
        origin = affine[:, 3].copy()
        for to, axis, flipped in (
            (0, self.across, self.across_flipped),
            (1, self.down, self.down_flipped),
            (2, self.through, False),
        ):
            step = affine[:3, 2 - axis]
            turned[:3, to] = -step if flipped else step
            if flipped:
                origin[:3] += step * (shape[axis] - 1)
        turned[:3, 3] = origin[:3]
        return turned

    def voxel(
        self, index: int, row: int, column: int, shape: tuple[int, ...]
    ) -> tuple[int, int, int]:
        """The (slice, row, column) of the array that a pixel of a picture shows."""
        where = [0, 0, 0]
        where[self.through] = index
        where[self.down] = shape[self.down] - 1 - row if self.down_flipped else row
        where[self.across] = shape[self.across] - 1 - column if self.across_flipped else column
        return where[0], where[1], where[2]

    def pixel(self, voxel: tuple[int, int, int], shape: tuple[int, ...]) -> tuple[int, int, int]:
        """The (picture, row, column) that shows a voxel: the way back of :meth:`voxel`."""
        row, column = voxel[self.down], voxel[self.across]
        return (
            voxel[self.through],
            shape[self.down] - 1 - row if self.down_flipped else row,
            shape[self.across] - 1 - column if self.across_flipped else column,
        )


def plane_axes(affine: Matrix, plane: Plane) -> Axes:
    """How the pictures of a plane lie in a grid; of an oblique grid, those nearest to it.

    Raises:
        InputError: no such plane.
    """
    if plane not in _LAID:
        raise InputError(f"Unknown plane '{plane}'; valid: {', '.join(PLANES)}.")
    patient = _patient_axes(affine)
    through, down, across = _LAID[plane]
    grid = [patient.index(axis) for axis in range(3)]  # of each patient axis, the grid's axis

    def turned(laid: tuple[int, int]) -> bool:
        axis, sign = laid
        return bool(affine[axis, grid[axis]] * sign < 0)

    # Columns of an affine run (column, row, slice), axes of an array the other way round.
    return Axes(
        2 - grid[through], 2 - grid[down[0]], 2 - grid[across[0]], turned(down), turned(across)
    )


def native_plane(volume: Volume) -> Plane:
    """The plane in which the volume's own slices lie, or nearly so."""
    return next(p for p in PLANES if plane_axes(volume.affine, p).through == 0)


def plane_count(volume: Volume, plane: Plane) -> int:
    """How many pictures of a plane a volume has."""
    return volume.shape[plane_axes(volume.affine, plane).through]


def slice_image(volume: Volume, plane: Plane, index: int) -> Image:
    """One picture of a volume, in its own units.

    Args:
        volume: the volume.
        plane: of an oblique volume the plane of its grid nearest to this one is taken.
        index: from 0, in the order of the grid.

    Raises:
        InputError: there is no such plane or picture.
    """
    axes = plane_axes(volume.affine, plane)
    pictures = axes.stack(volume.voxels)
    check_index(index, len(pictures), plane)
    affine = axes.affine(volume.affine, volume.shape)
    steps = np.linalg.norm(affine[:3, :2], axis=0)
    cosines = [float(value) for value in (affine[:3, :2] / steps).T.ravel()]
    return Image(
        pixels=np.ascontiguousarray(pictures[index]),
        value_range=volume.value_range,
        unit=volume.unit,
        spacing=(float(steps[1]), float(steps[0])),
        modality=volume.modality,
        name=volume.name,
        window=volume.window,
        orientation=edge_letters(cosines),
    )


def source_slice(volume: Volume, plane: Plane, index: int) -> int | None:
    """Which slice of the grid a picture is, from 0; None where it cuts through all of them."""
    check_index(index, plane_count(volume, plane), plane)
    return index if plane_axes(volume.affine, plane).through == 0 else None


def check_index(index: int, count: int, plane: Any) -> None:
    """Refuse a picture that is not there.

    Raises:
        InputError: it is not there.
    """
    if not 0 <= index < count:
        raise InputError(f"There is no {plane} slice {index + 1}; choose 1 to {count}.")


def _patient_axes(affine: Matrix) -> tuple[int, ...]:
    """For column, row and slice of a grid the patient's axis that each runs along most nearly."""
    directions = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    return max(
        itertools.permutations(range(3)),
        key=lambda order: float(np.prod([directions[axis, k] for k, axis in enumerate(order)])),
    )
