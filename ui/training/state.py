"""What a visitor set on the Train page: plain session keys that survive a change of page."""

from typing import Any, Literal, cast

import streamlit as st

from ui.training.sources import Upload

View = Literal["New run", "Run", "All runs", "Sweep"]
VIEWS: tuple[View, ...] = ("New run", "Run", "All runs", "Sweep")
_VIEW, _RUN, _REQUEST = "twf_train_view", "twf_train_run", "twf_train_request"
_VALUES, _UPLOAD, _CHECKED = "twf_train_values", "twf_train_upload", "twf_train_checked"
_PATIENTS = "twf_train_patients"
VIEW_WIDGET = "train-view"


def view() -> View | None:
    """The chosen part of the page, None before the first choice."""
    return cast(View | None, st.session_state.get(_VIEW))


def run() -> str | None:
    """Name of the run that is looked at."""
    return cast(str | None, st.session_state.get(_RUN))


def request(view: View, run: str | None = None) -> None:
    """Ask for a part of the page; :func:`follow` and the next whole run take it up."""
    st.session_state[_REQUEST] = (view, run)


def follow() -> None:
    """In a fragment: let the whole page run if a part of it was asked for."""
    if _REQUEST in st.session_state:
        st.rerun()


def honour_request() -> None:
    """Before any widget of the page: turn to what was asked for."""
    if _REQUEST in st.session_state:
        go(*st.session_state.pop(_REQUEST))


def prepare_view() -> None:
    """Give the view's widget its value before it is drawn."""
    if VIEW_WIDGET not in st.session_state:
        st.session_state[VIEW_WIDGET] = view()


def go(view: View, run: str | None = None) -> None:
    """Turn to a part of the page; to be called before its widgets or from their callbacks."""
    st.session_state[_VIEW] = view
    st.session_state[VIEW_WIDGET] = view
    if run is not None:
        st.session_state[_RUN] = run
        st.query_params["run"] = run


def remember_view(view: View) -> None:
    """Keep what the view's widget says."""
    st.session_state[_VIEW] = view


def forget_run(name: str) -> None:
    """Look at no run any more if it is this one."""
    if run() == name:
        st.session_state.pop(_RUN, None)
        st.query_params.pop("run", None)


def values() -> dict[str, Any]:
    """What was entered into fields, by widget key."""
    return cast(dict[str, Any], st.session_state.setdefault(_VALUES, {}))


def prepare(key: str, start: Any) -> None:
    """Give a widget its value before it is drawn: what was entered before, else ``start``."""
    if key not in st.session_state:
        st.session_state[key] = values().get(key, start)


def kept(key: str, value: Any) -> Any:
    """Remember what a widget holds and hand it on."""
    values()[key] = value
    return value


def upload() -> Upload | None:
    """The visitor's unpacked zip."""
    return cast(Upload | None, st.session_state.get(_UPLOAD))


def set_upload(found: Upload | None) -> None:
    """Keep an unpacked zip, or let go of it."""
    st.session_state[_UPLOAD] = found


def checked() -> str | None:
    """Signature of the images whose report was asked for."""
    return cast(str | None, st.session_state.get(_CHECKED))


def set_checked(signature: str) -> None:
    """Show the report of these images."""
    st.session_state[_CHECKED] = signature


def patients(images: str) -> tuple[str, ...]:
    """The patients of these images as their last report named them."""
    known, found = st.session_state.get(_PATIENTS, ("", ()))
    return cast(tuple[str, ...], found if known == images else ())


def set_patients(images: str, found: tuple[str, ...]) -> None:
    """Keep the patients of a report, to choose from."""
    if found:
        st.session_state[_PATIENTS] = (images, found)
