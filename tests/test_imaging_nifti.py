"""NIfTI, MetaImage and NRRD volumes: geometry in LPS, several volumes, hostile headers."""

import gzip
import io
import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.testing import data_path

from imaging.errors import InputError
from imaging.itk_files import read_itk
from imaging.nifti import inspect_nifti, read_nifti
from imaging.scan import scan
from imaging.study import read_series

AFFINE = np.array([[0, 0, -3.0, 10], [2, 0, 0, -20], [0, 1.5, 0, 30], [0, 0, 0, 1]])
"""Columns of the file run to the front, rows to the head, slices to the left: none in order."""


def nifti(
    samples: np.ndarray, affine: np.ndarray = AFFINE, kind: type = nibabel.Nifti1Image
) -> bytes:
    return kind(samples, affine).to_bytes()


def numbers(shape: tuple[int, ...], dtype: type = np.int16) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("packed", [False, True])
def test_every_voxel_keeps_its_place_in_the_patient(kind: type, packed: bool) -> None:
    """After the axes were put in order each value lies where nibabel's affine puts it, in LPS."""
    samples = numbers((4, 5, 6))
    data = nifti(samples, kind=kind)
    volume = read_nifti(gzip.compress(data) if packed else data, "a.nii")
    for index in np.ndindex(4, 5, 6):
        x, y, z, _ = AFFINE @ (*index, 1)
        column, row, slice_, _ = np.linalg.solve(volume.affine, (-x, -y, z, 1)).round(6)
        assert volume.voxels[int(slice_), int(row), int(column)] == samples[index]
    assert np.diag(volume.affine)[:3] == pytest.approx([3, 2, 1.5])
    assert volume.notes == ()


def test_one_of_several_volumes_is_chosen() -> None:
    """A 4-D file says how many volumes it has; the chosen one is read and named."""
    data = nifti(numbers((3, 4, 5, 7)), np.diag([-1.0, -1, 1, 1]))
    assert inspect_nifti(data, "a").volumes == 7
    volume = read_nifti(data, "a", volume=2)
    np.testing.assert_array_equal(volume.voxels, numbers((3, 4, 5, 7))[..., 2].T)
    assert "Volume 3 of 7 is used." in volume.notes
    with pytest.raises(InputError, match="a has 7 volumes; there is no number 8"):
        read_nifti(data, "a", volume=7)


def test_sform_and_qform_that_disagree_are_told() -> None:
    """The sform is used and the distance between the two is said."""
    image = nibabel.Nifti1Image(numbers((3, 4, 5)), np.eye(4))
    image.set_sform(np.eye(4), 1)
    moved = np.eye(4)
    moved[0, 3] = 230
    image.set_qform(moved, 1)
    volume = read_nifti(image.to_bytes(), "a")
    assert "its sform and its qform lie up to 230 mm apart" in volume.notes[0]
    assert np.linalg.norm(volume.affine[:3, 3]) < 10


def test_a_file_without_a_place_says_so() -> None:
    """Neither sform nor qform: left and right cannot be told."""
    image = nibabel.Nifti1Image(numbers((3, 4, 5)), None)
    assert "left and right cannot be told" in read_nifti(image.to_bytes(), "a").notes[0]


def test_nan_becomes_the_minimum_and_is_counted() -> None:
    """NaN and infinity are replaced with a note; only NaN is refused."""
    samples = numbers((3, 4, 5), np.float32) + 5
    samples[0, 0, 0], samples[1, 1, 1] = np.nan, np.inf
    volume = read_nifti(nifti(samples), "a")
    assert volume.value_range == (6.0, 64.0)
    assert "2 samples without a finite value" in volume.notes[0]
    with pytest.raises(InputError, match="no sample with a finite value"):
        read_nifti(nifti(np.full((2, 2, 2), np.nan, np.float32)), "a")


def declared(shape: tuple[int, ...]) -> bytes:
    """A NIfTI header that declares a shape, without the samples."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.float32)
    header["magic"], header["vox_offset"] = b"n+1", 352
    return header.binaryblock + bytes(4)


def test_a_gzip_bomb_and_absurd_sizes_are_refused_in_little_memory() -> None:
    """What the header declares is checked first, and a gzip gives no more than that."""
    bomb = gzip.compress(declared((4, 4, 4)) + bytes(60_000_000))
    tracemalloc.start()
    try:
        assert read_nifti(bomb, "b.nii.gz").shape == (4, 4, 4)
        with pytest.raises(InputError, match="more than the limit of 1024 MiB"):
            read_nifti(gzip.compress(declared((30000, 30000, 3000))), "b.nii.gz")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_truncated_damaged_and_foreign_files_get_one_sentence() -> None:
    """Cut samples, a broken gzip, colour, complex numbers and another format are refused."""
    data = nifti(numbers((4, 5, 6)))
    with pytest.raises(InputError, match=r"^a is truncated: it holds 200 of the 240 bytes"):
        read_nifti(data[:-40], "a")
    packed = bytearray(gzip.compress(nifti(np.random.default_rng(0).random((20, 20, 20)))))
    packed[3000:3100] = bytes(100)
    with pytest.raises(InputError, match="damaged gzip"):
        read_nifti(bytes(packed), "a")
    colour = np.zeros((2, 2, 2), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="holds colour samples"):
        read_nifti(nifti(colour), "a")
    with pytest.raises(InputError, match="complex"):
        read_nifti(nifti(np.zeros((2, 2, 2), np.complex64)), "a")
    with pytest.raises(InputError, match="is not a NIfTI file"):
        read_nifti(b"hello", "a")


def test_headers_damaged_at_random_never_raise_anything_else() -> None:
    """A header with random bytes is read or refused with InputError."""
    rng = np.random.default_rng(8)
    whole = nifti(numbers((4, 5, 6)))
    for _ in range(150):
        data = bytearray(whole)
        for at in rng.integers(0, 344, 6):
            data[at] = rng.integers(256)
        try:
            assert np.isfinite(read_nifti(bytes(data), "a").voxels).all()
        except InputError:
            continue


@pytest.mark.parametrize("ending", ["mha", "nrrd"])
@pytest.mark.parametrize("packed", [False, True])
def test_metaimage_and_nrrd_keep_values_and_geometry(
    ending: str, packed: bool, tmp_path: Path
) -> None:
    """SimpleITK's own files come back with their samples, spacing, origin and direction."""
    image = sitk.GetImageFromArray(numbers((4, 5, 6)))
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((-10, 20, 30))
    path = tmp_path / f"a.{ending}"
    sitk.WriteImage(image, str(path), useCompression=packed)
    volume = read_series(scan(path).series[0])
    np.testing.assert_array_equal(volume.voxels, numbers((4, 5, 6)))
    assert volume.spacing == pytest.approx((2.5, 0.8, 0.7))
    np.testing.assert_allclose(
        volume.affine @ (5, 4, 3, 1), (*image.TransformIndexToPhysicalPoint((5, 4, 3)), 1)
    )


def test_metaimage_and_nrrd_that_lie_are_refused() -> None:
    """Absurd sizes, samples in another file and cut files never reach SimpleITK."""
    head = "ObjectType = Image\nNDims = 3\nDimSize = {}\nElementType = MET_SHORT\n"
    cases = {
        (head.format("65535 65535 500") + "ElementDataFile = LOCAL\n"): "more than the limit",
        (head.format("9 9 9") + "ElementDataFile = /etc/hostname\n"): "samples in another file",
        (head.format("9 9 9") + "ElementDataFile = LOCAL\nxx"): "is truncated",
        (head.format("9 9") + "ElementDataFile = LOCAL\n"): "damaged MetaImage",
        "NRRD0004\ntype: short\ndimension: 3\nsizes: 9 9 9\nencoding: raw\n"
        "data file: /etc/hostname\n\n": "samples in another file",
        "NRRD0004\ntype: block\ndimension: 3\nsizes: 9 9 9\nencoding: raw\n\n": "damaged NRRD",
    }
    for text, words in cases.items():
        with pytest.raises(InputError, match=words):
            read_itk(text.encode(), "a")


def test_every_packaged_nifti_has_nibabels_values() -> None:
    """Each NIfTI file that comes with nibabel has nibabel's finite range, or one sentence."""
    opened = 0
    for path in sorted(Path(data_path).glob("*.nii*")):
        found = scan(path)
        if not found.series:
            assert found.set_aside[0].reason.endswith(".")
            continue
        volume = read_series(found.series[0])
        reference = np.asanyarray(nibabel.load(path).dataobj)
        reference = reference[..., 0] if reference.ndim > 3 else reference
        finite = reference[np.isfinite(reference)]
        assert volume.value_range == pytest.approx((finite.min(), finite.max()), rel=1e-6)
        assert volume.voxels.size == reference.size
        opened += 1
    assert opened >= 7


def test_every_other_file_packaged_with_nibabel_opens_or_gets_a_sentence() -> None:
    """Analyze, MGH, MINC, PAR/REC, GIFTI and all else in nibabel's test data: no crash."""
    files = [path for path in sorted(Path(data_path).rglob("*")) if path.is_file()]
    sentences = 0
    for path in files:
        try:
            study = scan(path)
            for series in study.series:
                read_series(series)
            told = [aside.reason for aside in study.set_aside]
        except InputError as error:
            told = [str(error)]
        assert all(words.endswith(".") and "\n" not in words for words in told), (path.name, told)
        sentences += len(told)
        for name, word in (("tiny.mnc", "MINC"), ("analyze.hdr", "Analyze"), ("T2.PAR", "PAR/REC")):
            assert path.name != name or word in told[0]
    assert len(files) > 50
    assert sentences > 30


def test_the_packaged_dicom_pair_of_nibabel_opens() -> None:
    """Its two slices are one volume, with pydicom's values."""
    study = scan([Path(data_path) / "0.dcm", Path(data_path) / "1.dcm"])
    assert read_series(study.series[0]).shape == (2, 256, 256)


def test_a_real_template_pair(shared: Path) -> None:
    """The head templates lie where nibabel puts them: their centres are near each other."""
    folder = shared / "cases" / "paired" / "head_template"
    centres = []
    for name in ("ct_scct_2mm.nii.gz", "mr_t1_spm152.nii.gz"):
        volume = read_nifti((folder / name).read_bytes(), name)
        slices, rows, columns = volume.shape
        centres.append(volume.affine @ ((columns - 1) / 2, (rows - 1) / 2, (slices - 1) / 2, 1))
        assert (np.diag(volume.affine)[:3] > 0).all()
    assert np.abs(centres[0] - centres[1]).max() < 20


def test_an_upload_is_bytes_with_a_name() -> None:
    """A NIfTI upload is listed with its size and how many volumes it has."""
    buffer = io.BytesIO(gzip.compress(nifti(numbers((4, 5, 6, 2)))))
    found = scan(("head.nii.gz", buffer.getvalue())).series[0]
    assert (found.kind, found.volumes, found.problem) == ("NIfTI", 2, None)
    assert read_series(found, volume=1).shape == found.shape
