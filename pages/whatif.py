"""What-if: scale, mute or exchange what each subband brought, and see image and measures follow."""

import streamlit as st

from ui import theme
from ui.caches import Fused, attribution_of
from ui.controls import rail
from ui.guard import guarded
from ui.mask_views import no_masks
from ui.whatif.screen import explain_section, export_altered, numbers, whatif_stage
from ui.workspace import facts, fuse_current


@st.fragment
@guarded()
def bench(fused: Fused) -> None:
    """Sliders, images and measures: a released slider redraws only this."""
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        change = st.toggle(
            "Show the change as a third image", key="whatif-change",
            help="Altered minus learned, in grey levels: green is brighter, purple darker.",
        )  # fmt: skip
        menu = st.container(width="content")
    chosen = whatif_stage(fused, change)
    with menu:
        export_altered(fused, chosen)
    left, right = st.container(key="stack-whatif").columns([3, 2], gap="large")
    with left:
        numbers(fused, chosen)
    with right:
        explain_section()


rail()
fused = fuse_current()
theme.page_head("What-if", facts(fused) if fused else ())
if fused is not None:
    theme.notes(fused.pair.notes)
    if fused.pair.result.masks is None:
        no_masks(fused.pair.method.title)
    elif attribution_of(fused) is None:
        st.info("This image is too large to keep every subband's part; crop it to try what-ifs.")
    else:
        bench(fused)
