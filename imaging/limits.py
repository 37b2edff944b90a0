"""What a file may declare before anything of it is decoded."""

from imaging.errors import InputError

MAX_PIXELS = 64 * 1024 * 1024
"""Largest image that is decoded, in pixels (8192 x 8192)."""

MAX_BYTES = 256 * 1024 * 1024
"""Largest file that is read, in bytes."""

MAX_DECODED_BYTES = 1024 * 1024 * 1024
"""Largest decoded size that a file with several frames may declare, in bytes."""


def check_bytes(size: int, name: str) -> None:
    """Refuse a file that is empty or too large to read.

    Args:
        size: length of the file in bytes.
        name: the file's name, for the message.

    Raises:
        InputError: the size is zero or above MAX_BYTES.
    """
    if size == 0:
        raise InputError(f"{name} is empty (0 bytes); choose another file.")
    if size > MAX_BYTES:
        raise InputError(
            f"{name} holds {size / 2**20:.0f} MiB, more than the limit of "
            f"{MAX_BYTES // 2**20} MiB; crop it or export a single slice."
        )


def check_size(width: int, height: int, name: str) -> None:
    """Refuse a declared image size that is nonsense or too large to decode.

    Args:
        width: declared columns in pixels.
        height: declared rows in pixels.
        name: the file's name, for the message.

    Raises:
        InputError: a side is below 1, or the product is above MAX_PIXELS.
    """
    if width < 1 or height < 1:
        raise InputError(
            f"{name} declares {width} × {height} pixels, so it holds no image; export it again."
        )
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} declares {width} × {height} pixels, more than the limit of "
            f"{MAX_PIXELS / 1e6:.0f} million; nothing was decoded, so crop or shrink it first."
        )
