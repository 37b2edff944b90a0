"""Masks: what the method decided, where, and what each source contributed."""

import streamlit as st

from ui import theme
from ui.caches import Fused
from ui.controls import rail
from ui.guard import guarded
from ui.mask_views import mask_section, no_masks, parts_section, share_section
from ui.workspace import facts, fuse_current


@st.fragment
@guarded()
def masks(fused: Fused) -> None:
    """The masks over the anatomy; its controls redraw only this."""
    mask_section(fused)


@st.fragment
@guarded()
def shares(fused: Fused) -> None:
    """The charts; the definition redraws only these."""
    share_section(fused)


rail()
fused = fuse_current()
theme.page_head("Masks", facts(fused) if fused else ())
if fused is not None:
    theme.notes(fused.pair.notes)
    if fused.pair.result.masks is None:
        no_masks(fused.pair.method.title)
    else:
        masks(fused)
        shares(fused)
        with guarded():
            parts_section(fused)
