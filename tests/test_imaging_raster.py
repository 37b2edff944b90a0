"""Reading PNG, JPEG, TIFF, BMP and GIF."""

import struct
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from imaging.errors import InputError
from imaging.raster import read_raster, spacing_from_dpi
from imaging.read import read_image
from imaging.windowing import apply_window
from tests.imaging_files import chunk, opencv, png, ramp, saved


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
def test_eight_bit_grey_keeps_its_values(kind: str) -> None:
    """8-bit grey comes back exactly, with the range 0..255 and nothing to tell."""
    array = ramp(np.uint8)
    image = read_raster(saved(array, kind), "a")
    np.testing.assert_array_equal(image.pixels, array)
    assert (image.value_range, image.unit, image.notes) == ((0.0, 255.0), "grey", ())
    np.testing.assert_allclose(apply_window(image, None), array / 255, atol=1e-7)


def test_jpeg_grey_is_close() -> None:
    """A JPEG of a smooth ramp is within two grey levels and has the range 0..255."""
    array = ramp(np.uint8, (32, 32))
    image = read_raster(saved(array, "JPEG", quality=98), "a.jpg")
    assert np.abs(image.pixels - array).max() <= 2
    assert image.value_range == (0.0, 255.0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_not_squashed(kind: str) -> None:
    """16-bit grey keeps each of its values and the range 0..65535, dark as it may be."""
    array = (np.arange(600, dtype=np.uint16) * 7).reshape(20, 30)
    image = read_raster(saved(array, kind), "a")
    np.testing.assert_array_equal(image.pixels, array)
    assert image.value_range == (0.0, 65535.0)
    assert apply_window(image).max() == pytest.approx(array.max() / 65535)


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_sixteen_bit_colour_is_not_squashed(kind: str) -> None:
    """16-bit colour becomes luminance with more than 8 bits, red weighted as red."""
    rgb = np.random.default_rng(1).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    image = read_raster(opencv(rgb[..., ::-1], kind), "a")
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(image.pixels, expected, rtol=1e-5)
    assert image.value_range == (0.0, 65535.0)
    assert any("luminance" in note for note in image.notes)


def test_big_endian_sixteen_bit_tiff() -> None:
    """A Motorola-order 16-bit TIFF has the same values as an Intel-order one."""
    array = ramp(np.uint16)
    big = PIL.Image.frombytes("I;16B", (9, 6), array.astype(">u2").tobytes())
    np.testing.assert_array_equal(read_raster(saved(big, "TIFF"), "a").pixels, array)


def test_white_is_zero_tiff_is_inverted() -> None:
    """A 16-bit TIFF whose photometric interpretation is WhiteIsZero comes back inverted."""
    array = ramp(np.uint16)
    data = saved(array, "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(read_raster(data, "a").pixels, 65535 - array.astype(int))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_signed_and_float_tiff_use_their_own_range(dtype: type) -> None:
    """Signed and float TIFFs keep their values; their range is smallest to largest."""
    array = np.linspace(-1000, 3000, 40).reshape(5, 8).astype(dtype)
    data = opencv(array, ".tiff") if dtype is np.int16 else saved(array, "TIFF")
    image = read_raster(data, "a")
    np.testing.assert_array_equal(image.pixels, array.astype(np.float32))
    assert image.value_range == (-1000.0, 3000.0)
    assert (apply_window(image).min(), apply_window(image).max()) == (0.0, 1.0)


def test_float64_and_unsigned_32_bit_tiff() -> None:
    """Float64 and uint32 TIFFs, which Pillow alone misreads or refuses, keep their values."""
    array = np.linspace(-2.5, 7.25, 40).reshape(5, 8)
    np.testing.assert_allclose(read_raster(opencv(array, ".tiff"), "a").pixels, array, rtol=1e-6)
    large = np.array([[0, 1], [3_000_000_000, 4_000_000_000]], np.uint32)
    signed, unsigned = (struct.pack("<HHIHH", 339, 3, 1, value, 0) for value in (2, 1))
    data = saved(large.view(np.int32), "TIFF").replace(signed, unsigned)
    np.testing.assert_array_equal(read_raster(data, "b").pixels, large.astype(np.float32))


def test_nan_and_infinity_become_the_minimum() -> None:
    """NaN and infinity are replaced by the smallest finite value and counted in a note."""
    array = np.array([[np.nan, 1.5], [np.inf, 4.0], [-np.inf, 2.0]], np.float32)
    image = read_raster(saved(array, "TIFF"), "a")
    np.testing.assert_array_equal(image.pixels, [[1.5, 1.5], [1.5, 4], [1.5, 2]])
    assert image.value_range == (1.5, 4.0)
    assert any(note.startswith("3 pixels without a finite value") for note in image.notes)
    with pytest.raises(InputError, match=r"a\.tif has no pixel with a finite value"):
        read_raster(saved(np.full((2, 2), np.nan, np.float32), "TIFF"), "a.tif")


def test_one_two_and_four_bits() -> None:
    """1-bit PNG has the range 0..1; 2 and 4 bits are spread over 0..255."""
    one = read_raster(saved(PIL.Image.fromarray(np.eye(9) > 0), "PNG"), "a")
    np.testing.assert_array_equal(one.pixels, np.eye(9))
    assert one.value_range == (0.0, 1.0)
    two = read_raster(png(4, 1, 2, 0, b"\x00\x1b"), "b")
    np.testing.assert_array_equal(two.pixels, [[0, 85, 170, 255]])
    four = read_raster(png(4, 1, 4, 0, b"\x00\x01\xef"), "c")
    np.testing.assert_array_equal(four.pixels, [[0, 17, 238, 255]])


def test_colour_becomes_luminance_with_a_note() -> None:
    """RGB becomes BT.601 luminance with a note; grey stored as RGB is exact and silent."""
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    image = read_raster(saved(rgb, "PNG"), "a")
    np.testing.assert_allclose(image.pixels, rgb @ np.array([0.299, 0.587, 0.114]), atol=1e-3)
    assert image.notes == ("Colour was converted to luminance.",)
    grey = np.repeat(ramp(np.uint8)[..., None], 3, axis=2)
    plain = read_raster(saved(grey, "PNG"), "b")
    np.testing.assert_array_equal(plain.pixels, grey[..., 0])
    assert plain.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF"])
def test_palette_gives_colours_not_indices(kind: str) -> None:
    """A palette image gives the luminance of its colours, not the numbers of its entries."""
    image = PIL.Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([200, 200, 200, 10, 10, 10, 90, 90, 90])
    pixels = read_raster(saved(image, kind), "a").pixels
    np.testing.assert_array_equal(pixels, [[200, 10], [90, 10]])


def test_alpha_is_composited_on_black() -> None:
    """Transparent pixels fade to black with a note; an opaque alpha channel changes nothing."""
    la = np.array([[[200, 255], [200, 0], [200, 51]]], np.uint8)
    image = read_raster(saved(PIL.Image.fromarray(la, "LA"), "PNG"), "a")
    np.testing.assert_allclose(image.pixels, [[200, 0, 40]], atol=1e-4)
    assert image.notes == ("Transparency was composited on black.",)
    la[..., 1] = 255
    opaque = read_raster(saved(PIL.Image.fromarray(la, "LA"), "PNG"), "b")
    assert (opaque.pixels == 200).all()
    assert opaque.notes == ()


def test_sixteen_bit_transparent_value_is_black() -> None:
    """The one value that a 16-bit grey PNG declares transparent becomes black."""
    raw = b"\x00" + struct.pack(">3H", 100, 40000, 65535)
    data = png(3, 1, 16, 0, raw, chunk(b"tRNS", struct.pack(">H", 40000)))
    np.testing.assert_array_equal(read_raster(data, "a").pixels, [[100, 0, 65535]])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_luminance(kind: str) -> None:
    """A CMYK file has no ink as white and full black ink as black."""
    cmyk = np.zeros((16, 32, 4), np.uint8)
    cmyk[:, 16:, 3] = 255
    image = read_raster(saved(PIL.Image.fromarray(cmyk, "CMYK"), kind), "a")
    assert image.pixels[:, :8].min() > 250
    assert image.pixels[:, 24:].max() < 5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    """All eight EXIF orientations come back upright, with a note for the seven that turn."""
    upright = np.kron(np.array([[10, 60, 110], [160, 210, 250]], np.uint8), np.ones((16, 16)))
    undo = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    turns = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: np.transpose, 6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(np.transpose(a), 2), 8: np.rot90,
    }  # fmt: skip
    stored = np.ascontiguousarray(turns[undo](upright)).astype(np.uint8)
    exif = PIL.Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    image = read_raster(saved(stored, kind, **options), "a")
    assert image.shape == (32, 48)
    assert np.abs(image.pixels - upright).max() <= 2
    assert any("upright" in note for note in image.notes) == (orientation > 1)


def test_turned_sixteen_bit_colour() -> None:
    """A 16-bit colour PNG with an orientation is turned once, not twice or never."""
    rgb = np.zeros((2, 3, 3), np.uint16)
    rgb[0, 2] = (60000, 60000, 60000)
    data = opencv(rgb, ".png")
    exif = PIL.Image.Exif()
    exif[274] = 6
    ihdr_end = 8 + 25
    data = data[:ihdr_end] + chunk(b"eXIf", exif.tobytes()[6:]) + data[ihdr_end:]
    image = read_raster(data, "a")
    assert image.shape == (3, 2)
    assert np.argwhere(image.pixels == 60000).tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("kind", "word"), [("TIFF", "pages"), ("GIF", "frames"), ("PNG", "frames")]
)
def test_only_the_first_of_several_is_used(kind: str, word: str) -> None:
    """Of a multi-page TIFF or an animation the first picture is used, and a note says so."""
    pages = [PIL.Image.fromarray(np.full((4, 5), v, np.uint8)) for v in (40, 90, 140)]
    image = read_raster(saved(pages[0], kind, save_all=True, append_images=pages[1:]), "a")
    assert (image.pixels == 40).all()
    assert image.notes == (f"Only the first of 3 {word} is used.",)


@pytest.mark.parametrize(
    ("dpi", "expected"),
    [
        ((50.8, 25.4), (1.0, 0.5)),
        ((25.4, 25.4), (1.0, 1.0)),
        ((72, 72), None),
        ((96.012, 96.012), None),
        ((300, 300), None),
        ((1, 1), None),
        ((600, 600), None),
        ((0, 0), None),
        ((float("nan"), 50.0), None),
        (None, None),
    ],
)
def test_what_resolution_is_a_spacing(dpi: object, expected: object) -> None:
    """A resolution is a spacing (row, column) only at 0.05 to 20 mm and not at screen dpi."""
    result = spacing_from_dpi(dpi)
    assert result is expected if expected is None else result == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "BMP"])
def test_spacing_is_read_from_the_file(kind: str) -> None:
    """A file saved at 0.5 mm (50.8 dpi) says so; one without a resolution has no spacing."""
    array = ramp(np.uint8, (16, 16))
    dpi = (51, 51) if kind == "JPEG" else (50.8, 50.8)
    spacing = read_raster(saved(array, kind, dpi=dpi), "a").spacing
    assert spacing == pytest.approx((25.4 / dpi[0],) * 2, rel=1e-3)
    assert read_raster(saved(array, kind), "b").spacing is None


def test_turning_swaps_the_spacing() -> None:
    """An image turned by 90 degrees has its row and column spacing exchanged."""
    exif = PIL.Image.Exif()
    exif[274] = 6
    data = saved(ramp(np.uint8), "PNG", dpi=(50.8, 25.4), exif=exif)
    assert read_raster(data, "a").spacing == pytest.approx((0.5, 1.0), rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 1), (10, 20000), (20000, 10)])
def test_extreme_shapes_work(shape: tuple[int, int]) -> None:
    """1x1 and 20000x10 images are read like any other."""
    array = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    np.testing.assert_array_equal(read_raster(saved(array, "PNG"), "a").pixels, array)


PNGSUITE = {  # width, height, smallest and largest value as the suite describes them
    "basi0g16.png": ((32, 32), (0, 65535)),
    "basn0g16.png": ((32, 32), (0, 65535)),
    "basn2c16.png": ((32, 32), (0, 65535)),
    "basn3p08.png": ((32, 32), (0, 255)),
    "basn4a16.png": ((32, 32), (0, 65535)),
    "basn6a08.png": ((32, 32), (0, 255)),
    "oi9n2c16.png": ((32, 32), (0, 65535)),
    "s01n3p01.png": ((1, 1), (0, 255)),
    "tbgn3p08.png": ((32, 32), (0, 255)),
    "z09n2c08.png": ((32, 32), (0, 255)),
}


def test_every_odd_png_is_read_or_refused(shared: Path) -> None:
    """Each PngSuite file has its size and range; each broken one (x...) gets one sentence."""
    folder = shared / "cases" / "raster"
    if not folder.is_dir():
        pytest.skip("../shared/cases/raster is not here")
    files = sorted(folder.glob("*.png"))
    assert len(files) >= 19
    for path in files:
        if path.name.startswith("x"):
            with pytest.raises(InputError, match=rf"^{path.name} [^\n]*\.$"):
                read_image(path)
        elif path.name in PNGSUITE:
            image = read_image(path)
            assert (image.shape, image.value_range) == PNGSUITE[path.name]


def test_odd_pngs_have_opencv_values(shared: Path) -> None:
    """16-bit grey, 16-bit colour and 8-bit colour PngSuite files equal OpenCV's decoding."""
    folder = shared / "cases" / "raster"
    names = ("basi0g16", "basn0g16", "basn2c16", "oi9n2c16", "z09n2c08")
    if not (folder / "basi0g16.png").is_file():
        pytest.skip("../shared/cases/raster is not here")
    for name in names:
        path = folder / f"{name}.png"
        bgr = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float64)
        expected = bgr @ np.array([0.114, 0.587, 0.299]) if bgr.ndim == 3 else bgr
        np.testing.assert_allclose(read_image(path).pixels, expected, rtol=1e-5, atol=1e-2)
