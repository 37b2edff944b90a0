"""The Export menu of the View step: the shown slice or the whole volume, made when asked for."""

from typing import cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.deidentify import Identity
from pipelines import volume_export
from pipelines.export import NO_HU, stamped_png
from pipelines.fuse import FusedPair, to_8bit
from pipelines.methods import Method
from pipelines.volume_pair import VolumePair
from ui.guard import explain
from ui.studies import slices
from ui.studies.state import Studies
from ui.viewer import SEQUENTIAL

SLICE, VOLUME = "Shown slice", "Whole volume"
WASH = 0.5
_SCOPE = "twf_studies_scope"
_ASKED, _SAID = "twf_studies_pacs", "twf_studies_pacs_error"
KEEPS = (
    "For PACS keeps the patient's name, number, birth date and sex and the study of the CT, so "
    "that the result is filed under this patient. Only for a PACS that may hold them."
)


def colour_view(fused: FusedPair, amount: float = WASH) -> NDArray[np.uint8]:
    """The MRI as colour over the CT, (H, W, 3), as the viewer's Wash shows it.

    Args:
        fused: a fused slice.
        amount: share of the colour, 0 to 1.
    """
    grey = fused.ct01[..., None] * np.float32(255)
    colour = SEQUENTIAL[to_8bit(fused.mri01)][..., :3].astype(np.float32)
    return np.rint(grey + (colour - grey) * np.float32(amount)).astype(np.uint8)


def export_menu(now: Studies, how: Method) -> None:
    """The Export button with its menu."""
    with st.popover("Export", icon=":material/download:", width="content"):
        st.caption(f"{NO_HU} Every file says so, and how it was made.")
        scope = st.session_state.get(_SCOPE, SLICE)
        st.session_state["studies-scope"] = scope

        def scoped() -> None:
            st.session_state[_SCOPE] = st.session_state["studies-scope"]

        st.segmented_control(
            "What", (SLICE, VOLUME), key="studies-scope", required=True, width="stretch",
            label_visibility="collapsed", on_change=scoped,
        )  # fmt: skip
        if scope == VOLUME and slices.whole(now, how) is None:
            st.info("Fuse all slices first, with the method and windows that are shown.")
        elif scope == VOLUME:
            _dicom(now, how, whole=True)
            _volume(now, how)
        else:
            _dicom(now, how, whole=False)
            _slice(now, how)
        _entry(
            "Transform (.tfm)", "ct_to_mri.tfm", "text/plain",
            lambda: volume_export.save_tfm(cast(VolumePair, now.pair)),
        )  # fmt: skip


def _dicom(now: Studies, how: Method, whole: bool) -> None:
    """DICOM de-identified at once; for PACS only after the question was answered."""
    what = "series (ZIP)" if whole else "image"
    name = "fused_dicom.zip" if whole else f"{_stem(now)}.dcm"
    mime = "application/zip" if whole else "application/dicom"

    def make(identity: Identity | None) -> bytes:
        if whole:
            fused = slices.whole(now, how)
            if fused is None:
                raise ValueError("There is no fused volume.")
            return volume_export.dicom_zip(fused, identity)
        return volume_export.slice_dicom(
            cast(VolumePair, now.pair), _shown(now, how), now.plane,
            slices.at(now, now.plane)[0], identity,
        )  # fmt: skip

    _entry(f"DICOM {what}, de-identified", name, mime, lambda: make(None), primary=True)
    st.button(
        f"DICOM {what} for PACS …", key="studies-pacs", on_click=_ask, args=(now,),
        width="stretch", help=KEEPS,
    )  # fmt: skip
    if problem := st.session_state.get(_SAID):
        st.error(problem, icon=":material/error:")
    if st.session_state.get(_ASKED) != now.pair_id:
        return
    st.warning(KEEPS, icon=":material/badge:")
    pair = cast(VolumePair, now.pair)
    with st.container(horizontal=True):
        st.download_button(
            "Keep the patient and save", lambda: make(volume_export.identity_of(pair)), name, mime,
            key="studies-pacs-yes", on_click="ignore", type="primary",
        )  # fmt: skip
        st.button("Not now", key="studies-pacs-no", on_click=_unask)


def _ask(now: Studies) -> None:
    """Ask before anything of the patient is kept; say at once where there is none to keep."""
    _unask()
    try:
        volume_export.identity_of(cast(VolumePair, now.pair))
    except Exception as error:
        st.session_state[_SAID] = explain(error)
        return
    st.session_state[_ASKED] = now.pair_id


def _unask() -> None:
    st.session_state.pop(_ASKED, None)
    st.session_state.pop(_SAID, None)


def _volume(now: Studies, how: Method) -> None:
    fused = slices.whole(now, how)
    if fused is None:
        return
    _entry(
        "Volume (NIfTI)", "fused.nii.gz", "application/gzip",
        lambda: volume_export.nifti_bytes(fused),
    )  # fmt: skip


def _slice(now: Studies, how: Method) -> None:
    pair, stem = cast(VolumePair, now.pair), _stem(now)
    _entry("Image (PNG)", f"{stem}.png", "image/png", lambda: stamped_png(_shown(now, how)))
    _entry(
        "Report (PDF)", f"{stem}_report.pdf", "application/pdf",
        lambda: volume_export.slice_report(pair, _shown(now, how), pdf=True),
    )  # fmt: skip
    _entry(
        "Report (HTML)", f"{stem}_report.html", "text/html",
        lambda: volume_export.slice_report(pair, _shown(now, how)),
    )  # fmt: skip

    def capture() -> bytes:
        fused = _shown(now, how)
        return volume_export.colour_capture(pair, fused, colour_view(fused), now.plane)

    _entry(
        "Colour view, MRI over CT (DICOM)", f"{stem}_colour.dcm", "application/dicom", capture
    )  # fmt: skip


def _shown(now: Studies, how: Method) -> FusedPair:
    return slices.fused_slice(now, now.plane, slices.at(now, now.plane)[0], how)


def _stem(now: Studies) -> str:
    return f"fused_{now.plane}_{slices.at(now, now.plane)[0] + 1:03d}"


def _entry(label: str, name: str, mime: str, make: object, primary: bool = False) -> None:
    st.download_button(
        label, make, name, mime, key=f"studies-get-{label}", on_click="ignore", width="stretch",  # type: ignore[arg-type]
        type="primary" if primary else "secondary",
    )  # fmt: skip
