"""The rail at the left of every screen that fuses: images, windows, method."""

from typing import Literal

import streamlit as st

from fusion_core.model import FusionConfig
from pipelines.cases import CASES
from pipelines.methods import Method, MethodInfo
from ui import caches, session, theme
from ui.models import held
from ui.uploads import upload_panel
from ui.windows import window_control

DEMO, OWN = "Demo", "My images"


def method_key(info: MethodInfo) -> str:
    """How the session remembers a method: rules and checkpoints may share a name."""
    return f"{info.kind}:{info.name}"


def describe(method: Method) -> str:
    """One line on what a method does."""
    config = method.config
    if config is None:
        rule = next(i for i in held.methods() if i.kind == "rule" and i.name == method.name)
        return rule.description
    if not isinstance(config, FusionConfig):
        return "Learned: a residual network that paints the image; nothing in it can be traced."
    gates = "one mask per subband" if config.gating == "convex" else "a CT and an MRI mask"
    count = 3 * config.levels + 1
    levels = "1 level" if config.levels == 1 else f"{config.levels} levels"
    each = f"{count} subbands, {gates}" + (" each" if config.gating != "convex" else "")
    return f"Learned: {config.wavelet} wavelet, {levels}, {each}."


def current_method() -> MethodInfo:
    """The chosen method, else the first in the menu."""
    methods = {method_key(info): info for info in held.methods()}
    return methods.get(session.get().method) or next(iter(methods.values()))


def ensure_pair() -> None:
    """Put the first bundled case on the screen of a new visitor."""
    if session.get().ct is None:
        name = next(iter(CASES))
        session.show_pair(*caches.case_sources(name), case=name)


def rail(method: bool = True) -> None:
    """Draw the rail; every control writes the session's choice.

    Args:
        method: whether the page fuses with one method, to be chosen here.
    """
    ensure_pair()
    with st.sidebar:
        _images()
        st.divider()
        if method:
            _method()
            st.divider()
        _windows()


def _images() -> None:
    choice = session.get()
    theme.rail_heading("Images")
    start = OWN if choice.case is None else DEMO
    where = st.segmented_control(
        "Images", [DEMO, OWN], default=start, key="images-from", required=True,
        label_visibility="collapsed", width="stretch",
    )  # fmt: skip
    if where == OWN:
        upload_panel()
    else:
        _case_menu()
    st.button(
        "Swap CT and MRI", icon=":material/swap_horiz:", on_click=session.swap, width="stretch",
        help="Take the image given as CT for the MRI and the other way round.",
    )  # fmt: skip


def _case_menu() -> None:
    choice = session.get()
    names = list(CASES)

    def chosen() -> None:
        name = st.session_state["case"]
        session.show_pair(*caches.case_sources(name), case=name)

    index = names.index(choice.case) if choice.case in names else None
    st.selectbox(
        "Synthetic case", names, index, key="case", on_change=chosen,
        format_func=lambda name: CASES[name].title, placeholder="Choose a case",
        help="A synthetic head, computed by this program: no patient's image.",
    )  # fmt: skip
    if choice.case in CASES:
        st.caption(CASES[choice.case].description)


def _windows() -> None:
    choice = session.get()
    if choice.ct is None or choice.mri is None:
        return
    theme.rail_heading("Windows")
    window_control("ct", "CT", choice.ct, choice.windows[0])
    window_control("mri", "MRI", choice.mri, choice.windows[1])


def _method() -> None:
    theme.rail_heading("Fusion method")
    methods = {method_key(info): info for info in held.methods()}
    current = method_key(current_method())
    method_menu("method", "collapsed")
    if all(info.kind == "rule" for info in methods.values()):
        st.warning("No trained checkpoint is installed; only classical rules are here.")
    place = st.empty()
    try:
        place.caption(describe(caches.method(methods[current].kind, methods[current].name)))
    except ValueError:
        place.empty()  # the main area says what is wrong with it


def method_menu(key: str, label: Literal["visible", "collapsed"] = "visible") -> None:
    """The menu of methods; a choice counts for every page of the session.

    Args:
        key: of the widget.
        label: whether its name is written over it.
    """
    methods = {method_key(info): info for info in held.methods()}
    keys = list(methods)

    def chosen() -> None:
        session.update(method=st.session_state[key])

    st.selectbox(
        "Fusion method", keys, keys.index(method_key(current_method())), key=key,
        on_change=chosen, format_func=lambda name: _menu_line(methods[name]),
        label_visibility=label,
    )  # fmt: skip


def _menu_line(info: MethodInfo) -> str:
    return f"{info.title} · {'learned' if info.kind == 'checkpoint' else 'rule'}"
