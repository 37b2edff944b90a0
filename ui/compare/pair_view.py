"""One pair: up to four fused images beside their sources, measured and subtracted."""

import streamlit as st

from ui import controls, theme
from ui.caches import Fused
from ui.compare import pair_choose, pair_link, state
from ui.compare.pair_masks import masks_view
from ui.compare.pair_runs import runs_section, scrubber
from ui.compare.pair_sides import Side, Sides, sides, the_pair
from ui.compare.pair_stage import differences_stage, images_stage
from ui.compare.pair_table import table_csv, table_html
from ui.downloads import stem
from ui.guard import guarded


@guarded()
def pair_view() -> None:
    """Draw the view."""
    pair_link.restore()
    if state.arrived():
        theme.to_top()
    controls.rail(method=False)
    base = the_pair()
    if base is not None:
        theme.notes(base.pair.notes)
        _bench(base)


@st.fragment
@guarded()
def _bench(base: Fused) -> None:
    """Everything that an entry, the scrubber or a switch changes: they redraw only this."""
    if (lost := pair_link.lost()) is not None:
        theme.notes([lost])
    pair_choose.choose()
    epoch = scrubber(state.get().entries)
    found = sides(base, state.get().entries, epoch)
    for problem in found.problems:
        st.warning(problem, icon=":material/warning:")
    reference = found.reference(state.get().reference)
    if reference is None:
        st.info("Choose at least one entry above.", icon=":material/info:")
    else:
        _images(found, reference)
        _numbers(found, reference)
    runs_section(state.get().entries, epoch)
    pair_link.keep_address()
    pair_link.link_section(st.context.url)


def _images(found: Sides, reference: Side) -> None:
    if len(found.shown) < 2:
        images_stage(found, reference)
        return
    row = st.container(horizontal=True, gap="medium", vertical_alignment="bottom")
    with row:
        look = pair_choose.look()
    if look == "Differences":
        differences_stage(found, reference)
    elif look == "Masks":
        masks_view(found, reference, row)
    else:
        images_stage(found, reference)


def _numbers(found: Sides, reference: Side) -> None:
    theme.section(
        "Measures of this pair",
        "↑ higher is better, ↓ lower is better, – neither. Below each value: its difference to "
        "the reference, green where better, purple where worse. Computed on the 8-bit images with "
        "both windowed sources. One pair proves little: a data set tells which differences hold.",
    )
    st.html(table_html(found.shown, reference))
    if notes := [f"{side.title}: {note}" for side in found.shown for note in side.notes]:
        theme.notes(notes)
    name = stem(found.pair).removesuffix("_mean")
    st.download_button(
        "Measures (CSV)", lambda: table_csv(found.shown, reference), f"{name}_compared.csv",
        "text/csv", key="compare-csv", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
