"""All metrics of the validation pairs, measured in processes of their own beside training.

A worker is ``python -m trainer.scorer``: it reads a JSON line and the images' bytes, and answers
with a JSON line. It ends with its standard input, so a killed trainer leaves none behind.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import evaluate
from pipelines.extensions import ExtensionFile, load_recorded
from trainer.reports import MetricsReport

Images = NDArray[np.uint8]


class Scorer:
    """Measures fused validation images without holding up training.

    Args:
        ct: (N, H, W) uint8.
        mri: the same shape.
        workers: processes; each measures one epoch at a time.
        extensions: file with metrics of the user's own.
    """

    def __init__(
        self,
        ct: Images,
        mri: Images,
        workers: int | None = None,
        extensions: ExtensionFile | None = None,
    ) -> None:
        self._ct, self._mri = ct, mri
        self._words = [extensions.path, extensions.sha256] if extensions else []
        count = workers or max(1, min(4, (os.cpu_count() or 1) // 4))
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="scorer")
        self._local = threading.local()
        self._children: list[subprocess.Popen[bytes]] = []
        self._pending: deque[Future[MetricsReport]] = deque()

    def submit(self, epoch: int, fused: Images) -> None:
        """Measure an epoch's fused images, (N, H, W) uint8, some time soon."""
        self._pending.append(self._pool.submit(self._measure, epoch, fused))

    def ready(self, seconds: float = 0.0) -> list[MetricsReport]:
        """Reports that are ready, oldest first, after waiting so long for all of them.

        Raises:
            RuntimeError: a worker failed; the message says how.
        """
        if self._pending and seconds > 0:
            wait(list(self._pending), timeout=seconds)
        found = []
        while self._pending and self._pending[0].done():
            found.append(self._pending.popleft().result())
        return found

    @property
    def pending(self) -> int:
        """Epochs that are being measured or wait for it."""
        return len(self._pending)

    def close(self) -> None:
        """End the workers, finished or not."""
        for future in self._pending:
            future.cancel()
        for child in self._children:
            child.kill()
        self._pool.shutdown(wait=True)
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()

    def _measure(self, epoch: int, fused: Images) -> MetricsReport:
        child = self._child()
        start = time.perf_counter()
        header = json.dumps({"shape": list(fused.shape)})
        try:
            stdin, stdout = cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)
            stdin.write(header.encode() + b"\n")
            for images in (fused, self._ct, self._mri):
                stdin.write(np.ascontiguousarray(images).tobytes())
            stdin.flush()
            answer = json.loads(stdout.readline())
        except (OSError, ValueError) as error:
            raise RuntimeError("The process that measures the metrics ended early.") from error
        if "error" in answer:
            raise RuntimeError(f"The metrics cannot be measured: {answer['error']}")
        seconds = time.perf_counter() - start
        return MetricsReport(epoch, answer["means"], answer["deviations"], seconds)

    def _child(self) -> subprocess.Popen[bytes]:
        if not hasattr(self._local, "child"):
            root = str(Path(__file__).resolve().parent.parent)
            paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
            self._local.child = subprocess.Popen(
                [sys.executable, "-m", "trainer.scorer", *self._words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
            )
            self._children.append(self._local.child)
        child: subprocess.Popen[bytes] = self._local.child
        return child


def summarise(rows: list[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and standard deviation of every metric over the images that have a value."""
    means, deviations = {}, {}
    for name in rows[0] if rows else ():
        values = [row[name] for row in rows if np.isfinite(row[name])]
        if values:
            means[name] = statistics.fmean(values)
            deviations[name] = statistics.stdev(values) if len(values) > 1 else 0.0
    return means, deviations


def _answer(
    header: dict[str, Any], stream: BinaryIO, extensions: ExtensionFile | None
) -> dict[str, Any]:
    shape = tuple(header["shape"])
    size = int(np.prod(shape))
    data = stream.read(3 * size)
    if len(data) < 3 * size:
        raise EOFError("The trainer ended in the middle of a request.")
    fused, ct, mri = np.frombuffer(data, np.uint8).reshape(3, *shape)
    try:
        if extensions is not None:
            load_recorded(extensions)
        rows = [evaluate(*trio).values for trio in zip(fused, ct, mri, strict=True)]
    except Exception as error:  # whatever it is, the trainer is to hear of it
        return {"error": f"{type(error).__name__}: {error}"}
    means, deviations = summarise(rows)
    return {"means": means, "deviations": deviations}


def main() -> None:
    """Answer requests until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(10)  # training comes first
    # The answers' own channel: nothing that a library prints may mix with them.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    extensions = ExtensionFile(*sys.argv[1:3]) if len(sys.argv) == 3 else None
    try:
        while line := sys.stdin.buffer.readline():
            answer = _answer(json.loads(line), sys.stdin.buffer, extensions)
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()
    except (BrokenPipeError, EOFError):
        os._exit(0)  # the trainer was killed: nobody is left to answer


if __name__ == "__main__":
    main()
