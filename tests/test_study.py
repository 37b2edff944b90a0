"""Studies: the plan, what is left out of which run, resuming, standings and the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cli
from fusion_core.checkpoint import load
from trainer.control import Control
from trainer.presets import preset
from trainer.run_folder import RunFolder
from trainer.sources import ArraySource
from trainer.study import CLIPPED, SCORES, Study
from trainer.study_plan import Plan, PlanError, read_plan
from trainer.study_report import write_study

TINY = {"epochs": 1, "crop": 16, "batch_size": 4, "size": 32}


def source(patients: int = 3) -> ArraySource:
    """Two pairs of random texture for every patient."""
    generator = np.random.default_rng(0)
    pairs = [tuple(generator.random((2, 32, 32), np.float32)) for _ in range(2 * patients)]
    names = [f"{k // 2 + 1}00{k % 2}" for k in range(2 * patients)]
    return ArraySource(pairs, names, [name[:-3] for name in names])


def plan(**changes: Any) -> Plan:
    base = preset("seed").with_options(TINY)
    candidates = {"plain": base, "deep": base.with_options({"model": "deep-1"})}
    return Plan(candidates, {"short": {}, "full": {"epochs": 2}}, **changes)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study whose short stage is trained."""
    study = Study(plan(seeds=(0, 1)), source(), tmp_path_factory.mktemp("study"))
    reports = list(study.run("short", ["plain", "deep"]))
    assert all(report.error is None and report.trained for report in reports)
    return study


def test_every_run_leaves_one_patient_out(done: Study) -> None:
    """No run's data name the patient that it is scored on, and every image is scored once."""
    for fold in done.folds("short", ["plain", "deep"]):
        trained_on = json.loads((fold.path / "data.json").read_text())["patients"]
        assert fold.patient not in trained_on
        assert len(trained_on) == 2
        scored = json.loads((fold.path / SCORES).read_text())["images"]
        assert {name[:-3] for name in scored} == {fold.patient}
    assert sorted(done.scores("short", "plain")) == sorted(done.source.names)


def test_what_is_done_is_passed_over(done: Study) -> None:
    """A second call trains nothing and leaves every file as it was."""
    before = {p: p.stat().st_mtime_ns for p in done.out.rglob(SCORES)}
    assert not any(report.trained for report in done.run("short", ["plain", "deep"]))
    assert {p: p.stat().st_mtime_ns for p in done.out.rglob(SCORES)} == before
    assert len(before) == 12


def test_a_stopped_study_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a stop the finished runs stay, and the rest is trained by the next call."""
    study, control = Study(plan(), source(2), tmp_path), Control()
    for report in study.run("short", ["plain"], control):
        assert report.trained
        control.stop()
    assert len(list(tmp_path.rglob(SCORES))) == 1
    assert study.standings("short", ["plain"]) == []
    assert [r.trained for r in study.run("short", ["plain"])] == [False, True]
    assert len(study.standings("short", ["plain"])) == 1


def test_standings_are_means_over_images_and_seeds(done: Study) -> None:
    """A candidate's mean is that of its models' scores on the patients they never saw."""
    (first, second) = done.standings("short", ["plain", "deep"])
    assert first.rank <= second.rank
    assert first.rank + second.rank == pytest.approx(3)
    by_hand = []
    for fold in done.folds("short", [first.candidate]):
        images = json.loads((fold.path / SCORES).read_text())["images"]
        by_hand += [row["SSIM_Avg"] for row in images.values()]
    assert first.means["SSIM_Avg"] == pytest.approx(np.mean(by_hand))
    assert first.seed_sd["SSIM_Avg"] > 0
    model = load(RunFolder(done.folds("short", [first.candidate])[0].path).best).model
    assert first.parameters == model.parameter_count
    assert 0 <= first.means[CLIPPED] <= 1


def test_the_report_holds_the_standings(done: Study, tmp_path: Path) -> None:
    """Table, CSV and figures are written, and the numbers in them are the standings'."""
    written = {p.name for p in write_study(done, tmp_path, "python cli.py study DATA")}
    assert written == {
        "study.md", "study-short.csv", "study-short-differences.svg", "study-short-pareto.svg",
    }  # fmt: skip
    text = (tmp_path / "study.md").read_text()
    for standing in done.standings("short", ["plain", "deep"]):
        assert f"| {standing.candidate} | {standing.rank:.2f} |" in text
    assert "6 pairs of 3 patients" in text


def write(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps(values))
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "needs the key candidates"),
        ({"candidates": {"a": {}}, "folds": 3}, "unknown keys folds"),
        ({"candidates": {"a": {"epoch": 3}}}, "candidate a: Unknown training settings 'epoch'"),
        ({"candidates": {"a b": {}}}, "name 'a b' may have up to 60 letters"),
        ({"candidates": {"a": {}}, "short": {"crop": 999}}, "candidate a: crop must be at most"),
        ({"candidates": {"a": {}}, "metrics": ["Entropy"]}, "Entropy cannot choose"),
    ],
)
def test_a_wrong_plan_is_one_sentence(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    """The sentence names the file and the place, before anything is trained."""
    with pytest.raises(PlanError, match=message):
        read_plan(write(tmp_path / "plan.json", **values))


def test_one_patient_cannot_be_left_out(tmp_path: Path) -> None:
    """Data of one patient are refused."""
    with pytest.raises(PlanError, match="at least two"):
        Study(plan(), source(1), tmp_path)


def test_the_command_trains_ranks_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two candidates, both stages: the best of the short one alone is trained in full."""
    import cv2

    for folder in ("CT", "MRI"):
        (tmp_path / "set" / folder).mkdir(parents=True)
        for k, name in enumerate(("5001", "6001")):
            image = np.random.default_rng(k + len(folder)).integers(0, 255, (32, 32), np.uint8)
            cv2.imwrite(str(tmp_path / "set" / folder / f"{name}.png"), image)
    file = write(
        tmp_path / "plan.json", base="seed", options=TINY, finalists=1,
        candidates={"plain": {}, "medical": {"model": "medical"}}, full={"epochs": 2},
    )  # fmt: skip
    arguments = ["study", str(tmp_path / "set"), "--plan", str(file), "--out", str(tmp_path / "o")]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "short protocol" in printed
    assert "full protocol" in printed
    assert len(list((tmp_path / "o" / "short").rglob(SCORES))) == 4
    assert len(list((tmp_path / "o" / "full").rglob(SCORES))) == 2
    assert (tmp_path / "o" / "study.md").is_file()
    assert cli.main([*arguments, "--stage", "none"]) == 0
