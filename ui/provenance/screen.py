"""The Provenance screen: choose what to take apart, see its parts, take the numbers home."""

from functools import partial
from typing import Any, cast

import streamlit as st

from fusion_core.footprint import Box, footprint
from fusion_core.provenance import Attribution, BandShare, Breakdown, pixel, region
from ui import figures, theme
from ui.caches import Fused
from ui.downloads import stem
from ui.explain import remember_pick, sum_html
from ui.provenance import numbers, scope
from ui.provenance.parts import SOURCES, Part, all_parts, source_png
from ui.provenance.scope import Kind, Scope
from ui.provenance.shares import shares_of, shares_section
from ui.provenance.stage import provenance_stage, seen_so_far

NOTHING = "None"
PART = "provenance-part"
_CHART = "provenance-bars"


def bench(fused: Fused, attribution: Attribution) -> None:
    """Viewer, bars, source values and shares of what was picked or drawn."""
    pair = fused.pair
    state = seen_so_far(pair)
    scope.follow(fused, state)
    kind, band, part = _controls(attribution)
    found = scope.scope_of(fused, kind, state)
    marked = (found.box[0], found.box[1]) if found.kind == "Pixel" else None
    remember_pick(fused, marked)
    outline = _footprint(fused, found, band)
    provenance_stage(fused, attribution, part, outline, marked)
    parts, shares = _breakdown(attribution, found), shares_of(fused, attribution, found)
    theme.images_first()
    left, right = st.columns(2, gap="large")
    with left:
        _bars(found, parts)
    with right:
        _values(fused, found, parts)
        if outline is not None and band is not None:
            st.caption(numbers.footprint_sentence(band, outline, pair.ct.spacing))
        _take_home(fused, attribution, found, parts, shares)
    shares_section(found, shares)


def _controls(attribution: Attribution) -> tuple[Kind, str | None, Part | None]:
    """What to take apart, whose footprint to draw, which part to show as an image."""
    parts = all_parts(attribution)
    names = attribution.names
    if st.session_state.get(PART, NOTHING) not in parts:
        st.session_state[PART] = NOTHING
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Take apart", scope.KINDS, key=scope.KEY, required=True,
            help="Click a pixel in any panel, or draw a region with the viewer's rectangle tool; "
            "this follows what you did last.",
        )  # fmt: skip
        band = st.selectbox(
            "Footprint of", [*names, NOTHING], key=f"provenance-footprint-{len(names)}", width=172,
            format_func=lambda n: f"{n}, the coarsest" if n == names[0] else n,
            help="The pixels that share a coefficient of this subband with the one taken apart, "
            "from the length of the wavelet's filters; drawn as a dashed frame.",
        )  # fmt: skip
        part = st.selectbox(
            "Part as an image", [NOTHING, *parts], key=PART, width=172,
            help="What one subband brought from one source, as a further panel. A click on a bar "
            "of the chart chooses it as well.",
        )  # fmt: skip
    return cast(Kind, kind), None if band == NOTHING else band, parts.get(part)


def _footprint(fused: Fused, found: Scope, band: str | None) -> Box | None:
    result = fused.pair.result
    if band is None or found.kind == "Whole image" or result.ct is None or result.wavelet is None:
        return None
    return footprint(found.box, band, result.wavelet, result.ct.levels, fused.pair.fused8.shape)


def _breakdown(attribution: Attribution, found: Scope) -> Breakdown:
    if found.kind == "Pixel":
        return pixel(attribution, found.box[0], found.box[1])
    return region(attribution, found.box)


def _bars(found: Scope, parts: Breakdown) -> None:
    single = found.kind == "Pixel"
    what = "Grey levels" if single else "Mean grey levels"
    details = (
        ""
        if single
        else (
            " Details brighten and darken in turn, so their means nearly cancel; the shares below "
            "count magnitudes."
        )
    )
    theme.section(
        f"{found.title}: what each subband brought",
        f"{what} of 255. Bars to the left darken, bars to the right brighten; the dotted line adds "
        "them up from top to bottom, clipping included, and ends at the value shown." + details,
    )
    figure = figures.breakdown_bars(parts, "Shown" if single else "Mean shown")
    figure.update_layout(**theme.layout())
    st.plotly_chart(
        figure, key=f"{_CHART}-{len(parts.names)}", theme=None, config={"displayModeBar": False},
        on_select=lambda: _clicked(parts.names), selection_mode="points",
        alt="Grey levels that each subband brought from CT and from MRI, and their sum",
    )  # fmt: skip


def _clicked(names: tuple[str, ...]) -> None:
    """Show the part whose bar was clicked; the first two traces are CT's and MRI's bars."""
    event: Any = st.session_state.get(f"{_CHART}-{len(names)}")
    for point in event["selection"]["points"] if event else ():
        if (trace := point["curve_number"]) < 2 and (row := point["point_index"]) < len(names):
            st.session_state[PART] = Part(names[row], "CT" if trace == 0 else "MRI").title


def _values(fused: Fused, found: Scope, parts: Breakdown) -> None:
    theme.section("The sum, and the sources beside it", found.missing)
    st.html(sum_html(parts, found.kind != "Pixel"))
    st.html(numbers.source_table(fused.pair, found.box))


def _take_home(
    fused: Fused,
    attribution: Attribution,
    found: Scope,
    parts: Breakdown,
    shares: tuple[BandShare, ...],
) -> None:
    pair, name = fused.pair, stem(fused.pair)
    table = partial(numbers.numbers_csv, pair, found.title, found.box, parts, shares)
    with st.container(horizontal=True):
        st.download_button(
            "Numbers (CSV)", table, f"{name}_provenance.csv", "text/csv", on_click="ignore",
            icon=":material/download:", key="provenance-csv",
            help="Grey levels and all three shares of every subband, for what is taken apart.",
        )  # fmt: skip
        for source in SOURCES:
            st.download_button(
                f"{source} part (PNG)", partial(source_png, pair, attribution, source),
                f"{name}_{source.lower()}_part.png", "image/png", on_click="ignore",
                icon=":material/download:", key=f"provenance-{source}",
                help=f"All that came from the {source}, exactly, clamped to 8 bits and stamped.",
            )  # fmt: skip


def how_to_read() -> None:
    """Five sentences for a first visit, behind a button in the head of the page."""
    with st.popover("How to read this page", icon=":material/help:", width="content"):
        st.markdown(
            "- The wavelet transform is linear, so each fused pixel is **a sum**: one number per "
            "subband and source, plus what clamping to black and white takes away.\n"
            "- **LL** is smooth anatomy; **LH**, **HL** and **HH** are horizontal, vertical and "
            "diagonal detail. A higher number means coarser; the pixels beside a name say how "
            "coarse.\n"
            "- A part may be **negative**: detail darkens one side of an edge and brightens the "
            "other. Small parts at a pixel are not unimportant, they carry its edges.\n"
            "- A **share** needs a definition, and the three here answer different questions: how "
            "far the gates are open, how much signal passed, how much can be seen.\n"
            "- A large part of one source says where a grey level comes from, **not that it is "
            "right**. Read findings on the sources."
        )
