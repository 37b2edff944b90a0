"""How the two volumes lie under a transform that was not applied yet: one slice of each."""

from dataclasses import replace

import numpy as np

from imaging.image import Image
from imaging.planes import Plane, plane_axes, slice_image
from imaging.resample import Interpolation, Placed, sample, without_padding
from imaging.transform import Transform
from imaging.volume import Volume
from pipelines.volume_pair import Onto


def laid(
    volumes: tuple[Volume, Volume],
    onto: Onto,
    transform: Transform,
    plane: Plane,
    index: int,
    interpolation: Interpolation = "linear",
) -> tuple[Image, Image]:
    """One slice of the CT and of the MRI on the grid of one of them.

    Args:
        volumes: CT and MRI as they were read.
        onto: whose grid counts.
        transform: from the CT's mm to the MRI's.
        plane: of the grid.
        index: of the slice, from 0.
        interpolation: of the other volume.

    Raises:
        InputError: there is no such slice.
    """
    ct, mri = volumes
    grid, moving = (ct, mri) if onto == "ct" else (mri, ct)
    fixed = slice_image(grid, plane, index)
    link = transform if onto == "ct" else transform.inverse()
    affine = plane_axes(grid.affine, plane).affine(grid.affine, grid.shape)
    affine[:3, 3] += index * affine[:3, 2]
    source, low = without_padding(moving)
    rows, columns = fixed.shape
    found = sample(
        Placed(source, moving.affine), link.matrix @ affine, (1, rows, columns), low, interpolation
    )
    other = replace(
        fixed,
        pixels=np.ascontiguousarray(found[0]),
        value_range=moving.value_range,
        unit=moving.unit,
        modality=moving.modality,
        name=moving.name,
        window=moving.window,
    )
    return (fixed, other) if onto == "ct" else (other, fixed)
