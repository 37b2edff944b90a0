"""What a batch has done already, line by line on the disk, so that a second call passes over it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from fusion_core.metrics import METRICS, Scores
from imaging.pairs import Pair
from pipelines.export import PROGRAM
from pipelines.methods import Method

HIDDEN = ".batch"
"""Folder in a batch's output for the ledger and the thumbnails; dotted, so no reader of image
folders takes it for images."""

THUMBS = "thumbs"


@dataclass(frozen=True)
class Entry:
    """A pair that was fused.

    Attributes:
        name: of the pair.
        key: method, options and program that made it.
        sources: SHA-256 of the CT's and the MRI's file.
        image: SHA-256 of the fused PNG, or of the file or folder of a fused volume.
        at: when it was written, seconds since 1970.
        scores: metric values; None where they were not asked for.
        score_notes: why a metric has no value.
        notes: what the user was told.
    """

    name: str
    key: str
    sources: tuple[str, str]
    image: str
    at: float
    scores: dict[str, float] | None = None
    score_notes: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def measured(self) -> Scores | None:
        """The metrics as they were measured."""
        return None if self.scores is None else Scores(self.scores, self.score_notes)


class Ledger:
    """The entries of an output folder, read once and added to.

    Args:
        out: the output folder.
        key: from :func:`batch_key`; what was made by another one is not taken over.
        part: distinguishes the files of processes that write to one folder.
        anew: forget what is there.
    """

    def __init__(self, out: Path, key: str, part: str = "", anew: bool = False) -> None:
        self.key = key
        self._folder = out / HIDDEN
        self._path = self._folder / f"ledger{part}.jsonl"
        self._known = {} if anew else _read(self._folder)
        self._file: IO[str] | None = None

    def find(self, pair: Pair, sources: tuple[str, str], image: Path) -> Entry | None:
        """The entry of a pair whose sources, method and fused image are what they were."""
        entry = self._known.get(pair.name)
        if entry is None or (entry.key, entry.sources) != (self.key, sources):
            return None
        try:
            whole = tree_digest(image) == entry.image and self.thumb(pair.name).is_file()
        except OSError:
            return None
        return entry if whole else None

    def add(self, entry: Entry) -> None:
        """Write down a pair whose files are there."""
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
            self._file.write("\n")  # a line that a kill cut short stays a line of its own
        self._file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        self._file.flush()

    def thumb(self, name: str) -> Path:
        """Where the thumbnails of a pair lie."""
        return thumb_path(self._folder.parent, name)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def thumb_path(out: Path, name: str) -> Path:
    """Where the thumbnails of a pair lie in a batch's output."""
    return out / HIDDEN / THUMBS / f"{name}.jpg"


def batch_key(method: Method, *options: object) -> str:
    """What must be the same for a fused image to be taken over: program, method, options."""
    made = (PROGRAM, method.kind, method.name, method.sha256, tuple(METRICS), *options)
    return hashlib.sha256(repr(made).encode()).hexdigest()


def digest(path: Path) -> str:
    """SHA-256 of a file, read piece by piece.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder: of its files with their names.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_dir():
        return digest(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = (f"{file.relative_to(path).as_posix()} {digest(file)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _read(folder: Path) -> dict[str, Entry]:
    """The newest entry of every pair: an image may have been made again by another method."""
    found: dict[str, Entry] = {}
    for path in sorted(folder.glob("ledger*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                entry = _entry(line)
                if entry is not None and not _older(entry, found.get(entry.name)):
                    found[entry.name] = entry
    return found


def _older(entry: Entry, known: Entry | None) -> bool:
    return known is not None and entry.at < known.at


def _entry(line: str) -> Entry | None:
    """An entry, or None for a line that was cut short or is of another version."""
    try:
        values: dict[str, Any] = json.loads(line)
        values["sources"] = tuple(values["sources"])
        values["notes"] = tuple(values["notes"])
        return Entry(**values)
    except (ValueError, TypeError, KeyError):
        return None
