"""Writing PNG."""

import io

import numpy as np
import PIL.Image
import pytest

from imaging.raster import read_raster
from imaging.write import encode_png


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (3, 2000)])
def test_integers_come_back_exactly(dtype: type, shape: tuple[int, int]) -> None:
    """uint8 and uint16 arrays survive writing and reading bit for bit."""
    top = np.iinfo(dtype).max
    array = np.random.default_rng(0).integers(0, top + 1, shape).astype(dtype)
    image = read_raster(encode_png(array), "a")
    np.testing.assert_array_equal(image.pixels, array)
    assert image.value_range == (0.0, float(top))


@pytest.mark.parametrize("bits", [8, 16])
def test_floats_are_rounded_to_the_depth(bits: int) -> None:
    """Floats in [0, 1] are clipped and rounded to 8 or 16 bits."""
    array = np.array([[-0.5, 0.0, 0.25], [0.5, 1.0, 1.5]], np.float32)
    top = 2**bits - 1
    image = read_raster(encode_png(array, bits=bits), "a")  # type: ignore[arg-type]
    np.testing.assert_array_equal(image.pixels, np.round(np.clip(array, 0, 1) * top))
    assert image.value_range == (0.0, float(top))


def test_text_travels_and_bytes_repeat() -> None:
    """Text comes back, Unicode too, and the order of the mapping does not change the bytes."""
    array = np.zeros((3, 4), np.uint8)
    text = {"Software": "wavelet fusion", "Parameters": '{"levels": 2, "note": "grün × π"}'}
    data = encode_png(array, text=text)
    assert dict(PIL.Image.open(io.BytesIO(data)).text) == text  # type: ignore[attr-defined]
    assert data == encode_png(array, text=dict(reversed(text.items())))
    assert b"tEXtSoftware\x00wavelet fusion" in data
    assert encode_png(array) != data


def test_spacing_travels() -> None:
    """A spacing in mm comes back from pHYs in the right order."""
    data = encode_png(np.zeros((3, 4), np.uint8), spacing=(0.5, 0.8))
    assert read_raster(data, "a").spacing == pytest.approx((0.5, 0.8), rel=1e-3)


def test_colour_is_written_red_first() -> None:
    """An (H, W, 3) uint8 array is stored as RGB."""
    array = np.zeros((2, 2, 3), np.uint8)
    array[..., 0] = 200
    assert PIL.Image.open(io.BytesIO(encode_png(array))).getpixel((0, 0)) == (200, 0, 0)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 4), np.uint8),
        np.zeros((2, 2), np.int32),
        np.zeros(4, np.uint8),
        np.full((2, 2), np.nan),
        np.zeros((2, 2, 3), np.uint16),
    ],
)
def test_what_a_png_cannot_hold_is_refused(array: np.ndarray) -> None:
    """Empty, wrongly shaped, wrongly typed and not finite arrays raise ValueError."""
    with pytest.raises(ValueError, match="PNG"):
        encode_png(array)


def test_bad_options_are_refused() -> None:
    """Another depth, an empty or overlong keyword and a spacing of zero raise ValueError."""
    array = np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="8 or 16 bits"):
        encode_png(array, bits=12)  # type: ignore[arg-type]
    for key in ("", "k" * 80, "ключ"):
        with pytest.raises(ValueError, match="keyword"):
            encode_png(array, text={key: "v"})
    with pytest.raises(ValueError, match="positive"):
        encode_png(array, spacing=(0, 1))
