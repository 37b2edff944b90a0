"""Own losses, rules and metrics from a file: found, checked, recorded and refused when changed."""

import csv
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from fusion_core.checkpoint import load
from fusion_core.losses import LOSSES, TERMS, FusionLoss
from fusion_core.metrics import METRICS, evaluate
from fusion_core.rules import RULES, get_rule
from imaging.read import read_image
from pipelines.extensions import (
    ExtensionError,
    ExtensionFile,
    is_loaded,
    load_extensions,
    load_recorded,
)
from tests.conftest import ROOT
from tests.registered import forget, forgotten_after
from tests.synthetic import write_checkpoint, write_folder, write_pair
from trainer.config import OPTIONS, TrainConfig
from trainer.run_folder import RunFolder

EXAMPLE = ROOT / "docs" / "examples" / "extensions.py"
TINY = ("--preset", "seed", "--size", "32", "--batch-size", "2", "--device", "cpu", "--epochs",
        "1", "--threads", "1", "--strips", "0")  # fmt: skip
NAMES = ("1001", "1002", "2001", "2002")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    with forgotten_after():
        yield


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def images(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)


def test_the_documented_example_adds_its_names() -> None:
    """The example file brings a loss term, a named loss, a rule and a metric, each usable."""
    found = load_extensions(EXAMPLE)
    assert (found.terms, found.losses) == (("background",), ("quiet",))
    assert (found.rules, found.metrics) == (("soft-max",), ("Grey_Background",))
    assert found.file.sha256 == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    ct, mri = images()
    ct[:, :, :8], mri[:, :, :8] = 0, 0
    fused = torch.full_like(ct, 0.5, requires_grad=True)
    report = FusionLoss({"background": 2.0})(fused, ct, mri)
    assert report.terms["background"].tolist() == pytest.approx([0.25, 0.25], abs=0.02)
    report.total.backward()  # type: ignore[no-untyped-call]
    assert fused.grad is not None
    assert float(fused.grad[:, :, :8].abs().min()) > 0
    blend = get_rule("soft-max")(ct, mri).fused
    top = torch.maximum(ct, mri)
    assert float((blend - top).max()) <= 0
    assert float((blend - top).abs().max()) < 0.05
    grey = np.full((16, 16), 100, np.uint8)
    dark = np.zeros((16, 16), np.uint8)
    assert evaluate(grey, dark, dark, ["Grey_Background"]).values == {"Grey_Background": 100.0}
    light = evaluate(grey, grey, grey, ["Grey_Background"])
    assert np.isnan(light.values["Grey_Background"])
    assert "no black background" in light.notes["Grey_Background"]


def test_the_same_file_twice_changes_nothing() -> None:
    """A second load gives the first one's record, from another path too."""
    first = load_extensions(EXAMPLE)
    assert load_extensions(str(EXAMPLE)) is first
    assert is_loaded(ExtensionFile("elsewhere.py", first.file.sha256))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "is not valid Python: .* \\(line 1\\)"),
        ("import nothing_of_that_name\n", "failed while it ran: ModuleNotFoundError"),
        ("raise SystemExit(3)\n", "failed while it ran: SystemExit"),
        ("x = 1\n", "defines none of LOSSES, RULES, METRICS"),
        ("LOSSES = [len]\n", "LOSSES in mine.py must be a dictionary of names to functions"),
        ("LOSSES = {'a': 3}\n", "loss 'a' in mine.py must be a function .* not int"),
        ("LOSSES = {'a': lambda x: x}\n", "loss 'a' in mine.py must take 3 arguments"),
        ("LOSSES = {'ssim': lambda f, c, m: f}\n", "'ssim', which exists already"),
        ("LOSSES = {'standard': {'mse': 1}}\n", "'standard', which exists already"),
        ("LOSSES = {'a=1': lambda f, c, m: f}\n", "names a loss 'a=1'; use letters"),
        ("LOSSES = {3: lambda f, c, m: f}\n", "names a loss 3; use letters"),
        ("LOSSES = {'a': {'sssim': 1}}\n", "unknown term 'sssim'; valid ones: mse"),
        ("LOSSES = {'a': {'mse': -1}}\n", "gives mse the weight -1"),
        ("LOSSES = {'a': {'mse': 0}}\n", "needs a term of weight above 0"),
        ("RULES = {'max': lambda c, m: c}\n", "a rule 'max', which exists already"),
        ("RULES = {'a': 'max'}\n", "rule 'a' in mine.py must be a function .* not str"),
        ("METRICS = {'Qabf': lambda i: 1}\n", "a metric 'Qabf', which exists already"),
        ("METRICS = {'a': lambda i, j: 1}\n", "metric 'a' in mine.py must take 1 argument"),
    ],
)
def test_an_unusable_file_is_refused_with_a_sentence(text: str, words: str, tmp_path: Path) -> None:
    """What is wrong is named, and nothing of the file is registered."""
    before = [list(table) for table in (TERMS, LOSSES, RULES, METRICS)]
    path = write(tmp_path, text)
    with pytest.raises(ExtensionError, match=words) as caught:
        load_extensions(path)
    assert str(caught.value).endswith(".")
    assert "mine.py" in str(caught.value)
    assert [list(table) for table in (TERMS, LOSSES, RULES, METRICS)] == before


def test_one_bad_entry_keeps_the_good_ones_out(tmp_path: Path) -> None:
    """Nothing is registered unless everything can be."""
    path = write(tmp_path, "LOSSES = {'fine': lambda f, c, m: f}\nRULES = {'max': max}\n")
    with pytest.raises(ExtensionError):
        load_extensions(path)
    assert "fine" not in TERMS


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    """No file, or a folder, is refused with its path."""
    with pytest.raises(ExtensionError, match=r"There is no extension file .*none\.py"):
        load_extensions(tmp_path / "none.py")
    with pytest.raises(ExtensionError, match="cannot be read"):
        load_extensions(tmp_path)


def test_what_a_function_returns_is_checked(tmp_path: Path) -> None:
    """A loss of the wrong shape, a failing rule and a failing metric say so by name."""
    load_extensions(
        write(
            tmp_path,
            "LOSSES = {'flat': lambda f, c, m: f.mean()}\n"
            "RULES = {'half': lambda c, m: c[..., ::2], 'bad': lambda c, m: c / None}\n"
            "METRICS = {'Bad': lambda images: 1 / 0}\n",
        )
    )
    ct, mri = images()
    with pytest.raises(ExtensionError, match=r"loss 'flat' of mine.py must give one value per im"):
        FusionLoss({"flat": 1.0})(ct, ct, mri)
    with pytest.raises(ExtensionError, match=r"rule 'half' of mine.py must give a tensor of shape"):
        get_rule("half")(ct, mri)
    with pytest.raises(ExtensionError, match=r"rule 'bad' of mine.py failed: TypeError"):
        get_rule("bad")(ct, mri)
    grey = np.full((16, 16), 100, np.uint8)
    scores = evaluate(grey, grey, grey, ["Bad", "SD"])
    assert np.isnan(scores.values["Bad"])
    assert scores.values["SD"] == 0
    assert "metric 'Bad' of mine.py failed: ZeroDivisionError" in scores.notes["Bad"]


def test_a_term_may_share_the_work_of_the_others(tmp_path: Path) -> None:
    """A function with a parameter ``stats`` gets the maps that all terms share."""
    text = "def a(fused, ct, mri, stats):\n    return stats.brighter.mean(dim=(1, 2, 3))\n"
    load_extensions(write(tmp_path, text + "LOSSES = {'a': a}\n"))
    ct, mri = images()
    terms = FusionLoss({"a": 1.0, "mse": 1.0})(ct.requires_grad_(), ct, mri).terms
    assert terms["a"].tolist() == pytest.approx(torch.maximum(ct, mri).mean((1, 2, 3)).tolist())


def test_no_form_and_no_upload_can_name_a_file() -> None:
    """The setting is not among the options that flags and forms are made of, nor a flag's text."""
    assert "extensions" not in OPTIONS
    with pytest.raises(ValueError, match="extensions must have a path and a sha256"):
        TrainConfig.from_dict({"extensions": str(EXAMPLE)})
    found = TrainConfig.from_dict(
        {"extensions": {"path": "/none.py", "sha256": "0" * 64}, "loss": {"unheard": 1.0}}
    )
    assert TrainConfig.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert "unheard" not in TERMS


def train_with(path: Path, data: Path, run: Path, *more: str) -> int:
    words = ["train", str(data), "--out", str(run), "--extensions", str(path), *TINY, *more]
    return main(words)


def test_a_run_records_its_file_and_resumes_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Path and SHA-256 stand in config.json; --resume runs the file again, and no flag is needed.

    The own metric is measured by the worker process, too.
    """
    data = write_folder(tmp_path / "data", NAMES)
    mine = Path(shutil.copy(EXAMPLE, tmp_path / "mine.py"))
    run, whole = tmp_path / "run", tmp_path / "whole"
    assert train_with(mine, data, run, "--loss", "quiet") == 0
    recorded = json.loads((run / "config.json").read_text())
    assert recorded["extensions"] == {
        "path": str(mine), "sha256": hashlib.sha256(mine.read_bytes()).hexdigest()
    }  # fmt: skip
    assert recorded["loss"]["background"] == 5.0
    (metrics,) = [r for r in RunFolder(run).history() if r["kind"] == "metrics"]
    assert "Grey_Background" in metrics["means"]
    silent = ("--metrics-every", "0")
    assert train_with(mine, data, whole, "--loss", "quiet", "--epochs", "2", *silent) == 0
    forget()
    capsys.readouterr()
    assert main(["train", "--resume", str(run), "--epochs", "2", *silent]) == 0
    assert "going on after epoch 1" in capsys.readouterr().out
    one, other = (load(p / "best.safetensors").model.state_dict() for p in (run, whole))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_changed_or_missing_file_stops_a_resume_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A changed file, a missing one and one put elsewhere: refused, refused, and accepted."""
    data = write_folder(tmp_path / "data", NAMES)
    mine, text = tmp_path / "mine.py", EXAMPLE.read_text(encoding="utf-8")
    mine.write_text(text)
    run = tmp_path / "run"
    words = ("--loss", "mse=1,background=1", "--metrics-every", "0")
    assert train_with(mine, data, run, *words) == 0
    resume = ["train", "--resume", str(run), "--epochs", "2"]
    for change, sentence in (
        (lambda: mine.write_text(text.replace("0.02", "0.03")), "has changed since the run began"),
        (mine.unlink, "is gone; put it back, or name its new place with --extensions"),
    ):
        forget()
        change()
        capsys.readouterr()
        assert main(resume) == 1
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    forget()
    moved = tmp_path / "moved.py"
    moved.write_text(text.replace("0.02", "0.03"))
    assert main([*resume, "--extensions", str(moved)]) == 1
    assert "was started with another extensions" in capsys.readouterr().err
    forget()
    moved.write_text(text)
    assert main([*resume, "--extensions", str(moved)]) == 0
    assert json.loads((run / "config.json").read_text())["extensions"]["path"] == str(moved)


def test_a_configuration_on_disk_may_name_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--config with "extensions" as a path beside it; what is printed names path and SHA-256."""
    shutil.copy(EXAMPLE, tmp_path / "mine.py")
    config = tmp_path / "c.json"
    config.write_text(json.dumps({"extensions": "mine.py", "loss": "quiet"}))
    assert main(["train", "--config", str(config), "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["extensions"]["path"] == str(tmp_path / "mine.py")
    forget()
    config.write_text(printed)
    assert main(["train", "--config", str(config), "--print-config"]) == 0
    assert capsys.readouterr().out == printed
    forget()
    (tmp_path / "mine.py").write_text("LOSSES = {}\n")
    assert main(["train", "--config", str(config), "--print-config"]) == 1
    assert "has changed" in capsys.readouterr().err


def test_own_rules_and_metrics_serve_fuse_evaluate_and_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--extensions lets --rule find the own rule, and the own metric has a column."""
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    ct, mri = write_pair(tmp_path)
    data = write_folder(tmp_path / "data")
    own = ["--extensions", str(EXAMPLE), "--rule", "soft-max", "--device", "cpu"]
    out = tmp_path / "f.png"
    assert main(["fuse", str(ct), str(mri), "-o", str(out), *own]) == 0
    top = np.maximum(read_image(ct).pixels, read_image(mri).pixels)
    assert float(np.abs(read_image(out).pixels - top).max()) < 0.05 * 255
    assert main(["evaluate", str(data), "--csv", str(tmp_path / "s.csv"), *own]) == 0
    assert main(["batch", str(data), "-o", str(tmp_path / "o"), *own]) == 0
    for path in (tmp_path / "s.csv", tmp_path / "o" / "metrics.csv"):
        with path.open(newline="") as file:
            assert all(row["Grey_Background"] for row in csv.DictReader(file))


def test_a_recorded_file_is_run_only_if_it_is_the_same(tmp_path: Path) -> None:
    """load_recorded compares the bytes before it runs any of them."""
    mark = tmp_path / "ran"
    path = write(tmp_path, f"open({str(mark)!r}, 'w')\nRULES = {{}}\n")
    with pytest.raises(ExtensionError, match="has changed"):
        load_recorded(ExtensionFile(str(path), "0" * 64))
    assert not mark.exists()
    load_recorded(ExtensionFile(str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
    assert mark.exists()
