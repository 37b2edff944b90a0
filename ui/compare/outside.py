"""Images fused elsewhere: one file, a zip, or a folder, matched to the pair by name."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.limits import MAX_BYTES
from imaging.pairs import SUFFIXES
from imaging.read import read_image
from imaging.windowing import apply_window
from pipelines.evaluate import fused_files
from pipelines.fuse import to_8bit

UPLOAD, FOLDER = "upload", "folder"
MOST_FILES = 20_000
_KEPT = "twf_compare_outside"


@dataclass(frozen=True, eq=False)
class Outside:
    """Fused images that another program made.

    Attributes:
        title: what a table calls them.
        names: stem of a file -> how to read its bytes.
        single: whether it is one image, which then belongs to the pair on the screen.
    """

    title: str
    names: Mapping[str, Callable[[], bytes]]
    single: bool


def known() -> dict[str, Outside]:
    """What was added in this session, by the key of its entry."""
    return cast(dict[str, Outside], st.session_state.setdefault(_KEPT, {}))


def add_upload(data: bytes, name: str) -> str:
    """Take an uploaded image or zip; returns the key of its entry.

    Raises:
        InputError: it is neither; one sentence.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if data[:4] == b"PK\x03\x04" or path.suffix.lower() == ".zip":
        found = Outside(path.stem, _members(data, name), single=False)
    else:
        read_image(data, name)
        found = Outside(path.stem, {path.stem: lambda: data}, single=True)
    key = f"{UPLOAD}:{path.stem}-{hashlib.sha256(data).hexdigest()[:6]}"
    known()[key] = found
    return key


def add_folder(text: str) -> str:
    """Take a folder of this computer; returns the key of its entry.

    Raises:
        InputError: there is no such folder, or no image in it.
    """
    folder = Path(text.strip()).expanduser().absolute()
    files = fused_files(folder)
    if not files:
        raise InputError(f"{folder} holds no images; give the folder of the fused images.")
    key = f"{FOLDER}:{folder}"
    known()[key] = Outside(folder.name, {n: p.read_bytes for n, p in files.items()}, single=False)
    return key


def held(key: str) -> Outside:
    """What an entry means.

    Raises:
        InputError: it was not added in this session, as after opening a link.
    """
    found = known().get(key)
    if found is None:
        what = (
            "folder was named by a link; confirm it"
            if key.startswith(FOLDER)
            else ("images were uploaded in another session; add them again")
        )
        raise InputError(f"Its {what} under “Add images”.")
    return found


def image_for(
    found: Outside, pair: str, shape: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The fused image of a pair, and what reading has changed in it.

    Args:
        found: what was added.
        pair: name of the pair, that of its CT without suffix.
        shape: rows and columns of the CT.

    Raises:
        InputError: there is none of that name, or it has another size.
    """
    name = next(iter(found.names)) if found.single else _matching(found, pair)
    try:
        data = found.names[name]()
    except OSError as error:
        raise InputError(f"{found.title}: {name} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise InputError(f"{found.title}: {name} is damaged in the zip; pack it again.") from error
    image = read_image(data, name)
    if image.shape != shape:
        raise InputError(
            f"{found.title} has {image.shape[1]} × {image.shape[0]} pixels, but the CT on the "
            f"screen has {shape[1]} × {shape[0]}: a fused image must have the size of its CT."
        )
    return to_8bit(apply_window(image, None)), image.notes


def _matching(found: Outside, pair: str) -> str:
    if pair in found.names:
        return pair
    some = ", ".join(sorted(found.names)[:4]) + (", …" if len(found.names) > 4 else "")
    raise InputError(
        f"{found.title} has no image named {pair}, the name of the CT on the screen; it has {some}."
    )


def _members(data: bytes, name: str) -> dict[str, Callable[[], bytes]]:
    """The images of a zip by their stems; nothing is unpacked to the disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise InputError(f"{name} is not a zip file that can be read; pack it again.") from error
    if len(entries) > MOST_FILES:
        raise InputError(f"{name} holds {len(entries)} files, more than the limit of {MOST_FILES}.")
    found: dict[str, Callable[[], bytes]] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if any(part.startswith((".", "__MACOSX")) for part in path.parts):
            continue
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise InputError(f"{name} holds two images named {path.stem}; keep one of each name.")
        if entry.flag_bits & 1 or entry.file_size > MAX_BYTES:
            raise InputError(
                f"{path.name} in {name} is encrypted, or larger than {MAX_BYTES // 2**20} MiB."
            )
        found[path.stem] = _reader(data, entry.filename)
    if not found:
        raise InputError(f"{name} holds no images; pack the fused images themselves.")
    return found


def _reader(data: bytes, member: str) -> Callable[[], bytes]:
    def read() -> bytes:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open(member) as file:
            found = file.read(MAX_BYTES + 1)  # sizes in a zip are claims
        if len(found) > MAX_BYTES:
            raise InputError(f"{member} is larger than {MAX_BYTES // 2**20} MiB.")
        return found

    return read
