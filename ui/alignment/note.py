"""What a visitor is told about the alignment of the pair, and the way back from a motion."""

import streamlit as st

from pipelines.alignment import warning
from ui import theme
from ui.alignment import state, work
from ui.caches import Fused

PAGE = "pages/alignment.py"


def alignment_note(fused: Fused) -> None:
    """One quiet line with a link, on a page that fuses; nothing where the pair fits."""
    found = work.check(fused)
    if found is None or not (sentence := warning(found, fused.pair.ct.spacing)):
        return
    with st.container(horizontal=True, vertical_alignment="center", key="alignment-note"):
        st.caption(f":material/straighten: {sentence}", width="content")
        st.page_link(PAGE, label="See on Alignment", width="content")


def alignment_warning(fused: Fused) -> None:
    """The same on the Alignment page, with buttons to look at the better place and to take it."""
    found = work.check(fused)
    if found is None:
        st.info("These images are too small to tell whether they lie on each other.")
        return
    sentence = warning(found, fused.pair.ct.spacing)
    if not sentence:
        st.caption(_fits(found.distance, found.gain))
        return
    with st.container(horizontal=True, vertical_alignment="center", key="alignment-warning"):
        st.warning(sentence, icon=":material/straighten:", width="stretch")
        st.button(
            "Show this shift", on_click=state.put, args=(found.shift,), key="alignment-show",
            help="Sets the sliders below to it; nothing is kept yet.",
        )  # fmt: skip
        if st.button(
            "Use this shift", type="primary", key="alignment-use",
            help="Takes the moved MRI for the session's, on every page, with a note. "
            "It can be undone.",
        ):  # fmt: skip
            state.keep(fused.pair, found.shift)
            st.rerun()


def notes_with_undo(fused: Fused) -> None:
    """The notes on the pair, and Undo beside them where its MRI was moved."""
    with st.container(horizontal=True, vertical_alignment="center", key="alignment-notes"):
        theme.notes(fused.pair.notes)
        if state.kept() is not None and st.button(
            "Put the MRI back", icon=":material/undo:", key="alignment-undo"
        ):
            state.undo()
            st.rerun()


def _fits(distance: float, gain: float) -> str:
    if distance == 0:
        return "The MRI fits best where it lies: no step in any direction adds mutual information."
    return (
        f"No clear misfit: the best place found lies {distance:.1f} px away on the mean and adds "
        f"only {100 * gain:.1f} % of mutual information, too little or too uneven to act on."
    )
