"""Registration of two real pairs: a thigh in DICOM, and a head template in NIfTI."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from imaging.register import register
from imaging.transform import Transform, rigid
from imaging.volume import Origin, Volume

pytestmark = pytest.mark.slow


def series(folder: Path, unit: str) -> Volume:
    """A series of parallel axial slices, read plainly."""
    files = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
    files.sort(key=lambda file: float(file.ImagePositionPatient[2]))
    stack = [
        file.pixel_array * float(file.get("RescaleSlope", 1)) + file.get("RescaleIntercept", 0)
        for file in files
    ]
    voxels = np.stack(stack).astype(np.float32)
    first, last = (np.array(f.ImagePositionPatient, float) for f in (files[0], files[-1]))
    row, column = (float(v) for v in files[0].PixelSpacing)
    affine = np.diag((column, row, (last[2] - first[2]) / (len(files) - 1), 1.0))
    affine[:3, 3] = first
    origin = Origin(frame_of_reference=str(files[0].FrameOfReferenceUID))
    limits = (float(voxels.min()), float(voxels.max()))
    return Volume(voxels, affine, limits, unit, files[0].Modality, origin=origin)


def nifti(path: Path) -> Volume:
    """A NIfTI volume, read plainly."""
    image = nibabel.load(path)
    voxels = np.ascontiguousarray(np.asarray(image.dataobj, np.float32).T)  # type: ignore[attr-defined]
    affine = np.diag((-1.0, -1.0, 1.0, 1.0)) @ image.affine  # type: ignore[attr-defined]
    return Volume(voxels, affine, (float(voxels.min()), float(voxels.max())), name=path.name)


@pytest.fixture(scope="module", params=["thigh", "head"])
def pair(request: pytest.FixtureRequest, shared: Path) -> tuple[Volume, Volume]:
    """CT and MR of one pair."""
    folder = shared / "cases" / "paired"
    if not folder.is_dir():
        pytest.skip("the paired cases are not here")
    if request.param == "thigh":
        return series(folder / "sts_001" / "CT", "HU"), series(folder / "sts_001" / "MR_T1", "grey")
    template = folder / "head_template"
    return nifti(template / "ct_scct_2mm.nii.gz"), nifti(template / "mr_t1_spm152.nii.gz")


def test_wherever_the_mri_starts_it_ends_at_one_place(pair: tuple[Volume, Volume]) -> None:
    """The MRI as filed, and moved by 24 mm and 10 degrees, ends within 2 mm of itself.

    Along the shaft of the thigh bone little changes, so there one slice of 3.3 mm is allowed.
    """
    ct, mr = pair
    middle = ct.affine @ (*((np.array(ct.shape[::-1]) - 1) / 2), 1)
    away = rigid((18.0, -12.0, 10.0), (3.0, 4.0, 9.0), tuple(float(v) for v in middle[:3]))
    moved = Volume(mr.voxels, away.inverse().matrix @ mr.affine, mr.value_range, origin=mr.origin)
    found = [register(ct, volume) for volume in (mr, moved)]
    assert [f.verdict for f in found] == ["aligned", "aligned"]
    ends = Transform(away.matrix @ found[1].transform.matrix), found[0].transform
    axis = np.linspace(-60, 60, 5)
    cube = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3) + middle[:3]
    apart = np.linalg.norm(ends[0].points(cube) - ends[1].points(cube), axis=1)
    assert apart.mean() < max(2.0, ct.spacing[0])
    assert all(f.metric_end > f.metric_start for f in found)


def test_a_shared_frame_of_reference_proves_nothing(shared: Path) -> None:
    """The thigh's series name one frame of reference, yet their bones lie over 10 mm apart."""
    folder = shared / "cases" / "paired" / "sts_001"
    if not folder.is_dir():
        pytest.skip("the paired cases are not here")
    ct, mr = series(folder / "CT", "HU"), series(folder / "MR_T1", "grey")
    assert ct.origin.frame_of_reference == mr.origin.frame_of_reference
    assert register(ct, mr).translation_mm > 10
