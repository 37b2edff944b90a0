"""Whether a PNG is whole, checked before it is decoded.

Pillow decodes a PNG whose image data has a wrong checksum, or too little of it, into a picture
(sometimes all black) without an error; so lengths, checksums and the inflated size come first.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from imaging.errors import InputError
from imaging.limits import check_size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip
INFLATE_STEP = 1 << 20


@dataclass(frozen=True)
class PngHeader:
    """What IHDR declares: size in pixels, bits per channel, colour type, interlacing."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    def raw_length(self) -> int:
        """Bytes that the image data inflates to: a filter byte and the packed pixels per row."""
        bits = self.depth * CHANNELS[self.colour]
        passes = ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for x, y, step_x, step_y in passes:
            columns = -(-(self.width - x) // step_x)
            rows = -(-(self.height - y) // step_y)
            if columns > 0 and rows > 0:
                total += rows * (1 + (columns * bits + 7) // 8)
        return total


def check_png(data: bytes, name: str) -> PngHeader:
    """Refuse a PNG that is damaged, truncated or larger than it may be.

    Args:
        data: the whole file, opening with the PNG signature.
        name: the file's name, for the message.

    Returns:
        The header.

    Raises:
        InputError: what is wrong, in one sentence.
    """
    header: PngHeader | None = None
    inflater = zlib.decompressobj()
    inflated = 0
    seen: set[bytes] = set()
    for kind, body in _chunks(data, name):
        if header is None:
            header = _header(kind, body, name)
        elif kind == b"IDAT":
            inflated += _inflate(inflater, body, header.raw_length() - inflated, name)
        seen.add(kind)
        if kind == b"IEND":
            break
    if header is None or b"IEND" not in seen:
        raise InputError(f"{name} is a PNG that was cut off before its end; copy it again.")
    if header.colour == 3 and b"PLTE" not in seen:
        raise InputError(f"{name} is a damaged PNG: its palette is missing; export it again.")
    if inflated < header.raw_length():
        raise InputError(
            f"{name} is a damaged PNG: it holds {inflated} of {header.raw_length()} bytes of "
            f"image data; export it again."
        )
    return header


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, memoryview]]:
    view, at = memoryview(data), len(SIGNATURE)
    while at < len(data):
        if at + 8 > len(data):
            raise InputError(f"{name} is a PNG that was cut off before its end; copy it again.")
        length, kind = struct.unpack_from(">I4s", data, at)
        label = kind.decode("ascii") if kind.isalpha() else None
        if label is None:
            raise InputError(f"{name} is a damaged PNG: a chunk has no name; export it again.")
        end = at + 8 + length
        if end + 4 > len(data):
            raise InputError(
                f"{name} is a PNG that was cut off inside its {label} chunk; copy it again."
            )
        if zlib.crc32(view[at + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise InputError(
                f"{name} is a damaged PNG: the checksum of its {label} chunk is wrong; "
                f"export or copy it again."
            )
        yield kind, view[at + 8 : end]
        at = end + 4


def _header(kind: bytes, body: memoryview, name: str) -> PngHeader:
    if kind != b"IHDR" or len(body) != 13:
        raise InputError(f"{name} is a damaged PNG: it has no proper header; export it again.")
    width, height, depth, colour, method, filters, interlace = struct.unpack(">IIBBBBB", body)
    if depth not in DEPTHS.get(colour, ()) or method or filters or interlace > 1:
        raise InputError(
            f"{name} is a damaged PNG: its header asks for something that does not exist "
            f"(colour type {colour}, {depth} bits); export it again."
        )
    check_size(width, height, name)
    return PngHeader(width, height, depth, colour, bool(interlace))


def _inflate(inflater: "zlib._Decompress", body: memoryview, room: int, name: str) -> int:
    """Count the bytes that a chunk inflates to, without keeping them, up to what is needed."""
    count, rest = 0, bytes(body)
    try:
        while rest and count < room and not inflater.eof:
            count += len(inflater.decompress(rest, INFLATE_STEP))
            rest = inflater.unconsumed_tail
        # Output that is waiting inside the decompressor although its input is used up.
        while (
            count < room and not inflater.eof and (more := inflater.decompress(b"", INFLATE_STEP))
        ):
            count += len(more)
    except zlib.error:
        raise InputError(
            f"{name} is a damaged PNG: its image data cannot be inflated; export it again."
        ) from None
    return count
