"""Provenance: any pixel, region or the whole image taken apart, exactly, by subband and source."""

import streamlit as st

from fusion_core.provenance import Attribution
from ui import theme
from ui.caches import Fused, attribution_of
from ui.controls import rail
from ui.explain import no_parts
from ui.guard import guarded
from ui.provenance.screen import bench, how_to_read
from ui.provenance.shares import energy_section, parts_section
from ui.workspace import facts, fuse_current


@st.fragment
@guarded()
def taken_apart(fused: Fused, attribution: Attribution) -> None:
    """All that follows a pick or a region; either redraws only this."""
    bench(fused, attribution)


@st.fragment
@guarded()
def energy(fused: Fused) -> None:
    """Its switch redraws only this."""
    energy_section(fused)


rail()
fused = fuse_current()
with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
    theme.page_head("Provenance", facts(fused) if fused else ())
    how_to_read()
if fused is not None:
    theme.notes(fused.pair.notes)
    attribution = attribution_of(fused)
    if attribution is None:
        st.info(no_parts(fused.pair), icon=":material/info:")
    else:
        taken_apart(fused, attribution)
        with guarded():
            parts_section(fused, attribution)
        energy(fused)
