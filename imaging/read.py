"""The one door for reading: a path or bytes -> `Image`, by content and never by extension."""

import os
from pathlib import Path

from imaging.dicom import read_dicom
from imaging.errors import InputError
from imaging.image import Image
from imaging.limits import check_bytes
from imaging.raster import read_raster
from imaging.sniff import READABLE, describe, sniff


def read_image(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview, name: str | None = None
) -> Image:
    """Read one image from a file or from its bytes.

    Args:
        source: a path, or the bytes of a whole file.
        name: what to call it in messages; by default the path's last part, or "the image".

    Returns:
        The image, in its own units.

    Raises:
        InputError: missing, a directory, empty, over a limit, not an image, or damaged; one
            sentence that names the file.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        data, name = bytes(source), name or "the image"
        check_bytes(len(data), name)
    else:
        path = Path(source)
        name = name or path.name or str(path)
        data = _read_bytes(path, name)
    kind = sniff(data)
    if kind is None:
        raise InputError(
            f"{name} is {describe(data)}, not an image that can be read here; "
            f"choose a {READABLE} file."
        )
    return read_dicom(data, name) if kind == "DICOM" else read_raster(data, name)


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{name} is a folder, not an image; choose one file in it.")
        if not path.exists():
            raise InputError(f"{name} does not exist; check the path.")
        if not path.is_file():
            raise InputError(f"{name} is not a regular file; choose an image file.")
        check_bytes(path.stat().st_size, name)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} cannot be read; check the path and its permissions.") from None
