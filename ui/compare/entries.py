"""What can be compared: checkpoints, rules, epochs of training runs, and images made elsewhere.

An entry is a key, so that it can stand in an address: ``checkpoint:NAME``, ``rule:NAME``,
``run:NAME`` (the epoch of the scrubber), ``best:NAME``, ``last:NAME`` and ``epoch:NAME@7`` of a
training run, ``upload:NAME`` and ``folder:PATH`` of images that another program fused.
"""

from pathlib import Path

import streamlit as st

from fusion_core.rules import RULES
from imaging.errors import InputError
from pipelines.methods import Method, MethodError, load_method
from trainer.kept import kept_epochs, last_method
from trainer.run_folder import RunError, RunFolder
from ui import caches
from ui.compare import outside
from ui.models import held
from ui.training import history
from ui.training.places import runs_folder

MOST_RUNS = 40
"""Newest runs that are offered; any other one can be reached by its link."""


def kind_of(key: str) -> str:
    """The word in front of the colon."""
    return key.partition(":")[0]


def name_in(key: str) -> str:
    """What stands behind it; an epoch's number is not part of a run's name."""
    name = key.partition(":")[2]
    return name.rpartition("@")[0] if kind_of(key) == "epoch" else name


def run_folder(name: str) -> RunFolder:
    """The folder of a run that was begun.

    Raises:
        InputError: there is none of that name.
    """
    view = history.look(name)
    if view is None or not RunFolder(runs_folder() / name).begun:
        raise InputError(f"There is no training run {name} here any more; choose another entry.")
    return RunFolder(runs_folder() / name)


def epochs_of(name: str) -> list[int]:
    """Epochs of a run whose weights were kept; none where it is gone."""
    try:
        return kept_epochs(run_folder(name))
    except InputError:
        return []


def scrubbed(name: str, epoch: int | None) -> int | None:
    """The kept epoch of a run at the scrubber's place: the last one up to it, or the first."""
    kept = epochs_of(name)
    if epoch is None or not kept:
        return kept[-1] if kept else None
    return max((e for e in kept if e <= epoch), default=kept[0])


def run_of(key: str) -> str | None:
    """The name of the training run that an entry comes from."""
    return name_in(key) if kind_of(key) in ("run", "best", "last", "epoch") else None


def menu() -> dict[str, str]:
    """Every entry that can be chosen by a menu: key -> line."""
    found = {}
    for info in held.methods():
        words = "learned" if info.kind == "checkpoint" else "rule"
        found[f"{info.kind}:{info.name}"] = f"{info.title} · {words}"
    for key, made in outside.known().items():
        found[key] = f"{made.title} · made elsewhere"
    for name in history.all_names(sweeps=True)[:MOST_RUNS]:
        folder = RunFolder(runs_folder() / name)
        if kept_epochs(folder):
            found[f"run:{name}"] = line_of(f"run:{name}")
        if folder.best.is_file():
            found[f"best:{name}"] = line_of(f"best:{name}")
        if (folder.path / "last.pt").is_file():
            found[f"last:{name}"] = line_of(f"last:{name}")
    return found


def line_of(key: str) -> str:
    """The line of an entry in the menu, which may lack it, such as a pinned epoch."""
    kind, name = kind_of(key), name_in(key)
    if run_of(key) is not None:
        which = {"run": "every epoch", "best": "best", "last": "last"}.get(kind)
        return f"{_short(name)} · {which or 'epoch ' + key.rpartition('@')[2]}"
    if kind in (outside.UPLOAD, outside.FOLDER):
        return f"{Path(name).name} · made elsewhere"
    return f"{title_of(key, None)} · {'rule' if kind == 'rule' else 'learned'}"


def title_of(key: str, epoch: int | None) -> str:
    """What panels and tables call an entry, with the epoch where it has one."""
    kind, name = kind_of(key), name_in(key)
    if kind == "rule":
        return RULES[name].title if name in RULES else name
    if kind in (outside.UPLOAD, outside.FOLDER):
        found = outside.known().get(key)
        return Path(name).name if found is None else found.title
    if run_of(key) is None:
        return name
    if kind == "run":
        return f"{_short(name)} · epoch {scrubbed(name, epoch) or '–'}"
    return line_of(key)


def _short(name: str) -> str:
    """A run's name without the date, or with it where another run shares the rest."""
    short = history.title_of(Path(name).name)
    same = [n for n in history.all_names(sweeps=True) if history.title_of(Path(n).name) == short]
    return short if len(same) < 2 else f"{short} ({history.began(Path(name).name) or name})"


def method_of(key: str, epoch: int | None) -> Method:
    """What fuses for an entry that is not an image made elsewhere.

    Args:
        key: of the entry.
        epoch: where the scrubber stands.

    Raises:
        InputError: the run or the epoch is gone, or the entry is of no kind that is known.
        MethodError, CheckpointError: the method cannot be used.
    """
    kind, name = kind_of(key), name_in(key)
    if kind in ("checkpoint", "rule"):
        if kind == "rule" and name not in RULES:
            raise MethodError(f"Unknown rule {name!r}; choose one of {', '.join(RULES)}.")
        return caches.method(kind, name)
    if kind not in ("run", "best", "last", "epoch"):
        raise InputError(f"The address asks for an entry {key!r}, which is of no known kind.")
    folder = run_folder(name)
    if kind == "best":
        return _file_method(folder.best, f"{name} has no best weights yet.")
    if kind == "last":
        return _last(name)
    number = scrubbed(name, epoch) if kind == "run" else _number(key)
    missing = f"{name} kept no weights of epoch {key.rpartition('@')[2]}."
    if number is None:
        raise InputError(
            f"{name} kept no weights of its epochs; compare its best or its last epoch."
        )
    return _file_method(folder.weights_file(number), missing)


def _number(key: str) -> int:
    text = key.rpartition("@")[2]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _file_method(path: Path, missing: str) -> Method:
    if not path.is_file():
        raise InputError(f"{missing} Choose another entry.")
    return _loaded(str(path), path.stat().st_mtime_ns)


@st.cache_resource(show_spinner=False, max_entries=32)
def _loaded(path: str, time_ns: int) -> Method:
    return load_method(checkpoint=path)


def _last(name: str) -> Method:
    folder = run_folder(name)
    try:
        stamp = (folder.path / "last.pt").stat().st_mtime_ns
        return _last_state(str(folder.path), stamp)[0]
    except OSError as error:
        raise InputError(f"{name} has no last state; choose another entry.") from error
    except RunError as error:
        raise InputError(str(error)) from error


@st.cache_resource(show_spinner=False, max_entries=8)
def _last_state(path: str, time_ns: int) -> tuple[Method, int]:
    return last_method(RunFolder(path))
