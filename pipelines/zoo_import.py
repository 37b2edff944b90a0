"""Checkpoints from elsewhere: checked before they are used, kept among the installed on request.

A file that was imported has a record beside it, ``NAME.imported.json``; only such a one can be
renamed or deleted here.
"""

import json
import re
import struct
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from fusion_core.architectures import build, from_dict
from fusion_core.checkpoint import (
    MAX_BYTES,
    NAME_RULE,
    SUFFIX,
    Checkpoint,
    CheckpointError,
    checkpoint_folders,
    is_name,
    list_checkpoints,
    loads,
)
from imaging.errors import InputError
from pipelines.export import write_file
from pipelines.methods import of_checkpoint
from pipelines.onnx_export import sample_pair

RECORD = ".imported.json"
_TRIAL = (48, 40)
_MOST_LAYERS = 64


def inspect(data: bytes, file_name: str) -> Checkpoint:
    """Read a checkpoint from bytes, check it, and fuse one small pair with it.

    Nothing in the file is executed. Its settings must ask for exactly the tensors it holds, which
    is compared before any memory is taken for them.

    Args:
        data: the file.
        file_name: names it in messages; its stem names the checkpoint.

    Raises:
        CheckpointError: it is damaged, foreign, pickled or too large, or makes no numbers.
        MethodError: it makes values that are no numbers.
    """
    path = Path(f"{plain_name(file_name)}{SUFFIX}")
    if len(data) > MAX_BYTES:
        raise CheckpointError(f"{file_name} is larger than {MAX_BYTES // 2**20} MiB.")
    if Path(file_name).suffix.lower() not in (SUFFIX, ""):
        loads(data, Path(file_name))  # says in its own words what a pickled file is
        raise CheckpointError(
            f"{file_name} is no checkpoint of this program: its name does not end in {SUFFIX}."
        )
    _check_shapes(data, file_name)
    found = loads(data, path)
    of_checkpoint(found, torch.device("cpu")).fuse(*sample_pair(*_TRIAL))
    return found


def plain_name(file_name: str) -> str:
    """A checkpoint's name from a file's: letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(file_name).stem).strip("-") or "imported"


def free_name(wanted: str, taken: set[str]) -> str:
    """The name itself, or with the first number from 2 on that makes it a new one."""
    number, name = 2, wanted
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def check_name(name: str, taken: set[str]) -> str:
    """Return the name if a checkpoint can have it.

    Raises:
        InputError: it has other signs, or is taken.
    """
    if not is_name(name):
        raise InputError(f"A checkpoint's name has {NAME_RULE}; got {name!r}.")
    if name in taken:
        raise InputError(f"There is a checkpoint named {name} already; choose another name.")
    return name


def named(checkpoint: Checkpoint, name: str) -> Checkpoint:
    """The same checkpoint under another name."""
    return replace(checkpoint, name=name)


def keep(data: bytes, name: str, file_name: str) -> Path:
    """Put a checked file among the installed checkpoints, as it is.

    Raises:
        InputError: the name cannot be used, or the folder cannot be written.
    """
    check_name(name, set(list_checkpoints()))
    path = checkpoint_folders()[0] / f"{name}{SUFFIX}"
    record = {"file": file_name, "imported": datetime.now(UTC).isoformat(timespec="seconds")}
    write_file(_record(path), json.dumps(record, indent=2) + "\n")
    try:
        write_file(path, data)
    except InputError:
        with suppress(OSError):
            _record(path).unlink()
        raise
    return path


def imported() -> dict[str, Path]:
    """Name to path of the checkpoints that were imported."""
    return {n: path for n, path in list_checkpoints().items() if _record(path).is_file()}


def rename(name: str, new: str) -> Path:
    """Give an imported checkpoint another name.

    Raises:
        InputError: it was not imported, the name cannot be used, or the file cannot be moved.
    """
    path = _imported(name)
    target = path.with_name(f"{check_name(new, set(list_checkpoints()))}{SUFFIX}")
    try:
        _record(path).rename(_record(target))
        path.rename(target)
    except OSError as error:
        raise InputError(f"{name} cannot be renamed ({error.strerror}).") from error
    return target


def delete(name: str) -> None:
    """Delete an imported checkpoint.

    Raises:
        InputError: it was not imported, or cannot be deleted.
    """
    path = _imported(name)
    try:
        path.unlink()
        _record(path).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{name} cannot be deleted ({error.strerror}).") from error


def _record(path: Path) -> Path:
    return path.with_name(f"{path.stem}{RECORD}")


def _imported(name: str) -> Path:
    found = imported().get(name)
    if found is None:
        raise InputError(f"{name} was not imported here, so it can be neither renamed nor deleted.")
    return found


def _check_shapes(data: bytes, file_name: str) -> None:
    """Compare the tensors that the settings need with those the header lists, without memory.

    A file whose header cannot be read is left to :func:`loads`, which says what it is.
    """
    try:
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        settings = json.loads(header.pop("__metadata__")["config"])
        listed = {name: tuple(entry["shape"]) for name, entry in header.items()}
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        return
    try:
        if len(settings.get("widths", ())) > _MOST_LAYERS:
            raise ValueError(f"more than {_MOST_LAYERS} layers")
        with torch.device("meta"):
            needed = {n: tuple(t.shape) for n, t in build(from_dict(settings)).state_dict().items()}
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"{file_name} does not fit this program: its settings are not those of a fusion model "
            f"({reason})."
        ) from error
    if listed != needed:
        raise CheckpointError(
            f"{file_name} does not fit this program: its weights are not those that its settings "
            "ask for."
        )
