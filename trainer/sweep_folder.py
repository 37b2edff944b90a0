"""A sweep's folder: its plan on disk, what it may hold, and finished runs that it may take over."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from pipelines.extensions import load_recorded
from trainer.config import TrainConfig, parse_option
from trainer.loop import FREE_TO_CHANGE
from trainer.run_folder import RunError, RunFolder, list_runs
from trainer.sweep_plan import SWEPT, SweepRun
from trainer.sweep_results import PLAN, SCORES, write_tables

# A sweep compares runs of one length: here more epochs would be another sweep.
_MAY_DIFFER = FREE_TO_CHANGE - {"epochs", "patience"}

_NOT_TAKEN_OVER = ("last.pt", "*.tmp", "run.lock", "data")


def check_folder(folder: str | Path, runs: Sequence[SweepRun]) -> RunFolder:
    """The sweep's folder, which need not exist yet.

    Raises:
        RunError: it is the folder of a run, or holds runs of other settings.
    """
    place = RunFolder(folder)
    if place.begun:
        raise RunError(f"{place.path} is the folder of a single run; choose another for the sweep.")
    for run in runs:
        _check_same(place.path, run)
    return place


def begin(
    place: RunFolder, runs: Sequence[SweepRun], images: Mapping[str, Any] | None = None
) -> None:
    """Write a sweep's plan and first tables; whoever calls this owns the folder.

    Args:
        place: the sweep's folder.
        runs: what is to be trained; those that the plan holds already stay in it.
        images: what :func:`trainer.sources.source_from` makes the images of, where they are known
            before the first run begins.
    """
    _write_plan(place, runs, images)
    write_tables(place.path)
    place.set_status("running", "Running.", 0)


def end(place: RunFolder, state: str) -> None:
    """Say how a sweep ended; its runs say the rest."""
    place.set_status(state, "", 0)


def is_over(folder: Path) -> bool:
    """Whether a run of a sweep is done and has its scores."""
    return RunFolder(folder).status().state == "done" and (folder / SCORES).exists()


def read_plan(folder: str | Path) -> tuple[SweepRun, ...]:
    """The runs of a sweep with their settings, to go on with it.

    Raises:
        ValueError: the folder holds no sweep, or one whose settings cannot be read any more.
    """
    place = RunFolder(folder)
    plan = place.read_json(PLAN)
    values = plan.get("config")
    if values is None:  # a plan of an earlier version: any of its runs knows the settings
        begun = list_runs(place.path)
        if not begun:
            raise RunError(f"The sweep in {folder} does not say its settings; start it anew.")
        values = begun[0].read_json("config.json")
    base = TrainConfig.from_dict(values)
    if base.extensions is not None:
        load_recorded(base.extensions)
    runs = []
    for entry in plan.get("runs", []):
        swept = {key: entry[key] for key in SWEPT}
        config = base.with_options(swept | {"loss": parse_option("loss", entry["loss"])})
        runs.append(SweepRun(**entry, config=config))
    return tuple(runs)


def images_of(folder: str | Path) -> dict[str, Any] | None:
    """What a sweep's images are made of; None where neither its plan nor a run of it says so."""
    place = RunFolder(folder)
    places = [place.read_json(PLAN).get("images")]
    places += [run.read_json("data.json").get("origin") for run in list_runs(place.path)]
    return next((dict(found) for found in places if isinstance(found, dict)), None)


def same_run(run: SweepRun, fingerprint: str, folders: Sequence[Path]) -> RunFolder | None:
    """A finished run of another sweep with these settings and these images, if there is one.

    Args:
        run: what is planned.
        fingerprint: of the images.
        folders: sweeps to look into.
    """
    for folder in folders:
        here = RunFolder(folder / run.name)
        try:
            if (
                is_over(here.path)
                and here.read_json("data.json").get("fingerprint") == fingerprint
                and not _differences(here, run)
            ):
                return here
        except ValueError:  # not readable by this version: it is trained again
            continue
    return None


def take_over(found: RunFolder, folder: Path) -> None:
    """Copy a finished run into a sweep, without its state to go on from.

    Raises:
        RunError: it cannot be copied.
    """
    target = folder / found.name
    temporary = folder / f".{found.name}"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(found.path, temporary, ignore=shutil.ignore_patterns(*_NOT_TAKEN_OVER))
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise RunError(
            f"The finished run {found.path} cannot be copied into {folder}; make room on the disk."
        ) from error
    RunFolder(target).log(f"taken over from {found.path.parent.name}: same settings and images")


def _check_same(folder: Path, run: SweepRun) -> None:
    """Refuse to mix runs of different settings in one table."""
    there = RunFolder(folder / run.name)
    if not there.begun:
        return
    if changed := _differences(there, run):
        raise RunError(
            f"The run {run.name} in {folder} was made with another {', '.join(changed)}; give the "
            "same settings, or another folder."
        )


def _differences(there: RunFolder, run: SweepRun) -> list[str]:
    """The settings that would have led to another result."""
    saved = there.config()
    names = [f.name for f in fields(saved) if f.name not in _MAY_DIFFER]
    return [n for n in names if getattr(saved, n) != getattr(run.config, n)]


def _write_plan(
    place: RunFolder, runs: Sequence[SweepRun], images: Mapping[str, Any] | None
) -> None:
    """Add these runs to the plan that is there; a sweep may grow."""
    plan: dict[str, Any] = {}
    if (place.path / PLAN).exists():
        plan = place.read_json(PLAN)
    known: list[dict[str, Any]] = list(plan.get("runs", []))
    names = {entry["name"] for entry in known}
    plan["runs"] = known + [run.to_dict() for run in runs if run.name not in names]
    if runs:
        plan.setdefault("config", runs[0].config.to_dict())
    if images is not None:
        plan["images"] = dict(images)
    place.write_json(PLAN, plan)
