"""Facts of wavelets, shrinkage and edges against PyWavelets, mathematics and brute force."""

import math

import numpy as np
import pytest
import pywt
import torch

from fusion_core import edge_study, shrinkage
from fusion_core.wavelet_facts import (
    atom,
    empty_bands,
    extend,
    facts,
    filters,
    functions,
    keep_bands,
    reach,
    response,
    vanishing_moments,
)
from fusion_core.wavelets import (
    MODES,
    WAVELETS,
    BoundaryMode,
    analyse,
    analyse_level,
    band_names,
    synthesise,
)

ORTHOGONAL = [n for n in WAVELETS if pywt.Wavelet(n).orthogonal]


def image(height: int = 40, width: int = 48) -> torch.Tensor:
    return torch.rand(1, 1, height, width, dtype=torch.float64)


@pytest.mark.parametrize("name", WAVELETS)
def test_every_offered_wavelet_reconstructs_by_its_measured_facts(name: str) -> None:
    """Analysis and synthesis filters are biorthogonal to 1e-7, whatever the family."""
    assert facts(name).biorthogonality_error < 1e-7


@pytest.mark.parametrize("name", WAVELETS)
def test_measured_orthogonality_agrees_with_the_library(name: str) -> None:
    """Orthogonality from the filters is what PyWavelets states, but for Haar's biorthogonal
    names, which are Haar."""
    haar = name in ("bior1.1", "rbio1.1")
    assert facts(name).orthogonal == (haar or pywt.Wavelet(name).orthogonal)


@pytest.mark.parametrize("name", [f"db{n}" for n in range(1, 39)] + ["sym8", "coif1", "coif4"])
def test_vanishing_moments_of_orthogonal_wavelets_are_the_known_ones(name: str) -> None:
    """dbN and symN have N vanishing moments, coifN has 2N."""
    number = int(name[2:]) if name[:2] == "db" else 8 if name == "sym8" else 2 * int(name[4:])
    assert facts(name).moments == facts(name).moments_synthesis == number


@pytest.mark.parametrize(
    ("name", "analysis", "synthesis"),
    [("bior2.2", 2, 2), ("bior4.4", 4, 4), ("bior3.1", 3, 1), ("rbio3.1", 1, 3)],
)
def test_biorthogonal_wavelets_have_two_numbers_of_moments(
    name: str, analysis: int, synthesis: int
) -> None:
    """Analysis and synthesis wavelets may differ in vanishing moments; rbio swaps bior's."""
    assert (facts(name).moments, facts(name).moments_synthesis) == (analysis, synthesis)


@pytest.mark.parametrize("name", ["db3", "bior3.1", "bior2.2", "sym4"])
def test_moments_are_what_makes_polynomial_details_vanish(name: str) -> None:
    """Inner details of a polynomial of a degree below the moments are zero, of that degree not."""
    moments = facts(name).moments
    at = torch.linspace(-1, 1, 120, dtype=torch.float64)
    inner = slice(12, -12)
    for degree, vanishes in ((moments - 1, True), (moments, False)):
        line = (at**degree).reshape(1, 1, 1, -1).expand(1, 1, 8, -1)
        _, details = analyse_level(line, name)
        size = float(details.hl[..., inner].abs().max())
        assert (size < 1e-11) == vanishes


def test_a_filter_of_one_sign_has_no_vanishing_moment() -> None:
    """A low-pass filter's sum is not zero, so its count of vanishing moments is 0."""
    assert vanishing_moments(filters("db4").dec_lo) == 0


@pytest.mark.parametrize(("name", "symmetric"), [("haar", True), ("bior4.4", True), ("db4", False)])
def test_symmetry_is_seen_from_the_taps(name: str, symmetric: bool) -> None:
    """Haar and the biorthogonal splines are symmetric, Daubechies' longer filters are not."""
    assert facts(name).symmetric == symmetric


@pytest.mark.parametrize("name", ORTHOGONAL[::7])
def test_both_halves_of_an_orthogonal_wavelet_share_all_power(name: str) -> None:
    """|H|² + |G|² is 1 at every frequency, and both gains meet at sqrt(1/2)."""
    bank = filters(name)
    frequency, low = response(bank.dec_lo, 257)
    _, high = response(bank.dec_hi, 257)
    np.testing.assert_allclose(low**2 + high**2, 1, atol=1e-7)
    assert frequency[128] == 0.25
    assert low[128] == pytest.approx(math.sqrt(0.5), abs=1e-7)


@pytest.mark.parametrize("name", ["db2", "bior2.2"])
def test_drawn_functions_have_unit_and_zero_integral(name: str) -> None:
    """The scaling function integrates to 1, the wavelet to 0, on both sides."""
    found = functions(name)
    step = found.x[1] - found.x[0]
    assert found.phi.sum() * step == pytest.approx(1, abs=1e-3)
    assert found.phi_analysis.sum() * step == pytest.approx(1, abs=1e-3)
    assert abs(found.psi.sum() * step) < 1e-3
    assert np.array_equal(found.phi, found.phi_analysis) == (name == "db2")


def test_an_image_is_the_sum_of_its_atoms() -> None:
    """Every coefficient times its atom, added up, gives the image back."""
    picture = image(4, 6)
    total = torch.zeros_like(picture)
    for name, band in analyse(picture, "db2", 2).items():
        for row, column in np.ndindex(*band.shape[-2:]):
            total += band[0, 0, row, column] * atom("db2", 2, name, row, column, (4, 6))
    torch.testing.assert_close(total, picture, atol=1e-12, rtol=0)


def test_an_atom_that_does_not_exist_is_refused() -> None:
    """Unknown bands and places outside a band are errors that say what there is."""
    with pytest.raises(ValueError, match="LL2, LH2"):
        atom("haar", 2, "LX2", 0, 0, (8, 8))
    with pytest.raises(ValueError, match="2 x 2 coefficients"):
        atom("haar", 2, "LH2", 2, 0, (8, 8))


def test_kept_and_dropped_bands_add_up() -> None:
    """By linearity, the image from some bands and the image from the others make the image."""
    picture = image()
    bands = analyse(picture, "bior4.4", 3)
    some = frozenset({"LL3", "HL2", "HH1"})
    rest = frozenset(band_names(3)) - some
    parts = [synthesise(keep_bands(bands, names), "bior4.4", (40, 48)) for names in (some, rest)]
    torch.testing.assert_close(parts[0] + parts[1], picture, atol=1e-10, rtol=0)
    assert not torch.allclose(parts[0], picture)
    with pytest.raises(ValueError, match="XX"):
        keep_bands(bands, frozenset({"XX"}))


def test_empty_bands_have_the_shapes_of_real_ones() -> None:
    """The zero decomposition fits an odd-sized image as the transform makes it."""
    real = analyse(image(33, 50), "db4", 3)
    empty = empty_bands((33, 50), "db4", 3)
    assert [b.shape for _, b in empty.items()] == [b.shape for _, b in real.items()]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["haar", "db4", "bior4.4"])
def test_a_continued_image_has_the_same_coefficients(mode: BoundaryMode, name: str) -> None:
    """Filtering the visibly continued line gives the transform's own details at the border."""
    line = image(1, 30)[0, 0, 0].numpy()
    high = filters(name).dec_hi
    longer = extend(line, len(high) - 1, mode)
    by_hand = np.convolve(longer, high, "valid")[1::2]
    expected = pywt.dwt(line, name, mode)[1]
    np.testing.assert_allclose(by_hand[: len(expected)], expected, atol=1e-12)


def test_a_single_pixel_can_be_continued_in_every_mode() -> None:
    """Reflection of one sample, which has no neighbour, repeats it."""
    line = np.array([0.7])
    for mode in MODES:
        expected = [0.0] if mode == "zero" else [0.7]
        assert extend(line, 2, mode)[:1].tolist() == expected


@pytest.mark.parametrize(("name", "levels"), [("haar", 3), ("db2", 2), ("db4", 1)])
def test_reach_is_the_width_of_what_one_coefficient_reads(name: str, levels: int) -> None:
    """Changing pixels one by one shows how many a coefficient of the coarsest level reads."""
    size = 96
    pixels = torch.eye(size, dtype=torch.float64).reshape(size, 1, 1, size)
    ll = analyse(pixels.expand(size, 1, 64, size), name, levels, "zero").ll
    middle = ll.shape[-1] // 2
    seen = torch.nonzero(ll[:, 0, ll.shape[-2] // 2, middle].abs() > 1e-12).flatten()
    assert int(seen.max() - seen.min()) + 1 == reach(name, levels)


# --- shrinkage ------------------------------------------------------------------------------------


def test_shrinkage_is_the_one_of_the_library() -> None:
    """Soft and hard thresholds agree with pywt.threshold; LL is never touched."""
    bands = analyse(image() - 0.5, "db2", 2)
    for kind in ("soft", "hard"):
        done = shrinkage.shrink(bands, 0.1, kind)
        assert torch.equal(done.ll, bands.ll)
        for (name, band), (_, shrunk) in zip(bands.items()[1:], done.items()[1:], strict=True):
            expected = pywt.threshold(band.numpy(), 0.1, kind)
            np.testing.assert_allclose(shrunk.numpy(), expected, atol=1e-15, err_msg=name)


def test_noise_is_estimated_from_the_bands_alone() -> None:
    """The median of HH1 gives the noise of a smooth image to 3 %."""
    smooth = torch.linspace(0, 1, 256, dtype=torch.float64).expand(1, 1, 256, 256)
    noisy = shrinkage.add_noise(smooth, 0.08, seed=3)
    assert shrinkage.noise_level(analyse(noisy, "db4", 1)) == pytest.approx(0.08, rel=0.03)


def test_noise_alone_hardly_ever_passes_the_universal_threshold() -> None:
    """Of 65,536 pure noise coefficients at most a handful exceed σ sqrt(2 ln N)."""
    noise = shrinkage.add_noise(torch.zeros(1, 1, 256, 256, dtype=torch.float64), 0.1)
    threshold = shrinkage.universal_threshold(0.1, noise.numel())
    assert threshold == pytest.approx(0.1 * math.sqrt(2 * math.log(65536)))
    assert int((noise.abs() > threshold).sum()) <= 3


def test_the_curve_starts_at_the_noisy_image_and_rises() -> None:
    """Threshold 0 gives the noisy image's PSNR; some threshold gains more than 3 dB."""
    truth = edge_study.edge(96, 30, 6) / 2 + 0.5
    noisy = shrinkage.add_noise(truth, 0.1)
    bands = analyse(noisy, "db4", 3)
    before = shrinkage.psnr(noisy, truth, data_range=1.0)
    curve = shrinkage.psnr_curve(bands, truth, "db4", [0.0, 0.2, 0.4], "soft")
    assert curve[0] == pytest.approx(before, abs=1e-9)
    assert max(curve) > before + 3
    assert before == pytest.approx(20, abs=0.5)
    assert shrinkage.psnr(truth, truth, data_range=1.0) == math.inf


def test_wrong_shrinkage_is_refused() -> None:
    """An unknown kind and a negative threshold are errors."""
    bands = analyse(image(), "haar", 1)
    with pytest.raises(ValueError, match="soft or hard"):
        shrinkage.shrink(bands, 0.1, "medium")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least 0"):
        shrinkage.shrink(bands, -0.1, "soft")


# --- edges ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["haar", "db4", "bior2.2"])
def test_the_band_that_answers_follows_the_edge(name: str) -> None:
    """A lying edge lights LH, a standing one HL; at 45 degrees both answer alike."""
    lying, slanted, standing = edge_study.answer_by_angle((0, 45, 90), name, 2, 0.0)
    assert lying.argmax() == 0
    assert standing.argmax() == 1
    assert lying[0] == pytest.approx(standing[1], rel=1e-9)
    assert slanted[0] == pytest.approx(slanted[1], rel=1e-6)
    assert slanted[2] > 5 * lying[2]


def test_a_lying_haar_edge_on_the_grid_is_not_seen() -> None:
    """Decimation makes the answer depend on the position: between two pairs there is no detail."""
    on_grid, beside = (
        edge_study.detail_energies(analyse(edge_study.edge(128, 0, 0, offset), "haar", 1))[0][0]
        for offset in (0, 1)
    )
    assert on_grid < 0.01 * beside


def test_an_edge_turned_by_180_degrees_is_its_negative() -> None:
    """Angles 0 and 180 name the same line with the sides exchanged."""
    torch.testing.assert_close(
        edge_study.edge(64, 0, 3.0), -edge_study.edge(64, 180, 3.0), atol=1e-12, rtol=0
    )


def test_ringing_counts_overshoot_undershoot_and_reach() -> None:
    """Values beyond the original's range and the farthest error on the ground are found."""
    original = torch.zeros(1, 1, 3, 20, dtype=torch.float64)
    original[..., 10:] = 1
    altered = original.clone()
    altered[0, 0, 1, 4], altered[0, 0, 1, 8], altered[0, 0, 2, 12] = -0.2, 0.1, 1.3
    found = edge_study.ringing(original, altered, 1, 0.05)
    assert (found.over, found.under) == pytest.approx((0.3, 0.2))
    assert found.reach == 6
    assert edge_study.ringing(original, original, 1, 0.05) == edge_study.Ringing(0.0, 0.0, 0)


def test_haar_does_not_ring_and_longer_filters_do() -> None:
    """Without details Haar averages blocks, so it never leaves the range; db4 does."""
    picture = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    picture[..., 19:41, 23:44] = 1
    over = {}
    for name in ("haar", "db4"):
        smooth = keep_bands(analyse(picture, name, 2), frozenset({"LL2"}))
        over[name] = edge_study.ringing(picture, synthesise(smooth, name, (64, 64)), 32, 0.01)
    assert over["haar"].over < 1e-12
    assert over["haar"].under < 1e-12
    assert over["db4"].over > 0.05
    assert over["db4"].reach > over["haar"].reach
