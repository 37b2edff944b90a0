"""The pyramid: all bands nested, what each carries, and how exactly they give the image back."""

from typing import get_args

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.provenance import energies
from fusion_core.wavelet_facts import atom, keep_bands
from fusion_core.wavelets import band_names, synthesise
from ui import colours, theme
from ui.figures import signed
from ui.lab import mosaic
from ui.lab.choice import LabChoice
from ui.lab.compute import GREY, bands_of, grey8
from ui.lab.look import chart, save_picture
from ui.lab.pyramid_figures import energy_figure
from ui.lab.words import power
from ui.viewer import Overlay, Panel, Roi, fade, viewer

CONTRASTS: dict[mosaic.Contrast, str] = {"band": "Each band by itself", "common": "Details alike"}
LOOKS: dict[mosaic.Look, str] = {"signed": "Signed", "size": "Size"}
_STAGE = 430


def pyramid_view(choice: LabChoice) -> None:
    """The nested bands with a click on a coefficient, then the bands switched on and off."""
    theme.section(
        "The bands, nested",
        "LL, top left, is a small copy of the image. LH answers to horizontal edges, HL to "
        "vertical ones, HH to diagonals; each ring is one level, coarser towards the corner. Click "
        "a coefficient to see what it alone adds to the image.",
    )
    _nested(choice)
    theme.section(
        "What each band carries",
        "Switch bands on and off: the left image is made from the bands that are on, the right one "
        "is what is missing. The two add up to the image, because the transform is linear.",
    )
    _kept(choice)


def _nested(choice: LabChoice) -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        contrast = st.segmented_control(
            "Contrast", get_args(mosaic.Contrast), default="band", required=True,
            key="lab-contrast", format_func=CONTRASTS.__getitem__, persist_state="session",
            help="Each band by itself shows weak bands; alike shows how weak they are.",
        )  # fmt: skip
        look = st.segmented_control(
            "Coefficients", get_args(mosaic.Look), default="signed", required=True,
            key="lab-look", format_func=LOOKS.__getitem__, persist_state="session",
            help="Signed: mid-grey is zero. Size: black is zero, the sign is left out.",
        )  # fmt: skip
    bands = bands_of(choice)
    picture = mosaic.build(bands, contrast or "band", look or "signed")
    left, right = st.columns(2, gap="medium")
    with left:
        state = viewer(
            [Panel(f"Bands · {choice.wavelet}", picture.pixels, "shade", "mosaic")],
            key=f"lab-mosaic-{choice.key}", height=_STAGE,
        )  # fmt: skip
        save_picture(
            "Save the bands (PNG)", lambda: picture.pixels,
            f"{choice.image.stem}_{choice.wavelet}_bands",
            f"Wavelet bands of {choice.image.title}, {choice.wavelet}, {choice.levels} levels, "
            f"{choice.mode} border", "lab-save-mosaic",
        )  # fmt: skip
    with right:
        found = picture.find(*state.pick) if state.pick is not None else None
        _atom(choice, *(found or _strongest(choice)), picked=found is not None)


def _strongest(choice: LabChoice) -> tuple[str, int, int]:
    """The largest detail coefficient of the coarsest level: what is shown before a click."""
    name = band_names(choice.levels)[1]
    band = dict(bands_of(choice).items())[name][0, 0]
    row, column = divmod(int(band.abs().argmax()), band.shape[1])
    return name, row, column


def _atom(choice: LabChoice, band: str, row: int, column: int, picked: bool) -> None:
    value = float(dict(bands_of(choice).items())[band][0, 0, row, column])
    unit = atom(choice.wavelet, choice.levels, band, row, column, choice.image.shape)[0, 0].numpy()
    added = GREY * value * unit
    # An empty coefficient still has a shape: show it as if it had a value.
    shape = unit / np.abs(unit).max() if np.abs(unit).max() > 0 else unit
    overlay = Overlay(
        np.rint(127.5 * (shape + 1)).astype(np.uint8), fade(colours.signed_table(), 128),
        "Shape of the coefficient", -1, 1,
    )  # fmt: skip
    place = f"{band}, row {row}, column {column}"
    rows, columns = (np.flatnonzero(np.abs(unit).max(axis) > 1e-9) for axis in (1, 0))
    pixels = grey8(choice.image.pixels)
    viewer(
        [Panel(f"Image with {place}", pixels, "grey", "image", overlay=overlay)],
        key=f"lab-atom-{choice.image.key}", height=_STAGE, opacity=0.9,
        spacing=choice.image.spacing, orientation=choice.image.orientation,
        outline=_around(rows, columns, choice.image.shape),
    )  # fmt: skip
    size = f"{np.ptp(columns) + 1} × {np.ptp(rows) + 1} pixels" if len(rows) else "no pixel"
    chosen = "" if picked else "The strongest of its band. "
    st.caption(
        f"{chosen}{place}: value {signed(GREY * value)}. It touches {size} (dashed) and "
        f"changes them by {signed(float(added.min()))} to {signed(float(added.max()))} grey "
        "levels of 255."
    )


def _around(
    rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, int]
) -> Roi | None:
    """A frame around the touched pixels with a little air."""
    if not len(rows):
        return None
    return Roi(
        max(0, int(rows[0]) - 2), max(0, int(columns[0]) - 2),
        min(shape[0], int(rows[-1]) + 3), min(shape[1], int(columns[-1]) + 3),
    )  # fmt: skip


def _kept(choice: LabChoice) -> None:
    bands = bands_of(choice)
    names = band_names(choice.levels)
    key = f"lab-kept-{choice.levels}"
    if key not in st.session_state:
        st.session_state[key] = [names[0]]

    def keep(*wanted: str) -> None:
        st.session_state[key] = list(wanted)

    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        kept = st.pills(
            "Bands that are on", names, selection_mode="multi", key=key, persist_state="session",
            width="content",
        )  # fmt: skip
        st.button("All", on_click=keep, args=names)
        st.button("None", on_click=keep)
        st.button("Only " + names[0], on_click=keep, args=names[:1])
        st.button("Only details", on_click=keep, args=names[1:])
    image = choice.image.tensor
    rebuilt = synthesise(keep_bands(bands, frozenset(kept)), choice.wavelet, choice.image.shape)
    whole = synthesise(bands, choice.wavelet, choice.image.shape)
    shown, missing = GREY * rebuilt[0, 0].numpy(), GREY * (image - rebuilt)[0, 0].numpy()
    reach = max(1.0, float(np.percentile(np.abs(missing), 99.9)))
    only_details = names[0] not in kept
    centre = 0.0 if only_details else GREY / 2
    width = 2 * max(1.0, float(np.percentile(np.abs(shown), 99.9))) if only_details else float(GREY)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        viewer(
            [
                Panel.from_values("From the bands that are on", shown, "grey", "kept",
                                  (centre, width), decimals=1),
                Panel.from_values("What is missing", missing, "grey", "missing", (0.0, 2 * reach),
                                  table=colours.signed_table(), decimals=1),
            ],
            key=f"lab-kept-view-{choice.image.key}-{only_details}", height=_STAGE,
            spacing=choice.image.spacing, orientation=choice.image.orientation,
        )  # fmt: skip
        worst = GREY * float((image - whole).abs().max())
        st.caption(
            f"All {len(names)} bands together give the image back with an error of "
            f"{power(worst)} grey levels at most. Now missing: "
            f"{_missing_share(kept, names)}, {float(np.abs(missing).mean()):.2g} grey levels on "
            f"average."
        )
        save_picture(
            "Save the left image (PNG)", lambda: grey8(rebuilt[0, 0].numpy() + only_details / 2),
            f"{choice.image.stem}_{choice.wavelet}_kept",
            f"{choice.image.title} from the bands {', '.join(kept) or 'none'} of {choice.wavelet}",
            "lab-save-kept",
        )  # fmt: skip
    with right:
        found = energies(bands)
        chart(
            energy_figure(found, frozenset(kept)), "lab-energy",
            "Share of the image's energy in every band", f"{choice.image.stem}_energy",
        )  # fmt: skip
        st.caption(
            f"{names[0]} holds {100 * found[0].raw:.2f} % of the energy (sum of squared "
            f"coefficients); {100 * found[0].centred:.2f} % once its mean, plain brightness, is "
            "taken away."
        )


def _missing_share(kept: list[str], names: tuple[str, ...]) -> str:
    gone = len(names) - len(kept)
    return "nothing" if gone == 0 else "1 band" if gone == 1 else f"{gone} bands"
