"""Every checkpoint that the page shows, read whole and verified once per file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from fusion_core.checkpoint import (
    SUFFIX,
    Checkpoint,
    CheckpointError,
    list_checkpoints,
    load,
    loads,
)
from fusion_core.model import FusionConfig
from pipelines.scores import Score, from_header
from pipelines.zoo_import import imported
from ui.models.held import held

INSTALLED, IMPORTED, SESSION = "installed", "imported", "this session"


@dataclass(frozen=True, eq=False)
class Entry:
    """A line of the table and a card.

    Attributes:
        name: in every menu.
        origin: :data:`INSTALLED`, :data:`IMPORTED` or :data:`SESSION`.
        checkpoint: verified; None where the file cannot be used. Its model is shared: look only.
        error: why it cannot be used, one sentence.
    """

    name: str
    origin: str
    checkpoint: Checkpoint | None
    error: str = ""

    @property
    def own(self) -> bool:
        """Whether the visitor may rename and remove it."""
        return self.origin != INSTALLED

    @property
    def scores(self) -> dict[str, list[Score]]:
        """Label of a data set to the scores in the header."""
        return {} if self.checkpoint is None else from_header(self.checkpoint.metadata)

    @property
    def masks(self) -> bool:
        """Whether the model decides by masks on wavelet bands."""
        return self.checkpoint is not None and isinstance(
            self.checkpoint.model.config, FusionConfig
        )


def entries() -> list[Entry]:
    """Installed checkpoints, ``default`` first, then the session's own."""
    own = imported()
    found = []
    for name, path in list_checkpoints().items():
        origin = IMPORTED if name in own else INSTALLED
        try:
            found.append(Entry(name, origin, _verified(str(path), path.stat().st_mtime_ns)))
        except (CheckpointError, OSError) as error:
            found.append(Entry(name, origin, None, str(error)))
    here = [Entry(name, SESSION, kept.checkpoint) for name, kept in held().items()]
    return found + here


def opener(entry: Entry) -> Callable[[], Checkpoint]:
    """What opens the checkpoint with a model of its own, on the CPU, for an export.

    It asks the session for nothing when it runs: downloads are made outside of it.
    """
    if entry.origin == SESSION:
        data, path = held()[entry.name].data, Path(f"{entry.name}{SUFFIX}")
        return lambda: loads(data, path)
    return lambda: load(entry.name)


def kind(entry: Entry) -> str:
    """What the model is, in a few words."""
    return "cannot be used" if entry.checkpoint is None else entry.checkpoint.model.config.summary


@st.cache_resource(show_spinner=False, max_entries=64)
def _verified(path: str, stamp: int) -> Checkpoint:
    return load(path)
