"""Classical rules against what their definitions say."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import pywt
import torch

from fusion_core import RULES, get_rule
from fusion_core.provenance import attribute


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    ct, mri = torch.rand(2, *shape)
    return ct, mri


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 33, 47), (3, 1, 16, 10), (10, 1)], ids=str)
def test_every_rule_has_the_interface_of_a_model(name, shape) -> None:
    """Any accepted shape gives a four-dimensional fused image of the same size."""
    result = get_rule(name)(*pair(*shape))
    assert tuple(result.fused.shape[-2:]) == shape[-2:]
    assert result.fused.dim() == 4
    assert torch.isfinite(result.fused).all()


@pytest.mark.parametrize("name", [name for name in RULES if name != "fitted-gates"])
def test_a_pair_of_equal_images_is_kept(name) -> None:
    """Fusing an image with itself returns it, but for the sum, which doubles it.

    Fitted gates do what their loss asks for, which is more contrast even then.
    """
    image, _ = pair(1, 1, 32, 32)
    factor = 2 if name == "sum" else 1
    assert torch.allclose(get_rule(name)(image, image).fused, factor * image, atol=1e-5)


def test_pixel_rules() -> None:
    """Mean, maximum and sum are what they say, pixel by pixel."""
    ct, mri = pair(2, 1, 21, 30)
    for name, expected in (
        ("mean", (ct + mri) / 2),
        ("wavelet-average", (ct + mri) / 2),
        ("max", torch.maximum(ct, mri)),
        ("sum", ct + mri),
    ):
        assert torch.allclose(get_rule(name)(ct, mri).fused, expected, atol=1e-6), name


def test_wavelet_max_against_pywavelets() -> None:
    """Mean of LL and the larger detail, computed with PyWavelets, gives the same image."""
    ct, mri = pair(24, 32)
    (la, da), (lb, db) = (pywt.dwt2(x.double().numpy(), "haar", "symmetric") for x in (ct, mri))
    details = tuple(np.where(abs(x) >= abs(y), x, y) for x, y in zip(da, db, strict=True))
    expected = pywt.idwt2(((la + lb) / 2, details), "haar")
    fused = get_rule("wavelet-max")(ct, mri).fused[0, 0].numpy()
    assert np.abs(fused - expected).max() < 1e-5


def test_weighted_takes_six_tenths_of_the_ct_approximation() -> None:
    """The weighted rule's masks are .6 / .4 in LL and .5 / .5 in the details."""
    masks = get_rule("wavelet-weighted")(*pair(1, 1, 8, 8)).masks
    assert float(masks.ct.ll.mean()) == pytest.approx(0.6)
    assert float(masks.mri.ll.mean()) == pytest.approx(0.4)
    assert all(float(band.mean()) == 0.5 for band in (*masks.ct.details[0], *masks.mri.details[0]))


def test_activity_picks_the_source_that_varies() -> None:
    """Where one image is flat and the other textured, the details come from the textured one."""
    ct, mri = pair(1, 1, 32, 32)
    ct[..., 16:] = 0.5
    mri[..., :16] = 0.5
    mask = get_rule("wavelet-activity")(ct, mri).masks.ct.details[0].hh[0, 0]
    assert mask[:, :7].min() == 1
    assert mask[:, 9:].max() == 0


def test_principal_component_weights_match_numpy() -> None:
    """DWT-PCA weights are the leading eigenvector of the 2x2 covariance, scaled to sum 1."""
    ct, mri = pair(1, 1, 40, 40)
    ct = ct * 0.3 + 0.6 * mri
    result = get_rule("dwt-pca")(ct, mri)
    assert result.wavelet == "db4"
    assert result.ct.levels == 2
    values, vectors = np.linalg.eigh(
        np.cov(result.ct.ll.double().numpy().ravel(), result.mri.ll.double().numpy().ravel())
    )
    first = np.abs(vectors[:, np.argmax(values)])
    assert float(result.masks.ct.ll[0, 0, 0, 0]) == pytest.approx(first[0] / first.sum(), abs=1e-4)


def test_wavelet_rules_can_be_explained() -> None:
    """Every rule but those that work on pixels or other transforms splits additively."""
    for name, rule in RULES.items():
        result = rule(*pair(1, 1, 20, 20))
        if name in ("max", "laplacian", "guided-filter", "dtcwt-max"):
            assert result.masks is None
        else:
            parts = attribute(result)
            assert (parts.ct_only + parts.mri_only - result.fused).abs().max() < 1e-5


def test_unknown_rules_list_the_known() -> None:
    """A wrong name is answered with all right ones."""
    with pytest.raises(ValueError, match=r"'avg'; choose one of mean, max, sum, wavelet-max"):
        get_rule("avg")


def test_guided_filter_takes_details_from_the_source_that_has_them() -> None:
    """Where only one image has texture, the fused details are that image's."""
    ct, mri = torch.full((2, 1, 1, 96, 96), 0.5).unbind(0)
    ct, mri = ct.clone(), mri.clone()
    ct[..., :40] += 0.2 * torch.rand(1, 1, 96, 40)
    mri[..., 56:] += 0.2 * torch.rand(1, 1, 96, 40)
    fused = get_rule("guided-filter")(ct, mri).fused
    detail = torch.stack([x - x.mean((-2, -1), keepdim=True) for x in (fused, ct, mri)])
    for columns, source in ((slice(4, 30), 1), (slice(66, 92), 2)):
        both = detail[[0, source]][..., 10:-10, columns].flatten(1)
        assert float(torch.corrcoef(both)[0, 1]) > 0.97


def test_dual_tree_maximum_barely_changes_under_a_shift() -> None:
    """Shifting both images shifts the dual-tree result more exactly than the haar one."""
    ct, mri = torch.rand(2, 1, 1, 64, 64)
    blur = torch.nn.AvgPool2d(5, 1, 2)
    ct, mri = blur(ct), blur(mri)

    def change(name: str) -> float:
        rule = get_rule(name)
        shifted = rule(ct.roll(1, -1), mri.roll(1, -1)).fused.roll(-1, -1)
        inner = (shifted - rule(ct, mri).fused)[..., 16:-16, 16:-16]
        return float(inner.abs().mean())

    assert change("dtcwt-max") < 0.65 * change("wavelet-max")


def test_dual_tree_maximum_equals_an_outside_result(shared: Path) -> None:
    """The images that another program made by the same rule are met to one grey level."""
    made = shared / "peers" / "images" / "DTCWT_J4_lowmax"
    pairs = shared / "data" / "aanlib" / "benchmark"
    if not made.is_dir():
        pytest.skip("the outside images ../shared/peers/images/DTCWT_J4_lowmax are not here")
    for path in sorted(made.glob("*.png"))[::12]:
        ct, mri = (
            torch.from_numpy(cv2.imread(str(pairs / side / path.name), 0)).float() / 255
            for side in ("CT", "MRI")
        )
        fused = get_rule("dtcwt-max")(ct, mri).fused[0, 0].clamp(0, 1).mul(255).round().numpy()
        expected = cv2.imread(str(path), 0).astype(float)
        assert np.abs(fused - expected).max() <= 1, path.name
