"""What is taken apart: a pixel, a region or the whole image, following what the visitor does."""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from fusion_core.footprint import Box
from ui.caches import Fused
from ui.explain import remembered_pick
from ui.viewer import ViewerState

Kind = Literal["Pixel", "Region", "Whole image"]
KINDS: tuple[Kind, ...] = ("Pixel", "Region", "Whole image")
KEY = "provenance-scope"
_SEEN = "twf_provenance_seen"


@dataclass(frozen=True)
class Scope:
    """What the numbers describe.

    Attributes:
        kind: as the visitor chose it.
        box: its pixels: rows and columns, half open.
        missing: what to do first, where a pixel or region was asked for and there is none.
    """

    kind: Kind
    box: Box
    missing: str = ""

    @property
    def title(self) -> str:
        """Where it is, in words."""
        top, left, bottom, right = self.box
        if self.kind == "Pixel":
            return f"Pixel x {left}, y {top}"
        if self.kind == "Region":
            return (
                f"Region x {left} to {right - 1}, y {top} to {bottom - 1} "
                f"({right - left} × {bottom - top} pixels)"
            )
        return "The whole image"


def follow(fused: Fused, state: ViewerState) -> None:
    """Turn the switch to what was done last in the viewer; call it before the switch is drawn."""
    seen = st.session_state.get(_SEEN)
    now = (fused.pair.name, state.pick, state.roi)
    st.session_state[_SEEN] = now
    if KEY not in st.session_state or seen is None or seen[0] != now[0]:
        known = state.pick or remembered_pick(fused)
        start: Kind = "Region" if state.roi else "Pixel" if known else "Whole image"
        st.session_state[KEY] = start
    elif state.roi != seen[2]:
        st.session_state[KEY] = "Region" if state.roi else "Whole image"
    elif state.pick != seen[1] and state.pick is not None:
        st.session_state[KEY] = "Pixel"


def scope_of(fused: Fused, kind: Kind, state: ViewerState) -> Scope:
    """The pixels that a choice means; the whole image where nothing was picked or drawn yet."""
    rows, columns = fused.pair.fused8.shape
    whole = (0, 0, rows, columns)
    if kind == "Pixel":
        pick = state.pick or remembered_pick(fused)
        if pick is None:
            return Scope("Whole image", whole, "Click a pixel in any panel to take it apart.")
        return Scope("Pixel", (pick[0], pick[1], pick[0] + 1, pick[1] + 1))
    if kind == "Region":
        if state.roi is None:
            return Scope("Whole image", whole, "Draw a region in the viewer to take it apart.")
        return Scope("Region", (*state.roi,))
    return Scope("Whole image", whole)
