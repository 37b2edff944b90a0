"""The parts of a fused image as the browser can hold them: exact, as 16 bits, or reduced."""

from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.provenance import Weights
from pipelines.altered import Parts, parts
from pipelines.fuse import FusedPair, to_8bit
from ui import caches, colours
from ui.caches import Fused
from ui.viewer import Mixture

EXACT_BYTES = 24 * 2**20
"""Bytes up to which the parts are sent as float32."""

MOST_BYTES = 64 * 2**20
"""Bytes up to which they are sent as 16-bit whole numbers; beyond that the grid is reduced."""


@dataclass(frozen=True)
class Plan:
    """How the parts travel.

    Attributes:
        step: side of the square of pixels that becomes one; 1 keeps every pixel.
        exact: whether as float32.
    """

    step: int
    exact: bool


@dataclass(frozen=True, eq=False)
class Live:
    """What the sliders work on.

    Attributes:
        learned: (h, w) uint8, the method's own image on the sliders' grid.
        mixture: the parts on the same grid.
        plan: how they were reduced.
    """

    learned: NDArray[np.uint8]
    mixture: Mixture
    plan: Plan


def plan(bands: int, rows: int, columns: int) -> Plan:
    """The finest grid on which 2 x bands parts of that size fit."""
    step = 1
    while 4 * bands * -(-rows // step) * -(-columns // step) > MOST_BYTES:
        step += 1
    return Plan(step, step == 1 and 8 * bands * rows * columns <= EXACT_BYTES)


def plan_note(chosen: Plan, bands: int, rows: int, columns: int) -> str | None:
    """The sentence for a reduced grid; None where every pixel is there."""
    if chosen.step == 1:
        return None
    down, across = -(-rows // chosen.step), -(-columns // chosen.step)
    return (
        f"The {2 * bands} parts of {columns} × {rows} pixels are too much for the browser to add "
        f"up live, so the sliders work on {across} × {down} pixels, each the mean of "
        f"{chosen.step} × {chosen.step}. Measures and exports use every pixel."
    )


@st.cache_resource(show_spinner=False, max_entries=3)
def _parts(key: str, weights: Weights, _fused: Fused) -> Parts:
    return parts(_fused.pair, weights, caches.attribution_of(_fused))


def parts_of(fused: Fused, weights: Weights) -> Parts:
    """The images that the factors scale, under one choice of masks."""
    return _parts(fused.key, weights, fused)


@st.cache_resource(show_spinner=False, max_entries=3)
def _live(key: str, weights: Weights, change: bool, _fused: Fused) -> Live:
    pair, made = _fused.pair, parts_of(_fused, weights)
    names = made.attribution.names
    chosen = plan(len(names), *pair.fused8.shape)
    base, ct, mri = (
        np.stack([reduced(image, chosen.step) for image in images])
        for images in (made.base[0].numpy(), made.attribution.ct[0].numpy(),
                       made.attribution.mri[0].numpy())
    )  # fmt: skip
    mixture = Mixture(
        key, names, weights, base[0], ct, mri, (0, 1, 2) if change else (0, 1),
        (colours.CT, colours.MRI), chosen.exact,
    )  # fmt: skip
    return Live(_learned(pair, chosen.step), mixture, chosen)


def live(fused: Fused, weights: Weights, change: bool) -> Live:
    """Parts for the sliders, made once per pair and choice of masks.

    Args:
        fused: the pair on the screen; its method has subbands.
        weights: whose masks.
        change: whether a third panel shows the change.
    """
    return _live(fused.key, weights, change, fused)


def reduced(image: NDArray[np.float32], step: int) -> NDArray[np.float32]:
    """The mean of every square of `step` pixels; the image itself for 1."""
    if step == 1:
        return image
    rows, columns = (-(-n // step) for n in image.shape)
    shrunk = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.float32).reshape(rows, columns)


def _learned(pair: FusedPair, step: int) -> NDArray[np.uint8]:
    if step == 1:
        return pair.fused8
    return to_8bit(reduced(pair.result.fused[0, 0].numpy(), step))
