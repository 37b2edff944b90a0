"""Every loss term against a textbook form of its definition."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor

from fusion_core.losses import (
    BALANCED,
    DEFAULT,
    FINISH,
    LOSSES,
    MEDICAL,
    SALIENCY,
    STANDARD,
    TERMS,
    FusionLoss,
    PairStats,
)
from fusion_core.losses.filters import gaussian_blur, sobel, window_size
from fusion_core.losses.information import soft_joint_histogram

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-10}


def smooth(batch: int, height: int, width: int, seed: int, dtype=torch.float64) -> Tensor:
    """Seeded smooth random images that fill [0, 1]."""
    noise = torch.randn(batch, 1, height, width, generator=torch.Generator().manual_seed(seed))
    for _ in range(3):
        noise = F.avg_pool2d(F.pad(noise, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    low = noise.amin(dim=(2, 3), keepdim=True)
    return ((noise - low) / (noise.amax(dim=(2, 3), keepdim=True) - low)).to(dtype)


def triple(size=(40, 52), dtype=torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    ct, mri = smooth(3, *size, seed=1, dtype=dtype), smooth(3, *size, seed=2, dtype=dtype)
    return 0.5 * (ct + mri) + 0.1 * (smooth(3, *size, seed=3, dtype=dtype) - 0.5), ct, mri


def window(dtype: torch.dtype) -> Tensor:
    x = torch.arange(11, dtype=torch.float64) - 5
    g = torch.exp(-(x**2) / 4.5)
    return (torch.outer(g, g) / g.sum() ** 2).to(dtype)[None, None]


def textbook_ssim_map(x: Tensor, y: Tensor) -> Tensor:
    """Five 11 x 11 convolutions, as the paper writes it."""
    w = window(x.dtype)
    mx, my = F.conv2d(x, w), F.conv2d(y, w)
    vx, vy = F.conv2d(x * x, w) - mx**2, F.conv2d(y * y, w) - my**2
    vxy = F.conv2d(x * y, w) - mx * my
    c1, c2 = 1e-4, 9e-4
    return ((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def textbook_sobel(x: Tensor, padding: str) -> tuple[Tensor, Tensor]:
    k = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=x.dtype)
    mode = {"zero": "constant"}.get(padding, padding)
    p = F.pad(x, (1, 1, 1, 1), mode=mode)
    return F.conv2d(p, k[None, None]), F.conv2d(p, k.T[None, None])


def textbook_magnitude(x: Tensor, padding: str) -> Tensor:
    dx, dy = textbook_sobel(x, padding)
    return torch.hypot(dx, dy)


def textbook_qabf(f: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The metric on 0..255 with its hard minimum and its arctangent."""

    def edges(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        dx, dy = textbook_sobel(torch.from_numpy(x)[None, None] * 255, "zero")
        with np.errstate(divide="ignore", invalid="ignore"):
            theta = np.where(dx == 0, np.pi / 2, np.arctan(dy.numpy() / dx.numpy()))
        return torch.hypot(dx, dy).numpy(), theta

    gf, tf = edges(f)
    total = weight = 0.0
    for source in (a, b):
        g, t = edges(source)
        ratio = np.minimum(g, gf) / np.maximum(np.maximum(g, gf), 1e-12)
        aligned = 1 - np.abs(t - tf) / (np.pi / 2)
        q = (
            0.9994
            / (1 + np.exp(-15 * (ratio - 0.5)))
            * 0.9879
            / (1 + np.exp(-22 * (aligned - 0.8)))
        )
        total, weight = total + (q * g).sum(), weight + g.sum()
    return float(total / weight)


def correlation(x: Tensor, y: Tensor) -> float:
    return float(np.corrcoef(x.numpy().ravel(), y.numpy().ravel())[0, 1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(40, 52), (170, 23)], ids=["matrix", "convolution"])
def test_ssim_equals_five_convolutions(size, dtype) -> None:
    """Both fast forms of SSIM equal the five 11 x 11 convolutions of the paper."""
    fused, ct, mri = triple(size, dtype)
    expected = (
        1 - (textbook_ssim_map(fused, ct) + textbook_ssim_map(fused, mri)).mean((1, 2, 3)) / 2
    )
    torch.testing.assert_close(
        TERMS["ssim"](fused, ct, mri), expected, rtol=0, atol=TOLERANCE[dtype]
    )


def test_ssim_equals_scikit_image() -> None:
    """SSIM is scikit-image's Gaussian SSIM, averaged over the region where the window fits."""
    fused, ct, mri = triple()
    ours = TERMS["ssim"](fused, ct, mri)
    for i in range(len(fused)):
        values = []
        for source in (ct, mri):
            _, full = structural_similarity(
                fused[i, 0].numpy(), source[i, 0].numpy(), data_range=1.0, full=True, sigma=1.5,
                gaussian_weights=True, use_sample_covariance=False, win_size=11,
            )  # fmt: skip
            values.append(full[5:-5, 5:-5].mean())
        assert ours[i].item() == pytest.approx(1 - np.mean(values), abs=1e-9)


def test_weighted_ssim_follows_the_saliency_weights() -> None:
    """The weight of CT is its share of the windowed variance."""
    fused, ct, mri = triple()
    w = window(ct.dtype)
    vc, vm = (F.conv2d(s * s, w) - F.conv2d(s, w) ** 2 for s in (ct, mri))
    a = vc / (vc + vm + 1e-6)
    mixed = a * textbook_ssim_map(fused, ct) + (1 - a) * textbook_ssim_map(fused, mri)
    torch.testing.assert_close(TERMS["weighted_ssim"](fused, ct, mri), 1 - mixed.mean((1, 2, 3)))


@pytest.mark.parametrize("padding", ["replicate", "reflect", "zero"])
def test_sobel_equals_convolution(padding) -> None:
    """Shifted sums give the 3 x 3 Sobel convolution at every border rule."""
    image = smooth(2, 17, 12, seed=4)
    for ours, expected in zip(sobel(image, padding), textbook_sobel(image, padding), strict=True):
        torch.testing.assert_close(ours, expected)


def test_artefact_counts_only_steeper_edges() -> None:
    """Only gradients above both sources' count; a copy of a source has none."""
    fused, ct, mri = triple()
    steepest = torch.maximum(*(textbook_magnitude(x, "replicate") for x in (ct, mri)))
    excess = (textbook_magnitude(fused, "replicate") - steepest).clamp(min=0)
    assert excess.max() > 0
    torch.testing.assert_close(TERMS["artefact"](fused, ct, mri), excess.mean(dim=(1, 2, 3)))
    assert TERMS["artefact"](ct, ct, mri).abs().max() == 0


def test_gradient_terms_equal_convolution_forms() -> None:
    """gradient compares magnitudes with their maximum, max_gradient vectors with the steeper."""
    fused, ct, mri = triple()
    f, c, m = (textbook_magnitude(x, "replicate") for x in (fused, ct, mri))
    expected = (f - torch.maximum(c, m)).abs().mean((1, 2, 3))
    torch.testing.assert_close(TERMS["gradient"](fused, ct, mri), expected)
    df, dc, dm = (torch.stack(textbook_sobel(x, "replicate")) for x in (fused, ct, mri))
    expected = (df - torch.where(m > c, dm, dc)).norm(dim=0).mean((1, 2, 3))
    torch.testing.assert_close(TERMS["max_gradient"](fused, ct, mri), expected)


def test_pixel_terms_by_hand() -> None:
    """mse, max_intensity and range of a two-pixel image are what one computes by hand."""
    fused, ct, mri = (
        torch.tensor(v, dtype=torch.float64).view(1, 1, 1, 2)
        for v in ([1.2, -0.1], [1.0, 0.0], [0.5, 0.3])
    )
    by_hand = {
        "mse": (0.5 * (0.04 + 0.49) + 0.5 * (0.01 + 0.16)) / 2,
        "max_intensity": (0.2 + 0.4) / 2,
        "range": (0.2 + 0.1) / 2,
    }
    for name, expected in by_hand.items():
        assert TERMS[name](fused, ct, mri).item() == pytest.approx(expected, abs=1e-12)


def test_edge_and_scd_equal_numpy_correlation() -> None:
    """edge is numpy's correlation of reflect-101 Sobel magnitudes; scd of the differences."""
    fused, ct, mri = triple()
    ours, difference = TERMS["edge"](fused, ct, mri), TERMS["scd"](fused, ct, mri)
    f, c, m = (textbook_magnitude(x, "reflect") for x in (fused, ct, mri))
    for i in range(3):
        expected = 1 - correlation(f[i], torch.maximum(c, m)[i])
        assert ours[i].item() == pytest.approx(expected, abs=1e-10)
        expected = 2 - correlation((fused - mri)[i], ct[i]) - correlation((fused - ct)[i], mri[i])
        assert difference[i].item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("mix", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_edge_quality_is_close_to_qabf(mix) -> None:
    """On smooth random images the smooth Qabf stays within 0.05 of the metric's formula."""
    ct, mri = smooth(2, 96, 96, seed=5), smooth(2, 96, 96, seed=6)
    fused = mix * ct + (1 - mix) * mri
    ours = 1 - TERMS["edge_quality"](fused, ct, mri)
    for i in range(2):
        expected = textbook_qabf(*(x[i, 0].numpy() for x in (fused, ct, mri)))
        assert ours[i].item() == pytest.approx(expected, abs=0.05)


def test_edge_quality_knows_a_copy_from_a_blank() -> None:
    """A copy of both sources reaches the metric's ceiling; a blank or turned image keeps little."""
    image = smooth(1, 64, 64, seed=7)
    assert TERMS["edge_quality"](image, image, image).item() < 0.05
    assert TERMS["edge_quality"](torch.zeros_like(image), image, image).item() > 0.9
    assert TERMS["edge_quality"](image.transpose(2, 3), image, image).item() > 0.5


def test_soft_histogram_equals_its_dense_form() -> None:
    """The joint histogram is the product of dense triangular bin memberships."""
    fused, ct, mri = triple((9, 13))
    sources = torch.cat([ct, mri], dim=1)

    def membership(x: Tensor) -> Tensor:
        centres = torch.arange(32, dtype=torch.float64)
        return (1 - (x.flatten(2)[..., None] * 31 - centres).abs()).clamp_min(0)

    inside = fused.clamp(0, 1)
    expected = membership(inside).transpose(2, 3) @ membership(sources) / (9 * 13)
    torch.testing.assert_close(soft_joint_histogram(inside, sources), expected)


def test_information_bounds_and_order() -> None:
    """information stays in [0, 1], grows with noise, and is 0 for two-valued copies."""
    image = smooth(1, 96, 96, seed=8)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(9)).to(image.dtype)
    losses = [
        TERMS["information"](image + s * noise, image, image).item() for s in (0, 0.02, 0.1, 0.5)
    ]
    assert losses == sorted(losses)
    assert losses[-1] - losses[0] > 0.3
    assert losses[0] >= 0
    assert losses[-1] <= 1
    binary = (image > 0.5).double()
    assert TERMS["information"](binary, binary, binary).item() == pytest.approx(0, abs=1e-6)
    assert TERMS["information"](binary, image * 0, image * 0).item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", TERMS)
def test_one_value_per_image_and_symmetric(name) -> None:
    """Each image is scored alone, and swapping CT and MRI changes nothing; one term asks the CT."""
    fused, ct, mri = triple()
    together = TERMS[name](fused, ct, mri)
    alone = torch.cat(
        [TERMS[name](*one) for one in zip(fused.split(1), ct.split(1), mri.split(1), strict=True)]
    )
    assert together.shape == (3,)
    torch.testing.assert_close(together, alone)
    if name == "ct_conspicuity":
        return
    # weighted_ssim's 1e-6 beside the variances falls to the second source, by definition.
    slack = 1e-4 if name == "weighted_ssim" else 1e-9
    torch.testing.assert_close(together, TERMS[name](fused, mri, ct), rtol=0, atol=slack)


def test_window_shrinks_to_what_fits() -> None:
    """Below 11 pixels the window is the largest odd size that fits, and a flat image stays flat."""
    assert [window_size(n) for n in (1, 2, 3, 10, 11, 256)] == [1, 1, 3, 9, 11, 11]
    for size in ((1, 1), (2, 30), (10, 5), (200, 3)):
        blurred = gaussian_blur(torch.full((1, 4, *size), 0.7))
        assert blurred.shape[-2:] == tuple(n - window_size(n) + 1 for n in size)
        torch.testing.assert_close(blurred, torch.full_like(blurred, 0.7))


def test_total_is_the_weighted_sum_of_batch_means() -> None:
    """The report's total is the weights times the means of its terms, shared maps or not."""
    fused, ct, mri = triple()
    for weights in LOSSES.values():
        report = FusionLoss(weights)(fused, ct, mri)
        expected = sum(w * TERMS[n](fused, ct, mri).mean() for n, w in weights.items())
        torch.testing.assert_close(report.total, expected)
        assert list(report.terms) == list(weights)
        assert not any(value.requires_grad for value in report.terms.values())


def test_named_weights() -> None:
    """The named losses have the published weights."""
    assert STANDARD == {"mse": 1, "ssim": 2, "gradient": 1}
    assert MEDICAL == {"mse": 0.5, "ssim": 3, "gradient": 2, "edge": 0.5, "information": 0.3}
    assert set(DEFAULT) | set(FINISH) | set(BALANCED) | set(SALIENCY) <= set(TERMS)
    own = {"default": DEFAULT, "default-finish": FINISH}
    own |= {"balanced": BALANCED, "saliency": SALIENCY}
    assert {"standard": STANDARD, "medical": MEDICAL, **own} == LOSSES


def test_bad_weights_and_shapes_say_what_is_wrong() -> None:
    """Unknown terms list the valid ones; weights and shapes that cannot be used are named."""
    with pytest.raises(ValueError, match=r"'sim'.*mse, ssim, gradient, edge.*range"):
        FusionLoss({"sim": 1.0})
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="'ssim'"):
            FusionLoss({"ssim": bad})
    for none in ({}, {"mse": 0.0}):
        with pytest.raises(ValueError, match="at least one term"):
            FusionLoss(none)
    image = torch.rand(2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"mri has shape \(2, 1, 8, 9\)"):
        PairStats(image, image, torch.rand(2, 1, 8, 9))
    with pytest.raises(ValueError, match=r"ct has shape \(8, 8\)"):
        PairStats(image, image[0, 0], image)
    with pytest.raises(ValueError, match="uint8"):
        PairStats((image * 255).to(torch.uint8), image, image)
