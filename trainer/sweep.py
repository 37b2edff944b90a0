"""Sweeps: every combination of wavelets, levels, losses and seeds as an ordinary run of its own.

The runs' folders lie below the sweep's and are the only truth: a sweep that was stopped or killed
is started again with the same words, passes over the runs that are done and goes on with the one
that was interrupted; the tables are made anew from the folders after every run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fusion_core.checkpoint import load
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.distributed import is_first, join, local_device
from trainer.launcher import train_anywhere as train
from trainer.reports import Finished, Report
from trainer.run_folder import RunFolder
from trainer.sweep_folder import begin, check_folder, end, is_over
from trainer.sweep_plan import SWEPT as SWEPT
from trainer.sweep_plan import SweepRun as SweepRun
from trainer.sweep_plan import loss_name as loss_name
from trainer.sweep_plan import plan_sweep as plan_sweep
from trainer.sweep_results import SCORES, scores_of_best, write_tables

Trainer = Callable[[TrainConfig, CTMRIDataset, Path, bool, Control], Iterator[Report]]


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
    place = check_folder(folder, runs)
    with ExitStack() as stack:
        if runs:  # processes under torchrun meet once, not once per run
            stack.enter_context(join(local_device(runs[0].config.device)))
        if is_first():
            stack.enter_context(place.owned())
            begin(place, runs)
        state = "done"
        for index, run in enumerate(runs, 1):
            if control.stopped:
                state = "stopped"
                break
            if is_over(place.path / run.name):
                yield SweepReport(index, len(runs), run, None)
                continue
            report: Report | None = None
            before = RunFolder(place.path / run.name).status().state == "done"
            try:
                for report in train_run(run, open_data(run.config), place.path, control):
                    if not before:
                        yield SweepReport(index, len(runs), run, report)
            except _Broken as error:  # the next run may well do
                yield SweepReport(index, len(runs), run, None, str(error))
            if before:
                yield SweepReport(index, len(runs), run, None)
            if isinstance(report, Finished) and report.reason == "stopped":
                state = "stopped"  # in all processes, whichever was asked
                break
        if is_first():
            end(place, state)


class _Broken(ValueError):
    """A run of a sweep broke off; the message says why."""


def train_run(
    run: SweepRun,
    data: CTMRIDataset,
    folder: Path,
    control: Control,
    trainer: Trainer | None = None,
) -> Iterator[Report]:
    """One run of a sweep, begun or gone on with, its scores, and the tables made anew.

    A run that is done is not trained again, only scored where that is missing.

    Args:
        run: which one.
        data: its images.
        folder: the sweep's; whoever calls this owns it.
        control: pauses and stops the run.
        trainer: what trains it, called as :func:`trainer.loop.train` is.

    Yields:
        What its training yields.

    Raises:
        ValueError: the run broke off.
    """
    here = RunFolder(folder / run.name)
    if here.status().state == "done":
        if is_first():
            _score(here, data)
            write_tables(folder)
        yield _done_before(here)
        return
    try:
        for report in (trainer or train)(run.config, data, here.path, here.begun, control):
            if isinstance(report, Finished) and is_first():
                if report.reason in ("done", "early"):
                    _score(here, data)
                write_tables(folder)
            yield report
    except ValueError as error:
        if is_first():
            write_tables(folder)
        raise _Broken(str(error)) from error


def _score(run: RunFolder, data: CTMRIDataset) -> None:
    run.write_json(SCORES, scores_of_best(run, data))


def _done_before(run: RunFolder) -> Finished:
    last = [r for r in run.history() if r.get("kind") == "epoch"][-1]
    return Finished(
        "done", "Done before.", run.status().epoch, last["best_epoch"], last["best_loss"], 0.0,
        load(run.best).model,
    )  # fmt: skip
