"""Comparisons in the background: the shell's numbers, one at a time, cancelled, refused, kept."""

import csv
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import cli
from imaging.errors import InputError
from pipelines import compare_job
from pipelines.compare import Entry
from pipelines.compare_job import CompareJob, CompareQueue, Task, check
from pipelines.compare_report import comparison_files
from pipelines.methods import load_method
from tests.synthetic import picture, write_folder, write_png


@pytest.fixture
def jobs() -> Iterator[CompareQueue]:
    """A queue of its own, at rest after the test."""
    made = CompareQueue()
    yield made
    made.stop_all(20)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three pairs of two patients."""
    return write_folder(tmp_path / "data")


def rules(*names: str) -> tuple[Entry, ...]:
    methods = [load_method(rule=name, device="cpu") for name in names]
    return tuple(Entry(m.name, m.title, method=m) for m in methods)


def task(data: Path, *entries: Entry, pattern: str | None = None) -> Task:
    return Task("set", "folder", data, entries, entries[0].name, pattern)


def held_back(gate: threading.Event, begun: threading.Event) -> Entry:
    """A rule that waits at its first pair until it may go on."""
    plain = load_method(rule="mean", device="cpu")

    def run(ct: Any, mri: Any) -> Any:
        begun.set()
        gate.wait(20)
        return plain.run(ct, mri)

    return Entry("slow", "Slow", method=replace(plain, run=run))


def ended(job: CompareJob) -> compare_job.Snapshot:
    assert job.wait(30)
    return job.snapshot()


def test_the_files_are_those_of_the_shell(
    jobs: CompareQueue, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table of the background equals, byte for byte, what the command writes."""
    for name in ("1001", "1002", "2001"):
        write_png(data / "other" / f"{name}.png", picture(32, 40, 7))
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    command = [
        "compare", str(data), "--methods", "mean", "max", "--outside", str(data / "other"),
        "--reference", "max", "--device", "cpu", "--out", str(out),
    ]  # fmt: skip
    assert cli.main(command) == 0
    entries = (*rules("mean", "max"), Entry("other", "other", folder=data / "other"))
    seen = ended(jobs.submit(replace(task(data, *entries), reference="max")))
    assert seen.state == "done"
    assert (seen.done, seen.total) == (9, 9)
    assert seen.found is not None
    files = comparison_files(seen.found)
    assert set(files) == {path.name for path in out.iterdir()}
    for name, content in files.items():
        written = (out / name).read_bytes()
        assert written == (content.encode() if isinstance(content, str) else content), name
    with (out / "scores.csv").open() as file:
        assert sum(1 for _ in csv.DictReader(file)) == 9


def test_one_works_while_another_waits(jobs: CompareQueue, data: Path) -> None:
    """The second knows what is before it, and begins when the first has ended."""
    gate, begun = threading.Event(), threading.Event()
    first = jobs.submit(task(data, held_back(gate, begun)))
    assert begun.wait(20)
    second = jobs.submit(task(data, *rules("mean")))
    assert first.snapshot().state == "running"
    assert second.snapshot().state == "queued"
    assert (jobs.ahead(first.name), jobs.ahead(second.name)) == (0, 1)
    assert [job.name for job in jobs.jobs()] == [second.name, first.name]
    with pytest.raises(InputError, match="cancel it before deleting"):
        jobs.forget(first.name)
    gate.set()
    assert ended(first).state == ended(second).state == "done"
    assert jobs.ahead(second.name) == 0


def test_cancel_ends_after_the_image_under_way(jobs: CompareQueue, data: Path) -> None:
    """What works stops with a sentence and no result; what waits never begins."""
    gate, begun = threading.Event(), threading.Event()
    first = jobs.submit(task(data, held_back(gate, begun), *rules("max")))
    second = jobs.submit(task(data, *rules("mean")))
    assert begun.wait(20)
    first.stop()
    second.stop()
    assert first.snapshot().state == "stopping"
    gate.set()
    seen = ended(first)
    assert (seen.state, seen.found, seen.done) == ("stopped", None, 1)
    assert "Cancelled after 1 of 6 images" in seen.message
    assert ended(second).message == "Cancelled before it began."


def test_a_bad_pair_is_named_and_the_rest_is_compared(jobs: CompareQueue, data: Path) -> None:
    """A damaged CT leaves two images; the sentence stands in the snapshot and the result."""
    (data / "CT" / "1002.png").write_bytes(b"broken")
    seen = ended(jobs.submit(task(data, *rules("mean", "max"))))
    assert seen.found is not None
    assert seen.found.images == ["1001", "2001"]
    assert len(seen.skipped) == 2
    assert seen.skipped[0].startswith("Mean, 1002: 1002.png")
    assert any("1002" in sentence for sentence in seen.found.dropped)


def test_an_error_of_a_method_ends_its_comparison_only(jobs: CompareQueue, data: Path) -> None:
    """One sentence without a traceback; the next comparison is not touched."""
    plain = load_method(rule="mean", device="cpu")

    def run(ct: Any, mri: Any) -> Any:
        raise KeyError("lost")

    broken = Entry("broken", "Broken", method=replace(plain, run=run))
    first = jobs.submit(task(data, broken))
    second = jobs.submit(task(data, *rules("mean")))
    seen = ended(first)
    assert seen.state == "failed"
    assert seen.message == "The comparison failed: KeyError: 'lost'"
    assert ended(second).state == "done"


def test_what_cannot_work_is_refused_before_it_is_queued(jobs: CompareQueue, data: Path) -> None:
    """No pairs, no image of any pair, a pattern that fits no name, a name twice, no method."""
    (data / "none").mkdir()
    mean = rules("mean")
    bad = {
        "is not a folder": task(data / "nowhere", *mean),
        "no image with the name of a pair": task(data, Entry("n", "N", folder=data / "none")),
        "finds no patient in 1001": task(data, *mean, pattern="(x)"),
        "not a regular expression": task(data, *mean, pattern="("),
        "stand for two entries: mean": task(data, *mean, *mean),
        "at least one method": replace(task(data, *mean), entries=()),
    }
    for sentence, wrong in bad.items():
        with pytest.raises(InputError, match=sentence):
            jobs.submit(wrong)
    assert jobs.jobs() == []
    check(task(data, *mean, pattern=r"^(\d)"))


def test_patients_come_from_the_pattern(jobs: CompareQueue, data: Path) -> None:
    """The last digit as patient makes two of them: 1 has two images, 2 has one."""
    seen = ended(jobs.submit(task(data, *rules("mean", "max"), pattern=r"(\d)$")))
    assert seen.found is not None
    assert seen.found.patients == {"1001": "1", "1002": "2", "2001": "1"}
    (row,) = (d for d in seen.found.differences if d.metric == "Qabf")
    by_hand = seen.found.values("max", "Qabf") - seen.found.values("mean", "Qabf")
    assert row.per_patient["1"] == pytest.approx(np.mean([by_hand[0], by_hand[2]]))


def test_results_are_kept_until_deleted_or_too_many(
    jobs: CompareQueue, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting removes the unpacked images; the oldest ones go by themselves."""
    monkeypatch.setattr(compare_job, "KEPT", 2)
    made = []
    for _ in range(4):
        scratch = TemporaryDirectory()
        job = jobs.submit(replace(task(data, *rules("mean")), scratch=scratch))
        ended(job)
        made.append((job, Path(scratch.name)))
    assert len({job.name for job, _ in made}) == 4
    assert [path.exists() for _, path in made] == [False, True, True, True]
    assert jobs.job(made[0][0].name) is None
    jobs.forget(made[3][0].name)
    assert not made[3][1].exists()
    assert jobs.jobs() == [made[2][0], made[1][0]]
