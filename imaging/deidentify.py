"""Whose image an exported DICOM file says it is: nobody's, or what the user asked to keep."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imaging.errors import InputError
from imaging.limits import check_bytes
from imaging.quiet import quiet

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

METHOD = "Allow-list of tags; UIDs replaced; no dates, names, numbers or source references"
"""(0012,0063) De-identification Method, each part a value of at most 64 characters."""

ALLOWED = frozenset((
    "SpecificCharacterSet", "ImageType", "SOPClassUID", "SOPInstanceUID", "Modality",
    "ConversionType", "Manufacturer", "ManufacturerModelName", "SoftwareVersions",
    "DerivationDescription", "SeriesDescription", "PatientID",
    "PatientIdentityRemoved", "DeidentificationMethod", "LongitudinalTemporalInformationModified",
    "KVP", "SliceThickness", "AcquisitionNumber", "PatientPosition", "Laterality",
    "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "PatientOrientation",
    "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "PositionReferenceIndicator", "ImageComments", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "BurnedInAnnotation", "WindowCenter", "WindowWidth",
    "RescaleIntercept", "RescaleSlope", "RescaleType", "PixelData",
))  # fmt: skip
"""The only attributes that a de-identified file may hold with a value."""

EMPTIED = (
    "PatientName", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
    "StudyID", "ReferringPhysicianName",
)  # fmt: skip
"""Attributes that DICOM demands in every image; de-identified files hold them empty."""

# What `read_identity` takes from a source file once the user has asked for it.
_KEPT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "study_uid": "StudyInstanceUID",
    "study_date": "StudyDate",
    "study_time": "StudyTime",
    "study_id": "StudyID",
    "accession": "AccessionNumber",
    "referrer": "ReferringPhysicianName",
}


@dataclass(frozen=True, repr=False)
class Identity:
    """The patient and study that an exported image is to be filed under.

    Made only after the user chose "for PACS"; its values appear in no message, and it prints
    without them.

    Args:
        patient_id: (0010,0020), not empty.
        study_uid: (0020,000D) of the study that the images join.
        patient_name: (0010,0010).
        birth_date: (0010,0030), YYYYMMDD.
        sex: (0010,0040): M, F, O or empty.
        study_date: (0008,0020), YYYYMMDD.
        study_time: (0008,0030), HHMMSS.
        study_id: (0020,0010).
        accession: (0008,0050).
        referrer: (0008,0090), the referring physician.

    Raises:
        InputError: the patient's number or the study is missing.
    """

    patient_id: str
    study_uid: str
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession: str = ""
    referrer: str = ""

    def __post_init__(self) -> None:
        if not self.patient_id.strip():
            raise InputError(
                "The CT file names no (0010,0020) Patient ID, so its result cannot be filed in a "
                "PACS; export it de-identified."
            )
        if not _is_uid(self.study_uid):
            raise InputError(
                "The CT file names no valid (0020,000D) Study Instance UID, so its result cannot "
                "be filed in a PACS; export it de-identified."
            )

    def __repr__(self) -> str:
        return "Identity(not shown)"

    def write(self, dataset: "Dataset") -> None:
        """Put every value into a dataset."""
        for field, keyword in _KEPT.items():
            setattr(dataset, keyword, getattr(self, field))


def read_identity(data: bytes, name: str) -> Identity:
    """Read whose image a DICOM file is; to be called only after the user asked to keep it.

    What breaks DICOM's own rules, such as a study number of more than 16 characters, is left
    empty, since no file may hold it; the patient's number is kept as it is.

    Args:
        data: the whole file, or its beginning up to the pixels.
        name: for messages; a name that tells nothing of the patient.

    Raises:
        InputError: it is no DICOM file, or names no patient or study.
    """
    import pydicom

    check_bytes(len(data), name)
    with quiet():
        try:
            dataset = pydicom.dcmread(
                io.BytesIO(data),
                stop_before_pixels=True,
                force=True,
                specific_tags=list(_KEPT.values()),
            )
            found = {field: _valid(dataset, key) for field, key in _KEPT.items()}
        except Exception:
            # Damaged files raise anything, and what they raise may quote the file.
            raise InputError(
                f"{name} is a damaged DICOM file: its header cannot be read; export it again."
            ) from None
    return Identity(**found)


def _valid(dataset: "Dataset", keyword: str) -> str:
    from pydicom import config
    from pydicom.datadict import dictionary_VR
    from pydicom.valuerep import validate_value

    text = str(dataset.get(keyword) or "")
    if keyword == "PatientID":
        return text
    try:
        validate_value(dictionary_VR(keyword), text, config.RAISE)
    except ValueError:
        return ""
    return text


def anonymous(dataset: "Dataset", study_uid: str) -> None:
    """Make a dataset nobody's, in place: keep the allow-list, empty or drop everything else.

    Args:
        dataset: of one image; sequences are treated likewise.
        study_uid: a new one; images that belong together share it. The patient's number becomes
            a pseudonym made from it, so that two exports never look like one patient.
    """
    _strip(dataset)
    for keyword in EMPTIED:
        setattr(dataset, keyword, "")
    dataset.StudyInstanceUID = study_uid
    dataset.PatientID = f"ANON-{_digest(study_uid)}"
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD.split("; ")
    dataset.LongitudinalTemporalInformationModified = "REMOVED"


def _strip(dataset: "Dataset") -> None:
    for element in list(dataset):
        if element.tag.is_private or element.keyword not in ALLOWED:
            del dataset[element.tag]
        elif element.VR == "SQ":
            for item in element.value or ():
                _strip(item)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12].upper()


def _is_uid(text: str) -> bool:
    from pydicom.uid import UID

    return bool(text) and UID(text).is_valid
