"""`runs list`, `runs show` and `runs export` at the shell."""

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from cli import main
from tests.training_data import tiny_config, tiny_data
from trainer.loop import train
from trainer.run_export import epoch_table, export_run, summaries
from trainer.run_folder import RunFolder
from trainer.sweep import plan_sweep, sweep


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run of two epochs and a sweep of two runs."""
    root = tmp_path_factory.mktemp("runs")
    config = tiny_config(epochs=2, strips=1, metrics_every=2, loss="medical", seed=5)
    list(train(config, tiny_data(config), root / "one"))
    plan = plan_sweep(tiny_config(epochs=1, strips=0), seeds=(0, 1))
    list(sweep(plan, tiny_data, root / "many"))
    (root / "not a run").mkdir()
    return root


def test_list_shows_every_run_with_its_state(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line per run, those of sweeps by folder and name, with state, epochs and settings."""
    assert main(["runs", "list", str(runs)]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["name", "state", "epochs"]
    assert [line.split()[0] for line in lines] == [
        "one", "many/haar-1-standard-seed1", "many/haar-1-standard-seed0"
    ]  # fmt: skip
    assert "done" in lines[0]
    assert "2/2" in lines[0]
    assert "seed 5" in lines[0]


def test_a_damaged_run_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run whose settings cannot be read is listed without them."""
    config = tiny_config(epochs=1, strips=0)
    list(train(config, tiny_data(config), tmp_path / "good"))
    list(train(config, tiny_data(config), tmp_path / "bad"))
    (tmp_path / "bad" / "config.json").write_text("{")
    assert main(["runs", "list", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[1:]] == ["good", "bad"]
    assert "1/?" in said[2]


def test_show_tells_what_a_run_is_made_of(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Data, model, loss, settings that differ from the published ones, and every epoch."""
    assert main(["runs", "show", str(runs / "one")]) == 0
    said = capsys.readouterr().out
    assert "one: done." in said
    assert "6 pairs to train on, 3 to validate" in said
    assert "seed 5" in said
    assert "learning_rate" not in said
    assert "epoch    2" in said


def test_epochs_export_as_csv(runs: Path, tmp_path: Path) -> None:
    """One line per epoch with losses of both sides; metrics where they were measured."""
    out = tmp_path / "epochs.csv"
    assert main(["runs", "export", str(runs / "one"), "-o", str(out)]) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    history = [r for r in RunFolder(runs / "one").history() if r["kind"] == "epoch"]
    assert [float(row["val_total"]) for row in rows] == [r["val_total"] for r in history]
    assert float(rows[0]["train_ssim"]) == history[0]["train_terms"]["ssim"]
    assert rows[0]["Qabf"] == ""
    assert 0 < float(rows[1]["Qabf"]) < 1
    assert len(epoch_table(RunFolder(runs / "one"))) == 2


def test_json_and_zip_hold_the_run(runs: Path, tmp_path: Path) -> None:
    """JSON has settings, data, environment and history; the zip weights and pictures too."""
    document = json.loads(export_run(RunFolder(runs / "one"), ".json"))
    assert document["config"]["seed"] == 5
    assert document["data"]["train"] == 6
    assert [r["kind"] for r in document["history"]].count("epoch") == 2
    out = tmp_path / "one.zip"
    assert main(["runs", "export", str(runs / "one"), "-o", str(out)]) == 0
    names = set(zipfile.ZipFile(out).namelist())
    assert {"one/best.safetensors", "one/config.json", "one/strips/epoch_002.png"} <= names
    assert "one/last.pt" not in names


def test_what_is_no_run_ends_in_one_sentence(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another folder, another suffix, a missing folder: exit code 1 and one line each."""
    for words, sentence in (
        (("list", tmp_path / "none"), "There is no folder"),
        (("show", tmp_path), "is not the folder of a run"),
        (("export", tmp_path, "-o", tmp_path / "x.csv"), "is not the folder of a run"),
        (("export", runs / "one", "-o", tmp_path / "x.txt"), "must end in .csv or .json or .zip"),
    ):
        assert main(["runs", *map(str, words)]) == 1
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert summaries(tmp_path) == []
