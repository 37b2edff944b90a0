"""Colour, transparency and orientation of decoded pixels -> one upright grey channel."""

import numpy as np
from numpy.typing import NDArray

LUMINANCE = (0.299, 0.587, 0.114)
"""Weights of red, green and blue. Reference: ITU-R BT.601."""


def to_grey(
    array: NDArray[np.generic], full: float, *, alpha: bool = False
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Make one float32 channel of what a decoder gave.

    Args:
        array: (H, W) or (H, W, C) with C = 1, 3, plus one more where `alpha`; red first.
        full: the value of full opacity and of white, such as 255.
        alpha: the last channel is opacity, not premultiplied.

    Returns:
        (H, W) float32 in the array's own range, and notes for the user.
    """
    notes: list[str] = []
    planes = array[..., None] if array.ndim == 2 else array
    colours = planes.shape[2] - int(alpha)
    if colours == 1:
        grey = planes[..., 0].astype(np.float32)
    elif _same(planes[..., 0], planes[..., 1]) and _same(planes[..., 0], planes[..., 2]):
        grey = planes[..., 0].astype(np.float32)  # grey stored as colour: exact, nothing to tell
    else:
        grey = np.zeros(planes.shape[:2], np.float32)
        for index, weight in enumerate(LUMINANCE):
            grey += np.float32(weight) * planes[..., index].astype(np.float32)
        notes.append("Colour was converted to luminance.")
    if alpha:
        opacity = planes[..., colours]
        if (opacity != full).any():
            grey *= opacity.astype(np.float32) / np.float32(full)
            notes.append("Transparency was composited on black.")
    return grey, tuple(notes)


def _same(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    return bool(np.array_equal(a, b))


def turn(array: NDArray[np.generic], orientation: int) -> NDArray[np.generic]:
    """Set an image upright.

    Args:
        array: (H, W, ...) as stored.
        orientation: EXIF tag 274, 1 to 8; 1 is upright, any other number is taken as 1.
    """
    match orientation:
        case 2:
            return array[:, ::-1]
        case 3:
            return array[::-1, ::-1]
        case 4:
            return array[::-1]
        case 5:
            return array.swapaxes(0, 1)
        case 6:
            return np.rot90(array, -1)
        case 7:
            return array[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(array, 1)
        case _:
            return array


def replace_not_finite(
    pixels: NDArray[np.float32],
) -> tuple[NDArray[np.float32], tuple[str, ...]] | None:
    """Put the smallest finite value where NaN or infinity stood.

    Args:
        pixels: (H, W) float32.

    Returns:
        The pixels and a note that counts the replaced ones (none if all were finite); None if no
        pixel is finite.
    """
    finite = np.isfinite(pixels)
    bad = int(finite.size - np.count_nonzero(finite))
    if bad == 0:
        return pixels, ()
    if bad == finite.size:
        return None
    low = pixels[finite].min()
    note = f"{bad} pixels without a finite value (NaN or infinity) were set to the minimum."
    if bad == 1:
        note = "1 pixel without a finite value (NaN or infinity) was set to the minimum."
    return np.where(finite, pixels, low), (note,)
