"""Sweeps as jobs: queued run by run, paused and stopped together, gone on with from the folder."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imaging.errors import InputError
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.job import Job, Trainer
from trainer.launcher import train_anywhere
from trainer.reports import Report
from trainer.run_folder import RunFolder
from trainer.sources import PairSource, source_from
from trainer.sweep import SweepRun, train_run
from trainer.sweep_folder import begin, end, images_of, is_over, read_plan, same_run, take_over
from ui.training.history import name_of, snapshots, sweep_folders
from ui.training.launch import check_room, free_path
from ui.training.places import jobs, runs_folder
from ui.training.sources import DATA, KeptSource, SourceChoice

Action = Callable[[str], None]
"""Something that is done with a sweep, given its name."""


def start(
    name: str,
    runs: Sequence[SweepRun],
    choice: SourceChoice,
    fingerprint: str,
    kept: PairSource | None = None,
) -> str:
    """Queue a new sweep; runs that an earlier one finished with the same settings are taken over.

    Args:
        name: of the sweep, any text.
        runs: from :func:`trainer.sweep.plan_sweep`.
        choice: the images; a zip is copied into the sweep's folder.
        fingerprint: of the images.
        kept: synthetic heads that are drawn already.

    Returns:
        The name of the sweep's folder.

    Raises:
        ValueError: sweeps cannot be kept here, or the device is not there; one sentence.
    """
    root = runs_folder()
    check_room(root)
    others = sweep_folders(root)
    path = free_path(root, name)
    try:
        path.mkdir()
        images = _keep_images(choice, path)
        for run in runs:
            if found := same_run(run, fingerprint, others):
                take_over(found, path)
        _begin(path, runs, images)
        _queue(path, runs, images, kept)
    except (OSError, ValueError) as error:
        shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError(
                f"The sweep cannot be kept in {root}: {error.strerror or error}; make room there."
            ) from error
        raise
    return path.name


def resume(name: str, only: str | None = None) -> None:
    """Queue what a sweep still lacks: what never began, was stopped, was interrupted or failed.

    Args:
        name: of the sweep's folder.
        only: one run of it.

    Raises:
        ValueError: its plan or its images are gone, or another process trains it; one sentence.
    """
    path = runs_folder() / name
    runs = read_plan(path)
    alive = {name_of(job.snapshot().run_dir) for job in living(name)}
    missing = [
        run
        for run in runs
        if only in (None, run.name)
        and f"{name}/{run.name}" not in alive
        and not is_over(path / run.name)
    ]
    images = _images(path)
    if not alive:
        _begin(path, runs, images)
    _queue(path, missing, images, None)


def living(name: str) -> list[Job]:
    """The jobs of a sweep that wait, train or pause."""
    found = snapshots().items()
    return [job for run, (job, seen) in found if seen.alive and run.startswith(f"{name}/")]


def pause(name: str) -> None:
    """Let a sweep wait before its next step."""
    for job in living(name):
        job.pause()


def go_on(name: str) -> None:
    """Let a paused sweep go on."""
    for job in living(name):
        job.resume()


def stop(name: str) -> None:
    """End a sweep within one step; what is done stays, and it can be gone on with."""
    for job in reversed(living(name)):  # what waits first, so that none of it begins
        job.stop()
    end(RunFolder(runs_folder() / name), "stopped")


def delete(name: str) -> None:
    """Remove a sweep for good: its runs, its tables, and images uploaded for it.

    Raises:
        InputError: it is training, it is no sweep, or the disk refuses.
    """
    path = runs_folder() / name
    if path not in sweep_folders(runs_folder()) or path.is_symlink():
        raise InputError(f"{name!r} is not the name of a sweep.")
    if living(name) or RunFolder(path).in_use():
        raise InputError("The sweep is training; stop it before you delete it.")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise InputError(
            f"The sweep cannot be deleted whole: {error.strerror or error}; make its folder "
            "writable."
        ) from error


def _begin(path: Path, runs: Sequence[SweepRun], images: Mapping[str, Any]) -> None:
    place = RunFolder(path)
    with place.owned():
        begin(place, runs, images)


def _queue(
    path: Path, runs: Sequence[SweepRun], images: Mapping[str, Any], kept: PairSource | None
) -> None:
    waiting = [run for run in runs if not is_over(path / run.name)]
    shared = _Images(images, kept, len(waiting))
    for run in waiting:
        jobs().submit(
            run.config, _opener(shared, run.config), path / run.name, trainer=_trainer(run, path)
        )


def _opener(shared: "_Images", config: TrainConfig) -> Any:
    return lambda: shared.open(config)


def _trainer(run: SweepRun, path: Path) -> Trainer:
    def trainer(
        config: TrainConfig, data: CTMRIDataset, run_dir: Path, resume: bool, control: Control
    ) -> Iterator[Report]:
        with RunFolder(path).owned():  # the shell must not sweep in this folder meanwhile
            yield from train_run(run, data, path, control, train_anywhere)

    return trainer


class _Images:
    """The images of a sweep's runs; synthetic ones are drawn once and let go after the last run."""

    def __init__(self, origin: Mapping[str, Any], kept: PairSource | None, uses: int) -> None:
        self._origin, self._kept, self._left = origin, kept, uses

    def open(self, config: TrainConfig) -> CTMRIDataset:
        """The data set of a run's settings."""
        source = self._kept
        if source is None:
            source = source_from(self._origin, config.patient_pattern, config.patient_table)
            if self._origin["kind"] == "phantom":
                source = KeptSource(source)
            elif "zip" in self._origin:
                source.title = f"upload {self._origin['zip']}"
        self._left -= 1
        self._kept = source if self._origin["kind"] == "phantom" and self._left > 0 else None
        return CTMRIDataset(source, config)


def _keep_images(choice: SourceChoice, path: Path) -> dict[str, Any]:
    if choice.upload is None:
        return choice.origin
    shutil.copytree(choice.upload.path, path / DATA)
    return _own(path) | {"zip": choice.upload.name}


def _own(path: Path) -> dict[str, Any]:
    return {"kind": "folder", "path": str((path / DATA).resolve())}


def _images(path: Path) -> dict[str, Any]:
    found = images_of(path)
    if found is None or found.get("kind") == "memory":
        raise InputError(
            "The sweep does not say where its images lie; go on with it from the shell."
        )
    if (path / DATA).is_dir():  # wherever the sweep lies now, its own images lie in it
        return found | _own(path)
    place = found.get("path")
    if place is not None and not Path(place).is_dir():
        raise InputError(
            f"The images of this sweep are gone: {place} is no folder any more; put them back to "
            "resume."
        )
    return found
