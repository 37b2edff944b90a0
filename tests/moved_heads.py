"""A head of ellipsoids that can be sampled anywhere, so that a moved one is exact."""

import numpy as np
from numpy.typing import NDArray

from imaging.image import Image
from imaging.transform import Transform, rigid
from imaging.volume import Volume

CENTRE = (4.0, -6.0, 10.0)

# middle and radii in mm, HU, MR signal; later ones lie on top
_PARTS = (
    ((0, 0, 0), (76, 96, 92), 40, 700),  # skin
    ((0, 0, 0), (70, 90, 86), 1100, 60),  # skull
    ((0, 2, 0), (64, 83, 79), 32, 420),  # grey matter
    ((22, 4, 8), (36, 62, 52), 28, 560),  # white matter, left
    ((-24, 0, 10), (34, 66, 50), 28, 560),  # and right, not its mirror image
    ((9, -6, 6), (7, 26, 14), 6, 150),  # ventricles
    ((-11, -2, 8), (9, 30, 13), 6, 150),
    ((32, -86, -22), (14, 12, 14), 12, 180),  # eyes
    ((-32, -86, -22), (14, 12, 14), 12, 180),
    ((0, -100, -36), (12, 14, 20), 45, 650),  # nose
    ((34, 22, 28), (12, 10, 11), 45, 260),  # a lesion
    ((-20, 46, -48), (26, 24, 20), 36, 500),  # cerebellum, one half
    ((30, 40, -60), (10, 22, 16), -900, 5),  # air cells
)


def tissue(points: NDArray[np.float64], modality: str) -> NDArray[np.float32]:
    """The value at each (..., 3) point in mm."""
    values = np.full(points.shape[:-1], -1000.0 if modality == "CT" else 4.0)
    for middle, radii, hu, signal in _PARTS:
        inside = (((points - middle) / np.array(radii)) ** 2).sum(-1) < 1
        values[inside] = hu if modality == "CT" else signal
    return values.astype(np.float32)


def head(
    modality: str,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    transform: Transform | None = None,
    middle: tuple[float, float, float] = (0.0, 0.0, 0.0),
    seed: int = 0,
) -> Volume:
    """The head on a grid, or the head that is found by a transform of the points.

    Args:
        modality: "CT" or "MR".
        shape: slices, rows, columns.
        spacing: of slices, rows and columns, mm.
        transform: where the tissue of each point is taken from.
        middle: of the grid, LPS mm.
        seed: of the noise.
    """
    affine = np.diag((*spacing[::-1], 1.0))
    affine[:3, 3] = middle - affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    axes = [np.arange(float(n)) for n in shape]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), -1)[..., ::-1]
    points = index @ affine[:3, :3].T + affine[:3, 3]
    if transform is not None:
        points = transform.points(points.reshape(-1, 3)).reshape(points.shape)
    voxels = tissue(points, modality)
    noise = np.random.default_rng(seed).normal(0, 8, shape).astype(np.float32)
    unit = "HU" if modality == "CT" else "grey"
    voxels += noise
    return Volume(
        voxels, affine, (float(voxels.min()), float(voxels.max())), unit, modality, modality
    )


def slice_of(volume: Volume, level: int) -> Image:
    """One axial slice as an image."""
    pixels = volume.voxels[level]
    return Image(
        pixels, (float(pixels.min()), float(pixels.max())), volume.unit, volume.spacing[1:],
        volume.modality, volume.name,
    )  # fmt: skip


def motion(seed: int, most_deg: float = 15.0, most_mm: float = 30.0) -> Transform:
    """A motion in a random direction, of at least a third of the most allowed."""
    rng = np.random.default_rng(seed)
    axis, way = rng.normal(size=(2, 3))
    axis *= most_deg * rng.uniform(1 / 3, 1) / np.linalg.norm(axis)
    way *= most_mm * rng.uniform(1 / 3, 1) / np.linalg.norm(way)
    return rigid(tuple(way), tuple(axis), CENTRE)


def body_points() -> NDArray[np.float64]:
    """Points of the head, every 8 mm."""
    axis = np.arange(-96.0, 97.0, 8.0)
    grid = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3)
    return grid[tissue(grid, "CT") > -500]


def errors(truth: Transform, found: Transform) -> tuple[float, float]:
    """Mean distance in mm over the head between right and found places, and degrees between."""
    rest = Transform(truth.matrix @ found.matrix)
    apart = rest.points(body_points()) - body_points()
    return float(np.linalg.norm(apart, axis=1).mean()), rest.rotation_deg
