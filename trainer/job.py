"""Training in the background: one thread owns each job, one job at a time each device.

Screens read snapshots; they never touch the training itself. The truth about a run that outlives
this process is in its run folder.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.distributed import devices_of
from trainer.launcher import train_anywhere
from trainer.memory import give_memory_back
from trainer.priority import give_way
from trainer.reports import (
    EpochReport,
    Finished,
    MetricsReport,
    Report,
    Started,
    StateReport,
    StepReport,
)

logger = logging.getLogger(__name__)

State = Literal[
    "queued", "running", "paused", "stopping", "stopped", "done", "failed", "interrupted"
]
Trainer = Callable[[TrainConfig, CTMRIDataset, Path, bool, Control], Iterator[Report]]
"""What a job runs, called as :func:`trainer.loop.train` is."""

ENDED: frozenset[State] = frozenset({"stopped", "done", "failed", "interrupted"})


@dataclass(frozen=True)
class Snapshot:
    """What a screen shows of a job at one moment.

    Attributes:
        number: the job's, from 1 in this process.
        name: of its run folder.
        run_dir: its run folder.
        state: one of :data:`State`.
        message: one sentence.
        devices: those that it takes, by name.
        waiting: jobs before it that take one of them.
        epoch, epochs, step, steps: how far it is.
        remaining_seconds: by the speed so far; None until it is known.
        epochs_seen: reports of all epochs trained by this job; a resumed run's earlier ones are
            in the folder's history.
        steps_seen: reports of the last step windows.
        metrics_seen: measured metrics per epoch.
        started: what the run began with.
    """

    number: int
    name: str
    run_dir: Path
    state: State
    message: str
    devices: tuple[str, ...]
    waiting: int = 0
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    remaining_seconds: float | None = None
    epochs_seen: tuple[EpochReport, ...] = ()
    steps_seen: tuple[StepReport, ...] = ()
    metrics_seen: tuple[MetricsReport, ...] = ()
    started: Started | None = None

    @property
    def alive(self) -> bool:
        return self.state not in ENDED


_KEPT_WINDOWS = 500


class Job:
    """One run that is queued, trains or has ended; safe to use from any thread.

    Args:
        number: its number in this process.
        config: the settings.
        data: makes the data set, in the job's own thread.
        run_dir: where the run is kept.
        resume: go on with the run that is there.
        devices: those that it takes.
        trainer: what trains it.
    """

    def __init__(
        self,
        number: int,
        config: TrainConfig,
        data: Callable[[], CTMRIDataset],
        run_dir: Path,
        resume: bool,
        devices: tuple[str, ...],
        trainer: Trainer = train_anywhere,
    ) -> None:
        self._config, self._data, self._resume = config, data, resume
        self._trainer, self.devices = trainer, devices
        self._control = Control()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._windows: deque[StepReport] = deque(maxlen=_KEPT_WINDOWS)
        self._now = Snapshot(
            number, run_dir.name, run_dir, "queued", "Waiting for its turn.", devices,
            epochs=config.epochs,
        )  # fmt: skip

    def snapshot(self) -> Snapshot:
        """What there is to show."""
        with self._lock:
            return replace(self._now, steps_seen=tuple(self._windows))

    def pause(self) -> None:
        """Wait before the next step; a queued job pauses when its turn comes."""
        self._control.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._control.resume()

    def stop(self) -> None:
        """Save and end within one step; a queued job never starts."""
        self._control.stop()
        with self._lock:
            if self._now.state == "queued":
                self._now = replace(self._now, state="stopped", message="Never started.")
                self._ended.set()
            elif self._now.alive:
                self._now = replace(self._now, state="stopping", message="Stopping.")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the job's end, at most so long; True once it has ended."""
        return self._ended.wait(seconds)

    def run(self) -> None:
        """Train to the end; the job's own thread calls this."""
        with self._lock:
            if self._now.state != "queued":
                return
            self._now = replace(self._now, state="running", message="Reading the images.")
        try:
            self._train()
        except ValueError as error:
            self._end("failed", str(error))
        except Exception as error:  # the queue must go on to its next job
            logger.exception("job %s failed", self._now.number)
            self._end("failed", f"The run failed: {type(error).__name__}: {error}")
        finally:
            if not self._ended.is_set():
                self._end("interrupted", "The run ended without a last word; resume it.")
            give_memory_back()

    def _train(self) -> None:
        """In a frame of its own: images and model go when it ends."""
        give_way()
        where = self._now.run_dir
        for report in self._trainer(self._config, self._data(), where, self._resume, self._control):
            self._see(report)

    def _end(self, state: State, message: str) -> None:
        with self._lock:
            self._now = replace(self._now, state=state, message=message, remaining_seconds=None)
        self._ended.set()

    def _see(self, report: Report) -> None:
        if isinstance(report, Finished):
            self._end("done" if report.reason == "early" else report.reason, report.message)
            return
        with self._lock:
            now = self._now
            if isinstance(report, Started):
                now = replace(
                    now, started=report, epoch=report.epoch, step=report.step, steps=report.steps,
                    message="Training.",
                )  # fmt: skip
            elif isinstance(report, StepReport):
                self._windows.append(report)
                now = replace(now, step=report.step)
            elif isinstance(report, EpochReport):
                now = replace(
                    now, epoch=report.epoch, step=0, epochs_seen=(*now.epochs_seen, report)
                )
                now = replace(now, remaining_seconds=_remaining(now))
            elif isinstance(report, MetricsReport):
                now = replace(now, metrics_seen=(*now.metrics_seen, report))
            elif isinstance(report, StateReport) and now.state != "stopping":
                words = {"paused": "Paused.", "running": "Training."}
                now = replace(now, state=report.state, message=words[report.state])
            self._now = now


class JobQueue:
    """All jobs of this process, one at a time on each device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: list[Job] = []
        self._waiting: list[Job] = []
        self._taken: set[str] = set()
        self._numbers = itertools.count(1)

    def submit(
        self,
        config: TrainConfig,
        data: Callable[[], CTMRIDataset],
        run_dir: str | Path,
        resume: bool = False,
        trainer: Trainer = train_anywhere,
    ) -> Job:
        """Queue a run on its device, or on all that it takes.

        Args:
            config: the settings.
            data: makes the data set; called when the job's turn comes.
            run_dir: where the run is kept.
            resume: go on with the run that is there.
            trainer: what trains it.

        Raises:
            ValueError: there is no such device, or a living job uses the folder already.
        """
        devices, path = devices_of(config.device), Path(run_dir)
        with self._lock:
            for other in self._jobs:
                seen = other.snapshot()
                if seen.alive and seen.run_dir.resolve() == path.resolve():
                    raise ValueError(f"The run {path.name} is {seen.state} already.")
            job = Job(next(self._numbers), config, data, path, resume, devices, trainer)
            self._jobs.append(job)
            self._waiting.append(job)
            self._start_free()
        return job

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._lock:
            return list(self._jobs)

    def snapshots(self) -> list[Snapshot]:
        """What there is to show of all jobs, oldest first, with their places in the queues."""
        found: list[Snapshot] = []
        for job in self.jobs():
            seen = job.snapshot()
            if seen.state == "queued":
                before = [s for s in found if s.alive and {*s.devices} & {*seen.devices}]
                seen = replace(seen, waiting=len(before))
            found.append(seen)
        return found

    def stop_all(self, seconds: float = 30.0) -> None:
        """Stop every job and wait for all of them, at most so long."""
        end = time.monotonic() + seconds
        for job in self.jobs():
            job.stop()
        for job in self.jobs():
            job.wait(max(0.0, end - time.monotonic()))

    def _start_free(self) -> None:
        """Start every job whose devices neither a running job has nor an earlier one waits for."""
        wanted = set(self._taken)
        for job in list(self._waiting):
            if wanted.isdisjoint(job.devices):
                self._waiting.remove(job)
                self._taken.update(job.devices)
                name = f"training on {', '.join(job.devices)}"
                threading.Thread(target=self._work, args=(job,), name=name, daemon=True).start()
            if job.snapshot().alive:
                wanted.update(job.devices)

    def _work(self, job: Job) -> None:
        try:
            job.run()
        finally:
            with self._lock:
                self._taken.difference_update(job.devices)
                self._start_free()


def _remaining(now: Snapshot) -> float:
    """Seconds to the end by the mean of the last epochs."""
    recent = now.epochs_seen[-5:]
    return sum(r.seconds for r in recent) / len(recent) * (now.epochs - now.epoch)
