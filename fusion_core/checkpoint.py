"""Checkpoints: safetensors weights with the model's settings and history in the header.

Nothing here runs code from a file. Weights load strictly and their SHA-256 is checked.
"""

import hashlib
import json
import os
import pickle
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from fusion_core.architectures import FusionModel, build, from_dict, to_dict
from fusion_core.model import FusionConfig, FusionNet

SUFFIX = ".safetensors"
FORMAT = "trainable-wavelet-fusion/1"
MAX_BYTES = 512 * 2**20
_HEADER_LIMIT = 2**20
_PUBLISHED_LAYERS = {"mask_net.0": "0", "mask_net.2": "2", "mask_net.4": "4"}


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to fuse, and what is known about it.

    Attributes:
        name: file name without suffix.
        model: in evaluation mode.
        metadata: JSON values: data, loss, epochs, scores, code version and the like.
        sha256: of the settings and the weights; the checkpoint's identity.
        path: where it was read from.
    """

    name: str
    model: FusionModel
    metadata: dict[str, Any]
    sha256: str
    path: Path


NAME_RULE = "up to 60 letters, digits, - and _, with single dots between them"


def is_name(name: str) -> bool:
    """Whether a checkpoint can be called so, by :data:`NAME_RULE`; no name is a path."""
    return len(name) <= 60 and re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name) is not None


def checkpoint_folders() -> tuple[Path, ...]:
    """Where names are looked up: $TWF_CHECKPOINTS, then beside the package, then inside it."""
    package = Path(__file__).resolve().parent
    own = os.environ.get("TWF_CHECKPOINTS")
    shipped = (package.parent / "checkpoints", package / "weights")
    return (Path(own), *shipped) if own else shipped


def list_checkpoints() -> dict[str, Path]:
    """Name to path of every checkpoint in :func:`checkpoint_folders`, ``default`` first."""
    found: dict[str, Path] = {}
    for folder in checkpoint_folders():
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items(), key=lambda item: (item[0] != "default", item[0])))


def find(name_or_path: str | Path) -> Path:
    """The file that a name or a path means.

    Raises:
        CheckpointError: there is none; the message lists the names.
    """
    path = Path(name_or_path)
    if path.suffix == SUFFIX or path.is_file() or len(path.parts) > 1:
        if not path.is_file():
            raise CheckpointError(f"There is no checkpoint file {path}.")
        return path
    known = list_checkpoints()
    if str(name_or_path) not in known:
        names = ", ".join(known) or "none are installed"
        raise CheckpointError(
            f"Unknown checkpoint {str(name_or_path)!r}; the ones here: {names}. "
            f"A path to a {SUFFIX} file works as well."
        )
    return known[str(name_or_path)]


def load(name_or_path: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Load a checkpoint by name or path.

    Raises:
        CheckpointError: unknown name, missing, damaged, foreign or pickled file.
    """
    path = find(name_or_path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CheckpointError(f"{path.name} is larger than {MAX_BYTES // 2**20} MiB.")
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}.") from error
    return loads(data, path, device)


def loads(data: bytes, path: Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Load a checkpoint from bytes, for example an upload; ``path`` names it in messages.

    Raises:
        CheckpointError: as :func:`load`.
    """
    header = _read_header(data, path.name)
    metadata = _json(header.get("metadata"), path.name)
    try:
        config = from_dict(_json(header.get("config"), path.name))
        tensors = load_tensors(data)
        model = build(config)
        model.load_state_dict(tensors, strict=True)
    except SafetensorError as error:
        raise CheckpointError(f"{path.name} is damaged or cut short; copy it again.") from error
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f"{path.name} does not fit this program: its weights or settings are not those of a "
            f"fusion model ({str(error).splitlines()[0]})."
        ) from error
    sha256 = fingerprint(header["config"], tensors)
    if sha256 != header.get("sha256"):
        raise CheckpointError(
            f"{path.name} is damaged: its SHA-256 is not the one it was saved with; copy it again."
        )
    return Checkpoint(path.stem, model.eval().to(device), metadata, sha256, path)


def save(path: Path, model: FusionModel, metadata: Mapping[str, Any]) -> str:
    """Write weights, settings and metadata; the file appears whole or not at all.

    Args:
        path: ends in ``.safetensors``.
        model: any of :mod:`fusion_core.architectures`.
        metadata: JSON values.

    Returns:
        The SHA-256 of settings and weights.

    Raises:
        CheckpointError: the path's suffix is another.
    """
    if path.suffix != SUFFIX:
        raise CheckpointError(f"A checkpoint's file name ends in {SUFFIX}, got {path.name}.")
    tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    settings = json.dumps(to_dict(model.config), sort_keys=True)
    sha256 = fingerprint(settings, tensors)
    header = {
        "format": FORMAT,
        "config": settings,
        "metadata": json.dumps(dict(metadata)),
        "sha256": sha256,
    }
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(save_tensors(tensors, header))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return sha256


def fingerprint(settings: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of a model's settings, and its tensors' names, types, shapes and values.

    Args:
        settings: the JSON text in the file's header, as it stands there: a later version of this
            program, with more settings, still finds the file whole.
        tensors: the state dict.
    """
    digest = hashlib.sha256(settings.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def convert_state_dict(source: Path, config: FusionConfig | None = None) -> FusionNet:
    """Read a state dict in the published layout (``mask_net.0``, ``.2``, ``.4``), without code.

    Args:
        source: a ``.pth`` file that torch can load with ``weights_only=True``.
        config: the one-level architecture it belongs to; the published one if absent.

    Raises:
        CheckpointError: the file holds anything but such weights.
    """
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"{source.name} cannot be read: {error.strerror}.") from error
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(
            f"{source.name} is not a plain PyTorch state dict: it is damaged, or it holds objects "
            "whose loading would run code, so it was not opened."
        ) from error
    model = FusionNet(config or FusionConfig())
    if not isinstance(state, dict):
        raise CheckpointError(f"{source.name} holds a {type(state).__name__}, not a state dict.")
    renamed = {}
    for layer, ours in _PUBLISHED_LAYERS.items():
        for kind in ("weight", "bias"):
            if not isinstance(state.get(f"{layer}.{kind}"), Tensor):
                raise CheckpointError(f"{source.name} has no {layer}.{kind}.")
            renamed[f"mask_nets.0.layers.{ours}.{kind}"] = state[f"{layer}.{kind}"].float()
    # The wavelet's fixed filters may stand beside the weights; anything else is foreign.
    extra = [k for k in state if not k.startswith(("mask_net.", "dwt.", "idwt."))]
    if extra:
        raise CheckpointError(f"{source.name} holds unexpected entries: {', '.join(extra[:5])}.")
    try:
        model.load_state_dict(renamed, strict=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"{source.name} has layers of other sizes than widths {model.config.widths}."
        ) from error
    return model.eval()


def _read_header(data: bytes, name: str) -> dict[str, str]:
    """The safetensors metadata, after checks that say what a foreign file is instead."""
    if not data:
        raise CheckpointError(f"{name} is empty.")
    if data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
        raise CheckpointError(
            f"{name} is a pickled PyTorch file, which can run code when opened, so it was not "
            "read; convert it with `python cli.py checkpoints --convert FILE`."
        )
    size = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= size <= min(_HEADER_LIMIT, len(data) - 8):
        raise CheckpointError(f"{name} is not a safetensors file, or it was cut short.")
    try:
        header = json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    except (UnicodeDecodeError, json.JSONDecodeError, AttributeError) as error:
        raise CheckpointError(f"{name} is not a safetensors file, or it is damaged.") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CheckpointError(
            f"{name} is a safetensors file of another program: its header does not say {FORMAT}."
        )
    return header


def _json(text: Any, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{name} is damaged: its header cannot be read.") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{name} is damaged: its header cannot be read.")
    return value
