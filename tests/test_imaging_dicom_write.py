"""DICOM out: derived series, Secondary Capture, de-identified or filed under a patient."""

import io
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage

from imaging.deidentify import ALLOWED, EMPTIED, Identity, anonymous, read_identity
from imaging.dicom import read_dicom
from imaging.dicom_write import (
    NO_HU,
    WHITE,
    Derivation,
    Source,
    colour_capture,
    fused_series,
)
from imaging.errors import InputError

HOW = Derivation(
    "checkpoint default 0123456789ab",
    ("center 40, width 80, LINEAR_EXACT", "percentiles 1 to 99 of the body"),
    "The MRI was moved by 3.2 mm and 1.1 degrees.",
    "trainable-wavelet-fusion 0.1.0",
    "ab" * 32,
)
SOURCE_CT = Source(str(CTImageStorage), "1.2.3.4.5")
KEPT = Identity("4711", "1.2.3.77", "Doe^Jane", "19500101", "F", "20200102", study_id="S1")
FRAME = "1.2.3.99"


def affine(tilt: float = 0.0) -> np.ndarray:
    """An oblique grid of 0.7 x 0.8 x 2.5 mm whose planes shift by ``tilt`` mm each."""
    angle = np.deg2rad(10)
    across = np.array([np.cos(angle), np.sin(angle), 0])
    down = np.array([-np.sin(angle), np.cos(angle), 0])
    grid = np.eye(4)
    grid[:3, 0], grid[:3, 1] = 0.7 * across, 0.8 * down
    grid[:3, 2] = (0, 0, 2.5) + tilt * down
    grid[:3, 3] = (-80.125, -75.5, 33.3)
    return grid


def voxels() -> np.ndarray:
    """Three slices of noise that leaves [0, 1] at both ends."""
    return np.random.default_rng(0).uniform(-0.1, 1.1, (3, 20, 17)).astype(np.float32)


def series(**options: object) -> list[Dataset]:
    """The files of a series as pydicom reads them."""
    made = fused_series(voxels(), affine(), HOW, **options)  # type: ignore[arg-type]
    return [pydicom.dcmread(io.BytesIO(data)) for _, data in made]


def test_a_series_is_a_derived_ct_without_hu() -> None:
    """The class is CT Image, the type DERIVED and SECONDARY, and the values are unspecified."""
    for number, dataset in enumerate(series(), 1):
        assert dataset.SOPClassUID == CTImageStorage
        assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert (dataset.RescaleType, dataset.RescaleSlope, dataset.RescaleIntercept) == ("US", 1, 0)
        assert dataset.InstanceNumber == number
        assert dataset.BurnedInAnnotation == "NO"
        assert dataset.ImageComments == NO_HU
        assert "research, not for diagnosis" in dataset.SeriesDescription
        assert len(dataset.SeriesDescription) <= 64


def test_the_derivation_says_how_the_image_was_made() -> None:
    """Method, whole hash, both windows, alignment and the missing HU stand in the description."""
    text = series()[0].DerivationDescription
    for part in (HOW.method, HOW.sha256, *HOW.windows, "3.2 mm and 1.1 degrees", "has no HU"):
        assert part in text
    assert len(Derivation("m", ("w" * 900, "x" * 900), "a", "p 1").description) == 1024


def test_the_geometry_is_that_of_the_grid() -> None:
    """Position, directions, spacing and distance give the affine back to a micrometre."""
    grid = affine()
    for k, dataset in enumerate(series()):
        across, down = np.reshape(np.array(dataset.ImageOrientationPatient, float), (2, 3))
        row, column = (float(mm) for mm in dataset.PixelSpacing)
        again = np.column_stack((across * column, down * row))
        assert np.abs(again - grid[:3, :2]).max() < 1e-6
        corner = grid @ (0, 0, k, 1)
        assert np.abs(np.array(dataset.ImagePositionPatient, float) - corner[:3]).max() < 1e-6
        assert float(dataset.SliceThickness) == pytest.approx(2.5)
        assert list(dataset.PatientOrientation) == ["L", "P"]


def test_a_tilted_gantry_is_placed_slice_by_slice() -> None:
    """Under tilt the positions shift with the planes, whose distance stays the slice thickness."""
    made = [pydicom.dcmread(io.BytesIO(d)) for _, d in fused_series(voxels(), affine(0.6), HOW)]
    shift = np.diff([np.array(d.ImagePositionPatient, float) for d in made], axis=0)
    assert np.abs(shift - affine(0.6)[:3, 2]).max() < 1e-6
    assert float(made[0].SliceThickness) == pytest.approx(2.5)


def test_simpleitk_reads_the_same_geometry(tmp_path: Path) -> None:
    """An independent reader finds origin, spacing, directions and values of the series."""
    import SimpleITK as sitk

    names = []
    for name, data in fused_series(voxels(), affine(), HOW):
        names.append(tmp_path / name)
        names[-1].write_bytes(data)
    image: Any = sitk.ReadImage([str(name) for name in names])
    found = np.eye(4)
    found[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    found[:3, 3] = image.GetOrigin()
    assert np.abs(found - affine()).max() < 1e-4
    wanted = np.rint(np.clip(voxels().astype(float), 0, 1) * WHITE)
    assert np.array_equal(sitk.GetArrayFromImage(image), wanted)


def test_our_own_reader_sees_grey_values_and_not_hu() -> None:
    """A fused file read back is grey, fills its window from 0 to 4095, and has its spacing."""
    name, data = next(fused_series(voxels(), affine(), HOW))
    image = read_dicom(data, name)
    assert image.unit == "grey"
    assert image.window is not None
    assert image.window.limits == (0, WHITE)
    assert image.spacing == pytest.approx((0.8, 0.7))


def test_all_files_of_a_series_share_what_they_must() -> None:
    """Study, series and frame of reference are one; the images' own identifiers all differ."""
    first, *others = made = series()
    for key in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert all(dataset[key].value == first[key].value for dataset in others)
    assert len({dataset.SOPInstanceUID for dataset in made}) == 3
    assert series()[0].SeriesInstanceUID != first.SeriesInstanceUID


def test_the_default_tells_nothing_of_the_patient() -> None:
    """De-identified files hold allowed tags only, no source references and no old frame."""
    made = series(sources=[[SOURCE_CT]] * 3, frame_of_reference=FRAME, created=datetime(2024, 5, 6))
    for dataset in made:
        kept = {element.keyword for element in dataset if element.value not in ("", None)}
        assert kept <= ALLOWED
        assert all(dataset[key].value in ("", None) for key in EMPTIED)
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.FrameOfReferenceUID != FRAME
        assert not {e.keyword for e in dataset.iterall() if e.VR in ("DA", "TM") and e.value}
    assert made[0].PatientID != series()[0].PatientID


def test_stripping_removes_private_and_unknown_tags() -> None:
    """The allow-list drops private blocks, physicians, dates and institutions from any dataset."""
    dataset = Dataset()
    dataset.PatientName, dataset.InstitutionName = "Doe^Jane", "Clinic"
    dataset.OperatorsName, dataset.SeriesDate, dataset.Rows = "Roe", "20200101", 4
    dataset.private_block(0x0029, "ACME", create=True).add_new(1, "LO", "secret")
    anonymous(dataset, "1.2.3")
    assert dataset.Rows == 4
    assert "Doe" not in str(dataset)
    assert not {"InstitutionName", "OperatorsName", "SeriesDate"} & set(dir(dataset))
    assert not any(element.tag.is_private for element in dataset)


def test_for_the_pacs_the_patient_and_study_are_kept() -> None:
    """With an identity the files join its study and name their sources and the CT's frame."""
    made = series(
        identity=KEPT,
        sources=[[SOURCE_CT, Source("1.2.3", "1.2.3.4.9")]] * 3,
        frame_of_reference=FRAME,
        created=datetime(2024, 5, 6, 7, 8, 9),
    )
    for dataset in made:
        assert (dataset.PatientID, dataset.StudyInstanceUID) == ("4711", "1.2.3.77")
        assert str(dataset.PatientName) == "Doe^Jane"
        assert dataset.FrameOfReferenceUID == FRAME
        assert (dataset.ContentDate, dataset.ContentTime) == ("20240506", "070809")
        assert "PatientIdentityRemoved" not in dataset
        found = [item.ReferencedSOPInstanceUID for item in dataset.SourceImageSequence]
        assert found == ["1.2.3.4.5", "1.2.3.4.9"]
        purpose = dataset.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0]
        assert (purpose.CodeValue, purpose.CodingSchemeDesignator) == ("121322", "DCM")


def test_an_identity_survives_a_round_trip_and_never_prints() -> None:
    """What was written is read back whole; its text form shows nothing of it."""
    _, data = next(fused_series(voxels(), affine(), HOW, identity=KEPT))
    assert read_identity(data, "a file") == KEPT
    assert repr(KEPT) == "Identity(not shown)"


def test_without_number_or_study_nothing_is_filed() -> None:
    """A missing Patient ID or study is refused with the way out."""
    with pytest.raises(InputError, match=r"Patient ID.*de-identified"):
        Identity(" ", "1.2.3")
    with pytest.raises(InputError, match=r"Study Instance UID.*de-identified"):
        Identity("4711", "")


def test_grids_that_dicom_cannot_describe_are_refused() -> None:
    """Rows and columns that are not perpendicular are refused, and so is NaN."""
    skewed = affine()
    skewed[:3, 0] += 0.1 * skewed[:3, 1]
    with pytest.raises(InputError, match="perpendicular"):
        list(fused_series(voxels(), skewed, HOW))
    broken = voxels()
    broken[1, 2, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        list(fused_series(broken, affine(), HOW))


def test_a_colour_view_is_secondary_capture() -> None:
    """The RGB pixels come back as they were, with odd sizes, spacing and sides of the patient."""
    image = np.random.default_rng(1).integers(0, 256, (7, 5, 3), np.uint8)
    data = colour_capture(image, HOW, spacing=(0.8, 0.7), orientation=(1, 0, 0, 0, 1, 0))
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert dataset.SOPClassUID == SecondaryCaptureImageStorage
    assert (dataset.Modality, dataset.ConversionType) == ("OT", "WSD")
    assert np.array_equal(dataset.pixel_array, image)
    assert [float(mm) for mm in dataset.PixelSpacing] == [0.8, 0.7]
    assert list(dataset.PatientOrientation) == ["L", "P"]
    assert "not for diagnosis" in dataset.SeriesDescription


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not here")
@pytest.mark.parametrize("identity", [None, KEPT])
def test_dciodvfy_finds_no_error(identity: Identity | None, tmp_path: Path) -> None:
    """The independent validator of the standard's modules reports no error in any file."""
    sources = [[SOURCE_CT]] * 3
    files = dict(fused_series(voxels(), affine(), HOW, identity=identity, sources=sources))
    grey = np.zeros((8, 6, 3), np.uint8)
    files["colour.dcm"] = colour_capture(grey, HOW, spacing=(1, 1), identity=identity)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        done = subprocess.run(
            ["dciodvfy", tmp_path / name], capture_output=True, text=True, timeout=60, check=False
        )
        assert "Error" not in done.stderr, done.stderr
        assert "CTImage" in done.stderr or "SCImage" in done.stderr


def test_a_real_ct_keeps_its_place(shared: Path) -> None:
    """Exported on the grid of real CT slices, a series gives their positions and spacing back."""
    files = sorted((shared / "cases" / "paired" / "sts_001" / "CT").rglob("*.dcm"))
    heads = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    heads.sort(key=lambda head: float(head.ImagePositionPatient[2]))
    heads = heads[:3]
    first, last = heads[0], heads[-1]
    directions = np.reshape(np.array(first.ImageOrientationPatient, float), (2, 3))
    row, column = (float(mm) for mm in first.PixelSpacing)
    grid = np.eye(4)
    grid[:3, 0], grid[:3, 1] = directions[0] * column, directions[1] * row
    start, end = (np.array(head.ImagePositionPatient, float) for head in (first, last))
    grid[:3, 2], grid[:3, 3] = (end - start) / 2, start
    fused = np.zeros((3, int(first.Rows), int(first.Columns)), np.float32)
    sources = [[Source(str(h.SOPClassUID), str(h.SOPInstanceUID))] for h in heads]
    made = fused_series(fused, grid, HOW, identity=KEPT, sources=sources)
    for head, (_, data) in zip(heads, made, strict=True):
        again = pydicom.dcmread(io.BytesIO(data))
        for key in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            assert np.allclose(again[key].value, head[key].value, atol=1e-5)
        assert again.SourceImageSequence[0].ReferencedSOPInstanceUID == head.SOPInstanceUID
