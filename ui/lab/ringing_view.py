"""Ringing: what long filters do beside a bright edge once their details are altered."""

from collections.abc import Callable
from html import escape

import numpy as np
import streamlit as st
from torch import Tensor

from fusion_core.edge_study import Ringing, ringing
from fusion_core.wavelet_facts import Array
from fusion_core.wavelets import Details, Subbands, analyse, synthesise
from ui import colours, theme
from ui.lab.choice import LabChoice
from ui.lab.compute import GREY, grey8, side_by_side
from ui.lab.look import chart, save_picture
from ui.lab.ringing_figures import profile_figure
from ui.viewer import Panel, viewer, viewer_state

COMPARED = ("haar", "db4", "coif4")
FOURTH = "sym8"
"""What stands beside these unless another wavelet is chosen at the left."""
LIMIT = 1 / GREY
"""An error counts from one grey level on."""
_MARGIN = 26
"""Pixels that the profile shows on either side of the edge."""


def _finest(bands: Subbands, keep: float) -> Subbands:
    first, *rest = bands.details
    return Subbands(bands.ll, (Details(*(keep * band for band in first)), *rest))


def _all(bands: Subbands, keep: float) -> Subbands:
    return Subbands(
        bands.ll, tuple(Details(*(keep * band for band in level)) for level in bands.details)
    )


ALTERATIONS: dict[str, tuple[str, Callable[[Subbands], Subbands]]] = {
    "Finest off": ("the finest details are set to zero", lambda bands: _finest(bands, 0.0)),
    "All off": ("all details are set to zero", lambda bands: _all(bands, 0.0)),
    "Half": ("all details are halved, as by a mask of 0.5", lambda bands: _all(bands, 0.5)),
    "Raised": ("all details are raised by a half", lambda bands: _all(bands, 1.5)),
}
"""What is done to the bands: its name, the same in words, and the deed."""


def ringing_view(choice: LabChoice) -> None:
    """Profiles and error images of four wavelets, with over- and undershoot as numbers."""
    theme.section(
        "Ringing beside the skull",
        "The details cancel each other's waves exactly, as long as nobody touches them. A fusion "
        "does touch them: a mask that changes near a bright edge leaves waves beside it. The "
        "longer the filter, the more waves and the farther they reach.",
    )
    name = st.segmented_control(
        "What is done to the details", list(ALTERATIONS), default="All off", key="lab-alter",
        required=True, persist_state="session",
    ) or "All off"  # fmt: skip
    fourth = FOURTH if choice.wavelet in COMPARED else choice.wavelet
    altered = _altered(choice.key, name, (*COMPARED, fourth), choice)
    row = _stage(choice, altered)
    levels = "1 level" if choice.levels == 1 else f"{choice.levels} levels"
    theme.section(
        f"Row {row} across the edge",
        f"{ALTERATIONS[name][0].capitalize()}, {levels}. Dotted white: the original. Dotted grey: "
        "black and white of the screen; what lies beyond is cut off when the image is shown.",
    )
    original = GREY * choice.image.pixels[row].astype(np.float64)
    lines = {wavelet: GREY * image[row] for wavelet, image in altered.items()}
    chart(
        profile_figure(original, lines, edge_window(original), GREY), "lab-ringing",
        "A row of pixels across the edge for four wavelets", f"{choice.image.stem}_ringing",
    )  # fmt: skip
    truth = choice.image.tensor
    found = {
        wavelet: ringing(truth, _tensor(image, choice), row, LIMIT)
        for wavelet, image in altered.items()
    }
    st.html(ringing_table(found))
    st.caption(reading(found))


def edge_window(line: Array) -> tuple[int, int]:
    """Columns around the first strong edge of a row, which on a head is the outer skull."""
    steps = np.abs(np.diff(line))
    strong = np.flatnonzero(steps >= 0.5 * steps.max()) if steps.max() > 0 else np.array([0])
    start = int(strong[0])
    return max(0, start - _MARGIN), min(len(line) - 1, start + _MARGIN)


def ringing_table(found: dict[str, Ringing]) -> str:
    """Over- and undershoot of every wavelet as an HTML table, in grey levels."""
    head = (
        "<th>Wavelet</th><th class='n'>Overshoot in the whole image (grey levels)</th>"
        "<th class='n'>Undershoot in the whole image</th>"
        "<th class='n'>Reach outside the head, in this row</th>"
    )
    body = "".join(
        f"<tr><td>{escape(wavelet)}</td><td class='n'>{GREY * seen.over:.1f}</td>"
        f"<td class='n'>{GREY * seen.under:.1f}</td><td class='n'>{seen.reach} px</td></tr>"
        for wavelet, seen in found.items()
    )
    return (
        f"<div class='twf-scroll'><table class='twf'><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def reading(found: dict[str, Ringing]) -> str:
    """What the table says, in one or two sentences."""
    most = max(found, key=lambda wavelet: found[wavelet].under + found[wavelet].over)
    worst = found[most]
    if worst.over + worst.under < LIMIT:
        return "No wavelet leaves the range of the original by a grey level."
    haar = found.get("haar")
    blocks = (
        " Haar stays within the range, because it only averages; its price is blocks."
        if haar is not None and haar.over + haar.under < LIMIT
        else ""
    )
    return (
        f"{most} leaves the range most: {GREY * worst.over:.0f} grey levels above the "
        f"brightest pixel of the original, {GREY * worst.under:.0f} below the darkest. Reach "
        f"counts pixels of air with an error over one grey level.{blocks}"
    )


@st.cache_resource(show_spinner=False, max_entries=12)
def _altered(
    key: str, name: str, wavelets: tuple[str, ...], _choice: LabChoice
) -> dict[str, Array]:
    deed = ALTERATIONS[name][1]
    found = {}
    for wavelet in wavelets:
        bands = deed(analyse(_choice.image.tensor, wavelet, _choice.levels, _choice.mode))
        found[wavelet] = synthesise(bands, wavelet, _choice.image.shape)[0, 0].numpy()
    return found


def _tensor(image: Array, choice: LabChoice) -> Tensor:
    return choice.image.tensor.new_tensor(image)[None, None]


def _stage(choice: LabChoice, altered: dict[str, Array]) -> int:
    """Draw the four error images; return the row that was picked."""
    truth = choice.image.pixels.astype(np.float64)
    errors = {wavelet: GREY * (image - truth) for wavelet, image in altered.items()}
    reach = max(1.0, *(float(np.percentile(np.abs(e), 99.5)) for e in errors.values()))
    panels = [
        Panel.from_values(
            f"{wavelet} · error", error, "grey", "error", (0.0, 2 * reach),
            table=colours.signed_table(), decimals=1,
        )
        for wavelet, error in errors.items()
    ]  # fmt: skip
    key = f"lab-ringing-{choice.image.key}"
    viewer(
        panels, key=key, height=400, spacing=choice.image.spacing,
        orientation=choice.image.orientation,
    )  # fmt: skip
    pick = viewer_state(key, choice.image.shape).pick
    row: int = choice.image.shape[0] // 2 if pick is None else pick.row
    st.caption(
        "Altered minus original in grey levels, one scale for all: green brighter, purple darker. "
        "Click a row to draw it below."
    )
    save_picture(
        "Save the four results (PNG)", lambda: side_by_side([grey8(i) for i in altered.values()]),
        f"{choice.image.stem}_ringing",
        f"{choice.image.title}, altered details, {', '.join(altered)}", "lab-save-ringing",
    )  # fmt: skip
    return row
