"""Several processes under torchrun, started and watched from a job's thread."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.synthetic import write_folder
from tests.test_trainer_distributed import curve
from tests.test_trainer_job import until
from tests.training_data import tiny_config, tiny_data
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset, open_folder
from trainer.job import Job, JobQueue
from trainer.launcher import LOG, launch, train_anywhere
from trainer.loop import train
from trainer.reports import Finished
from trainer.run_folder import RunFolder

NAMES = ("1001", "1002", "1003", "2001", "2002", "2003", "3001")
LONG = 100_000
two = partial(launch, processes=2)


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    jobs = JobQueue()
    yield jobs
    jobs.stop_all(60)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data", NAMES)


def opened(folder: Path, config: TrainConfig) -> Callable[[], CTMRIDataset]:
    return lambda: open_folder(folder, config)


def trainers(run_dir: Path) -> list[psutil.Process]:
    """Living processes that train in a folder, torchrun among them."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(run_dir.resolve()) in process.cmdline() and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found


def begun(job: Job, epochs: int = 1) -> None:
    """Wait until a job has done so many epochs; its processes give way to whatever else runs."""
    until(lambda: job.snapshot().epoch >= epochs or not job.snapshot().alive, 300)
    assert job.snapshot().alive, job.snapshot().message


@pytest.mark.slow
def test_two_processes_are_paused_stopped_resumed_and_end_as_one_would(
    queue: JobQueue, tmp_path: Path, data: Path
) -> None:
    """The job's states are those of one process, and so is the loss curve, to 1e-5."""
    config, run = tiny_config(epochs=LONG, noise=0.05), tmp_path / "run"
    job = queue.submit(config, opened(data, config), run, trainer=two)
    begun(job)
    started = job.snapshot().started
    assert started is not None
    assert started.device.endswith("in each of 2 processes")
    assert len(trainers(run)) == 3
    job.pause()
    until(lambda: job.snapshot().state == "paused")
    before = job.snapshot()
    assert RunFolder(run).status().state == "paused"
    time.sleep(0.5)
    after = job.snapshot()
    assert (before.epoch, before.step) == (after.epoch, after.step)
    job.resume()
    until(lambda: job.snapshot().state == "running" and job.snapshot().epoch > after.epoch)
    job.stop()
    assert job.snapshot().state in ("stopping", "stopped")
    assert job.wait(30)
    seen = job.snapshot()
    assert (seen.state, RunFolder(run).status().state) == ("stopped", "stopped")
    until(lambda: not trainers(run))

    short = config.with_options({"epochs": seen.epoch + 2})
    again = queue.submit(short, opened(data, short), run, resume=True, trainer=two)
    assert again.wait(120)
    assert again.snapshot().state == "done"
    assert [r.epoch for r in again.snapshot().epochs_seen] == [seen.epoch + 1, seen.epoch + 2]
    list(train(short, open_folder(data, short), tmp_path / "one"))
    ours, theirs = curve(run), curve(tmp_path / "one")
    assert len(ours) == len(theirs) == seen.epoch + 2
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["torchrun", "first", "second"])
def test_a_killed_launcher_or_process_fails_the_run_with_the_signal(
    queue: JobQueue, tmp_path: Path, data: Path, victim: str
) -> None:
    """Nothing is left behind, the message names the signal, and the run can go on."""
    config, run = tiny_config(epochs=LONG), tmp_path / "run"
    job = queue.submit(config, opened(data, config), run, trainer=two)
    begun(job)
    names = {p.environ().get("RANK", "torchrun"): p for p in trainers(run)}
    key = {"torchrun": "torchrun", "first": "0", "second": "1"}[victim]
    names[key].send_signal(signal.SIGKILL)
    assert job.wait(90)
    seen = job.snapshot()
    assert seen.state == "failed"
    assert "signal 9" in seen.message.lower()
    assert RunFolder(run).status().message == seen.message
    until(lambda: not trainers(run), 60)
    short = config.with_options({"epochs": RunFolder(run).status().epoch + 1})
    assert [*train(short, open_folder(data, short), run, resume=True)][-1].reason == "done"  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_process_that_cannot_begin_gives_its_sentence_as_the_reason(
    tmp_path: Path, data: Path
) -> None:
    """Images that are gone when the processes look for them are named in the last report."""
    config, run = tiny_config(), tmp_path / "run"
    images = open_folder(data, config)
    shutil.rmtree(data)
    reports = list(launch(config, images, run))
    assert len(reports) == 1
    assert isinstance(reports[0], Finished)
    assert reports[0].reason == "failed"
    assert f"{data} is not a folder" in reports[0].message
    assert RunFolder(run).status().state == "failed"
    assert (run / LOG).exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_processes_end_by_themselves_when_whoever_watches_is_killed(
    tmp_path: Path, data: Path
) -> None:
    """After a kill -9 of the watching process the run saves, stops, and can be resumed."""
    config, run = tiny_config(epochs=LONG), tmp_path / "run"
    settings = tmp_path / "config.json"
    settings.write_text(json.dumps(config.to_dict()))
    watch = (
        "import json, sys; from pathlib import Path; from trainer.config import TrainConfig;"
        "from trainer.data import open_folder; from trainer.launcher import launch\n"
        "config = TrainConfig.from_dict(json.loads(Path(sys.argv[1]).read_text()))\n"
        "for _ in launch(config, open_folder(sys.argv[2], config), Path(sys.argv[3])): pass"
    )
    process = subprocess.Popen([sys.executable, "-c", watch, settings, data, run], cwd=ROOT)
    folder = RunFolder(run)
    until(lambda: any(r["kind"] == "epoch" for r in folder.history()), 120)
    process.kill()
    process.wait(10)
    until(lambda: not trainers(run), 60)
    assert folder.status().state == "stopped"
    short = config.with_options({"epochs": folder.status().epoch + 1})
    assert [*train(short, open_folder(data, short), run, resume=True)][-1].reason == "done"  # type: ignore[union-attr]


def test_images_in_memory_alone_are_refused(tmp_path: Path) -> None:
    """Other processes could not read them; nothing is begun."""
    config = tiny_config()
    with pytest.raises(ValueError, match="images that lie in files"):
        next(launch(config, tiny_data(config), tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_one_device_trains_in_this_process(tmp_path: Path) -> None:
    """Where the settings name one device no other process is started."""
    config = tiny_config(epochs=1)
    *_, last = train_anywhere(config, tiny_data(config), tmp_path / "run")
    assert isinstance(last, Finished)
    assert last.reason == "done"
    assert not (tmp_path / "run" / LOG).exists()
