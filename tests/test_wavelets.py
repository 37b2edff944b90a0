"""Wavelets: the values of PyWavelets, perfect reconstruction and right gradients, everywhere."""

import numpy as np
import pytest
import pywt
import torch

from fusion_core import wavelets
from fusion_core.wavelets import MODES, NAMED_WAVELETS, WAVELETS, analyse, band_names, synthesise

SIZES = ((256, 256), (255, 257), (33, 47), (3, 5), (1, 1))
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-12}


def worst(a: torch.Tensor, b: torch.Tensor | np.ndarray) -> float:
    return float((a - torch.as_tensor(b)).abs().max())


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_coefficients_are_those_of_pywavelets(wavelet, mode, dtype) -> None:
    """Every band equals PyWavelets' band of the documented name."""
    for size in ((64, 64), (63, 65), (33, 47), (3, 5)):
        image = torch.rand(size, dtype=torch.float64)
        ll, (lh, hl, hh) = pywt.dwt2(image.numpy(), wavelet, mode)
        ours = analyse(image.to(dtype)[None, None], wavelet, 1, mode)
        for band, expected in zip((ours.ll, *ours.details[0]), (ll, lh, hl, hh), strict=True):
            assert worst(band[0, 0].double(), expected) <= TOLERANCE[dtype]


@pytest.mark.parametrize("wavelet", [*NAMED_WAVELETS, "sym5", "rbio3.1", "bior1.3"])
@pytest.mark.parametrize("mode", MODES)
def test_the_fast_engine_equals_the_reference_engine(wavelet, mode) -> None:
    """Both engines give the same bands and the same image from 256x256 down to 1x1."""
    for size in SIZES:
        image = torch.rand(2, 3, *size, dtype=torch.float64)
        fast = analyse(image, wavelet, 2, mode)
        with wavelets.engine("reference"):
            reference = analyse(image, wavelet, 2, mode)
            back = synthesise(fast, wavelet, size)
        for (_, x), (_, y) in zip(fast.items(), reference.items(), strict=True):
            assert worst(x, y) <= 1e-12
        assert worst(back, synthesise(fast, wavelet, size)) <= 1e-11


def test_the_reference_engine_really_is_pytorch_wavelets(monkeypatch) -> None:
    """Inside engine("reference") the transform is the package's own."""
    import pytorch_wavelets

    monkeypatch.setattr(pytorch_wavelets, "DWTForward", None)
    with wavelets.engine("reference"), pytest.raises(TypeError):
        analyse(torch.rand(1, 1, 8, 8), "haar")
    analyse(torch.rand(1, 1, 8, 8), "haar")


@pytest.mark.parametrize("mode", MODES)
def test_every_wavelet_reconstructs_small_images(mode) -> None:
    """Each of the wavelets gives the image back at every level (float32, 1e-5)."""
    for wavelet in WAVELETS:
        for size in SIZES[2:]:
            image = torch.rand(1, 1, *size)
            for levels in range(1, 6):
                error = worst(
                    synthesise(analyse(image, wavelet, levels, mode), wavelet, size), image
                )
                loose = wavelet == "rbio3.1" and levels >= 4
                assert error <= (1e-4 if loose else 1e-5), (wavelet, size, levels, error)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", SIZES[:2], ids=str)
def test_every_wavelet_reconstructs_large_images(mode, size) -> None:
    """The same for 256x256 and 255x257."""
    image = torch.rand(1, 1, *size)
    for wavelet in WAVELETS:
        for levels in range(1, 6):
            error = worst(synthesise(analyse(image, wavelet, levels, mode), wavelet, size), image)
            loose = wavelet == "rbio3.1" and levels >= 4
            assert error <= (1e-4 if loose else 1e-5), (wavelet, levels, error)


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize("levels", [1, 2, 5])
def test_named_wavelets_reconstruct_large_images(wavelet, levels) -> None:
    """The nine named wavelets give even and odd images back in all four modes."""
    for size in SIZES[:2]:
        image = torch.rand(1, 1, *size)
        for mode in MODES:
            bands = analyse(image, wavelet, levels, mode)
            assert worst(synthesise(bands, wavelet, size), image) <= 1e-5


@pytest.mark.parametrize("wavelet", NAMED_WAVELETS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(8, 8), (5, 7)], ids=str)
@pytest.mark.parametrize("levels", [1, 2])
def test_gradients_are_right(wavelet, mode, size, levels) -> None:
    """Numerical and analytical gradients agree through synthesis and through analysis."""
    image = torch.rand(1, 1, *size, dtype=torch.float64)
    bands = analyse(image, wavelet, levels, mode)
    flat = [band.clone().requires_grad_() for _, band in bands.items()]

    def rebuild(*values: torch.Tensor) -> torch.Tensor:
        details = [wavelets.Details(*values[i : i + 3]) for i in range(1, len(values), 3)]
        return synthesise(wavelets.Subbands(values[0], tuple(details[::-1])), wavelet, size)

    def decompose(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(band for _, band in analyse(x, wavelet, levels, mode).items())

    assert torch.autograd.gradcheck(rebuild, flat, fast_mode=True)
    assert torch.autograd.gradcheck(decompose, image.requires_grad_(), fast_mode=True)


def test_a_horizontal_edge_lights_lh_alone() -> None:
    """LH answers to horizontal edges, HL to vertical ones."""
    image = torch.zeros(1, 1, 16, 16)
    image[..., 7:, :] = 1
    lh, hl, hh = analyse(image, "haar").details[0]
    assert lh.abs().max() > 0.5
    assert hl.abs().max() == hh.abs().max() == 0
    lh, hl, hh = analyse(image.mT, "haar").details[0]
    assert hl.abs().max() > 0.5
    assert lh.abs().max() == hh.abs().max() == 0


def test_band_names_run_from_coarse_to_fine() -> None:
    """One level has four plain names; J levels have 3J + 1 numbered ones."""
    assert band_names(1) == ("LL", "LH", "HL", "HH")
    assert band_names(2) == ("LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1")
    assert [name for name, _ in analyse(torch.rand(1, 1, 9, 9), "db2", 2).items()] == list(
        band_names(2)
    )


def test_reflection_repeats_where_the_image_is_short() -> None:
    """A border longer than the image continues as a mirror with period 2 (N - 1)."""
    assert wavelets._border(3, 6, "after", "reflect") == (1, 0, 1, 2, 1, 0)
    assert wavelets._border(1, 3, "before", "reflect") == (0, 0, 0)


def test_dmey_is_refused_with_the_reason() -> None:
    """dmey is the one discrete wavelet that cannot be inverted."""
    with pytest.raises(ValueError, match="dmey is not invertible"):
        analyse(torch.rand(1, 1, 8, 8), "dmey")
    assert len(WAVELETS) == len(pywt.wavelist(kind="discrete")) - 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: analyse(x, "db99"), "Unknown wavelet 'db99'.*haar, db1"),
        (lambda x: analyse(x, "haar", 6), "Levels must be 1 to 5, got 6"),
        (lambda x: analyse(x, "haar", 1, "periodization"), "zero, symmetric, periodic, reflect"),
        (lambda x: analyse(x[0], "haar"), r"Expected an image batch \(B, C, H, W\)"),
        (lambda x: analyse(x.int(), "haar"), "float32 or float64"),
        (lambda x: synthesise(analyse(x, "haar"), "haar", (9, 12)), "5x6, got 4x4"),
        (lambda x: wavelets.engine("gpu").__enter__(), "fast, reference"),
    ],
)
def test_wrong_arguments_are_named(call, message) -> None:
    """The message says what was expected and what came."""
    with pytest.raises(ValueError, match=message):
        call(torch.rand(1, 1, 8, 8))
