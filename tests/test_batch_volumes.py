"""Batches of volumes: folders, zips and NIfTI files paired by name, resumed, never mixed up."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cli import main
from imaging.errors import InputError
from imaging.pairs import find_pairs, find_volume_pairs
from imaging.scan import scan
from imaging.study import read_series
from tests.synthetic import write_checkpoint, write_folder
from tests.volume_files import CT_GRID, MR_GRID, dicom_head, nifti_head, write_zip
from tests.volume_files import write_folder as write_series


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("weights")
    write_checkpoint(folder)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))
    monkeypatch.delenv("TWF_DEBUG", raising=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A pair as folder and zip, a pair of NIfTI files, an MRI alone, and a damaged pair."""
    root = tmp_path / "data"
    (root / "CT").mkdir(parents=True)
    (root / "MRI").mkdir()
    write_series(root / "CT" / "case1", dicom_head("CT", CT_GRID))
    write_zip(root / "MRI" / "case1.zip", dicom_head("MR", MR_GRID))
    nifti_head(root / "CT" / "case2.nii.gz", "CT")
    nifti_head(root / "MRI" / "case2.nii", "MR")
    nifti_head(root / "MRI" / "alone.nii", "MR")
    (root / "CT" / "case3.nii").write_bytes(b"not a volume")
    nifti_head(root / "MRI" / "case3.nii", "MR")
    return root


def run(*words: object) -> int:
    """Exit code of a command line."""
    return main([str(word) for word in words])


def test_volumes_pair_by_name_whatever_their_kind(data: Path) -> None:
    """Endings and folders are no part of the name; what is alone is told."""
    found = find_volume_pairs(data)
    assert found is not None
    assert [pair.name for pair in found.pairs] == ["case1", "case2", "case3"]
    assert found.unpaired_mri == ("alone.nii",)


def test_images_beside_a_stray_folder_stay_images(tmp_path: Path, data: Path) -> None:
    """A data folder of images with folders or zips among them is one of images, and is said so."""
    images = write_folder(tmp_path / "images")
    for name in ("CT", "MRI"):
        (images / name / "old").mkdir()
    assert find_volume_pairs(images) is None
    assert len(find_pairs(images).pairs) == 3
    with pytest.raises(InputError, match="holds volumes, where single images are needed"):
        find_pairs(data)


def test_a_batch_writes_volumes_and_is_passed_over_when_called_again(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each good pair gets a file and a summary; a bad one is named; a second call keeps them."""
    out = tmp_path / "out"
    words = ("batch", data, "-o", out, "--align", "geometry")
    assert run(*words) == 0
    told = capsys.readouterr()
    assert "2 of 3 pairs fused; 1 skipped" in told.out
    assert "case3 skipped: case3.nii holds no CT" in told.err
    ct = read_series(scan(data / "CT" / "case1").series[0])
    fused = read_series(scan(out / "case1.nii.gz").series[0])
    assert np.allclose(fused.affine, ct.affine, atol=1e-4)
    assert json.loads((out / "case2.json").read_text())["alignment"]["way"] == "geometry"
    assert (out / "contact-sheet-1.png").is_file()
    assert "different places" not in (out / "report.txt").read_text()
    before = (out / "case1.nii.gz").stat().st_mtime_ns
    assert run(*words) == 0
    assert "2 of them passed over" in capsys.readouterr().out
    assert (out / "case1.nii.gz").stat().st_mtime_ns == before
    assert run(*words, "--window-ct", "bone") == 0
    assert (out / "case1.nii.gz").stat().st_mtime_ns != before


def test_a_zip_of_studies_becomes_a_zip_of_dicom_folders(data: Path, tmp_path: Path) -> None:
    """CT/ and MRI/ with folders inside are unpacked, and DICOM folders packed."""
    packed, out = tmp_path / "studies.zip", tmp_path / "fused.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(data.rglob("*")):
            archive.write(path, path.relative_to(data))
    assert run("batch", packed, "-o", out, "--align", "geometry", "--format", "dicom") == 0
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
    assert "fused/case1.dcm/fused-0001.dcm" in names
    assert sum(name.startswith("fused/case1.dcm/") for name in names) == CT_GRID[0][0]
    assert "fused/case2.json" in names


def test_a_folder_that_is_not_ours_is_never_emptied(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where case1.dcm/ holds other files, that pair is skipped and they stay."""
    mine = tmp_path / "out" / "case1.dcm" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    words = ("--align", "geometry", "--format", "dicom")
    assert run("batch", data, "-o", tmp_path / "out", *words) == 0
    assert "already holds files" in capsys.readouterr().err
    assert mine.read_text() == "mine"


def test_options_of_the_other_kind_are_refused(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--masks does not go with volumes, nor --align with images."""
    assert run("batch", data, "-o", tmp_path / "o", "--masks", tmp_path / "m") == 1
    assert "--masks is about images" in capsys.readouterr().err
    images = write_folder(tmp_path / "images")
    assert run("batch", images, "-o", tmp_path / "o", "--align", "rigid") == 1
    assert "--align is about volumes" in capsys.readouterr().err
