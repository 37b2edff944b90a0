"""One DICOM file -> `Image` in true units; of several frames the first."""

import io
import logging
import math
import warnings
import zlib
from typing import Any

import numpy as np
import PIL.Image
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut
from pydicom.pixels.utils import get_expected_length, pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from imaging.channels import replace_not_finite, to_grey
from imaging.errors import InputError
from imaging.image import Image, finite_range
from imaging.limits import MAX_DECODED_BYTES, check_bytes, check_size
from imaging.orientation import Letters, edge_letters
from imaging.windowing import FUNCTIONS, Function, Window

AIR_HU = -1024.0
"""Below this no tissue and no air exists: scanners write it outside the scan circle."""

PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

# Only these are read, so names, birth dates and numbers of patients never enter the program.
KEYWORDS: tuple[str, ...] = (
    "SOPClassUID", "Modality", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames",
    "PlanarConfiguration", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "ImageOrientationPatient", "WindowCenter",
    "WindowWidth",
    "VOILUTFunction", "RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "PaletteColorLookupTableUID",
    *(f"{colour}PaletteColorLookupTable{part}" for colour in ("Red", "Green", "Blue")
      for part in ("Descriptor", "Data")),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", *PIXEL_KEYWORDS,
)  # fmt: skip

logger = logging.getLogger(__name__)


def read_dicom(data: bytes, name: str) -> Image:
    """Read a single DICOM file, decoded by pydicom and Pillow.

    The declared size is checked before anything is decoded. Rescaling comes first; padding
    becomes the smallest other value; MONOCHROME1 is inverted together with its window (its unit
    is then "grey"); colour becomes luminance. Nothing about the patient is read.

    Args:
        data: the whole file, with or without the DICM preamble.
        name: the file's name, for messages.

    Returns:
        The image; unit "HU" for a rescaled CT, with `spacing`, `modality` and `window` where
        the file gives them; range (0, 2^bits - 1) for up to 8 plain bits and for colour, else
        smallest to largest value.

    Raises:
        InputError: not DICOM, no image in it, over a limit, truncated, or compressed in a way
            that cannot be decoded here.
    """
    check_bytes(len(data), name)
    _check_deflated(data, name)
    with warnings.catch_warnings():
        # pydicom's warnings quote the values they complain about.
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(data), force=True, specific_tags=list(KEYWORDS))
            _complete_meta(dataset)
            _check_declared(dataset, name)
        except InputError:
            raise
        except Exception:
            # Damaged files raise anything, and what they raise may quote the file.
            raise InputError(
                f"{name} is a damaged DICOM file: its header cannot be read; export it again."
            ) from None
        try:
            stored = pixel_array(dataset, index=0)
        except Exception:
            syntax = _syntax(dataset).name
            raise InputError(
                f"{name} holds pixels that cannot be decoded here ({syntax}, or damaged data); "
                f"convert it to uncompressed DICOM first."
            ) from None
        try:
            return _image(dataset, stored, name)
        except InputError:
            raise
        except Exception:
            raise InputError(
                f"{name} is a damaged DICOM file: its rescaling, palette or geometry cannot be "
                f"read; export it again."
            ) from None


def _check_deflated(data: bytes, name: str) -> None:
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


def _complete_meta(dataset: Dataset) -> None:
    """Give a file without a transfer syntax the one it was evidently written in."""
    if not isinstance(getattr(dataset, "file_meta", None), FileMetaDataset):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little is not False else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def _syntax(dataset: Dataset) -> UID:
    return UID(str(dataset.file_meta.TransferSyntaxUID))


def _check_declared(dataset: Dataset, name: str) -> None:
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
    frames, samples = _frames(dataset), int(dataset.get("SamplesPerPixel") or 1)
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
    if _syntax(dataset).is_encapsulated:
        _check_frame(get_frame(pixels, 0, number_of_frames=frames), dataset, name)
        return
    expected = get_expected_length(dataset)
    if len(pixels) < expected:
        raise InputError(
            f"{name} is truncated: it holds {len(pixels)} of the {expected} bytes of pixels that "
            f"{columns} × {rows} in {frames} frame{'s' * (frames > 1)} need; copy it again."
        )


def _check_frame(frame: bytes, dataset: Dataset, name: str) -> None:
    """Refuse a compressed frame whose own size contradicts the header's."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if _syntax(dataset) == RLELossless:
        raw = rows * columns * int(dataset.get("SamplesPerPixel") or 1)
        fits = len(frame) <= 2 * raw * max(int(dataset.BitsAllocated) // 8, 1) + 1024
    else:
        try:
            with PIL.Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as image:
                fits = image.size == (columns, rows)
        except PIL.Image.DecompressionBombError:
            fits = False
        except Exception:
            return  # a codec that Pillow does not know: decoding will say so
    if not fits:
        raise InputError(
            f"{name} contradicts itself: its compressed pixels are not the {columns} × {rows} "
            f"that the header declares; export it again."
        )


def _frames(dataset: Dataset) -> int:
    return max(int(dataset.get("NumberOfFrames") or 1), 1)


def _group(dataset: Dataset, keyword: str) -> Dataset:
    """The first frame's functional group of an enhanced file; the file itself where it has none."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        items = dataset.get(groups)
        if items and items[0].get(keyword):
            group = items[0][keyword].value[0]
            if isinstance(group, Dataset):
                return group
    return dataset


def _image(dataset: Dataset, stored: NDArray[Any], name: str) -> Image:
    notes: list[str] = []
    if _frames(dataset) > 1:
        notes.append(f"Only the first of {_frames(dataset)} frames is used.")
    photometric = str(dataset.PhotometricInterpretation)
    modality = str(dataset.get("Modality") or "")
    unit, window, white = "grey", None, _white(dataset, stored)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        white = float(np.iinfo(stored.dtype).max) if stored.dtype.kind == "u" else None
    if stored.ndim == 3:
        pixels, made = to_grey(stored, 1.0)
        notes.extend(made)
    else:
        transform = _group(dataset, "PixelValueTransformationSequence")
        rescaled = transform.get("RescaleSlope") is not None or "ModalityLUTSequence" in transform
        if rescaled and float(transform.get("RescaleSlope", 1) or 0) == 0:
            rescaled = False
            notes.append("(0028,1053) Rescale Slope is 0 or empty and was ignored.")
        values = apply_modality_lut(stored, transform) if rescaled else stored
        if rescaled and not _identity(transform):
            white = None
        unit = _unit(transform, modality, rescaled)
        window = _window(_group(dataset, "FrameVOILUTSequence"))
        pixels = np.ascontiguousarray(values, dtype=np.float32)
        pixels, padded = _without_padding(pixels, _padding(dataset, stored), unit)
        notes.extend(padded)
    finite = replace_not_finite(pixels)
    if finite is None:
        raise InputError(f"{name} has no pixel with a finite value; export it again.")
    pixels, replaced = finite
    notes.extend(replaced)
    value_range = finite_range(pixels) if white is None else (0.0, white)
    if photometric == "MONOCHROME1":
        total = sum(value_range)
        pixels = np.float32(total) - pixels
        window = None if window is None else _mirrored(window, total)
        unit = "grey"
        notes.append("The image was inverted because the file stores white as 0 (MONOCHROME1).")
    logger.debug("read a DICOM image of %d x %d, %s", *pixels.shape, unit)
    return Image(
        pixels=pixels,
        value_range=value_range,
        unit=unit,
        spacing=_spacing(dataset),
        modality=modality if modality in ("CT", "MR") else None,
        name=name,
        notes=tuple(notes),
        window=window,
        orientation=_orientation(dataset),
    )


def _white(dataset: Dataset, stored: NDArray[Any]) -> float | None:
    """The declared largest value where it means white: plain unsigned bits up to 8, and colour."""
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    unsigned = stored.dtype.kind == "u" and not int(dataset.get("PixelRepresentation") or 0)
    return float((1 << bits) - 1) if unsigned and (bits <= 8 or stored.ndim == 3) else None


def _identity(transform: Dataset) -> bool:
    if "ModalityLUTSequence" in transform:
        return False
    return float(transform.RescaleSlope) == 1 and float(transform.get("RescaleIntercept") or 0) == 0


def _unit(transform: Dataset, modality: str, rescaled: bool) -> str:
    named = str(transform.get("RescaleType") or "").strip()
    if not rescaled:
        return "grey"
    if named in ("", "US", "HU"):
        return "HU" if (modality == "CT" and named != "US") or named == "HU" else "grey"
    return named


def _padding(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark what (0028,0120) Pixel Padding Value and its Range Limit declare as no image."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int | float):
        return np.zeros(stored.shape, np.bool_)
    limit = dataset.get("PixelPaddingRangeLimit")
    other = limit if isinstance(limit, int | float) else value
    low, high = min(value, other), max(value, other)
    return np.asarray((stored >= low) & (stored <= high), np.bool_)


def _without_padding(
    pixels: NDArray[np.float32], padding: NDArray[np.bool_], unit: str
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Set padding, and HU that cannot exist, to the smallest value of the rest."""
    outside = padding | (pixels < AIR_HU) if unit == "HU" else padding
    count = int(np.count_nonzero(outside))
    if count in (0, outside.size):
        return pixels, ()
    low = pixels[~outside].min()
    if (pixels[outside] == low).all():
        return pixels, ()
    note = f"{count} padding pixels outside the scan were set to the smallest value, {low:g}."
    return np.where(outside, low, pixels), (note,)


def _first(value: object) -> float | None:
    """The first number of a value that may be absent, one number or several."""
    if value is None or isinstance(value, str | bytes):
        return None
    numbers = list(value) if hasattr(value, "__iter__") else [value]
    try:
        number = float(str(numbers[0]))
    except (IndexError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _window(source: Dataset) -> Window | None:
    center, width = _first(source.get("WindowCenter")), _first(source.get("WindowWidth"))
    if center is None or width is None or width <= 0:
        return None
    function: Function = "LINEAR"
    for known in FUNCTIONS:
        if source.get("VOILUTFunction") == known:
            function = known
    return Window(center, width, function)


def _mirrored(window: Window, total: float) -> Window:
    """The window that shows `total - x` as the inverse of what `window` shows of x."""
    shift = 1.0 if window.function == "LINEAR" else 0.0
    return Window(total - window.center + shift, window.width, window.function)


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    sources = (
        (dataset, "PixelSpacing"),
        (_group(dataset, "PixelMeasuresSequence"), "PixelSpacing"),
        (dataset, "ImagerPixelSpacing"),
        (dataset, "NominalScannedPixelSpacing"),
    )
    for source, keyword in sources:
        value = source.get(keyword)
        if value is None or isinstance(value, str | bytes) or not hasattr(value, "__len__"):
            continue
        if len(value) == 2:
            row, column = float(value[0]), float(value[1])
            if all(math.isfinite(mm) and 0 < mm < 1000 for mm in (row, column)):
                return row, column
    return None


def _orientation(dataset: Dataset) -> Letters | None:
    for source in (_group(dataset, "PlaneOrientationSequence"), dataset):
        value = source.get("ImageOrientationPatient")
        if value is not None and not isinstance(value, str | bytes) and hasattr(value, "__len__"):
            return edge_letters([float(cosine) for cosine in value])
    return None
