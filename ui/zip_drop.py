"""A drop zone for a zip of pairs that waits for the start of what will use it."""

from dataclasses import dataclass
from typing import Any, cast

import streamlit as st


@dataclass(frozen=True)
class Upload:
    """A zip of CT/ and MRI/ that waits for its start."""

    name: str
    data: bytes


def zip_drop(prefix: str, note: str) -> None:
    """Draw the drop zone; what was dropped stays when the page is left.

    Args:
        prefix: of its keys.
        note: where the images go, and how large they may be.
    """
    key = f"{prefix}-zip-{st.session_state.get(_drops(prefix), 0)}"

    def changed() -> None:
        file: Any = st.session_state.get(key)
        st.session_state.pop(_waiting(prefix), None)
        if file is not None:
            st.session_state[_waiting(prefix)] = Upload(file.name, file.getvalue())

    st.file_uploader(
        "Zip of CT/ and MRI/", key=key, on_change=changed,
        help="CT and MRI of one pair have the same file name, like CT/2004.png and MRI/2004.png. "
        "Anything outside these two folders is passed over.",
    )  # fmt: skip
    st.caption(note)
    found = dropped(prefix)
    if found is not None and st.session_state.get(key) is None:
        st.caption(f"In use: {found.name}, {len(found.data) / 2**20:.1f} MiB.")


def dropped(prefix: str) -> Upload | None:
    """What waits for its start."""
    return cast(Upload | None, st.session_state.get(_waiting(prefix)))


def empty(prefix: str) -> None:
    """Let go of the upload and show an empty drop zone from the next run on."""
    st.session_state.pop(_waiting(prefix), None)
    st.session_state[_drops(prefix)] = st.session_state.get(_drops(prefix), 0) + 1


def _waiting(prefix: str) -> str:
    return f"twf_{prefix}_upload"


def _drops(prefix: str) -> str:
    return f"twf_{prefix}_drops"
