"""Batches in the background: one thread works through them, one after the other.

Screens read snapshots. What outlives this process is in the batch's folder.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal

from imaging.errors import InputError
from imaging.pairs import find_pairs
from pipelines import background
from pipelines.batch import run_batch, sensible_workers
from pipelines.batch_folder import BatchFolder, Row
from pipelines.batch_ledger import HIDDEN
from pipelines.batch_report import Tally, finish
from pipelines.batch_zip import pack
from pipelines.evaluate import PairRecord
from pipelines.methods import load_method

logger = logging.getLogger(__name__)

State = Literal["queued", "running", "stopping", "stopped", "done", "failed", "interrupted"]
ENDED: frozenset[State] = frozenset({"stopped", "done", "failed", "interrupted"})
NEWEST = 6
"""Newest fused pairs that a snapshot names, for thumbnails."""

_BEAT = 1.0  # seconds between two writings of the state
_PACE = 40  # pairs by which the remaining time is judged


@dataclass(frozen=True)
class Snapshot:
    """What a screen shows of a batch at one moment.

    Attributes:
        name: of its folder.
        state: one of :data:`State`.
        message: one sentence.
        total, fused, kept, skipped: pairs; ``fused`` counts those that were there already.
        seconds: since it began.
        speed: fused pairs a second of late; None until it is known.
        remaining: seconds to the end at that speed.
        newest: names of the newest fused pairs, the newest first.
        rows: what became of every pair so far.
    """

    name: str
    state: State = "queued"
    message: str = "Waiting for its turn."
    total: int = 0
    fused: int = 0
    kept: int = 0
    skipped: int = 0
    seconds: float = 0.0
    speed: float | None = None
    remaining: float | None = None
    newest: tuple[str, ...] = ()
    rows: tuple[Row, ...] = field(default=(), repr=False)

    @property
    def alive(self) -> bool:
        """Whether it waits or works."""
        return self.state not in ENDED

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return (self.fused + self.skipped) / self.total if self.total else 0.0


def at_rest(folder: BatchFolder) -> Snapshot:
    """A batch that no thread of this process works on, as its folder tells."""
    told = folder.status()
    rows = tuple(folder.rows())
    state, message = told.get("state", "interrupted"), told.get("message", "It never began.")
    if state not in ENDED:
        state = "interrupted"
        message = "The program ended while this batch was under way; resume it to do the rest."
    counts = {k: int(told.get(k, 0)) for k in ("total", "fused", "kept", "skipped")}
    newest = [row.name for row in rows if row.state != "skipped"][-NEWEST:][::-1]
    return Snapshot(
        folder.name, state, message, **counts, seconds=float(told.get("seconds", 0)),
        newest=tuple(newest), rows=rows,
    )  # fmt: skip


class BatchJob:
    """One batch that waits, works or has ended; safe to use from any thread.

    Args:
        folder: where everything is.
    """

    def __init__(self, folder: BatchFolder) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._rows: list[Row] = []
        self._newest: deque[str] = deque(maxlen=NEWEST)
        self._times: deque[float] = deque(maxlen=_PACE)
        self._now = Snapshot(folder.name)
        self._began = self._written = 0.0

    def snapshot(self) -> Snapshot:
        """What there is to show."""
        with self._lock:
            return replace(self._now, rows=tuple(self._rows), newest=tuple(reversed(self._newest)))

    def stop(self) -> None:
        """End after the pairs that are under way; what is waiting never begins."""
        self._stop.set()
        with self._lock:
            if self._now.state == "running":
                self._now = replace(self._now, state="stopping", message="Stopping.")

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; True once it has ended."""
        return self._ended.wait(seconds)

    def run(self) -> None:
        """Work to the end; the queue's thread calls this."""
        try:
            if self._stop.is_set():
                self._end("stopped", "Stopped before it began.")
            else:
                self._set(state="running", message="Looking for pairs.")
                self._work()
        except ValueError as error:
            self._end("failed", str(error))
        except Exception as error:  # the next batch must have its turn
            logger.exception("batch %s failed", self.folder.name)
            self._end("failed", f"The batch failed: {type(error).__name__}: {error}")
        finally:
            self._ended.set()

    def _work(self) -> None:
        kind, name = self.folder.request().method
        method = load_method(rule=name) if kind == "rule" else load_method(checkpoint=name)
        pairs = find_pairs(self.folder.data())
        options = self.folder.options(sensible_workers(method))
        self.folder.clear_rows()
        self._began = time.monotonic()
        self._set(total=len(pairs.pairs), message="Fusing.")
        records: list[PairRecord] = []
        with closing(run_batch(pairs, self.folder.out, method, options)) as found:
            for record in found:
                records.append(record)
                self._see(record)
                if self._stop.is_set():
                    break
        stopped = len(records) < len(pairs.pairs)
        tally = Tally.of(records, len(pairs.pairs))
        if tally.fused:
            self._set(message="Writing contact sheets and the zip.", remaining=None)
            files = finish(pairs, self.folder.out, method, options, records)
            # The hidden files stay here, where a resumed batch looks for them.
            shown = [p for p in files if HIDDEN not in p.relative_to(self.folder.out).parts]
            pack(self.folder.out, shown, self.folder.zip)
        if stopped:
            self._end("stopped", f"Stopped: {tally.sentence()} Resume it to do the rest.")
        elif not tally.fused:
            self._end("failed", "No pair could be fused; the table says why.")
        else:
            self._end("done", f"Done: {tally.sentence()}")

    def _see(self, record: PairRecord) -> None:
        row, now = Row.of(record), time.monotonic()
        self.folder.add_row(row)
        with self._lock:
            self._rows.append(row)
            seen, good = self._now, record.error is None
            if good:
                self._newest.append(record.name)
            if not record.kept:
                self._times.append(now)
            pace = background.speed(self._times)
            left = seen.total - record.index
            self._now = replace(
                seen,
                fused=seen.fused + good,
                kept=seen.kept + record.kept,
                skipped=seen.skipped + (not good),
                seconds=now - self._began,
                speed=pace,
                remaining=left / pace if pace else None,
            )
        if now - self._written > _BEAT:
            self._write()
            self._written = now

    def _set(self, **values: object) -> None:
        with self._lock:
            self._now = replace(self._now, **values)  # type: ignore[arg-type]
        self._write()

    def _end(self, state: State, message: str) -> None:
        with self._lock:
            self._now = replace(self._now, state=state, message=message, remaining=None)
        try:
            self._write()
        except InputError:  # a full disk: the screen still knows
            logger.warning("the state of batch %s cannot be written", self.folder.name)

    def _write(self) -> None:
        now = self._now
        names = ("state", "message", "total", "fused", "kept", "skipped", "seconds")
        self.folder.set_status({name: getattr(now, name) for name in names})


class BatchQueue:
    """All batches of this process, one at a time.

    Args:
        prepare: called once in the working thread, such as to lower its priority.
    """

    def __init__(self, prepare: Callable[[], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._jobs: dict[str, BatchJob] = {}
        self._worker = background.Worker("batches", prepare)

    def submit(self, folder: BatchFolder) -> BatchJob:
        """Queue a batch, new or to be gone on with.

        Raises:
            InputError: it is waiting or working already.
        """
        with self._lock:
            known = self._jobs.get(folder.name)
            if known is not None and known.snapshot().alive:
                raise InputError(f"{folder.name} is under way already.")
            job = BatchJob(folder)
            self._jobs.pop(folder.name, None)  # its place is behind those that wait
            self._jobs[folder.name] = job
            self._worker.put(job)
        return job

    def job(self, name: str) -> BatchJob | None:
        """The batch of this name, if this process has seen it."""
        with self._lock:
            return self._jobs.get(name)

    def forget(self, name: str) -> None:
        """Let go of a batch that has ended."""
        with self._lock:
            self._jobs.pop(name, None)

    def ahead(self, name: str) -> int:
        """How many batches wait or work before this one."""
        with self._lock:
            return background.ahead(self._jobs, name)

    def stop_all(self, seconds: float = 30.0) -> None:
        """Stop every batch and wait for all of them, at most so long."""
        with self._lock:
            jobs = list(self._jobs.values())
        background.stop_all(jobs, seconds)
