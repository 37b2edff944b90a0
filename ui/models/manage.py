"""Bring a checkpoint in, keep it, rename it, remove it."""

from typing import Any

import streamlit as st

from fusion_core.checkpoint import list_checkpoints
from pipelines import zoo_import
from ui import theme
from ui.guard import explain
from ui.models import held, table
from ui.models.entries import SESSION, Entry, entries

_DROPS, _PROBLEM, _NOTICE, _ASKED = (
    "twf_models_drops", "twf_models_problem", "twf_models_notice", "twf_models_asked"
)  # fmt: skip


def take(data: bytes, file_name: str) -> None:
    """Check a file and hold it for the session; a model that is here already is shown instead."""
    st.session_state.pop(_PROBLEM, None)
    try:
        found = zoo_import.inspect(data, file_name)
    except Exception as error:
        st.session_state[_PROBLEM] = explain(error)
        return
    for entry in entries():
        if entry.checkpoint is not None and entry.checkpoint.sha256 == found.sha256:
            table.show(entry.name)
            st.session_state[_NOTICE] = (
                f"{file_name} is the same model as {entry.name}: settings and weights have one "
                "SHA-256."
            )
            return
    name = zoo_import.free_name(found.name, _taken())
    held.add(zoo_import.named(found, name), data, file_name)
    table.show(name)
    st.session_state[_NOTICE] = (
        f"{name} is checked and can be chosen on every page of this tab; it is forgotten when the "
        "tab is closed, unless you save it."
    )


def import_panel() -> None:
    """The drop zone in the rail, and what was wrong with the last file."""
    with st.sidebar:
        theme.rail_heading("Import a model")
        key = f"models-upload-{st.session_state.get(_DROPS, 0)}"

        def dropped() -> None:
            file: Any = st.session_state.get(key)
            if file is not None:
                take(file.getvalue(), file.name)
                if _PROBLEM not in st.session_state:
                    st.session_state[_DROPS] = st.session_state.get(_DROPS, 0) + 1

        st.file_uploader("Checkpoint (.safetensors)", key=key, on_change=dropped)
        if problem := st.session_state.get(_PROBLEM):
            st.error(problem, icon=":material/error:")
        st.caption(
            "A .safetensors file of this program, from a run or from a colleague. It holds numbers "
            "only: nothing in it is executed. Settings, weights and SHA-256 are checked, and a "
            "small pair is fused with it, before it is used."
        )


def notice() -> None:
    """What the last action did."""
    if text := st.session_state.pop(_NOTICE, None):
        st.success(text, icon=":material/check_circle:")


def actions(entry: Entry) -> None:
    """Save, rename and remove, for a checkpoint of the visitor's own."""
    if not entry.own:
        return
    if entry.origin == SESSION and st.button(
        "Save for good", key="models-save", icon=":material/save:",
        help="Puts the file among the installed checkpoints, where the shell finds it too.",
    ):  # fmt: skip
        _act(_save, entry.name)
    with st.popover("Rename", icon=":material/edit:"):
        new = st.text_input("New name", entry.name, key=f"models-name-{entry.name}", max_chars=60)
        if st.button("Rename", key="models-rename", type="primary"):
            _act(_rename, entry.name, new.strip(), entry.origin)
    if st.button("Remove", key="models-remove", icon=":material/delete:"):
        st.session_state[_ASKED] = entry.name


def confirm(entry: Entry) -> None:
    """Ask before a checkpoint goes; another choice takes the question back."""
    if st.session_state.get(_ASKED) != entry.name or not entry.own:
        st.session_state.pop(_ASKED, None)
        return
    where = "this tab forgets it" if entry.origin == SESSION else "its file is deleted for good"
    st.warning(f"Remove {entry.name}? {where[0].upper()}{where[1:]}.", icon=":material/delete:")
    with st.container(horizontal=True):
        if st.button("Remove it", key="models-remove-yes", type="primary"):
            st.session_state.pop(_ASKED, None)
            _act(_remove, entry.name, entry.origin)
        st.button("Keep it", key="models-remove-no", on_click=_keep)


def _keep() -> None:
    st.session_state.pop(_ASKED, None)


def _act(do: Any, *words: str) -> None:
    """Do it and draw the page anew, or say why not."""
    try:
        st.session_state[_NOTICE] = do(*words)
    except ValueError as error:
        st.error(explain(error), icon=":material/error:")
        return
    st.rerun()


def _save(name: str) -> str:
    kept = held.held()[name]
    zoo_import.keep(kept.data, name, kept.file_name)
    held.drop(name)
    table.show(name)
    return f"{name} is saved among the installed checkpoints."


def _rename(name: str, new: str, origin: str) -> str:
    if origin == SESSION:
        held.rename(name, zoo_import.check_name(new, _taken()))
    else:
        zoo_import.check_name(new, _taken())
        zoo_import.rename(name, new)
    table.show(new)
    return f"{name} is now {new}."


def _remove(name: str, origin: str) -> str:
    if origin == SESSION:
        held.drop(name)
    else:
        zoo_import.delete(name)
    return f"{name} is removed."


def _taken() -> set[str]:
    return {*list_checkpoints(), *held.held()}
