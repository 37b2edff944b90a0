"""A sweep as the page shows it: its folder's tables, and what its jobs are doing now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from trainer.job import Snapshot
from trainer.run_folder import ALIVE, RunFolder, list_runs
from trainer.sweep_results import PLAN, ResultRow, RunRow, read_runs, results
from ui.training.history import began, name_of, snapshots, sweep_folders, title_of
from ui.training.places import runs_folder


@dataclass(frozen=True)
class SweepView:
    """Everything that is shown of one sweep.

    Attributes:
        path: its folder.
        rows: its runs in the order of the plan; states are those of this moment.
        shares: how much of each run is done, 0 to 1.
        state: of the whole, one of the trainer's states.
        message: one sentence.
        remaining: seconds to the end by the runs and epochs so far; None where unknown.
        mine: whether this server trains it.
    """

    path: Path
    rows: tuple[RunRow, ...]
    shares: tuple[float, ...]
    state: str
    message: str
    remaining: float | None
    mine: bool

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def title(self) -> str:
        """The name without date and time."""
        return title_of(self.name)

    @property
    def alive(self) -> bool:
        """Whether any of it waits, trains or pauses."""
        return self.state in ALIVE

    @property
    def done(self) -> int:
        """Runs that are done."""
        return sum(row.state == "done" for row in self.rows)

    @property
    def share(self) -> float:
        """How much of the whole is done, 0 to 1."""
        return fmean(self.shares) if self.shares else 0.0

    @property
    def results(self) -> list[ResultRow]:
        """One row per combination, the table of the shell."""
        return results(self.rows)


def names() -> list[str]:
    """All sweeps, the newest first."""
    return [path.name for path in sweep_folders(runs_folder())]


def label(name: str) -> str:
    """A sweep in a menu: its name and when it began."""
    when = began(name)
    return f"{title_of(name)}  ·  {when}" if when else title_of(name)


def facts(path: Path) -> tuple[str, ...]:
    """What all runs of a sweep share, in a few words; empty where its plan does not say."""
    try:
        plan = RunFolder(path).read_json(PLAN)
        return _facts(path, plan)
    except (ValueError, KeyError):
        return ()


def _facts(path: Path, plan: Mapping[str, Any]) -> tuple[str, ...]:
    found, images = [], plan.get("images") or {}
    if "zip" in images:
        found.append(f"upload {images['zip']}")
    elif "path" in images:
        found.append(f"folder {Path(images['path']).name}")
    elif "heads" in images:
        found.append(f"{images['heads']} synthetic heads of {images['slices']} slices")
    elif begun := list_runs(path)[:1]:
        found.append(str(begun[0].read_json("data.json").get("source", "")))
    if config := plan.get("config"):
        side = f"{config['size']} px, " if config.get("size") else ""
        found.append(f"{side}{config['epochs']} epochs a run")
    return tuple(found)


def look(name: str) -> SweepView | None:
    """A sweep by its name; None where there is none of it any more."""
    path = runs_folder() / name
    if Path(name).name != name or not (path / PLAN).is_file():
        return None
    jobs = {run: seen for run, (_, seen) in snapshots().items() if run.startswith(f"{name}/")}
    rows, shares, per_run = [], [], []
    for row in read_runs(path):
        seen = jobs.get(name_of(path / row.name))
        row, share, seconds = _now(row, seen)
        rows.append(row)
        shares.append(share)
        per_run.append(seconds)
    mine = any(seen.alive for seen in jobs.values())
    state = _state(rows, RunFolder(path).status().state)
    return SweepView(
        path, tuple(rows), tuple(shares), state, _message(rows, state),
        _remaining(rows, shares, per_run), mine,
    )  # fmt: skip


def _now(row: RunRow, seen: Snapshot | None) -> tuple[RunRow, float, float | None]:
    """A run with its state of this moment, how much is done, and seconds for the whole of it."""
    if row.values is not None:
        return row, 1.0, row.seconds
    if row.state == "done" and (seen is None or not seen.alive):
        return replace(row, state="interrupted"), 0.99, None  # trained, but not scored yet
    if seen is None:
        return row, 0.0, None
    if not seen.alive:
        lost = seen.state == "failed" and row.state in ("new", "interrupted")
        return replace(row, state="failed", message=seen.message) if lost else row, 0.0, None
    part = seen.step / seen.steps if seen.steps else 0.0
    share = min(1.0, (seen.epoch + part) / max(1, seen.epochs))
    epochs = [report.seconds for report in seen.epochs_seen[-5:]]
    seconds = fmean(epochs) * seen.epochs if epochs else None
    parameters = seen.started.parameters if seen.started else row.parameters
    return replace(row, state=seen.state, parameters=parameters), share, seconds


def _state(rows: Sequence[RunRow], on_disk: str) -> str:
    states = {row.state for row in rows}
    for alive in ("stopping", "paused", "running", "queued"):
        if alive in states:
            return alive
    if states <= {"done", "failed"}:
        return "failed" if "failed" in states else "done"
    return "interrupted" if "interrupted" in (on_disk, *states) else "stopped"


def _message(rows: Sequence[RunRow], state: str) -> str:
    done, total = sum(row.state == "done" for row in rows), len(rows)
    counted = f"{done} of {total} runs {'is' if done == 1 else 'are'} done"
    if state == "done":
        return f"Done: {total} run{'s' * (total > 1)}."
    if state == "failed":
        return f"{counted}, {total - done} failed; Resume tries those again."
    if state == "interrupted":
        return f"The sweep was interrupted: {counted} and kept; resume it for the others."
    if state == "stopped":
        return f"Stopped: {counted} and kept; resume it for the others."
    return f"{counted}."


def _remaining(
    rows: Sequence[RunRow], shares: Sequence[float], per_run: Sequence[float | None]
) -> float | None:
    """Seconds by the runs of the same combination, or by all that are known."""
    known = [seconds for seconds in per_run if seconds is not None]
    if not known:
        return None
    alike: dict[tuple[str, int, str], list[float]] = {}
    for row, seconds in zip(rows, per_run, strict=True):
        if seconds is not None:
            alike.setdefault((row.wavelet, row.levels, row.loss), []).append(seconds)
    return sum(
        (1 - share) * fmean(alike.get((row.wavelet, row.levels, row.loss), known))
        for row, share in zip(rows, shares, strict=True)
        if row.state not in ("done", "failed")
    )
