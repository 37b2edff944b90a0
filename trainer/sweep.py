"""Sweeps: every combination of wavelets, levels, losses and seeds as an ordinary run of its own.

The runs' folders lie below the sweep's and are the only truth: a sweep that was stopped or killed
is started again with the same words, passes over the runs that are done and goes on with the one
that was interrupted; the tables are made anew from the folders after every run.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fusion_core.losses import LOSSES
from trainer.config import TrainConfig, parse_option
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.distributed import is_first, join, local_device
from trainer.loop import FREE_TO_CHANGE, train
from trainer.reports import Finished, Report
from trainer.run_folder import RunError, RunFolder
from trainer.sweep_results import PLAN, SCORES, scores_of_best, write_tables

SWEPT = ("wavelet", "levels", "loss", "seed")
"""The settings that a sweep varies."""

# A sweep compares runs of one length: here more epochs would be another sweep.
_MAY_DIFFER = FREE_TO_CHANGE - {"epochs", "patience"}


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: of its folder below the sweep's.
        wavelet, levels, loss, seed: what distinguishes it; ``loss`` by name or as weights in text.
        config: all its settings.
    """

    name: str
    wavelet: str
    levels: int
    loss: str
    seed: int
    config: TrainConfig

    def to_dict(self) -> dict[str, Any]:
        """What the sweep's plan keeps of it."""
        return {"name": self.name} | {key: getattr(self, key) for key in SWEPT}


@dataclass(frozen=True)
class SweepReport:
    """A report of one run within a sweep.

    Attributes:
        index: the run's number, from 1.
        total: runs in all.
        run: which one.
        report: what its training yielded; None for a run that was done before or broke off.
        error: one sentence where the run broke off.
    """

    index: int
    total: int
    run: SweepRun
    report: Report | None
    error: str | None = None


def plan_sweep(
    base: TrainConfig,
    wavelets: Sequence[str] = (),
    levels: Sequence[int] = (),
    losses: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> tuple[SweepRun, ...]:
    """All combinations, seeds innermost; what is left empty keeps the base's own value.

    Args:
        base: every other setting.
        wavelets: names of wavelets.
        levels: numbers of levels, 1 to 5.
        losses: names of losses, or weights like ``mse=1,ssim=2``.
        seeds: whole numbers from 0.

    Raises:
        ValueError: a value is not usable; no run has begun then.
    """
    runs: dict[str, SweepRun] = {}
    for wavelet in wavelets or (base.model.wavelet,):
        for level in levels or (base.model.levels,):
            for loss in losses or (loss_name(base.loss),):
                for seed in seeds or (base.seed,):
                    name = _folder_name(wavelet, level, loss, seed)
                    weights = parse_option("loss", loss)
                    chosen = dict(zip(SWEPT, (wavelet, level, weights, seed), strict=True))
                    config = base.with_options(chosen)
                    other = runs.get(name)
                    if other is not None and other.config != config:
                        raise ValueError(
                            f"The losses {other.loss!r} and {loss!r} would share the folder {name};"
                            " leave one of them out."
                        )
                    runs[name] = other or SweepRun(name, wavelet, level, loss, seed, config)
    return tuple(runs.values())


def sweep(
    runs: Sequence[SweepRun],
    open_data: Callable[[TrainConfig], CTMRIDataset],
    folder: str | Path,
    control: Control | None = None,
) -> Iterator[SweepReport]:
    """Train all runs in order, and write the tables after each; nothing that is done is lost.

    A run that fails is named in the tables and the next one follows. A sweep may grow: with more
    wavelets, levels, losses or seeds in the same folder, only the new runs are trained. Under
    torchrun every process calls this with the same arguments; the first one alone writes.

    Args:
        runs: from :func:`plan_sweep`.
        open_data: makes the data set of a run's settings.
        folder: the sweep's; made if it is missing.
        control: stops the run under way, and the sweep with it; pauses and resumes.

    Yields:
        Every report of every run. After a stop no other run begins.

    Raises:
        ValueError: the folder holds a run of that name with other settings or images, is in use,
            or cannot be written; or the images cannot be used.
    """
    control = control or Control()
    place = RunFolder(folder)
    if place.begun:
        raise RunError(f"{place.path} is the folder of a single run; choose another for the sweep.")
    for run in runs:
        _check_same(place.path, run)
    with ExitStack() as stack:
        if runs:  # processes under torchrun meet once, not once per run
            stack.enter_context(join(local_device(runs[0].config.device)))
        if is_first():
            stack.enter_context(place.owned())
            _write_plan(place, runs)
            write_tables(place.path)
        for index, run in enumerate(runs, 1):
            if control.stopped:
                return
            here = RunFolder(place.path / run.name)
            done = here.begun and here.status().state == "done"
            if done and (here.path / SCORES).exists():
                yield SweepReport(index, len(runs), run, None)
                continue
            data = open_data(run.config)
            report: Report | None = None
            if not done:
                try:
                    for report in train(run.config, data, here.path, here.begun, control):
                        yield SweepReport(index, len(runs), run, report)
                except ValueError as error:  # the next run may well do
                    yield SweepReport(index, len(runs), run, None, str(error))
            if is_first():
                if done or (isinstance(report, Finished) and report.reason in ("done", "early")):
                    here.write_json(SCORES, scores_of_best(here, data))
                write_tables(place.path)
            if isinstance(report, Finished) and report.reason == "stopped":
                return  # in all processes, whichever was asked
            if done:
                yield SweepReport(index, len(runs), run, None)


def loss_name(weights: Mapping[str, float]) -> str:
    """The name of a loss, or its weights as ``mse=1,ssim=2`` where it has none."""
    for name, known in LOSSES.items():
        if known == weights:
            return name
    return ",".join(f"{term}={weight:g}" for term, weight in weights.items())


def _folder_name(wavelet: str, levels: int, loss: str, seed: int) -> str:
    short = re.sub(r"[^\w.-]+", "-", loss.replace("=", ""), flags=re.ASCII).strip("-")[:60]
    return f"{wavelet}-{levels}-{short}-seed{seed}"


def _check_same(folder: Path, run: SweepRun) -> None:
    """Refuse to mix runs of different settings in one table."""
    there = RunFolder(folder / run.name)
    if not there.begun:
        return
    saved = there.config()
    names = [f.name for f in fields(saved) if f.name not in _MAY_DIFFER]
    if changed := [n for n in names if getattr(saved, n) != getattr(run.config, n)]:
        raise RunError(
            f"The run {run.name} in {folder} was made with another {', '.join(changed)}; give the "
            "same settings, or another folder."
        )


def _write_plan(place: RunFolder, runs: Sequence[SweepRun]) -> None:
    """Add these runs to the plan that is there; a sweep may grow."""
    known: list[dict[str, Any]] = []
    if (place.path / PLAN).exists():
        known = list(place.read_json(PLAN).get("runs", []))
    names = {entry["name"] for entry in known}
    known += [run.to_dict() for run in runs if run.name not in names]
    place.write_json(PLAN, {"runs": known})
