"""A disk that fails on demand below one folder, and a real small one where mounting is allowed."""

import errno
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BLOCK = 4096


class FailingDisk:
    """Lets so many writes below a folder through, then refuses every one that needs room.

    What lies on the disk can be read, and overwritten within its last block, as on a real full
    one; a read-only disk refuses these too, and opening for writing.

    Args:
        root: the folder.
        monkeypatch: puts the disk between :mod:`pathlib` and the system.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root.resolve()
        self.left = 10**9
        self.error = errno.ENOSPC
        self._fatal, self._opens = "", 0
        self._open = io.open
        monkeypatch.setattr(io, "open", self.open)

    @property
    def failing(self) -> bool:
        return self.left <= 0

    def full_after(self, writes: int) -> None:
        """Fill up after so many more writes."""
        self.left, self.error = writes, errno.ENOSPC

    def read_only_after(self, writes: int) -> None:
        """Refuse to be written after so many more writes."""
        self.left, self.error = writes, errno.EROFS

    def fail_at(self, name: str, times: int, error: int) -> None:
        """Fail from when a file whose name begins so is opened to be written for so many times."""
        self._fatal, self._opens, self.error = name, times, error

    def mend(self) -> None:
        """Make room again."""
        self.left = 10**9

    def refusal(self) -> OSError:
        """What the system says."""
        return OSError(self.error, os.strerror(self.error))

    def open(self, file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
        """``io.open``, with the disk's own files below its folder."""
        writes = any(letter in mode for letter in "wax+")
        inside = isinstance(file, Path) and file.resolve().is_relative_to(self.root)
        if not (writes and inside):
            return self._open(file, mode, *more, **named)
        self._opens -= file.name.startswith(self._fatal)
        if file.name.startswith(self._fatal) and self._opens == 0:
            self.left = 0
        if self.failing and self.error == errno.EROFS:
            raise self.refusal()
        raw = _File(self, file, mode.replace("b", "").replace("t", ""))
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")


class _File(io.FileIO):
    def __init__(self, disk: FailingDisk, file: Path, mode: str) -> None:
        super().__init__(file, mode)
        self._disk = disk

    def write(self, data: Any) -> int:
        self._disk.left -= 1
        size = os.fstat(self.fileno()).st_size
        room = -(-size // BLOCK) * BLOCK
        end = (size if "a" in self.mode else self.tell()) + len(data)
        if self._disk.failing and (end > room or self._disk.error == errno.EROFS):
            raise self._disk.refusal()
        return super().write(data)


@contextmanager
def small_disk(place: Path, kib: int) -> Iterator[Path]:
    """A real file system of so many KiB; skips where mounting is not allowed."""
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)], capture_output=True
    )
    if made.returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
