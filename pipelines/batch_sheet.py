"""Contact sheets: CT, MRI and fused image of many pairs, small and named, on few pages."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from imaging.write import encode_png
from pipelines.export import PROGRAM, STAMP, write_file
from pipelines.fuse import FusedPair, to_8bit

SIDE = 112
"""Longest side of a thumbnail in pixels."""

QUALITY = 88
"""Of the JPEG that a thumbnail is: small, and quickly written while a batch runs."""

COLUMNS, ROWS = 4, 12
PER_PAGE = COLUMNS * ROWS

_GAP, _LABEL, _HEAD, _MARGIN = 20, 22, 74, 24
_GROUND, _TEXT, _QUIET = 18, 225, 150
_STEM = "contact-sheet-"
_TITLES = ("CT", "MRI", "Fused")


def thumbnails(pair: FusedPair) -> bytes:
    """CT, MRI and fused image side by side as a small JPEG, each fitted into a black square."""
    images = (to_8bit(pair.ct01), to_8bit(pair.mri01), pair.fused8)
    buffer = io.BytesIO()
    strip = np.hstack([_fit(image) for image in images])
    Pillow.fromarray(strip).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def is_sheet(stem: str) -> bool:
    """Whether a file of this name, without suffix, would be a contact sheet."""
    return stem.startswith(_STEM) and stem.removeprefix(_STEM).isdigit()


def write_sheets(folder: Path, thumbs: Sequence[tuple[str, Path]], method: str) -> Iterator[Path]:
    """Write ``contact-sheet-1.png``, ``-2.png``, ... with one page in memory at a time.

    Args:
        folder: to write to.
        thumbs: name and file of :func:`thumbnails` of every pair, in order.
        method: what fused them, for the head of each page.

    Yields:
        The page's file, as soon as it is written.

    Raises:
        InputError: a page cannot be written.
    """
    for old in folder.glob(f"{_STEM}*.png"):  # an earlier call may have had more pages
        if is_sheet(old.stem):
            old.unlink(missing_ok=True)
    pages = -(-len(thumbs) // PER_PAGE)
    for number in range(1, pages + 1):
        part = thumbs[(number - 1) * PER_PAGE : number * PER_PAGE]
        text = {"Software": PROGRAM, "Warning": STAMP, "Method": method}
        path = folder / f"{_STEM}{number}.png"
        write_file(path, encode_png(_page(part, method, number, pages), text=text))
        yield path


def _page(
    thumbs: Sequence[tuple[str, Path]], method: str, number: int, pages: int
) -> NDArray[np.uint8]:
    columns = min(COLUMNS, len(thumbs))
    rows = -(-len(thumbs) // columns)
    across, down = 3 * SIDE + _GAP, SIDE + _LABEL
    width = max(2 * _MARGIN + columns * across - _GAP, 2 * 3 * SIDE)
    sheet = Pillow.new("L", (width, _HEAD + rows * down + _MARGIN // 2), _GROUND)
    draw = ImageDraw.Draw(sheet)
    _heading(draw, width, method, number, pages, columns)
    font = ImageFont.load_default(12)
    for place, (name, path) in enumerate(thumbs):
        x = _MARGIN + place % columns * across
        y = _HEAD + place // columns * down
        with Pillow.open(path) as strip:
            sheet.paste(strip.convert("L"), (x, y))
        label = _shortened(name, font, 3 * SIDE)
        draw.text((x, y + SIDE + 3), label, fill=_TEXT, font=font)
    return np.asarray(sheet)


def _heading(
    draw: ImageDraw.ImageDraw, width: int, method: str, number: int, pages: int, columns: int
) -> None:
    font, small = ImageFont.load_default(16), ImageFont.load_default(12)
    right = f"page {number} of {pages}"
    draw.text((width - _MARGIN - small.getlength(right), 17), right, fill=_QUIET, font=small)
    room = width - 2 * _MARGIN - small.getlength(right) - _GAP
    draw.text((_MARGIN, 14), _shortened(f"{STAMP} - {method}", font, room), fill=_TEXT, font=font)
    for column in range(columns):
        for place, title in enumerate(_TITLES):
            x = _MARGIN + column * (3 * SIDE + _GAP) + place * SIDE
            draw.text((x, _HEAD - 20), title, fill=_QUIET, font=small)


def _shortened(name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    """A name with its middle left out where it is too long."""
    if font.getlength(name) <= room:
        return name
    keep = len(name) // 2
    while keep > 1 and font.getlength(f"{name[:keep]}...{name[-keep:]}") > room:
        keep -= 1
    return f"{name[:keep]}...{name[-keep:]}"


def _fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    small = cv2.resize(image, size, interpolation=method)
    square = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - size[1]) // 2, (SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square
