"""Files that lie, and files that do not belong together, given to the shell: one sentence each."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.series_files import encoded
from tests.synthetic import write_checkpoint
from tests.volume_files import CT_GRID, MR_GRID, dicom_head, write_folder, write_zip

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MIB = 1024
"""Most memory for all cases in one process, PyTorch and its libraries included."""

# Runs every command line of a list in one process, and says what came of each. Its peak is read
# from /proc, since getrusage hands a child the peak of the process that started it.
_RUNNER = """
import contextlib, io, json, sys
from cli import main
found = {}
for name, words in json.load(sys.stdin).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    found[name] = [code, out.getvalue(), err.getvalue()]
with open("/proc/self/status") as status:
    found["peak"] = next(int(line.split()[1]) for line in status if "VmHWM" in line) / 1024
json.dump(found, sys.stdout)
"""

CASES: dict[str, tuple[str, str, str, str]] = {
    # case: CT, MRI, what inspect says, what fuse says
    "65535 squared": (
        "huge.dcm", "mr.zip", "huge.dcm declares 65535 × 65535 pixels, more than the limit",
        "huge.dcm holds no CT: huge.dcm declares 65535 × 65535 pixels",
    ),
    "ten thousand entries": (
        "many.zip", "mr.zip", "many.zip holds 10000 entries, more than the limit of 5000",
        "many.zip holds 10000 entries, more than the limit of 5000",
    ),
    "zip bomb": (
        "bomb.zip", "mr.zip", "bomb.zip holds a file that unpacks to 300 MiB",
        "nothing was unpacked",
    ),
    "path traversal": (
        "evil.zip", "mr.zip", "evil.zip was refused: an entry in it points outside",
        "evil.zip was refused: an entry in it points outside",
    ),
    "truncated series": (
        "cut", "mr.zip", "004.dcm is truncated: it holds", "004.dcm is truncated: it holds",
    ),
    "missing slices": (
        "gap", "mr.zip", "6 slices in a row are missing after slice 2",
        "The CT cannot be read: 6 slices in a row are missing",
    ),
    "two patients in one zip": (
        "two.zip", "mr.zip", "The files belong to 2 patients",
        "two.zip holds 2 series that can be the CT; The files belong to 2 patients",
    ),
    "CT given as MR": (
        "ct.zip", "ct.zip", "exchange the two", "ct.zip was given as the MRI but holds CT only",
    ),
    "MR given as CT": (
        "mr.zip", "mr.zip", "exchange the two", "mr.zip was given as the CT but holds MRI only",
    ),
    "an empty zip": ("empty.zip", "mr.zip", "There is no file to read", "no file to read"),
    "a huge NIfTI header": (
        "huge.nii", "mr.zip", "huge.nii declares 20000 × 20000 × 20000 samples",
        "huge.nii declares 20000 × 20000 × 20000 samples",
    ),
    "noise named .dcm": (
        "noise.dcm", "mr.zip", "noise.dcm was set aside", "noise.dcm holds no CT",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the shell answered to every case, from one process whose memory is measured."""
    folder = tmp_path_factory.mktemp("hostile")
    write_checkpoint(folder / "weights")
    write_files(folder)
    lines = {}
    for case, (ct, mri, _, _) in CASES.items():
        paths = [str(folder / ct), str(folder / mri)]
        lines[f"inspect {case}"] = ["inspect", *paths]
        lines[f"fuse {case}"] = ["fuse", *paths, "-o", str(folder / "out.png")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUNNER],
        input=json.dumps(lines), capture_output=True, text=True, cwd=ROOT, timeout=240,
        env={"TWF_CHECKPOINTS": str(folder / "weights"), "OMP_NUM_THREADS": "1", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (folder / "out.png").exists()
    assert not (folder.parent / "evil.dcm").exists()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def write_files(folder: Path) -> None:
    """Every file of the cases."""
    ct, mr = dicom_head("CT", CT_GRID), dicom_head("MR", MR_GRID)
    write_zip(folder / "ct.zip", ct)
    write_zip(folder / "mr.zip", mr)
    huge = dicom_head("CT", CT_GRID)[0]
    huge.Rows = huge.Columns = 65535
    (folder / "huge.dcm").write_bytes(encoded(huge))
    with zipfile.ZipFile(folder / "many.zip", "w") as archive:
        for k in range(10_000):
            archive.writestr(f"{k}.dcm", b"")
    with (
        zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb.dcm", "w") as entry,
    ):
        for _ in range(300):
            entry.write(bytes(2**20))
    with zipfile.ZipFile(folder / "evil.zip", "w") as archive:
        archive.writestr("../evil.dcm", encoded(ct[0]))
    write_folder(folder / "cut", ct)
    cut = folder / "cut" / "004.dcm"
    cut.write_bytes(cut.read_bytes()[:-500])
    write_folder(folder / "gap", [*ct[:2], *ct[8:]])
    other = dicom_head(
        "CT", CT_GRID, PatientID="ID-2", PatientName="Roe^Rick", SeriesInstanceUID="1.2.3.99"
    )
    write_zip(folder / "two.zip", [*ct, *other])
    zipfile.ZipFile(folder / "empty.zip", "w").close()
    header = bytearray(352)
    header[0:4] = (348).to_bytes(4, "little")
    for at, size in zip(range(40, 56, 2), (3, 20000, 20000, 20000, 1, 1, 1, 1), strict=True):
        header[at : at + 2] = size.to_bytes(2, "little")
    header[70:74] = b"\x10\x00\x20\x00"
    header[344:348] = b"n+1\0"
    (folder / "huge.nii").write_bytes(bytes(header))
    (folder / "noise.dcm").write_bytes(bytes(range(256)) * 40)


@pytest.mark.parametrize("case", CASES)
def test_inspect_says_what_is_wrong(case: str, answers: dict[str, Any]) -> None:
    """inspect names the trouble in one line and shows no traceback."""
    code, out, err = answers[f"inspect {case}"]
    lines = [line for line in (out + err).splitlines() if CASES[case][2] in line]
    assert lines, out + err
    assert "Traceback" not in out + err
    assert code in (0, 1)


@pytest.mark.parametrize("case", CASES)
def test_fuse_refuses_in_one_sentence(case: str, answers: dict[str, Any]) -> None:
    """fuse ends with 1 and one line on stderr."""
    code, out, err = answers[f"fuse {case}"]
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert CASES[case][3] in err
    assert len(err.splitlines()) == 1


def test_no_patient_is_named_and_memory_stays_bounded(answers: dict[str, Any]) -> None:
    """Whatever is answered, nobody's name or number is in it, and memory stays below a gigabyte."""
    peak = answers["peak"]
    told = json.dumps({name: words for name, words in answers.items() if name != "peak"})
    assert "Doe" not in told
    assert "Roe" not in told
    assert "ID-" not in told
    assert peak < LIMIT_MIB
