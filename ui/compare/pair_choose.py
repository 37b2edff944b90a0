"""The controls of the one-pair view: its entries, the reference, and images made elsewhere."""

from typing import Any

import streamlit as st

from ui.compare import entries, outside, state
from ui.guard import explain

_ENTRIES, _REFERENCE, _LOOK = "compare-entries", "compare-reference", "compare-look"
_LOOK_WORDS = {
    "Images": "Images",
    "Differences": "Differences",
    "Masks": "Mask differences",
}
_PROBLEM = "twf_compare_problem"


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
    st.caption(
        "Images that another program fused from the same pair. One image belongs to the pair on "
        "the screen; in a zip or a folder the one with the CT's name is taken."
    )
    st.file_uploader(
        "Fused image, or zip of fused images", key="compare-upload", on_change=_uploaded,
        help="PNG, JPEG, TIFF, BMP, GIF or DICOM, or a zip of them. Kept in memory until the tab "
        "is closed.",
    )  # fmt: skip
    named = [k for k in choice.entries if entries.kind_of(k) == outside.FOLDER]
    waiting = next((k for k in named if k not in outside.known()), None)
    if "compare-folder" not in st.session_state and waiting is not None:
        st.session_state["compare-folder"] = entries.name_in(waiting)
    st.text_input("Folder on this computer", key="compare-folder", placeholder="/path/to/fused")
    st.button("Add folder", key="compare-folder-add", on_click=_folder)
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/error:")


def _uploaded() -> None:
    file: Any = st.session_state.get("compare-upload")
    if file is not None:
        _add(lambda: outside.add_upload(file.getvalue(), file.name))


def _folder() -> None:
    if text := str(st.session_state.get("compare-folder") or "").strip():
        _add(lambda: outside.add_folder(text))


def _add(make: Any) -> None:
    """Add what was made elsewhere to the comparison, in place of the last entry of a full one."""
    st.session_state.pop(_PROBLEM, None)
    try:
        key = make()
    except Exception as error:
        st.session_state[_PROBLEM] = explain(error)
        return
    others = [k for k in state.get().entries if k != key]
    if key not in state.get().entries:
        state.update(entries=(*others[: state.MOST - 1], key))
