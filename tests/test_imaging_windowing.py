"""Windows, presets and percentiles."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_windowing

from imaging.errors import InputError
from imaging.image import Image, finite_range
from imaging.windowing import (
    PRESETS,
    Window,
    apply_window,
    body_mask,
    default_window,
    percentile_window,
    preset,
)


def image(values: object, unit: str = "grey", **fields: object) -> Image:
    pixels = np.atleast_2d(np.asarray(values, np.float32))
    fields.setdefault("value_range", finite_range(pixels))
    return Image(pixels, unit=unit, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 80), (40, 1.5), (600, 2800), (-600, 1500)])
def test_windows_equal_pydicoms(function: str, center: float, width: float) -> None:
    """All three VOI functions equal pydicom's own windowing, scaled to [0, 1]."""
    stored = np.arange(-1024, 3072, dtype=np.int16).reshape(64, 64)
    ds = Dataset()
    ds.PhotometricInterpretation, ds.BitsStored, ds.PixelRepresentation = "MONOCHROME2", 16, 1
    ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = center, width, function
    with np.errstate(over="ignore"):
        expected = (apply_windowing(stored, ds) + 32768.0) / 65535.0
    result = apply_window(image(stored, "HU"), Window(center, width, function))  # type: ignore[arg-type]
    np.testing.assert_allclose(result, expected, atol=2e-6)
    assert result.dtype == np.float32


@pytest.mark.parametrize("width", [1, 0.5, 0])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_narrow_windows_divide_by_nothing(function: str, width: float) -> None:
    """A width of 1 or less gives finite values in [0, 1] that rise through the center."""
    result = apply_window(image([38, 39, 40, 41, 42]), Window(40, width, function))  # type: ignore[arg-type]
    assert np.isfinite(result).all()
    assert (np.diff(result[0]) >= 0).all()
    assert (result[0, 0], result[0, -1]) == pytest.approx((0, 1), abs=1e-2)


def test_linear_of_width_one_is_the_standards_step() -> None:
    """LINEAR with width 1 is 0 up to center - 0.5 and 1 above it."""
    result = apply_window(image([39, 39.5, 39.6, 40]), Window(40, 1))
    assert result.tolist() == [[0, 0, 1, 1]]


def test_no_window_maps_the_value_range() -> None:
    """Without a window the declared range, not the data, becomes [0, 1]."""
    deep = image([0, 1000, 65535 / 2], value_range=(0.0, 65535.0))
    np.testing.assert_allclose(apply_window(deep), [[0, 1000 / 65535, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(apply_window(image([-2.0, 0.0, 6.0])), [[0, 0.25, 1]])
    assert apply_window(image([7, 7, 7])).tolist() == [[0, 0, 0]]


def test_presets_are_the_usual_ones() -> None:
    """Presets are center then width: brain 40/80, subdural 75/200, bone 600/2800 and so on."""
    expected = {"brain": (40, 80), "subdural": (75, 200), "bone": (600, 2800),
                "stroke": (40, 40), "soft tissue": (50, 400)}  # fmt: skip
    for name, (center, width) in expected.items():
        assert preset(name) == PRESETS[name] == Window(center, width, "LINEAR_EXACT")
    with pytest.raises(InputError, match="'lungs'; valid: brain, stroke, subdural"):
        preset("lungs")


@pytest.mark.parametrize("bad", [(0, -1), (float("nan"), 1), (0, float("inf"))])
def test_impossible_windows_are_refused(bad: tuple[float, float]) -> None:
    """A negative or not finite window, or an unknown function, is refused in a sentence."""
    with pytest.raises(InputError, match="A window needs a finite center"):
        Window(*bad)
    with pytest.raises(InputError, match="valid: LINEAR, LINEAR_EXACT, SIGMOID"):
        Window(0, 1, "CUBIC")  # type: ignore[arg-type]


def head(air: float) -> np.ndarray:
    """A disc of 400..600 in a large field of air."""
    y, x = np.mgrid[-50:50, -50:50]
    disc = 400 + 2 * np.hypot(x, y)
    return np.where(np.hypot(x, y) < 25, disc, air)


def test_percentiles_are_taken_inside_the_body() -> None:
    """Four fifths of air have no say in the percentile window of an MR image."""
    low, high = percentile_window(image(head(3.0)), 0, 100).limits
    assert (low, high) == pytest.approx((400, 450), abs=1)
    assert body_mask(image(head(3.0))).mean() == pytest.approx(np.pi * 625 / 10000, abs=0.01)
    naive = np.percentile(head(3.0), 1)
    assert naive == 3.0


def test_body_of_a_ct_is_above_minus_500_hu() -> None:
    """In HU the body is what is denser than -500."""
    ct = image([-1000, -501, -499, 40], "HU")
    assert body_mask(ct).tolist() == [[False, False, True, True]]


def test_percentile_window_of_a_constant_image_is_defined() -> None:
    """A constant image has a window that maps it to a finite value."""
    flat = image(np.full((4, 4), 5.0))
    assert apply_window(flat, percentile_window(flat)).tolist() == [[0.0] * 4] * 4
    with pytest.raises(InputError, match="Percentiles must satisfy"):
        percentile_window(flat, 60, 40)


def test_default_window_prefers_the_file() -> None:
    """The file's window comes first, then brain for HU, percentiles for MR, none for a PNG."""
    own = Window(1, 2)
    assert default_window(image([0, 1], "HU", window=own)) is own
    assert default_window(image([0, 1], "HU")) == PRESETS["brain"]
    assert default_window(image([0, 1])) is None
    mr = image(head(3.0), modality="MR")
    assert default_window(mr) == percentile_window(mr)


def test_an_image_is_two_dimensional_float32() -> None:
    """Image refuses other shapes, other types and emptiness."""
    for bad in (np.zeros((2, 2)), np.zeros(3, np.float32), np.zeros((0, 3), np.float32)):
        with pytest.raises(ValueError, match="Image needs a non-empty"):
            Image(bad, (0.0, 1.0))  # type: ignore[arg-type]
