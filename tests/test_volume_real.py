"""Two real pairs through the shell: a thigh in DICOM zips, and a head template in NIfTI."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cli import main
from imaging.scan import scan
from imaging.study import read_series
from imaging.tfm import decode_tfm
from imaging.volume import Volume

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cases(shared: Path) -> Path:
    """The folder of real pairs."""
    folder = shared / "cases" / "paired"
    if not folder.is_dir():
        pytest.skip("the paired cases are not here")
    return folder


@pytest.fixture(scope="module")
def thigh(cases: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """CT and MR of the thigh as two zips."""
    folder = tmp_path_factory.mktemp("thigh")
    zips = []
    for name in ("CT", "MR_T1"):
        path = folder / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted((cases / "sts_001" / name).glob("*.dcm")):
                archive.write(file, f"{name}/{file.name}")
        zips.append(path)
    return zips


def run(*words: object) -> int:
    """Exit code of a command line, with the shipped checkpoint."""
    return main([str(word) for word in words])


def read_back(path: Path) -> Volume:
    """The one volume of a path."""
    (series,) = scan(path).series
    return read_series(series)


def validator(path: Path) -> str:
    """What dciodvfy says of a file; the test ends here where it is not installed."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy (Debian: dicom3tools) is not installed")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def test_the_thigh_is_registered_fused_and_exported(
    thigh: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two zips: registered and checked, fused as a volume, equal geometry as DICOM and NIfTI."""
    nifti, again, dicom = (tmp_path / name for name in ("f.nii.gz", "again.nii.gz", "f.dcm"))
    tfm, js = tmp_path / "t.tfm", tmp_path / "f.json"
    words = ("--align", "rigid", "--save-transform", tfm, "--json", js)
    assert run("fuse", *thigh, "-o", nifti, *words) == 0
    told = capsys.readouterr().err
    assert "Aligned: the image was moved" in told
    values = json.loads(js.read_text())
    assert values["alignment"]["verdict"] == "aligned"
    assert values["alignment"]["agreement_end"] > values["alignment"]["agreement_start"]
    assert values["same_patient"] == "yes"
    assert 0.2 < values["ct_share"] < 0.95
    assert decode_tfm(tfm.read_bytes()).translation_mm > 10
    for out in (again, dicom):
        assert run("fuse", *thigh, "-o", out, "--transform", tfm) == 0
    ct, first, second, third = (read_back(path) for path in (thigh[0], nifti, again, dicom))
    for volume in (first, second, third):
        assert volume.shape == ct.shape == (59, 202, 198)
        assert np.allclose(volume.affine, ct.affine, atol=1e-3)
    assert np.abs(second.voxels * 4095 - third.voxels).max() < 0.5
    # A transform read from its file differs in the last bit, and so may a value on the edge of two.
    apart = np.abs(first.voxels - second.voxels) * 4095
    assert apart.max() < 1.5
    assert np.mean(apart > 0.5) < 1e-5
    sample = pydicom.dcmread(dicom / "fused-0030.dcm")
    assert "research, not for diagnosis" in sample.SeriesDescription
    for number in (1, 30, 59):
        assert "Error" not in validator(dicom / f"fused-{number:04d}.dcm")


def test_files_for_a_pacs_are_valid_too(thigh: list[Path], tmp_path: Path) -> None:
    """With the patient kept and the sources referred to, the validator finds no error either."""
    out = tmp_path / "f.dcm"
    words = ("--align", "geometry", "--for-pacs", "--yes", "--slice", "30")
    assert run("fuse", *thigh, "-o", out, *words) == 0
    (path,) = out.iterdir()
    dataset = pydicom.dcmread(path)
    with zipfile.ZipFile(thigh[0]) as archive, archive.open(archive.namelist()[0]) as file:
        source = pydicom.dcmread(file)
    assert dataset.PatientID == source.PatientID
    assert dataset.StudyInstanceUID == source.StudyInstanceUID
    assert dataset.FrameOfReferenceUID == source.FrameOfReferenceUID
    assert len(dataset.SourceImageSequence) >= 2
    assert "Error" not in validator(path)


def test_the_head_template_is_registered_fused_and_exported(cases: Path, tmp_path: Path) -> None:
    """Two NIfTI files of unlike grids: registered, and on the CT's grid in both formats."""
    files = [
        cases / "head_template" / name for name in ("ct_scct_2mm.nii.gz", "mr_t1_spm152.nii.gz")
    ]
    nifti, dicom, tfm = tmp_path / "f.nii.gz", tmp_path / "f.dcm", tmp_path / "t.tfm"
    assert run("fuse", *files, "-o", nifti, "--save-transform", tfm) == 0
    assert run("fuse", *files, "-o", dicom, "--transform", tfm) == 0
    ct, first, second = read_back(files[0]), read_back(nifti), read_back(dicom)
    for volume in (first, second):
        assert volume.shape == ct.shape
        assert np.allclose(volume.affine, ct.affine, atol=1e-3)
    assert "Error" not in validator(dicom / "fused-0045.dcm")
