"""What the transform sees beyond the border, by boundary mode, and what it costs."""

import math
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from numpy.typing import NDArray

from fusion_core.wavelet_facts import Array, extend, filters
from fusion_core.wavelets import MODES, BoundaryMode, analyse, synthesise
from ui import theme
from ui.lab.boundaries_figures import border_figure, extension_figure
from ui.lab.choice import LabChoice
from ui.lab.compute import GREY, grey8, side_by_side
from ui.lab.look import chart, save_picture
from ui.lab.words import power
from ui.viewer import Panel, Roi, viewer, viewer_state

_SHOWN = 24
"""Pixels of the line that are drawn beside what lies beyond the border."""
_COEFFICIENTS = 12


@dataclass(frozen=True)
class BorderCost:
    """What a boundary mode does to the finest details.

    Attributes:
        mode: its name.
        border: mean size of the level-1 details that reach beyond the border, grey levels; NaN
            where none does.
        inner: mean size of all others, the same in every mode.
        error: largest error of the image that comes back, grey levels.
    """

    mode: BoundaryMode
    border: float
    inner: float
    error: float


def boundaries_view(choice: LabChoice) -> None:
    """The continued image in four modes, one line of it, its coefficients, and the costs."""
    theme.section(
        "Beyond the border",
        "At the border the filters reach for pixels that do not exist, so something must be put "
        "there. Where the continuation jumps, the details near the border grow, as if there were "
        "an edge. Whatever is put there, the inverse transform is exact.",
    )
    cut = st.toggle(
        "Cut the middle out of the image, so that the border runs through the anatomy", True,
        key="lab-cut", persist_state="session",
    )  # fmt: skip
    whole = choice.image.pixels.astype(np.float64)
    pixels = middle(whole) if cut else whole
    taps = len(filters(choice.wavelet).dec_lo)
    if taps == 2 and not any(side % 2 for side in pixels.shape):
        _too_short()
    pad = min(beyond(taps, choice.levels), max(pixels.shape))
    row = _continued(choice, pixels, pad, cut)
    _line(choice, pixels, row)
    _costs(choice, pixels)


def beyond(taps: int, levels: int) -> int:
    """Pixels beyond the border that the coarsest level looks at, for sides that halve evenly."""
    return (taps - 2) * ((1 << levels) - 1)


def _too_short() -> None:
    def longer() -> None:
        st.session_state["lab-wavelet"] = "db4"

    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(
            "Haar has two taps, so on even sides it never reaches beyond the border and all modes "
            "agree. A longer wavelet shows the difference.", icon=":material/info:", width=640,
        )  # fmt: skip
        if st.button("Use db4", on_click=longer):
            st.rerun()


def middle(pixels: Array) -> Array:
    """The middle half of an image along each side."""
    rows, columns = pixels.shape
    top, left = rows // 4, columns // 4
    return pixels[top : top + max(1, rows // 2), left : left + max(1, columns // 2)]


def _continued(choice: LabChoice, pixels: Array, pad: int, cut: bool) -> int:
    """Draw the continued images; return the row of the image that was picked."""
    frame = max(pad, 6)
    rows, columns = pixels.shape
    pictures = {mode: grey8(extend(pixels, frame, mode)) for mode in MODES}
    key = f"lab-borders-{choice.key}-{cut}"
    shape = next(iter(pictures.values())).shape
    outline = Roi(frame, frame, frame + rows, frame + columns)
    viewer(
        [Panel(mode, picture, "grey", "extended") for mode, picture in pictures.items()],
        key=key, height=400, outline=outline,
    )  # fmt: skip
    pick = viewer_state(key, shape).pick
    row: int = rows // 2 if pick is None else min(max(pick.row - frame, 0), rows - 1)
    st.caption(
        f"Dashed: the image itself, {columns} × {rows} pixels. Level {choice.levels} "
        f"looks {f'up to {pad} pixels' if pad else 'nowhere'} beyond it. Click a row to draw it "
        "below."
    )
    save_picture(
        "Save the four pictures (PNG)", lambda: side_by_side(list(pictures.values())),
        f"{choice.image.stem}_{choice.wavelet}_borders",
        f"{choice.image.title} continued by zero, symmetric, periodic, reflect", "lab-save-border",
    )  # fmt: skip
    return row


def _line(choice: LabChoice, pixels: Array, row: int) -> None:
    line = GREY * pixels[row]
    taps = len(filters(choice.wavelet).dec_lo)
    pad = max(taps - 2, 3)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        theme.section(
            f"The start of row {row}",
            f"White: pixels of the image. Coloured, on grey: what the mode puts before them. The "
            f"{taps}-tap filter of level 1 reads {taps - 2 or 'none'} of these.",
        )
        inside = min(_SHOWN, len(line))
        chart(
            extension_figure({mode: extend(line, pad, mode) for mode in MODES}, pad, inside),
            "lab-extension", "The first pixels of a row and their continuation in four modes",
            f"{choice.image.stem}_row{row}_continued",
        )  # fmt: skip
    with right:
        theme.section(
            "Its first details",
            "Sizes of the row's level-1 details. Away from the border all modes agree.",
        )
        chart(
            border_figure({mode: border_details(line, choice.wavelet, mode) for mode in MODES}),
            "lab-border-details", "Detail coefficients at the border in four modes",
            f"{choice.image.stem}_row{row}_details",
        )  # fmt: skip


def border_details(line: Array, wavelet: str, mode: BoundaryMode) -> Array:
    """Sizes of the first detail coefficients of a line, level 1."""
    high = filters(wavelet).dec_hi
    longer = extend(line, len(high) - 1, mode)
    details = np.abs(np.convolve(longer, high, mode="valid"))[1::2]
    return details[:_COEFFICIENTS]


def _costs(choice: LabChoice, pixels: Array) -> None:
    costs = [_cost(pixels, choice, mode) for mode in MODES]
    best = min(costs, key=lambda cost: cost.border)
    worst = max(costs, key=lambda cost: cost.border)
    same = math.isnan(best.border) or worst.border <= 1.001 * best.border
    text = "All modes cost the same here." if same else (
        f"Here {best.mode} has the smallest details at the border, {worst.mode} the largest."
    )  # fmt: skip
    theme.section("What it costs", f"{text} The chosen mode is marked.")
    head = (
        "<th>Mode</th><th class='n'>Mean size of details at the border (grey levels)</th>"
        "<th class='n'>Elsewhere</th><th class='n'>Error after the way back, at most</th>"
    )
    body = "".join(
        f"<tr><td>{cost.mode}{' · chosen' if cost.mode == choice.mode else ''}</td>"
        f"<td class='n'>{_size(cost.border)}</td><td class='n'>{_size(cost.inner)}</td>"
        f"<td class='n'>{power(cost.error)}</td></tr>"
        for cost in costs
    )
    st.html(
        f"<div class='twf-scroll'><table class='twf'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _size(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.2f}"


def inside(side: int, taps: int) -> NDArray[np.bool_]:
    """Which level-1 coefficients of a line stay within it; number k takes 2k - L + 2 to 2k + 1."""
    first = 2 * np.arange((side + taps - 1) // 2) - taps + 2
    within: NDArray[np.bool_] = (first >= 0) & (first + taps <= side)
    return within


def _cost(pixels: Array, choice: LabChoice, mode: BoundaryMode) -> BorderCost:
    image = torch.from_numpy(pixels)[None, None]
    bands = analyse(image, choice.wavelet, choice.levels, mode)
    size = np.mean([band[0, 0].abs().numpy() for band in bands.details[0]], axis=0)
    taps = len(filters(choice.wavelet).dec_lo)
    down, across = (inside(side, taps) for side in pixels.shape)
    inner = down[:, None] & across[None]
    back = synthesise(bands, choice.wavelet, (pixels.shape[0], pixels.shape[1]))
    error = float((back - image).abs().max())
    return BorderCost(
        mode,
        GREY * float(size[~inner].mean()) if (~inner).any() else math.nan,
        GREY * float(size[inner].mean()) if inner.any() else math.nan,
        GREY * error,
    )
