"""Pictures to take home: the panels of a viewer drawn side by side on one PNG."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from imaging.write import encode_png
from pipelines.export import PROGRAM, STAMP
from ui.colours import GROUND, MUTED, TEXT, rgb
from ui.viewer import Panel

SIDE = 384
"""Longest side of a panel on a sheet, in pixels; larger images keep their own size."""

_GAP, _HEAD, _FOOT = 12, 26, 24

Colour = NDArray[np.uint8]


def render(panel: Panel, opacity: float = 0.6) -> Colour:
    """What the viewer draws of a panel, (H, W, 3) uint8: window, colour table and overlay.

    Args:
        panel: one image of a viewer.
        opacity: of its overlay, 0 to 1.
    """
    slope, intercept = panel.value_map
    grey = panel.pixels.astype(np.float64)
    if panel.applied_window is not None:
        centre, width = panel.applied_window
        grey = (slope * grey + intercept - centre + width / 2) / width * 255
    level = np.floor(np.clip(grey, 0, 255) + 0.5).astype(np.uint8)
    colour = np.repeat(level[..., None], 3, 2) if panel.table is None else panel.table[level, :3]
    if panel.overlay is None:
        return np.ascontiguousarray(colour)
    rows, columns = level.shape
    layer = panel.overlay.table[panel.overlay.pixels]
    layer = cv2.resize(layer, (columns, rows), interpolation=cv2.INTER_NEAREST).astype(np.float64)
    share = opacity * layer[..., 3:] / 255
    mixed: Colour = np.rint(colour * (1 - share) + layer[..., :3] * share).astype(np.uint8)
    return mixed


def sheet(panels: Sequence[Panel], caption: str, opacity: float = 0.6) -> Colour:
    """Panels in one row with their headings, and a caption with the stamp below, as colours."""
    rows, columns = panels[0].pixels.shape
    scale = max(1, round(SIDE / max(rows, columns)))
    size = (scale * columns, scale * rows)  # as in the viewer, all panels fill the first one's grid
    tiles = [
        cv2.resize(render(panel, opacity), size, interpolation=cv2.INTER_NEAREST)
        for panel in panels
    ]
    height = max(tile.shape[0] for tile in tiles)
    width = sum(tile.shape[1] for tile in tiles) + _GAP * (len(tiles) + 1)
    page = Pillow.new("RGB", (width, height + _HEAD + _FOOT + _GAP), rgb(GROUND))
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    left = _GAP
    for panel, tile in zip(panels, tiles, strict=True):
        draw.text((left, 6), _fitted(panel.title, font, tile.shape[1]), rgb(TEXT), font)
        page.paste(Pillow.fromarray(tile), (left, _HEAD))
        left += tile.shape[1] + _GAP
    words = _fitted(f"{STAMP} · {caption}", font, width - 2 * _GAP)
    draw.text((_GAP, _HEAD + height + 6), words, rgb(MUTED), font)
    return np.asarray(page)


def save_sheet(
    panels: Callable[[], Sequence[Panel]],
    name: str,
    caption: str,
    key: str,
    opacity: float = 0.6,
    label: str = "Save as PNG",
) -> None:
    """A button that saves panels as one PNG; it is drawn only when asked for.

    Args:
        panels: gives what to draw.
        name: file name without its ending.
        caption: one sentence below the panels, also stored in the file.
        key: widget key.
        opacity: of overlays.
        label: of the button.
    """

    def png() -> bytes:
        text = {"Description": caption, "Warning": STAMP, "Software": PROGRAM}
        return encode_png(sheet(panels(), caption, opacity), text=text)

    st.download_button(
        label, png, f"{name}.png", "image/png", key=key, on_click="ignore",
        icon=":material/download:", type="tertiary",
    )  # fmt: skip


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text.rstrip()}…"
