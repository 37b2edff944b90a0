"""The picture strips of a run: fused images and masks of fixed pairs, epoch by epoch."""

import base64
from dataclasses import dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.write import encode_png
from trainer.config import TrainConfig
from trainer.validation import TILE
from ui import colours
from ui.thumbnails import coloured, legend_html

Tile = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Strip:
    """What one pair looked like after one epoch.

    Attributes:
        pictures: "CT", "MRI" and "Fused" -> (128, 128) uint8.
        masks: gate -> band -> (128, 128) uint8, 255 is 1.
    """

    pictures: dict[str, Tile]
    masks: dict[str, dict[str, Tile]]


def epochs_drawn(path: Path) -> list[int]:
    """Epochs whose strips lie in a run's folder."""
    found = []
    for file in (path / "strips").glob("epoch_*.png"):
        number = file.stem.removeprefix("epoch_")
        if number.isdigit():
            found.append(int(number))
    return sorted(found)


def read_strip(path: Path, epoch: int, config: TrainConfig, row: int) -> Strip | None:
    """One pair of an epoch's strip; None while it cannot be read or has no such pair."""
    image = _read(path, epoch)
    if image is None or image.shape[0] < (row + 1) * TILE:
        return None
    tiles = [
        np.asarray(image[row * TILE : (row + 1) * TILE, x : x + TILE], np.uint8)
        for x in range(0, image.shape[1], TILE)
    ]
    bands, gates = config.model.bands, config.model.gates
    if len(tiles) != 3 + len(bands) * len(gates):
        return None
    masks = {
        gate: dict(zip(bands, tiles[3 + i * len(bands) :], strict=False))
        for i, gate in enumerate(gates)
    }
    return Strip(dict(zip(("CT", "MRI", "Fused"), tiles, strict=False)), masks)


def rows_drawn(path: Path, epoch: int) -> int:
    """How many pairs an epoch's strip shows; fewer than asked for where there are fewer."""
    image = _read(path, epoch)
    return 0 if image is None else image.shape[0] // TILE


def _read(path: Path, epoch: int) -> Tile | None:
    try:
        data = np.frombuffer((path / f"strips/epoch_{epoch:03d}.png").read_bytes(), np.uint8)
    except OSError:
        return None
    image = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    return None if image is None else np.asarray(image, np.uint8)


def evolving(path: Path, config: TrainConfig, alive: bool) -> None:
    """The fused image and the masks, the newest or of an epoch that is chosen."""
    epochs = epochs_drawn(path)
    if not epochs:
        text = (
            "Drawn after the first epoch: the fused image and every mask of a few fixed pairs."
            if alive
            else "There are no pictures of this run."
        )
        st.html(f"<div class='twf-empty'>{text}</div>")
        return
    epoch = _epoch(path.name, epochs, alive)
    pairs = rows_drawn(path, epoch)
    row = st.container(horizontal=True, vertical_alignment="center")
    chosen, gate = 0, "CT"
    if pairs > 1:
        number = row.segmented_control(
            "Pair", list(range(1, pairs + 1)), default=1, key="train-strip-pair", required=True,
            help="A few pairs are drawn after every epoch, always the same ones.",
        )  # fmt: skip
        chosen = int(number or 1) - 1
    if len(config.model.gates) > 1:
        found = row.segmented_control(
            "Gate of", ["CT", "MRI"], default="CT", key="train-strip-gate", required=True,
            help="How much of the CT's, or of the MRI's, coefficients is let through.",
        )  # fmt: skip
        gate = found or "CT"
    strip = read_strip(path, epoch, config, min(chosen, max(0, pairs - 1)))
    if strip is None:
        st.caption("The pictures of this epoch cannot be read; choose another epoch.")
        return
    convex = len(config.model.gates) == 1
    st.html(strip_html(strip, gate, epoch, convex))
    if strip.masks:
        st.html(legend_html(gate, convex))


def _epoch(name: str, epochs: list[int], alive: bool) -> int:
    """The epoch to show: the newest, unless the visitor holds the scrubber elsewhere."""
    key = f"train-epoch-{name}"
    if len(epochs) == 1:
        return epochs[0]
    follow = False
    if alive:
        follow = st.toggle(
            "Follow the newest epoch", True, key=f"{key}-follow",
            help="Turn it off to look back at any epoch while training goes on.",
        )  # fmt: skip
    if follow:
        st.session_state.pop(key, None)
        return epochs[-1]
    if st.session_state.get(key) not in epochs:
        st.session_state[key] = epochs[-1]
    return int(st.select_slider("Epoch", epochs, key=key, label_visibility="collapsed"))


def strip_html(strip: Strip, gate: str, epoch: int, convex: bool) -> str:
    """One pair of an epoch: its images, and the masks of one gate with their means."""
    images = "".join(_figure(title, tile, title) for title, tile in strip.pictures.items())
    table = colours.gate_table(gate, convex)
    masks = "".join(
        _figure(f"{band}", coloured(tile, table), f"{gate} mask {band}", f"{tile.mean() / 255:.2f}")
        for band, tile in strip.masks.get(gate, {}).items()
    )
    return (
        f"<div class='twf-strip'>{images}</div>"
        f"<div class='twf-strip twf-strip-masks' data-epoch='{epoch}'>{masks}</div>"
        f"<div class='twf-sub'>After epoch {epoch}. "
        f"{'The number is each mask’s mean.' if strip.masks else 'This model has no masks.'}</div>"
    )


def _figure(title: str, picture: NDArray[np.uint8], alt: str, value: str = "") -> str:
    data = base64.b64encode(encode_png(picture)).decode()
    number = f" <em>{value}</em>" if value else ""
    return (
        f"<figure><img alt='{escape(alt)}' src='data:image/png;base64,{data}'>"
        f"<figcaption>{escape(title)}{number}</figcaption></figure>"
    )
