"""FusionNet: architecture, shapes, gates and errors."""

import pytest
import torch

from fusion_core import FusionConfig, FusionNet, attribute
from fusion_core.model import PRESETS, Masks
from fusion_core.wavelets import MODES, NAMED_WAVELETS, band_names


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    ct, mri = torch.rand(2, *shape)
    return ct, mri


def test_seed_has_the_published_layers() -> None:
    """Convolutions 2-16-32-4 of 3x3 on the approximations: 6,100 parameters."""
    net = FusionNet(PRESETS["seed"])
    shapes = [tuple(p.shape) for p in net.parameters() if p.dim() == 4]
    assert shapes == [(16, 2, 3, 3), (32, 16, 3, 3), (4, 32, 3, 3)]
    assert net.parameter_count == 6100


def test_seed_2m_has_about_two_million_parameters() -> None:
    """The size the published text claims, with the published layout."""
    count = sum(p.numel() for p in FusionNet(PRESETS["seed-2m"]).parameters())
    assert 1.99e6 < count < 2.01e6


@pytest.mark.parametrize("shape", [(20, 30), (1, 20, 30), (3, 1, 20, 30), (1, 1), (2, 1, 5, 1)])
def test_input_shapes(shape) -> None:
    """(H, W), (1, H, W) and (B, 1, H, W) all give four-dimensional results of that size."""
    result = FusionNet(FusionConfig())(*pair(*shape))
    batch = shape[0] if len(shape) == 4 else 1
    assert tuple(result.fused.shape) == (batch, 1, *shape[-2:])


@pytest.mark.parametrize("gating", ["convex", "independent"])
@pytest.mark.parametrize("mask_inputs", ["ll", "all"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("levels", [1, 3])
def test_masks_match_the_bands(gating, mask_inputs, shared, levels) -> None:
    """Every band has a mask of its size in [0, 1]; convex masks add up to 1."""
    config = FusionConfig("db4", levels, gating=gating, mask_inputs=mask_inputs, shared=shared)
    result = FusionNet(config)(*pair(2, 1, 37, 50))
    assert len(result.masks.ct.items()) == 3 * levels + 1 == len(band_names(levels))
    for (_, a), (_, b), (_, c) in zip(
        result.masks.ct.items(), result.masks.mri.items(), result.ct.items(), strict=True
    ):
        assert a.shape == b.shape == c.shape
        assert 0 <= a.min() <= a.max() <= 1
        total = a + b
        assert torch.allclose(total, torch.ones_like(total)) == (gating == "convex")


def test_each_image_of_a_batch_is_fused_alone() -> None:
    """A batch gives what its images give one by one."""
    net = FusionNet(PRESETS["deep-2"])
    ct, mri = pair(3, 1, 24, 24)
    together = net(ct, mri).fused
    for i in range(3):
        assert torch.allclose(net(ct[i], mri[i]).fused[0], together[i], atol=1e-6)


def test_every_parameter_learns() -> None:
    """No weight is left without a gradient in any preset but the two-million one."""
    for name in ("seed", "medical", "deep", "deep-1", "deep-2"):
        net = FusionNet(PRESETS[name])
        net(*pair(2, 1, 32, 32)).fused.square().mean().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("levels", [1, 2, 5])
@pytest.mark.parametrize("size", [(64, 64), (33, 47), (3, 5), (1, 1)], ids=str)
def test_bounded_gates_keep_the_image_in_range(levels, size) -> None:
    """A bounded model never needs clipping, whatever its weights, and stays additive."""
    config = FusionConfig(
        levels=levels, gating="independent", mask_inputs="all", bounded=True, gate_start=3.0
    )
    net = FusionNet(config)
    ct, mri = (torch.rand(4, 1, *size) > 0.4).float(), torch.rand(4, 1, *size)
    result = net(ct, mri)
    assert -1e-5 <= result.fused.min() <= result.fused.max() <= 1 + 1e-5
    parts = attribute(result)
    assert (parts.ct_only + parts.mri_only - result.fused).abs().max() <= 1e-5
    for masks in result.masks:
        assert all(0 <= m.min() <= m.max() <= 1 for _, m in masks.items())


def test_bounding_leaves_what_needs_none() -> None:
    """Gates that cannot leave the range are untouched."""
    from fusion_core.model import bound
    from fusion_core.wavelets import analyse

    ct, mri = pair(1, 1, 16, 16)
    c, m = analyse(ct * 0.4, "haar", 2), analyse(mri * 0.4, "haar", 2)
    half = Masks(c.map(torch.ones_like), m.map(torch.zeros_like))
    for (_, before), (_, after) in zip(
        half.ct.items(), bound(half, c, m, "haar", (16, 16)).ct.items(), strict=True
    ):
        assert torch.allclose(before, after, atol=1e-4)


def test_black_stays_black() -> None:
    """Where both images are black, haar fusion is exactly black."""
    ct, mri = pair(1, 1, 32, 32)
    ct[..., :16], mri[..., :16] = 0, 0
    assert FusionNet(PRESETS["deep-1"])(ct, mri).fused[..., :16].abs().max() == 0


def test_config_survives_json() -> None:
    """A configuration read back from plain values is the same."""
    import json

    for config in PRESETS.values():
        assert FusionConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
def test_half_masks_give_the_mean(wavelet, mode) -> None:
    """With all masks at one half the fused image is the mean of the two (identity of the IDWT)."""
    net = FusionNet(FusionConfig(wavelet, 2, mode))
    for p in net.parameters():
        torch.nn.init.zeros_(p)
    ct, mri = pair(1, 1, 31, 40)
    assert torch.allclose(net(ct, mri).fused, (ct + mri) / 2, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wavelet": "dmey"}, "not invertible"),
        ({"levels": 0}, "levels must be 1 to 5"),
        ({"gating": "soft"}, "convex, independent"),
        ({"mask_inputs": "hh"}, "ll, all"),
        ({"widths": (0,)}, "widths"),
        ({"kernel_size": 4}, "kernel_size"),
        ({"dilations": (1, 2)}, r"one number per layer \(3\)"),
        ({"bounded": True, "wavelet": "db4"}, "two-tap"),
        ({"colour": 1}, "Unknown model settings colour; valid ones"),
    ],
)
def test_wrong_settings_are_named(settings, message) -> None:
    """A wrong setting is refused with its name and the valid values."""
    with pytest.raises(ValueError, match=message):
        FusionConfig.from_dict(settings)


@pytest.mark.parametrize(
    ("ct", "mri", "message"),
    [((4, 4), (4, 5), "same shape"), ((2, 4, 4), (2, 4, 4), "Expected"), ((4,), (4,), "Expected")],
)
def test_wrong_images_are_named(ct, mri, message) -> None:
    """Shapes that differ or are none of the three are refused."""
    with pytest.raises(ValueError, match=message):
        FusionNet(FusionConfig())(torch.rand(ct), torch.rand(mri))
