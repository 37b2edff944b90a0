"""Long work of one session in a thread: how far it is, how to stop it, what it made."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from imaging.register import Cancelled

logger = logging.getLogger(__name__)

T = TypeVar("T")
State = Literal["waiting", "running", "stopping", "stopped", "done", "failed"]

Progress = Callable[[float], None]
Stopped = Callable[[], bool]
Do = Callable[[Progress, Stopped], T]

_TURN = threading.Lock()
"""Volumes are large: over all sessions one piece of work holds its intermediate results at once."""

_EARLY = 0.03
"""Share before which the remaining time is a guess that is not shown."""


@dataclass(frozen=True)
class Snapshot:
    """How far the work is.

    Attributes:
        state: one of :data:`State`.
        share: what is done, 0 to 1.
        remaining: seconds to the end, None until known.
        error: what ended it early; the screen makes the sentence.
    """

    state: State = "waiting"
    share: float = 0.0
    remaining: float | None = None
    error: Exception | None = None

    @property
    def alive(self) -> bool:
        """Whether it waits or works."""
        return self.state in ("waiting", "running", "stopping")


class Work(Generic[T]):
    """One piece of work; it begins at once, or when another session's has ended.

    Args:
        title: what is done, such as "Aligning the MRI".
        do: does it, telling its progress and asking whether to stop; runs in a thread of its own.
    """

    def __init__(self, title: str, do: Do[T]) -> None:
        self.title = title
        self.made: T | None = None
        self._do = do
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._now = Snapshot()
        self._began = 0.0
        self._thread = threading.Thread(target=self._run, name=f"study: {title}", daemon=True)
        self._thread.start()

    def snapshot(self) -> Snapshot:
        """What there is to show."""
        with self._lock:
            return self._now

    def stop(self) -> None:
        """End as soon as possible; nothing is kept."""
        self._stop.set()
        with self._lock:
            if self._now.alive:
                self._now = replace(self._now, state="stopping", remaining=None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, at most so long; True once it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not _TURN.acquire(timeout=0.2):
            if self._stop.is_set():
                self._set(state="stopped")
                return
        try:
            self._began = time.monotonic()
            if not self._stop.is_set():
                self._set(state="running")
            self.made = self._do(self._progress, self._stop.is_set)
            self._set(state="done", share=1.0, remaining=None)
        except Cancelled:
            self._set(state="stopped", remaining=None)
        except Exception as error:  # shown on the screen; a thread has nobody else to tell
            self._set(state="failed", error=error, remaining=None)
        finally:
            del self._do  # with what it holds
            _TURN.release()

    def _progress(self, share: float) -> None:
        spent = time.monotonic() - self._began
        with self._lock:
            left = spent / share * (1 - share) if share > _EARLY else None
            waiting = self._now.state == "stopping"
            self._now = replace(self._now, share=share, remaining=None if waiting else left)

    def _set(self, **values: object) -> None:
        with self._lock:
            self._now = replace(self._now, **values)  # type: ignore[arg-type]
