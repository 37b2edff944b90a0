"""Fused slices -> DICOM files: derived CT images, and Secondary Capture for colour views."""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imaging.deidentify import Identity, anonymous
from imaging.errors import InputError
from imaging.orientation import edge_letters
from imaging.quiet import quiet
from imaging.volume import Matrix

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

WHITE = 4095
"""Stored value of a fused 1; 12 bits, so that every viewer opens it."""

WARNING = "research, not for diagnosis"
NO_HU = f"A fused value has no HU: 0 is black and {WHITE} is white. Research, not for diagnosis."
SERIES_NUMBER = 9001

_CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_ST_LENGTH, _LO_LENGTH = 1024, 64
_PERPENDICULAR = 1e-4


@dataclass(frozen=True)
class Derivation:
    """How the images were made; goes into every file, so nothing in it may tell of the patient.

    Args:
        method: the checkpoint's or rule's name and short hash, as stamps have it.
        sha256: of the checkpoint, or "" for a rule.
        windows: words for the CT's and the MRI's window.
        alignment: one sentence: how the MRI came onto the CT's grid.
        program: name and version of the program, separated by a blank.
    """

    method: str
    windows: tuple[str, str]
    alignment: str
    program: str
    sha256: str = ""

    @property
    def description(self) -> str:
        """(0008,2111) Derivation Description, cut to its 1024 characters."""
        parts = [
            f"Fusion of CT and MRI in the wavelet domain by {self.method}",
            f"checkpoint SHA-256 {self.sha256}" if self.sha256 else "",
            f"CT window: {self.windows[0]}",
            f"MRI window: {self.windows[1]}",
            f"alignment: {self.alignment.rstrip('.')}",
            NO_HU,
        ]
        return "; ".join(part for part in parts if part)[:_ST_LENGTH]

    @property
    def series(self) -> str:
        """(0008,103E) Series Description: the warning whole, the method as far as it fits."""
        room = _LO_LENGTH - len(f"Fused CT+MRI (), {WARNING}")
        return f"Fused CT+MRI ({self.method[:room].strip()}), {WARNING}"


@dataclass(frozen=True)
class Source:
    """A DICOM image that a fused one was made from, by its two identifiers."""

    sop_class: str
    sop_instance: str


def fused_series(
    voxels: NDArray[np.floating[Any]] | NDArray[np.uint16],
    affine: Matrix,
    derivation: Derivation,
    *,
    identity: Identity | None = None,
    sources: Sequence[Sequence[Source]] = (),
    frame_of_reference: str | None = None,
    created: datetime | None = None,
    study_uid: str | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Write a fused volume, or one slice of it, as a series of derived CT images.

    Without an identity the files are de-identified: an allow-list of tags, new UIDs throughout,
    no dates and no source references, which would lead back to the patient.

    Args:
        voxels: (K, H, W) fused values; what leaves [0, 1] is clamped, as on the screen. Integers
            are stored as they are, 0 to :data:`WHITE`.
        affine: (4, 4), from (column, row, slice, 1) to LPS millimetres; the CT's.
        derivation: how the images were made.
        identity: patient and study to file them under; None de-identifies.
        sources: for every slice its source images; empty where the sources are not DICOM.
        frame_of_reference: of the CT, kept with an identity; a new one where None.
        created: when, written with an identity only.
        study_uid: of the new study of de-identified files, to put several series into one.

    Yields:
        File name (``fused-0001.dcm``) and bytes, slice by slice; each is held only once.

    Raises:
        InputError: the grid is one that DICOM cannot describe.
        ValueError: shapes do not fit, or a value is not finite.
    """
    slices = voxels.shape[0] if voxels.ndim == 3 else 0
    if not slices or (sources and len(sources) != slices):
        raise ValueError("A series needs (K, H, W) voxels and the sources of each of its slices.")
    row, column, steps = _directions(affine)
    common = _Common(derivation, identity, created, study_uid, frame_of_reference)
    for k in range(slices):
        dataset = _base(common, _CT_IMAGE, "CT", k + 1)
        dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
        _placed(dataset, affine, row, column, k)
        dataset.SliceThickness = _decimal(steps[2])
        dataset.KVP = None
        dataset.AcquisitionNumber = None
        dataset.PatientPosition = ""
        dataset.FrameOfReferenceUID = common.frame
        dataset.PositionReferenceIndicator = ""
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
        dataset.WindowCenter, dataset.WindowWidth = (WHITE + 1) / 2, WHITE + 1
        _pixels(dataset, _stored(voxels[k]), bits=12)
        if sources and identity is not None:
            dataset.SourceImageSequence = [_reference(source) for source in sources[k]]
        yield f"fused-{k + 1:04d}.dcm", _encoded(dataset, common)


def colour_capture(
    image: NDArray[np.uint8],
    derivation: Derivation,
    *,
    spacing: tuple[float, float] | None = None,
    orientation: Sequence[float] | None = None,
    identity: Identity | None = None,
    created: datetime | None = None,
    study_uid: str | None = None,
) -> bytes:
    """Write a colour view, such as an overlay, as a Secondary Capture image.

    Args:
        image: (H, W, 3) uint8, red first.
        derivation: how the image was made.
        spacing: (row, column) in mm.
        orientation: (0020,0037) six direction cosines; the sides of the patient are made of them.
        identity: patient and study to file it under; None de-identifies.
        created: when, written with an identity only.
        study_uid: of the new study of a de-identified file.

    Raises:
        ValueError: it is no colour image.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ValueError(f"A colour view is (H, W, 3) uint8, not {image.dtype} {image.shape}.")
    common = _Common(derivation, identity, created, study_uid, None)
    dataset = _base(common, _SECONDARY_CAPTURE, "OT", 1)
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ConversionType = "WSD"
    dataset.PatientOrientation = _sides(orientation)
    if spacing is not None:
        dataset.PixelSpacing = [_decimal(mm) for mm in spacing]
    _pixels(dataset, np.ascontiguousarray(image), bits=8)
    return _encoded(dataset, common)


class _Common:
    """What all files of one export share; new identifiers are drawn once."""

    def __init__(
        self,
        derivation: Derivation,
        identity: Identity | None,
        created: datetime | None,
        study_uid: str | None,
        frame_of_reference: str | None,
    ) -> None:
        from pydicom.uid import generate_uid

        def new() -> str:
            return str(generate_uid(prefix=None))  # 2.25.<random>, which needs no registered root

        self.derivation, self.identity = derivation, identity
        self.created = created if identity is not None else None
        self.study = identity.study_uid if identity is not None else study_uid or new()
        self.series = new()
        kept = frame_of_reference if identity is not None else None
        self.frame = kept or new()


def _base(common: _Common, sop_class: str, modality: str, number: int) -> "Dataset":
    from pydicom.dataset import Dataset
    from pydicom.uid import generate_uid

    program, _, version = common.derivation.program.rpartition(" ")
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.Modality = modality
    dataset.Manufacturer = program
    dataset.ManufacturerModelName = program
    dataset.SoftwareVersions = version
    dataset.StudyInstanceUID = common.study
    dataset.SeriesInstanceUID = common.series
    dataset.SeriesNumber = SERIES_NUMBER if modality == "CT" else SERIES_NUMBER + 1
    dataset.SeriesDescription = common.derivation.series
    dataset.InstanceNumber = number
    dataset.DerivationDescription = common.derivation.description
    dataset.ImageComments = NO_HU if modality == "CT" else WARNING.capitalize()
    dataset.BurnedInAnnotation = "NO"
    dataset.Laterality = ""  # may be empty, but not absent, where the body part is unknown
    if common.created is not None:
        dataset.InstanceCreationDate = dataset.ContentDate = f"{common.created:%Y%m%d}"
        dataset.InstanceCreationTime = dataset.ContentTime = f"{common.created:%H%M%S}"
    return dataset


def _code(value: str, meaning: str) -> "Dataset":
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _reference(source: Source) -> "Dataset":
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID = source.sop_class
    item.ReferencedSOPInstanceUID = source.sop_instance
    item.PurposeOfReferenceCodeSequence = [
        _code("121322", "Source image for image processing operation")
    ]
    return item


def _directions(affine: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Direction of growing columns and of growing rows, and (column, row, slice) steps in mm."""
    sides = np.asarray(affine[:3, :3], np.float64)
    lengths = np.linalg.norm(sides, axis=0)
    if not np.isfinite(affine).all() or lengths.min() <= 0:
        raise InputError("The CT's grid has no extent in one direction; it cannot become DICOM.")
    across, down = sides[:, 0] / lengths[0], sides[:, 1] / lengths[1]
    if abs(float(across @ down)) > _PERPENDICULAR:
        raise InputError(
            "The rows and columns of the CT's grid are not perpendicular, which DICOM cannot "
            "describe; export NIfTI instead."
        )
    # The distance of the planes, which under gantry tilt is less than that of their corners.
    planes = abs(float(np.cross(across, down) @ sides[:, 2]))
    return across, down, np.array([lengths[0], lengths[1], planes])


def _placed(dataset: "Dataset", affine: Matrix, across: Matrix, down: Matrix, k: int) -> None:
    corner = affine @ np.array([0.0, 0.0, k, 1.0])
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    dataset.ImagePositionPatient = [_decimal(value) for value in corner[:3]]
    cosines = [float(value) for value in (*across, *down)]
    dataset.ImageOrientationPatient = [_decimal(value) for value in cosines]
    dataset.PixelSpacing = [_decimal(lengths[1]), _decimal(lengths[0])]
    dataset.PatientOrientation = _sides(cosines)


def _sides(orientation: Sequence[float] | None) -> list[str]:
    """(0020,0020) Patient Orientation: towards which side columns and rows grow."""
    letters = edge_letters(orientation) if orientation is not None else None
    return [letters[1], letters[3]] if letters is not None else []


def _decimal(value: float) -> str:
    """A decimal string of at most 16 characters, DICOM's limit, as exact as it allows."""
    from pydicom.valuerep import format_number_as_ds

    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"DICOM holds finite numbers only, not {number}.")
    # Minus zero and the dust of a product of matrices read as an oblique slice.
    return format_number_as_ds(0.0 if abs(number) < 1e-10 else number)


def _stored(values: NDArray[np.floating[Any]] | NDArray[np.uint16]) -> NDArray[np.uint16]:
    if values.dtype == np.uint16:
        return np.minimum(values, np.uint16(WHITE))
    if not np.isfinite(values).all():
        raise ValueError("DICOM cannot hold NaN or infinity; replace such values first.")
    return np.rint(np.clip(values.astype(np.float64), 0, 1) * WHITE).astype(np.uint16)


def _pixels(dataset: "Dataset", array: NDArray[Any], bits: int) -> None:
    dataset.Rows, dataset.Columns = array.shape[:2]
    colour = array.ndim == 3
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated = array.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    data = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OW" if array.dtype.itemsize == 2 else "OB"


def _encoded(dataset: "Dataset", common: _Common) -> bytes:
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    buffer = io.BytesIO()
    with quiet():
        if common.identity is None:
            anonymous(dataset, common.study)
        else:
            common.identity.write(dataset)
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(_EXPLICIT_LITTLE)
        pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
