"""A compiled step computes what the plain one does, and its absence costs nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from tests.test_trainer_loop import last, run, same, stop_after, weights
from tests.training_data import tiny_config
from trainer.reports import EpochReport
from trainer.run_folder import RunFolder


@pytest.mark.slow
def test_a_compiled_run_follows_the_plain_one_and_repeats_bit_for_bit(tmp_path: Path) -> None:
    """Losses agree to 1e-4, short last batches too; stopped and resumed it ends in equal bits."""
    plain = tiny_config(loss="mse=1,ssim=1", learning_rate=0.01)
    config = plain.with_options({"compile": "default"})
    curves = [
        [(r.train_total, r.val_total) for r in reports if isinstance(r, EpochReport)]
        for reports in (run(plain), run(config, tmp_path / "whole"))
    ]
    for theirs, ours in zip(*curves, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)
    log = (tmp_path / "whole" / "log.txt").read_text()
    assert "cannot be compiled" not in log
    assert stop_after(config, tmp_path / "parts", 3).reason == "stopped"
    run(config, tmp_path / "parts", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="hides the compiler by the search path")
def test_where_there_is_no_compiler_the_run_says_so_and_goes_on(tmp_path: Path) -> None:
    """The log has one sentence, and the weights are those of a run that never asked."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("CC", "CXX", "PATH")
    } | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training_process", str(tmp_path / "run"), "plain"]
    subprocess.run(
        [*command, "compile=default"], cwd=ROOT, env=environment | {"PATH": str(tmp_path)},
        check=True, timeout=300,
    )  # fmt: skip
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("The step cannot be compiled here (") == 1
    assert "training goes on without" in log
    assert RunFolder(tmp_path / "run").status().state == "done"
    assert same(weights(tmp_path / "run"), _plain_weights(tmp_path))


def test_a_compiler_that_fails_leaves_the_step_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """The note stands among the first report's notes, and the result is the plain one's."""

    def broken(*_: object, **__: object) -> object:
        def call(*_: object) -> object:
            raise RuntimeError("no compiler found.\nmore")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    config = tiny_config(epochs=1)
    reports = run(config.with_options({"compile": "reduce-overhead"}))
    note = reports[0].notes[-1]  # type: ignore[union-attr]
    assert note == (
        "The step cannot be compiled here (RuntimeError: no compiler found); training goes on "
        "without."
    )
    assert same(last(reports).model.state_dict(), last(run(config)).model.state_dict())


def _plain_weights(folder: Path) -> dict[str, torch.Tensor]:
    run(tiny_config(), folder / "plain")
    return weights(folder / "plain")
