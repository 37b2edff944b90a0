"""The exported folder runs in an interpreter that has never heard of this project."""

import json
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

import cli
from fusion_core.architectures import ModelConfig, build
from fusion_core.baseline import ResNetConfig
from fusion_core.checkpoint import Checkpoint, load, save
from fusion_core.model import FusionConfig
from imaging.errors import InputError
from pipelines.methods import load_method
from pipelines.portable import portable_zip, write_portable
from pipelines.standalone import fuse as standalone


def run_clean(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, isolated: no PYTHONPATH, no current folder on the path."""
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME")}
    return subprocess.run(
        [sys.executable, "-I", *words],
        cwd=folder, env=keep | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


def exported(tmp_path: Path, config: ModelConfig) -> tuple[Path, Path]:
    """An untrained checkpoint and its folder."""
    torch.manual_seed(0)
    source = tmp_path / "mine.safetensors"
    save(source, build(config), {"summary": "Untrained, for a test."})
    return source, write_portable(load(source), tmp_path / "folder")


def test_the_folder_of_the_default_model_checks_itself(tmp_path: Path) -> None:
    """check.py passes where the project cannot be imported, and the image is the program's."""
    folder = write_portable(load("default"), tmp_path / "default")
    absent = (
        "import importlib.util as u; print(u.find_spec('fusion_core'), u.find_spec('pipelines'))"
    )
    assert run_clean(folder, "-c", absent).stdout.split() == ["None", "None"]
    done = run_clean(folder, "check.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("allowed 1e-05") == 3

    ct, mri = (np.load(folder / "example" / f"{name}.npy") for name in ("ct", "mri"))
    out = folder / "fused.npy"
    details = folder / "details.npz"
    words = ("fuse.py", "example/ct.npy", "example/mri.npy", "-o", str(out))
    assert run_clean(folder, *words, "--details", str(details)).returncode == 0
    ours = load_method("default", device="cpu").fuse(ct, mri)
    np.testing.assert_allclose(np.load(out), ours.fused[0, 0].numpy(), atol=1e-5)
    with np.load(details) as found:
        assert found["ct_LL"].shape == ours.masks.ct.ll.shape[-2:]  # type: ignore[union-attr]
        np.testing.assert_allclose(found["ct_part"] + found["mri_part"], np.load(out), atol=1e-5)


@pytest.mark.parametrize(
    "config",
    [
        FusionConfig(
            wavelet="bior4.4", levels=3, mode="reflect", mask_inputs="all", widths=(6,),
            gating="independent", dilations=(2, 1),
        ),
        ResNetConfig(width=4, blocks=1),
    ],
    ids=["wavelet", "resnet"],
)  # fmt: skip
def test_other_models_are_ported_too(tmp_path: Path, config: ModelConfig) -> None:
    """With another wavelet, border and depth, and without masks, the code makes the same image."""
    _, folder = exported(tmp_path, config)
    ct, mri, expected = (
        np.load(folder / "example" / f"{name}.npy") for name in ("ct", "mri", "expected_fused")
    )
    fused, masks, parts = standalone.Model(folder)(ct, mri)
    np.testing.assert_allclose(fused, expected, atol=1e-5)
    assert len(masks) == (20 if isinstance(config, FusionConfig) else 0)
    assert len(parts) == (2 if isinstance(config, FusionConfig) else 0)


def test_a_changed_weight_is_found(tmp_path: Path) -> None:
    """check.py names the file that was touched and ends with 1."""
    _, folder = exported(tmp_path, FusionConfig(widths=(4,)))
    weights = folder / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-2] ^= 64
    weights.write_bytes(data)
    done = run_clean(folder, "check.py")
    assert done.returncode == 1
    assert "weights.safetensors is missing or was changed" in done.stdout


@pytest.mark.slow
def test_another_result_is_found(tmp_path: Path) -> None:
    """Where the code computes something else, check.py says WRONG and ends with 1."""
    _, folder = exported(tmp_path, FusionConfig(widths=(4,)))
    code = (folder / "fuse.py").read_text().replace("torch.sigmoid(x)", "torch.tanh(x)")
    (folder / "fuse.py").write_text(code)
    config = json.loads((folder / "config.json").read_text())
    del config["files"]["fuse.py"]
    (folder / "config.json").write_text(json.dumps(config))
    done = run_clean(folder, "check.py")
    assert done.returncode == 1
    assert "WRONG" in done.stdout


def test_the_zip_is_the_folder_and_always_the_same(tmp_path: Path) -> None:
    """Both hold the same bytes; a second zip equals the first; the weights open here again."""
    source, folder = exported(tmp_path, FusionConfig(widths=(4,)))
    found: Checkpoint = load(source)
    data = portable_zip(found)
    assert data == portable_zip(found)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for name in archive.namelist():
            assert archive.read(name) == (folder / name.partition("/")[2]).read_bytes()
    assert load(folder / "weights.safetensors").sha256 == found.sha256


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """A folder that holds something is refused with one sentence."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="name a folder that is new or empty"):
        write_portable(load("seed-haar"), tmp_path / "there")
    assert [p.name for p in (tmp_path / "there").iterdir()] == ["mine.txt"]


def test_the_shell_writes_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`export` makes the ONNX file and the folder and prints the check; bare it is wrong usage."""
    onnx, folder = tmp_path / "m.onnx", tmp_path / "m"
    assert cli.main(["export", "seed-haar", "--onnx", str(onnx), "--folder", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "agrees with ONNX Runtime" in said
    assert "217 × 181" in said
    assert onnx.stat().st_size > 10_000
    assert (folder / "README.md").read_text().startswith("# seed-haar")
    with pytest.raises(SystemExit) as ended:
        cli.main(["export", "seed-haar"])
    assert ended.value.code == 2
    assert cli.main(["export", "nobody", "--onnx", str(onnx)]) == 1
