"""Where batches lie, and the one queue of them that every tab sees."""

import os
from pathlib import Path

import streamlit as st

from pipelines.batch_folder import BatchFolder, list_batches
from pipelines.batch_job import BatchQueue, Snapshot, at_rest
from trainer.priority import give_way

ROOT = Path(__file__).resolve().parents[2]
_CHOSEN = "twf_batch"
ADDRESS = "batch"


def batches_folder() -> Path:
    """Where all batches lie: $TWF_BATCHES, else ``batches/`` beside the app."""
    own = os.environ.get("TWF_BATCHES")
    return Path(own) if own else ROOT / "batches"


@st.cache_resource(show_spinner=False)
def batches() -> BatchQueue:
    """The batches of this server, worked on at low priority so that screens answer."""
    return BatchQueue(give_way)


def look(folder: BatchFolder) -> Snapshot:
    """A batch as it is now: from its thread, else from its folder."""
    job = batches().job(folder.name)
    return job.snapshot() if job is not None else _at_rest(str(folder.path), folder.stamp())


@st.cache_data(show_spinner=False, max_entries=16)
def _at_rest(path: str, stamp: int) -> Snapshot:
    return at_rest(BatchFolder(Path(path)))


def choose(name: str) -> None:
    """Look at this batch; the address remembers it."""
    st.session_state[_CHOSEN] = name
    st.query_params[ADDRESS] = name


def chosen() -> BatchFolder | None:
    """The batch that is looked at: as chosen, as the address says, else the newest."""
    folders = {folder.name: folder for folder in list_batches(batches_folder())}
    if not folders:
        return None
    name = st.session_state.get(_CHOSEN) or st.query_params.get(ADDRESS, "")
    folder = folders.get(name) or next(iter(folders.values()))
    choose(folder.name)
    return folder


def let_go() -> None:
    """Look at no batch in particular, such as after deleting one."""
    st.session_state.pop(_CHOSEN, None)
    st.query_params.pop(ADDRESS, None)
