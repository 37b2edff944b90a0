"""Two single images laid on each other by a search, or by a transform that is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from imaging.errors import InputError
from imaging.image import Image
from imaging.register import Kind, register
from imaging.register_checks import Alignment
from imaging.resample import resample_image
from imaging.transform import Transform


@dataclass(frozen=True, eq=False)
class AlignedImage:
    """An MRI on the pixels of its CT.

    Attributes:
        mri: what lay outside it has its lowest value; its last notes say what was done.
        transform: from the CT's mm to the MRI's, middle on middle at the start.
        alignment: what the search found and its verdict; None where the transform was given.
    """

    mri: Image
    transform: Transform
    alignment: Alignment | None


def align_images(
    ct: Image,
    mri: Image,
    kind: Kind = "rigid",
    transform: Transform | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> AlignedImage:
    """Move an MRI within its plane onto its CT.

    Args:
        ct: whose pixels count.
        mri: the image to move.
        kind: "rigid" turns and moves; "affine" also stretches and shears.
        transform: taken instead of a search.
        progress: told the share that is done of a search.
        cancelled: asked during a search.

    Raises:
        InputError: one shows nothing at all, or the transform is one of volumes.
        Cancelled: `cancelled` said so.
    """
    alignment = None
    if transform is None:
        alignment = register(ct, mri, kind, progress, cancelled)
        transform, sentence = alignment.transform, alignment.sentence
    elif transform.dimension != 2:
        raise InputError("The transform is one of volumes; choose one of images, with two axes.")
    else:
        sentence = f"Laid on the CT by the transform of a file: {transform.describe()}."
    moved = resample_image(mri, ct, transform)
    return AlignedImage(replace(moved, notes=(*moved.notes, sentence)), transform, alignment)
