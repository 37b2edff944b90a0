"""Where a file's bytes come from: a path, an upload or an entry of a zip."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from imaging.errors import InputError
from imaging.limits import check_bytes


@dataclass(frozen=True)
class Source:
    """One file whose bytes are fetched when they are needed, not kept.

    Attributes:
        name: what to call it in messages.
        fetch: gives the bytes; may raise OSError.
        where: tells two sources of one name apart.
    """

    name: str
    fetch: Callable[[], bytes] = field(repr=False, compare=False)
    where: str = ""

    def load(self) -> bytes:
        """The whole file.

        Raises:
            InputError: it cannot be read, is empty or too large.
        """
        try:
            data = self.fetch()
        except InputError:
            raise
        except OSError:
            raise InputError(
                f"{self.name} cannot be read; check the path and its permissions."
            ) from None
        check_bytes(len(data), self.name)
        return data


def from_path(path: Path) -> Source:
    """A file on the disk; its size is checked before it is read."""

    def fetch() -> bytes:
        check_bytes(path.stat().st_size, path.name)
        return path.read_bytes()

    return Source(path.name, fetch, str(path))


def from_bytes(name: str, data: bytes) -> Source:
    """An upload, which stays in memory."""
    return Source(name, lambda: data, f"{name} {hashlib.sha256(data).hexdigest()}")
