"""An edge of any direction, and which band answers to it."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.edge_study import KINDS, answer_by_angle, detail_energies, edge
from fusion_core.wavelets import BoundaryMode, Subbands, analyse
from ui import colours, theme
from ui.lab.choice import LabChoice
from ui.lab.compute import GREY
from ui.lab.edges_figures import BAND_WORDS, answer_bars, answer_curve
from ui.lab.look import chart, save_picture
from ui.viewer import Panel, viewer

ALONE, OVER = "Alone", "On the image"
SIDE = 256
HEIGHT = 100 / GREY
"""Half the step of the added edge, in units of the full range."""

_ANGLES = tuple(range(0, 181, 5))


def edges_view(choice: LabChoice) -> None:
    """Sliders for the edge, the three bands that answer, and the answer at every angle."""
    theme.section(
        "Which band answers to an edge",
        "LH is smooth along the rows and differs down the columns, so a lying (horizontal) edge "
        "lights it; HL answers to a standing (vertical) one, HH to what runs both ways. A slanting "
        "edge is shared between them, and a soft edge moves to coarser levels.",
    )
    places = st.columns([3, 3, 3, 4], gap="medium", vertical_alignment="bottom")
    angle = places[0].slider(
        "Angle (degrees)", 0, 180, 20, 5, key="lab-angle", persist_state="session",
        help="0 lies, 90 stands, counted counter-clockwise.",
    )  # fmt: skip
    softness = places[1].slider(
        "Softness (pixels)", 0, 16, 0, key="lab-softness", persist_state="session",
        help="Width of the ramp between dark and bright; 0 is a hard edge.",
    )  # fmt: skip
    offset = places[2].slider(
        "Position (pixels)", 0, 7, 1, key="lab-offset", persist_state="session",
        help="Moves the edge across. The transform keeps every second value, so the answer "
        "depends on the position: a lying Haar edge at 0 is not seen at all.",
    )  # fmt: skip
    with places[3]:
        ground = st.segmented_control(
            "The edge", [ALONE, OVER], default=ALONE, key="lab-edge-on", required=True,
            persist_state="session",
            help="On the image: the image at half contrast carries the edge.",
        )  # fmt: skip
    with_edge, bands = _edged(choice, (angle, softness, offset), ground or ALONE)
    level = min(2, choice.levels)
    what = f"{angle} degrees, softness {softness} px, {str(ground).lower()}"
    _stage(choice, with_edge, bands, level, what)
    energies = detail_energies(bands)
    bars, curve = st.columns([2, 3], gap="medium")
    with bars:
        theme.section("This edge", sentence(energies[level - 1], level))
        chart(answer_bars(energies), "lab-edge-bars", "Share of each band at every level",
              f"edge_{angle}_bands")  # fmt: skip
    with curve:
        theme.section(
            "All angles",
            f"The same edge, alone, turned by 180 degrees: {choice.wavelet}, level {level}, mean "
            f"over {2**level} positions.",
        )
        answers = _answers(choice.wavelet, level, float(softness), choice.mode)
        chart(
            answer_curve(_ANGLES, answers, angle, level), "lab-edge-curve",
            "Energy of LH, HL and HH against the angle of an edge",
            f"edge_angles_{choice.wavelet}_level{level}",
        )  # fmt: skip


def sentence(energies: tuple[float, float, float], level: int) -> str:
    """Which band holds most of a level's detail energy."""
    total = sum(energies)
    if total == 0:
        return f"No band of level {level} answers."
    best = int(np.argmax(energies))
    kind = KINDS[best]
    share = 100 * energies[best] / total
    return f"At level {level}, {kind} ({BAND_WORDS[kind]}) holds {share:.0f} %."


def _edged(
    choice: LabChoice, shape: tuple[int, int, int], ground: str
) -> tuple[NDArray[np.float64], Subbands]:
    """The picture with the edge in [0, 1], and its bands."""
    if ground == ALONE:
        picture = 0.5 + HEIGHT * edge(SIDE, *shape)
    else:
        rows, columns = choice.image.shape
        side = min(rows, columns)
        picture = 0.25 + 0.5 * choice.image.tensor
        top, left = (rows - side) // 2, (columns - side) // 2
        part = picture[..., top : top + side, left : left + side]
        part += 0.6 * HEIGHT * edge(side, *shape)
    return picture[0, 0].numpy(), analyse(picture, choice.wavelet, choice.levels, choice.mode)


def _stage(
    choice: LabChoice, picture: NDArray[np.float64], bands: Subbands, level: int, what: str
) -> None:
    details = bands.details[level - 1]
    arrays = [GREY * band[0, 0].numpy() for band in details]
    largest = max(1.0, *(float(np.abs(array).max()) for array in arrays))
    panels = [
        Panel.from_values("Picture", GREY * picture, "grey", "edge", (127.5, 255.0), decimals=0)
    ]
    for kind, array in zip(KINDS, arrays, strict=True):
        panels.append(
            Panel.from_values(
                f"{kind} · {BAND_WORDS[kind]}", _spread(array, picture.shape, level), "grey",
                "band", (0.0, 2 * largest), table=colours.signed_table(), decimals=1,
            )
        )  # fmt: skip
    viewer(panels, key=f"lab-edge-{choice.key}-{picture.shape}", height=380)
    st.caption(
        f"The bands of level {level} on one common scale: green above zero, purple below, black "
        f"is no answer."
    )
    save_picture(
        "Save the picture (PNG)", lambda: np.clip(picture, 0, 1), "edge",
        f"An edge at {what}", "lab-save-edge",
    )  # fmt: skip


def _spread(band: NDArray[np.float64], shape: tuple[int, ...], level: int) -> NDArray[np.float64]:
    """Repeat every coefficient over its pixels, so that the band lies on the picture's grid."""
    step = 2**level
    rows, columns = -(-shape[0] // step), -(-shape[1] // step)
    # Longer filters make a few coefficients more than the picture has blocks, half on each side.
    top, left = (band.shape[0] - rows) // 2, (band.shape[1] - columns) // 2
    inner = band[top : top + rows, left : left + columns]
    return inner.repeat(step, 0).repeat(step, 1)[: shape[0], : shape[1]]


@st.cache_data(show_spinner="Turning the edge", max_entries=64)
def _answers(wavelet: str, level: int, softness: float, mode: BoundaryMode) -> NDArray[np.float64]:
    return answer_by_angle(_ANGLES, wavelet, level, softness, mode)
