"""batch and evaluate under torchrun: every pair once, and one process's files byte for byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from commands.sharding import Share, part_name, shared_out
from fusion_core.metrics import Scores
from imaging.pairs import find_pairs
from pipelines.evaluate import PairRecord
from tests.conftest import ROOT
from tests.synthetic import picture, write_checkpoint, write_folder, write_png
from trainer.distributed import Ranks

NAMES = ("1001", "1002", "1010", "2001", "2002")


class Pretended(Ranks):
    """The first of two processes, with the other one's records at hand."""

    def gather(self, value: list[PairRecord]) -> list[list[PairRecord]]:  # type: ignore[override]
        other = [PairRecord(1, 2, "1002"), PairRecord(2, 2, "2001", Scores({}, {}))]
        return [value, other]


def test_alone_every_pair_is_ones_own(tmp_path: Path) -> None:
    """Without torchrun the share is the whole, the table keeps its name, nothing is moved."""
    pairs = find_pairs(write_folder(tmp_path, NAMES))
    with shared_out(pairs) as share:
        assert share.pairs == pairs
        assert share.first
        assert part_name("metrics.csv", share) == "metrics.csv"
        assert share.device("auto") == "auto"
        records = [PairRecord(i, 5, name) for i, name in enumerate(NAMES, 1)]
        assert share.gather(records) == records


def test_gathered_records_stand_in_the_order_of_the_pairs(tmp_path: Path) -> None:
    """Whatever process they come from, records are numbered as one process would."""
    pairs = find_pairs(write_folder(tmp_path, NAMES))
    share = Share(pairs, NAMES, Pretended(0, 2))
    mine = [PairRecord(1, 3, "1001"), PairRecord(2, 3, "1010"), PairRecord(3, 3, "2002")]
    found = share.gather(mine)
    assert [record.name for record in found] == list(NAMES)
    assert [(record.index, record.total) for record in found] == [(i, 5) for i in range(1, 6)]
    assert part_name("metrics.csv", share) == "metrics.part0.csv"


@pytest.mark.slow
def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    """batch and evaluate, with five pairs and one that cannot be read, give the same bytes."""
    data = write_folder(tmp_path / "data", NAMES)
    write_png(data / "CT" / "1005.png", picture(32, 40, 1))
    (data / "MRI" / "1005.png").write_bytes(b"no image")
    write_checkpoint(tmp_path / "weights")
    environment = os.environ | {
        "OMP_NUM_THREADS": "1", "TWF_CHECKPOINTS": str(tmp_path / "weights")
    }  # fmt: skip
    launchers = {
        "one": [],
        "two": ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    }
    said = {}
    for name, launcher in launchers.items():
        out = tmp_path / name
        for words in (
            ["batch", str(data), "-o", str(out)],
            ["evaluate", str(data), "--csv", str(out / "scores.csv")],
            ["evaluate", str(data), "--fused", str(out), "--csv", str(out / "again.csv")],
        ):
            done = subprocess.run(
                [sys.executable, *launcher, "cli.py", *words, *([] if "--fused" in words else
                 ["--device", "cpu"])],
                cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            said.setdefault(name, []).append(done.stdout.replace(str(out), ""))
    files = {name: sorted(p.name for p in (tmp_path / name).iterdir()) for name in launchers}
    assert files["one"] == files["two"]
    assert {".batch", "contact-sheet-1.png", "report.txt"} < set(files["one"])
    assert len(files["one"]) == 5 + 3 + 3
    for file in ("metrics.csv", "scores.csv", "again.csv"):
        one, two = ((tmp_path / name / file).read_bytes() for name in launchers)
        assert one == two
        assert one.count(b"\n") == 6
    for name in NAMES:
        one, two = ((tmp_path / k / f"{name}.png").read_bytes() for k in launchers)
        assert one == two
    assert said["one"] == said["two"]
