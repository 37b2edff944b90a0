"""Decisiveness, entropy and sharpness of masks, held against masks of known kind."""

import math

import cv2
import numpy as np
import pytest

from fusion_core.mask_measures import (
    BINS,
    measure,
    on_grid,
    sharpness,
    smooth_against_sharp,
)


def noise(size: int = 128, seed: int = 3) -> np.ndarray:
    """Uniform noise, (size, size)."""
    return np.random.default_rng(seed).random((size, size))


def smooth(size: int = 128, sigma: float = 12) -> np.ndarray:
    """The same, blurred and brought back to 0 to 1."""
    blurred = cv2.GaussianBlur(noise(size), (0, 0), sigma)
    scaled: np.ndarray = (blurred - blurred.min()) / np.ptp(blurred)
    return scaled


def disc(size: int = 128) -> np.ndarray:
    """1 inside a circle, 0 outside."""
    y, x = np.mgrid[:size, :size] / size - 0.5
    inside: np.ndarray = (x**2 + y**2 < 0.1).astype(float)
    return inside


def test_decisiveness_and_entropy_of_plain_masks() -> None:
    """Undecided masks have 0 and 1 bit, decided ones 1 and 0 bits, 0.75 has 0.5 and 0.811 bits."""
    for value, decisiveness, entropy in ((0.5, 0, 1), (0, 1, 0), (1, 1, 0), (0.75, 0.5, 0.811278)):
        found = measure("LL", np.full((8, 8), value))
        assert found.decisiveness == pytest.approx(decisiveness)
        assert found.entropy == pytest.approx(entropy, abs=1e-5)
        assert found.mean == value
        assert found.spread == 0
        assert math.isnan(found.sharpness)


def test_sharpness_tells_smooth_edges_and_speckle_apart() -> None:
    """A ramp has 0, blurred noise under 0.1, a disc's edge 0.5, noise 1."""
    ramp = np.add.outer(np.arange(64.0), np.arange(64.0)) / 126
    assert sharpness(ramp) == pytest.approx(0, abs=1e-9)
    assert sharpness(smooth()) < 0.1
    assert sharpness(disc()) == pytest.approx(0.5, abs=0.06)
    assert sharpness(noise()) == pytest.approx(1, abs=0.02)


def test_sharpness_ignores_contrast_mean_and_which_source_is_counted() -> None:
    """a, 0.4 + 0.2 a and 1 - a are equally sharp."""
    for mask in (smooth(), disc(), noise()):
        expected = sharpness(mask)
        assert sharpness(0.4 + 0.2 * mask) == pytest.approx(expected, abs=1e-9)
        assert sharpness(1 - mask) == pytest.approx(expected, abs=1e-9)


def test_sharpness_of_an_edge_does_not_depend_on_the_size_of_the_mask() -> None:
    """A disc on 64, 128 and 256 pixels is equally sharp, while its total variation doubles."""
    found = [sharpness(disc(size)) for size in (64, 128, 256)]
    assert np.ptp(found) < 0.05


def test_blurring_more_makes_a_mask_smoother() -> None:
    """Sharpness falls with every further blur of the same mask."""
    blurred = [disc(), *(cv2.GaussianBlur(disc(), (0, 0), s) for s in (0.7, 1.5, 3, 6))]
    found = [sharpness(mask) for mask in blurred]
    assert found == sorted(set(found), reverse=True)


def test_only_what_is_inside_counts() -> None:
    """Noise outside the counted half changes no number, nor does the border between them."""
    mask = smooth()
    mixed, inside = mask.copy(), np.zeros(mask.shape, bool)
    inside[:, :64] = True
    mixed[:, 64:] = noise()[:, 64:]
    one, other = (measure("LL", m, inside) for m in (mask, mixed))
    assert one == other
    assert other.sharpness < 0.1


def test_histograms_hold_every_value_once() -> None:
    """The 20 bins add up to 1, with 0 in the first and 1 in the last."""
    found = measure("HH", np.array([[0.0, 1.0], [1.0, 0.52]]))
    assert len(found.histogram) == BINS
    assert sum(found.histogram) == pytest.approx(1)
    assert (found.histogram[0], found.histogram[10], found.histogram[-1]) == (0.25, 0.25, 0.5)


def test_the_verdict_follows_the_numbers() -> None:
    """All details sharper holds, some partly, none fails; even masks leave it open."""
    nan = float("nan")
    assert smooth_against_sharp({"LL2": 0.2, "LH2": 0.5, "HL1": 0.4}) == "holds"
    assert smooth_against_sharp({"LL": 0.2, "LH": 0.5, "HL": 0.21}) == "partly"
    assert smooth_against_sharp({"LL": 0.5, "LH": 0.5, "HL": 0.4}) == "fails"
    assert smooth_against_sharp({"LL": 0.2, "LH": nan, "HL": 0.4}) == "holds"
    assert smooth_against_sharp({"LL": nan, "LH": 0.5, "HL": 0.4}) == "open"
    assert smooth_against_sharp({"LL": 0.5, "LH": nan}) == "open"


def test_tiny_and_empty_masks_have_no_sharpness_and_no_error() -> None:
    """A mask of one coefficient or with nothing inside gives NaN, a checkerboard 1."""
    assert math.isnan(sharpness(np.ones((1, 1))))
    assert math.isnan(measure("LL", noise(8), np.zeros((8, 8), bool)).mean)
    assert sharpness(np.indices((16, 16)).sum(0) % 2.0) == 1


def test_the_head_is_brought_onto_a_coarser_grid() -> None:
    """Every coefficient takes the pixel at its middle, also for grids that do not divide."""
    inside = np.zeros((16, 12), bool)
    inside[8:, :] = True
    assert on_grid(inside, (4, 3))[:, 0].tolist() == [False, False, True, True]
    assert on_grid(inside, (5, 7)).shape == (5, 7)
    assert on_grid(inside, (20, 12)).any(1).sum() == 10
