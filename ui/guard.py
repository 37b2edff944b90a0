"""What stands between an error and the user: one plain sentence, never a traceback."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from fusion_core.checkpoint import CheckpointError
from imaging.errors import InputError
from pipelines.methods import MethodError

USER_ERRORS = (InputError, MethodError, CheckpointError)
"""Errors whose message is one sentence written for the user."""

_log = logging.getLogger(__name__)


def explain(error: Exception) -> str:
    """The sentence to show for an error; an unexpected one is written to the log in full."""
    if isinstance(error, USER_ERRORS):
        return str(error)
    if isinstance(error, MemoryError):
        return "The memory of this computer does not suffice for this image; use a smaller one."
    _log.error("unexpected error", exc_info=error)
    return (
        "Something unexpected went wrong here; your images are untouched. Choose another image or "
        "method, or reload the page. The details are in the log of the program's window."
    )


@contextmanager
def guarded() -> Iterator[None]:
    """Show an error as one sentence in place of the block; works as a decorator as well."""
    try:
        yield
    except Exception as error:
        st.error(explain(error), icon=":material/error:")
