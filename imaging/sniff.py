"""What a file is, by its content and never by its extension."""

from typing import Literal

Kind = Literal["PNG", "JPEG", "TIFF", "BMP", "GIF", "DICOM"]
READABLE = "PNG, JPEG, TIFF, BMP, GIF or DICOM"

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)

_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (or a PyTorch checkpoint)"),
    (b"RIFF", "a RIFF file (such as WebP)"),
    (b"\x93NUMPY", "a NumPy array file"),
    (b"CDF\x01", "a MINC volume; convert it to NIfTI"),
    (b"\x89HDF", "an HDF5 file, such as MINC 2; convert it to NIfTI"),
    (b"# === DATA DESCRIPTION FILE", "the header of a PAR/REC pair; convert it to NIfTI"),
    (b"\x00\x00\x00\x0cjP", "a JPEG 2000 file"),
    (b"\x89PNG", "a PNG whose signature was damaged on the way"),
)

_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OW PN SH SL SQ SS ST TM UC UI UL UN US "
    b"UT".split()
)


def sniff(data: bytes) -> Kind | None:
    """Name the format of a file that can be read here, or None.

    Args:
        data: the file's bytes (the first 256 are enough).
    """
    if data[128:132] == b"DICM":
        return "DICOM"
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    # "BM" alone opens many a text: a bitmap also says how long its own header is.
    if data[:2] == b"BM" and data[14:18] in {
        bytes((n, 0, 0, 0)) for n in (12, 40, 52, 56, 64, 108, 124)
    }:
        return "BMP"
    return "DICOM" if _bare_dicom(data) else None


def _bare_dicom(data: bytes) -> bool:
    """Tell whether a file without the DICM mark opens with a plausible data element."""
    if len(data) < 16:
        return False
    for order, group in (("little", data[0:2]), ("big", data[1::-1])):
        if group not in (b"\x02\x00", b"\x08\x00"):
            continue
        if data[4:6] in _VRS:
            return True
        length = int.from_bytes(data[4:8], "little")
        return order == "little" and data[3] == 0 and length <= min(len(data), 1024)
    return False


def describe(data: bytes) -> str:
    """Say in words what a file that cannot be read seems to be."""
    for magic, words in _FOREIGN:
        if data.startswith(magic):
            return words
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "a Python pickle"
    if data[344:348] in (b"n+1\x00", b"ni1\x00"):
        return "a NIfTI volume"
    if data[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c") and len(data) >= 348:
        return "the header of an Analyze volume; convert the pair to NIfTI"
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if head.startswith((b"<?xml", b"<svg")):
        return "an XML or SVG document"
    try:
        text = data[:512].decode("utf-8", errors="strict" if len(data) <= 512 else "ignore")
    except UnicodeDecodeError:
        return "data of an unknown kind"
    return (
        "text" if all(c.isprintable() or c.isspace() for c in text) else "data of an unknown kind"
    )
