"""The Alignment page's parts: sliders, pictures, numbers, curves."""

import streamlit as st

from imaging.shift import Shift, describe
from pipelines import alignment
from pipelines.alignment import AXES, Axis
from ui import theme
from ui.alignment import figures, note, stage, state, work
from ui.alignment.work import Qualities
from ui.caches import Fused
from ui.guard import guarded

VIEWER = 470

LABELS: dict[Axis, str] = {
    "right": "Move right (+) or left (−)",
    "down": "Move down (+) or up (−)",
    "turn": "Turn clockwise (+) or back (−)",
}

INFORMATION = (
    "Mutual information says how much the brightness of one image tells about the other's at the "
    "same place. It needs no equal brightness, only equal places, so it is highest where the two "
    "lie on each other. White dot: the sliders. Dotted line: not moved."
)

INFORMATION_MORE = (
    "Both images are seen in their default windows, reduced to at most 256 pixels a side and "
    "slightly blurred. Without the blur, interpolation at half pixels would itself smooth the "
    "noise and make false peaks there. The page warns only where the best place is at least 2 px "
    "away, adds at least 3 % and does not make any half of the image worse."
)

QUALITY = (
    "No: with its own sources, the share of edges kept (Qabf) may even rise where the MRI lies "
    "wrong, because doubled edges do not compete for one place. Judged by the pair that was not "
    "moved, every motion looks worse, whether or not that pair was aligned. So mutual information "
    "decides. White line: the sliders. Dotted line: not moved."
)


@st.fragment
@guarded()
def bench(fused: Fused) -> None:
    """Everything that follows the sliders; moving one redraws only this."""
    state.prepare()
    note.alignment_warning(fused)
    shift = _sliders(fused)
    state.remember(shift)
    moved = work.moved(fused, shift)
    left, right = st.container(key="stack-alignment").columns([5, 6], gap="medium")
    with left:
        stage.sources_stage(fused, moved, VIEWER)
    with right:
        place = st.container()
        band = _band(fused)
    with place:
        stage.results_stage(fused, moved, band, VIEWER)
    theme.section(
        "What changes", "Measures of the image fused again, with the CT and the moved MRI."
    )
    st.html(stage.measures_html(stage.measures(fused, shift, band)))
    theme.images_first()
    _information(fused, shift)
    _quality(fused, shift)


def _sliders(fused: Fused) -> Shift:
    far = alignment.reach(fused.pair.fused8.shape)
    limits: dict[Axis, tuple[float, str]] = {
        "right": (far, "%.1f px"), "down": (far, "%.1f px"), "turn": (alignment.TURN, "%.1f°"),
    }  # fmt: skip
    values: dict[Axis, float] = {}
    for column, axis in zip(st.columns(3, gap="large"), AXES, strict=True):
        limit, form = limits[axis]
        key = state.slider_key(axis)
        # A better place beyond the sliders' reach is shown at their end.
        st.session_state[key] = min(max(float(st.session_state[key]), -limit), limit)
        values[axis] = column.slider(LABELS[axis], -limit, limit, step=0.5, format=form, key=key)
    shift = Shift(**values)
    with st.container(horizontal=True, vertical_alignment="center"):
        where = describe(shift, fused.pair.ct.spacing)
        st.caption(
            f"The MRI is moved **{where}**." if shift else "The sliders are at zero.",
            width="stretch",
        )
        st.button(
            "Back to zero", on_click=state.put, args=(Shift(),), disabled=not shift,
            key="alignment-zero",
        )  # fmt: skip
        if st.button(
            "Keep this position", disabled=not shift, key="alignment-keep",
            help="Takes the moved MRI for the session's, on every page, with a note.",
        ):  # fmt: skip
            state.keep(fused.pair, shift)
            st.rerun()
    return shift


def _band(fused: Fused) -> str | None:
    bands = stage.bands_of(fused.pair)
    if not bands:
        st.caption(f"“{fused.pair.method.title}” works on pixels, so it has no masks to follow.")
        return None
    return st.segmented_control(
        "CT mask shown", bands, default=bands[0], required=True, key="alignment-band",
    )  # fmt: skip


def _information(fused: Fused, shift: Shift) -> None:
    theme.section("Where would it fit best?", INFORMATION)
    ready = work.comparison(fused)
    if ready is None:
        st.caption("These images are too small for a curve.")
        return
    curves = {
        axis: list(zip(work.axis_values(fused, axis), work.curve(fused, axis, shift), strict=True))
        for axis in AXES
    }
    theme.chart(
        figures.information_curves(curves, shift, ready.information(shift)),
        "alignment-information",
        "Mutual information of CT and MRI over shift and turn of the MRI",
    )
    with st.popover("How this is measured", type="tertiary"):
        st.write(INFORMATION_MORE)


def _quality(fused: Fused, shift: Shift) -> None:
    """Curves of Qabf; they come last and grow while computed, so nothing waits for them."""
    theme.section("Would the fused image's quality tell?", QUALITY)
    known = work.known_qualities(fused.key)
    wanted = [(axis, value) for axis in AXES for value in work.quality_values(fused, axis)]
    todo = [key for key in wanted if _at(shift, *key) not in known]
    place, bar = st.empty(), st.empty()
    for done, (axis, value) in enumerate(todo):
        # Each of these calls is also where a newly moved slider interrupts the work.
        bar.progress(done / len(todo), "Fusing again at other positions …")
        position = _at(shift, axis, value)
        known[position] = work.quality(fused, position)
    bar.empty()
    found: dict[Axis, list[tuple[float, Qualities]]] = {axis: [] for axis in AXES}
    for axis, value in wanted:
        found[axis].append((value, known[_at(shift, axis, value)]))
    with place:
        theme.chart(
            figures.quality_curves(found, shift), "alignment-quality",
            "Qabf of the image fused again, over shift and turn of the MRI",
        )  # fmt: skip


def _at(shift: Shift, axis: Axis, value: float) -> Shift:
    return Shift(**{a: value if a == axis else getattr(shift, a) for a in AXES})
