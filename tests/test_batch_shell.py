"""The batch command from zip to zip, stopped, called again, and refused."""

import csv
import io
import zipfile
from pathlib import Path

import pytest

from cli import main
from imaging.read import read_image
from tests.synthetic import picture, write_checkpoint, write_folder, write_png


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One untrained checkpoint named default."""
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))


def run(*words: object) -> int:
    """The exit code of a command."""
    return main(["batch", *map(str, words), "--device", "cpu"])


def zipped(folder: Path, target: Path) -> Path:
    """A data folder as a zip."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, f"set/{path.relative_to(folder)}")
    return target


def test_a_zip_becomes_a_zip_that_a_second_call_passes_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It holds images, masks, table, sheet and report; a new pair is fused, others are kept."""
    data, out = write_folder(tmp_path / "data"), tmp_path / "out.zip"
    source = zipped(data, tmp_path / "in.zip")
    assert run(source, "-o", out, "--masks", "masks") == 0
    assert "3 of 3 pairs fused." in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "in.zip", "out.zip", "weights"]
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        rows = list(csv.DictReader(io.StringIO(archive.read("metrics.csv").decode())))
        fused = read_image(archive.read("fused/1002.png")).pixels
    assert {"fused/1001.png", "masks/1001/ct_LL.png", "contact-sheet-1.png", "report.txt"} <= names
    assert [row["name"] for row in rows] == ["1001", "1002", "2001"]
    assert run(data, "-o", tmp_path / "plain") == 0
    assert (fused == read_image(tmp_path / "plain" / "1002.png").pixels).all()
    capsys.readouterr()
    for kind, seed in (("CT", 1), ("MRI", 2)):
        write_png(data / kind / "3001.png", picture(32, 40, seed))
    assert run(zipped(data, source), "-o", out, "--masks", "masks") == 0
    assert "4 of 4 pairs fused; 3 of them passed over" in capsys.readouterr().out
    with zipfile.ZipFile(out) as archive:
        assert set(archive.namelist()) > names
        assert archive.read("metrics.csv").count(b"\n") == 5


def test_a_stopped_zip_goes_on_from_its_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves what is done beside the zip; the same call takes it up and cleans up."""
    from commands import batches

    data, out = write_folder(tmp_path / "data"), tmp_path / "out.zip"
    everything = batches.collect

    def interrupt(records: object) -> list[object]:
        next(iter(records))  # type: ignore[call-overload]
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "collect", interrupt)
    assert run(data, "-o", out) == 130
    assert not out.exists()
    assert (tmp_path / "out.zip.parts").is_dir()
    monkeypatch.setattr(batches, "collect", everything)
    assert run(data, "-o", out) == 0
    said = capsys.readouterr()
    assert "An earlier call was stopped" in said.err
    assert "1 of them passed over" in said.out or "2 of them passed over" in said.out
    assert not (tmp_path / "out.zip.parts").exists()


def test_anew_fuses_everything_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--anew passes over nothing, in a folder and in a zip."""
    data = write_folder(tmp_path / "data")
    for out in (tmp_path / "out", tmp_path / "out.zip"):
        assert run(data, "-o", out, "--no-metrics") == 0
        assert run(data, "-o", out, "--no-metrics", "--anew") == 0
        assert "passed over" not in capsys.readouterr().out


def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign zip as output, masks outside the zip, a missing and a hurt zip as input."""
    data = write_folder(tmp_path / "data")
    (tmp_path / "foreign.zip").write_text("not ours")
    for words, expected in (
        ((data, "-o", tmp_path / "foreign.zip"), "not a zip that batch has written"),
        ((data, "-o", tmp_path / "o.zip", "--masks", "../m"), "outside the zip"),
        ((tmp_path / "none.zip", "-o", tmp_path / "o.zip"), "There is no file"),
        ((tmp_path / "foreign.zip", "-o", tmp_path / "o.zip"), "not a zip file that can be read"),
        ((data, "-o", tmp_path / "o.zip", "--rule", "max", "--masks", "m"), "has no masks"),
    ):
        assert run(*words) == 1
        said = capsys.readouterr().err
        assert expected in said
        assert "Traceback" not in said
    assert (tmp_path / "foreign.zip").read_text() == "not ours"
