"""The ONNX graph computes what the program computes, for every kind of model and any size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from fusion_core.architectures import ModelConfig, build
from fusion_core.baseline import ResNetConfig
from fusion_core.checkpoint import Checkpoint, load, save
from fusion_core.model import PRESETS, FusionConfig
from imaging.errors import InputError
from pipelines import onnx_export, onnx_graph
from pipelines.onnx_export import TOLERANCE, check_table, export_onnx, sample_pair

SMALL: dict[str, Any] = {"widths": (6, 6)}
DEEP: dict[str, Any] = SMALL | {"mask_inputs": "all", "gating": "independent", "gate_start": 0.5}


def untrained(config: ModelConfig) -> Checkpoint:
    """A model with seeded weights."""
    torch.manual_seed(0)
    return Checkpoint("untrained", build(config).eval(), {}, "0" * 64, Path("untrained"))


@pytest.mark.parametrize(
    "config",
    [
        FusionConfig(**SMALL),
        FusionConfig(levels=3, **DEEP),
        FusionConfig(levels=2, bounded=True, **DEEP),
        FusionConfig(wavelet="db4", levels=2, mode="reflect", shared=True, **SMALL),
        FusionConfig(wavelet="bior2.2", mode="periodic", dilations=(1, 2, 1), **SMALL),
        FusionConfig(wavelet="coif2", levels=2, mode="zero", **DEEP),
        FusionConfig(wavelet="db2", levels=2, mode="symmetric", kernel_size=5, **SMALL),
        ResNetConfig(width=8, blocks=2),
    ],
    ids=lambda c: f"{getattr(c, 'wavelet', 'resnet')}-{getattr(c, 'mode', '')}",
)
def test_onnx_runtime_agrees_on_odd_and_tiny_images(config: ModelConfig) -> None:
    """Image and masks agree to 1e-5 from 1 x 2 pixels on, whatever wavelet, border and gates."""
    made = export_onnx(untrained(config), ((64, 48), (33, 20), (7, 5), (1, 2)))
    assert [check.holds for check in made.checks] == [True] * 4
    assert max(check.worst for check in made.checks) < TOLERANCE
    if isinstance(config, FusionConfig) and not config.bounded:
        # Only where gates are shrunk by a quotient of roundings may a mask itself differ.
        assert {check.same for check in made.checks} == {1.0}


def test_a_shipped_checkpoint_keeps_its_identity() -> None:
    """The file names every mask, carries the SHA-256 and settings, and says what it is not for."""
    found = load("default")
    made = export_onnx(found)
    graph = onnx.load_from_string(made.data)
    assert [o.name for o in graph.graph.output] == list(made.outputs)
    assert made.outputs[:3] == ("fused", "ct_LL", "ct_LH")
    assert len(made.outputs) == 9
    properties = {p.key: p.value for p in graph.metadata_props}
    assert properties["sha256"] == found.sha256
    assert "not for diagnosis" in graph.doc_string
    assert "256 × 256" in check_table(made)


def test_a_batch_is_fused_image_by_image() -> None:
    """Two pairs in one batch give what each gives alone."""
    import onnxruntime

    made = export_onnx(untrained(PRESETS["seed"]), ((16, 16),))
    session = onnxruntime.InferenceSession(made.data, providers=["CPUExecutionProvider"])
    ct, mri = sample_pair(40, 31)
    pair = {"ct": np.stack((ct, mri))[:, None], "mri": np.stack((mri, ct))[:, None]}
    both = session.run(["fused"], pair)[0]
    alone = session.run(["fused"], {"ct": ct[None, None], "mri": mri[None, None]})[0]
    assert both.shape == (2, 1, 40, 31)
    np.testing.assert_allclose(both[:1], alone, atol=1e-6)


def test_a_graph_that_computes_something_else_is_not_handed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One wrong sign in a filter is found by the check, which names the difference."""
    original = onnx_graph._butterfly

    def wrong(g: Any, x: str) -> list[str]:
        ll, lh, hl, hh = original(g, x)
        return [ll, lh, g.op("Neg", hl), hh]

    monkeypatch.setattr(onnx_graph, "_butterfly", wrong)
    with pytest.raises(InputError, match=r"does not compute .* no file was made"):
        export_onnx(untrained(PRESETS["seed"]))


def test_without_the_packages_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The export is the only part that needs onnx; it names both packages with versions."""
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install onnx==.* onnxruntime=="):
        export_onnx(untrained(PRESETS["seed"]))


def test_the_named_versions_are_those_of_the_requirements() -> None:
    """What the sentence asks for is what requirements.txt pins."""
    pinned = (Path(__file__).parents[1] / "requirements.txt").read_text().split()
    assert set(onnx_export.NEEDS.split()) <= set(pinned)


def test_an_export_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    """Weights before and after are the same numbers."""
    found = untrained(replace(FusionConfig(), widths=(4,)))
    before = save(tmp_path / "a.safetensors", found.model, {})
    export_onnx(found, ((16, 16),))
    assert save(tmp_path / "b.safetensors", found.model, {}) == before
