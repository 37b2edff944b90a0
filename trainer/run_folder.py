"""A run on disk: what was asked for, what happened, and the state to go on from.

Files: config.json, data.json, environment.json, history.jsonl (append-only), status.json, last.pt
(replaced whole), best.safetensors, weights/epoch_###.safetensors, strips/epoch_###.png, log.txt.
All can be read while it runs.
"""

import contextlib
import errno
import json
import os
import pickle
import platform
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import torch

import fusion_core
from fusion_core import checkpoint
from fusion_core.architectures import FusionModel
from trainer.config import TrainConfig
from trainer.file_lock import take_lock

ALIVE = frozenset({"queued", "running", "paused", "stopping"})
BEST = "best.safetensors"
_LAST = "last.pt"


class RunError(ValueError):
    """A run folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class RunStatus:
    """What a run is doing.

    Attributes:
        state: "running", "paused", "stopped", "done", "failed", "interrupted" (its process is
            gone) or "new".
        message: one sentence.
        epoch: epochs done.
    """

    state: str
    message: str
    epoch: int


class RunFolder:
    """One run's folder.

    Args:
        path: need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock: IO[bytes] | None = None

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def best(self) -> Path:
        """Where the best weights are published."""
        return self.path / BEST

    @property
    def begun(self) -> bool:
        """Whether a run was started here."""
        # Both: a run whose disk was full between the two can neither go on nor stand in the way.
        return all((self.path / name).exists() for name in ("config.json", "data.json"))

    # --- one writer ----------------------------------------------------------------------------

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only process that writes here.

        Raises:
            RunError: another one is, or the folder cannot be written.
        """
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / "run.lock").open("ab")
        try:
            # A reader that looks whether the run is alive holds the lock for a moment.
            tries = 10
            while not take_lock(lock) and tries:
                tries -= 1
                time.sleep(0.05)
            if not tries:
                raise RunError(f"Another process is training in {self.path}; stop it first.")
            self._lock = lock
            yield
        finally:
            self._lock = None
            lock.close()

    def in_use(self) -> bool:
        """Whether a living process trains here."""
        try:
            with (self.path / "run.lock").open("ab") as lock:
                return not take_lock(lock)
        except OSError:
            return False

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._lock is not None:
                self._drop_temporaries()
            raise RunError(cannot_write(self.path, error, self.begun)) from error

    def _drop_temporaries(self) -> None:
        """Give back the room of half-written files, so that the reason may still be written."""
        with contextlib.suppress(OSError):
            for path in (*self.path.glob("*.tmp"), *self.path.glob("*/*.tmp")):
                path.unlink(missing_ok=True)

    # --- writing -------------------------------------------------------------------------------

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        self._replace(name, _json_bytes(values))

    def write_text(self, name: str, text: str) -> None:
        """Write a text file whole or not at all."""
        self._replace(name, text.encode())

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to the history."""
        with self._writing(), (self.path / "history.jsonl").open("ab+") as file:
            # A line cut short by a kill must not swallow this one.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(json.dumps(record).encode() + b"\n")

    def log(self, text: str) -> None:
        """Add one line to the log."""
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        self.append_bytes("log.txt", f"{stamp} {text}\n".encode())

    def append_bytes(self, name: str, data: bytes) -> None:
        """Add to the end of a file."""
        with self._writing(), (self.path / name).open("ab") as file:
            file.write(data)

    def set_status(self, state: str, message: str, epoch: int) -> None:
        """Say what the run is doing; on a full disk in the place that the file has already."""
        values = {
            "state": state, "message": message, "epoch": epoch, "time": time.time(),
            "pid": os.getpid(),
        }  # fmt: skip
        try:
            self.write_json("status.json", values)
        except RunError:
            if not (self.path / "status.json").exists():
                raise
            with self._writing(), (self.path / "status.json").open("r+b") as file:
                file.write(_json_bytes(values))
                file.truncate()

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state to go on from, whole or not at all."""
        temporary = self.path / f"{_LAST}.tmp"
        with self._writing():
            try:
                with temporary.open("wb") as file:
                    torch.save(dict(state), file)
                    file.flush()
                    os.fsync(file.fileno())
            except RuntimeError as error:  # torch's own words for a full disk
                cause = error.__context__
                own = OSError(errno.EIO, str(error).splitlines()[0])
                raise (cause if isinstance(cause, OSError) else own) from error
            temporary.replace(self.path / _LAST)
            _sync_folder(self.path)

    def publish_best(self, model: FusionModel, metadata: Mapping[str, Any]) -> None:
        """Replace the best weights, usable as a checkpoint."""
        with self._writing():
            checkpoint.save(self.best, model, metadata)

    def keep_weights(self, epoch: int, model: FusionModel, metadata: Mapping[str, Any]) -> None:
        """Keep the weights of an epoch, usable as a checkpoint."""
        with self._writing():
            (self.path / "weights").mkdir(exist_ok=True)
            checkpoint.save(self.weights_file(epoch), model, metadata)

    def weights_file(self, epoch: int) -> Path:
        """Where the weights of an epoch lie, if they were kept."""
        return self.path / f"weights/epoch_{epoch:03d}.safetensors"

    def write_strip(self, epoch: int, png: bytes) -> None:
        """Keep the picture strip of an epoch."""
        with self._writing():
            (self.path / "strips").mkdir(exist_ok=True)
        self._replace(f"strips/epoch_{epoch:03d}.png", png)

    def _replace(self, name: str, data: bytes) -> None:
        temporary = self.path / f"{name}.tmp"
        with self._writing():
            temporary.write_bytes(data)
            temporary.replace(self.path / name)

    # --- reading -------------------------------------------------------------------------------

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run.

        Raises:
            RunError: it is missing or damaged.
        """
        try:
            values = json.loads((self.path / name).read_text(encoding="utf-8"))
        except OSError as error:
            raise RunError(f"{self.path} is not the folder of a run: it has no {name}.") from error
        except ValueError as error:
            raise RunError(f"{name} in {self.path} is damaged: {error}.") from error
        if not isinstance(values, dict):
            raise RunError(f"{name} in {self.path} is damaged: it is not a JSON object.")
        return values

    def config(self) -> TrainConfig:
        """The settings that the run was started with."""
        return TrainConfig.from_dict(self.read_json("config.json"))

    def history(self) -> list[dict[str, Any]]:
        """What happened, in order; what a resumed run did anew counts once.

        A line that is being written, or was cut short by a kill, is left out.
        """
        try:
            lines = (self.path / "history.jsonl").read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        records: list[dict[str, Any]] = []
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record.get("kind") == "started":
                at = (record["epoch"], record["step"])
                records = [r for r in records if _place(r) <= at]
            records.append(record)
        return records

    def load_state(self) -> dict[str, Any] | None:
        """The state to go on from; None where the run was stopped before its first.

        Raises:
            RunError: it is damaged.
        """
        path = self.path / _LAST
        if not path.exists():
            return None
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {error.strerror}.") from error
        except (RuntimeError, ValueError, EOFError, KeyError, pickle.UnpicklingError) as error:
            raise RunError(
                f"{path} is damaged, so the run cannot go on from it; its best weights are in "
                f"{BEST}."
            ) from error
        return dict(state)

    def status(self) -> RunStatus:
        """What the run is doing; "interrupted" where its process is gone."""
        try:
            values = self.read_json("status.json")
        except RunError:
            return RunStatus("new", "Nothing was trained here yet.", 0)
        state, epoch = str(values.get("state")), int(values.get("epoch", 0))
        if state in ALIVE and not self.in_use():
            return RunStatus(
                "interrupted", f"The run was interrupted after {epoch} epochs; resume it.", epoch
            )
        return RunStatus(state, str(values.get("message", "")), epoch)


def cannot_write(path: Path, error: OSError, begun: bool) -> str:
    """One sentence: why a run's folder cannot be written, and what to do.

    Args:
        path: the folder.
        error: what the system says.
        begun: whether a run was started there.
    """
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f"The disk is full: the run folder {path} cannot be written ({reason})"
        remedy = "make room"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        what = f"The run folder {path} is read-only ({reason})"
        remedy = "make it writable"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        what = f"The run folder {path} cannot be made: a file stands in its place"
        remedy = "move it away"
    else:
        what = f"The run folder {path} cannot be written: {reason}"
        remedy = "mend that"
    if not begun:
        return f"{what}. Nothing was trained; {remedy} or choose another folder."
    return f"{what}. What was saved before is still there; {remedy}, then resume the run."


def new_run_path(root: str | Path, name: str) -> Path:
    """``root/<time>-<name>``, a path that is free.

    Args:
        root: folder of all runs.
        name: any text; what a file name should not hold becomes a dash.
    """
    safe = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:60] or "run"
    base = Path(root) / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{safe}"
    path, number = base, 2
    while path.exists():
        path = base.with_name(f"{base.name}-{number}")
        number += 1
    return path


def list_runs(root: str | Path) -> list[RunFolder]:
    """The runs in a folder, newest first by name."""
    folder = Path(root)
    found = [RunFolder(p) for p in folder.iterdir()] if folder.is_dir() else []
    return sorted((run for run in found if run.begun), key=lambda run: run.name, reverse=True)


def environment(device: torch.device, threads: int, seed: int) -> dict[str, Any]:
    """Versions and machine, as far as they can matter to a result."""
    on_gpu = device.type == "cuda"
    return {
        "fusion_core": fusion_core.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "cuda": torch.version.cuda if on_gpu else None,
        "threads": threads,
        "seed": seed,
    }


def _json_bytes(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, allow_nan=True) + "\n").encode()


def _place(record: Mapping[str, Any]) -> tuple[float, float]:
    """Where in the run a record belongs, as (epochs done, steps done)."""
    kind, epoch = record.get("kind"), float(record.get("epoch", 0))
    if kind == "step":
        return epoch - 1, float(record["step"])
    if kind == "started":
        return epoch, float(record["step"])
    return (epoch, 0.0) if kind in ("epoch", "metrics") else (0.0, 0.0)


def _sync_folder(path: Path) -> None:
    """Make a rename durable, where the system can."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
