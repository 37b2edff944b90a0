"""Bad input at the shell: exit code 1 and one clear sentence on stderr, never a traceback."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cli import main
from tests.synthetic import picture, write_checkpoint, write_folder, write_pair, write_png

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.delenv("TWF_DEBUG", raising=False)


class Bomb:
    """Writes a file when a pickle of it is opened."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (self.target, "boom"))


def complaint(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What a command line that must fail says: exit code 1, one line, no traceback."""
    assert main([str(word) for word in words]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    return said.err


def not_an_image(path: Path) -> None:
    """An HTML page."""
    path.write_text("<!DOCTYPE html><html><body>Not found</body></html>")


def truncated(path: Path) -> None:
    """A PNG that ends in the middle."""
    write_png(path, picture(64, 64, 1))
    path.write_bytes(path.read_bytes()[:200])


def pickled(path: Path) -> None:
    """A pickle."""
    path.write_bytes(pickle.dumps({"a": 1}))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "html": (not_an_image, "bad.png"),
    "empty": (lambda path: path.write_bytes(b""), "bad.png is empty"),
    "truncated": (truncated, "bad.png is a PNG that was cut off"),
    "text": (lambda path: path.write_text("hello"), "bad.png is text, not an image"),
    "pickle": (pickled, "bad.png is a Python pickle"),
    "missing": (lambda path: None, "bad.png does not exist"),
    "folder": (lambda path: path.mkdir(), "bad.png is a folder"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("place", ["CT", "MRI"])
def test_an_unusable_image_is_named_with_the_reason(
    kind: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not an image, empty, truncated, text named .png, a pickle, missing: one sentence each."""
    make, sentence = BROKEN[kind]
    good, _ = write_pair(tmp_path)
    bad = tmp_path / "bad.png"
    make(bad)
    sources = (bad, good) if place == "CT" else (good, bad)
    assert sentence in complaint(capsys, "fuse", *sources, "-o", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


def test_a_pickled_checkpoint_is_refused_and_never_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A pickle given as --checkpoint, or to convert, is refused without running its code."""
    ct, mri = write_pair(tmp_path)
    bomb, trace = tmp_path / "bomb.safetensors", tmp_path / "trace"
    bomb.write_bytes(pickle.dumps(Bomb(trace), protocol=2))
    fuse = ("fuse", ct, mri, "-o", tmp_path / "o.png", "--checkpoint", bomb)
    assert "pickled PyTorch file" in complaint(capsys, *fuse)
    assert "named as a checkpoint already" in complaint(capsys, "checkpoints", "--convert", bomb)
    state = bomb.rename(tmp_path / "bomb.pth")
    assert "run code" in complaint(capsys, "checkpoints", "--convert", state)
    complaint(capsys, "checkpoints", "--convert", tmp_path / "none.pth")
    assert not trace.exists()


def test_damaged_and_foreign_checkpoints_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty, cut short and foreign checkpoint files each give a sentence with their name."""
    ct, mri = write_pair(tmp_path)
    sound = (tmp_path / "weights" / "default.safetensors").read_bytes()
    for data in (b"", sound[: len(sound) // 2], b"\x00" * 400, picture(20, 20, 1).tobytes()):
        (tmp_path / "x.safetensors").write_bytes(data)
        checkpoint = tmp_path / "x.safetensors"
        said = complaint(
            capsys, "fuse", ct, mri, "-o", tmp_path / "o.png", "--checkpoint", checkpoint
        )
        assert "x.safetensors" in said


def test_unknown_names_list_the_valid_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown checkpoint, rule, device and training preset show what there is."""
    fuse = ("fuse", *write_pair(tmp_path), "-o", tmp_path / "o.png")
    assert "the ones here: default" in complaint(capsys, *fuse, "--checkpoint", "nope")
    assert "choose one of mean, max" in complaint(capsys, *fuse, "--rule", "maxx")
    assert "choose auto, cpu, cuda" in complaint(capsys, *fuse, "--device", "gpu")
    assert "choose one of seed, medical, default" in complaint(
        capsys, "train", tmp_path, "--out", tmp_path / "r", "--preset", "nope"
    )


def test_other_proportions_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Aspect ratios that differ by more than a tenth, without a spacing, end in one sentence."""
    ct = write_png(tmp_path / "ct.png", picture(32, 40, 1))
    mri = write_png(tmp_path / "mri.png", picture(40, 32, 2))
    said = complaint(capsys, "fuse", ct, mri, "-o", tmp_path / "o.png")
    assert "ct.png" in said
    assert "mri.png" in said


def test_targets_that_would_destroy_a_source_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither fuse nor batch writes over source images, and fuse writes only PNG."""
    ct, mri = write_pair(tmp_path)
    before = ct.read_bytes()
    assert "is a source image" in complaint(capsys, "fuse", ct, mri, "-o", ct)
    assert "is a source image" in complaint(
        capsys, "fuse", ct, mri, "-o", tmp_path / "o.png", "--json", ct
    )
    assert "must end in .png" in complaint(capsys, "fuse", ct, mri, "-o", tmp_path / "o.jpg")
    assert ct.read_bytes() == before
    data = write_folder(tmp_path / "data")
    assert "overwritten" in complaint(capsys, "batch", data, "-o", data / "MRI")


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An output below a file, and one that is a folder, are refused with their name."""
    ct, mri = write_pair(tmp_path)
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in complaint(capsys, "fuse", ct, mri, "-o", tmp_path / "folder.png")
    said = complaint(capsys, "fuse", ct, mri, "-o", ct / "deep" / "o.png")
    assert "cannot be written" in said


def test_a_data_folder_without_pairs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing folder, one without CT/ and MRI/, and one without a common name end in 1."""
    complaint(capsys, "batch", tmp_path / "nowhere", "-o", tmp_path / "o")
    complaint(capsys, "evaluate", tmp_path)
    write_png(tmp_path / "apart" / "CT" / "1.png", picture(8, 8, 1))
    write_png(tmp_path / "apart" / "MRI" / "2.png", picture(8, 8, 1))
    complaint(capsys, "evaluate", tmp_path / "apart")
    data = write_folder(tmp_path / "data")
    assert "no folder" in complaint(capsys, "evaluate", data, "--fused", tmp_path / "none")


def test_masks_of_a_pixel_rule_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--masks and provenance with a rule without masks end in one sentence, with no file made."""
    ct, mri = write_pair(tmp_path)
    out = tmp_path / "o.png"
    said = complaint(capsys, "fuse", ct, mri, "-o", out, "--rule", "max", "--masks", tmp_path / "m")
    assert "max works on pixels" in said
    assert not out.exists()
    assert "max works on pixels" in complaint(capsys, "provenance", ct, mri, "--rule", "max")


def test_a_configuration_file_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """train --config with a missing file, no JSON, a list, an unknown key: one sentence each."""
    file = tmp_path / "c.json"
    train = ("train", tmp_path, "--out", tmp_path / "r", "--config", file)
    assert "cannot be read" in complaint(capsys, *train)
    for text, sentence in (
        ("{", "is not a JSON file"),
        ("[1]", "must hold a JSON object"),
        ('{"epoch": 3}', "Unknown training settings 'epoch'"),
        ('{"epochs": 0}', "epochs must be 1 to"),
    ):
        file.write_text(text)
        assert sentence in complaint(capsys, *train)


def test_a_fault_of_the_program_is_one_sentence_with_a_way_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unforeseen exception gives one line that names TWF_DEBUG; with it, the traceback."""
    ct, mri = write_pair(tmp_path)

    def fail(*_: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr("pipelines.fuse.fuse_pair", fail)
    words = ["fuse", str(ct), str(mri), "-o", str(tmp_path / "o.png")]
    assert "odd (ZeroDivisionError; set TWF_DEBUG=1" in complaint(capsys, *words)
    monkeypatch.setenv("TWF_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(words)


def test_the_process_exits_with_1_and_one_line(tmp_path: Path) -> None:
    """In a process of its own a bad file gives exit code 1, one line on stderr, empty stdout."""
    ct, _ = write_pair(tmp_path)
    done = subprocess.run(
        [sys.executable, "cli.py", "fuse", ct, tmp_path / "none.png", "-o", tmp_path / "o.png"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: none.png does not exist")
    assert done.stderr.count("\n") == 1


def test_an_interrupt_ends_quietly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends with 130 and one word."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imaging.read.read_image", stop)
    ct, mri = write_pair(tmp_path)
    assert main(["fuse", str(ct), str(mri), "-o", str(tmp_path / "o.png")]) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_pixels_that_are_no_numbers_do_not_reach_the_output(tmp_path: Path) -> None:
    """A float TIFF with NaN is read with its defined replacement and fused to plain grey levels."""
    import cv2

    from imaging.read import read_image

    array = picture(16, 16, 1).astype(np.float32) / 255
    array[3, 3] = np.nan
    (tmp_path / "ct.tiff").write_bytes(cv2.imencode(".tiff", array)[1].tobytes())
    mri = write_png(tmp_path / "mri.png", picture(16, 16, 2))
    words = ["fuse", tmp_path / "ct.tiff", mri, "-o", tmp_path / "o.png", "--rule", "mean"]
    assert main([str(word) for word in words]) == 0
    assert np.isfinite(read_image(tmp_path / "o.png").pixels).all()
