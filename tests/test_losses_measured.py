"""The terms that repeat a metric agree with it on 8-bit images."""

import numpy as np
import pytest
import torch
from torch import Tensor

from fusion_core.losses import TERMS
from fusion_core.losses.information import soft_joint_histogram
from fusion_core.losses.perception import information_fidelity
from fusion_core.metrics import evaluate
from tests.test_losses import smooth


def eight_bit(seed: int, size: tuple[int, int] = (96, 80)) -> Tensor:
    """(1, 1, H, W) with grey levels of n / 255; a black margin, as around a head."""
    image = (smooth(1, *size, seed=seed) * 255).round()
    image[..., :20] = 0
    return image / 255


def measured(name: str, fused: Tensor, ct: Tensor, mri: Tensor) -> float:
    arrays = [np.rint(x[0, 0].numpy() * 255).astype(np.uint8) for x in (fused, ct, mri)]
    return evaluate(*arrays, [name]).values[name]


def case() -> tuple[Tensor, Tensor, Tensor]:
    ct, mri = eight_bit(1), eight_bit(2)
    return ((0.7 * ct + 0.4 * mri).clamp(0, 1) * 255).round() / 255, ct, mri


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("term", "metric", "value"),
    [
        ("uniform_ssim", "SSIM_Avg", lambda loss: 1 - loss),
        ("visible_difference", "Qcv", lambda loss: 1000 * loss),
    ],
)
def test_term_equals_metric(term, metric, value, dtype) -> None:
    """uniform_ssim is SSIM_Avg and visible_difference Qcv, in either precision."""
    images = case()
    ours = value(TERMS[term](*(x.to(dtype) for x in images)).item())
    assert ours == pytest.approx(measured(metric, *images), rel=1e-4)


def test_information_fidelity_adds_up_to_vif() -> None:
    """The values of both sources add up to the metric; flat windows are all that is left out."""
    fused, ct, mri = case()
    kept = information_fidelity(fused.float(), torch.cat([ct, mri], 1).float())
    assert kept.sum().item() == pytest.approx(measured("VIF", fused, ct, mri), rel=1e-3)


def test_fidelity_does_not_reward_forgetting_a_source() -> None:
    """Of two unrelated textures a copy of one beats their mean in VIF, and loses in `fidelity`."""
    noise = torch.rand(2, 1, 1, 96, 96, generator=torch.Generator().manual_seed(4))
    ct, mri = (noise * 255).round() / 255
    mean = (ct + mri) / 2
    assert measured("VIF", ct, ct, mri) > measured("VIF", mean, ct, mri)
    assert TERMS["fidelity"](ct, ct, mri).item() > TERMS["fidelity"](mean, ct, mri).item()


def test_unexplained_is_entropy_less_information() -> None:
    """unexplained is H(S) - I(F, S) of the soft histogram, so it falls as information is shared."""
    fused, ct, mri = case()

    def entropy(p: Tensor) -> Tensor:
        return -(p * p.clamp_min(1e-12).log()).sum()

    expected = 0.0
    for source in (ct, mri):
        joint = soft_joint_histogram(fused, source)[0, 0]
        source_entropy, image_entropy = entropy(joint.sum(0)), entropy(joint.sum(1))
        shared = source_entropy + image_entropy - entropy(joint)
        expected += float(source_entropy - shared) / 2
    assert TERMS["unexplained"](fused, ct, mri).item() == pytest.approx(expected, abs=1e-9)
    blank = torch.full_like(ct, 0.5)
    assert TERMS["unexplained"](blank, ct, mri).item() > expected
