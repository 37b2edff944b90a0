"""The mask network with a wide view: what it sees, how nudges move gates, and where it runs."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_core import FusionConfig, FusionNet, attribute
from fusion_core.architectures import build
from fusion_core.checkpoint import Checkpoint, load, save
from fusion_core.context_masks import ContextMaskNet, squash
from pipelines.onnx_export import TOLERANCE, export_onnx
from pipelines.portable import write_portable
from pipelines.standalone import fuse as standalone

CONTEXT = FusionConfig(
    mask_inputs="all", mask_net="context", widths=(6, 5), gating="independent", gate_start=0.5
)


def stirred(config: FusionConfig) -> FusionNet:
    """A model whose every weight counts, those of the nudges too, which begin at zero."""
    torch.manual_seed(0)
    net = FusionNet(config).eval()
    with torch.no_grad():
        for values in net.parameters():
            values.add_(0.1 * torch.randn_like(values))
    return net


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("size", [(64, 48), (37, 50), (7, 5), (1, 2)], ids=str)
def test_masks_match_the_bands(levels: int, shared: bool, size: tuple[int, int]) -> None:
    """Every band has two masks of its size in [0, 1], and the image splits exactly."""
    net = stirred(replace(CONTEXT, levels=levels, shared=shared))
    result = net(*torch.rand(2, 2, 1, *size))
    for (_, a), (_, b), (_, c) in zip(
        result.masks.ct.items(), result.masks.mri.items(), result.ct.items(), strict=True
    ):
        assert a.shape == b.shape == c.shape
        assert min(a.min(), b.min()) >= 0
        assert max(a.max(), b.max()) <= 1
    parts = attribute(result)
    assert (parts.ct_only + parts.mri_only - result.fused).abs().max() <= 1e-5


def test_an_untrained_network_begins_at_the_logit_without_nudges() -> None:
    """Before training no nudge moves a gate: all gates lie around sigmoid(start)."""
    torch.manual_seed(0)
    net = FusionNet(replace(CONTEXT, gate_start=2.0))
    masks = net(*torch.rand(2, 32, 32)).masks.ct
    for band, mask in masks.items():
        assert mask.mean().item() == pytest.approx(1 / (1 + math.exp(-2)), abs=0.05), band


def test_a_nudge_changes_the_fused_coefficient_by_what_it_says() -> None:
    """``a c + b m`` grows by 0.1 per unit of nudge, and both gates move along (c, m)."""
    net = ContextMaskNet(4, (4,))
    for values in net.parameters():
        torch.nn.init.zeros_(values)
    seen = 0.5 + torch.rand(1, 8, 8, 8)
    ct, mri = seen[:, 0::2], seen[:, 1::2]
    before = net(seen)
    assert (before == 0.5).all()
    torch.nn.init.constant_(net.fine[-1].bias[32:], 0.7)  # type: ignore[arg-type, index]
    a, b = (net(seen) - before).chunk(2, 1)
    np.testing.assert_allclose((a * ct + b * mri).detach(), 0.07, rtol=1e-3)
    np.testing.assert_allclose((a * mri).detach(), (b * ct).detach(), rtol=1e-4)


def test_black_stays_black_and_gates_stay_within_bounds() -> None:
    """However large a nudge, gates end at 0 and 1, and black in both images stays black."""
    net = stirred(replace(CONTEXT, bounded=True))
    last = net.mask_nets[0].fine[-1]  # type: ignore[union-attr, index]
    torch.nn.init.constant_(last.bias[32:], 1e4)
    ct, mri = torch.rand(2, 1, 1, 32, 32)
    ct[..., :16], mri[..., :16] = 0, 0
    result = net(ct, mri)
    assert result.fused[..., :16].abs().max() == 0
    assert 0 <= result.fused.min() <= result.fused.max() <= 1 + 1e-5


def test_squash_is_steep_at_zero() -> None:
    """Half at the scale, odd, below one."""
    x = torch.tensor([-0.02, 0.0, 0.02, 2.0])
    np.testing.assert_allclose(squash(x, 0.02), [-0.5, 0, 0.5, 2 / 2.02], rtol=1e-6)


def test_it_hears_of_what_is_far_away() -> None:
    """A change 60 pixels away moves a gate; nothing of it is left 260 pixels away."""
    net = stirred(CONTEXT)
    ct, mri = torch.rand(2, 1, 1, 512, 64)
    moved = ct.clone()
    moved[..., :4, :] = 1 - moved[..., :4, :]
    change = (net(moved, mri).masks.ct.ll - net(ct, mri).masks.ct.ll).abs().amax((0, 1, 3))
    assert change[30] > 0
    assert change[130:].max() == 0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mask_inputs": "ll"}, "needs mask_inputs 'all'"),
        ({"gating": "convex"}, "needs gating 'independent'"),
        ({"dilations": (1, 2, 1)}, r"needs dilations \(\)"),
        ({"widths": ()}, "at least one hidden layer"),
        ({"mask_net": "unet"}, "plain, context"),
    ],
)
def test_settings_that_do_not_go_together_are_named(wrong: dict, message: str) -> None:
    """The message says which other setting it needs."""
    with pytest.raises(ValueError, match=message):
        replace(CONTEXT, **wrong)


@pytest.mark.parametrize(
    "config",
    [
        replace(CONTEXT, bounded=True),
        replace(CONTEXT, levels=2),
        replace(CONTEXT, wavelet="db2", kernel_size=5, widths=(4, 4, 4)),
    ],
    ids=["bounded", "two-levels", "db2"],
)
def test_exports_compute_the_same(config: FusionConfig, tmp_path: Path) -> None:
    """ONNX and the folder without this project agree with the program to 1e-5, at any size."""
    net = stirred(config)
    made = export_onnx(
        Checkpoint("context", net, {}, "0" * 64, Path("context")),
        ((64, 48), (33, 20), (7, 5), (1, 2)),
    )
    assert [check.holds for check in made.checks] == [True] * 4
    assert max(check.worst for check in made.checks) < TOLERANCE

    source = tmp_path / "context.safetensors"
    save(source, net, {"summary": "Stirred, for a test."})
    folder = write_portable(load(source), tmp_path / "folder")
    model = standalone.Model(folder)
    for size in ((33, 20), (64, 64), (1, 2)):
        ct, mri = np.random.default_rng(0).random((2, *size), np.float32)
        with torch.inference_mode():
            ours = net(torch.from_numpy(ct), torch.from_numpy(mri)).fused[0, 0]
        np.testing.assert_allclose(model(ct, mri)[0], ours, atol=1e-5)


def test_it_is_built_from_its_settings(tmp_path: Path) -> None:
    """Settings and weights survive a file."""
    net = stirred(CONTEXT)
    save(tmp_path / "a.safetensors", net, {"summary": "For a test."})
    found = load(tmp_path / "a.safetensors").model
    assert found.config == CONTEXT
    assert build(CONTEXT).parameter_count == found.parameter_count
    pair = torch.rand(2, 20, 20)
    assert torch.equal(found(*pair).fused, net(*pair).fused)
