"""The rail of the Train page: what can train, what is training or waiting, the newest runs."""

from collections import Counter
from html import escape

import streamlit as st

from trainer.job import Snapshot
from ui import theme
from ui.guard import guarded
from ui.training import history, look, state, sweeps_choice
from ui.training.places import devices, jobs
from ui.training.runs_table import newest

_RECENT = 6


def rail() -> None:
    """Draw the rail; it looks again by itself while anything trains."""
    busy = any(seen.alive for seen in jobs().snapshots())
    with st.sidebar:
        st.button(
            "New run", icon=":material/add:", key="train-new", width="stretch",
            on_click=state.go, args=("New run",),
        )  # fmt: skip
        st.fragment(_live, run_every=2.0 if busy else None)(busy)


@guarded()
def _live(was_busy: bool) -> None:
    state.follow()
    alive = [seen for seen in jobs().snapshots() if seen.alive]
    if was_busy and not alive:
        st.rerun()
    _devices(alive)
    if alive:
        st.divider()
        theme.rail_heading("Queue")
        waiting = Counter[str]()
        for seen in alive:
            name = history.name_of(seen.run_dir)
            if seen.state == "queued" and history.in_sweep(name):
                waiting[name.partition("/")[0]] += 1
                continue
            _line(name, seen.state, _progress(seen))
            if seen.state != "queued":
                st.html(look.bar(_share(seen), f"{seen.name}"))
        for sweep, count in waiting.items():
            _sweep_line(sweep, count)
    names = [name for name in newest(_RECENT + len(alive)) if name not in {s.name for s in alive}]
    if names:
        st.divider()
        theme.rail_heading("Newest runs")
        for name in names[:_RECENT]:
            view = history.look(name)
            if view is not None:
                _line(name, view.state, f"{view.epoch} / {view.epochs} · {history.began(name)[5:]}")


def _devices(alive: list[Snapshot]) -> None:
    theme.rail_heading("Devices")
    busy = {name for seen in alive if seen.state != "queued" for name in seen.devices}
    lines = []
    for device in devices():
        word = "in use" if device.name in busy else "free"
        lines.append(f"<div class='twf-device'>{escape(device.label)}<small>{word}</small></div>")
    st.html("".join(lines))


def _line(name: str, run_state: str, text: str) -> None:
    st.button(
        history.title_of(name), key=f"train-rail-{name}", type="tertiary", on_click=_turn,
        args=(name,), help="Look at this run",
    )  # fmt: skip
    st.html(f"<div class='twf-rail-run'>{look.mark(run_state)}<small>{escape(text)}</small></div>")


def _sweep_line(name: str, waiting: int) -> None:
    """The runs of a sweep that wait, as one line."""
    st.button(
        f"Sweep {history.title_of(name)}", key=f"train-rail-{name}/", type="tertiary",
        on_click=sweeps_choice.choose, args=(name,), help="Look at this sweep",
    )  # fmt: skip
    st.html(
        f"<div class='twf-rail-run'>{look.mark('queued')}"
        f"<small>{waiting} run{'s' * (waiting > 1)} of it</small></div>"
    )


def _turn(name: str) -> None:
    state.request("Run", name)


def _progress(seen: Snapshot) -> str:
    if seen.state == "queued":
        return f"{seen.waiting} before it" if seen.waiting else "starts now"
    return f"epoch {seen.epoch} of {seen.epochs}"


def _share(seen: Snapshot) -> float:
    part = seen.step / seen.steps if seen.steps else 0.0
    return (seen.epoch + part) / max(1, seen.epochs)
