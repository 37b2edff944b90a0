"""The background job's states, its queue, and the run folder that others read."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.training_data import tiny_config, tiny_data
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.engine import Engine
from trainer.job import ENDED, JobQueue, Snapshot
from trainer.loop import train
from trainer.reports import Report
from trainer.run_folder import RunError, RunFolder, list_runs, new_run_path

LONG = 100_000


@pytest.fixture
def queue() -> Iterator[JobQueue]:
    jobs = JobQueue()
    yield jobs
    jobs.stop_all(20)


def data_of(config: TrainConfig) -> Callable[[], CTMRIDataset]:
    return lambda: tiny_data(config)


def until(what: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for a condition of another thread."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.01)


def test_a_job_runs_to_its_end_and_tells_of_it(queue: JobQueue, tmp_path: Path) -> None:
    """queued or running, then done, with every epoch in the snapshot and the folder on disk."""
    config = tiny_config()
    job = queue.submit(config, data_of(config), tmp_path / "run")
    assert job.snapshot().state in ("queued", "running")
    assert job.wait(30)
    seen = job.snapshot()
    assert (seen.state, seen.epoch, len(seen.epochs_seen)) == ("done", 3, 3)
    assert RunFolder(tmp_path / "run").status().state == "done"


def test_pause_resume_and_stop(queue: JobQueue, tmp_path: Path) -> None:
    """running -> paused (no step is done) -> running -> stopping -> stopped, within seconds."""
    config = tiny_config(epochs=LONG)
    job = queue.submit(config, data_of(config), tmp_path / "run")
    until(lambda: job.snapshot().epoch >= 1)
    job.pause()
    until(lambda: job.snapshot().state == "paused")
    before = job.snapshot()
    time.sleep(0.3)
    after = job.snapshot()
    assert (before.epoch, before.step) == (after.epoch, after.step)
    job.resume()
    until(lambda: job.snapshot().state == "running" and job.snapshot().epoch > after.epoch)
    job.stop()
    assert job.snapshot().state in ("stopping", "stopped")
    assert job.wait(10)
    assert job.snapshot().state == "stopped"
    assert RunFolder(tmp_path / "run").status().state == "stopped"


def test_a_paused_job_can_be_stopped_and_the_run_resumed(queue: JobQueue, tmp_path: Path) -> None:
    """Stopped from the pause; a second job goes on with the run and ends it."""
    config = tiny_config(epochs=LONG)
    job = queue.submit(config, data_of(config), tmp_path / "run")
    until(lambda: job.snapshot().epoch >= 1)
    job.pause()
    until(lambda: job.snapshot().state == "paused")
    job.stop()
    assert job.wait(10)
    assert job.snapshot().state == "stopped"
    short = config.with_options({"epochs": job.snapshot().epoch + 2})
    again = queue.submit(short, data_of(short), tmp_path / "run", resume=True)
    assert again.wait(30)
    assert again.snapshot().state == "done"
    assert len(again.snapshot().epochs_seen) == 2


def test_a_second_job_on_the_device_waits(queue: JobQueue, tmp_path: Path) -> None:
    """The second is queued behind the first, can be called off there, and never starts."""
    config = tiny_config(epochs=LONG)
    first = queue.submit(config, data_of(config), tmp_path / "one")
    second = queue.submit(config, data_of(config), tmp_path / "two")
    third = queue.submit(tiny_config(), data_of(tiny_config()), tmp_path / "three")
    until(lambda: first.snapshot().state == "running")
    states = [(s.state, s.waiting) for s in queue.snapshots()]
    assert states == [("running", 0), ("queued", 1), ("queued", 2)]
    second.stop()
    assert second.snapshot().state == "stopped"
    first.stop()
    assert third.wait(30)
    assert third.snapshot().state == "done"
    assert not (tmp_path / "two").exists()


def test_a_run_on_all_gpus_waits_for_each_and_holds_up_who_comes_later(
    queue: JobQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One GPU's run goes first, then the one on all, then another GPU's; the CPU waits for none."""
    monkeypatch.setattr("trainer.distributed.gpu_count", lambda: 2)
    go = {name: threading.Event() for name in ("one", "all", "other", "cpu")}

    def held(
        config: TrainConfig, data: CTMRIDataset, run_dir: Path, resume: bool, control: Control
    ) -> Iterator[Report]:
        assert go[run_dir.name].wait(20)
        yield from ()

    jobs = {}
    for name, device in (("one", "cuda:0"), ("all", "all"), ("other", "cuda:1"), ("cpu", "cpu")):
        config = tiny_config(device=device)
        jobs[name] = queue.submit(config, data_of(config), tmp_path / name, trainer=held)
    until(lambda: jobs["cpu"].snapshot().state == "running")
    assert jobs["all"].snapshot().devices == ("cuda:0", "cuda:1")
    seen = {s.name: (s.state, s.waiting) for s in queue.snapshots()}
    assert seen == {
        "one": ("running", 0), "all": ("queued", 1), "other": ("queued", 1), "cpu": ("running", 0),
    }  # fmt: skip
    go["one"].set()
    until(lambda: jobs["all"].snapshot().state == "running")
    assert jobs["other"].snapshot().state == "queued"
    go["all"].set()
    until(lambda: jobs["other"].snapshot().state == "running")
    go["other"].set()
    go["cpu"].set()
    assert all(job.wait(10) for job in jobs.values())


@pytest.mark.parametrize("ends", ["done", "failed"])
def test_images_and_weights_are_let_go_of_when_a_run_ends(
    queue: JobQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """The job stays in the queue, but no tensor of its images, model or optimizer stays alive."""
    config = tiny_config(epochs=2)
    kept: list[weakref.ref[object]] = []

    def make() -> CTMRIDataset:
        data = tiny_data(config)
        kept.append(weakref.ref(data))
        return data

    step = Engine.step

    def watched(self: Engine, *words: Any) -> Any:
        if len(kept) == 1:
            kept.extend(weakref.ref(p) for p in self.parameters)
        if ends == "failed" and self.updates == 3:
            raise ValueError("odd")
        result = step(self, *words)
        kept.extend(weakref.ref(s["exp_avg"]) for s in self.optimizer.state.values())
        return result

    monkeypatch.setattr(Engine, "step", watched)
    job = queue.submit(config, make, tmp_path / "run")
    assert job.wait(30)
    assert job.snapshot().state == ends
    assert len(kept) > 10
    until(lambda: all(reference() is None for reference in kept), 5)


def test_one_folder_has_one_job(queue: JobQueue, tmp_path: Path) -> None:
    """A folder in use is refused, by the queue and by the loop itself."""
    config = tiny_config(epochs=LONG)
    job = queue.submit(config, data_of(config), tmp_path / "run")
    until(lambda: job.snapshot().epoch >= 1)
    with pytest.raises(ValueError, match="The run run is running already"):
        queue.submit(config, data_of(config), tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="Another process is training"):
        next(train(config, tiny_data(config), tmp_path / "run", resume=True))


def test_a_job_that_cannot_start_fails_with_the_reason_and_the_queue_goes_on(
    queue: JobQueue, tmp_path: Path
) -> None:
    """Data that cannot be read fails the job; the next one runs."""

    def broken() -> CTMRIDataset:
        raise ValueError("data has no folder CT/.")

    def worse() -> CTMRIDataset:
        raise KeyError("odd")

    config = tiny_config(epochs=1)
    jobs = [
        queue.submit(config, make, tmp_path / name)
        for name, make in (("a", broken), ("b", worse), ("c", data_of(config)))
    ]
    assert all(job.wait(30) for job in jobs)
    seen = [job.snapshot() for job in jobs]
    assert [s.state for s in seen] == ["failed", "failed", "done"]
    assert seen[0].message == "data has no folder CT/."
    assert "KeyError" in seen[1].message


def test_snapshots_can_be_read_from_many_threads(queue: JobQueue, tmp_path: Path) -> None:
    """Readers never see an epoch go back or an ended job come alive."""
    config = tiny_config(epochs=30)
    job = queue.submit(config, data_of(config), tmp_path / "run")
    wrong: list[Snapshot] = []

    def read() -> None:
        last = job.snapshot()
        while last.alive:
            now = job.snapshot()
            if now.epoch < last.epoch or (last.state in ENDED and now.alive):
                wrong.append(now)
            last = now

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    assert job.wait(40)
    for reader in readers:
        reader.join(10)
    assert wrong == []


def test_a_run_without_its_process_is_interrupted(tmp_path: Path) -> None:
    """status.json says running but nobody holds the lock: the run was interrupted."""
    folder = RunFolder(tmp_path)
    with folder.owned():
        folder.set_status("running", "Running.", 4)
        assert folder.status().state == "running"
    assert folder.status().state == "interrupted"
    assert "after 4 epochs" in folder.status().message


def test_the_run_folder_holds_everything(tmp_path: Path) -> None:
    """Settings, data, environment, history, state, weights, strips and log are all there."""
    config = tiny_config(epochs=2)
    list(train(config, tiny_data(config), tmp_path / "run"))
    folder = RunFolder(tmp_path / "run")
    names = {p.relative_to(folder.path).as_posix() for p in folder.path.rglob("*.*")}
    assert names == {
        "best.safetensors", "config.json", "data.json", "environment.json", "history.jsonl",
        "last.pt", "log.txt", "run.lock", "status.json", "strips/epoch_001.png",
        "strips/epoch_002.png", "weights/epoch_001.safetensors",
        "weights/epoch_002.safetensors",
    }  # fmt: skip
    assert folder.config() == config
    kinds = [r["kind"] for r in folder.history()]
    assert kinds == ["started", "step", "step", "epoch", "step", "step", "epoch", "finished"]
    assert folder.read_json("environment.json")["threads"] == 1
    assert [run.name for run in list_runs(tmp_path)] == ["run"]


def test_history_reads_on_after_a_cut_line_and_counts_repeated_steps_once(tmp_path: Path) -> None:
    """Half a line is left out; what a resumed run does anew replaces what came before."""
    folder = RunFolder(tmp_path)
    step = {"kind": "step", "total": 1.0}
    folder.append({"kind": "started", "epoch": 0, "step": 0})
    folder.append(step | {"epoch": 1, "step": 1})
    folder.append(step | {"epoch": 1, "step": 2})
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"kind": "ep')
    folder.append({"kind": "started", "epoch": 0, "step": 1})
    folder.append(step | {"epoch": 1, "step": 2, "total": 2.0})
    steps = [(r["step"], r["total"]) for r in folder.history() if r["kind"] == "step"]
    assert steps == [(1, 1.0), (2, 2.0)]


def test_a_damaged_state_is_refused_in_words(tmp_path: Path) -> None:
    """Half a last.pt names the file and points to the best weights."""
    config = tiny_config(epochs=1)
    list(train(config, tiny_data(config), tmp_path / "run"))
    path = tmp_path / "run" / "last.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(RunError, match=r"last\.pt is damaged.*best\.safetensors"):
        next(train(config, tiny_data(config), tmp_path / "run", resume=True))


def test_a_full_disk_ends_the_run_with_the_last_state_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third save fails: the run ends as failed, and the second state loads."""
    config = tiny_config()
    saved = []
    save = RunFolder.save_state

    def full(self: RunFolder, state: dict[str, object]) -> None:
        saved.append(1)
        if len(saved) == 3:
            monkeypatch.setattr("torch.save", _no_space)
        save(self, state)

    monkeypatch.setattr(RunFolder, "save_state", full)
    *_, finished = train(config, tiny_data(config), tmp_path / "run")
    assert finished.reason == "failed"  # type: ignore[union-attr]
    assert "No space left on device" in finished.message  # type: ignore[union-attr]
    state = RunFolder(tmp_path / "run").load_state()
    assert state is not None
    assert state["progress"]["epoch"] == 2


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_new_run_paths_are_free_and_safe(tmp_path: Path) -> None:
    """Time and name make the path; odd characters become dashes and a taken path a number."""
    first = new_run_path(tmp_path, "../my run!")
    assert first.parent == tmp_path
    assert first.name.endswith("-my-run")
    first.mkdir()
    assert not new_run_path(tmp_path, "../my run!").exists()
