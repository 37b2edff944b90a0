"""The hand on a running training: pause, resume and stop from any thread."""

import threading


class Control:
    """Requests to a training loop, which looks at them before every step."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()

    def pause(self) -> None:
        """Ask the loop to wait before its next step."""
        self._go.clear()

    def resume(self) -> None:
        """Let a paused loop go on."""
        self._go.set()

    def stop(self) -> None:
        """Ask the loop to save and end before its next step, paused or not; it cannot be undone."""
        self._stop.set()
        self._go.set()

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait while paused, at most so long; True when the loop may go on."""
        return self._go.wait(seconds)
