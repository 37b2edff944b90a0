"""What of a patient leaves the program: nothing, or what the user asked to keep."""

import gzip
import io
import logging
import zipfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from cli import main
from imaging.deidentify import read_identity
from imaging.scan import scan
from imaging.study import read_series
from tests.series_files import encoded
from tests.synthetic import write_checkpoint
from tests.volume_files import CT_GRID, MR_GRID, dicom_head, nifti_head, write_folder

PLANTED = {
    "PatientName": "Zyxwvut^Qqname",
    "PatientID": "ID-907060",
    "PatientBirthDate": "19310203",
    "PatientSex": "F",
    "PatientAge": "088Y",
    "PatientAddress": "Wxyzstreet 5",
    "StudyDate": "19990807",
    "SeriesDate": "19990807",
    "AcquisitionDateTime": "19990807123456",
    "StudyTime": "123456",
    "AccessionNumber": "ACC-515253",
    "ReferringPhysicianName": "Drwxyz^Refwxyz",
    "OperatorsName": "Opwxyz^Operwxyz",
    "InstitutionName": "Hospitalwxyz",
    "StationName": "STNWXYZ",
    "StudyID": "SID5152",
    "StudyDescription": "Studywxyz",
    "SeriesDescription": "Serieswxyz",
    "ProtocolName": "Protowxyz",
    "StudyInstanceUID": "1.2.840.99999.515",
    "FrameOfReferenceUID": "1.2.840.99999.525",
    "DeviceSerialNumber": "SN-616263",
}
NAMES = ("PatientName", "ReferringPhysicianName", "OperatorsName")


def secrets(*series: list[Dataset]) -> list[str]:
    """All that must not be found, names taken apart, identifiers of files included."""
    found = [part for key in NAMES for part in PLANTED[key].split("^")]
    found += [v for k, v in PLANTED.items() if k not in (*NAMES, "PatientSex", "StudyTime")]
    return found + [str(ds.SOPInstanceUID) for one in series for ds in one]


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path_factory.mktemp("weights")
    write_checkpoint(folder)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))
    monkeypatch.delenv("TWF_DEBUG", raising=False)


@pytest.fixture
def series() -> tuple[list[Dataset], list[Dataset]]:
    """CT and MR slices full of planted words."""
    ct = dicom_head("CT", CT_GRID, **PLANTED, SeriesInstanceUID="1.2.840.99999.1")
    mr = dicom_head("MR", MR_GRID, **PLANTED, SeriesInstanceUID="1.2.840.99999.2")
    for dataset in (*ct, *mr):
        dataset.add_new(0x00091001, "LO", "Privatewxyz")
    return ct, mr


@pytest.fixture
def pair(tmp_path: Path, series: tuple[list[Dataset], list[Dataset]]) -> list[Path]:
    """Both series in folders that are named after the patient."""
    ct, mr = series
    return [
        write_folder(tmp_path / "Zyxwvut_ct", ct), write_folder(tmp_path / "Zyxwvut_mr", mr)
    ]  # fmt: skip


def contents(root: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of every file, packed ones unpacked."""
    found = []
    for path in sorted(file for file in root.rglob("*") if file.is_file()):
        data = path.read_bytes()
        if path.suffix == ".zip":
            archive = zipfile.ZipFile(io.BytesIO(data))
            found += [(name, archive.read(name)) for name in archive.namelist()]
        elif path.suffix == ".gz":
            data = gzip.decompress(data)
        found.append((str(path.relative_to(root)), data))
    return found


def run(*words: object) -> int:
    """Exit code of a command line."""
    return main([str(word) for word in words])


def test_nothing_of_the_patient_is_written_printed_or_logged(
    pair: list[Path], series: tuple[list[Dataset], list[Dataset]], tmp_path: Path,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    """Every kind of output, the terminal and the log at its most talkative hold no planted word."""
    caplog.set_level(logging.DEBUG)
    out = tmp_path / "out"
    out.mkdir()
    assert run("inspect", *pair) == 0
    told = capsys.readouterr().out
    assert told.count("Zyxwvut") == 2  # the two paths that the user typed, and nothing else
    lines = (
        ("-o", out / "f.nii.gz", "--json", out / "f.json", "--save-transform", out / "t.tfm"),
        ("-o", out / "f.dcm"),
        ("-o", out / "f.zip", "--onto", "mri"),
        ("-o", out / "s.png", "--report", out / "s.html", "--masks", out / "m"),
        ("-o", out / "one.dcm", "--slice", 2, "--plane", "sagittal", "--report", out / "s.pdf"),
    )
    for line in lines:
        assert run("fuse", *pair, *line) == 0
    streams = capsys.readouterr()
    files = contents(out)
    assert len(files) > 30
    words = [*secrets(*series), "Zyxwvut", "Privatewxyz", "1.2.840.99999"]
    for word in words:
        assert word not in streams.err
        assert word not in streams.out
        assert word not in caplog.text
        assert not [name for name, data in files if word in name or word.encode() in data], word


def test_a_date_that_holds_a_name_reaches_no_log(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    """pydicom complains about bad values by quoting them; none of that is heard."""
    caplog.set_level(logging.DEBUG)
    (dataset,) = dicom_head("CT", ((1, 8, 8), (5.0, 9.0, 9.0)), StudyInstanceUID="1.2.3.4")
    with pydicom.config.disable_value_validation():
        dataset.StudyDate = dataset.PatientBirthDate = "Qqname in May"
        dataset.StudyID = "Qqname" * 4
        data = encoded(dataset)
    caplog.clear()
    recwarn.clear()
    study = scan(("a.dcm", data))
    assert study.series[0].origin.study_date is None
    read_series(study.series[0])
    identity = read_identity(data, "a.dcm")
    assert identity.patient_id == "ID-4711"
    assert (identity.birth_date, identity.study_id) == ("", "")
    heard = caplog.text + "".join(str(w.message) for w in recwarn)
    assert "Qqname" not in heard


def test_for_pacs_keeps_patient_and_study_and_refers_to_the_sources(
    pair: list[Path], series: tuple[list[Dataset], list[Dataset]], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The patient's and the study's identity is the CT's; nothing else of the files is taken."""
    out = tmp_path / "f.dcm"
    assert run("fuse", *pair, "-o", out, "--for-pacs", "--yes") == 0
    assert "907060" not in "".join(capsys.readouterr())
    ct, mr = series
    known = {str(ds.SOPInstanceUID) for ds in (*ct, *mr)}
    kept = (
        "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
        "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
        "FrameOfReferenceUID",
    )  # fmt: skip
    referred = set()
    for k, path in enumerate(sorted(out.iterdir())):
        dataset = pydicom.dcmread(path)
        for keyword in kept:
            assert str(dataset[keyword].value) == PLANTED[keyword], keyword
        for keyword in set(PLANTED) - set(kept) - {"SeriesDescription"}:
            assert keyword not in dataset, keyword
        assert "wxyz" not in dataset.SeriesDescription
        assert dataset.SeriesInstanceUID not in ("1.2.840.99999.1", "1.2.840.99999.2")
        assert dataset.SOPInstanceUID not in known
        sources = [item.ReferencedSOPInstanceUID for item in dataset.SourceImageSequence]
        assert sources[0] == ct[k].SOPInstanceUID
        referred |= set(sources)
        assert set(sources) <= known
    assert referred & {str(ds.SOPInstanceUID) for ds in mr}
    assert scan(out).patients == 1


def test_for_pacs_asks_first(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Without a terminal --yes is needed; at one the question decides; nothing is written on no."""
    out = tmp_path / "f.dcm"
    assert run("fuse", *pair, "-o", out, "--for-pacs") == 1
    assert "say so by --yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        monkeypatch.setattr("builtins.input", lambda answer=answer: answer)
        assert run("fuse", *pair, "-o", out, "--for-pacs", "--slice", 1) == code
        assert out.exists() == (code == 0)
        assert "name the patient" in capsys.readouterr().err


def test_two_patients_are_never_filed_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A CT and an MRI of different patients are fused with a warning, but not for a PACS."""
    ct = write_folder(tmp_path / "ct", dicom_head("CT", CT_GRID, StudyInstanceUID="1.2.3.4"))
    mr = write_folder(tmp_path / "mr", dicom_head("MR", MR_GRID, PatientID="ID-2"))
    assert run("fuse", ct, mr, "-o", tmp_path / "f.dcm", "--for-pacs", "--yes") == 1
    assert "another patient than the CT" in capsys.readouterr().err
    assert not (tmp_path / "f.dcm").exists()
    assert run("fuse", ct, mr, "-o", tmp_path / "f.dcm") == 0
    assert "name different patients" in capsys.readouterr().err


def test_for_pacs_needs_a_dicom_ct(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A CT without a patient, or one that is no DICOM, is refused in one sentence."""
    ct = write_folder(tmp_path / "ct", dicom_head("CT", CT_GRID, PatientID=""))
    mr = write_folder(tmp_path / "mr", dicom_head("MR", MR_GRID, PatientID=""))
    assert run("fuse", ct, mr, "-o", tmp_path / "f.dcm", "--for-pacs", "--yes") == 1
    error = capsys.readouterr().err
    assert "names no (0010,0020) Patient ID" in error
    files = [nifti_head(tmp_path / "ct.nii", "CT"), nifti_head(tmp_path / "mr.nii", "MR")]
    words = ("--align", "geometry", "--for-pacs", "--yes")
    assert run("fuse", *files, "-o", tmp_path / "f.dcm", *words) == 1
    assert "The CT is no DICOM series" in capsys.readouterr().err
    assert not (tmp_path / "f.dcm").exists()
