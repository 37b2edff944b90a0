"""Which sweep a visitor looks at: kept over a change of page, and in the address over a reload."""

import streamlit as st

from ui.training import state, sweeps_look

NEW = ""
"""Stands for a sweep that is yet to be made."""

_WIDGET, _ADDRESS = "train-choose-sweep", "sweep"


def choose(name: str) -> None:
    """Look at a sweep from the next run of the page on."""
    st.session_state[_WIDGET] = state.kept(_WIDGET, name)
    state.request("Sweep")


def in_address() -> str | None:
    """The sweep that the page's address names."""
    return st.query_params.get(_ADDRESS)


def leave() -> None:
    """Take the sweep out of the address."""
    st.query_params.pop(_ADDRESS, None)


def selector() -> str:
    """Draw the menu of sweeps; returns the chosen one's name, or :data:`NEW`."""
    names = sweeps_look.names()
    if not names:
        leave()
        return NEW
    known = state.values().get(_WIDGET)
    if st.session_state.get(_WIDGET, known) not in (NEW, *names):
        st.session_state[_WIDGET] = _first(names)
    state.prepare(_WIDGET, known)
    chosen = st.selectbox(
        "Sweep", [NEW, *names], key=_WIDGET, width=440, label_visibility="collapsed",
        format_func=lambda name: sweeps_look.label(name) if name else "New sweep",
    )  # fmt: skip
    name = str(state.kept(_WIDGET, chosen or NEW))
    if name:
        st.query_params[_ADDRESS] = name
    else:
        leave()
    return name


def _first(names: list[str]) -> str:
    """What is seen first: the sweep in the address, else one that is not over, else a new one."""
    wanted = in_address()
    if wanted in names:
        return wanted
    for name in names:
        view = sweeps_look.look(name)
        if view is not None and (view.alive or view.state == "interrupted"):
            return name
    return NEW
