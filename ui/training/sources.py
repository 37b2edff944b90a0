"""Where a new run's images come from: synthetic heads, a folder of this computer, or a zip."""

import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from imaging.archive import unpack_pairs
from imaging.errors import InputError
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.sources import PairSource, Picture, source_from

Kind = Literal["phantom", "folder", "zip"]
DATA = "data"
"""Folder inside a run that holds an uploaded set; it goes when the run goes."""

_KEEP_BYTES = 512 * 2**20


@dataclass(frozen=True, eq=False)
class Upload:
    """An unpacked zip; its files go with the visitor's session, or at the program's end.

    Attributes:
        name: of the zip.
        digest: SHA-256 of the zip.
        files: how many were unpacked.
        folder: holds them; removed when nothing refers to it any more.
    """

    name: str
    digest: str
    files: int
    folder: "tempfile.TemporaryDirectory[str]"

    @property
    def path(self) -> Path:
        """The folder that holds CT/ and MRI/."""
        return Path(self.folder.name) / DATA


@dataclass(frozen=True)
class SourceChoice:
    """What a visitor chose to train on.

    Attributes:
        kind: where the images come from.
        origin: what :func:`trainer.sources.source_from` makes the source of.
        upload: the unpacked zip, for ``kind`` "zip".
    """

    kind: Kind
    origin: dict[str, Any]
    upload: Upload | None = field(default=None, compare=False)

    def signature(self) -> str:
        """Changes when the images do, as far as names, sizes and times tell."""
        digest = hashlib.sha256(repr(sorted(self.origin.items())).encode())
        if self.kind != "phantom":
            for path in sorted(Path(self.origin["path"]).glob("*/*")):
                about = path.stat()
                digest.update(f"{path} {about.st_size} {about.st_mtime_ns}\n".encode())
        return digest.hexdigest()

    def open(self, config: TrainConfig) -> PairSource:
        """The source itself.

        Raises:
            ValueError: it cannot be opened; one sentence.
        """
        return source_from(self.origin, config.patient_pattern, config.patient_table)


class KeptSource:
    """A source whose images stay in memory once read, as far as they fit in half a GiB.

    Args:
        source: what is read, once per pair.
    """

    def __init__(self, source: PairSource) -> None:
        self.title, self.names, self.patients = source.title, source.names, source.patients
        self.notes, self.unpaired, self.origin = source.notes, source.unpaired, source.origin
        self.changes = source.changes
        self._source = source
        self._kept: dict[int, tuple[Picture, Picture]] = {}
        self._bytes = 0
        self.complete = False

    def read(self, index: int) -> tuple[Picture, Picture]:
        """CT and MRI of one pair."""
        if index in self._kept:
            return self._kept[index]
        pair = self._source.read(index)
        self._bytes += sum(image.nbytes for image in pair)
        if self._bytes <= _KEEP_BYTES:
            self._kept[index] = pair
        return pair

    def read_all(self, tell: Callable[[int, int], None]) -> None:
        """Read every pair; those that cannot be read fail again, with their reason, when used.

        Args:
            tell: is told how many of how many are read.
        """
        for index in range(len(self.names)):
            tell(index, len(self.names))
            try:
                self.read(index)
            except (ValueError, OSError):
                continue
        self.complete = True


def take_upload(data: bytes, name: str) -> Upload:
    """Unpack an uploaded zip beside the program's other temporary files.

    Raises:
        InputError: as :func:`imaging.archive.unpack_pairs`.
    """
    folder = tempfile.TemporaryDirectory(prefix="fusion-upload-", ignore_cleanup_errors=True)
    files = unpack_pairs(io.BytesIO(data), name, Path(folder.name) / DATA)
    return Upload(name, hashlib.sha256(data).hexdigest(), files, folder)


def data_maker(
    choice: SourceChoice, config: TrainConfig, run_dir: Path, kept: PairSource | None
) -> Callable[[], CTMRIDataset]:
    """What a job calls, in its own thread, when its turn comes.

    Args:
        choice: where the images come from; a zip is copied into the run's folder then.
        config: the run's settings.
        run_dir: the run's folder.
        kept: synthetic heads that are drawn already; files are always read anew.
    """
    # The queue remembers its jobs, and with them this function: what it holds is let go once used.
    held = [(choice, kept)]

    def make() -> CTMRIDataset:
        choice, kept = held.pop()
        if choice.kind == "phantom":
            return CTMRIDataset(kept or choice.open(config), config)
        if choice.upload is None:
            return CTMRIDataset(choice.open(config), config)
        place = run_dir / DATA
        try:
            shutil.copytree(choice.upload.path, place)
            origin = {"kind": "folder", "path": str(place.resolve())}
            source = SourceChoice("folder", origin).open(config)
            source.title = f"upload {choice.upload.name}"
            return CTMRIDataset(source, config)
        except OSError as error:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise InputError(
                f"The uploaded images cannot be copied into the run's folder: "
                f"{_reason(error)}; make room on the disk and start again."
            ) from error
        except ValueError:
            shutil.rmtree(run_dir, ignore_errors=True)
            raise

    return make


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])
    return error.strerror or str(error)
