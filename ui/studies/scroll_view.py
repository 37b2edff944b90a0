"""Step 3: three linked planes, the shown slice fused at once, the whole volume on demand."""

from html import escape
from typing import cast

import streamlit as st

from imaging.planes import PLANES, Plane, plane_count, slice_image
from imaging.windowing import Window
from pipelines.export import NO_HU
from pipelines.fuse_volume import FusedVolume
from pipelines.hidden import sentence
from pipelines.methods import Method
from pipelines.volume_findings import finding_sentence
from pipelines.volume_pair import VolumePair
from ui import theme
from ui.controls import method_menu
from ui.guard import explain, guarded
from ui.studies import slices, state, tasks
from ui.studies.checker import presets, ramp, source_panel
from ui.studies.closer import look_closer
from ui.studies.exports import export_menu
from ui.studies.progress import work_panel
from ui.studies.state import Studies
from ui.viewer import Panel, Stack, viewer, viewer_state

MAIN, SMALL = 550, 270
_MOST = 4
"""Sentences about what is hidden that are shown at once."""


@st.fragment
@guarded()
def scroll_view() -> None:
    """Draw the step; scrolling redraws only this."""
    now = state.get()
    if now.pair is None:
        return
    _controls(now)
    now = state.get()
    try:
        how = slices.method()
        if now.others:
            left, right = st.container(key="stack-studies-planes").columns([10, 3], gap="small")
            with left:
                _main(now, how)
            with right, st.container(key="studies-small"):
                for plane in (p for p in PLANES if p != now.plane):
                    _small(now, plane, how)
        else:
            _main(now, how)
    except Exception as error:
        st.error(explain(error), icon=":material/error:")
        return
    work_panel()
    _actions(now, how)
    _warnings(now, how)


def _controls(now: Studies) -> None:
    grid = cast(VolumePair, now.pair).grid
    plane, bar, menu = st.columns([4, 7, 4], gap="medium", vertical_alignment="center")

    def planed() -> None:
        state.update(plane=cast(Plane, st.session_state["studies-plane"]))

    st.session_state["studies-plane"] = now.plane
    plane.segmented_control(
        "Plane", PLANES, key="studies-plane", on_change=planed, required=True,
        format_func=str.capitalize, width="stretch", label_visibility="collapsed",
    )  # fmt: skip
    count = plane_count(grid, now.plane)
    index = slices.at(now, now.plane)[0]

    def slid() -> None:
        slices.turn_to(now.plane, int(st.session_state["studies-slice"]) - 1)

    if count > 1:
        st.session_state["studies-slice"] = index + 1
        bar.slider(
            f"Slice, 1 to {count}", 1, count, key="studies-slice", on_change=slid,
            label_visibility="collapsed",
        )  # fmt: skip
    with menu:
        method_menu("studies-method", "collapsed")


def _main(now: Studies, how: Method) -> None:
    """CT, MRI and fused image of the chosen plane; its wheel, picks and windows come back."""
    pair, plane = cast(VolumePair, now.pair), now.plane
    index, row, column = slices.at(now, plane)
    windows = slices.windows_of(now)
    ct, mri = slice_image(pair.ct, plane, index), slice_image(pair.mri, plane, index)
    panels = [
        source_panel("CT", "ct", ct, windows[0]),
        source_panel("MRI", "mri", mri, windows[1]),
        Panel("Fused", slices.picture(now, plane, index, how), "grey, no HU", "fused"),
    ]
    key = f"studies-main-{now.pair_id}"

    def turned() -> None:
        if (wish := viewer_state(key).wish) is not None:
            slices.turn_to(state.get().plane, wish)

    def picked() -> None:
        pick, shown = viewer_state(key, ct.shape).pick, state.get().plane
        if pick is not None:
            slices.move(shown, slices.at(state.get(), shown)[0], *pick)

    def windowed() -> None:
        _take_windows(viewer_state(key).windows)

    viewer(
        panels, key=key, height=MAIN, blend=(0, 1), spacing=ct.spacing, orientation=ct.orientation,
        marked=(row, column), stack=Stack(index, plane_count(pair.grid, plane), f"{plane} slice"),
        presets={"ct": presets(pair.ct), "mri": presets(pair.mri)},
        on_slice=turned, on_pick=picked, on_windows=windowed,
    )  # fmt: skip


def _small(now: Studies, plane: Plane, how: Method) -> None:
    """The fused image of another plane; a pick in it moves the large one."""
    pair = cast(VolumePair, now.pair)
    index, row, column = slices.at(now, plane)
    place = slice_image(pair.grid, plane, index)
    panel = Panel(plane.capitalize(), slices.picture(now, plane, index, how), "", "fused")
    key = f"studies-{plane}-{now.pair_id}"

    def turned() -> None:
        if (wish := viewer_state(key).wish) is not None:
            slices.turn_to(plane, wish)

    def picked() -> None:
        if (pick := viewer_state(key, place.shape).pick) is not None:
            slices.move(plane, slices.at(state.get(), plane)[0], *pick)

    viewer(
        [panel], key=key, height=SMALL, spacing=place.spacing, orientation=place.orientation,
        marked=(row, column), stack=Stack(index, plane_count(pair.grid, plane)), bare=True,
        on_slice=turned, on_pick=picked,
    )  # fmt: skip


def _take_windows(chosen: object) -> None:
    """Take windows over that differ from those in effect."""
    now = state.get()
    values = cast(dict[str, tuple[float, float]], chosen)
    found = list(now.windows)
    for k, (slot, effective) in enumerate(zip(("ct", "mri"), slices.windows_of(now), strict=True)):
        if slot in values and values[slot] != ramp(effective):
            found[k] = Window(*values[slot], "LINEAR_EXACT")
    state.update(windows=(found[0], found[1]))


def _actions(now: Studies, how: Method) -> None:
    """What can be done with the slice and with the whole volume."""
    pair = cast(VolumePair, now.pair)
    done = slices.whole(now, how) is not None
    count = pair.grid.shape[0]
    with st.container(
        horizontal=True, vertical_alignment="center", key="studies-actions", gap="small"
    ):
        st.button(
            f"All {count} slices are fused" if done else f"Fuse all {count} slices",
            icon=":material/check:" if done else ":material/stacks:", key="studies-fuse",
            type="secondary" if done else "primary", disabled=done or now.works is not None,
            on_click=tasks.fuse, args=(how, slices.windows_of(now)),
            help="In the background; scrolling goes on meanwhile, and then needs no computation.",
        )  # fmt: skip
        export_menu(now, how)
        look_closer(now, how)

        def others() -> None:
            state.update(others=bool(st.session_state["studies-others"]))

        st.session_state["studies-others"] = now.others
        st.toggle("Other planes", key="studies-others", on_change=others)
        st.html(f"<span class='twf-nohu'>{escape(NO_HU)}</span>")


def _go_to(fused: FusedVolume, sentences: list[str]) -> None:
    """A menu of all findings; a choice turns to the slice where one loses most."""

    def gone() -> None:
        chosen = st.session_state["studies-finding"]
        if chosen is None:
            return
        finding = fused.findings[chosen]
        state.update(plane=fused.plane)
        slices.move(
            fused.plane, finding.worst, round(finding.region.row), round(finding.region.column)
        )

    st.selectbox(
        "Go to", range(len(sentences)), index=None, key="studies-finding", on_change=gone,
        format_func=lambda k: sentences[k], placeholder=f"Go to one of {len(sentences)}",
        label_visibility="collapsed",
    )  # fmt: skip


def _warnings(now: Studies, how: Method) -> None:
    """What the images hide, and what was changed on the way here."""
    pair = cast(VolumePair, now.pair)
    fused = slices.whole(now, how)
    if fused is not None:
        found = [finding_sentence(f, fused.plane) for f in fused.findings]
        title, none = "What the fused volume hides", "No bright region is dimmed by 30 % or more."
        notes = fused.notes
    else:
        slice_ = slices.fused_slice(now, now.plane, slices.at(now, now.plane)[0], how)
        found = [sentence(region) for region in slices.hidden_in(slice_)]
        title, none = "What this fused slice hides", "No bright region of it is dimmed by 30 %."
        notes = slice_.notes
    if pair.same_patient == "no":
        st.warning(
            "The two series name different patients; check before you read anything.",
            icon=":material/person_alert:",
        )
    theme.section(title, "Bright regions only; dark findings and textures are not looked for.")
    if fused is not None and fused.findings:
        _go_to(fused, found)
    if found:
        more = len(found) - _MOST
        lines = [*found[:_MOST], *([f"{more} more, dimmed less."] if more > 0 else [])]
        theme.notes(lines)
    else:
        st.caption(none)
    theme.section("Notes")
    theme.notes(notes)
