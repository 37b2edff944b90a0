"""A data set: methods compared on every pair of it in the background, with statistics."""

from html import escape

import streamlit as st

from pipelines.compare_job import CompareJob, Snapshot
from ui import theme
from ui.compare import data_places as places
from ui.compare.data_files import export_menu
from ui.compare.data_form import new_comparison
from ui.compare.data_results import results
from ui.guard import explain, guarded
from ui.training import look
from ui.training.history import duration

BEAT = 1.0
"""Seconds between two looks at a comparison that is alive."""

_CONFIRM, _PROBLEM = "twf_compare_confirm", "twf_compare_set_problem"
_MOST_SKIPPED = 20


@guarded()
def data_view() -> None:
    """Draw the view."""
    look.dress()
    job = places.chosen()
    places.keep_address(job)
    if job is None:
        new_comparison()
        st.html(
            "<div class='twf-empty'>Choose pairs and methods and press <b>Compare</b>. Every pair "
            "is fused and measured in the background, also when this tab is closed.</div>"
        )
        return
    with st.expander("New comparison", icon=":material/add:", key="data-new"):
        new_comparison()
    _menu(job)
    alive = job.snapshot().alive
    st.fragment(_screen, run_every=BEAT if alive else None)(job, alive)


def _menu(job: CompareJob) -> None:
    jobs = {other.name: other for other in places.comparisons().jobs()}
    if len(jobs) < 2:
        return

    def changed() -> None:
        places.choose(st.session_state["data-chosen"])

    st.session_state["data-chosen"] = job.name
    st.selectbox(
        "Comparison", list(jobs), key="data-chosen", on_change=changed,
        format_func=lambda name: line(jobs[name]), label_visibility="collapsed",
    )  # fmt: skip


def line(job: CompareJob) -> str:
    """A comparison as a line of the menu: ``brains · 4 methods · 12:30:05 UTC · done``."""
    clock = job.name.split("-")[1]
    state = look.STATES[job.snapshot().state][0].lower()
    return f"{job.task.title} · {_count(job)} · {clock[:2]}:{clock[2:4]}:{clock[4:]} UTC · {state}"


def _count(job: CompareJob) -> str:
    count = len(job.task.entries)
    return "1 method" if count == 1 else f"{count} methods"


@guarded()
def _screen(job: CompareJob, was_alive: bool) -> None:
    seen = job.snapshot()
    if was_alive != seen.alive:
        st.rerun()  # the whole page: what can be done with it is another now
        return
    _head(job, seen)
    if problem := st.session_state.pop(_PROBLEM, None):
        st.error(problem, icon=":material/error:")
    _confirm(job)
    if seen.skipped and seen.found is None:
        theme.notes(_some(seen.skipped))
    if seen.found is not None:
        results(job, seen, seen.found)


def _some(skipped: tuple[str, ...]) -> list[str]:
    more = len(skipped) - _MOST_SKIPPED
    return [*skipped[:_MOST_SKIPPED], *([f"{more} more were left out."] if more > 0 else [])]


def _head(job: CompareJob, seen: Snapshot) -> None:
    about = " · ".join((job.task.source, _count(job), f"took {_seconds(seen.seconds)}")
                       if seen.found else (job.task.source, _count(job)))  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(
            f"<div class='twf-run'>{look.mark(seen.state)}<b>{escape(job.task.title)}</b>"
            f"<small title='{escape(about)}'>{escape(about)}</small></div>"
        )
        _buttons(job, seen)
    if not seen.alive:
        if seen.found is None:
            look.message(seen.state, seen.message)
        return
    st.html(look.bar(seen.share, f"{job.task.title}: {100 * seen.share:.0f} % done"))
    tiles = "".join(
        f"<div><span class='q'>{title}</span><b>{escape(value)}<small>{escape(unit)}</small></b>"
        "</div>"
        for title, value, unit in cells(seen)
    )
    st.html(f"<div class='twf-sum twf-tiles' data-done='{seen.done}'>{tiles}</div>")
    st.caption(_waiting(job, seen))


def cells(seen: Snapshot) -> list[tuple[str, str, str]]:
    """Title, value and unit of every tile while it works."""
    left = "–" if seen.remaining is None else duration(seen.remaining)
    found = [("Measured", f"{seen.done}", f"of {seen.total} images"), ("Time left", left, "")]
    if seen.speed is not None:
        found.append(("Speed", f"{seen.speed:.3g}", "images/s"))
    if seen.entry:
        found.append(("Now", seen.entry, ""))
    if seen.skipped:
        found.append(("Left out", f"{len(seen.skipped)}", ""))
    return found


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def _waiting(job: CompareJob, seen: Snapshot) -> str:
    if seen.state == "queued" and (ahead := places.comparisons().ahead(job.name)):
        return f"Waiting for {ahead} comparison{'s' * (ahead > 1)} before it."
    return f"{seen.message} It goes on when this tab is closed."


def _buttons(job: CompareJob, seen: Snapshot) -> None:
    if seen.alive:
        st.button(
            "Cancel", icon=":material/stop:", key="data-stop", on_click=job.stop,
            disabled=seen.state == "stopping",
            help="Ends after the image under way. A comparison needs all images, so nothing of it "
            "is kept.",
        )  # fmt: skip
        return
    if seen.found is not None:
        export_menu(job, seen.found)
    st.button(
        "Delete", icon=":material/delete:", key="data-delete", type="tertiary",
        on_click=_ask, args=(job,),
        help="Results stay until they are deleted or the program ends.",
    )  # fmt: skip


def _ask(job: CompareJob) -> None:
    st.session_state[_CONFIRM] = job.name


def _keep() -> None:
    st.session_state.pop(_CONFIRM, None)


def _delete(job: CompareJob) -> None:
    _keep()
    try:
        places.comparisons().forget(job.name)
        places.let_go()
    except Exception as error:
        st.session_state[_PROBLEM] = explain(error)


def _confirm(job: CompareJob) -> None:
    """Ask before anything is deleted; another choice takes the question back."""
    if st.session_state.get(_CONFIRM) != job.name:
        _keep()
        return
    st.warning(
        "Delete this comparison for good? Its numbers and uploaded images go; a folder of images "
        "of your own stays as it is.",
        icon=":material/delete_forever:",
    )
    with st.container(horizontal=True):
        if st.button("Delete for good", key="data-delete-yes", type="primary"):
            _delete(job)
            st.rerun()
        st.button("Keep", key="data-delete-no", on_click=_keep)
