"""`train` at the shell: settings from preset, file and flags; a run, its resumption, its stop."""

import json
import signal
from pathlib import Path

import pytest
import torch

from cli import main
from fusion_core.checkpoint import load
from imaging.read import read_image
from tests.synthetic import write_folder
from trainer.config import OPTIONS, TrainConfig
from trainer.console import describe, stop_on_interrupt
from trainer.presets import PRESETS
from trainer.reports import EpochReport, MetricsReport, StateReport, StepReport

TINY = ("--preset", "seed", "--size", "32", "--batch-size", "2", "--device", "cpu",
        "--threads", "1", "--strips", "0", "--metrics-every", "0")  # fmt: skip
NAMES = ("1001", "1002", "2001", "2002")


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> TrainConfig:
    """The settings that a command line prints."""
    assert main(["train", *(str(word) for word in words), "--print-config"]) == 0
    return TrainConfig.from_dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_prints_its_own_settings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--print-config needs no data and gives the preset whole."""
    assert printed(capsys, "--preset", name) == PRESETS[name]


def test_flags_come_before_the_file_and_the_file_before_the_preset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each setting is taken from the flag, else from the file, else from the preset."""
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"epochs": 7, "learning_rate": 0.5, "wavelet": "db2"}))
    words = ("--preset", "medical", "--config", file, "--epochs", "9", "--held-out", "a,b")
    found = printed(capsys, *words)
    assert (found.epochs, found.learning_rate, found.batch_size) == (9, 0.5, 4)
    assert (found.model.wavelet, found.model.levels) == ("db2", 2)
    assert found.held_out == ("a", "b")


def test_what_is_printed_can_be_read_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--config of a printed configuration gives the same settings whatever the preset."""
    words = ("--preset", "default", "--crop", "none", "--loss", "mse=1,ssim=0.5", "--widths", "4,4")
    first = printed(capsys, *words)
    file = tmp_path / "c.json"
    file.write_text(json.dumps(first.to_dict()))
    assert printed(capsys, "--preset", "seed", "--config", file) == first
    assert first.crop is None
    assert first.model.widths == (4, 4)


def test_every_setting_has_a_flag_with_its_range(capsys: pytest.CaptureFixture[str]) -> None:
    """train --help names every setting of the trainer with its plain words."""
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for option in OPTIONS.values():
        assert f"--{option.name.replace('_', '-')} " in said
        assert " ".join(option.help.split())[:24] in said


def test_a_run_ends_with_weights_that_fuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """train writes best.safetensors, prints a line per epoch, and the weights fuse a pair."""
    data, run = write_folder(tmp_path / "data", NAMES), tmp_path / "run"
    assert main(["train", str(data), "--out", str(run), *TINY, "--epochs", "2"]) == 0
    said = capsys.readouterr().out
    assert "epoch 1/2" in said
    assert "epoch 2/2" in said
    best = run / "best.safetensors"
    assert load(best).model.parameter_count == 6100
    sources = [str(data / kind / "1001.png") for kind in ("CT", "MRI")]
    assert main(["fuse", *sources, "-o", str(tmp_path / "f.png"), "--checkpoint", str(best)]) == 0
    assert read_image(tmp_path / "f.png").shape == (32, 40)


def test_a_second_run_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that holds a run is not overwritten; the sentence says to resume."""
    data, run = write_folder(tmp_path / "data", NAMES), tmp_path / "run"
    words = ["train", str(data), "--out", str(run), *TINY, "--epochs", "1"]
    assert main(words) == 0
    before = (run / "best.safetensors").read_bytes()
    capsys.readouterr()
    assert main(words) == 1
    assert "resume" in capsys.readouterr().err
    assert (run / "best.safetensors").read_bytes() == before


def test_a_resumed_run_goes_on_and_equals_one_without_a_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One epoch and --resume with --epochs 2 give the weights of two epochs at once."""
    data = write_folder(tmp_path / "data", NAMES)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["train", str(data), "--out", str(whole), *TINY, "--epochs", "2"]) == 0
    assert main(["train", str(data), "--out", str(parts), *TINY, "--epochs", "1"]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", str(parts), "--epochs", "2"]) == 0
    assert "going on after epoch 1" in capsys.readouterr().out
    one, other = (load(p / "best.safetensors").model.state_dict() for p in (whole, parts))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_unusable_data_and_folders_end_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing data, no run to resume, an unknown patient: exit code 1 and one line."""
    data = write_folder(tmp_path / "data", NAMES)
    for words, sentence in (
        ((tmp_path / "none", "--out", tmp_path / "r"), "is not a folder"),
        (("--resume", tmp_path / "none"), "is not the folder of a run"),
        ((data, "--out", tmp_path / "r", "--held-out", "77"), "held_out names unknown patients 77"),
    ):
        assert main(["train", *map(str, words)]) == 1
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1


def test_the_first_interrupt_stops_cleanly_and_the_second_breaks_off() -> None:
    """Ctrl-C calls stop once and tells the user; then the usual handler is back."""
    calls: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt(lambda: calls.append("stop"), calls.append):
        signal.raise_signal(signal.SIGINT)
        assert calls == ["Stopping after this step; once more breaks off.", "stop"]
        assert signal.getsignal(signal.SIGINT) is before
    assert signal.getsignal(signal.SIGINT) is before


def test_reports_read_as_words() -> None:
    """Every kind of report has one line with its numbers."""
    epoch = EpochReport(3, 50, 0.5, {}, 0.25, {}, 1e-3, 2.0, 40.0, 2, 0.2)
    words = "epoch 3/50 train 0.5000 val 0.2500 lr 0.001 2.0 s 40 pairs/s best 0.2000 at 2"
    assert " ".join(describe(epoch).replace("epoch  ", "epoch ").split()) == words
    step = StepReport(1, 5, 12, 0.75, {}, 1e-3, 1.0, 2.0, 20.0)
    assert describe(step) == "epoch 1, step 5/12: loss 0.7500, 20 pairs/s"
    assert describe(StateReport("paused")) == "training is paused"
    metrics = MetricsReport(4, {"Qabf": 0.5, "Entropy": 3.0}, {}, 1.0)
    assert describe(metrics) == "validation after epoch 4: Qabf 0.500"
