"""The page Models in headless chromium: a real upload, and downloads that are opened again."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_core.checkpoint import load, save
from fusion_core.model import FusionConfig, FusionNet
from pipelines.onnx_export import sample_pair

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def models(page: Any) -> Any:
    """The page Models with its first card."""
    page.locator("canvas.v-canvas").first.wait_for()
    page.get_by_role("link", name="Models").first.click()
    page.get_by_text("At a glance").wait_for()
    return page


def download(page: Any, label: str, folder: Path) -> Path:
    """Click a download and save what comes."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label).click()
    target = folder / str(waiting.value.suggested_filename)
    waiting.value.save_as(target)
    return target


def test_an_uploaded_model_is_exported_and_runs_elsewhere(models: Any, tmp_path: Path) -> None:
    """Its ONNX file and its folder, as downloaded, both make the image that the model makes."""
    import onnxruntime

    torch.manual_seed(5)
    source = tmp_path / "brought.safetensors"
    save(source, FusionNet(FusionConfig(wavelet="db2", levels=2, widths=(5,))), {})
    models.locator("input[type=file]").set_input_files(str(source))
    models.get_by_text("brought is checked").wait_for()
    models.get_by_role("heading", name="brought").wait_for()

    ct, mri = sample_pair(50, 61)
    with torch.inference_mode():
        ours = load(source).model(torch.from_numpy(ct), torch.from_numpy(mri)).fused.numpy()
    models.get_by_role("button", name="Make and check the ONNX file").click()
    models.get_by_text("with this program within").wait_for()
    file = download(models, "Download brought.onnx", tmp_path)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    theirs = session.run(["fused"], {"ct": ct[None, None], "mri": mri[None, None]})[0]
    np.testing.assert_allclose(theirs, ours, atol=1e-5)

    packed = download(models, "Download the folder", tmp_path)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path / "out")
    done = subprocess.run(
        [sys.executable, "-I", "check.py"], cwd=tmp_path / "out" / "brought",
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

    models.get_by_role("button", name="Use on Fuse").click()
    models.locator("canvas.v-canvas").first.wait_for()
    models.get_by_text("Learned: db2 wavelet, 2 levels").first.wait_for()
    assert models.get_by_test_id("stAlert").count() == 0
