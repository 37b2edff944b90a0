"""The frame of the Studies page: three steps, each open once the one before is done."""

import streamlit as st

from ui import theme
from ui.colours import CT, GRID, MRI, MUTED, PANEL, TEXT
from ui.studies import state, tasks
from ui.studies.align_view import align_view
from ui.studies.scroll_view import scroll_view
from ui.studies.series_view import series_view
from ui.studies.state import STEPS, Step
from ui.training import look

TITLES: dict[Step, str] = {
    "series": "1  Series",
    "align": "2  Alignment",
    "view": "3  View and fuse",
}

_CSS = f"""<style>
table.twf-series td {{vertical-align: top;}}
table.twf-series td small {{display: block; line-height: 1.3;}}
table.twf-series td b + small {{display: inline; margin-left: .3rem;}}
table.twf-series tr.twf-taken td {{background: {PANEL};}}
table.twf-series tr.twf-taken td:first-child {{box-shadow: inset 3px 0 0 #5ec4c0;}}
table.twf-series tr.twf-lost td {{color: {MUTED};}}
.st-key-studies-welcome {{border: 1px dashed {GRID}; border-radius: 6px; padding: .7rem 1rem;}}
.st-key-studies-welcome .twf-sub {{margin: 0;}}
.st-key-studies-steps {{border-bottom: 1px solid {GRID}; padding-bottom: .5rem;}}
.st-key-studies-steps button p {{white-space: pre;}}
.twf-verdict {{border-left: 3px solid #8fce8b; background: {PANEL}; border-radius: 0 6px 6px 0;
  padding: .5rem .9rem; font-size: .95rem;}}
.twf-verdict.warn {{border-color: #f2c14e;}} .twf-verdict.bad {{border-color: #ff8f86;}}
.twf-nohu {{color: #f0c37c; font-size: .88rem;}}
[class*="st-key-studies-zone-"] [data-testid="stFileUploaderDropzone"] {{min-height: 7.6rem;
  border: 1px dashed {MUTED}; align-content: center; gap: .6rem 1rem; flex-wrap: wrap;}}
[class*="st-key-studies-zone-"] [data-testid="stFileUploaderDropzone"]::before {{color: {TEXT};
  font-weight: 600; width: 100%;}}
.st-key-studies-zone-ct [data-testid="stFileUploaderDropzone"]::before {{
  content: "Drop the CT series here";}}
.st-key-studies-zone-mri [data-testid="stFileUploaderDropzone"]::before {{
  content: "Drop the MRI series here";}}
@media (max-width: 1180px) {{ /* the small planes lie beside each other below the large one */
  .st-key-studies-small {{flex-direction: row;}}
  .st-key-studies-small > * {{flex: 1 1 0; min-width: 0;}}
}}
.twf-h.twf-ct {{color: {CT};}} .twf-h.twf-mri {{color: {MRI};}}
</style>"""


def page() -> None:
    """Draw the page."""
    look.dress()
    st.html(_CSS)
    tasks.collect()
    now = state.get()
    theme.page_head("Studies", facts(now))
    _steps(now)
    {"series": series_view, "align": align_view, "view": scroll_view}[now.step]()


def open_steps(now: state.Studies) -> tuple[Step, ...]:
    """The steps that can be gone to."""
    done = (True, now.volumes is not None, now.pair is not None)
    return tuple(step for step, ready in zip(STEPS, done, strict=True) if ready)


def facts(now: state.Studies) -> list[str]:
    """What is on the screen, a few words each."""
    if now.pair is None:
        return ["two series of one patient: checked, aligned, fused, taken back"]
    slices, rows, columns = now.pair.grid.shape
    grid = "CT" if now.pair.onto == "ct" else "MRI"
    spacing = " × ".join(f"{mm:.3g}" for mm in now.pair.grid.spacing[::-1])
    return [f"{slices} slices of {columns} × {rows} on the {grid}'s grid", f"{spacing} mm"]


def _steps(now: state.Studies) -> None:
    ready = open_steps(now)
    with st.container(horizontal=True, key="studies-steps"):
        for step in STEPS:
            st.button(
                TITLES[step], key=f"studies-step-{step}", disabled=step not in ready,
                type="primary" if step == now.step else "secondary",
                on_click=state.go, args=(step,),
            )  # fmt: skip
