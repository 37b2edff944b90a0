"""Small image files made in memory, whole and odd, for the imaging tests."""

import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image


def ramp(dtype: type, shape: tuple[int, int] = (6, 9)) -> np.ndarray:
    return np.linspace(0, np.iinfo(dtype).max, shape[0] * shape[1]).astype(dtype).reshape(shape)


def saved(image: np.ndarray | PIL.Image.Image, kind: str, **options: object) -> bytes:
    if isinstance(image, np.ndarray):
        image = PIL.Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, raw: bytes, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    image = chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + image + chunk(b"IEND", b"")


def opencv(array: np.ndarray, kind: str) -> bytes:
    ok, data = cv2.imencode(kind, array)
    assert ok
    return data.tobytes()
