"""Renaming and deleting runs; what still trains is left alone."""

import re
import shutil
import time
from pathlib import Path

from imaging.errors import InputError
from trainer.run_folder import RunFolder
from ui.training.history import snapshots, title_of
from ui.training.places import runs_folder
from ui.training.sources import DATA


def rename(name: str, title: str) -> str:
    """Give a run another name; date and time in front of it stay.

    Returns:
        The folder's new name.

    Raises:
        InputError: it is training, the new name is empty or taken, or the disk refuses.
    """
    path = _idle(name, "rename")
    safe = re.sub(r"[^\w.-]+", "-", title.strip(), flags=re.ASCII).strip(".-")[:60]
    if not safe:
        raise InputError("Give a name with letters or digits.")
    front = name.removesuffix(title_of(name)) if title_of(name) != name else ""
    target = path.with_name(f"{front}{safe}")
    if target == path:
        return name
    if target.exists():
        raise InputError(f"There is a run named {target.name} already; choose another name.")
    try:
        path.rename(target)
    except OSError as error:
        raise InputError(f"{name} cannot be renamed: {error.strerror or error}.") from error
    _follow(RunFolder(target))
    return target.name


def delete(name: str) -> None:
    """Remove a run for good: settings, history, weights, and images uploaded for it.

    Raises:
        InputError: it is training, it is no run, or the disk refuses.
    """
    path = _idle(name, "delete")
    if not RunFolder(path).begun:
        raise InputError(f"{name} is not the folder of a run, so nothing was deleted.")
    try:
        shutil.rmtree(path)
    except OSError as error:
        raise InputError(
            f"{name} cannot be deleted whole: {error.strerror or error}; make its folder writable."
        ) from error


def _idle(name: str, verb: str) -> Path:
    path = runs_folder() / name
    if Path(name).name != name or name in ("", ".", "..") or path.is_symlink():
        raise InputError(f"{name!r} is not the name of a run.")
    _, seen = snapshots().get(name, (None, None))
    if (seen is not None and seen.alive) or _held(RunFolder(path)):
        raise InputError(f"{title_of(name)} is training; stop it before you {verb} it.")
    if not path.is_dir():
        raise InputError(f"There is no run {name} any more; it was removed elsewhere.")
    return path


def _held(folder: RunFolder) -> bool:
    """Whether a process trains there; one that has just told its end lets go within moments."""
    for _ in range(20):
        if not folder.in_use():
            return False
        time.sleep(0.05)
    return True


def _follow(folder: RunFolder) -> None:
    """Let a renamed run find the images that it holds itself."""
    own = folder.path / DATA
    if not own.is_dir():
        return
    values = folder.read_json("data.json")
    values["origin"] = {"kind": "folder", "path": str(own.resolve())}
    folder.write_json("data.json", values)
