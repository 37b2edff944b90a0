"""The Train page when something goes wrong: one sentence, state failed, and Resume."""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.app_driver import by_key, words
from tests.app_driver import write_checkpoints as write
from tests.failing_disk import FailingDisk
from tests.training_app import check_heads, fill, train_page, until, write_pairs
from tests.training_data import tiny_config, tiny_data
from trainer.data import CTMRIDataset
from trainer.job import JobQueue
from trainer.run_folder import RunFolder, list_runs
from ui.training.places import jobs


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fresh folders for runs and checkpoints; no job outlives its test."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    write(checkpoints)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(checkpoints))
    monkeypatch.setenv("TWF_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    jobs().stop_all(20)
    jobs.clear()


def check_folder(folder: Path) -> Any:
    """Choose a folder of pairs on the Train page, tiny settings, and ask for its report."""
    app = train_page()
    by_key(app.button_group, "train-source").set_value("folder").run()
    by_key(app.text_input, "train-folder").set_value(str(folder)).run()
    fill(app, size=32, crop=32, epochs=2, batch_size=2)
    return by_key(app.button, "train-check").click().run()


def start_and_wait(app: Any) -> Any:
    """Press Start and look at the page when the job has ended."""
    by_key(app.button, "train-start").click().run()
    job = until(lambda: jobs().jobs())[-1]
    assert job.wait(60)
    return app.run()


def errors(app: Any) -> list[str]:
    """The sentences in red."""
    return [error.value for error in app.error]


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_disk_that_fails_in_the_middle_is_said_and_the_run_resumed(
    kind: str, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence, Failed and Resume stand there, also after a restart; resumed, it is done."""
    app = check_heads(train_page())
    disk = FailingDisk(runs, monkeypatch)
    error, sentence = {
        "full": (errno.ENOSPC, "The disk is full: the run folder"),
        "read-only": (errno.EROFS, "is read-only (Read-only file system)"),
    }[kind]
    disk.fail_at("last.pt.tmp", 2, error)  # the second epoch's state
    app = start_and_wait(app)
    assert "Failed" in words(app)
    assert sentence in words(app)
    assert "then resume the run." in words(app)
    assert by_key(app.button, "train-resume").label == "Resume"
    (run,) = list_runs(runs)
    assert run.load_state() is not None
    if kind == "full":  # a new server knows the run by its folder alone
        jobs.clear()
        app.run()
        assert sentence in words(app)
        assert "Failed" in words(app)
    disk.mend()
    by_key(app.button, "train-resume").click().run()
    assert jobs().jobs()[-1].wait(60)
    app.run()
    assert "Done: 2 epochs" in words(app)
    assert "Failed" not in words(app)


def test_a_data_file_deleted_meanwhile_is_named_at_a_resume(runs: Path, tmp_path: Path) -> None:
    """The stopped run cannot go on without the file, says which, and can once it is back."""
    data = write_pairs(tmp_path / "data", "1001", "2001", "3001")
    app = check_folder(data)
    fill(app, epochs=100_000)
    by_key(app.button, "train-start").click().run()
    job = until(lambda: jobs().jobs())[0]
    until(lambda: job.snapshot().epoch >= 1)
    lost = data / "CT" / "2001.png"
    kept = lost.read_bytes()
    lost.unlink()
    done = job.snapshot().epoch
    until(lambda: job.snapshot().epoch > done)  # the images are in memory
    job.stop()
    assert job.wait(20)
    app.run()
    by_key(app.button, "train-resume").click().run()
    assert jobs().jobs()[-1].wait(20)
    app.run()
    assert "Failed" in words(app)
    assert "was started with: 2001 missing; restore them or start a new run." in words(app)
    lost.write_bytes(kept)
    by_key(app.button, "train-resume").click().run()
    until(lambda: jobs().jobs()[-1].snapshot().epoch > done)


def test_what_was_left_out_or_changed_stands_in_the_report_and_in_the_log(
    runs: Path, tmp_path: Path
) -> None:
    """A cut-off PNG, NaN pixels and a resampled MRI are told before and after Start."""
    data = write_pairs(tmp_path / "data", "1001", "2001", "3001", "4001")
    cut = data / "CT" / "1001.png"
    cut.write_bytes(cut.read_bytes()[:200])
    values = np.asarray(PIL.Image.open(data / "MRI" / "2001.png").convert("L")).astype(np.float32)
    values[3:6, 4:9] = np.nan
    (data / "MRI" / "2001.png").unlink()
    PIL.Image.fromarray(values).save(data / "MRI" / "2001.tif")
    PIL.Image.open(data / "MRI" / "3001.png").resize((64, 64)).save(data / "MRI" / "3001.png")
    app = check_folder(data)
    text = words(app)
    assert "1001 is left out: 1001.png is a PNG that was cut off" in text
    assert "1 pair (2001): MRI: 15 pixels without a finite value" in text
    assert "1 pair (3001): The CT has 32 × 32 pixels and the MRI 64 × 64; the MRI was" in text
    app = start_and_wait(app)
    assert "Done: 2 epochs" in words(app)
    (run,) = list_runs(runs)
    log = (run.path / "log.txt").read_text(encoding="utf-8")
    assert "1 pair (3001): The CT has 32 × 32 pixels" in log
    assert "left out, because not usable: 1001 (1001.png" in log


def test_one_single_pair_is_trained_on_without_validation(runs: Path, tmp_path: Path) -> None:
    """The report and the run both say that there are no validation pairs; the run is done."""
    app = check_folder(write_pairs(tmp_path / "data", "1001"))
    assert "There are no validation pairs (there is only one patient)" in words(app)
    app = start_and_wait(app)
    assert "Done: 2 epochs" in words(app)
    assert "No validation pairs" in words(app)
    assert not errors(app)


def test_only_unpaired_and_only_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    """The report is refused with the names, and Start stays off."""
    data = write_pairs(tmp_path / "data", "1001", "2001")
    kept = {path: path.read_bytes() for path in (data / "MRI").iterdir()}
    for path in kept:
        path.rename(path.with_name(f"x{path.name}"))
    app = check_folder(data)
    (sentence,) = errors(app)
    assert "holds no pair" in sentence
    assert "1001.png, 2001.png" in sentence
    assert by_key(app.button, "train-start").disabled
    for path, content in kept.items():
        path.write_bytes(content[:100])
    app.run()
    by_key(app.button, "train-check").click().run()
    (sentence,) = errors(app)
    assert "No pair of the folder data can be used; the first one: 1001.png is a PNG" in sentence
    assert by_key(app.button, "train-start").disabled


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux knows priorities of threads")
def test_a_job_gives_way_to_the_screens(tmp_path: Path) -> None:
    """The thread of a job has a lower priority than the thread that serves a page."""
    seen: list[int] = []

    def data() -> CTMRIDataset:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return tiny_data(tiny_config(epochs=1))

    job = JobQueue().submit(tiny_config(epochs=1), data, tmp_path / "run")
    assert job.wait(60)
    own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert seen == [min(19, own + 10)]
    assert RunFolder(tmp_path / "run").status().state == "done"
