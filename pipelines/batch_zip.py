"""A batch's output as one zip, written file by file, and taken apart again to go on with it."""

import os
import shutil
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from imaging.errors import InputError
from pipelines.batch_ledger import HIDDEN

_STORED = (".png", ".jpg")
"""What is compressed already."""

_CHUNK = 2**20


def pack(folder: Path, files: Iterable[Path], target: Path) -> None:
    """Write files of a folder into a zip, whole or not at all; one chunk in memory at a time.

    Args:
        folder: names in the zip are relative to it.
        files: that lie in it.
        target: the zip.

    Raises:
        InputError: it cannot be written.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(temporary, "w") as archive:
            for path in files:
                name = path.relative_to(folder).as_posix()
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # equal content, equal bytes
                stored = path.suffix.lower() in _STORED
                info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                info.file_size = path.stat().st_size
                with path.open("rb") as source, archive.open(info, "w") as entry:
                    shutil.copyfileobj(source, entry, _CHUNK)
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise InputError(
            f"{target} cannot be written ({error.strerror or error}); choose another place."
        ) from error


def check_own(target: Path) -> None:
    """Refuse to replace a file that is not a batch's zip.

    Raises:
        InputError: it is not.
    """
    if not target.exists():
        return
    if zipfile.is_zipfile(target):
        with zipfile.ZipFile(target) as archive:
            if any(name.startswith(f"{HIDDEN}/") for name in archive.namelist()):
                return
    raise InputError(
        f"{target} is there already and is not a zip that batch has written; choose another name."
    )


def restore(target: Path, folder: Path) -> None:
    """Take an earlier zip of a batch apart, so that what is in it is passed over.

    Raises:
        InputError: the zip is damaged, or the disk refuses.
    """
    try:
        with zipfile.ZipFile(target) as archive:
            for info in archive.infolist():
                path = PurePosixPath(info.filename)
                if info.is_dir() or path.is_absolute() or ".." in path.parts:
                    continue
                archive.extract(info, folder)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(
            f"{target} cannot be taken apart to go on with it; choose another name or delete it."
        ) from error
