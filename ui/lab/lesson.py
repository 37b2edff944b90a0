"""The lesson: ten steps to project, one idea and one picture each; ``?step=3`` opens the third."""

from html import escape

import plotly.graph_objects as go
import streamlit as st

from ui import controls
from ui.lab import lesson_later, look
from ui.lab.choice import LabChoice
from ui.lab.lesson_texts import LESSON
from ui.lab.method_parts import Parts, grid_spacing, parts_by, parts_of
from ui.lab.method_sheet import save_sheet
from ui.stage import letters
from ui.viewer import viewer
from ui.workspace import fuse_current

_CSS = """<style>
.twf-lesson h2 {font-size: clamp(1.6rem, 2.5vw, 2.5rem); font-weight: 650; line-height: 1.15;
  margin: .2rem 0 .8rem; padding: 0;}
[data-testid="stMain"] [data-testid="stWidgetLabel"] p,
[data-testid="stMain"] [data-testid="stRadio"] label p {font-size: 1.08rem;}
[data-testid="stMain"] [data-testid="stCaptionContainer"] p {font-size: 1.02rem;}
.twf-lesson p {font-size: clamp(1.12rem, 1.55vw, 1.6rem); line-height: 1.42; margin: 0 0 .4rem;}
.twf-steps {display: flex; gap: 5px; align-items: center; min-height: 2.5rem;
  padding-left: .6rem;}
.twf-steps i {flex: 1 1 0; height: 7px; border-radius: 4px; background: #2a3540;}
.twf-steps i.done {background: #3c8f8c;} .twf-steps i.now {background: #5ec4c0;}
.twf-steps span {padding-left: .7rem; font-size: 1rem; white-space: nowrap;
  font-variant-numeric: tabular-nums;}
</style>"""


def lesson_view(_: LabChoice) -> None:
    """One step in large type: idea and control at the left, the picture at the right."""
    controls.ensure_pair()
    parts = _parts()
    if parts is None:
        return
    at = asked_step(st.query_params.get("step"))
    step = LESSON[at]
    st.html(_CSS)
    _turn(at)
    left, right = st.columns([2, 5], gap="large")
    with left:
        words = f"<h2>{escape(step.title)}</h2><p>{escape(step.idea)}</p>"
        st.html(f"<div class='twf-lesson'>{words}</div>")
        chosen = step.control(parts)
        with st.expander("Speaker note", icon=":material/notes:"):
            st.write(step.note)
    with right:
        _picture(parts, at, chosen)


def asked_step(text: str | None) -> int:
    """The step of an address, from 0; the first where it says nothing that makes sense."""
    if text is None or not (text.isascii() and text.isdigit()):
        return 0
    return min(max(int(text[:4]) - 1, 0), len(LESSON) - 1)


def _parts() -> Parts | None:
    """The pair with a method that has masks: the session's, else the usual wavelet rule."""
    fused = fuse_current()
    if fused is None:
        return None
    return parts_of(fused) or parts_by("rule", "wavelet-max")


def _turn(at: int) -> None:
    last = len(LESSON) - 1

    def to(place: int) -> None:
        st.query_params["step"] = str(place + 1)

    bars = "".join(
        f"<i class='{'now' if i == at else 'done' if i < at else ''}'></i>"
        for i in range(len(LESSON))
    )
    row = st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small")
    row.button(
        "Previous", icon=":material/chevron_left:", key="lesson-previous", on_click=to,
        args=(max(at - 1, 0),), disabled=at == 0, shortcut="PageUp",
    )  # fmt: skip
    row.button(
        "Next", icon=":material/chevron_right:", key="lesson-next", on_click=to,
        args=(min(at + 1, last),), disabled=at == last, shortcut="PageDown",
    )  # fmt: skip
    row.html(
        f"<div class='twf-steps' role='progressbar' aria-label='Step of the lesson' "
        f"aria-valuemin='1' aria-valuemax='{last + 1}' aria-valuenow='{at + 1}'>{bars}"
        f"<span>{at + 1} of {last + 1}</span></div>"
    )


def _enlarge(figure: go.Figure) -> None:
    """Words of a chart that can be read from the last row."""
    figure.update_xaxes(tickfont_size=16, title_font_size=17)
    figure.update_yaxes(tickfont_size=17, title_font_size=17)
    figure.update_traces(textfont_size=16, selector={"type": "bar"})
    figure.update_layout(legend_font_size=17, margin_b=70)


def _picture(parts: Parts, at: int, chosen: object) -> None:
    step = LESSON[at]
    picture = step.picture(parts, chosen)
    name = f"lesson_{at + 1}"
    if not isinstance(picture, list):
        _enlarge(picture)
        look.chart(picture, f"lesson-chart-{at}", step.title, name)
        return
    key = f"lesson-{at}-{parts.fused.key[:12]}"
    if step.picture is lesson_later.provenance_picture:
        key = lesson_later.provenance_key(parts)
    viewer(
        picture, key=key, height=580, opacity=0.6, spacing=grid_spacing(parts, picture),
        orientation=letters(parts.pair),
    )  # fmt: skip
    save_sheet(lambda: picture, name, f"{step.title}. {step.idea}", f"lesson-save-{at}")
