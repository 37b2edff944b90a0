"""All runs in one table: filter, lay curves over each other, open, resume, rename, delete."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from fusion_core.losses import LOSSES
from trainer.config import TrainConfig
from trainer.run_folder import RunFolder, list_runs
from ui import theme
from ui.guard import guarded
from ui.training import after, curves, look, manage, state
from ui.training.history import (
    RunView,
    all_names,
    began,
    duration,
    in_sweep,
    sweep_folders,
    title_of,
)
from ui.training.history import look as find
from ui.training.places import runs_folder

_CONFIRM, _NOTICE = "twf_train_confirm", "twf_train_notice"
MOST_CURVES = 16


@dataclass(frozen=True)
class Line:
    """A run as the table shows it; None where a value is not known."""

    name: str
    title: str
    state: str
    began: str
    images: str
    model: str
    loss: str
    epochs: str
    val_loss: float | None
    best_epoch: int | None
    ssim: float | None
    qabf: float | None
    scd: float | None
    seconds: str


def table_line(view: RunView, images: str) -> Line:
    """What the table says of a run."""
    best = view.best
    metrics: dict[str, float] = next(
        (r["means"] for r in view.metrics_seen if best and r["epoch"] == best["epoch"]), {}
    )
    value = None if best is None else best["val_total"]
    total = sum(r["seconds"] for r in view.epochs_seen)
    return Line(
        view.name, view.title, look.STATES.get(view.state, (view.state, ""))[0], began(view.name),
        images, model_text(view.config), loss_text(view.config), f"{view.epoch} / {view.epochs}",
        value, None if best is None else int(best["epoch"]), metrics.get("SSIM_Avg"),
        metrics.get("Qabf"), metrics.get("SCD"), duration(total) if view.epochs_seen else "",
    )  # fmt: skip


def model_text(config: TrainConfig | None) -> str:
    """Wavelet, levels and gates in a few words."""
    return "" if config is None else config.model.summary


def loss_text(config: TrainConfig | None) -> str:
    """The loss by its name, or its terms."""
    if config is None:
        return ""
    known = next((name for name, weights in LOSSES.items() if weights == config.loss), None)
    return known or ", ".join(f"{term} {weight:g}" for term, weight in config.loss.items())


def matches(line: Line, words: str, states: Sequence[str]) -> bool:
    """Whether a line holds every word somewhere and is in one of the states, if any are given."""
    text = " ".join(map(str, line.__dict__.values())).lower()
    return all(word in text for word in words.lower().split()) and (
        not states or line.state in states
    )


def all_runs() -> None:
    """Draw the table and what belongs to the chosen lines."""
    st.fragment(_screen)()


@guarded()
def _screen() -> None:
    state.follow()
    found = (find(name) for name in all_names(_sweeps_too()))
    views = {view.name: view for view in found if view is not None}
    if notice := st.session_state.pop(_NOTICE, None):
        st.success(notice, icon=":material/check_circle:")
    if not views:
        st.html(
            "<div class='twf-empty'>No runs yet. They appear here when the first one starts, also "
            "those trained by the shell into the same folder.</div>"
        )
        return
    lines = [table_line(view, _images(view.path)) for view in views.values()]
    words, states = _filter(lines)
    shown = [line for line in lines if matches(line, words, states)]
    if not shown:
        st.caption("No run matches; change the filter.")
        return
    chosen = [line.name for line in pick(shown)]
    _actions([views[name] for name in chosen])
    _overlay([views[name] for name in chosen or [line.name for line in shown[:5]]], bool(chosen))


def _sweeps_too() -> bool:
    """Draw the switch that adds the runs of sweeps, where there are any."""
    if not sweep_folders(runs_folder()):
        return False
    state.prepare("train-sweeps-too", False)
    wanted = st.toggle("Also the runs of sweeps", key="train-sweeps-too")
    return bool(state.kept("train-sweeps-too", wanted))


def _filter(lines: Sequence[Line]) -> tuple[str, list[str]]:
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        state.prepare("train-filter", "")
        words = st.text_input(
            "Filter", key="train-filter", placeholder="name, wavelet, loss, images …",
            icon=":material/search:", label_visibility="collapsed",
        )  # fmt: skip
        state.kept("train-filter", words)
    with right:
        known = list(dict.fromkeys(line.state for line in lines))
        states = st.pills(
            "State", known, selection_mode="multi", key="train-states",
            label_visibility="collapsed",
        )  # fmt: skip
    return words, list(states)


def pick(lines: Sequence[Line]) -> list[Line]:
    """Draw the table; returns the chosen lines."""
    titles = {
        "title": "Name", "state": "State", "began": "Began (UTC)", "epochs": "Epochs",
        "val_loss": "Best val. loss", "best_epoch": "At epoch", "ssim": "SSIM", "qabf": "Qabf",
        "scd": "SCD", "model": "Wavelet · levels · gates", "loss": "Loss", "images": "Images",
        "seconds": "Trained for",
    }  # fmt: skip
    rows = {title: [getattr(line, field) for line in lines] for field, title in titles.items()}
    precise = st.column_config.NumberColumn(format="%.4f")
    short = st.column_config.NumberColumn(format="%.3f")
    config: dict[str, Any] = {
        "Name": st.column_config.TextColumn(width="medium"),
        "Best val. loss": precise,
        "SSIM": short,
        "Qabf": short,
        "SCD": short,
        "At epoch": st.column_config.NumberColumn(format="%d", width="small"),
    }
    event: Any = st.dataframe(
        rows, key="train-runs", on_select="rerun", selection_mode="multi-row", hide_index=True,
        column_config=config, height=min(420, 38 + 35 * len(lines)), alt="All training runs",
        placeholder="–",
    )  # fmt: skip
    return [lines[row] for row in event.selection.rows if row < len(lines)]


def _images(path: Path) -> str:
    try:
        stamp = (path / "data.json").stat().st_mtime_ns
        return str(_data(str(path), stamp).get("source", ""))
    except (OSError, ValueError):
        return ""


@st.cache_data(show_spinner=False, max_entries=512)
def _data(path: str, stamp: int) -> dict[str, Any]:
    return RunFolder(path).read_json("data.json")


def _actions(views: Sequence[RunView]) -> None:
    if not views:
        st.caption("Tick runs at the left of the table to compare, rename, resume or delete them.")
        return
    one = views[0] if len(views) == 1 else None
    # A run of a sweep goes with its sweep, whose table would miss it.
    idle = [view for view in views if not view.alive and not in_sweep(view.name)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if one is not None:
            if st.button("Open", icon=":material/monitoring:", key="train-runs-open"):
                state.request("Run", one.name)
                st.rerun()
            if one.state in after.CAN_GO_ON:
                st.button(
                    "Resume", icon=":material/play_arrow:", key="train-runs-resume",
                    on_click=after.resume_run, args=(one.name,),
                )  # fmt: skip
            _rename(one)
        if idle and st.button(
            f"Delete {len(idle)}" if len(idle) > 1 else "Delete",
            icon=":material/delete:", key="train-runs-delete",
        ):  # fmt: skip
            st.session_state[_CONFIRM] = tuple(view.name for view in idle)
    if one is not None:
        after.problem(one.name)
    _confirm(views)


def _rename(view: RunView) -> None:
    if view.alive or in_sweep(view.name):
        return
    with st.popover("Rename", icon=":material/edit:"):
        title = st.text_input(
            "New name", view.title, key=f"train-rename-{view.name}", max_chars=60,
            help="Date and time in front of the folder's name stay.",
        )  # fmt: skip
        if st.button("Rename", key="train-rename-go", type="primary"):
            try:
                new = manage.rename(view.name, title)
            except ValueError as error:
                st.error(str(error), icon=":material/error:")
                return
            if state.run() == view.name:
                state.request("All runs", new)
            st.session_state[_NOTICE] = f"{view.title} is now {title_of(new)}."
            st.rerun()


def _confirm(views: Sequence[RunView]) -> None:
    """Ask before anything is deleted; another choice of runs takes the question back."""
    asked = st.session_state.get(_CONFIRM)
    if not asked or set(asked) - {view.name for view in views}:
        st.session_state.pop(_CONFIRM, None)
        return
    names = ", ".join(f"{title_of(name)} ({began(name)})" for name in asked)
    st.warning(
        f"Delete {names} for good? Settings, curves, weights and any images uploaded for it go; "
        "published checkpoints stay.",
        icon=":material/delete_forever:",
    )
    with st.container(horizontal=True):
        if st.button("Delete for good", key="train-delete-yes", type="primary"):
            st.session_state.pop(_CONFIRM, None)
            _delete(asked)
        st.button("Keep", key="train-delete-no", on_click=_keep)


def _keep() -> None:
    st.session_state.pop(_CONFIRM, None)


def _delete(names: Sequence[str]) -> None:
    done = []
    for name in names:
        try:
            manage.delete(name)
        except ValueError as error:
            st.error(str(error), icon=":material/error:")
            return
        done.append(title_of(name))
        state.forget_run(name)
    st.session_state[_NOTICE] = f"Deleted {', '.join(done)}."
    st.rerun()


def _overlay(views: Sequence[RunView], chosen: bool) -> None:
    drawn = [view for view in views if view.epochs_seen][:MOST_CURVES]
    if not drawn:
        st.caption("No epoch is done yet, so there are no curves to lay over each other.")
        return
    theme.section("Curves over each other", _which(len(drawn), chosen))
    titles = curves.quantities()
    state.prepare("train-quantity", "val_total")
    quantity = st.selectbox(
        "Quantity", list(titles), key="train-quantity", format_func=lambda key: titles[key],
        width=320,
    )  # fmt: skip
    state.kept("train-quantity", quantity)
    different = {loss_text(view.config) for view in drawn}
    if quantity in ("val_total", "train_total") and len(different) > 1:
        st.caption("These runs minimise different losses: compare metrics, not totals.")
    theme.chart(curves.overlay_figure(drawn, quantity), "train-overlay", titles[quantity])


def _which(count: int, chosen: bool) -> str:
    if count == 1:
        return "The chosen run." if chosen else "The newest run."
    return f"The {count} {'chosen' if chosen else 'newest'} runs."


def newest(count: int) -> list[str]:
    """Names of the newest runs in the folder."""
    return [run.name for run in list_runs(runs_folder())[:count]]
