"""Taking back what extension files registered, as the end of a process does."""

from collections.abc import Iterator
from contextlib import contextmanager

from fusion_core.losses import LOSSES, TERMS
from fusion_core.metrics import METRICS
from fusion_core.rules import RULES
from pipelines import extensions


def forget() -> None:
    """Drop every name that a file brought."""
    for found in extensions._LOADED.values():
        for name in (*found.terms, *found.losses, *found.rules, *found.metrics):
            for table in (TERMS, LOSSES, RULES, METRICS):
                table.pop(name, None)  # type: ignore[attr-defined]
    extensions._LOADED.clear()


@contextmanager
def forgotten_after() -> Iterator[None]:
    """Leave no name behind for the next test."""
    try:
        yield
    finally:
        forget()
