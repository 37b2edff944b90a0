"""A training process killed at any moment goes on to the same bits."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT
from trainer.run_folder import RunFolder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL"),
]
SETTINGS = ("epochs=10", "flip=both", "noise=0.05", "ema_decay=0.9", "loss=default")


def start(run_dir: Path, mode: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training_process", str(run_dir), mode, *SETTINGS],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def lines(folder: RunFolder) -> int:
    """Lines of the history as they lie there; its reader drops those that a resume did anew."""
    path = folder.path / "history.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def assert_same(first: Path, second: Path) -> None:
    a, b = (RunFolder(path).load_state() for path in (first, second))
    assert a is not None
    assert b is not None
    for part in ("model", "average"):
        x, y = a["engine"][part], b["engine"][part]
        pairs = zip(x.values(), y.values(), strict=True) if part == "model" else zip(x, y)  # noqa: B905
        assert all(torch.equal(p, q) for p, q in pairs)
    assert a["progress"]["best_loss"] == b["progress"]["best_loss"]


def test_kills_at_random_moments_do_not_change_the_result(tmp_path: Path) -> None:
    """Five kills while steps run, each followed by a resume, end in the uninterrupted weights."""
    assert start(tmp_path / "whole", "plain").wait(300) == 0
    chance = random.Random(0)
    kills = 0
    while kills < 5:
        process = start(tmp_path / "killed", "slow")
        folder = RunFolder(tmp_path / "killed")
        before = lines(folder)
        while process.poll() is None and lines(folder) <= before:
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.25))
        if process.poll() is not None:
            break
        process.kill()
        process.wait(30)
        kills += 1
        assert folder.status().state == "interrupted"
    assert kills == 5
    assert start(tmp_path / "killed", "plain").wait(300) == 0
    assert_same(tmp_path / "whole", tmp_path / "killed")
    epochs = [r["epoch"] for r in RunFolder(tmp_path / "killed").history() if r["kind"] == "epoch"]
    assert epochs == list(range(1, 11))


def test_a_kill_between_temporary_write_and_rename_does_not_change_the_result(
    tmp_path: Path,
) -> None:
    """The half-replaced state is passed over, and the run ends in the uninterrupted weights."""
    assert start(tmp_path / "whole", "plain").wait(300) == 0
    assert start(tmp_path / "killed", "between").wait(300) == -9
    assert (tmp_path / "killed" / "last.pt.tmp").exists()
    assert start(tmp_path / "killed", "plain").wait(300) == 0
    assert_same(tmp_path / "whole", tmp_path / "killed")
