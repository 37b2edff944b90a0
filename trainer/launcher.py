"""One run by several processes of this machine: torchrun, started and watched by this process.

The run folder brings the news: what the first process adds to its history is read back, so whoever
follows gets the same reports as from :func:`trainer.loop.train`. Requests go the other way, through
the processes' standard input; when it ends, as by a kill of this process, they save and stop.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fusion_core import checkpoint
from trainer.config import TrainConfig
from trainer.control import STEERED, Control
from trainer.data import CTMRIDataset
from trainer.distributed import LOST, devices_of
from trainer.engine import new_model
from trainer.loop import check_start, train
from trainer.recorder import Recorder, write_inputs
from trainer.reports import Finished, Report, from_record
from trainer.run_folder import RunError, RunFolder

LOG = "launcher.log"
"""What the processes and torchrun say, in the run's folder."""

_CLI = Path(__file__).resolve().parent.parent / "cli.py"
_BEAT = 0.1  # seconds between two looks
_PATIENCE = 60.0  # seconds for processes that were let go of to end by themselves


def train_anywhere(
    config: TrainConfig,
    data: CTMRIDataset,
    run_dir: Path,
    resume: bool = False,
    control: Control | None = None,
) -> Iterator[Report]:
    """Train here, or by one process for each device where the settings name several.

    Arguments, reports and errors are those of :func:`trainer.loop.train`.
    """
    processes = len(devices_of(config.device))
    if processes == 1:
        return train(config, data, run_dir, resume, control)
    return launch(config, data, run_dir, resume, control, processes)


def launch(
    config: TrainConfig,
    data: CTMRIDataset,
    run_dir: Path,
    resume: bool = False,
    control: Control | None = None,
    processes: int = 2,
) -> Iterator[Report]:
    """Train by several processes, report by report; they go on while the caller holds one.

    Args:
        config: the settings.
        data: the images; every process reads them anew from where they came from.
        run_dir: where everything is kept.
        resume: go on with the run in ``run_dir``, with any number of processes.
        control: pause, resume and stop from another thread.
        processes: how many; under CUDA each takes the GPU of its number.

    Yields:
        What :func:`trainer.loop.train` yields. Where torchrun or a process dies, the last report is
        a ``Finished`` whose reason is "failed" and whose message holds the last words of the log.

    Raises:
        ValueError: the settings do not fit the images or the folder.
    """
    control, folder = control or Control(), RunFolder(run_dir)
    if data.origin.get("kind") == "memory":
        raise ValueError("Several processes need images that lie in files; save them first.")
    check_start(folder, config, data, resume)
    with folder.owned():
        write_inputs(folder, config, data)
        folder.set_status("running", f"Starting {processes} processes.", folder.status().epoch)
    start, news = time.perf_counter(), _News(folder.path / "history.jsonl")
    last: dict[str, Any] | None = None
    with (folder.path / LOG).open("wb") as log:
        process = _start(folder.path, processes, log)
    try:
        passed_on = "resume"
        while True:
            ended = process.poll() is not None  # looked at first: no last line is missed
            for record in news.read():
                if record["kind"] == "finished":
                    last = record
                else:
                    yield from_record(record)
            if ended:
                break
            passed_on = _pass_on(control, process, passed_on)
            time.sleep(_BEAT)
    finally:
        _let_go(process, folder)
    for record in news.read():  # processes that have outlived torchrun
        last = record if record["kind"] == "finished" else last
    yield _finished(folder, config, data, last, control, process, time.perf_counter() - start)


def _start(run_dir: Path, processes: int, log: Any) -> "subprocess.Popen[bytes]":
    words = [
        "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1",
        f"--nproc-per-node={processes}", str(_CLI), "train", "--resume", str(run_dir.resolve()),
    ]  # fmt: skip
    threads = str(max(1, (os.cpu_count() or 1) // processes))
    return subprocess.Popen(
        [sys.executable, *words],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={"OMP_NUM_THREADS": threads} | os.environ | {STEERED: "1"},
        start_new_session=True,  # Ctrl-C reaches this process alone, which asks for a clean stop
    )


def _pass_on(control: Control, process: "subprocess.Popen[bytes]", before: str) -> str:
    """Tell the processes what is asked for, where it has changed."""
    word = "stop" if control.stopped else "pause" if control.paused else "resume"
    if word != before and process.stdin is not None:
        with contextlib.suppress(OSError):  # they are ending by themselves
            process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
    return word


def _let_go(process: "subprocess.Popen[bytes]", folder: RunFolder) -> None:
    """Leave no process behind: the end of their input makes them save and stop."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its processes, with force if it must
        process.wait()
    end = time.monotonic() + _PATIENCE
    while folder.in_use() and time.monotonic() < end:
        time.sleep(_BEAT)


def _finished(
    folder: RunFolder,
    config: TrainConfig,
    data: CTMRIDataset,
    last: dict[str, Any] | None,
    control: Control,
    process: "subprocess.Popen[bytes]",
    seconds: float,
) -> Finished:
    """How the run ended: in the first process's words, or why it has left none."""
    model = checkpoint.load(folder.best).model if folder.best.exists() else new_model(config)
    unasked = last is None or last["message"] == LOST
    unasked |= last is not None and last["reason"] == "stopped" and not control.stopped
    if last is not None and not unasked:
        values = {k: v for k, v in last.items() if k != "kind"}
        return Finished(**values | {"model": model.eval()})
    epochs = [r for r in folder.history() if r.get("kind") == "epoch"]
    none: dict[str, Any] = {"epoch": 0, "best_epoch": 0, "best_loss": float("inf")}
    done = epochs[-1] if epochs else none
    why = _last_words(folder.path / LOG, process)
    report = Finished(
        "failed",
        f"The processes of the run ended early: {why}. What was saved is still there; resume it.",
        done["epoch"], done["best_epoch"], done["best_loss"], seconds, model.eval(),
    )  # fmt: skip
    with contextlib.suppress(RunError), folder.owned():
        Recorder(folder, config.with_options({"tensorboard": False}), data).finish(report)
    return report


def _last_words(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Why the processes ended: a process's own sentence, a signal, or the log's last line."""
    if process.returncode is not None and process.returncode < 0:
        return f"torchrun was ended by signal {-process.returncode}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line.strip() for line in lines if any(c.isalnum() for c in line)]
    for mark in ("error: ", "traceback : Signal "):
        told = [line for line in lines if line.startswith(mark) and LOST not in line]
        if told:
            return told[-1].removeprefix("error: ").removeprefix("traceback : ").rstrip(".")
    return lines[-1].rstrip(".") if lines else "they have left no word"


class _News:
    """What is added to a history from now on.

    Args:
        path: of the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._rest = path, b""
        self._at = path.stat().st_size if path.exists() else 0

    def read(self) -> list[dict[str, Any]]:
        """Whole lines that are new; one that was cut short by a kill is left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return []
        self._at += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found
