"""What background jobs share: one thread that works through them, and how fast it goes."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol


class Job(Protocol):
    """Something that waits, works or has ended; safe to use from any thread."""

    def run(self) -> None:
        """Work to the end."""

    def stop(self) -> None:
        """End soon; what is waiting never begins."""

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; True once it has ended."""

    def snapshot(self) -> Any:
        """What there is to show; ``alive`` while it waits or works."""


class Worker:
    """One thread that runs jobs in the order they came; it begins with the first one.

    Args:
        name: of the thread.
        prepare: called once in it, such as to lower its priority.
    """

    def __init__(self, name: str, prepare: Callable[[], None] | None = None) -> None:
        self._name, self._prepare = name, prepare
        self._lock = threading.Lock()
        self._waiting: queue.Queue[Job] = queue.Queue()
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """Let a job wait for its turn."""
        self._waiting.put(job)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        if self._prepare is not None:
            self._prepare()
        while True:
            self._waiting.get().run()


def ahead(jobs: Mapping[str, Job], name: str) -> int:
    """How many jobs wait or work before this one.

    Args:
        jobs: all of them by name, in the order they came.
        name: of the one that asks.
    """
    names = list(jobs)
    before = names[: names.index(name)] if name in names else names
    return sum(jobs[other].snapshot().alive for other in before)


def stop_all(jobs: Iterable[Job], seconds: float) -> None:
    """Stop every job and wait for each, at most so long."""
    found = list(jobs)
    for job in found:
        job.stop()
    for job in found:
        job.wait(seconds)


def speed(times: deque[float]) -> float | None:
    """Steps a second by the times of the latest ones; None until that is known."""
    if len(times) < 3 or times[-1] <= times[0]:
        return None
    return (len(times) - 1) / (times[-1] - times[0])
