"""A batch that is kept: its folder with what was asked for, uploaded images, output and state."""

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from imaging.archive import unpack_pairs
from imaging.errors import InputError
from pipelines.batch import BatchOptions
from pipelines.cases import write_cases
from pipelines.evaluate import PairRecord
from pipelines.export import write_file

SourceKind = Literal["zip", "folder", "cases"]
RowState = Literal["fused", "there already", "skipped"]

_ROOM = 256 * 2**20
"""Free bytes below which no batch is started."""


@dataclass(frozen=True)
class Request:
    """What a batch is to do.

    Attributes:
        title: what the user calls it.
        source: an uploaded zip, a folder of this computer, or the bundled cases.
        path: the folder, for the source "folder".
        upload: the zip's name, for the source "zip".
        method: (kind, name) of what fuses.
        masks, metrics, caption: what else is made.
    """

    title: str
    source: SourceKind
    method: tuple[str, str]
    path: str = ""
    upload: str = ""
    masks: bool = False
    metrics: bool = True
    caption: bool = False


@dataclass(frozen=True)
class Row:
    """What became of one pair, for a table.

    Attributes:
        name: of the pair.
        state: "fused", "there already" or "skipped".
        message: why it was skipped, or what is to be said about its images.
    """

    name: str
    state: RowState
    message: str

    @classmethod
    def of(cls, record: PairRecord) -> "Row":
        """The row of a record."""
        if record.error is not None:
            return cls(record.name, "skipped", record.error)
        return cls(record.name, "there already" if record.kept else "fused", " ".join(record.notes))


class BatchFolder:
    """Where a batch keeps everything; deleting it leaves nothing behind.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.out = path / "out"
        self.zip = path / "fused.zip"
        self._data = path / "data"
        self._rows = path / "pairs.jsonl"

    def request(self) -> Request:
        """What was asked for.

        Raises:
            InputError: the folder is no batch's.
        """
        values = self._read("request.json")
        try:
            kind, name = values["method"]
            return Request(**values | {"method": (str(kind), str(name))})
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{self.name} is not a batch that can be read; delete it.") from None

    def data(self) -> Path:
        """The folder with CT/ and MRI/."""
        request = self.request()
        return Path(request.path) if request.source == "folder" else self._data

    def options(self, workers: int) -> BatchOptions:
        """How it is run."""
        request = self.request()
        return BatchOptions(
            masks=self.out / "masks" if request.masks else None,
            metrics=request.metrics,
            caption=request.caption,
            images="fused",
            resumable=True,
            workers=workers,
        )

    def status(self) -> dict[str, Any]:
        """State and counts as they were last written; empty before the first."""
        return self._read("status.json")

    def set_status(self, values: Mapping[str, Any]) -> None:
        """Write state and counts."""
        self._write("status.json", dict(values))

    def rows(self) -> Iterator[Row]:
        """What became of the pairs at the last call."""
        try:
            lines = self._rows.read_text(encoding="utf-8").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                yield Row(**json.loads(line))
            except (ValueError, TypeError):  # cut short by a kill
                continue

    def clear_rows(self) -> None:
        """Begin the table anew."""
        write_file(self._rows, "")

    def add_row(self, row: Row) -> None:
        """Add a pair to the table."""
        with self._rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")

    def stamp(self) -> int:
        """Changes when rows or status do."""
        times = []
        for path in (self._rows, self.path / "status.json"):
            try:
                times.append(path.stat().st_mtime_ns)
            except OSError:
                times.append(0)
        return hash(tuple(times))

    def delete(self) -> None:
        """Remove everything, uploaded images included.

        Raises:
            InputError: the disk refuses.
        """
        try:
            shutil.rmtree(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise InputError(
                f"{self.name} cannot be deleted whole: {error.strerror or error}; make its folder "
                "writable."
            ) from error

    def _read(self, name: str) -> dict[str, Any]:
        try:
            values = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}

    def _write(self, name: str, values: dict[str, Any]) -> None:
        write_file(self.path / name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def create(root: Path, request: Request, upload: bytes = b"") -> BatchFolder:
    """Make the folder of a new batch; a zip is unpacked into it.

    Args:
        root: folder of all batches.
        request: what to do.
        upload: the zip, for the source "zip".

    Raises:
        InputError: the zip or the folder of images cannot be used, or the disk refuses.
    """
    if request.source == "folder" and not Path(request.path).is_dir():
        raise InputError(f"{request.path} is not a folder on this computer; check the path.")
    _check_room(root)
    words = re.sub(r"[^\w.-]+", "-", request.title.strip(), flags=re.ASCII).strip(".-")[:60]
    front, number = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{words or 'batch'}", 1
    path = root / front
    while path.exists():
        number += 1
        path = root / f"{front}-{number}"
    folder = BatchFolder(path)
    try:
        path.mkdir(parents=True)
        if request.source == "zip":
            unpack_pairs(BytesIO(upload), request.upload, path / "data")
        elif request.source == "cases":
            write_cases(path / "data")
        folder._write("request.json", asdict(request))
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise InputError(f"{path} cannot be written: {error.strerror or error}.") from error
    except Exception:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return folder


def list_batches(root: Path) -> list[BatchFolder]:
    """All batches that are kept, newest first."""
    try:
        found = [p for p in root.iterdir() if (p / "request.json").is_file()]
    except OSError:
        return []
    return [BatchFolder(path) for path in sorted(found, key=lambda p: p.name, reverse=True)]


def _check_room(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(root).free
    except OSError as error:
        raise InputError(
            f"Batches cannot be kept in {root}: {error.strerror or error}; make it writable."
        ) from error
    if free < _ROOM:
        raise InputError(
            f"The disk of {root} is full: {free // 2**20} MiB are left and a batch needs at least "
            f"{_ROOM // 2**20} MiB; make room and start again."
        )
