"""Comparisons in the background: one thread works through them, one after the other.

Screens read snapshots. Results live as long as the program, or until they are deleted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from imaging.errors import InputError
from imaging.pairs import find_pairs
from pipelines import background
from pipelines.compare import Comparison, Entry, Step, compare, conclude, known_patients
from pipelines.evaluate import with_fused

logger = logging.getLogger(__name__)

State = Literal["queued", "running", "stopping", "stopped", "done", "failed"]
ENDED: frozenset[State] = frozenset({"stopped", "done", "failed"})
KEPT = 12
"""Comparisons that have ended and are kept; an older one goes when another is begun."""

_PACE = 60  # images by which the remaining time is judged


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared.

    Attributes:
        title: what the user calls the data.
        source: where the images come from, in a few words.
        data: the folder with CT/ and MRI/.
        entries: each with its own name.
        reference: name of the entry that differences are taken to.
        pattern: regular expression that finds the patient in a file name.
        keys: name of an entry -> how the screen calls it up.
        scratch: folder that goes with the comparison, such as an unpacked upload.
    """

    title: str
    source: str
    data: Path
    entries: tuple[Entry, ...]
    reference: str
    pattern: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    scratch: "TemporaryDirectory[str] | None" = None


@dataclass(frozen=True)
class Snapshot:
    """What a screen shows of a comparison at one moment.

    Attributes:
        name: of the comparison.
        state: one of :data:`State`.
        message: one sentence.
        done, total: images over all entries.
        entry: title of the entry under way.
        seconds: since it began.
        speed: images a second of late; None until it is known.
        remaining: seconds to the end at that speed.
        skipped: a sentence per image that could not be used.
        notes: what reading has changed in the images, and which files were passed over.
        found: the result, once it is there.
    """

    name: str
    state: State = "queued"
    message: str = "Waiting for its turn."
    done: int = 0
    total: int = 0
    entry: str = ""
    seconds: float = 0.0
    speed: float | None = None
    remaining: float | None = None
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    found: Comparison | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        """Whether it waits or works."""
        return self.state not in ENDED

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


def check(task: Task) -> None:
    """Refuse at once what would fail only after a while.

    Raises:
        InputError: the data holds no pairs, a folder holds no image of any pair, the pattern finds
            no patient, or two entries share a name.
    """
    names = [entry.name for entry in task.entries]
    if not names:
        raise InputError("Choose at least one method to compare.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"These names stand for two entries: {', '.join(twice)}; rename one.")
    pairs = find_pairs(task.data)
    known_patients([pair.name for pair in pairs.pairs], task.pattern)
    for entry in task.entries:
        if entry.folder is not None:
            with_fused(pairs, entry.folder)


class CompareJob:
    """One comparison that waits, works or has ended; safe to use from any thread.

    Args:
        name: unique among the jobs.
        task: what to do.
    """

    def __init__(self, name: str, task: Task) -> None:
        self.name, self.task = name, task
        self._lock = threading.Lock()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._times: deque[float] = deque(maxlen=_PACE)
        self._now = Snapshot(name)
        self._began = 0.0

    def snapshot(self) -> Snapshot:
        """What there is to show."""
        with self._lock:
            return self._now

    def stop(self) -> None:
        """End after the image that is under way; what is waiting never begins."""
        self._stop.set()
        with self._lock:
            if self._now.state == "running":
                self._now = replace(self._now, state="stopping", message="Stopping.")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; True once it has ended."""
        return self._ended.wait(seconds)

    def close(self) -> None:
        """Delete the folder that goes with it."""
        if self.task.scratch is not None:
            self.task.scratch.cleanup()

    def run(self) -> None:
        """Work to the end; the queue's thread calls this."""
        try:
            if self._stop.is_set():
                self._set(state="stopped", message="Cancelled before it began.")
            else:
                self._work()
        except ValueError as error:
            self._set(state="failed", message=str(error), remaining=None)
        except Exception as error:  # the next comparison must have its turn
            logger.exception("comparison %s failed", self.name)
            message = f"The comparison failed: {type(error).__name__}: {error}"
            self._set(state="failed", message=message, remaining=None)
        finally:
            self._ended.set()

    def _work(self) -> None:
        self._began = time.monotonic()
        self._set(state="running", message="Looking for pairs.")
        check(self.task)
        pairs = find_pairs(self.task.data)
        self._set(message="Fusing and measuring.", notes=pairs.notes)
        steps: list[Step] = []
        for step in compare(pairs, self.task.entries):
            steps.append(step)
            self._see(step)
            if self._stop.is_set():
                break
        if steps and steps[-1].done < steps[-1].total:
            self._end_early(steps[-1])
            return
        self._set(message="Statistics.", remaining=None, entry="")
        result = conclude(self.task.entries, steps, self.task.reference, self.task.pattern)
        # Resampling takes seconds on large sets: here, so that no screen waits for it.
        _ = result.summaries, result.differences
        self._set(
            state="done", message=f"Done: {len(result.images)} images.", found=result,
            seconds=time.monotonic() - self._began,
        )  # fmt: skip

    def _end_early(self, last: Step) -> None:
        message = (
            f"Cancelled after {last.done} of {last.total} images; a comparison needs all of them, "
            "so nothing is shown."
        )
        self._set(state="stopped", message=message, remaining=None)

    def _see(self, step: Step) -> None:
        now = time.monotonic()
        titles = {entry.name: entry.title for entry in self.task.entries}
        record, first = step.record, step.entry == self.task.entries[0].name
        with self._lock:
            seen = self._now
            self._times.append(now)
            pace = background.speed(self._times)
            lost = record.error is not None
            told = [f"{record.name}: {note}" for note in record.notes] if first else []
            self._now = replace(
                seen,
                done=step.done,
                total=step.total,
                entry=titles[step.entry],
                seconds=now - self._began,
                speed=pace,
                remaining=(step.total - step.done) / pace if pace else None,
                skipped=(*seen.skipped, *([f"{titles[step.entry]}, {record.name}: {record.error}"]
                                          if lost else [])),
                notes=(*seen.notes, *told),
            )  # fmt: skip

    def _set(self, **values: object) -> None:
        with self._lock:
            self._now = replace(self._now, **values)  # type: ignore[arg-type]


class CompareQueue:
    """All comparisons of this process, one at a time.

    Args:
        prepare: called once in the working thread, such as to lower its priority.
    """

    def __init__(self, prepare: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, CompareJob] = {}
        self._names: set[str] = set()  # never given twice: caches of results know them
        self._worker = background.Worker("comparisons", prepare)

    def submit(self, task: Task) -> CompareJob:
        """Queue a comparison; the oldest one that has ended goes where too many are kept.

        Raises:
            InputError: as :func:`check`; nothing is queued then.
        """
        check(task)
        with self._lock:
            front, number = time.strftime("%Y%m%d-%H%M%S", time.gmtime()), 1
            name = front
            while name in self._names:
                number += 1
                name = f"{front}-{number}"
            self._names.add(name)
            job = self._jobs[name] = CompareJob(name, task)
            ended = [n for n, other in self._jobs.items() if not other.snapshot().alive]
            gone = [self._jobs.pop(old) for old in ended[: max(0, len(ended) - KEPT)]]
            self._worker.put(job)
        for old in gone:
            old.close()
        return job

    def jobs(self) -> list[CompareJob]:
        """All that are known, the newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def job(self, name: str) -> CompareJob | None:
        """The comparison of this name."""
        with self._lock:
            return self._jobs.get(name)

    def forget(self, name: str) -> None:
        """Delete a comparison that has ended, with its unpacked images.

        Raises:
            InputError: it is still under way.
        """
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                return
            if job.snapshot().alive:
                raise InputError("This comparison is under way; cancel it before deleting it.")
            del self._jobs[name]
        job.close()

    def ahead(self, name: str) -> int:
        """How many comparisons wait or work before this one."""
        with self._lock:
            return background.ahead(self._jobs, name)

    def stop_all(self, seconds: float = 30.0) -> None:
        """Stop every comparison and wait for all of them, at most so long."""
        background.stop_all(self.jobs(), seconds)
