"""Gradients of the loss terms: exact, finite everywhere, repeatable, safe in mixed precision."""

import pytest
import torch

from fusion_core.losses import LOSSES, TERMS, FusionLoss


def images(*shape: int, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.rand(shape, generator=generator, dtype=dtype) for _ in range(3)]


@pytest.mark.parametrize("size", [(7, 6), (13, 12)])
@pytest.mark.parametrize("name", TERMS)
def test_gradient_is_exact(name, size) -> None:
    """Float64 finite differences agree with every term's gradient, small windows included."""
    fused, ct, mri = images(2, 1, *size, dtype=torch.float64)
    fused = (1.3 * fused - 0.15).requires_grad_() if name == "range" else fused.requires_grad_()
    assert torch.autograd.gradcheck(lambda f: TERMS[name](f, ct, mri), (fused,))


def test_gradient_is_exact_through_the_convolution() -> None:
    """The wide-image form of the Gaussian window passes the same check."""
    fused, ct, mri = images(1, 1, 170, 3, dtype=torch.float64)
    fused.requires_grad_()
    assert torch.autograd.gradcheck(lambda f: TERMS["ssim"](f, ct, mri), (fused,), fast_mode=True)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (10, 11), (300, 4), (32, 32)])
@pytest.mark.parametrize("name", TERMS)
def test_finite_on_flat_and_half_flat_images(name, size) -> None:
    """Black, grey, white and half-black images give finite values and bounded gradients."""
    half = images(1, 1, *size)[0]
    half[..., size[1] // 2 :] = 0
    flats = [torch.full((1, 1, *size), v) for v in (0.0, 0.3, 1.0)]
    for start in (*flats, half, half - 0.2):
        for ct, mri in ((flats[0], flats[0]), (flats[1], flats[2]), (half, flats[0]), (half, half)):
            fused = start.clone().requires_grad_()
            value = TERMS[name](fused, ct, mri)
            value.sum().backward()
            assert value.isfinite().all()
            assert fused.grad is not None
            assert fused.grad.isfinite().all()
            assert fused.grad.norm() < 1e4


@pytest.mark.parametrize("name", LOSSES)
def test_descending_the_loss_improves_the_image(name) -> None:
    """A hundred steps of Adam from grey lower every named loss by a third at least."""
    _, ct, mri = images(1, 1, 24, 24)
    ct[..., :6] = mri[..., :6] = 0
    fused = torch.full_like(ct, 0.5).requires_grad_()
    loss, optimiser = FusionLoss(LOSSES[name]), torch.optim.Adam([fused], lr=0.02)
    first = loss(fused, ct, mri).total.item()
    for _ in range(100):
        optimiser.zero_grad()
        total = loss(fused, ct, mri).total
        total.backward()
        optimiser.step()
    assert total.item() < first * 2 / 3


def test_bit_for_bit_repeatable() -> None:
    """The same batch gives the same bits twice, value and gradient."""
    fused, ct, mri = images(2, 1, 64, 64)
    runs = []
    for _ in range(2):
        leaf = fused.clone().requires_grad_()
        total = FusionLoss(dict.fromkeys(TERMS, 1.0))(leaf, ct, mri).total
        total.backward()
        runs.append((total.detach(), leaf.grad))
    assert torch.equal(runs[0][0], runs[1][0])
    assert torch.equal(runs[0][1], runs[1][1])


def test_sources_get_no_gradient() -> None:
    """The sources are targets: nothing flows back into them."""
    fused, ct, mri = (x.requires_grad_() for x in images(1, 1, 16, 16))
    FusionLoss(dict.fromkeys(TERMS, 1.0))(fused, ct, mri).total.backward()
    assert fused.grad is not None
    assert ct.grad is None
    assert mri.grad is None


@pytest.mark.parametrize("name", TERMS)
def test_autocast_changes_nothing(name) -> None:
    """Inside bfloat16 autocast every term is computed in float32, to the same bits."""
    fused, ct, mri = images(1, 1, 170, 40)
    plain = TERMS[name](fused, ct, mri)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = TERMS[name](fused, ct, mri)
    assert inside.dtype == torch.float32
    assert torch.equal(plain, inside)
    assert TERMS[name](fused.bfloat16(), ct, mri).dtype == torch.float32


def test_scoring_in_inference_mode_first_does_not_break_training() -> None:
    """Filters cached during validation can still be trained through."""
    fused, ct, mri = images(1, 1, 37, 41)
    loss = FusionLoss(LOSSES["standard"])
    with torch.inference_mode():
        before = loss(fused, ct, mri).total.item()
    leaf = fused.clone().requires_grad_()
    total = loss(leaf, ct, mri).total
    total.backward()
    assert total.item() == pytest.approx(before)


def test_weight_zero_is_reported_but_not_trained_on() -> None:
    """A watched term appears in the report and leaves total and gradient alone."""
    fused, ct, mri = images(1, 1, 16, 16)
    grads = []
    for weights in ({"mse": 1.0}, {"scd": 0.0, "mse": 1.0}):
        leaf = fused.clone().requires_grad_()
        report = FusionLoss(weights)(leaf, ct, mri)
        report.total.backward()
        grads.append(leaf.grad)
    assert torch.equal(*grads)
    assert report.terms["scd"].item() > 0
