"""Starting runs and going on with them: from the page's choices to a job in the queue."""

import os
import shutil
from pathlib import Path

from imaging.errors import InputError
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.job import Job
from trainer.run_folder import RunFolder, new_run_path
from trainer.sources import PairSource, source_from
from ui.training.places import jobs, runs_folder
from ui.training.sources import DATA, SourceChoice, data_maker

_ROOM = 64 * 2**20
"""Free bytes below which no run is started: a few states and strips fit in them."""


def start(
    name: str, config: TrainConfig, choice: SourceChoice, kept: PairSource | None = None
) -> Job:
    """Queue a new run.

    Args:
        name: of the run, any text.
        config: its settings.
        choice: its images.
        kept: synthetic heads that are drawn already.

    Raises:
        ValueError: runs cannot be written here, or the device is not there; one sentence.
    """
    root = runs_folder()
    check_room(root)
    path = free_path(root, name)
    return jobs().submit(config, data_maker(choice, config, path, kept), path)


def resume(name: str, epochs: int | None = None) -> Job:
    """Queue a run again that was stopped, was interrupted or failed.

    Args:
        name: of its folder.
        epochs: new number of epochs in all; as before if absent.

    Raises:
        ValueError: the folder does not hold a run that can go on; one sentence.
    """
    folder = RunFolder(runs_folder() / name)
    config = folder.config()
    if epochs is not None:
        config = config.with_options({"epochs": epochs})
    own = folder.path / DATA
    origin = folder.read_json("data.json").get("origin")
    if own.is_dir():  # wherever the run lies now, its own images lie in it
        origin = {"kind": "folder", "path": str(own.resolve())}
    if not isinstance(origin, dict):
        raise InputError(f"The run {name} does not say where its images lie; resume it by shell.")
    place = origin.get("path")
    if place is not None and not Path(place).is_dir():
        raise InputError(
            f"The images of this run are gone: {place} is no folder any more; put them back to "
            "resume."
        )

    def make() -> CTMRIDataset:
        source = source_from(origin, config.patient_pattern, config.patient_table)
        return CTMRIDataset(source, config)

    return jobs().submit(config, make, folder.path, resume=True)


def free_path(root: Path, name: str) -> Path:
    """A folder that neither lies there nor waits in the queue."""
    path = new_run_path(root, name)
    taken = {seen.name for seen in jobs().snapshots()}
    number = 2
    while path.name in taken:
        path = new_run_path(root, f"{name}-{number}")
        number += 1
    return path


def check_room(root: Path) -> None:
    """Make the folder of all runs.

    Raises:
        InputError: it cannot be written, or its disk is full.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise InputError(
            f"Runs cannot be kept in {root}: {error.strerror or error}; make that folder writable."
        ) from error
    if not os.access(root, os.W_OK | os.X_OK):
        raise InputError(f"Runs cannot be kept in {root}: it is read-only; make it writable.")
    if free < _ROOM:
        raise InputError(
            f"The disk of {root} is full: {free // 2**20} MiB are left and a run needs at least "
            f"{_ROOM // 2**20} MiB; make room and start again."
        )
