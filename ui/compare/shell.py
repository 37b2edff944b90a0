"""The frame of the Compare page: which of its views, and the switch between them."""

import streamlit as st

from ui import theme
from ui.compare import state
from ui.compare.views import VIEWS

_SWITCH = "compare-view"


def current_view() -> str:
    """The title of the view of this session; the first one may be asked for in the address."""
    kept = state.view()
    if kept not in VIEWS:
        asked = st.query_params.get("view", "")
        kept = next((title for title in VIEWS if state.slug(title) == asked), next(iter(VIEWS)))
        state.open_view(kept)
    return kept


def switch(current: str) -> None:
    """Draw the switch between the views."""
    st.session_state[_SWITCH] = current
    st.segmented_control(
        "View", list(VIEWS), key=_SWITCH, required=True, label_visibility="collapsed",
        on_change=lambda: state.open_view(st.session_state[_SWITCH]),
    )  # fmt: skip


def page() -> None:
    """Draw the page."""
    current = current_view()
    theme.page_head("Compare")
    switch(current)
    VIEWS[current]()
