"""The line that shows work in the background, with its Cancel button."""

import streamlit as st

from ui.guard import guarded
from ui.studies import state
from ui.training import look
from ui.training.history import duration

BEAT = 0.5
"""Seconds between two looks at work that is alive."""


def work_panel() -> None:
    """Show what runs, or why the last work failed; nothing where there is neither."""
    now = state.get()
    if message := now.problems.get("work"):
        st.error(message, icon=":material/error:")
    if now.works is not None:
        st.fragment(_running, run_every=BEAT)()


@guarded()
def _running() -> None:
    work = state.get().works
    if work is None or not work.snapshot().alive:
        st.rerun()  # the whole page: what it shows is another now
        return
    seen = work.snapshot()
    with st.container(horizontal=True, vertical_alignment="center", key="studies-work"):
        left = f"{100 * seen.share:.0f} %"
        if seen.state == "stopping":
            left = "stopping"
        elif seen.state == "waiting":
            left = "waiting for another visitor's work to end"
        elif seen.remaining is not None:
            left += f" · {duration(max(1.0, seen.remaining))} left"
        st.html(
            f"<div class='twf-run'>{look.mark(seen.state if seen.state != 'waiting' else 'queued')}"
            f"<b>{work.title}</b><small>{left}</small></div>"
        )
        st.button(
            "Cancel", icon=":material/stop:", key="studies-stop", on_click=work.stop,
            disabled=seen.state == "stopping", help="Nothing that is there already is lost.",
        )  # fmt: skip
    st.html(look.bar(seen.share, f"{work.title}: {100 * seen.share:.0f} % done"))
