"""The sweeps: a new one, or one with its progress, its results and what can be done with it."""

from collections import Counter
from html import escape

import streamlit as st

from trainer.sweep_results import RunRow
from ui.guard import explain, guarded
from ui.training import look, state, sweeps_choice, sweeps_form, sweeps_launch, sweeps_results
from ui.training.history import began, duration
from ui.training.sweeps_look import SweepView, facts
from ui.training.sweeps_look import look as find
from ui.training.sweeps_table import run_text

BEAT = 1.5
"""Seconds between two looks at a sweep that is alive."""

_PROBLEM, _CONFIRM, _NOTICE = "twf_sweep_problem", "twf_sweep_confirm", "twf_sweep_notice"


def sweep_view() -> None:
    """Draw the menu of sweeps and the chosen one; it is looked at again while it lives."""
    name = sweeps_choice.selector()
    if notice := st.session_state.pop(_NOTICE, None):
        st.success(notice, icon=":material/check_circle:")
    view = find(name) if name else None
    if view is None:
        st.fragment(_new)()
    else:
        st.fragment(_screen, run_every=BEAT if view.alive else None)(name, view.alive)


@guarded()
def _new() -> None:
    state.follow()
    sweeps_form.new_sweep()


@guarded()
def _screen(name: str, was_alive: bool) -> None:
    state.follow()
    view = find(name)
    if view is None or view.alive != was_alive:
        st.rerun()
        return
    with st.container():  # what comes and goes here moves no chart to another place on the page
        _head(view)
        if not view.alive and view.state != "done":
            look.message(view.state, view.message)
        problem = st.session_state.get(_PROBLEM)
        if problem is not None and problem[0] == name:
            st.error(problem[1], icon=":material/error:")
        _confirm(view)
        _failures(view.rows)
    sweeps_results.show(view)


def _head(view: SweepView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        about = " · ".join(part for part in (began(view.name), *facts(view.path)) if part)
        st.html(
            f"<div class='twf-run'>{look.mark(view.state)}<b title='{escape(view.name)}'>"
            f"{escape(view.title)}</b><small title='{escape(about)}'>{escape(about)}</small></div>"
        )
        if view.alive and view.mine:
            _while_alive(view)
        elif not view.alive:
            _afterwards(view)
        sweeps_results.downloads(view)
    if view.alive:
        st.html(look.bar(view.share, f"{view.title}: {100 * view.share:.0f} % done"))
    st.html(tiles_html(view))


def _while_alive(view: SweepView) -> None:
    if view.state == "paused":
        st.button(
            "Resume", icon=":material/play_arrow:", key="train-sweep-go-on", type="primary",
            on_click=sweeps_launch.go_on, args=(view.name,),
        )  # fmt: skip
    else:
        st.button(
            "Pause", icon=":material/pause:", key="train-sweep-pause",
            on_click=sweeps_launch.pause, args=(view.name,),
            disabled=view.state not in ("running", "queued"),
            help="The run under way waits before its next step, and with it those after it.",
        )  # fmt: skip
    st.button(
        "Stop", icon=":material/stop:", key="train-sweep-stop", on_click=_try,
        args=(view.name, sweeps_launch.stop), disabled=view.state == "stopping",
        help="Ends within one step. Finished runs keep their results, and Resume does the rest.",
    )  # fmt: skip


def _afterwards(view: SweepView) -> None:
    if view.state != "done":
        st.button(
            "Resume", icon=":material/play_arrow:", key="train-sweep-resume", type="primary",
            on_click=_try, args=(view.name, sweeps_launch.resume),
            help="Trains what is missing; finished runs are not trained again.",
        )  # fmt: skip
    st.button(
        "Delete", icon=":material/delete:", key="train-sweep-delete", on_click=_ask,
        args=(view.name,),
    )  # fmt: skip


def tiles_html(view: SweepView) -> str:
    """The headline numbers: runs done, the run under way, time left."""
    failed = sum(row.state == "failed" for row in view.rows)
    cells = [("Runs done", f"{view.done}", f"of {len(view.rows)}")]
    if failed:
        cells.append(("Failed", f"{failed}", ""))
    now = [
        (row, share)
        for row, share in zip(view.rows, view.shares, strict=True)
        if row.state in ("running", "paused", "stopping")
    ]
    for row, share in now[:2]:
        cells.append(("Under way", run_text(row), f"{100 * share:.0f} %"))
    if view.alive:
        left = "–" if view.remaining is None else duration(view.remaining)
        cells.append(("Time left, about", left, ""))
    spent = [row.seconds for row in view.rows if row.seconds is not None]
    if spent:
        cells.append(("Trained for", duration(sum(spent)), "all done runs together"))
    html = "".join(
        f"<div><span class='q'>{escape(title)}</span><b>{escape(value)}<small>{escape(unit)}"
        "</small></b></div>"
        for title, value, unit in cells
    )
    return f"<div class='twf-sum twf-tiles' data-done='{view.done}'>{html}</div>"


def _failures(rows: tuple[RunRow, ...]) -> None:
    """Why runs failed, each reason once."""
    reasons = Counter(row.message for row in rows if row.state == "failed")
    for reason, count in reasons.most_common(3):
        first = next(row for row in rows if row.state == "failed" and row.message == reason)
        who = run_text(first) if count == 1 else f"{count} runs, the first {run_text(first)}"
        look.message("failed", f"{who}: {reason}")


def _try(name: str, action: sweeps_launch.Action) -> None:
    st.session_state.pop(_PROBLEM, None)
    try:
        action(name)
    except Exception as error:
        expected = isinstance(error, ValueError | OSError)
        st.session_state[_PROBLEM] = (name, str(error) if expected else explain(error))
        return
    state.request("Sweep")


def _ask(name: str) -> None:
    st.session_state[_CONFIRM] = name


def _confirm(view: SweepView) -> None:
    """Ask before anything is deleted."""
    if st.session_state.get(_CONFIRM) != view.name or view.alive:
        st.session_state.pop(_CONFIRM, None)
        return
    st.warning(
        f"Delete {view.title} with its {len(view.rows)} runs for good? Tables, curves, weights and "
        "any images uploaded for it go; published checkpoints stay.",
        icon=":material/delete_forever:",
    )
    with st.container(horizontal=True):
        st.button(
            "Delete for good", key="train-sweep-delete-yes", type="primary", on_click=_delete,
            args=(view.name, view.title),
        )  # fmt: skip
        st.button("Keep", key="train-sweep-delete-no", on_click=_keep)


def _keep() -> None:
    st.session_state.pop(_CONFIRM, None)


def _delete(name: str, title: str) -> None:
    _keep()
    _try(name, sweeps_launch.delete)
    if _PROBLEM not in st.session_state:
        st.session_state[_NOTICE] = f"Deleted {title}."
        sweeps_choice.choose(sweeps_choice.NEW)
