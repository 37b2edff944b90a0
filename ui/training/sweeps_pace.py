"""How long a sweep will take: by the speed of runs like its own, or by a few steps of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

import streamlit as st

from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.pace import measure
from trainer.run_folder import RunFolder
from trainer.sweep import SweepRun
from ui.training.history import all_names, history
from ui.training.places import devices, runs_folder

_LOOKED_AT = 200
_TRIED = 6
"""Combinations that a measurement tries at most."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Estimate:
    """How long a sweep will take.

    Attributes:
        seconds: in all; None where no combination's speed is known.
        known, kinds: combinations whose speed is known, and all of them.
        whole: whether what a run needs beside its epochs is in it.
    """

    seconds: float | None
    known: int
    kinds: int
    whole: bool = False


def estimate(runs: Sequence[SweepRun], pairs: int) -> Estimate:
    """By recorded and measured speeds; combinations without one count as the mean of the others.

    Args:
        runs: what would be trained.
        pairs: training pairs.
    """
    recorded, beside = _recorded(str(runs_folder()), tuple(all_names(sweeps=True)[:_LOOKED_AT]))
    speeds = _tried() | recorded
    keys = [_key(run.config, _device(run.config.device)) for run in runs]
    found = {key: speeds[key] for key in dict.fromkeys(keys) if key in speeds}
    kinds = len(set(keys))
    if not found:
        return Estimate(None, 0, kinds)
    other = fmean(found.values())
    seconds = sum(
        run.config.epochs * pairs * found.get(key, other) + (beside or 0.0)
        for run, key in zip(runs, keys, strict=True)
    )
    return Estimate(seconds, len(found), kinds, beside is not None)


def try_out(runs: Sequence[SweepRun], data: CTMRIDataset) -> None:
    """Measure the speed of a few combinations, spread over all of them.

    Raises:
        ValueError: a step goes wrong.
    """
    kinds: dict[Key, SweepRun] = {}
    for run in runs:
        kinds.setdefault(_key(run.config, _device(run.config.device)), run)
    entries = list(kinds.items())
    count = min(_TRIED, len(entries))
    for i in range(count):
        key, run = entries[i * len(entries) // count]
        # Validation runs forward only: about a third of a training step.
        more = 1 + len(data.val) / max(1, len(data.train)) / 3
        _tried()[key] = measure(run.config, data) * more


@st.cache_resource(show_spinner=False)
def _tried() -> dict[Key, float]:
    return {}


@st.cache_data(show_spinner=False, max_entries=4, ttl=60)
def _recorded(root: str, names: tuple[str, ...]) -> tuple[dict[Key, float], float | None]:
    """Seconds of a pair and epoch in runs that were trained here, the newest counts.

    With them what a run takes beside its epochs, the median of all; None before there is any.
    """
    found: dict[Key, float] = {}
    beside = []
    for name in names:
        folder = RunFolder(f"{root}/{name}")
        records = history(folder)
        epochs = [r["seconds"] for r in records if r["kind"] == "epoch"]
        pairs = next((r["pairs"] for r in records if r["kind"] == "started"), 0)
        if not epochs or not pairs:
            continue
        try:
            key = _key(folder.config(), str(folder.read_json("environment.json").get("device")))
        except ValueError:  # written by another version
            continue
        found.setdefault(key, median(epochs) / pairs)
        whole = [r["seconds"] for r in records if r["kind"] == "finished"]
        if whole:
            beside.append(max(0.0, sum(whole) - sum(epochs)))
    return found, median(beside) if beside else None


def _key(config: TrainConfig, device: str) -> Key:
    """Runs of one key are equally fast, as far as settings tell."""
    return (
        repr(config.model), config.size, config.crop, config.batch_size, config.amp,
        config.threads, tuple(sorted(config.loss)), bool(config.metrics_every), device,
    )  # fmt: skip


def _device(name: str) -> str:
    """A device as a run's folder calls it."""
    if name == "auto":
        name = devices()[0].name
    return next((d.title for d in devices() if d.name == name and name != "cpu"), "cpu")
