"""The seed model against the published steps, written plainly on pytorch-wavelets."""

import pytest
import torch

from fusion_core.model import PRESETS, FusionConfig, FusionNet
from tests.plain_seed import PlainSeed


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2"])
@pytest.mark.parametrize("size", [(256, 256), (64, 96), (34, 48)])
def test_the_seed_equals_the_published_steps(wavelet: str, size: tuple[int, int]) -> None:
    """With the same weights the fused image differs by at most 1e-6 from the plain reference."""
    model = FusionNet(FusionConfig(wavelet=wavelet)).eval()
    plain = PlainSeed(wavelet).copy_weights(model)
    ct, mri = torch.rand(2, 1, *size), torch.rand(2, 1, *size)
    with torch.inference_mode():
        fused, masks = plain(ct, mri)
        ours = model(ct, mri)
    assert ours.masks is not None
    assert (fused - ours.fused).abs().max() <= 1e-6
    for k, (_, mask) in enumerate(ours.masks.ct.items()):
        assert (masks[:, k : k + 1] - mask).abs().max() <= 1e-6


def test_the_seed_has_the_published_layers() -> None:
    """The described layers hold 6,100 values, in the reference and in the preset."""
    model = FusionNet(PRESETS["seed"])
    plain = sum(p.numel() for p in PlainSeed().parameters() if p.requires_grad)
    assert model.parameter_count == plain == 6100


def test_training_the_seed_follows_the_plain_reference() -> None:
    """Gradients of the mask layers agree with those of the plain reference to 1e-5, relatively."""
    model = FusionNet(PRESETS["seed"])
    plain = PlainSeed().copy_weights(model)
    ct, mri = torch.rand(2, 1, 32, 48), torch.rand(2, 1, 32, 48)
    model(ct, mri).fused.square().mean().backward()
    plain(ct, mri)[0].square().mean().backward()
    pairs = zip(model.mask_nets[0].parameters(), plain.mask_net.parameters(), strict=True)
    for ours, theirs in pairs:
        assert ours.grad is not None
        assert theirs.grad is not None
        assert (ours.grad - theirs.grad).norm() <= 1e-5 * theirs.grad.norm()
