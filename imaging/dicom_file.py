"""The bytes of a DICOM file -> a data set whose declared size is within the limits."""

import io
import zlib
from collections.abc import Sequence

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from imaging.decode import check_frame, frame_count, syntax_of
from imaging.errors import InputError
from imaging.limits import MAX_DECODED_BYTES, check_bytes, check_size

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# Only these are read, so names, birth dates and numbers of patients never enter the program.
KEYWORDS: tuple[str, ...] = (
    "SOPClassUID", "Modality", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames",
    "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ImageOrientationPatient", "WindowCenter",
    "WindowWidth", "VOILUTSequence",
    "VOILUTFunction", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "PaletteColorLookupTableUID",
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue")
      for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", *PIXEL_KEYWORDS,
)  # fmt: skip


def open_dicom(data: bytes, name: str, keywords: Sequence[str] = KEYWORDS) -> Dataset:
    """Parse a file and compare what it declares with the limits and with its data.

    Args:
        data: the whole file, with or without the DICM preamble.
        name: the file's name, for messages.
        keywords: the only elements that are read.

    Raises:
        InputError: not DICOM, no image in it, over a limit, or truncated.
    """
    check_bytes(len(data), name)
    check_deflated(data, name)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True, specific_tags=list(keywords))
        complete_meta(dataset)
        check_declared(dataset, name)
    except InputError:
        raise
    except Exception:
        # Damaged files raise anything, and what they raise may quote the file.
        raise InputError(
            f"{name} is a damaged DICOM file: its header cannot be read; export it again."
        ) from None
    return dataset


def check_deflated(data: bytes, name: str) -> None:
    """Refuse a deflated file that would inflate beyond the limit, before pydicom inflates it."""
    uid = DeflatedExplicitVRLittleEndian.encode()
    at = data.find(uid, 0, 4096)
    if at < 0 or data[at + len(uid) : at + len(uid) + 1].isdigit():
        return
    length = int.from_bytes(data[140:144], "little")
    if data[128:136] != b"DICM\x02\x00\x00\x00" or 144 + length > len(data):
        raise InputError(
            f"{name} is a deflated DICOM file without a proper header; convert it to uncompressed "
            f"DICOM first."
        )
    inflater, rest, count = zlib.decompressobj(-zlib.MAX_WBITS), data[144 + length :], 0
    try:
        while rest and not inflater.eof and count <= MAX_DECODED_BYTES:
            count += len(inflater.decompress(rest, 1 << 20))
            rest = inflater.unconsumed_tail
    except zlib.error:
        raise InputError(f"{name} is a damaged deflated DICOM file; export it again.") from None
    if count > MAX_DECODED_BYTES:
        raise InputError(
            f"{name} inflates to more than the limit of {MAX_DECODED_BYTES // 2**20} MiB; "
            f"export a single slice."
        )


def complete_meta(dataset: Dataset) -> None:
    """Give a file without a transfer syntax the one it was evidently written in."""
    if not isinstance(getattr(dataset, "file_meta", None), FileMetaDataset):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little is not False else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def check_declared(dataset: Dataset, name: str) -> None:
    """Compare what the header declares with the limits and with the data, before decoding."""
    keyword = next((key for key in PIXEL_KEYWORDS if key in dataset), None)
    if keyword is None or dataset.get("Rows") is None or dataset.get("Columns") is None:
        modality = dataset.get("Modality")
        kind = f" (modality {modality})" if str(modality or "").isalnum() else ""
        raise InputError(
            f"{name} is a DICOM file without an image{kind}; choose a CT or MR image file."
        )
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    check_size(columns, rows, name)
    frames, samples = frame_count(dataset), int(dataset.get("SamplesPerPixel") or 1)
    bits = int(dataset.BitsAllocated)
    if bits not in (1, 8, 16, 32, 64) or samples not in (1, 3):
        raise InputError(
            f"{name} declares {samples} samples of {bits} bits per pixel ((0028,0002) Samples per "
            f"Pixel, (0028,0100) Bits Allocated), which is not read; export it again."
        )
    declared = rows * columns * frames * samples * bits // 8
    if declared > MAX_DECODED_BYTES:
        raise InputError(
            f"{name} declares {columns} × {rows} pixels in {frames} frames "
            f"({declared / 2**20:.0f} MiB), more than the limit of "
            f"{MAX_DECODED_BYTES // 2**20} MiB; export a single slice."
        )
    pixels = dataset[keyword].value or b""
    if syntax_of(dataset).is_encapsulated:
        check_frame(get_frame(pixels, 0, number_of_frames=frames), dataset, name)
        return
    expected = get_expected_length(dataset)
    if len(pixels) < expected:
        raise InputError(
            f"{name} is truncated: it holds {len(pixels)} of the {expected} bytes of pixels that "
            f"{columns} × {rows} in {frames} frame{'s' * (frames > 1)} need; copy it again."
        )
