"""Planes: where left, right, head and feet lie in the pictures of a volume."""

import itertools

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.planes import (
    PLANES,
    Plane,
    native_plane,
    plane_axes,
    plane_count,
    slice_image,
    source_slice,
)
from imaging.volume import Volume

LETTERS = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}


def marked(order: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """A volume whose values are x + 100 y + 10000 z of the patient, on a turned grid."""
    sizes = np.array((4, 5, 6))  # samples along x, y, z
    affine = np.eye(4)
    affine[:3, :3] = 0
    shape = []
    for k, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        affine[axis, k] = sign
        if sign < 0:
            affine[axis, 3] = sizes[axis] - 1
        shape.append(int(sizes[axis]))
    column, row, slice_ = (np.arange(n) for n in shape)
    z, y, x = np.meshgrid(slice_, row, column, indexing="ij")
    points = np.stack((x, y, z, np.ones_like(x)), -1) @ affine.T
    voxels = (points[..., :3] @ np.array((1, 100, 10000))).astype(np.float32)
    return Volume(voxels, affine, (0.0, 60000.0))


GRIDS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in ((1, 1, 1), (-1, 1, -1), (-1, -1, 1))
]


@pytest.mark.parametrize(("order", "signs"), GRIDS)
def test_every_grid_gives_the_same_pictures(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    """However a grid is turned, left is on the right, the head is up and the face looks left."""
    volume = marked(order, signs)
    axial = slice_image(volume, "axial", 0).pixels
    coronal = slice_image(volume, "coronal", 0).pixels
    sagittal = slice_image(volume, "sagittal", 0).pixels
    assert (np.diff(axial, axis=1) == 1).all()
    assert (np.diff(axial, axis=0) == 100).all()
    assert (np.diff(coronal, axis=1) == 1).all()
    assert (np.diff(coronal, axis=0) == -10000).all()
    assert (np.diff(sagittal, axis=1) == 100).all()
    assert (np.diff(sagittal, axis=0) == -10000).all()
    for plane in PLANES:
        image = slice_image(volume, plane, 1)
        assert "".join(image.orientation or ()) == LETTERS[plane]


@pytest.mark.parametrize(("order", "signs"), GRIDS)
@pytest.mark.parametrize("plane", PLANES)
def test_pixels_and_voxels_find_each_other(
    plane: Plane, order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    """A pixel's voxel has its value, and the voxel's pixel is where it came from."""
    volume = marked(order, signs)
    axes = plane_axes(volume.affine, plane)
    index, row, column = 2, 1, 3
    voxel = axes.voxel(index, row, column, volume.shape)
    assert slice_image(volume, plane, index).pixels[row, column] == volume.voxels[voxel]
    assert axes.pixel(voxel, volume.shape) == (index, row, column)
    place = axes.affine(volume.affine, volume.shape) @ (column, row, index, 1)
    assert place[:3] @ np.array((1, 100, 10000)) == volume.voxels[voxel]


def test_spacing_follows_the_plane() -> None:
    """Rows and columns of each plane have the millimetres of their axes; order is kept."""
    volume = Volume(np.zeros((3, 4, 5), np.float32), np.diag((0.5, 0.7, 2.0, 1.0)), (0.0, 1.0))
    spacings = {plane: slice_image(volume, plane, 0).spacing for plane in PLANES}
    assert spacings == {"axial": (0.7, 0.5), "coronal": (2.0, 0.5), "sagittal": (2.0, 0.7)}
    assert [plane_count(volume, plane) for plane in PLANES] == [3, 4, 5]
    assert native_plane(volume) == "axial"
    assert source_slice(volume, "axial", 2) == 2
    assert source_slice(volume, "coronal", 2) is None


def test_an_oblique_volume_is_cut_along_its_own_grid() -> None:
    """Turned by 25 degrees about the left-right axis, axial still means the grid's slices."""
    turn = np.eye(4)
    angle = np.radians(25)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = Volume(np.zeros((3, 4, 5), np.float32), turn, (0.0, 1.0))
    assert native_plane(volume) == "axial"
    assert slice_image(volume, "axial", 0).orientation == ("R", "L", "AF", "PH")


def test_a_picture_that_is_not_there_is_refused() -> None:
    """A slice beyond the last, or a plane by another name, is one sentence."""
    volume = Volume(np.zeros((3, 4, 5), np.float32), np.eye(4), (0.0, 1.0))
    with pytest.raises(InputError, match="no axial slice 4; choose 1 to 3"):
        slice_image(volume, "axial", 3)
    with pytest.raises(InputError, match="axial, coronal, sagittal"):
        slice_image(volume, "oblique", 0)  # type: ignore[arg-type]
