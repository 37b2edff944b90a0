"""The look that config.toml cannot give: density, quiet panels, the page's head."""

import time
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import cv2
import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pipelines.export import STAMP
from ui.colours import CT, GRID, GROUND, MRI, MUTED, PANEL, TEXT, rgb

NAME = "Wavelet Fusion"
_CHARTS = "twf_charts"
_MOMENT = 0.5  # seconds

LOGO = f"""<svg xmlns="http://www.w3.org/2000/svg" width="190" height="28" viewBox="0 0 190 28">
<path d="M3 14c3-13 6-13 9 0s6 13 9 0" fill="none" stroke="{CT}" stroke-width="2.4"
 stroke-linecap="round"/>
<path d="M9 14c3 13 6 13 9 0s6-13 9 0" fill="none" stroke="{MRI}" stroke-width="2.4"
 stroke-linecap="round"/>
<text x="36" y="19.5" font-family="'Source Sans',sans-serif" font-size="16.5" font-weight="600"
 fill="{TEXT}">{NAME}</text></svg>"""

_EMPTY_RAIL = '[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"]:empty'

_CSS = f"""<style>
header[data-testid="stHeader"] {{background: #0f151b; border-bottom: 1px solid {GRID};
  height: 3rem; min-height: 3rem;}}
.stMainBlockContainer {{padding: 3.7rem 1.4rem 2.5rem; max-width: 1720px;}}
section[data-testid="stSidebar"] {{width: 292px !important; min-width: 0;}}
section[data-testid="stSidebar"] [data-testid="stSidebarContent"] hr {{margin: .35rem 0 .5rem;}}
section[data-testid="stSidebar"] [data-testid="stVerticalBlock"] {{gap: .6rem;}}
.twf-rail {{font-size: .78rem; letter-spacing: .06em; text-transform: uppercase;
  color: {MUTED}; font-weight: 600; line-height: 1.3;}}
[data-testid="stSidebarHeader"] {{height: 3rem; margin-bottom: 0;}}
[data-testid="stSidebarUserContent"] {{padding-top: .6rem;}}
[data-testid="stFileUploaderDropzone"] {{padding: .6rem .7rem; min-height: 0;}}
[data-testid="stAlertContainer"] {{padding: .5rem .8rem; min-height: 0;}}
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p {{
  color: {MUTED} !important; opacity: 1;}}
/* Inputs and buttons have the theme's border; lines that only divide are quieter. */
[data-testid="stExpander"] details, [data-testid="stMainBlockContainer"] hr {{
  border-color: {GRID};}}
section[data-testid="stSidebar"] hr {{border-color: #1f2932;}}
section[data-testid="stSidebar"] {{border-right-color: {GRID} !important;}}
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] {{gap: .7rem;}}
.twf-head {{display: flex; align-items: center; gap: .9rem; min-height: 2rem; min-width: 0;}}
.twf-head h1 {{font-size: 1.35rem; font-weight: 600; margin: 0; padding: 0;
  white-space: nowrap;}}
.twf-facts {{color: {MUTED}; font-size: .88rem; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; min-width: 0;}}
.twf-facts span + span::before {{content: "·"; padding: 0 .5rem;}}
.twf-stamp {{border: 1px solid #6b5530; color: #f0c37c; border-radius: 99px; padding: .05rem .7rem;
  font-size: .78rem; white-space: nowrap;}}
.twf-notes {{border-left: 3px solid {MRI}; background: {PANEL}; border-radius: 0 6px 6px 0;
  padding: .4rem .8rem; font-size: .9rem;}}
.twf-notes p {{margin: .1rem 0;}}
.twf-h {{font-size: 1.02rem; font-weight: 600; margin: .3rem 0 .1rem;}}
.twf-sub {{color: {MUTED}; font-size: .88rem; margin: 0 0 .3rem; max-width: 112ch;}}
.twf-ct {{color: {CT}; font-weight: 600;}} .twf-mri {{color: {MRI}; font-weight: 600;}}
.twf-sum {{display: flex; gap: .35rem; align-items: stretch; margin: .3rem 0;}}
.twf-sum div {{background: {PANEL}; border: 1px solid {GRID}; border-radius: 6px;
  padding: .25rem .5rem; flex: 1 1 3rem; max-width: 9rem; min-width: 0;}}
.twf-sum span {{display: block; font-size: .78rem; white-space: nowrap;}}
.twf-sum span.q {{color: {MUTED};}}
.twf-sum b {{font-size: 1.15rem; font-weight: 600; font-variant-numeric: tabular-nums;}}
.twf-sum i {{align-self: center; font-style: normal; color: {MUTED}; font-size: 1.1rem;}}
.twf-reading {{background: {PANEL}; border: 1px solid {GRID}; border-radius: 6px;
  padding: .55rem .9rem; margin: .8rem 0 0; font-size: .95rem; max-width: 100ch;}}
.twf-reading p {{margin: .15rem 0;}}
.twf-measures td {{padding: .4rem .6rem;}}
table.twf {{border-collapse: collapse; width: 100%; font-size: .9rem;}}
table.twf th {{text-align: left; color: {MUTED}; font-weight: 600; font-size: .78rem;
  padding: .3rem .6rem; border-bottom: 1px solid {GRID}; white-space: nowrap;}}
table.twf td {{padding: .32rem .6rem; border-bottom: 1px solid #1b242d; vertical-align: top;}}
table.twf td.n, table.twf th.n {{text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap;}}
table.twf tr.g td {{color: {MUTED}; font-size: .78rem; letter-spacing: .05em;
  text-transform: uppercase; padding-top: .9rem; border-bottom: 1px solid {GRID};}}
table.twf small {{color: {MUTED};}} table.twf td.d {{color: #b7c2cc;}}
table.twf td.m {{white-space: nowrap;}} table.twf .twf-bad {{color: #f2938a; font-weight: 600;}}
table.twf td.k {{min-width: 8rem;}} table.twf abbr {{text-decoration: none; color: {MUTED};}}
.twf-thumbs {{display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr));
  gap: .6rem; margin-top: .5rem;}}
.twf-thumbs figure {{margin: 0;}}
.twf-thumbs img {{width: 100%; image-rendering: pixelated; border-radius: 4px; display: block;
  border: 1px solid {GRID};}}
.twf-thumbs figcaption {{font-size: .82rem; color: {MUTED}; padding-top: .15rem;}}
.twf-thumbs b {{color: {TEXT};}}
.twf-legend {{width: 20rem; max-width: 100%; color: {MUTED}; font-size: .82rem;}}
.twf-legend i {{display: block; height: 10px; border-radius: 3px; border: 1px solid {GRID};}}
.twf-legend p {{display: flex; justify-content: space-between; margin: .1rem 0 0;
  font-size: inherit;}}
.twf-reading p {{font-size: inherit;}}
.twf-scroll {{overflow-x: auto;}}
table.twf-wrap th, table.twf-wrap th.n {{white-space: normal; vertical-align: bottom;}}
table.twf-wrap td:first-child {{white-space: nowrap;}}
table.twf-tight th, table.twf-tight th.n {{white-space: normal; vertical-align: bottom;}}
[data-testid="stHtml"] a {{color: #7fd3d0;}}
/* On the bright accent white would have a contrast of 2.1 to 1; this has 9. */
[data-testid^="stBaseButton-primary"]:enabled, [data-testid^="stBaseButton-primary"]:enabled *,
[data-tag], [data-tag] * {{color: {GROUND} !important;}}
/* A rail that a view left empty gives its room to the view; only the logo stays. */
.stApp:has({_EMPTY_RAIL}) section[data-testid="stSidebar"] {{position: absolute !important;
  width: 14rem !important; height: 3rem !important; background: none; border: 0 !important;}}
.stApp:has({_EMPTY_RAIL}) [data-testid="stSidebarCollapseButton"] {{display: none;}}
.stApp:has({_EMPTY_RAIL}) header[data-testid="stHeader"] {{padding-left: 14.5rem;}}
@media (max-width: 1180px) {{ /* so that every page has its place in the menu at 1024 pixels */
  [data-testid="stTopNavLink"] {{padding: 0 4px !important;}}
}}
@media (max-width: 1180px) {{ /* beside the rail two columns would be too narrow to read */
  [class*="st-key-stack-"] > div > [data-testid="stHorizontalBlock"],
  [class*="st-key-stack-"] > [data-testid="stHorizontalBlock"] {{flex-wrap: wrap;}}
  [class*="st-key-stack-"] > div > * > [data-testid="stColumn"],
  [class*="st-key-stack-"] > * > [data-testid="stColumn"] {{min-width: 100%;}}
}}
:focus-visible {{outline: 2px solid #5ec4c0 !important; outline-offset: 1px;}}
[data-testid="stSelectbox"] :focus-visible, [data-testid="stNumberInput"] input:focus-visible {{
  outline: none !important;}} /* it is their frames that light up */
[data-testid="stNumberInputContainer"]:focus-within,
[data-testid="stTextInputRootElement"]:focus-within,
[data-testid="stSelectbox"] div:has(> input:focus-visible) {{box-shadow: 0 0 0 1px #5ec4c0;}}
</style>"""


def icon() -> bytes:
    """The browser tab's icon, a PNG drawn here so that nothing is fetched."""
    picture = np.zeros((64, 64, 4), np.uint8)
    for shift, colour in ((10, CT), (26, MRI)):
        x = np.linspace(0, 1, 33)
        y = 32 - 20 * np.sin(4 * np.pi * x)
        points = np.rint(np.stack((4 + shift / 2 + 40 * x, y), 1)).astype(np.int32)
        cv2.polylines(picture, [points], False, (*rgb(colour)[::-1], 255), 5, cv2.LINE_AA)
    return bytes(cv2.imencode(".png", picture)[1])


_ENTERED = "twf_entered"


def dress() -> None:
    """Style sheet and logo; once per run, before anything else."""
    st.session_state[_ENTERED] = True
    st.html(_CSS)
    st.logo(LOGO, size="large")


def page_head(title: str, facts: Sequence[str] = ()) -> None:
    """Title, facts about what is on the screen, and the stamp that every screen carries."""
    if _ENTERED not in st.session_state:
        # A new server that is entered by a page's own address takes pages/ for the old kind of
        # routing and runs the page without app.py; st.navigation would have told it otherwise.
        PagesManager.uses_pages_directory = False
        st.rerun()
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    st.html(
        f'<div class="twf-head"><h1>{escape(title)}</h1><span class="twf-stamp">{STAMP}</span>'
        f'<div class="twf-facts" title="{escape(" · ".join(facts))}">{spans}</div></div>'
    )


def rail_heading(title: str) -> None:
    """A small heading in the rail at the left."""
    st.html(f'<div class="twf-rail" role="heading" aria-level="2">{escape(title)}</div>')


def section(title: str, text: str = "") -> None:
    """A heading with one or two quiet sentences below it."""
    below = f'<div class="twf-sub">{escape(text)}</div>' if text else ""
    st.html(f'<div class="twf-h" role="heading" aria-level="2">{escape(title)}</div>{below}')


def notes(sentences: Sequence[str]) -> None:
    """Notices about the images, visible but calm."""
    if sentences:
        lines = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences)
        st.html(f'<div class="twf-notes" role="status">{lines}</div>')


def to_top() -> None:
    """Show the page from its beginning: what was clicked lay far down on what it replaces."""
    _to_top()(key="twf-to-top")


@cache
def _to_top() -> Any:
    script = """export default () => {
      document.querySelector("[data-testid=stMain]")?.scrollTo({ top: 0 });
    }"""
    return st.components.v2.component("to_top", js=script)


def images_first() -> None:
    """Leave the browser a moment to draw the images above, before the session's first chart.

    What draws charts takes half a second of the browser's only thread to load, once a visit; sent
    at once, images that are there already would wait for it.
    """
    if not st.session_state.setdefault(_CHARTS, False):
        st.session_state[_CHARTS] = True
        time.sleep(_MOMENT)


def chart(figure: go.Figure, key: str, label: str) -> None:
    """Show a plotly figure in the app's look, without the mode bar.

    Args:
        figure: the figure.
        key: widget key.
        label: what a screen reader says.
    """
    figure.update_layout(**layout())
    st.plotly_chart(figure, key=key, theme=None, config={"displayModeBar": False}, alt=label)


def layout() -> dict[str, Any]:
    """Plotly layout shared by all charts."""
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": TEXT, "size": 13, "family": "Source Sans, sans-serif"},
        "hoverlabel": {"bgcolor": PANEL, "bordercolor": GRID, "font": {"color": TEXT}},
    }


def axis(title: str) -> dict[str, Any]:
    """A quiet plotly axis with a name."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}},
        "gridcolor": GRID,
        "zerolinecolor": MUTED,
        "tickfont": {"color": MUTED, "size": 11},
        "fixedrange": True,
    }


def legend() -> dict[str, Any]:
    """A plotly legend in one row above the chart."""
    return {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"}
