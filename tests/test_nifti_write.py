"""NIfTI out: the same voxels at the same place, for every reader."""

import gzip
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from imaging.nifti_write import LPS_TO_RAS, encode_nifti
from tests.test_imaging_dicom_write import affine, voxels


def opened(data: bytes) -> Any:
    """The file as nibabel sees it."""
    return nibabel.Nifti1Image.from_bytes(
        gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    )


def test_the_voxels_and_their_place_come_back() -> None:
    """Values are equal to the bit, unclamped, and every voxel lies where it was, in RAS."""
    image = opened(encode_nifti(voxels(), affine()))
    assert np.array_equal(np.asanyarray(image.dataobj).transpose(2, 1, 0), voxels())
    assert np.abs(image.affine - LPS_TO_RAS @ affine()).max() < 1e-4
    assert image.header.get_xyzt_units()[0] == "mm"


def test_sform_and_qform_agree() -> None:
    """Both transforms carry the scanner's code and the same matrix."""
    image = opened(encode_nifti(voxels(), affine(), compress=False))
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert np.abs(image.get_sform() - image.get_qform()).max() < 1e-4


def test_a_sheared_grid_has_no_qform() -> None:
    """A tilted gantry's grid is kept exactly in the sform, and no wrong qform stands beside it."""
    image = opened(encode_nifti(voxels(), affine(0.6)))
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 0)
    assert np.abs(image.affine - LPS_TO_RAS @ affine(0.6)).max() < 1e-4


def test_simpleitk_places_the_volume_alike(tmp_path: Path) -> None:
    """A reader that uses the qform finds the LPS grid that went in."""
    path = tmp_path / "fused.nii.gz"
    path.write_bytes(encode_nifti(voxels(), affine()))
    image: Any = sitk.ReadImage(str(path))
    found = np.eye(4)
    found[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    found[:3, 3] = image.GetOrigin()
    assert np.abs(found - affine()).max() < 1e-4
    assert np.array_equal(sitk.GetArrayFromImage(image), voxels())


def test_the_words_are_in_the_header() -> None:
    """The description is cut to its field, a longer comment is kept whole, also beyond ASCII."""
    comment = "A fused value has no HU. Größe"
    image = opened(encode_nifti(voxels(), affine(), "d" * 200, comment=comment))
    assert bytes(image.header["descrip"].tobytes()).rstrip(b"\0") == b"d" * 79
    extension = image.header.extensions[0]
    assert extension.get_content().rstrip(b"\0").decode() == comment


def test_the_same_volume_gives_the_same_bytes() -> None:
    """Nothing of the time of writing gets into the file."""
    assert encode_nifti(voxels(), affine(), "x") == encode_nifti(voxels(), affine(), "x")


def test_what_nifti_cannot_hold_is_refused() -> None:
    """NaN and arrays that are no float32 volume are refused."""
    broken = voxels()
    broken[0, 0, 0] = np.nan
    for wrong in (broken, voxels()[0], voxels().astype(np.float64)):
        with pytest.raises(ValueError, match="finite"):
            encode_nifti(wrong, affine())  # type: ignore[arg-type]
