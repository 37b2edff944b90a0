"""A run as the page shows it: from a job's snapshot while it lives, from its folder afterwards."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import streamlit as st

from trainer.config import TrainConfig
from trainer.job import Job, Snapshot
from trainer.reports import to_record
from trainer.run_folder import ALIVE, RunFolder, list_runs
from trainer.sweep_results import PLAN
from ui.training.places import jobs, runs_folder

Record = Mapping[str, Any]


@dataclass(frozen=True)
class RunView:
    """Everything that is shown of one run.

    Attributes:
        path: its folder, which a run that never began may lack.
        state: one of the trainer's states.
        message: one sentence.
        config: its settings; None where the folder does not say.
        epoch, epochs, step, steps: how far it is.
        remaining: seconds to the end, None where unknown.
        waiting: jobs before it in the queue.
        epochs_seen, steps_seen, metrics_seen: the history's records.
        started: what it began with last.
        job: who trains it in this server; None for any other run.
    """

    path: Path
    state: str
    message: str
    config: TrainConfig | None = None
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    remaining: float | None = None
    waiting: int = 0
    epochs_seen: tuple[Record, ...] = ()
    steps_seen: tuple[Record, ...] = ()
    metrics_seen: tuple[Record, ...] = ()
    started: Record | None = None
    job: Job | None = None

    @property
    def name(self) -> str:
        """As the page calls it, see :func:`name_of`."""
        return name_of(self.path)

    @property
    def title(self) -> str:
        """The name without date and time."""
        return title_of(self.name)

    @property
    def alive(self) -> bool:
        """Whether it waits, trains or pauses."""
        return self.state in ALIVE

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        if not self.epochs:
            return 0.0
        part = self.step / self.steps if self.steps else 0.0
        return min(1.0, (self.epoch + part) / self.epochs)

    @property
    def best(self) -> Record | None:
        """The record of the best epoch so far."""
        if not self.epochs_seen:
            return None
        best = self.epochs_seen[-1]["best_epoch"]
        return next((r for r in self.epochs_seen if r["epoch"] == best), None)


def name_of(path: Path) -> str:
    """A run's folder below that of all runs: its name, or ``sweep/run`` for one of a sweep."""
    root = runs_folder()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def in_sweep(name: str) -> bool:
    """Whether a run belongs to a sweep."""
    return "/" in name


def title_of(name: str) -> str:
    """A run folder's name without the date and time in front."""
    head, dash, rest = name[:15], name[15:16], name[16:]
    dated = len(head) == 15 and head[:8].isdigit() and head[8] == "-" and head[9:].isdigit()
    return rest if dated and dash == "-" and rest else name


def all_names(sweeps: bool = False) -> list[str]:
    """Every run that can be looked at, the newest first: in the folder or only in the queue.

    Args:
        sweeps: those of sweeps as well.
    """
    root = runs_folder()
    folders = [root, *(sweep_folders(root) if sweeps else ())]
    there = [name_of(run.path) for folder in folders for run in list_runs(folder)]
    queued = [name_of(seen.run_dir) for seen in jobs().snapshots()]
    shown = (n for n in queued if (sweeps or not in_sweep(n)) and _worth_showing(n, there))
    return sorted({*there, *shown}, reverse=True)


def sweep_folders(root: Path) -> list[Path]:
    """The sweeps in the folder of all runs, the newest first by name."""
    found = [path.parent for path in root.glob(f"*/{PLAN}")] if root.is_dir() else []
    return sorted(found, reverse=True)


def _worth_showing(name: str, there: Sequence[str]) -> bool:
    snapshot = snapshots().get(name)
    return name in there or (snapshot is not None and _unbegun(snapshot[1]))


def _unbegun(snapshot: Snapshot) -> bool:
    """Alive, or failed before its folder held anything; a deleted run is neither."""
    return snapshot.alive or (snapshot.state == "failed" and snapshot.started is None)


def snapshots() -> dict[str, tuple[Job, Snapshot]]:
    """The newest job of every run folder that this server has trained, by the run's name."""
    queue = jobs()
    pairs = zip(queue.jobs(), queue.snapshots())  # noqa: B905
    return {name_of(seen.run_dir): (job, seen) for job, seen in pairs}


def look(name: str) -> RunView | None:
    """A run by its name; None where there is none of it any more."""
    parts = PurePosixPath(name).parts
    if len(parts) not in (1, 2) or {"..", "/"} & set(parts):
        return None
    path = runs_folder() / name
    job, snapshot = snapshots().get(name, (None, None))
    folder = RunFolder(path)
    if snapshot is not None and job is not None and (_unbegun(snapshot) or not folder.begun):
        return _of_job(job, snapshot) if _unbegun(snapshot) else None
    return _of_folder(folder) if folder.begun else None


def _of_job(job: Job, seen: Snapshot) -> RunView:
    folder = RunFolder(seen.run_dir)
    before: tuple[Record, ...] = ()
    if seen.started is not None:
        at = (float(seen.started.epoch), float(seen.started.step))
        before = _before(str(folder.path), seen.number, at)
    measured = {r.epoch for r in seen.metrics_seen}
    view = RunView(
        seen.run_dir, seen.state, seen.message, _config(folder), seen.epoch, seen.epochs,
        seen.step, seen.steps, seen.remaining_seconds, seen.waiting,
        (*_kind(before, "epoch"), *(to_record(r) for r in seen.epochs_seen)),
        (*_kind(before, "step"), *(to_record(r) for r in seen.steps_seen)),
        (
            *(r for r in _kind(before, "metrics") if r["epoch"] not in measured),
            *(to_record(r) for r in seen.metrics_seen),
        ),
        to_record(seen.started) if seen.started else None, job,
    )  # fmt: skip
    return replace(view, remaining=remaining(view))


@st.cache_data(show_spinner=False, max_entries=32)
def _before(path: str, number: int, at: tuple[float, float]) -> tuple[Record, ...]:
    """What had happened when a job took the run up; read once per job."""
    return tuple(
        record
        for record in RunFolder(path).history()
        if (record["kind"] in ("epoch", "metrics") and float(record["epoch"]) <= at[0])
        or (record["kind"] == "step" and (float(record["epoch"]) - 1, float(record["step"])) <= at)
    )


def _of_folder(folder: RunFolder) -> RunView:
    status = folder.status()
    records = history(folder)
    config = _config(folder)
    started = _kind(records, "started")
    steps = _kind(records, "step")
    step = int(steps[-1]["step"]) if steps and steps[-1]["epoch"] > status.epoch else 0
    job, seen = snapshots().get(name_of(folder.path), (None, None))
    state, message = status.state, status.message
    if seen is not None and seen.state == "failed" and state == "interrupted":
        state, message = "failed", seen.message  # the folder could not be told, as on a full disk
    return RunView(
        folder.path, state, message, config, status.epoch,
        config.epochs if config else status.epoch, step,
        int(started[-1]["steps"]) if started else 0, None, 0, _kind(records, "epoch"), steps,
        _kind(records, "metrics"), started[-1] if started else None,
        job if state in ALIVE else None,
    )  # fmt: skip


def history(folder: RunFolder) -> tuple[Record, ...]:
    """A run's history, read again only when its file has grown."""
    try:
        about = (folder.path / "history.jsonl").stat()
    except OSError:
        return ()
    return _history(str(folder.path), about.st_size, about.st_mtime_ns)


@st.cache_data(show_spinner=False, max_entries=64)
def _history(path: str, size: int, time_ns: int) -> tuple[Record, ...]:
    return tuple(RunFolder(path).history())


def _config(folder: RunFolder) -> TrainConfig | None:
    try:
        return _read_config(str(folder.path), (folder.path / "config.json").stat().st_mtime_ns)
    except (ValueError, OSError):
        return None


@st.cache_resource(show_spinner=False, max_entries=256)
def _read_config(path: str, time_ns: int) -> TrainConfig:
    return RunFolder(path).config()


def _kind(records: Sequence[Record], kind: str) -> tuple[Record, ...]:
    return tuple(record for record in records if record["kind"] == kind)


def remaining(view: RunView) -> float | None:
    """Seconds to the end, by the last epochs or, in the first one, by the last steps."""
    left = view.epochs - view.epoch - (view.step / view.steps if view.steps else 0.0)
    if view.remaining is not None and view.epochs > view.epoch:
        return view.remaining * left / (view.epochs - view.epoch)
    windows = view.steps_seen[-5:]
    if not windows or not view.steps:
        return None
    per_pair = sum(1 / max(r["pairs_per_second"], 1e-9) for r in windows) / len(windows)
    pairs = view.started["pairs"] if view.started else 0
    return float(per_pair * pairs * left)


def duration(seconds: float) -> str:
    """Seconds in words: "48 s", "3 min 20 s", "2 h 05 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def log_tail(path: Path, lines: int = 40) -> str:
    """The last lines of a run's log, with the time of day only."""
    try:
        with (path / "log.txt").open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 200 * lines))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    kept = text.splitlines()[-lines:]
    return "\n".join(line[11:19] + line[25:] if line[10:11] == "T" else line for line in kept)


def began(name: str) -> str:
    """When a run was made, from its folder's name; empty where that does not tell."""
    try:
        moment = time.strptime(name[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return ""
    return time.strftime("%Y-%m-%d %H:%M", moment)
