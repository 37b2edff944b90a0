"""What one DICOM file holds: told from its header, without its pixels and without names."""

import functools
import hashlib
import io
import math
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID

from imaging.decode import frame_count
from imaging.dicom_file import check_deflated, complete_meta
from imaging.dicom_values import group, spacing_of
from imaging.errors import InputError
from imaging.limits import MAX_DECODED_BYTES, check_size
from imaging.quiet import quiet
from imaging.source import Source
from imaging.volume import Origin

_IDENTITY = ("PatientID", "PatientName", "PatientBirthDate")

# Of these only the identity concerns the patient, and it leaves this module as a salted hash.
_HEADER = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality",
    "ImageType", "StudyDate", "BodyPartExamined", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel", "BitsAllocated", "PhotometricInterpretation", "InstanceNumber",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing",
    "NominalScannedPixelSpacing", "SliceThickness", "SpacingBetweenSlices", "ImagesInAcquisition",
    "AcquisitionNumber", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    *_IDENTITY,
)  # fmt: skip

_KINDS = {
    "SR": "a structured report", "PR": "a presentation state", "KO": "a key object selection",
    "SEG": "a segmentation", "RTSTRUCT": "radiotherapy contours (RTSTRUCT)",
    "RTPLAN": "a radiotherapy plan", "RTDOSE": "a radiotherapy dose grid",
    "REG": "a spatial registration", "ECG": "an ECG waveform", "RWV": "a real-world value map",
    "DOC": "a document",
}  # fmt: skip
_DIRECTORY = "1.2.840.10008.1.3.10"

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """Where one frame lies.

    Attributes:
        position: centre of the first pixel, LPS mm; None where the file does not say.
        across: direction of growing columns, down: of growing rows; unit vectors or None.
        spacing: (row, column) in mm, None where the file does not say.
        thickness: distance to the next slice, or the slice's thickness, mm.
    """

    position: Vector | None
    across: Vector | None
    down: Vector | None
    spacing: tuple[float, float] | None
    thickness: float | None


@dataclass(frozen=True, eq=False)
class DicomFile:
    """One DICOM image file, told from its header.

    Attributes:
        modality: as the file names it, such as "CT" or "MR"; "" where it does not.
        localizer: the image type says LOCALIZER or SCOUT.
        shape: (rows, columns).
        colour: three samples per pixel.
        inverted: the file stores white as 0.
        sop_class: identifier of the kind of object; "" where there is none.
        instance: identifier of the file's object; "" where there is none.
        number: (0020,0013) Instance Number, 0 where there is none.
        expected: how many images the file says its acquisition has, None where it does not.
        places: one per frame.
    """

    source: Source
    modality: str
    body_part: str
    localizer: bool
    shape: tuple[int, int]
    colour: bool
    inverted: bool
    sop_class: str
    instance: str
    number: int
    acquisition: str
    expected: int | None
    origin: Origin
    places: tuple[Place, ...]


def read_header(source: Source) -> DicomFile | str:
    """Read the header of a DICOM file.

    Returns:
        The file, or in words what it is where it holds no image to be stacked.

    Raises:
        InputError: the header is damaged, or declares a size that is nonsense or over a limit.
    """
    data, name = source.load(), source.name
    check_deflated(data, name)
    with quiet():
        try:
            dataset = pydicom.dcmread(
                io.BytesIO(data), force=True, stop_before_pixels=True, specific_tags=list(_HEADER)
            )
            complete_meta(dataset)
            kind = _kind(dataset)
            return kind if kind is not None else _file(dataset, source)
        except InputError:
            raise
        except Exception:
            # Damaged files raise anything, and what they raise may quote the file.
            raise InputError(
                f"{name} is a damaged DICOM file: its header cannot be read; export it again."
            ) from None


def _kind(dataset: Dataset) -> str | None:
    """In words what a file without an image is, None for an image."""
    modality = str(dataset.get("Modality") or "").upper()
    stored = str(dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    sop_class = str(dataset.get("SOPClassUID") or stored)
    if _DIRECTORY in (sop_class, stored):
        return "an index of files (DICOMDIR)"
    if modality in _KINDS:
        return _KINDS[modality]
    if dataset.get("Rows") is None or dataset.get("Columns") is None:
        known = UID(sop_class).name
        # An identifier that is not in the standard is its own name.
        words = "" if known == sop_class else known.removesuffix(" Storage")
        return f"a DICOM file without an image{f' ({words})' if words else ''}"
    return None


def _file(dataset: Dataset, source: Source) -> DicomFile:
    rows, columns, frames = int(dataset.Rows), int(dataset.Columns), frame_count(dataset)
    check_size(columns, rows, source.name)
    samples, bits = int(dataset.get("SamplesPerPixel") or 1), int(dataset.get("BitsAllocated") or 0)
    if rows * columns * frames * samples * bits // 8 > MAX_DECODED_BYTES:
        raise InputError(
            f"{source.name} declares {columns} × {rows} pixels in {frames} frames, more than the "
            f"limit of {MAX_DECODED_BYTES // 2**20} MiB; export fewer slices."
        )
    types = {str(word).upper() for word in _several(dataset.get("ImageType"))}
    expected = _number(dataset.get("ImagesInAcquisition"))
    return DicomFile(
        source=source,
        modality=_code(dataset.get("Modality")),
        body_part=_code(dataset.get("BodyPartExamined")),
        localizer=bool(types & {"LOCALIZER", "SCOUT"}),
        shape=(rows, columns),
        colour=samples == 3,
        inverted=str(dataset.get("PhotometricInterpretation")) == "MONOCHROME1",
        sop_class=str(
            dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""
        ),
        instance=str(dataset.get("SOPInstanceUID") or ""),
        number=int(_number(dataset.get("InstanceNumber")) or 0),
        acquisition=str(dataset.get("AcquisitionNumber") or ""),
        expected=int(expected) if expected is not None and expected > 0 else None,
        origin=_origin(dataset),
        places=tuple(_place(dataset, frame) for frame in range(frames)),
    )


def _place(dataset: Dataset, frame: int) -> Place:
    position = _vector(group(dataset, "PlanePositionSequence", frame), "ImagePositionPatient", 3)
    cosines = _vector(
        group(dataset, "PlaneOrientationSequence", frame), "ImageOrientationPatient", 6
    )
    across = down = None
    if cosines is not None:
        across, down = cosines[:3], cosines[3:]
        lengths = np.linalg.norm(across), np.linalg.norm(down)
        upright = np.allclose(lengths, 1, atol=0.01) and abs(float(across @ down)) < 0.01
        across, down = (across / lengths[0], down / lengths[1]) if upright else (None, None)
    measures = group(dataset, "PixelMeasuresSequence", frame)
    gaps = (
        _number(source.get(keyword))
        for keyword in ("SpacingBetweenSlices", "SliceThickness")
        for source in (measures, dataset)
    )
    thickness = next((abs(gap) for gap in gaps if gap and 0 < abs(gap) < 1000), None)
    if across is None:
        position = None
    if frame and position is not None and "PerFrameFunctionalGroupsSequence" not in dataset:
        position = None  # a plain multi-frame file gives one position for all
    return Place(position, across, down, spacing_of(dataset, frame), thickness)


def _origin(dataset: Dataset) -> Origin:
    """The patient as a hash that nobody can undo or compare outside this process."""
    parts = [str(dataset.get(keyword) or "").strip().upper() for keyword in _IDENTITY]
    patient = None
    if any(parts):
        text = "\0".join(parts).encode("utf-8", "replace")
        patient = hashlib.blake2b(text, key=_salt(), digest_size=16).hexdigest()
    return Origin(
        patient=patient,
        study_date=_day(dataset.get("StudyDate")),
        frame_of_reference=str(dataset.get("FrameOfReferenceUID") or "") or None,
        series=str(dataset.get("SeriesInstanceUID") or ""),
    )


@functools.cache
def _salt() -> bytes:
    return secrets.token_bytes(32)


def _day(value: object) -> date | None:
    try:
        return datetime.strptime(str(value or ""), "%Y%m%d").date()
    except ValueError:
        return None


def _code(value: object) -> str:
    """A defined term such as HEAD; anything that looks like free text is not taken over."""
    text = str(value or "").strip().upper()
    return text if len(text) <= 16 and all(c.isalnum() or c in " _-" for c in text) else ""


def _several(value: Any) -> list[Any]:
    if value is None or isinstance(value, str | bytes):
        return [] if value is None else [value]
    return list(value) if hasattr(value, "__iter__") else [value]


def _number(value: Any) -> float | None:
    numbers = _several(value)
    try:
        number = float(numbers[0])
    except (IndexError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _vector(source: Dataset, keyword: str, length: int) -> Vector | None:
    try:
        numbers = np.array([float(n) for n in _several(source.get(keyword))], np.float64)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.size == length and np.isfinite(numbers).all() else None
