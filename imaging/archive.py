"""A zip of CT/ and MRI/: unpacked only into one folder, within limits."""

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from imaging.errors import InputError
from imaging.limits import MAX_BYTES
from imaging.pairs import CT_FOLDERS, MRI_FOLDERS

MAX_FILES = 20_000
MAX_TOTAL = 2 * 2**30
"""Most bytes that an upload may unpack to."""

_CHUNK = 2**20


def unpack_pairs(file: IO[bytes], name: str, target: Path) -> int:
    """Unpack the files of CT/ and MRI/ into ``target``; anything else stays packed.

    The two folders may lie at the top or together inside one folder, and hold folders in turn.

    Args:
        file: the zip.
        name: its name, for messages.
        target: an empty folder, made if absent.

    Returns:
        How many files were unpacked.

    Raises:
        InputError: it is no zip, is damaged, encrypted or too large, reaches outside its folder,
            or holds no CT/ and MRI/; nothing is left in ``target``.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            chosen = _choose(archive.infolist(), name)
            _unpack(archive, chosen, name, target)
    except InputError:
        shutil.rmtree(target, ignore_errors=True)
        raise
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise InputError(
            f"{name} cannot be unpacked: {error.strerror or error}; make room on the disk and "
            "try again."
        ) from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise InputError(
            f"{name} is not a zip file that can be read, or it is damaged; pack CT/ and MRI/ again."
        ) from error
    return len(chosen)


def _choose(entries: list[zipfile.ZipInfo], name: str) -> dict[str, zipfile.ZipInfo]:
    """Entries by the path that they get below the target."""
    if len(entries) > MAX_FILES:
        raise InputError(f"{name} holds {len(entries)} files, more than the limit of {MAX_FILES}.")
    chosen: dict[str, zipfile.ZipInfo] = {}
    roots: set[str] = set()
    for entry in entries:
        path = _safe_path(entry, name)
        if entry.is_dir() or any(p.startswith(".") or p == "__MACOSX" for p in path.parts):
            continue
        folders = [part.lower() for part in path.parts[:-1]]
        at = next((k for k, f in enumerate(folders) if f in (*CT_FOLDERS, *MRI_FOLDERS)), None)
        if at is None:
            continue
        _check_entry(entry, path, name)
        rest = "/".join(path.parts[at + 1 :])
        place = f"{'CT' if folders[at] in CT_FOLDERS else 'MRI'}/{rest}"
        if place in chosen:
            raise InputError(f"{name} holds {place} more than once; keep one of each name.")
        chosen[place] = entry
        roots.add("/".join(path.parts[:at]))
    if len(roots) > 1:
        raise InputError(
            f"{name} holds CT/ and MRI/ in several folders ({', '.join(sorted(roots)[:4])}); pack "
            "one data set."
        )
    if {place.partition("/")[0] for place in chosen} != {"CT", "MRI"}:
        raise InputError(
            f"{name} needs the folders CT/ and MRI/ with images that pair by name; pack those two."
        )
    total = sum(entry.file_size for entry in chosen.values())
    if total > MAX_TOTAL:
        raise InputError(
            f"{name} unpacks to {total / 2**30:.1f} GiB, more than the limit of "
            f"{MAX_TOTAL // 2**30} GiB; unpack it and give the path of the folder instead."
        )
    return chosen


def _safe_path(entry: zipfile.ZipInfo, name: str) -> PurePosixPath:
    text = entry.filename.replace("\\", "/")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text or (path.parts and ":" in text):
        raise InputError(
            f"{name} was refused: its entry {entry.filename[:60]!r} points outside the archive's "
            "own folder."
        )
    return path


def _check_entry(entry: zipfile.ZipInfo, path: PurePosixPath, name: str) -> None:
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise InputError(f"{name} was refused: {path} is a link, not a file.")
    if entry.flag_bits & 1:
        raise InputError(f"{name} is encrypted; pack it without a password.")
    if entry.file_size > MAX_BYTES:
        raise InputError(
            f"{path.name} in {name} holds {entry.file_size / 2**20:.0f} MiB, more than the limit "
            f"of {MAX_BYTES // 2**20} MiB."
        )


def _unpack(
    archive: zipfile.ZipFile, chosen: dict[str, zipfile.ZipInfo], name: str, target: Path
) -> None:
    left = MAX_TOTAL
    for place, entry in chosen.items():
        path = target / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, path.open("xb") as out:
            # Sizes in a zip are claims: what comes out is what counts.
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise InputError(f"{name} unpacks to more than it declares; it was refused.")
                out.write(chunk)
