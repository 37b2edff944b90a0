"""Fuse: a pair, its fused image, what every pixel is made of, and how good it is."""

import streamlit as st

from ui import theme
from ui.alignment.note import alignment_note
from ui.caches import Fused
from ui.clinical_panel import clinical_panel
from ui.controls import rail
from ui.downloads import export_menu
from ui.explain import pixel_panel
from ui.guard import guarded
from ui.quality_panel import quality_panel, quality_table
from ui.stage import pair_stage
from ui.workspace import facts, fuse_current


@st.fragment
@guarded()
def bench(fused: Fused) -> None:
    """Viewer, picked pixel, headline numbers, findings: a pick or region redraws only this."""
    pick = pair_stage(fused)
    left, right = st.columns(2, gap="large")
    with left:
        pixel_panel(fused, pick)
    with right:
        quality_panel(fused)
    clinical_panel(fused)


rail()
fused = fuse_current()
with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
    theme.page_head("Fuse", facts(fused) if fused else ())
    if fused is not None:
        export_menu(fused)
if fused is not None:
    theme.notes(fused.pair.notes)
    note = st.container()
    bench(fused)
    with note, guarded():
        alignment_note(fused)  # after the images, which do not wait for it
    quality_table(fused)
