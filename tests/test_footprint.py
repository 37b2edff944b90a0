"""Footprints: the pixels a coefficient reaches, held against impulses; shares of a region."""

import numpy as np
import pytest
import torch

from fusion_core import FusionConfig, FusionNet, attribute, contributions
from fusion_core.footprint import coefficients, footprint, region_shares
from fusion_core.wavelets import NAMED_WAVELETS, Subbands, analyse, band_names, synthesise

SIZE = (25, 34)


def one_band(bands: Subbands, name: str, values: torch.Tensor) -> Subbands:
    """A decomposition that is zero but for one band."""
    zero = bands.map(lambda x: torch.zeros(values.shape[0], 1, *x.shape[-2:], dtype=x.dtype))
    if name.startswith("LL"):
        return zero._replace(ll=values)
    level = int(name[2:] or 1) - 1
    details = list(zero.details)
    details[level] = details[level]._replace(**{name[:2].lower(): values})
    return zero._replace(details=tuple(details))


def impulses(wavelet: str, levels: int, name: str) -> np.ndarray:
    """(h, w, H, W): for every coefficient of a band, the pixels that its impulse changes."""
    bands = analyse(torch.zeros(1, 1, *SIZE, dtype=torch.float64), wavelet, levels)
    h, w = dict(bands.items())[name].shape[-2:]
    eye = torch.eye(h * w, dtype=torch.float64).view(h * w, 1, h, w)
    images = synthesise(one_band(bands, name, eye), wavelet, SIZE)
    # Nothing but zeros meets where no tap reaches, so even the faintest tails count.
    return (images != 0).numpy().reshape(h, w, *SIZE)


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize(("levels", "name"), [(1, "LL"), (1, "HL"), (2, "LH2"), (3, "LL3")])
def test_footprints_are_what_impulses_reach(wavelet: str, levels: int, name: str) -> None:
    """A pixel's coefficients and footprint are those that unit impulses find, borders included."""
    reached = impulses(wavelet, levels, name)
    rng = np.random.default_rng(5)
    for row, column in [(0, 0), (24, 33), *rng.integers(0, SIZE, (6, 2)).tolist()]:
        box = (row, column, row + 1, column + 1)
        here = reached[:, :, row, column]
        rows, cols = coefficients(box, name, wavelet, levels, SIZE)
        expected = np.zeros_like(here)
        expected[np.ix_(rows, cols)] = True
        assert np.array_equal(here, expected)
        union = reached[here].any(0)
        down, across = np.flatnonzero(union.any(1)), np.flatnonzero(union.any(0))
        assert footprint(box, name, wavelet, levels, SIZE) == (
            down[0], across[0], down[-1] + 1, across[-1] + 1,
        )  # fmt: skip


def test_haar_footprints_are_the_dyadic_blocks() -> None:
    """For haar the footprint of level J is the aligned block of 2**J pixels around the pixel."""
    size = (64, 96)
    assert footprint((13, 22, 14, 23), "LL3", "haar", 3, size) == (8, 16, 16, 24)
    assert footprint((13, 22, 14, 23), "HH1", "haar", 3, size) == (12, 22, 14, 24)
    assert footprint((13, 22, 30, 40), "LH2", "haar", 3, size) == (12, 20, 32, 40)


def test_shares_of_the_whole_image_as_a_region_are_those_of_the_image() -> None:
    """A region that holds every pixel has the shares that the whole image has."""
    ct, mri = torch.rand(2, 1, 1, 40, 48)
    net = FusionNet(FusionConfig(wavelet="db2", levels=2, gating="independent"))
    with torch.inference_mode():
        result = net(ct, mri)
    for one, other in zip(
        region_shares(result, (0, 0, 40, 48)), contributions(result), strict=True
    ):
        assert one.band == other.band
        for field in ("mask", "energy", "attribution", "mean_mask_ct", "mean_mask_mri"):
            assert getattr(one, field) == pytest.approx(getattr(other, field), abs=1e-6)


def test_a_region_counts_only_what_reaches_it() -> None:
    """Where the left half is CT alone and the right MRI alone, regions say 1 and 0."""
    ct, mri = torch.rand(2, 1, 1, 32, 32)
    ct[..., 16:] = 0
    mri[..., :16] = 0
    with torch.inference_mode():
        result = FusionNet(FusionConfig())(ct, mri)
    parts = attribute(result)
    for box, share in (((4, 0, 20, 16), 1.0), ((4, 16, 20, 32), 0.0)):
        for band in region_shares(result, box, parts):
            assert band.energy == band.attribution == share
            assert 0.2 < band.mask < 0.8


def test_regions_outside_and_unknown_bands_are_refused() -> None:
    """An empty region, one that leaves the image and a band of another depth are refused."""
    with pytest.raises(ValueError, match="25x34"):
        footprint((0, 0, 26, 3), "LL", "haar", 1, SIZE)
    with pytest.raises(ValueError, match="empty"):
        footprint((3, 3, 3, 9), "LL", "haar", 1, SIZE)
    with pytest.raises(ValueError, match="Unknown band 'LL'; 2 level"):
        footprint((3, 3, 4, 9), "LL", "haar", 2, SIZE)
    assert band_names(2)[0] == "LL2"
