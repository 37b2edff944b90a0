"""Arrays -> PNG bytes, with text that says where they come from."""

import io
from collections.abc import Mapping
from typing import Literal

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngInfo

MM_PER_INCH = 25.4


def encode_png(
    array: NDArray[np.generic],
    bits: Literal[8, 16] = 8,
    text: Mapping[str, str] | None = None,
    *,
    spacing: tuple[float, float] | None = None,
) -> bytes:
    """Encode an image as PNG; the same input gives the same bytes.

    Args:
        array: (H, W) uint8 or uint16, stored as it is; (H, W, 3) uint8, red first; or (H, W)
            float in [0, 1] (clipped), rounded to `bits`.
        bits: depth for float input, 8 or 16; integer arrays keep their own.
        text: keyword (1 to 79 Latin-1 characters) -> text; stored as tEXt, or iTXt where the
            text needs Unicode, in the order of the keywords.
        spacing: (row, column) in mm, stored as pHYs.

    Returns:
        The PNG file.

    Raises:
        ValueError: the array, the depth, a keyword or the spacing is not as described.
    """
    info = PngInfo()
    for key, value in sorted((text or {}).items()):
        if not 1 <= len(key) <= 79 or not key.isprintable() or not _latin(key):
            raise ValueError(f"A PNG keyword has 1 to 79 Latin-1 characters, not {key!r}.")
        info.add_text(key, value)
    options: dict[str, object] = {"pnginfo": info, "compress_level": 6}
    if spacing is not None:
        if min(spacing) <= 0 or not np.isfinite(spacing).all():
            raise ValueError(f"Spacing must be positive millimetres, not {spacing}.")
        options["dpi"] = (MM_PER_INCH / spacing[1], MM_PER_INCH / spacing[0])
    buffer = io.BytesIO()
    PIL.Image.fromarray(_quantised(array, bits)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def _latin(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _quantised(array: NDArray[np.generic], bits: int) -> NDArray[np.generic]:
    if bits not in (8, 16):
        raise ValueError(f"PNG is written with 8 or 16 bits, not {bits}.")
    grey = array.ndim == 2 and array.size > 0
    if grey and np.issubdtype(array.dtype, np.floating):
        values = array.astype(np.float64)
        if not np.isfinite(values).all():
            raise ValueError("A PNG cannot hold NaN or infinity; replace such pixels first.")
        top = (1 << bits) - 1
        levels = np.round(np.clip(values, 0, 1) * top)
        return np.ascontiguousarray(levels.astype(np.uint8 if bits == 8 else np.uint16))
    colour = array.ndim == 3 and array.shape[2] == 3 and array.size > 0
    if (grey and array.dtype in (np.uint8, np.uint16)) or (colour and array.dtype == np.uint8):
        return np.ascontiguousarray(array)
    raise ValueError(
        f"A PNG is written from (H, W) uint8, uint16 or float in [0, 1], or from (H, W, 3) uint8, "
        f"not from {array.dtype} {array.shape}."
    )
