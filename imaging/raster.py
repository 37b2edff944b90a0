"""PNG, JPEG, TIFF, BMP and GIF -> `Image`, with the range that the file really has."""

import io
import math
import warnings
from collections.abc import Mapping

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import TiffImagePlugin, UnidentifiedImageError

from imaging.channels import replace_not_finite, to_grey, turn
from imaging.errors import InputError
from imaging.image import Image, finite_range
from imaging.limits import MAX_PIXELS, check_bytes, check_size
from imaging.png import check_png
from imaging.sniff import READABLE, describe, sniff

ORIENTATION = 274
PHOTOMETRIC, BITS, SAMPLE_FORMAT, EXTRA = 262, 258, 339, 338
WIDTH, HEIGHT = 256, 257
MM_PER_INCH = 25.4

SPACING_MM = (0.05, 20.0)
"""Distances between pixels that a medical image can have."""

SCREEN_DPI = frozenset((72, 75, 90, 96, 100, 120, 144, 150, 180, 192, 200, 203, 240, 300, 350, 400))
"""Resolutions that software writes without having measured anything."""

_OPENERS = {
    "PNG": ("PNG",), "JPEG": ("JPEG", "MPO"), "TIFF": ("TIFF",), "BMP": ("BMP",), "GIF": ("GIF",),
}  # fmt: skip

Decoded = tuple[NDArray[np.generic], float | None, bool]
"""Array (red first), the value of white (None: no declared range), whether alpha comes last."""


def read_raster(data: bytes, name: str) -> Image:
    """Read a PNG, JPEG, TIFF, BMP or GIF; of several pages or frames the first.

    The declared size is checked before anything is decoded. Colour becomes luminance, alpha is
    composited on black, EXIF orientation is applied, NaN and infinity become the minimum; what
    changes the picture is said in `notes`. A resolution counts as spacing where both distances
    lie in SPACING_MM and are not the dpi of a screen or printer (SCREEN_DPI).

    Args:
        data: the whole file.
        name: the file's name, for messages.

    Returns:
        The image; unit "grey", range (0, 1) for 1 bit, (0, 255) up to 8, (0, 65535) for 16,
        smallest to largest value for float, signed and 32-bit data.

    Raises:
        InputError: not such a file, damaged, truncated, or over a limit.
    """
    check_bytes(len(data), name)
    kind = sniff(data)
    if kind is None or kind == "DICOM":
        raise InputError(
            f"{name} is {describe(data) if kind is None else 'a DICOM file'}, not a picture that "
            f"can be read here; choose a {READABLE} file."
        )
    if kind == "PNG":
        check_png(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(data, kind, name)
    except InputError:
        raise
    except PIL.Image.DecompressionBombError:
        raise InputError(
            f"{name} declares more pixels than the limit of {MAX_PIXELS / 1e6:.0f} million; "
            f"nothing was decoded, so crop or shrink it first."
        ) from None
    except UnidentifiedImageError:
        raise InputError(
            f"{name} is a damaged {kind}, or of a variety that cannot be read here; save it again "
            f"as a PNG or an uncompressed 8- or 16-bit TIFF."
        ) from None
    except Exception:
        # Decoders of damaged files raise anything: SyntaxError, IndexError, struct.error, ...
        raise InputError(
            f"{name} is a damaged or truncated {kind}: it cannot be decoded; export or copy it "
            f"again."
        ) from None


def _read(data: bytes, kind: str, name: str) -> Image:
    try:
        opened = PIL.Image.open(io.BytesIO(data), formats=_OPENERS[kind])
    except UnidentifiedImageError:
        if kind != "TIFF":
            raise
        return _read_rare_tiff(data, name)
    notes: list[str] = []
    with opened as image:
        check_size(*image.size, name)
        stored = _orientation(image)
        frames = int(getattr(image, "n_frames", 1))
        if frames > 1:
            what = "pages" if kind == "TIFF" else "frames"
            notes.append(f"Only the first of {frames} {what} is used.")
        deep = _deep_colour(image, data)
        # What Pillow squashes to 8 bits, OpenCV reads in full; orientation is then still to do.
        decoded = None if deep is None else _decode_opencv(data)
        left = stored
        if decoded is None:
            decoded = _decode_pillow(image, data)
            left = _orientation(image)  # Pillow turns a TIFF by itself
            if deep is not None:
                notes.append("16-bit colour was read at 8 bits.")
        dpi = image.info.get("dpi")
    array, white, alpha = decoded
    array = turn(array, left)
    if stored in range(2, 9):
        notes.append("The image was turned upright as its EXIF orientation says.")
    spacing = spacing_from_dpi(dpi)
    if spacing is not None and stored in (5, 6, 7, 8):
        spacing = spacing[::-1]
    return _finish(array, white, alpha, name, notes, spacing)


def _finish(
    array: NDArray[np.generic],
    white: float | None,
    alpha: bool,
    name: str,
    notes: list[str],
    spacing: tuple[float, float] | None,
) -> Image:
    grey, made = to_grey(array, 1.0 if white is None else white, alpha=alpha)
    finite = replace_not_finite(np.ascontiguousarray(grey))
    if finite is None:
        raise InputError(f"{name} has no pixel with a finite value; export it again.")
    pixels, replaced = finite
    return Image(
        pixels=pixels,
        value_range=finite_range(pixels) if white is None else (0.0, white),
        spacing=spacing,
        name=name,
        notes=(*notes, *made, *replaced),
    )


def _orientation(image: PIL.Image.Image) -> int:
    value = image.getexif().get(ORIENTATION, 1)
    return value if isinstance(value, int) else 1


def _tiff_tags(image: PIL.Image.Image) -> Mapping[int, object]:
    return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}


def _deep_colour(image: PIL.Image.Image, data: bytes) -> str | None:
    """Name the format if Pillow would squash this file's 16-bit channels to 8 bits."""
    if image.format == "PNG":
        depth, colour = data[24], data[25]
        return (
            "PNG"
            if depth == 16 and colour in (2, 4, 6) and not image.info.get("transparency")
            else None
        )
    bits = _tiff_tags(image).get(BITS, ())
    several = isinstance(bits, tuple) and len(bits) in (3, 4) and set(bits) == {16}
    return "TIFF" if several and image.mode in ("RGB", "RGBA") else None


def _decode_opencv(data: bytes) -> Decoded | None:
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if array is None or array.size == 0:
        return None
    white = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(array.dtype)
    if array.ndim == 3 and array.shape[2] >= 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    return array, white, array.ndim == 3 and array.shape[2] == 4


def _decode_pillow(image: PIL.Image.Image, data: bytes) -> Decoded:
    image.load()
    transparency = image.info.get("transparency")
    mode = image.mode
    if mode.startswith("I;16"):
        return _sixteen_bit(image, transparency)
    if mode in ("I", "F"):
        array = np.asarray(image)
        tags = _tiff_tags(image)
        if mode == "I" and tags.get(BITS) == (32,) and tags.get(SAMPLE_FORMAT, (1,)) == (1,):
            array = array.view(np.uint32)
        if mode == "I" and image.format == "PNG":
            return array, 65535.0, False
        return array, None, False
    if mode in ("P", "PA", "La", "RGBa") or (
        transparency is not None and mode in ("1", "L", "RGB")
    ):
        # A palette, or colours that mean "transparent": Pillow knows which.
        clear = transparency is not None or mode != "P"
        return np.asarray(image.convert("RGBA" if clear else "RGB")), 255.0, clear
    if mode == "1":
        return np.asarray(image), 1.0, False
    if mode == "LAB":
        return np.asarray(image)[..., 0], 255.0, False
    if mode in ("L", "RGB"):
        return np.asarray(image), 255.0, False
    if mode in ("LA", "RGBA"):
        return np.asarray(image), 255.0, True
    return np.asarray(image.convert("RGB")), 255.0, False


def _sixteen_bit(image: PIL.Image.Image, transparency: object) -> Decoded:
    array = np.asarray(image).astype(np.uint16)
    if _tiff_tags(image).get(PHOTOMETRIC) == 0:
        array = 65535 - array  # white is zero: Pillow inverts this for 8 bits but not for 16
    if not isinstance(transparency, int):
        return array, 65535.0, False
    opacity = np.where(array == transparency, 0, 65535).astype(np.uint16)
    return np.stack((array, opacity), axis=-1), 65535.0, True


def _read_rare_tiff(data: bytes, name: str) -> Image:
    """Read a TIFF that Pillow does not know (float64, float colour): size first, then OpenCV."""
    stream = io.BytesIO(data)
    tags = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8 if data[2] in (42, 0) else 16))
    stream.seek(tags.next)
    tags.load(stream)
    width, height = tags.get(WIDTH, 0), tags.get(HEIGHT, 0)
    if not (isinstance(width, int) and isinstance(height, int) and width and height):
        raise UnidentifiedImageError
    check_size(width, height, name)
    decoded = _decode_opencv(data)
    if decoded is None or decoded[0].shape[:2] != (height, width):
        raise UnidentifiedImageError
    array, white, _ = decoded
    alpha = array.ndim == 3 and array.shape[2] == 4 and white is not None
    array = array[..., :3] if array.ndim == 3 and not alpha else array
    orientation = tags.get(ORIENTATION, 1)
    notes: list[str] = []
    if orientation in range(2, 9):
        array = turn(array, orientation)
        notes.append("The image was turned upright as its EXIF orientation says.")
    return _finish(array, white, alpha, name, notes, None)


def spacing_from_dpi(dpi: object) -> tuple[float, float] | None:
    """Turn a stored resolution into a spacing, where it can be one.

    Args:
        dpi: (horizontal, vertical) pixels per inch as Pillow reports pHYs, JFIF density and
            TIFF resolution; anything else gives None.

    Returns:
        (row, column) in mm; None where a distance is outside SPACING_MM, or where both
        resolutions are ones that software writes by default (SCREEN_DPI).
    """
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    if not (math.isfinite(across) and math.isfinite(down)) or across <= 0 or down <= 0:
        return None
    # 96 dpi is stored as 3780 pixels per metre, which comes back as 96.012.
    if all(any(abs(value - usual) < 0.05 for usual in SCREEN_DPI) for value in (across, down)):
        return None
    spacing = (MM_PER_INCH / down, MM_PER_INCH / across)
    return spacing if all(SPACING_MM[0] <= mm <= SPACING_MM[1] for mm in spacing) else None
