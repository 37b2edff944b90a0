"""Frames of a checked DICOM data set -> arrays: pydicom first, SimpleITK behind the same checks."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames, get_frame
from pydicom.pixels.utils import iter_pixels, pixel_array
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGLSTransferSyntaxes,
    JPEGTransferSyntaxes,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from imaging.errors import InputError

MOST_TIMES_SMALLER = 2000
"""A large frame compressed further than this is taken for a trap."""

SMALL_FRAME = 4 * 2**20
"""Decoded bytes up to which any ratio of compression is harmless."""

_END = b"\xff\xd9"
# Start-of-frame markers of JPEG and JPEG-LS: precision, rows and columns follow their length.
_FRAME_MARKERS = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), 0xF7))
_SECOND_DECODER = frozenset(
    (*JPEGTransferSyntaxes, *JPEGLSTransferSyntaxes, *JPEG2000TransferSyntaxes)
)


def syntax_of(dataset: Dataset) -> UID:
    """The transfer syntax, that is the encoding of the pixels."""
    return UID(str(dataset.file_meta.TransferSyntaxUID))


def frame_count(dataset: Dataset) -> int:
    """Frames that the header declares, at least one."""
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def decode_frame(dataset: Dataset, index: int, name: str) -> NDArray[Any]:
    """Decode one frame of a data set that `open_dicom` has checked.

    Args:
        dataset: with its pixels.
        index: which frame, from 0.
        name: the file's name, for messages.

    Returns:
        (H, W) or (H, W, 3) as stored, before any rescaling.

    Raises:
        InputError: the pixels are damaged, or neither decoder knows their encoding.
    """
    _check_streams(dataset, (index,), name)
    try:
        return pixel_array(dataset, index=index)
    except Exception:
        return _second(dataset, index, name)


def decode_frames(dataset: Dataset, name: str) -> Iterator[NDArray[Any]]:
    """Decode all frames in their order; otherwise as `decode_frame`."""
    count, done = frame_count(dataset), 0
    _check_streams(dataset, range(count), name)
    try:
        for frame in iter_pixels(dataset):
            done += 1
            yield frame
    except Exception:
        # What pydicom could not decode goes on from there with the other decoder.
        pass
    for index in range(done, count):
        yield _second(dataset, index, name)


def _check_streams(dataset: Dataset, indices: Iterable[int], name: str) -> None:
    if not syntax_of(dataset).is_encapsulated:
        return
    wanted, count = set(indices), frame_count(dataset)
    try:
        for index, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=count)):
            if index in wanted:
                check_frame(frame, dataset, name)
    except InputError:
        raise
    except Exception:
        raise InputError(
            f"{name} is a damaged DICOM file: its compressed frames cannot be told apart; export "
            "it again."
        ) from None


def check_frame(frame: bytes, dataset: Dataset, name: str) -> None:
    """Refuse a compressed frame whose own size contradicts the header's."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    samples = int(dataset.get("SamplesPerPixel") or 1)
    decoded = rows * columns * samples * max(int(dataset.BitsAllocated) // 8, 1)
    own = None
    if syntax_of(dataset) == RLELossless:
        fits = len(frame) <= 2 * decoded + 1024
    elif (own := _own_size(frame)) is not None:
        fits = own == (columns, rows)
    else:
        try:
            with PIL.Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
                fits = image.size == (columns, rows)
        except PIL.Image.DecompressionBombError:
            fits = False
        except Exception:
            fits = True  # a codec that Pillow does not know: decoding will say so
    if fits and decoded > max(SMALL_FRAME, MOST_TIMES_SMALLER * len(frame)):
        fits = False
    if fits and syntax_of(dataset) in JPEGLSTransferSyntaxes and not _is_whole(frame):
        # A cut stream keeps the decoder of JPEG-LS busy for half a minute and more.
        raise InputError(f"{name} is truncated: its compressed pixels have no end; copy it again.")
    if not fits:
        raise InputError(
            f"{name} contradicts itself: its compressed pixels are not the {columns} × {rows} "
            f"that the header declares; export it again."
        )


def _is_whole(frame: bytes) -> bool:
    """Whether a JPEG, JPEG-LS or JPEG 2000 stream has its end, perhaps with a filling after it."""
    return frame.rstrip(b"\0\xff").endswith(_END)


def _own_size(frame: bytes) -> tuple[int, int] | None:
    """(columns, rows) as the start of a JPEG, JPEG-LS or JPEG 2000 stream says them."""
    if frame[:4] == b"\xff\x4f\xff\x51":
        right, bottom, left, top = (
            int.from_bytes(frame[at : at + 4], "big") for at in (8, 12, 16, 20)
        )
        return right - left, bottom - top
    if frame[4:8] == b"jP  " and (box := frame.find(b"ihdr", 0, 512)) > 0:
        rows, columns = (int.from_bytes(frame[i : i + 4], "big") for i in (box + 4, box + 8))
        return columns, rows
    at = 2
    while frame[:2] == b"\xff\xd8" and at + 9 <= len(frame) and frame[at] == 0xFF:
        if frame[at + 1] == 0xFF:
            at += 1
            continue
        if frame[at + 1] in _FRAME_MARKERS:
            rows, columns = (int.from_bytes(frame[i : i + 2], "big") for i in (at + 5, at + 7))
            return columns, rows
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return None


def _second(dataset: Dataset, index: int, name: str) -> NDArray[Any]:
    """Let SimpleITK decode one frame, if its stream is whole and of the declared size."""
    syntax = syntax_of(dataset)
    refusal = InputError(
        f"{name} holds pixels that cannot be decoded here ({syntax.name}, or damaged data); "
        f"convert it to uncompressed DICOM first."
    )
    if syntax not in _SECOND_DECODER:
        raise refusal
    try:
        frame = get_frame(dataset.PixelData, index, number_of_frames=frame_count(dataset))
        # It trusts the header and shows the rest of a cut stream as grey, so both are asked first.
        if not _is_whole(frame) or _own_size(frame) != (int(dataset.Columns), int(dataset.Rows)):
            raise refusal
        check_frame(frame, dataset, name)
        pixels = _by_simpleitk(_single(dataset, frame))
    except InputError:
        raise
    except Exception:
        raise refusal from None
    if pixels.shape[:2] != (int(dataset.Rows), int(dataset.Columns)):
        raise refusal
    return pixels


def _single(dataset: Dataset, frame: bytes) -> Dataset:
    """A file of this one frame and nothing else, unscaled."""
    single = Dataset()
    single.file_meta = FileMetaDataset()
    single.file_meta.TransferSyntaxUID = syntax_of(dataset)
    single.SOPClassUID = single.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    single.SOPInstanceUID = single.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword in (
        "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated",
        "BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration",
    ):  # fmt: skip
        if dataset.get(keyword) is not None:
            setattr(single, keyword, dataset.get(keyword))
    single.PixelData = encapsulate([frame])
    single["PixelData"].is_undefined_length = True
    return single


def _by_simpleitk(single: Dataset) -> NDArray[Any]:
    import SimpleITK

    sitk: Any = SimpleITK  # its functions have no types
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    # SimpleITK reads paths only; the file holds pixels alone and goes at once.
    with tempfile.TemporaryDirectory(prefix="frame-") as folder:
        path = Path(folder) / "frame.dcm"
        single.save_as(path, enforce_file_format=True)
        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        array = np.asarray(sitk.GetArrayFromImage(reader.Execute()))
    return np.asarray(array[0] if array.shape[0] == 1 and array.ndim > 2 else array)
