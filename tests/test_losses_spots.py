"""The term that asks for the CT's bright spots."""

import pytest
import torch
from torch import Tensor

from fusion_core.losses import TERMS

SIZE = 96


def disc(row: int, column: int, radius: float) -> Tensor:
    """(1, 1, H, W), 1 inside."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    inside = (y - row).square() + (x - column).square() <= radius**2
    return inside.float()[None, None]


def head(spot: float) -> tuple[Tensor, Tensor]:
    """CT of a skull and a brain with one small disc that is so much brighter, and its MRI."""
    skull = disc(48, 48, 44) - disc(48, 48, 36)
    brain = disc(48, 48, 36)
    return skull + brain * (0.4 + spot * disc(48, 48, 5)), 0.5 * brain


def lost(fused: Tensor, ct: Tensor, mri: Tensor) -> float:
    return TERMS["ct_conspicuity"](fused, ct, mri).item()


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
def test_the_share_of_a_spot_that_is_lost(kept: float) -> None:
    """A spot with half its contrast has lost half, whatever grey it lies on."""
    ct, mri = head(0.4)
    plain, _ = head(0.0)
    fused = 0.8 * plain + kept * (ct - plain)
    assert lost(fused, ct, mri) == pytest.approx(1 - kept, abs=0.03)


def test_a_spot_turned_dark_costs_more_than_one_that_is_gone() -> None:
    """And one that stands out more than on CT costs nothing."""
    ct, mri = head(0.3)
    plain, _ = head(0.0)
    assert lost(plain - (ct - plain), ct, mri) > 1.5
    assert lost(plain + 1.5 * (ct - plain), ct, mri) == pytest.approx(0, abs=1e-3)


def test_bone_and_spots_of_the_mri_do_not_count() -> None:
    """A head without a spot loses nothing, even where the bone is gone; nor is the MRI asked."""
    ct, mri = head(0.0)
    assert lost(ct * 0, ct, mri) == 0
    bright, _ = head(0.4)
    assert lost(ct, ct, bright) == 0


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (30, 30), (31, 8)])
def test_small_images_have_a_value_and_a_gradient(size: tuple[int, int]) -> None:
    """Windows shrink to what fits."""
    generator = torch.Generator().manual_seed(0)
    ct, mri, fused = torch.rand(3, 1, 1, *size, generator=generator).unbind(0)
    fused.requires_grad_()
    value = TERMS["ct_conspicuity"](fused, ct, mri)
    value.sum().backward()
    assert value.isfinite().all()
    assert fused.grad is not None
    assert fused.grad.isfinite().all()
