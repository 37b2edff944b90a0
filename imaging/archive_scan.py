"""The files of an uploaded zip, fetched one by one and never written to the disk."""

import io
import stat
import zipfile
from pathlib import PurePosixPath

from imaging.errors import InputError
from imaging.limits import MAX_BYTES
from imaging.source import Source

MAX_ENTRIES = 5000
"""Most entries that a zip may have, and most files that one scan looks at."""

MAX_UNPACKED = 2 * 2**30
"""Most bytes that a zip may declare."""


def is_zip(data: bytes) -> bool:
    """Tell a zip by its content."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def zip_sources(data: bytes, name: str) -> list[Source]:
    """List the files of a zip after its directory was checked; nothing is unpacked yet.

    Args:
        data: the whole zip, which stays in memory.
        name: its name, for messages.

    Raises:
        InputError: it is damaged, encrypted, has too many entries, declares too much, or an entry
            is a link or points outside.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        entries = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError):
        raise InputError(f"{name} is a damaged zip file; pack it again.") from None
    if len(entries) > MAX_ENTRIES:
        raise InputError(
            f"{name} holds {len(entries)} entries, more than the limit of {MAX_ENTRIES}; pack one "
            "study."
        )
    sources = []
    total = 0
    for entry in entries:
        path = _checked(entry, name)
        if entry.is_dir() or any(p.startswith(".") or p == "__MACOSX" for p in path.parts):
            continue
        total += entry.file_size
        sources.append(_source(archive, entry, path, name))
    if total > MAX_UNPACKED:
        raise InputError(
            f"{name} unpacks to {total / 2**30:.1f} GiB, more than the limit of "
            f"{MAX_UNPACKED // 2**30} GiB; nothing was unpacked, so pack one study."
        )
    return sources


def _checked(entry: zipfile.ZipInfo, name: str) -> PurePosixPath:
    text = entry.filename.replace("\\", "/")
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or "\0" in text or ":" in text.split("/")[0]:
        raise InputError(
            f"{name} was refused: an entry in it points outside the zip's own folder; pack it "
            "again from the study's folder."
        )
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise InputError(
            f"{name} was refused: an entry in it is a link, not a file; pack the files themselves."
        )
    if entry.flag_bits & 1:
        raise InputError(f"{name} is encrypted; pack it without a password.")
    if entry.file_size > MAX_BYTES:
        raise InputError(
            f"{name} holds a file that unpacks to {entry.file_size / 2**20:.0f} MiB, more than the "
            f"limit of {MAX_BYTES // 2**20} MiB; nothing was unpacked."
        )
    return path


def _source(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: PurePosixPath, name: str
) -> Source:
    def fetch() -> bytes:
        try:
            with archive.open(entry) as file:
                # Sizes in a zip are claims: one byte more than claimed is asked for, no more.
                content = file.read(entry.file_size + 1)
        except MemoryError:
            raise
        except Exception:  # zipfile, zlib, bz2 and lzma have many errors for damaged data
            content = None
        if content is None or len(content) != entry.file_size:
            raise InputError(
                f"{path.name} in {name} is damaged, or unpacks to another size than it declares; "
                "pack it again."
            )
        return content

    return Source(path.name, fetch, f"{name}/{path}/{entry.header_offset}")
