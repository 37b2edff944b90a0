"""The shell's door: commands, their files, exit codes and help."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from fusion_core.metrics import METRICS
from imaging.read import read_image
from tests.plain_seed import PlainSeed
from tests.synthetic import picture, write_checkpoint, write_folder, write_pair, write_png

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (
    "fuse", "batch", "evaluate", "train", "sweep", "runs", "checkpoints", "publish",
    "provenance", "demo", "clinical",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.delenv("TWF_DEBUG", raising=False)


def run(*words: object) -> int:
    """Exit code of a command line."""
    try:
        return main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_fuse_writes_the_image_masks_and_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fuse writes a PNG of the CT's size, one PNG per mask and the metrics, and exits with 0."""
    ct, mri = write_pair(tmp_path)
    out, masks, js = tmp_path / "o" / "f.png", tmp_path / "masks", tmp_path / "f.json"
    assert run("fuse", ct, mri, "-o", out, "--masks", masks, "--json", js) == 0
    assert read_image(out).shape == (32, 40)
    assert len(list(masks.iterdir())) == 8
    values = json.loads(js.read_text())
    assert set(values["metrics"]) == set(METRICS)
    assert values["method"]["name"] == "default"
    assert "checkpoint default" in capsys.readouterr().out


def test_a_checkpoint_by_path_equals_the_one_by_name(tmp_path: Path) -> None:
    """--checkpoint takes a name or a path, and the pixels are the same."""
    ct, mri = write_pair(tmp_path)
    by_path = tmp_path / "weights" / "default.safetensors"
    assert run("fuse", ct, mri, "-o", tmp_path / "a.png", "--checkpoint", "default") == 0
    assert run("fuse", ct, mri, "-o", tmp_path / "b.png", "--checkpoint", by_path) == 0
    one, other = (read_image(tmp_path / f"{n}.png").pixels for n in "ab")
    assert np.array_equal(one, other)


def test_a_rule_fuses_by_its_rule(tmp_path: Path) -> None:
    """--rule max gives the pixelwise maximum."""
    ct, mri = write_pair(tmp_path)
    assert run("fuse", ct, mri, "-o", tmp_path / "f.png", "--rule", "max", "--device", "cpu") == 0
    expected = np.maximum(read_image(ct).pixels, read_image(mri).pixels)
    assert np.array_equal(read_image(tmp_path / "f.png").pixels, expected)


@pytest.mark.parametrize("size", [(1, 1), (10, 20000)])
def test_extreme_sizes_are_fused(
    size: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 x 1 and 20000 x 10 are fused; metrics that need more pixels say so on stderr."""
    ct, mri = write_pair(tmp_path, *size)
    out, js = tmp_path / "f.png", tmp_path / "f.json"
    assert run("fuse", ct, mri, "-o", out, "--json", js) == 0
    assert read_image(out).shape == size
    assert "VIF has no value: " in capsys.readouterr().err
    assert json.loads(js.read_text())["metrics"]["VIF"]["value"] is None


def test_other_sizes_are_fused_with_the_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A smaller MRI is resampled onto the CT's grid, and stderr says so."""
    ct = write_png(tmp_path / "ct.png", picture(32, 40, 1))
    mri = write_png(tmp_path / "mri.png", picture(16, 20, 2))
    assert run("fuse", ct, mri, "-o", tmp_path / "f.png") == 0
    assert read_image(tmp_path / "f.png").shape == (32, 40)
    assert "ct: " in capsys.readouterr().err


def test_the_caption_makes_the_image_higher(tmp_path: Path) -> None:
    """--caption adds a strip below the image."""
    ct, mri = write_pair(tmp_path)
    assert run("fuse", ct, mri, "-o", tmp_path / "f.png", "--caption") == 0
    assert read_image(tmp_path / "f.png").shape[0] > 32


def test_batch_fuses_a_folder_with_a_broken_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken pair is named and skipped, the others have a file and a line, and the exit is 0."""
    data = write_folder(tmp_path / "data")
    (data / "CT" / "1002.png").write_bytes((data / "CT" / "1002.png").read_bytes()[:60])
    write_png(data / "CT" / "3001.png", picture(8, 8, 1))
    assert run("batch", data, "-o", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert "1002 skipped: 1002.png" in said.err
    assert "3001" in said.err
    assert "2 of 3 pairs fused" in said.out
    with (tmp_path / "out" / "metrics.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["1001", "2001"]
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [
        ".batch", "1001.png", "2001.png", "contact-sheet-1.png", "metrics.csv", "report.txt"
    ]  # fmt: skip


def test_batch_without_one_good_pair_is_a_failure(tmp_path: Path) -> None:
    """When every pair is unusable the exit is 1."""
    data = write_folder(tmp_path / "data", ("1001",))
    (data / "CT" / "1001.png").write_bytes(b"")
    assert run("batch", data, "-o", tmp_path / "out") == 1


def test_evaluate_prints_mean_and_spread_and_writes_a_row_per_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has every metric with its direction; the CSV's columns are name and the metrics."""
    data = write_folder(tmp_path / "data")
    assert run("evaluate", data, "--rule", "wavelet-max", "--csv", tmp_path / "s.csv") == 0
    said = capsys.readouterr().out
    assert "Qabf ↑" in said
    assert "Qcv ↓" in said
    assert "±" in said
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", *METRICS]
    assert [row["name"] for row in rows] == ["1001", "1002", "2001"]


def test_evaluate_of_a_folder_names_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --fused only the images present are scored and the missing ones are named."""
    data = write_folder(tmp_path / "data")
    for name in ("1001", "2001"):
        write_png(tmp_path / "fused" / f"{name}.png", picture(32, 40, 7))
    csv_file = tmp_path / "s.csv"
    assert run("evaluate", data, "--fused", tmp_path / "fused", "--csv", csv_file) == 0
    said = capsys.readouterr()
    assert "1 pairs have no fused image: 1002." in said.err
    assert "2 images" in said.out
    assert len(csv_file.read_text().splitlines()) == 3


def test_provenance_prints_and_writes_every_band(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """provenance prints a line per band and writes the same as JSON."""
    ct, mri = write_pair(tmp_path)
    assert run("provenance", ct, mri, "--json", tmp_path / "p.json") == 0
    bands = [row["band"] for row in json.loads((tmp_path / "p.json").read_text())["bands"]]
    said = capsys.readouterr().out
    assert bands == ["LL", "LH", "HL", "HH"]
    assert all(f"\n{band} " in said for band in bands)


def test_checkpoints_lists_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every checkpoint has a line; a damaged one is named and makes the exit 1."""
    assert run("checkpoints", "default") == 0
    assert "verified" in capsys.readouterr().out
    sound = (tmp_path / "weights" / "default.safetensors").read_bytes()
    (tmp_path / "weights" / "hurt.safetensors").write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    assert run("checkpoints") == 1
    said = capsys.readouterr()
    assert "hurt.safetensors is damaged" in said.err
    assert "default" in said.out


def test_a_published_state_dict_is_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """checkpoints --convert makes a file that --checkpoint takes."""
    torch.save(PlainSeed().state_dict() and {
        f"mask_net.{k}": v for k, v in PlainSeed().mask_net.state_dict().items()
    }, tmp_path / "published.pth")  # fmt: skip
    assert run("checkpoints", "--convert", tmp_path / "published.pth") == 0
    assert "6100 parameters" in capsys.readouterr().out
    ct, mri = write_pair(tmp_path)
    made = tmp_path / "published.safetensors"
    assert run("fuse", ct, mri, "-o", tmp_path / "f.png", "--checkpoint", made) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_examples(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """--help exits with 0 and shows a command line to copy."""
    assert run(command, "--help") == 0
    assert f"python cli.py {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("fuse", "a.png"),
        ("fuse", "a", "b", "-o", "c.png", "--rule", "max", "--checkpoint", "x"),
        ("evaluate", "d", "--fused", "e", "--rule", "max"),
        ("train", "d", "--out", "r", "--epochs", "many"),
        ("train", "d", "--out", "r", "--epochs", "0"),
    ],
)
def test_wrong_usage_exits_with_2(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, contradictory and unreadable arguments are usage errors."""
    assert run(*words) == 2
    assert "usage: " in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    """`cli.py --help` answers in a fresh process without loading torch."""
    code = "import sys, cli\ntry:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
    code += "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)
