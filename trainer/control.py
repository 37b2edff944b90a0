"""The hand on a running training: pause, resume and stop from any thread or process."""

import os
import threading

STEERED = "TWF_STEERED"
"""Set for a process that is to obey words on its standard input."""


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


def steered() -> bool:
    """Whether another process started this one and holds its standard input."""
    return bool(os.environ.get(STEERED))


def obey_stdin(control: Control) -> None:
    """Follow the lines "pause", "resume" and "stop" of standard input, in a thread of its own.

    Its end means stop: it comes when whoever steers is gone, even by a kill.
    """

    def obey() -> None:
        words = {b"pause": control.pause, b"resume": control.resume, b"stop": control.stop}
        rest = b""
        # Not through sys.stdin, whose lock this thread would hold when the interpreter ends.
        while data := os.read(0, 1024):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                words.get(line, control.stop)()
        control.stop()

    threading.Thread(target=obey, name="steered by stdin", daemon=True).start()
