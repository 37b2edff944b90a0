"""Keeping pydicom's complaints to itself: they quote the values that they complain about."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Let pydicom neither warn nor log; a badly written date may hold a name.

    Its log stays off afterwards, because another thread may be inside, too.
    """
    import pydicom  # noqa: F401  # importing it later would set its log's level again

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
