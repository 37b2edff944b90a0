"""Batches in the background: queue, stop, resume, what is left after the program's end."""

import csv
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imaging.errors import InputError
from pipelines import background, batch_job
from pipelines.batch_folder import BatchFolder, Request, create, list_batches
from pipelines.batch_job import BatchQueue, Snapshot, at_rest
from tests.synthetic import write_checkpoint, write_folder
from tests.training_app import zip_of

NAMES = tuple(f"{number}" for number in range(1000, 1040))


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One untrained checkpoint named default."""
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))


@pytest.fixture
def queue() -> Iterator[BatchQueue]:
    """A queue whose batches end with the test."""
    made = BatchQueue()
    yield made
    made.stop_all(20)


def new(tmp_path: Path, names: tuple[str, ...] = NAMES[:4], **wanted: object) -> BatchFolder:
    """A batch over a folder of small pairs by the rule mean."""
    data = tmp_path / f"data{len(names)}"
    if not data.exists():
        write_folder(data, names)
    values: dict[str, object] = {"metrics": False, "method": ("rule", "mean")} | wanted
    request = Request("set", "folder", path=str(data), **values)  # type: ignore[arg-type]
    return create(tmp_path / "batches", request)


def until(queue: BatchQueue, name: str, enough: int) -> None:
    """Wait until so many pairs are done."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        job = queue.job(name)
        if job is not None and job.snapshot().fused >= enough:
            return
        time.sleep(0.005)
    raise AssertionError(f"{name} did not come to {enough} pairs")


def test_a_batch_ends_with_a_zip_and_tells_the_same_from_its_folder(
    tmp_path: Path, queue: BatchQueue
) -> None:
    """All that a snapshot shows is still there when no thread of this process knows of it."""
    folder = new(tmp_path, masks=True, metrics=True, method=("checkpoint", "default"))
    (tmp_path / "data4" / "CT" / "1001.png").write_bytes(b"")
    job = queue.submit(folder)
    assert job.wait(60)
    seen = job.snapshot()
    assert (seen.state, seen.total, seen.fused, seen.skipped) == ("done", 4, 3, 1)
    assert seen.message == "Done: 3 of 4 pairs fused; 1 skipped."
    assert seen.newest == ("1003", "1002", "1000")
    assert [row.state for row in seen.rows] == ["fused", "skipped", "fused", "fused"]
    assert "1001.png is empty" in seen.rows[1].message
    rest = at_rest(folder)
    assert (rest.rows, rest.newest, rest.message) == (seen.rows, seen.newest, seen.message)
    with zipfile.ZipFile(folder.zip) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        table = archive.read("metrics.csv").decode().splitlines()
    assert [row["name"] for row in csv.DictReader(table)] == ["1000", "1002", "1003"]
    assert {"fused/1000.png", "masks/1000/ct_LL.png", "report.txt"} <= set(names)
    assert not any(name.startswith(".") for name in names)


def test_a_cancelled_batch_keeps_what_is_done_and_resumes(
    tmp_path: Path, queue: BatchQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after a few pairs there is a zip of them; resumed only the rest is fused."""
    held = batch_job.run_batch

    def slowly(*args: object) -> Iterator[object]:
        for record in held(*args):  # type: ignore[arg-type]
            time.sleep(0.02)
            yield record

    monkeypatch.setattr(batch_job, "run_batch", slowly)
    folder = new(tmp_path, NAMES)
    job = queue.submit(folder)
    until(queue, folder.name, 3)
    job.stop()
    assert job.wait(20)
    stopped = job.snapshot()
    assert stopped.state == "stopped"
    assert 3 <= stopped.fused < len(NAMES)
    assert f"{len(NAMES) - stopped.fused} not begun" in stopped.message
    with zipfile.ZipFile(folder.zip) as archive:
        assert sum(n.startswith("fused/") for n in archive.namelist()) == stopped.fused
    again = queue.submit(folder)
    assert again.wait(30)
    done = again.snapshot()
    assert (done.state, done.fused) == ("done", len(NAMES))
    assert stopped.fused <= done.kept < len(NAMES)
    assert {row.state for row in done.rows[: stopped.fused]} == {"there already"}


def test_batches_take_turns(
    tmp_path: Path, queue: BatchQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one waits for the first, is not taken twice, and may be cancelled before."""
    held = batch_job.run_batch

    def slowly(*args: object) -> Iterator[object]:
        for record in held(*args):  # type: ignore[arg-type]
            time.sleep(0.05)
            yield record

    monkeypatch.setattr(batch_job, "run_batch", slowly)
    first, second, third = (new(tmp_path, NAMES) for _ in range(3))
    jobs = [queue.submit(folder) for folder in (first, second, third)]
    until(queue, first.name, 1)
    assert jobs[1].snapshot().state == "queued"
    assert [queue.ahead(f.name) for f in (first, second, third)] == [0, 1, 2]
    with pytest.raises(InputError, match="under way already"):
        queue.submit(second)
    jobs[1].stop()
    jobs[0].stop()
    assert jobs[1].wait(20)
    assert jobs[1].snapshot().message == "Stopped before it began."
    until(queue, third.name, 1)


def test_a_batch_that_the_programs_end_cut_short_is_interrupted(tmp_path: Path) -> None:
    """A folder that says running, with no thread that works on it, offers to be resumed."""
    folder = new(tmp_path)
    assert at_rest(folder).state == "interrupted"
    folder.set_status({"state": "running", "message": "Fusing.", "total": 4, "fused": 2})
    rest = at_rest(folder)
    assert (rest.state, rest.fused, rest.alive) == ("interrupted", 2, False)
    assert "resume it" in rest.message


def test_a_batch_that_cannot_work_fails_with_a_sentence(tmp_path: Path, queue: BatchQueue) -> None:
    """Images that are gone, a method that is gone, and pairs that are all bad."""
    gone = new(tmp_path, NAMES[:2])
    for path in (tmp_path / "data2").rglob("*.png"):
        path.unlink()
    other = new(tmp_path, method=("rule", "never"))
    bad = new(tmp_path, NAMES[:3])
    for path in (tmp_path / "data3").rglob("*.png"):
        path.write_bytes(b"no image")
    expected = ("holds no pair", "Unknown fusion rule", "No pair could be fused")
    for folder, words in zip((gone, other, bad), expected, strict=True):
        job = queue.submit(folder)
        assert job.wait(30)
        assert job.snapshot().state == "failed"
        assert words in job.snapshot().message


def test_an_upload_lies_in_the_folder_and_goes_with_it(tmp_path: Path, queue: BatchQueue) -> None:
    """The zip is unpacked into the batch's folder; deleting it leaves nothing."""
    source = write_folder(tmp_path / "data")
    files = {f"x/{p.relative_to(source)}": p.read_bytes() for p in source.rglob("*.png")}
    request = Request("set", "zip", ("rule", "max"), upload="set.zip", metrics=False)
    folder = create(tmp_path / "batches", request, zip_of(files))
    assert sorted(p.name for p in (folder.path / "data").iterdir()) == ["CT", "MRI"]
    job = queue.submit(folder)
    assert job.wait(30)
    assert job.snapshot().fused == 3
    folder.delete()
    assert list((tmp_path / "batches").iterdir()) == []
    folder.delete()  # a second time is no error


def test_a_bad_upload_leaves_no_folder(tmp_path: Path) -> None:
    """What is no zip, reaches outside, or names no folder is refused and nothing stays."""
    root = tmp_path / "batches"
    upload = Request("set", "zip", ("rule", "max"), upload="set.zip")
    for data in (b"no zip", zip_of({"../CT/1.png": b"x", "MRI/1.png": b"x"})):
        with pytest.raises(InputError):
            create(root, upload, data)
    with pytest.raises(InputError, match="not a folder"):
        create(root, Request("x", "folder", ("rule", "max"), path=str(tmp_path / "none")))
    assert list_batches(root) == []
    assert not root.exists() or list(root.iterdir()) == []


def test_batches_are_listed_newest_first_and_foreign_folders_are_not(tmp_path: Path) -> None:
    """Names of equal titles differ; a folder without a request is no batch."""
    made = [new(tmp_path) for _ in range(3)]
    (tmp_path / "batches" / "other").mkdir()
    found = list_batches(tmp_path / "batches")
    assert len({folder.name for folder in made}) == 3
    assert [folder.name for folder in found] == sorted((f.name for f in made), reverse=True)
    (made[0].path / "request.json").write_text(json.dumps({"title": "x"}))
    with pytest.raises(InputError, match="not a batch that can be read"):
        made[0].request()


def test_the_remaining_time_follows_the_speed_of_late() -> None:
    """Ten pairs in a second and 50 to do are five seconds; two pairs tell nothing yet."""
    from collections import deque

    assert background.speed(deque([0.1 * n for n in range(11)])) == pytest.approx(10)
    assert background.speed(deque([0.0, 1.0])) is None
    assert Snapshot("x", total=8, fused=1, skipped=1).share == 0.25
