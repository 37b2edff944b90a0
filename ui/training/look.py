"""The Train page's own look: state marks, tiles, the split bar, contact sheets."""

from html import escape

import streamlit as st

from ui.colours import GRID, MUTED, PANEL, TEXT

STATES = {
    "queued": ("Waiting", "#9aa8b5"),
    "running": ("Running", "#5ec4c0"),
    "paused": ("Paused", "#f2c14e"),
    "stopping": ("Stopping", "#f2c14e"),
    "stopped": ("Stopped", "#9aa8b5"),
    "done": ("Done", "#8fce8b"),
    "failed": ("Failed", "#ff8f86"),
    "interrupted": ("Interrupted", "#ffb37a"),
    "new": ("New", "#9aa8b5"),
}
"""State -> word and colour; the word is always written beside the colour."""

# Streamlit names a chart by its content: one that changes is a new one and stands for a moment
# above the old one, which would make the page jump at every epoch.
_CHART = "[data-testid=stElementContainer]:has([data-testid=stPlotlyChart])"
_CSS = f"""<style>
{_CHART}[data-stale=false] + {_CHART}[data-stale=true] {{display: none;}}
.twf-state {{display: inline-flex; align-items: center; gap: .4rem; font-size: .84rem;
  font-weight: 600; white-space: nowrap;}}
.twf-state::before {{content: ""; width: .55rem; height: .55rem; border-radius: 50%;
  background: currentColor;}}
.twf-run {{display: flex; align-items: baseline; gap: .8rem; min-width: 0;}}
.twf-run b {{font-size: 1.1rem; font-weight: 600; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; flex: 0 0 auto; max-width: 20rem;}}
.twf-run small {{color: {MUTED}; font-size: .86rem; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; min-width: 0;}}
.twf-bar {{height: 6px; background: {PANEL}; border: 1px solid {GRID}; border-radius: 4px;
  overflow: hidden; margin: .35rem 0 .1rem;}}
.twf-bar i {{display: block; height: 100%; background: #5ec4c0; transition: width .6s linear;}}
.twf-tiles {{flex-wrap: wrap;}}
.twf-tiles div {{max-width: 11rem; min-width: max-content;}}
.twf-tiles b {{font-size: 1.05rem; white-space: nowrap;}}
.twf-tiles small {{color: {MUTED}; font-size: .8rem; margin-left: .3rem;}}
.twf-split {{height: 10px; border-radius: 4px; overflow: hidden; background: #d7a5ea;
  margin-top: .2rem;}}
.twf-split i {{display: block; height: 100%; background: #5ec4c0;
  border-right: 2px solid #0c1116;}}
.twf-split-text {{display: flex; justify-content: space-between; color: {MUTED};
  font-size: .86rem; padding-top: .25rem; gap: 1rem;}}
.twf-split-text b {{color: {TEXT};}}
.twf-find {{font-size: .88rem; padding: .35rem .7rem; border-left: 3px solid #f2c14e;
  background: {PANEL}; border-radius: 0 6px 6px 0; overflow-wrap: anywhere;}}
.twf-find-good {{border-color: #8fce8b;}}
.twf-pairs {{display: grid; grid-template-columns: repeat(auto-fill, minmax(118px, 1fr));
  gap: .5rem .55rem;}}
.twf-pairs figure {{margin: 0; min-width: 0;}}
.twf-pairs img {{width: 100%; display: block; border-radius: 4px; background: #000;
  border-bottom: 3px solid #5ec4c0;}}
.twf-pairs .val img {{border-color: #d7a5ea;}}
.twf-pairs figcaption {{font-size: .76rem; color: {TEXT}; display: flex; gap: .4rem;
  justify-content: space-between; white-space: nowrap; overflow: hidden;}}
.twf-pairs figcaption span {{overflow: hidden; text-overflow: ellipsis; min-width: 0;}}
.twf-pairs em, .twf-strip em {{font-style: normal; color: {MUTED};}}
.twf-strip {{display: grid; grid-template-columns: repeat(3, 1fr); gap: .5rem;}}
.twf-strip-masks {{grid-template-columns: repeat(auto-fit, minmax(72px, 1fr)); gap: .4rem;
  margin-top: .5rem;}}
.twf-strip figure {{margin: 0; min-width: 0;}}
.twf-strip img {{width: 100%; display: block; border-radius: 4px; border: 1px solid {GRID};
  background: #000;}}
.twf-strip figcaption {{font-size: .8rem; color: {TEXT}; padding-top: .1rem;}}
.twf-empty {{border: 1px dashed {GRID}; border-radius: 6px; color: {MUTED}; padding: 1.6rem;
  text-align: center; font-size: .92rem;}}
.twf-log {{background: #0a0e12; border: 1px solid {GRID}; border-radius: 6px; color: #b7c2cc;
  font: .8rem/1.5 "Source Code Pro", monospace; padding: .6rem .8rem; max-height: 15rem;
  overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere; display: flex;
  flex-direction: column-reverse;}}
.twf-details p {{font-size: .86rem; margin: .15rem 0; overflow-wrap: anywhere;}}
.twf-device {{font-size: .86rem; line-height: 1.35;}}
.twf-device small {{color: {MUTED}; display: block;}}
.twf-device + .twf-device {{margin-top: .5rem;}}
.twf-plan {{color: {MUTED}; font-size: .88rem;}} .twf-plan b {{color: {TEXT};}}
.twf-message {{background: {PANEL}; border: 1px solid {GRID}; border-left-width: 3px;
  border-radius: 6px; padding: .55rem .9rem; font-size: .95rem; overflow-wrap: anywhere;}}
.twf-rail-run {{display: flex; justify-content: space-between; gap: .6rem; margin-top: -.55rem;
  align-items: baseline;}}
.twf-rail-run .twf-state {{font-size: .8rem;}}
.twf-rail-run small {{color: {MUTED}; font-size: .8rem; white-space: nowrap;}}
.twf-sweep td {{vertical-align: middle; line-height: 1.25;}}
.twf-sweep td small {{display: block; font-size: .78rem;}}
.twf-sweep td .twf-state {{display: flex; font-size: .8rem;}}
.twf-sweep .twf-count {{white-space: nowrap;}}
.twf-sweep td.twf-loss {{min-width: 5rem; max-width: 14rem; overflow-wrap: anywhere;}}
.twf-sweep td.twf-best span {{color: #a9ece9; font-weight: 700; border-radius: 4px;
  background: rgba(94,196,192,.22); padding: .05rem .3rem; margin-right: -.3rem;}}
table.twf.twf-sweep th {{white-space: normal; vertical-align: bottom; line-height: 1.25;}}
table.twf.twf-sweep th, table.twf.twf-sweep td {{padding-left: .32rem; padding-right: .32rem;}}
</style>"""


def dress() -> None:
    """Add the page's style sheet."""
    st.html(_CSS)


def mark(state: str) -> str:
    """A state as a coloured dot and its word."""
    word, colour = STATES.get(state, (state.capitalize(), MUTED))
    return f"<span class='twf-state' style='color:{colour}'>{escape(word)}</span>"


def bar(share: float, label: str) -> str:
    """A thin progress bar, 0 to 1."""
    percent = 100 * min(1.0, max(0.0, share))
    return (
        f"<div class='twf-bar' role='progressbar' aria-label='{escape(label)}' "
        f"aria-valuenow='{percent:.0f}' aria-valuemin='0' aria-valuemax='100'>"
        f"<i style='width:{percent:.2f}%'></i></div>"
    )


def message(state: str, text: str) -> None:
    """How a run ended, in its state's colour."""
    colour = STATES.get(state, ("", MUTED))[1]
    st.html(
        f"<div class='twf-message' role='status' style='border-left-color:{colour}'>"
        f"{escape(text)}</div>"
    )
