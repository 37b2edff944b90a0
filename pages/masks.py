"""Masks: what up to three methods decided, where, how firmly and how sharply."""

import streamlit as st

from ui import theme
from ui.caches import Fused
from ui.controls import rail
from ui.guard import guarded
from ui.mask_views import masks_screen, no_masks
from ui.workspace import facts, fuse_current


@st.fragment
@guarded()
def masks(fused: Fused) -> None:
    """The masks and their numbers; the controls redraw only this."""
    masks_screen(fused)


rail()
fused = fuse_current()
theme.page_head("Masks", facts(fused) if fused else ())
if fused is not None:
    theme.notes(fused.pair.notes)
    if fused.pair.result.masks is None:
        no_masks(fused.pair.method.title)
    else:
        masks(fused)
