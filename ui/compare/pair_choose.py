"""The controls of the one-pair view: its entries, the reference, and images made elsewhere."""

import streamlit as st

from ui.compare import entries, outside, state
from ui.compare.outside_add import add_images

_ENTRIES, _REFERENCE, _LOOK = "compare-entries", "compare-reference", "compare-look"
_LOOK_WORDS = {
    "Images": "Images",
    "Differences": "Differences",
    "Masks": "Mask differences",
}


def choose() -> None:
    """Draw the controls; each writes the session's choice before the next run."""
    choice = state.get()
    offered = entries.menu()
    lines = {key: entries.line_of(key) for key in choice.entries} | offered
    st.session_state[_ENTRIES] = list(choice.entries)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.multiselect(
            "Compare", list(lines), key=_ENTRIES, format_func=lines.__getitem__,
            max_selections=state.MOST, on_change=_chosen, placeholder="Choose up to four",
            wrap=True,
            help="Checkpoints, classical rules, training runs (every epoch, the best, the last) "
            "and images made elsewhere: up to four on the same pair.",
        )  # fmt: skip
        if len(choice.entries) > 1:
            _reference(choice)
        with st.popover("Add images", icon=":material/add_photo_alternate:", width="content"):
            _elsewhere(choice)


def _reference(choice: state.PairChoice) -> None:
    kept = choice.reference if choice.reference in choice.entries else choice.entries[0]
    st.session_state[_REFERENCE] = kept
    st.selectbox(
        "Reference", choice.entries, key=_REFERENCE, format_func=entries.line_of, width=220,
        on_change=state.take, args=("reference", _REFERENCE),
        help="Differences in images, masks and metrics are taken to this entry.",
    )  # fmt: skip


def look() -> state.Look:
    """Draw the switch of what the viewer shows."""
    choice = state.get()
    st.session_state[_LOOK] = choice.look
    st.segmented_control(
        "Show", state.LOOKS, key=_LOOK, required=True, on_change=state.take,
        args=("look", _LOOK), format_func=_LOOK_WORDS.__getitem__,
        label_visibility="collapsed",
    )  # fmt: skip
    return choice.look


def _chosen() -> None:
    state.update(entries=tuple(st.session_state[_ENTRIES]))


def _elsewhere(choice: state.PairChoice) -> None:
    named = [k for k in choice.entries if entries.kind_of(k) == outside.FOLDER]
    waiting = next((k for k in named if k not in outside.known()), None)
    if "compare-folder" not in st.session_state and waiting is not None:
        st.session_state["compare-folder"] = entries.name_in(waiting)
    add_images(
        "compare",
        "Images that another program fused from the same pair. One image belongs to the pair on "
        "the screen; in a zip or a folder the one with the CT's name is taken.",
        "Fused image, or zip of fused images",
        "PNG, JPEG, TIFF, BMP, GIF or DICOM, or a zip of them. Kept in memory until the tab is "
        "closed.",
        _added,
    )


def _added(key: str) -> None:
    """Compare a new entry too, in place of the last one where there are enough."""
    others = [k for k in state.get().entries if k != key]
    if key not in state.get().entries:
        state.update(entries=(*others[: state.MOST - 1], key))
