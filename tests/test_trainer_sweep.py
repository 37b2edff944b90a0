"""Sweeps: all combinations as ordinary runs, resumable, with tables over seeds."""

import csv
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cli import main
from fusion_core.checkpoint import load
from tests.conftest import ROOT
from tests.synthetic import write_folder
from tests.training_data import tiny_config, tiny_data
from trainer.control import Control
from trainer.loop import train
from trainer.reports import EpochReport, Finished, StepReport
from trainer.run_folder import RunFolder
from trainer.sweep import SweepReport, SweepRun, loss_name, plan_sweep, sweep, train_run
from trainer.sweep_folder import images_of, is_over, read_plan, same_run, take_over
from trainer.sweep_results import SCORES, RunRow, read_runs, results, results_markdown

NAMES = ("1001", "1002", "2001", "2002")
TINY = ("--preset", "seed", "--size", "32", "--batch-size", "2", "--device", "cpu", "--epochs",
        "1", "--threads", "1", "--strips", "0", "--metrics-every", "0")  # fmt: skip


def tiny_plan(**choices: Any) -> tuple[SweepRun, ...]:
    """Two epochs, two seeds, whatever else is asked for."""
    return plan_sweep(tiny_config(epochs=2, strips=0), **({"seeds": (0, 1)} | choices))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load(path / "best.safetensors").model.state_dict()


def test_a_plan_holds_every_combination_once() -> None:
    """2 wavelets x 2 levels x 2 losses x 3 seeds are 24 runs in 24 folders, doubles left out."""
    runs = plan_sweep(
        tiny_config(), ("haar", "db4", "haar"), (1, 2), ("standard", "mse=1,ssim=0.5"), (0, 1, 2)
    )
    assert len(runs) == len({run.name for run in runs}) == 24
    assert len({json.dumps(run.config.to_dict()) for run in runs}) == 24
    last = runs[-1]
    assert last.name == "db4-2-mse1-ssim0.5-seed2"
    assert (last.config.model.wavelet, last.config.model.levels) == ("db4", 2)
    assert last.config.loss == {"mse": 1.0, "ssim": 0.5}
    assert last.config.seed == 2


def test_what_a_plan_leaves_out_keeps_its_own_value() -> None:
    """Without choices there is one run with the base's own settings, its loss by name."""
    base = tiny_config(loss="medical", wavelet="db2", seed=7)
    (run,) = plan_sweep(base)
    assert run.config == base
    assert run.name == "db2-1-medical-seed7"
    assert loss_name({"mse": 1.0, "scd": 0.25}) == "mse=1,scd=0.25"


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"wavelets": ("haar", "foo")}, "foo"),
        ({"levels": (1, 9)}, "levels must be 1 to 5"),
        ({"losses": ("nice",)}, "loss must be one of standard"),
        ({"losses": ("mse=1,ssim=2", "mse=12,ssim=2")}, None),
        ({"losses": ("mse=1,ssim=2", "mse=1.0-,ssim=2")}, "loss must be"),
    ],
)
def test_an_unusable_value_is_named_before_any_run(
    choices: dict[str, Any], words: str | None
) -> None:
    """A plan with one bad value raises a sentence that names it; a good one does not."""
    if words is None:
        assert len(tiny_plan(**choices)) == 4
        return
    with pytest.raises(ValueError, match=words):
        tiny_plan(**choices)


def test_a_sweep_trains_ordinary_runs_and_tabulates_them(tmp_path: Path) -> None:
    """Each run equals the one trained alone; the tables hold mean ± sd over its seeds."""
    runs = tiny_plan(wavelets=("haar", "db2"))
    seen = list(sweep(runs, tiny_data, tmp_path / "s"))
    assert [s.index for s in seen if isinstance(s.report, Finished)] == [1, 2, 3, 4]
    for _ in train(runs[3].config, tiny_data(runs[3].config), tmp_path / "alone"):
        pass
    one, other = weights(tmp_path / "alone"), weights(tmp_path / "s" / "db2-1-standard-seed1")
    assert all(torch.equal(one[key], other[key]) for key in one)

    lines = table(tmp_path / "s" / "runs.csv")
    assert [line["name"] for line in lines] == [run.name for run in runs]
    assert {line["state"] for line in lines} == {"done"}
    rows = table(tmp_path / "s" / "results.csv")
    assert [(row["wavelet"], row["runs_done"]) for row in rows] == [("haar", "2"), ("db2", "2")]
    for column in ("loss", "Qabf", "SSIM_Avg"):
        values = [float(line[column]) for line in lines[:2]]
        assert float(rows[0][f"{column}_mean"]) == pytest.approx(statistics.fmean(values), abs=1e-5)
        assert float(rows[0][f"{column}_sd"]) == pytest.approx(statistics.stdev(values), abs=1e-5)
    text = (tmp_path / "s" / "results.md").read_text(encoding="utf-8")
    assert text.count("2 of 2") == 2
    assert "Qabf ↑" in text
    assert " ± " in text


def test_metrics_measured_while_training_are_those_measured_after(tmp_path: Path) -> None:
    """The scores of the best epoch are the same from the history and from the kept weights."""
    values = []
    for every in (0, 1):
        config = tiny_config(epochs=1, strips=0, metrics_every=every)
        list(sweep(plan_sweep(config), tiny_data, tmp_path / str(every)))
        values.append(read_runs(tmp_path / str(every))[0].values)
    assert values[0] is not None
    assert values[0] == pytest.approx(values[1], nan_ok=True)


def test_a_stop_keeps_partial_results_and_the_same_words_go_on(tmp_path: Path) -> None:
    """Stopped in its second run, a sweep has a table; started again it ends as if never stopped."""
    runs, control = tiny_plan(), Control()
    list(sweep(runs, tiny_data, tmp_path / "whole"))
    for seen in sweep(runs, tiny_data, tmp_path / "parts", control):
        if seen.index == 2 and isinstance(seen.report, EpochReport):
            control.stop()
    states = [row.state for row in read_runs(tmp_path / "parts")]
    assert states == ["done", "stopped"]
    assert "1 of 2" in (tmp_path / "parts" / "results.md").read_text(encoding="utf-8")

    before = (tmp_path / "parts" / runs[0].name / "history.jsonl").read_bytes()
    again = list(sweep(runs, tiny_data, tmp_path / "parts"))
    assert again[0] == SweepReport(1, 2, runs[0], None)
    assert (tmp_path / "parts" / runs[0].name / "history.jsonl").read_bytes() == before
    assert not any(s.index == 2 and isinstance(s.report, EpochReport) and s.report.epoch == 1
                   for s in again)  # fmt: skip
    for name in ("results.csv", "results.md", "runs.csv"):
        whole, parts = (tmp_path / kind / name for kind in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()


def test_a_sweep_grows_but_never_mixes_settings(tmp_path: Path) -> None:
    """Another seed is added to the table; other epochs in the same folder are refused."""
    list(sweep(tiny_plan(seeds=(0,)), tiny_data, tmp_path / "s"))
    trained = [
        seen.run.seed
        for seen in sweep(tiny_plan(seeds=(0, 3)), tiny_data, tmp_path / "s")
        if isinstance(seen.report, Finished)
    ]
    assert trained == [3]
    assert [row.seed for row in read_runs(tmp_path / "s")] == [0, 3]
    other = plan_sweep(tiny_config(epochs=1, strips=0))
    with pytest.raises(ValueError, match="was made with another epochs"):
        list(sweep(other, tiny_data, tmp_path / "s"))


def test_a_run_that_fails_is_named_and_the_next_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run breaks off; the sweep goes on, and the table says which one failed and why."""
    from trainer import sweep as module

    def breaking(*args: Any, **options: Any) -> Iterator[Any]:
        for report in train(*args, **options):
            if args[0].seed == 0 and isinstance(report, StepReport):
                yield report
                RunFolder(args[2]).set_status("failed", "It broke.", 0)
                raise ValueError("It broke.")
            yield report

    monkeypatch.setattr(module, "train", breaking)
    seen = list(sweep(tiny_plan(), tiny_data, tmp_path / "s"))
    assert [s.error for s in seen if s.error] == ["It broke."]
    assert isinstance(seen[-1].report, Finished)
    rows = read_runs(tmp_path / "s")
    assert rows[1].state == "done"
    assert rows[0].state in ("failed", "stopped")


def test_a_failure_stands_below_the_table() -> None:
    """The Markdown table names a failed run with its reason, and counts it as not done."""
    rows = [
        RunRow("a", "haar", 1, "standard", 0, "done", epoch=1, values={"loss": 0.5}),
        RunRow("b", "haar", 1, "standard", 1, "failed", "The loss is not finite."),
    ]
    text = results_markdown(rows)
    assert "1 of 2" in text
    assert "b failed: The loss is not finite." in text
    (row,) = results(rows)
    assert row.means == {"loss": 0.5}
    assert row.deviations == {}


def test_the_plan_on_disk_gives_the_runs_back(tmp_path: Path) -> None:
    """Names, settings and own weights come back as they were planned, also from an older plan."""
    runs = tiny_plan(wavelets=("haar", "db2"), losses=("mse=1,ssim=2",), seeds=(0,))
    list(sweep(runs, tiny_data, tmp_path / "s"))
    assert read_plan(tmp_path / "s") == runs
    assert images_of(tmp_path / "s") == {"kind": "memory"}
    plan = json.loads((tmp_path / "s" / "sweep.json").read_text(encoding="utf-8"))
    del plan["config"]
    (tmp_path / "s" / "sweep.json").write_text(json.dumps(plan), encoding="utf-8")
    assert read_plan(tmp_path / "s") == runs


def test_a_finished_run_is_taken_over_only_with_its_settings_and_images(tmp_path: Path) -> None:
    """The copy has its scores, not its state; other epochs or other images are not the same."""
    runs = tiny_plan(seeds=(0,))
    list(sweep(runs, tiny_data, tmp_path / "s"))
    seen = tiny_data(runs[0].config).report.fingerprint
    found = same_run(runs[0], seen, [tmp_path / "s"])
    assert found is not None
    assert same_run(runs[0], "other", [tmp_path / "s"]) is None
    (longer,) = plan_sweep(tiny_config(epochs=3, strips=0))
    assert same_run(longer, seen, [tmp_path / "s"]) is None
    (tmp_path / "t").mkdir()
    take_over(found, tmp_path / "t")
    assert is_over(tmp_path / "t" / runs[0].name)
    assert not (tmp_path / "t" / runs[0].name / "last.pt").exists()
    again = list(sweep(runs, tiny_data, tmp_path / "t"))
    assert again == [SweepReport(1, 1, runs[0], None)]
    assert read_runs(tmp_path / "t")[0].values == read_runs(tmp_path / "s")[0].values


def test_a_run_that_is_done_without_scores_is_scored_not_trained(tmp_path: Path) -> None:
    """Killed between its last epoch and its scores, a run only gets those."""
    (run,) = tiny_plan(seeds=(0,))
    folder, data = tmp_path / "s", tiny_data(run.config)
    list(sweep([run], tiny_data, folder))
    before = (folder / run.name / "history.jsonl").read_bytes()
    scores = (folder / run.name / SCORES).read_bytes()
    (folder / run.name / SCORES).unlink()
    (report,) = train_run(run, data, folder, Control())
    assert isinstance(report, Finished)
    assert report.reason == "done"
    assert (folder / run.name / SCORES).read_bytes() == scores
    assert (folder / run.name / "history.jsonl").read_bytes() == before


def test_a_done_run_tells_its_parameters_and_time(tmp_path: Path) -> None:
    """Both stand beside the values; the time is that of its epochs."""
    list(sweep(tiny_plan(seeds=(0,)), tiny_data, tmp_path))
    (row,) = read_runs(tmp_path)
    run = RunFolder(tmp_path / row.name)
    assert row.parameters == load(run.best).model.parameter_count
    assert row.seconds == pytest.approx(
        sum(r["seconds"] for r in run.history() if r["kind"] == "epoch")
    )


def test_a_sweep_refuses_the_folder_of_a_run(tmp_path: Path) -> None:
    """A run's folder is not turned into a sweep's."""
    config = tiny_config(epochs=1, strips=0)
    list(train(config, tiny_data(config), tmp_path / "run"))
    with pytest.raises(ValueError, match="is the folder of a single run"):
        list(sweep(tiny_plan(), tiny_data, tmp_path / "run"))


def test_the_shell_sweeps_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sweep` prints the table and ends with 0; again it trains nothing and prints the same."""
    data, out = write_folder(tmp_path / "data", NAMES), tmp_path / "s"
    words = ["sweep", str(data), "--out", str(out), "--wavelets", "haar", "db2",
             "--losses", "standard", "--seeds", "0", "1", *TINY]  # fmt: skip
    assert main(words) == 0
    first = capsys.readouterr().out
    assert "[4/4] db2-1-standard-seed1" in first
    text = (out / "results.md").read_text(encoding="utf-8")
    assert first.endswith(text)
    assert main(words) == 0
    second = capsys.readouterr().out
    assert second.count("done before") == 4
    assert "epoch 1/1" not in second
    assert second.endswith(text)
    assert main(["sweep", str(data), "--out", str(out), "--levels", "1", "9", *TINY]) == 1
    assert "levels must be 1 to 5" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_sweep_as_one(tmp_path: Path) -> None:
    """Under torchrun all runs are trained, once, and the tables agree to 1e-4."""
    data = write_folder(tmp_path / "data", (*NAMES, "3001"))
    launchers = {
        "one": [],
        "two": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    }
    words = ["--losses", "standard", "mse=1", "--seeds", "0", "1", *TINY]
    for name, launcher in launchers.items():
        subprocess.run(
            [sys.executable, *launcher, "cli.py", "sweep", str(data), "--out",
             str(tmp_path / name), *words],
            cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, timeout=300,
        )  # fmt: skip
    one, two = (table(tmp_path / name / "runs.csv") for name in launchers)
    assert len(one) == 4
    for a, b in zip(one, two, strict=True):
        assert a["name"] == b["name"]
        assert a["state"] == b["state"] == "done"
        for key in ("loss", "Qabf", "SSIM_Avg"):
            assert float(a[key]) == pytest.approx(float(b[key]), abs=1e-4)
