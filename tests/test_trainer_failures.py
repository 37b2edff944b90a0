"""What can go wrong around a run: each case is one sentence, and no state is lost."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

import cli
from imaging.write import encode_png
from tests.conftest import ROOT
from tests.failing_disk import FailingDisk, small_disk
from tests.training_data import tiny_config, tiny_data, tiny_source
from trainer.config import TrainConfig
from trainer.data import open_folder
from trainer.loop import train
from trainer.reports import Finished
from trainer.run_folder import RunError, RunFolder

FLAGS = (
    "--preset", "seed", "--size", "32", "--epochs", "3", "--batch-size", "4", "--device", "cpu",
    "--threads", "1", "--metrics-every", "0", "--widths", "4",
)  # fmt: skip


def write_pairs(folder: Path, patients: int = 3, slices: int = 3) -> Path:
    """The pairs of :func:`tiny_source` as files."""
    source = tiny_source(patients, slices)
    for side in ("CT", "MRI"):
        (folder / side).mkdir(parents=True)
    for i, name in enumerate(source.names):
        for side, image in zip(("CT", "MRI"), source.read(i), strict=True):
            (folder / side / f"{name}.png").write_bytes(encode_png(image))
    return folder


def last_of(config: TrainConfig, run: Path, resume: bool = False) -> Finished:
    """Train to the end and hand back the last report."""
    *_, last = train(config, tiny_data(config), run, resume)
    assert isinstance(last, Finished)
    return last


def weights(run: Path) -> list[torch.Tensor]:
    """The weights of a run's last state."""
    state = RunFolder(run).load_state()
    assert state is not None
    return list(state["engine"]["model"].values())


def assert_same(one: Path, other: Path) -> None:
    """Both runs ended in the same weights, bit for bit."""
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def run_cli(*words: object) -> int:
    """The shell's door."""
    return cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of three epochs."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert last_of(tiny_config(), run).reason == "done"
    return run


@pytest.mark.parametrize("writes", [3, 4, 6, 9, 12, 16, 21, 27, 34])
def test_a_disk_that_fills_up_anywhere_costs_no_saved_epoch(
    writes: int, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, no half-written file, the state before; resumed, the weights are the same."""
    run, config = RunFolder(tmp_path / "run"), tiny_config()
    disk = FailingDisk(tmp_path, monkeypatch)
    disk.full_after(writes)
    last = last_of(config, run.path)
    assert last.reason == "failed"
    assert last.message == (
        f"The disk is full: the run folder {run.path} cannot be written (No space left on device). "
        "What was saved before is still there; make room, then resume the run."
    )
    assert not list(run.path.rglob("*.tmp"))
    if (run.path / "status.json").exists():
        assert (run.status().state, run.status().message) == ("failed", last.message)
    state = run.load_state()
    saved = state["progress"]["epoch"] if state else 0
    assert saved in (last.epoch, last.epoch - 1)
    disk.mend()
    assert last_of(config, run.path, resume=True).reason == "done"
    assert_same(whole, run.path)
    epochs = [r["epoch"] for r in run.history() if r["kind"] == "epoch"]
    assert epochs == [1, 2, 3]


def test_a_folder_that_turns_read_only_ends_the_run_in_words(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason and the remedy are named, and the run goes on once the folder is writable."""
    run, config = tmp_path / "run", tiny_config()
    disk = FailingDisk(tmp_path, monkeypatch)
    disk.read_only_after(20)
    last = last_of(config, run)
    assert last.reason == "failed"
    assert f"The run folder {run} is read-only (Read-only file system)" in last.message
    assert last.message.endswith("make it writable, then resume the run.")
    disk.mend()
    assert last_of(config, run, resume=True).reason == "done"
    assert_same(whole, run)


def test_no_run_begins_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the folder's place, and a read-only disk, each give a sentence with a way out."""
    config = tiny_config()
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match=r"a file stands in its place\. Nothing was trained;"):
            next(train(config, tiny_data(config), place))
    FailingDisk(tmp_path, monkeypatch).read_only_after(0)
    with pytest.raises(RunError, match="make it writable or choose another folder"):
        next(train(config, tiny_data(config), tmp_path / "new"))


def test_a_real_full_disk_on_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1 and one sentence, said once; the folder knows; with room again, the same weights."""
    data = write_pairs(tmp_path / "data")
    assert run_cli("train", data, "--out", tmp_path / "whole", *FLAGS) == 0
    with small_disk(tmp_path / "disk", 1024) as disk:
        (disk / "filler").write_bytes(bytes(1024 * 1024 - 80 * 1024))
        capsys.readouterr()
        assert run_cli("train", data, "--out", disk / "run", *FLAGS) == 1
        said = capsys.readouterr()
        assert said.err.count("The disk is full") == 1
        assert f"error: The disk is full: the run folder {disk / 'run'} cannot" in said.err
        assert "The disk is full" not in said.out
        assert run_cli("runs", "show", disk / "run") == 0
        assert "failed. The disk is full" in capsys.readouterr().out
        (disk / "filler").unlink()
        assert run_cli("train", "--resume", disk / "run") == 0
        assert_same(tmp_path / "whole", disk / "run")


@pytest.mark.slow
def test_a_process_that_may_write_no_more_keeps_its_state(tmp_path: Path) -> None:
    """With a limit on the size of files, a shell's run fails in one sentence, and goes on later."""
    data = write_pairs(tmp_path / "data")
    assert run_cli("train", data, "--out", tmp_path / "whole", *FLAGS) == 0
    command = [sys.executable, str(ROOT / "cli.py"), "train"]
    limited = subprocess.run(
        [*command, str(data), "--out", str(tmp_path / "run"), *FLAGS],
        capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )  # fmt: skip
    assert limited.returncode == 1
    assert "Traceback" not in limited.stderr
    assert "cannot be written: File too large" in limited.stderr
    assert RunFolder(tmp_path / "run").status().state == "failed"
    again = subprocess.run([*command, "--resume", str(tmp_path / "run")], timeout=300)
    assert again.returncode == 0
    assert_same(tmp_path / "whole", tmp_path / "run")


def test_a_data_file_deleted_while_it_trains_is_named_only_at_a_resume(tmp_path: Path) -> None:
    """The run in memory ends well; a resume names the pair, and goes on when the file is back."""
    config = tiny_config()
    data = write_pairs(tmp_path / "data")
    list(train(config, open_folder(data, config), tmp_path / "whole"))
    reports = train(config, open_folder(data, config), tmp_path / "run")
    next(reports)
    lost = data / "MRI" / "1001.png"
    kept = lost.read_bytes()
    lost.unlink()
    *_, last = reports
    assert isinstance(last, Finished)
    assert last.reason == "done"
    assert_same(tmp_path / "whole", tmp_path / "run")
    longer = config.with_options({"epochs": 4})
    with pytest.raises(RunError, match=r"started with: 1001 missing; restore them"):
        next(train(longer, open_folder(data, longer), tmp_path / "run", resume=True))
    lost.write_bytes(kept[:200])
    with pytest.raises(RunError, match=r"1001 unreadable \(1001\.png is a PNG that was cut off"):
        next(train(longer, open_folder(data, longer), tmp_path / "run", resume=True))
    lost.write_bytes((data / "MRI" / "1000.png").read_bytes())
    with pytest.raises(RunError, match="started with: 1001 changed; restore"):
        next(train(longer, open_folder(data, longer), tmp_path / "run", resume=True))
    lost.write_bytes(kept)
    *_, last = train(longer, open_folder(data, longer), tmp_path / "run", resume=True)
    assert isinstance(last, Finished)
    assert last.epoch == 4


def test_what_reading_left_out_or_changed_is_said_on_the_shell_and_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cut-off PNG, NaN pixels and a resampled MRI are named with their pairs; the rest trains."""
    data = write_pairs(tmp_path / "data")
    cut = data / "CT" / "1001.png"
    cut.write_bytes(cut.read_bytes()[:200])
    values = np.asarray(PIL.Image.open(data / "MRI" / "2000.png")).astype(np.float32)
    values[3:6, 4:9] = np.nan
    (data / "MRI" / "2000.png").unlink()
    PIL.Image.fromarray(values).save(data / "MRI" / "2000.tif")
    for name in ("1000", "3002"):
        image = PIL.Image.open(data / "MRI" / f"{name}.png").resize((64, 64))
        image.save(data / "MRI" / f"{name}.png")
    assert run_cli("train", data, "--out", tmp_path / "run", *FLAGS) == 0
    told = capsys.readouterr().err
    assert "1 pair left out, because not usable: 1001 (1001.png is a PNG that was cut off" in told
    assert "1 pair (2000): MRI: 15 pixels without a finite value" in told
    resampled = (
        "2 pairs (1000, 3002): The CT has 32 × 32 pixels and the MRI 64 × 64; "
        "the MRI was resampled to the CT's size."
    )
    assert resampled in told
    assert resampled in (tmp_path / "run" / "log.txt").read_text(encoding="utf-8")
    report = RunFolder(tmp_path / "run").read_json("data.json")
    assert list(report["skipped"]) == ["1001"]
    assert ["1000", "3002"] in report["changes"].values()


@pytest.mark.parametrize(
    ("patients", "slices", "flags"), [(1, 1, ()), (1, 3, ()), (3, 2, ("--val-fraction", "0"))]
)
def test_one_pair_and_an_empty_validation_set_are_trained_on_with_a_note(
    patients: int,
    slices: int,
    flags: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The run is done, its best epoch by training loss, and the note says so."""
    data = write_pairs(tmp_path / "data", patients, slices)
    assert run_cli("train", data, "--out", tmp_path / "run", *FLAGS, *flags) == 0
    assert "There are no validation pairs" in capsys.readouterr().err
    assert RunFolder(tmp_path / "run").best.exists()


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("empty", "has no folder CT/; put the CT images there, named as their partners."),
        ("bare", "a CT and an MRI pair by the same file name in CT/ and MRI/ (both are empty)."),
        ("unpaired", "2 MRI without a CT of the same name: x1000.png, x1001.png"),
        ("damaged", "No pair of the folder damaged can be used; the first one: 1000.png is a PNG"),
    ],
)
def test_a_folder_without_a_usable_pair_starts_nothing(
    case: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, one sentence, and no run folder."""
    data = tmp_path / case
    if case == "empty":
        data.mkdir()
    elif case == "bare":
        (data / "CT").mkdir(parents=True)
        (data / "MRI").mkdir()
    else:
        write_pairs(data, 1, 2)
    for path in list(data.glob("MRI/*.png")):
        if case == "unpaired":
            path.rename(path.with_name(f"x{path.name}"))
        else:
            path.write_bytes(path.read_bytes()[:100])
    assert run_cli("train", data, "--out", tmp_path / "run", *FLAGS) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_images_fused_elsewhere_are_scored_with_the_notice_of_a_resampled_mri(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``evaluate --fused`` says which MRI was brought onto its CT's grid."""
    data = write_pairs(tmp_path / "data", 1, 2)
    mri = data / "MRI" / "1001.png"
    PIL.Image.open(mri).resize((64, 64)).save(mri)
    assert run_cli("evaluate", data, "--fused", data / "CT") == 0
    told = capsys.readouterr().err
    assert "1001: The CT has 32 × 32 pixels and the MRI 64 × 64; the MRI was resampled" in told
    assert "1000:" not in told


def test_a_state_that_was_cut_off_is_named_and_the_best_weights_are_left(tmp_path: Path) -> None:
    """A resume refuses a damaged last.pt and points to the best weights."""
    run, config = RunFolder(tmp_path / "run"), tiny_config(epochs=1)
    last_of(config, run.path)
    os.truncate(run.path / "last.pt", 500)
    longer = config.with_options({"epochs": 2})
    with pytest.raises(RunError, match=r"last\.pt is damaged.*best weights are in best"):
        next(train(longer, tiny_data(longer), run.path, resume=True))
    assert run.best.exists()
