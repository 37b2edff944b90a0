"""What image reading refuses, and that it does so before it decodes."""

import pickle
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from PIL import PngImagePlugin

from imaging import limits
from imaging.errors import InputError
from imaging.raster import read_raster
from imaging.read import read_image
from tests.imaging_files import chunk, png, ramp, saved


def declared(kind: str, side: int) -> bytes:
    """A tiny file that declares side x side pixels."""
    if kind == "PNG":
        return png(side, side, 8, 0, b"\x00" * 100)
    data = bytearray(saved(ramp(np.uint8, (8, 8)), kind))
    if kind == "BMP":
        data[18:26] = struct.pack("<ii", side, side)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", side, side)
    elif kind == "JPEG":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    else:
        data = bytearray(saved(ramp(np.uint8, (8, 8)), kind, tiffinfo={256: side, 257: side}))
        for tag in (256, 257):
            at = next(
                i for i in range(10, len(data), 12) if data[i : i + 2] == struct.pack("<H", tag)
            )
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, side)
    return bytes(data)


@pytest.mark.parametrize("side", [9000, 12000, 65535])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF"])
def test_a_huge_declared_size_is_refused_before_decoding(
    kind: str, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that declares too many pixels is refused in a sentence, without a decode."""

    def explode(*_: object, **__: object) -> None:
        raise MemoryError("decoding was started")

    data = declared(kind, side)
    monkeypatch.setattr(PIL.Image.Image, "load", explode)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", explode)
    monkeypatch.setattr(cv2, "imdecode", explode)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"^huge\.x declares .*pixels.*limit of 67 million"):
            read_raster(data, "huge.x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_limits_on_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file longer than the limit is refused before it is read."""
    monkeypatch.setattr(limits, "MAX_BYTES", 100)
    path = tmp_path / "long.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 200)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    with pytest.raises(InputError, match=r"long\.png holds .* more than the limit"):
        read_image(path)


def test_a_decompression_bomb_in_a_png_stays_small() -> None:
    """Image data that inflates far beyond the declared size is not kept in memory."""
    data = png(4, 4, 8, 0, b"\x00" * 50_000_000)
    tracemalloc.start()
    try:
        image = read_raster(data, "a")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert image.shape == (4, 4)
    assert peak < 8_000_000


GOOD = saved(ramp(np.uint8, (40, 40)), "PNG")
BROKEN = {
    "empty": (b"", "is empty"),
    "text": (b"patient notes, not a picture\n" * 30, "is text"),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", "is an HTML page"),
    "pickle": (pickle.dumps({"weights": [1.0, 2.0]}), "is a Python pickle"),
    "zip": (b"PK\x03\x04" + b"\x00" * 60, "is a zip archive"),
    "noise": (bytes(range(255, 0, -1)) * 4, "is data of an unknown kind"),
    "signature only": (GOOD[:8], "cut off"),
    "truncated in a chunk": (GOOD[:-40], "cut off inside its IDAT"),
    "without an end": (GOOD[:-12], "cut off before its end"),
    "bad checksum": (GOOD[:60] + bytes([GOOD[60] ^ 1]) + GOOD[61:], "checksum of its IDAT"),
    "missing rows": (png(40, 40, 8, 0, bytes(41 * 20)), "holds 820 of 1640 bytes"),
    "no palette": (png(4, 1, 8, 3, bytes(5)), "palette is missing"),
    "zero width": (png(0, 4, 8, 0, b""), "declares 0 × 4 pixels"),
    "bad depth": (png(4, 4, 3, 2, bytes(99)), "does not exist"),
    "not inflatable": (
        GOOD[:33] + chunk(b"IDAT", b"no deflate stream") + chunk(b"IEND", b""),
        "cannot be inflated",
    ),
    "truncated JPEG": (saved(ramp(np.uint8, (64, 64)), "JPEG")[:-300], "damaged or truncated JPEG"),
    "truncated TIFF": (saved(ramp(np.uint8, (64, 64)), "TIFF")[:2000], "TIFF"),
    "truncated BMP": (saved(ramp(np.uint8, (64, 64)), "BMP")[:-500], "damaged or truncated BMP"),
    "GIF header": (b"GIF89a" + b"\x00" * 4, "GIF"),
    "TIFF header": (b"II*\x00\x08\x00\x00\x00\x00\x00", "damaged"),
    "text that opens with BM": (b"BMI and other measures of the patients\n", "is text"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_gets_one_sentence(case: str, tmp_path: Path) -> None:
    """What is not a whole image is refused in one sentence that opens with the file's name."""
    data, words = BROKEN[case]
    path = tmp_path / "scan.png"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith("scan.png ")
    assert words in message
    assert message.endswith(".")
    assert "\n" not in message


def test_missing_file_and_folder(tmp_path: Path) -> None:
    """A missing file, a folder and a path with a NUL are refused by name."""
    with pytest.raises(InputError, match=r"none\.png does not exist"):
        read_image(tmp_path / "none.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match=r"folder\.png is a folder"):
        read_image(str(tmp_path / "folder.png"))
    with pytest.raises(InputError, match="nul"):
        read_image("nul\0.png")


def test_content_counts_not_the_extension(tmp_path: Path) -> None:
    """A BMP named .png is read; bytes are read under the name given."""
    array = ramp(np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(saved(array, "BMP"))
    assert read_image(path).name == "a.png"
    np.testing.assert_array_equal(read_image(path).pixels, array)
    assert read_image(memoryview(saved(array, "PNG")), name="up.png").name == "up.png"


def test_a_pickle_never_runs(tmp_path: Path) -> None:
    """Reading a malicious pickle does not run what it holds."""

    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "ran"),))

    with pytest.raises(InputError, match="pickle"):
        read_image(pickle.dumps(Payload()), "x.png")
    assert not (tmp_path / "ran").exists()


def test_fuzzed_files_never_raise_anything_else() -> None:
    """Randomly damaged files are read or refused with InputError, never another error."""
    rng = np.random.default_rng(7)
    array = ramp(np.uint8, (16, 16))
    outcomes = set()
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF"):
        original = np.frombuffer(saved(array, kind), np.uint8)
        for _ in range(60):
            data = original.copy()
            data[rng.integers(0, len(data), 4)] = rng.integers(0, 256, 4)
            try:
                outcomes.add(read_image(data.tobytes(), "f").pixels.ndim)
            except InputError:
                outcomes.add("refused")
    assert outcomes == {2, "refused"}


def test_pillow_reads_the_text_of_a_png_bomb_as_an_error() -> None:
    """A PNG whose text inflates beyond Pillow's limit is refused, not raised through."""
    bomb = chunk(b"zTXt", b"k\x00\x00" + zlib.compress(b"a" * (PngImagePlugin.MAX_TEXT_CHUNK * 4)))
    with pytest.raises(InputError, match=r"^t\.png is a damaged"):
        read_raster(png(2, 1, 8, 0, bytes(3), bomb), "t.png")
