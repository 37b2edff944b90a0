"""The pair on the screen, fused: one call that every fusing screen begins with."""

from contextlib import nullcontext
from typing import cast

import streamlit as st

from pipelines.export import method_label
from ui import caches, session
from ui.caches import Fused
from ui.controls import current_method
from ui.guard import USER_ERRORS

_LAST = "twf_last"


def fuse_current() -> Fused | None:
    """Fuse what is chosen; on bad input say why in one sentence and keep the last good result."""
    choice, info = session.get(), current_method()
    if choice.ct is None or choice.mri is None:
        return None
    try:
        how = caches.method(info.kind, info.name)
        waiting = st.spinner("Fusing this pair takes some seconds …", show_time=True)
        with waiting if info.slow else nullcontext():
            fused = caches.fuse(choice.ct, choice.mri, choice.windows, how)
    except USER_ERRORS as error:
        last = cast(Fused | None, st.session_state.get(_LAST))
        kept = " The last result stays on the screen." if last is not None else ""
        st.error(f"{error}{kept}", icon=":material/error:")
        return last
    st.session_state[_LAST] = fused
    return fused


def shorten(name: str, room: int = 24) -> str:
    """A file name with its middle left out where it is too long for the head of a page."""
    return name if len(name) <= room else f"{name[: room - 9]}…{name[-8:]}"


def facts(fused: Fused) -> list[str]:
    """Size, spacing and method of a fused pair, each a few words."""
    pair = fused.pair
    rows, columns = pair.fused8.shape
    names = (shorten(pair.ct.name), shorten(pair.mri.name))
    found = [" + ".join(dict.fromkeys(names)), f"{columns} × {rows} pixels"]
    if pair.ct.spacing is not None:
        down, across = pair.ct.spacing
        same = abs(down - across) < 1e-6
        found.append(f"{across:.3g} mm" if same else f"{across:.3g} × {down:.3g} mm")
    return [*found, method_label(pair.method)]
