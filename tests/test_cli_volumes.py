"""The shell on volumes: what is read, what is written, and what is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cli import main
from imaging.read import read_image
from imaging.scan import scan
from imaging.study import read_series
from imaging.tfm import decode_tfm, encode_tfm
from imaging.transform import rigid
from imaging.volume import Volume
from imaging.write import encode_png
from tests.moved_heads import head, slice_of
from tests.synthetic import write_checkpoint, write_pair
from tests.volume_files import (
    CT_GRID,
    MR_GRID,
    dicom_head,
    nifti_head,
    write_folder,
    write_nifti,
    write_zip,
)


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("weights")
    write_checkpoint(folder)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))
    monkeypatch.delenv("TWF_DEBUG", raising=False)


@pytest.fixture(scope="module")
def ct_slices() -> list[Dataset]:
    """The head as a CT series."""
    return dicom_head("CT", CT_GRID)


@pytest.fixture(scope="module")
def mr_slices() -> list[Dataset]:
    """The head as an MR series in the same frame of reference."""
    return dicom_head("MR", MR_GRID)


@pytest.fixture
def pair(
    tmp_path: Path, ct_slices: list[Dataset], mr_slices: list[Dataset]
) -> Iterator[list[Path]]:
    """A folder and a zip."""
    return [write_folder(tmp_path / "ct", ct_slices), write_zip(tmp_path / "mr.zip", mr_slices)]


def run(*words: object) -> int:
    """Exit code of a command line."""
    try:
        return main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)


def read_back(path: Path) -> Volume:
    """The one volume of a file or folder."""
    study = scan(path)
    assert len(study.series) == 1
    return read_series(study.series[0])


def test_volumes_come_out_as_nifti_and_dicom_with_equal_geometry(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder and a zip become one NIfTI file, one DICOM folder and one zip on the CT's grid."""
    ct = read_back(pair[0])
    outs = [tmp_path / name for name in ("f.nii.gz", "f.nii", "f.dcm", "f.zip")]
    for out in outs:
        assert run("fuse", *pair, "-o", out) == 0
    told = capsys.readouterr()
    assert "10 axial slices" in told.out
    assert "A fused value has no HU" in told.out
    assert "linear interpolation" in told.err
    volumes = [read_back(out) for out in outs]
    for volume in volumes:
        assert volume.shape == ct.shape
        assert np.allclose(volume.affine, ct.affine, atol=1e-4)
        assert volume.unit == "grey"
    assert volumes[2].modality == "CT"
    first = volumes[0].voxels
    assert 0.2 < first.max() <= 1
    assert np.allclose(volumes[2].voxels / 4095, first, atol=1e-6)


def test_one_slice_is_written_and_the_middle_one_is_said(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A PNG without --slice is the middle slice; with it and a plane, that one; also as DICOM."""
    middle, coronal = tmp_path / "m.png", tmp_path / "c.png"
    assert run("fuse", *pair, "-o", middle) == 0
    assert "axial slice 6 of 10, the middle one" in capsys.readouterr().out
    assert read_image(middle).shape == (40, 36)
    assert run("fuse", *pair, "-o", coronal, "--plane", "coronal", "--slice", 20) == 0
    assert "coronal slice 20 of 40;" in capsys.readouterr().out
    assert read_image(coronal).shape == (10, 36)
    assert run("fuse", *pair, "-o", tmp_path / "one.dcm", "--slice", 3) == 0
    one = read_back(tmp_path / "one.dcm")
    ct = read_back(pair[0])
    assert np.allclose(one.affine[:3, 3], (ct.affine @ (0, 0, 2, 1))[:3])


def test_reports_masks_and_numbers_of_a_slice_and_a_volume(
    pair: list[Path], tmp_path: Path
) -> None:
    """A slice gets masks, metrics and a report; a volume a summary with windows and shares."""
    page, pdf, js = tmp_path / "r.html", tmp_path / "r.pdf", tmp_path / "v.json"
    out = tmp_path / "s.png"
    assert run("fuse", *pair, "-o", out, "--report", page, "--masks", tmp_path / "masks") == 0
    assert "Axial slice 6 of 10" in page.read_text()
    assert len(list((tmp_path / "masks").iterdir())) == 8
    assert run("fuse", *pair, "-o", out, "--report", pdf, "--slice", 2) == 0
    assert pdf.read_bytes().startswith(b"%PDF")
    words = ("--window-ct", "bone", "--window-mri", "700,350", "--json", js)
    assert run("fuse", *pair, "-o", tmp_path / "v.nii.gz", *words) == 0
    values = json.loads(js.read_text())
    assert values["windows"]["ct"]["width"] == 2800
    assert (values["windows"]["mri"]["center"], values["windows"]["mri"]["width"]) == (350, 700)
    assert values["alignment"]["way"] == "geometry"
    assert {band["band"] for band in values["bands"]} == {"LL", "LH", "HL", "HH"}
    assert values["values"].startswith("A fused value has no HU")


def test_nifti_pairs_are_registered_and_the_transform_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NIfTI has no frame of reference, so a search runs; its transform gives the same again."""
    files = [nifti_head(tmp_path / "ct.nii.gz", "CT"), nifti_head(tmp_path / "mr.nii", "MR")]
    tfm, first, second = tmp_path / "t.tfm", tmp_path / "a.png", tmp_path / "b.png"
    assert run("fuse", *files, "-o", first, "--save-transform", tfm) == 0
    assert "agreement" in capsys.readouterr().err
    found = decode_tfm(tfm.read_bytes())
    assert found.dimension == 3
    assert run("fuse", *files, "-o", second, "--transform", tfm) == 0
    assert "by the transform of a file" in capsys.readouterr().err
    assert np.array_equal(read_image(first).pixels, read_image(second).pixels)


def test_the_mri_grid_can_be_the_one_that_counts(pair: list[Path], tmp_path: Path) -> None:
    """--onto mri writes on the grid of the MRI."""
    assert run("fuse", *pair, "-o", tmp_path / "f.nii.gz", "--onto", "mri") == 0
    mri = read_back(pair[1])
    assert np.allclose(read_back(tmp_path / "f.nii.gz").affine, mri.affine, atol=1e-4)


def test_a_series_is_chosen_where_there_are_several(
    tmp_path: Path, pair: list[Path], mr_slices: list[Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """Two MR series in one folder: fuse lists them and takes the one that is named."""
    both = write_folder(tmp_path / "both", mr_slices)
    write_folder(both / "t2", dicom_head("MR", MR_GRID, SeriesInstanceUID="1.2.3.7"))
    out = tmp_path / "f.png"
    assert run("fuse", pair[0], both, "-o", out) == 1
    error = capsys.readouterr().err
    assert "both holds 2 series that can be the MRI" in error
    assert "2: MR series 2" in error
    assert run("fuse", pair[0], both, "-o", out, "--series-mri", "2") == 0
    assert run("fuse", pair[0], both, "-o", out, "--series-mri", "mr series 1") == 0
    assert run("fuse", pair[0], both, "-o", out, "--series-mri", "9") == 1
    assert "There is no series '9'" in capsys.readouterr().err
    assert run("fuse", pair[0], both, "-o", out, "--series-mri", "1:2") == 1
    assert "no volume 2; choose 1 to 1" in capsys.readouterr().err


BAD = {
    "png all": (("-o", "x.png", "--slice", "all"), "A PNG holds one slice"),
    "nifti slice": (("-o", "x.nii.gz", "--slice", "3"), "A NIfTI file holds the whole volume"),
    "slice word": (("-o", "x.png", "--slice", "middle"), "a number from 1, or all"),
    "slice far": (("-o", "x.png", "--slice", "99"), "no axial slice 99; choose 1 to 10"),
    "ending": (("-o", "x.tiff"), "does not tell what to write"),
    "masks": (("-o", "x.nii.gz", "--masks", "m"), "--masks is about one slice"),
    "plane": (("-o", "x.nii.gz", "--plane", "axial"), "--plane needs --slice K"),
    "pacs png": (("-o", "x.png", "--for-pacs", "--yes"), "--for-pacs is about DICOM files"),
    "preset": (("-o", "x.png", "--window-mri", "brain"), "The MRI is not in HU"),
    "window": (("-o", "x.png", "--window-ct", "wide"), "'wide' is no window; give WIDTH,LEVEL"),
    "none": (("-o", "x.png", "--align", "none"), "cannot be laid on each other as they are"),
    "transform": (("-o", "x.png", "--transform", "no.tfm"), "no.tfm"),
}


@pytest.mark.parametrize("case", BAD)
def test_options_that_do_not_go_together_get_one_sentence(
    case: str, pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Each is refused with one line on stderr, and nothing is written."""
    words, sentence = BAD[case]
    monkeypatch.chdir(tmp_path)
    assert run("fuse", *pair, *words) == 1
    error = capsys.readouterr().err
    assert sentence in error.splitlines()[-1]
    assert error.splitlines()[-1].startswith("error: ")
    assert not list(tmp_path.glob("x.*"))


def test_a_transform_of_images_is_refused(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A transform with two axes does not fit volumes."""
    flat = tmp_path / "flat.tfm"
    flat.write_bytes(encode_tfm(rigid((1.0, 2.0), (3.0,))))
    assert run("fuse", *pair, "-o", tmp_path / "f.png", "--transform", flat) == 1
    assert "flat.tfm holds a transform of images" in capsys.readouterr().err


def test_a_dicom_folder_is_never_mixed_with_other_files(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds anything is refused, and what it holds stays."""
    keep = tmp_path / "f.dcm" / "mine.txt"
    keep.parent.mkdir()
    keep.write_text("mine")
    assert run("fuse", *pair, "-o", keep.parent) == 1
    assert "already holds files" in capsys.readouterr().err
    assert [path.name for path in keep.parent.iterdir()] == ["mine.txt"]


def test_inspect_says_what_is_there_and_what_would_be_done(
    pair: list[Path], tmp_path: Path, mr_slices: list[Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """Series with planes, sizes and spacings, set-aside files, patients, alignment, windows."""
    (pair[0] / "notes.txt").write_text("hello")
    assert run("inspect", *pair) == 0
    told = capsys.readouterr().out
    for part in (
        "1: CT series 1: CT head axial, 10 slices of 36 × 40, 6 × 6 × 18 mm",
        "MR series 1: MR head axial, 12 slices of 34 × 34, 7 × 7 × 15 mm",
        "notes.txt was set aside: text.",
        "name one patient",
        "alignment: geometry (both files give places in one frame of reference)",
        "CT window: 0 to 80 HU",
        "MRI window: ",
    ):
        assert part in told
    assert run("inspect", pair[0]) == 0
    assert "A CT and an MRI are needed" in capsys.readouterr().out
    write_folder(tmp_path / "mr", mr_slices)
    assert run("inspect", tmp_path) == 0
    assert "Would be fused" in capsys.readouterr().out
    assert run("inspect", pair[1], pair[0]) == 0
    assert "Cannot be fused as it is: mr.zip was given as the CT" in capsys.readouterr().out


def test_inspect_of_nothing_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path that is not there, and an empty folder."""
    assert run("inspect", tmp_path / "gone") == 1
    assert "gone does not exist" in capsys.readouterr().err
    assert run("inspect", tmp_path) == 1
    assert "There is no file to read" in capsys.readouterr().err


def test_pairs_of_images_take_windows_and_reports_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two PNGs are fused as before; a window and a report work for them as well."""
    ct, mri = write_pair(tmp_path)
    page = tmp_path / "r.html"
    assert run("fuse", ct, mri, "-o", tmp_path / "a.png") == 0
    words = ("--window-ct", "60,128", "--report", page)
    assert run("fuse", ct, mri, "-o", tmp_path / "b.png", *words) == 0
    a, b = (read_image(tmp_path / name).pixels for name in ("a.png", "b.png"))
    assert not np.array_equal(a, b)
    assert "not registered" in page.read_text()
    capsys.readouterr()
    assert run("fuse", ct, mri, "-o", tmp_path / "c.nii.gz") == 1
    assert "a PNG picture, not part of a volume" in capsys.readouterr().err


def test_single_images_are_aligned_in_their_plane(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--align rigid moves one slice back onto another, and its transform does so again."""
    grid = ((1, 96, 96), (5.0, 2.4, 2.4))
    turn = rigid((9.0, -6.0, 0.0), (0.0, 0.0, 9.0))
    files = []
    for modality, motion in (("CT", None), ("MR", turn)):
        pixels = slice_of(head(modality, *grid, transform=motion), 0).pixels
        low, high = (-100, 120) if modality == "CT" else (0, 700)
        path = tmp_path / f"{modality}.png"
        path.write_bytes(encode_png(np.clip((pixels - low) / (high - low), 0, 1)))
        files.append(path)
    tfm, outs = tmp_path / "t.tfm", [tmp_path / name for name in ("a.png", "b.png")]
    assert run("fuse", *files, "-o", outs[0], "--align", "rigid", "--save-transform", tfm) == 0
    assert "Aligned: the image was moved" in capsys.readouterr().err
    assert abs(decode_tfm(tfm.read_bytes()).rotation_deg - 9) < 1
    assert run("fuse", *files, "-o", outs[1], "--transform", tfm) == 0
    assert "by the transform of a file" in capsys.readouterr().err
    first, second = (read_image(out).pixels for out in outs)
    assert np.abs(first - second).max() <= 1


def test_a_volume_of_several_is_chosen(tmp_path: Path, pair: list[Path]) -> None:
    """Of a NIfTI file with two volumes, N:V takes the second."""
    import nibabel

    mri = read_back(pair[1])
    voxels = np.stack((mri.voxels, 2 * mri.voxels), -1).transpose(2, 1, 0, 3)
    ras = np.diag((-1.0, -1.0, 1.0, 1.0)) @ mri.affine
    path = tmp_path / "two.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, ras), path)
    single = write_nifti(tmp_path / "one.nii", mri)
    outs = tmp_path / "a.png", tmp_path / "b.png"
    words = ("--align", "geometry")
    assert run("fuse", pair[0], path, "-o", outs[0], "--series-mri", "1:2", *words) == 0
    assert run("fuse", pair[0], single, "-o", outs[1], *words) == 0
    # Twice the signal in a window twice as wide is the same picture.
    a, b = (read_image(out).pixels for out in outs)
    assert np.abs(a - b).max() <= 1
