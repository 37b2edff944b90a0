"""Checkpoints that a visitor imported for this session only; they never touch the disk."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import streamlit as st

from fusion_core.checkpoint import SUFFIX, Checkpoint, list_checkpoints, loads
from pipelines.methods import Method, MethodInfo, choose_device, list_methods, of_checkpoint

_KEY = "twf_held"


@dataclass(frozen=True, eq=False)
class Held:
    """An imported checkpoint.

    Attributes:
        checkpoint: checked, on the CPU.
        method: the same model on the device that fuses.
        data: the file as it came.
        file_name: what it was called.
    """

    checkpoint: Checkpoint
    method: Method
    data: bytes
    file_name: str


def held() -> dict[str, Held]:
    """The session's imported checkpoints by name."""
    return cast(dict[str, Held], st.session_state.get(_KEY, {}))


def add(checkpoint: Checkpoint, data: bytes, file_name: str) -> None:
    """Hold a checked checkpoint under its name until the tab is closed."""
    device = choose_device("auto")
    own = loads(data, Path(f"{checkpoint.name}{SUFFIX}"), device)  # a model moves with its device
    entry = Held(checkpoint, of_checkpoint(own, device), data, file_name)
    st.session_state[_KEY] = held() | {checkpoint.name: entry}


def rename(name: str, new: str) -> None:
    """Give a held checkpoint another name."""
    entry = held()[name]
    drop(name)
    add(replace(entry.checkpoint, name=new), entry.data, entry.file_name)


def drop(name: str) -> None:
    """Forget a held checkpoint."""
    st.session_state[_KEY] = {key: value for key, value in held().items() if key != name}


def methods() -> list[MethodInfo]:
    """What menus offer: installed checkpoints, the session's own, then every rule."""
    found = list_methods()
    own = [MethodInfo(name, name, "checkpoint") for name in held()]
    installed = len(list_checkpoints())
    return found[:installed] + own + found[installed:]
