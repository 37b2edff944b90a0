"""Pairing by file name, and the MRI on the CT's grid."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from imaging.errors import InputError
from imaging.image import Image
from imaging.pairs import Pair, find_pairs, match_grid, natural_key


def folders(
    root: Path, ct: list[str], mri: list[str], names: tuple[str, str] = ("CT", "MRI")
) -> Path:
    for folder, files in zip(names, (ct, mri), strict=True):
        (root / folder).mkdir()
        for file in files:
            (root / folder / file).write_bytes(b"x")
    return root


@pytest.mark.parametrize("names", [("CT", "MRI"), ("ct", "mr"), ("Ct", "MR"), ("CT", "mri")])
def test_files_pair_by_stem(tmp_path: Path, names: tuple[str, str]) -> None:
    """Equal stems pair, whatever the case of extensions and folders and whatever the format."""
    root = folders(tmp_path, ["a.png", "b.TIF"], ["a.PNG", "b.jpg"], names)
    ct, mri = root / names[0], root / names[1]
    found = find_pairs(str(root))
    assert found.pairs == (
        Pair("a", ct / "a.png", mri / "a.PNG"),
        Pair("b", ct / "b.TIF", mri / "b.jpg"),
    )
    assert found.notes == ()


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    """slice2 comes before slice10, and sorting never compares a number with a letter."""
    files = ["s10.png", "s2.png", "2.png", "10.png", "s02.png", "x.png"]
    found = find_pairs(folders(tmp_path, files, files))
    assert [pair.name for pair in found.pairs] == ["2", "10", "s02", "s2", "s10", "x"]
    assert natural_key("²") < natural_key("³")


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    """Unpaired files, duplicate stems and foreign files are named, hidden ones passed over."""
    root = folders(
        tmp_path,
        ["1.png", "2.png", "d.png", "d.tif", ".DS_Store", "readme.txt"],
        ["1.png", "3.png", "d.png"],
    )
    found = find_pairs(root)
    assert [pair.name for pair in found.pairs] == ["1"]
    assert (found.unpaired_ct, found.unpaired_mri) == (("2.png",), ("3.png",))
    assert (found.duplicates, found.ignored) == (("d",), ("readme.txt",))
    told = " ".join(found.notes)
    assert len(found.notes) == 4
    for name in ("2.png", "3.png", "d", "readme.txt"):
        assert name in told


def test_case_of_stems_counts(tmp_path: Path) -> None:
    """Stems that differ only in case are two names."""
    found = find_pairs(folders(tmp_path, ["A.png", "b.png"], ["a.png", "b.png"]))
    assert [pair.name for pair in found.pairs] == ["b"]


def test_dicom_without_an_extension_pairs(tmp_path: Path) -> None:
    """Files named like IM0001 or 1.2.840 pair where their content is DICOM."""
    root = folders(tmp_path, [], [])
    for folder in ("CT", "MRI"):
        (root / folder / "1.2.840").write_bytes(bytes(128) + b"DICM")
        (root / folder / "1.2.841").write_bytes(b"no")
    found = find_pairs(root)
    assert [pair.name for pair in found.pairs] == ["1.2.840"]
    assert found.ignored == ("1.2.841", "1.2.841")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ((), "is not a folder"),
        (("MRI",), "has no folder CT/"),
        (("CT",), r"has no folder MRI/ \(or MR/\)"),
        (("CT", "MRI", "MR"), r"several MRI folders \(MR, MRI\); keep one"),
        (("CT", "MRI"), r"holds no pair.*both are empty"),
    ],
)
def test_missing_folders_get_one_sentence(
    tmp_path: Path, make: tuple[str, ...], words: str
) -> None:
    """A missing, doubled or empty folder is refused in one sentence that says which."""
    root = tmp_path / "data"
    for name in make:
        (root / name).mkdir(parents=True)
    with pytest.raises(InputError, match=words) as caught:
        find_pairs(root)
    assert "\n" not in str(caught.value)


def test_no_pair_says_why(tmp_path: Path) -> None:
    """Where nothing pairs, the message names what each folder holds."""
    root = folders(tmp_path, ["a.png"], ["b.png"])
    with pytest.raises(InputError, match=r"holds no pair.*1 CT without.*a\.png.*b\.png"):
        find_pairs(root)


def test_the_benchmark_pairs(shared: Path) -> None:
    """The benchmark folder holds 35 pairs and nothing else."""
    found = find_pairs(shared / "data" / "aanlib" / "benchmark")
    assert len(found.pairs) == 35
    assert found.notes == ()


def image(pixels: np.ndarray, spacing: tuple[float, float] | None = None, name: str = "a") -> Image:
    return Image(pixels.astype(np.float32), (0.0, 255.0), spacing=spacing, name=name)


def blank(rows: int, columns: int, spacing: tuple[float, float] | None = None) -> Image:
    return image(np.zeros((rows, columns)), spacing, "ct")


def smooth(rows: int, columns: int) -> np.ndarray:
    """A function of the position in the field of view, sampled at pixel centres."""
    y = (np.arange(rows) + 0.5) / rows
    x = (np.arange(columns) + 0.5) / columns
    return 100 + 80 * np.outer(np.sin(3 * y), np.cos(2 * x))


def test_equal_shapes_are_left_alone() -> None:
    """An MRI of the CT's shape is returned itself, without a notice."""
    mri = image(smooth(8, 9))
    assert match_grid(blank(8, 9), mri) == (mri, None)
    same = image(smooth(8, 9), (0.5, 0.5))
    assert match_grid(blank(8, 9, (0.5, 0.5)), same) == (same, None)


def test_equal_shapes_of_unequal_spacing_are_told() -> None:
    """Equal shapes with spacings that differ keep their pixels but get a notice."""
    mri = image(smooth(8, 9), (0.43, 0.43))
    moved, notice = match_grid(blank(8, 9, (0.5, 0.5)), mri)
    assert moved.pixels is mri.pixels
    assert notice is not None
    assert "0.5 mm and 0.43 mm" in notice


@pytest.mark.parametrize("shape", [(256, 256), (512, 512), (100, 104), (1, 1), (400, 399)])
def test_without_spacing_the_mri_takes_the_cts_shape(shape: tuple[int, int]) -> None:
    """Any size is resampled to the CT's own, never a fixed one; the notice has both sizes."""
    ct = blank(160, 160)
    moved, notice = match_grid(ct, image(smooth(*shape)))
    assert moved.shape == (160, 160)
    assert notice is not None
    assert "160 × 160" in notice
    assert f"{shape[1]} × {shape[0]}" in notice
    assert moved.notes[-1] == notice
    if min(shape) > 1:
        assert np.abs(moved.pixels - smooth(160, 160)).max() < 2


def test_shrinking_averages_and_growing_interpolates() -> None:
    """Halving is the exact 2x2 mean; enlarging stays inside the old range and equals OpenCV's."""
    array = np.random.default_rng(0).uniform(0, 255, (64, 64)).astype(np.float32)
    half, _ = match_grid(blank(32, 32), image(array))
    np.testing.assert_allclose(
        half.pixels, array.reshape(32, 2, 32, 2).mean((1, 3)), rtol=1e-5, atol=1e-3
    )
    double, _ = match_grid(blank(128, 128), image(array))
    expected = cv2.resize(array, (128, 128), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(double.pixels, expected, atol=1e-3)


def test_mixed_shrinking_and_growing() -> None:
    """One axis can shrink by averaging while the other grows."""
    stripes = np.tile([[0.0], [200.0]], (50, 110))
    moved, _ = match_grid(blank(50, 120, (1.0, 1.0)), image(stripes))
    np.testing.assert_allclose(moved.pixels, 100, atol=1e-3)


@pytest.mark.parametrize(
    ("columns", "refused"), [(110, False), (91, False), (112, True), (90, True)]
)
def test_refused_beyond_ten_percent_of_aspect(columns: int, refused: bool) -> None:
    """Proportions up to 10 % apart are resampled; beyond that refused, with both sizes."""
    ct, mri = blank(100, 100), image(smooth(200, 2 * columns), name="m.png")
    if refused:
        with pytest.raises(InputError, match=r"100 × 100 .* (224|180) × 200 .*neither file gives"):
            match_grid(ct, mri)
    else:
        moved, notice = match_grid(ct, mri)
        assert moved.shape == (100, 100)
        assert notice is not None
        assert "changes its proportions" in notice


@pytest.mark.parametrize("who", ["ct", "mri"])
def test_one_spacing_is_enough_not_to_refuse(who: str) -> None:
    """With one spacing, unlike proportions are resampled by shape and the notice says how much."""
    one = (0.5, 0.5)
    ct = blank(100, 100, one if who == "ct" else None)
    mri = image(smooth(100, 200), one if who == "mri" else None)
    moved, notice = match_grid(ct, mri)
    assert moved.shape == (100, 100)
    assert notice is not None
    assert "proportions by 100.0 %" in notice
    assert moved.spacing == ((0.5, 0.5) if who == "ct" else (0.5, 1.0))


def gauss(
    rows: int, columns: int, spacing: tuple[float, float], at: tuple[float, float]
) -> np.ndarray:
    """A blob of 12 mm at a place in mm from the centre of the field of view."""
    y = (np.arange(rows) - (rows - 1) / 2) * spacing[0] - at[0]
    x = (np.arange(columns) - (columns - 1) / 2) * spacing[1] - at[1]
    return 200 * np.exp(-(y[:, None] ** 2 + x[None] ** 2) / (2 * 12.0**2))


@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((200, 200), (1.0, 1.0)),
        ((512, 512), (0.4, 0.4)),
        ((100, 300), (2.0, 0.7)),
        ((256, 180), (0.9, 1.3)),
        ((61, 75), (3.3, 2.7)),
    ],
)
def test_by_spacing_a_place_stays_where_it_is(
    shape: tuple[int, int], spacing: tuple[float, float]
) -> None:
    """A blob keeps its place in mm to within interpolation, for coarser, finer, non-square MRI."""
    ct = blank(150, 170, (1.1, 0.9))
    mri = image(gauss(*shape, spacing, (15, -20)), spacing)
    moved, notice = match_grid(ct, mri)
    expected = gauss(150, 170, (1.1, 0.9), (15, -20))
    inside = expected > 1
    assert np.abs(moved.pixels - expected)[inside].max() < 6
    weights = moved.pixels / moved.pixels.sum()
    y = ((np.arange(150) - 74.5) * 1.1 * weights.sum(1)).sum()
    x = ((np.arange(170) - 84.5) * 0.9 * weights.sum(0)).sum()
    assert (y, x) == pytest.approx((15, -20), abs=0.15)
    assert moved.spacing == ct.spacing
    assert notice is not None
    assert "spacing" in notice


def test_a_finer_mri_is_averaged_not_picked() -> None:
    """By spacing too, shrinking averages: a pixel of 1 mm is the mean of its 5x5 of 0.2 mm."""
    noise = np.random.default_rng(4).uniform(0, 255, (100, 150))
    moved, _ = match_grid(blank(20, 30, (1.0, 1.0)), image(noise, (0.2, 0.2)))
    expected = noise.reshape(20, 5, 30, 5).mean((1, 3))
    np.testing.assert_allclose(moved.pixels, expected, atol=1e-2)


def test_outside_the_mri_is_its_minimum() -> None:
    """A CT that sees more than the MRI gets the MRI's minimum there, and the notice says so."""
    mri = image(np.full((50, 50), 90.0), (1.0, 1.0))
    mri.pixels[0, 0] = 10
    moved, notice = match_grid(blank(100, 100, (1.0, 1.0)), mri)
    assert (moved.pixels[:25] == 10).all()
    assert (moved.pixels[26:74, 26:74] == 90).all()
    assert notice is not None
    assert "covers 25 % of it" in notice


def test_very_long_images_are_resampled() -> None:
    """A side beyond 32767 pixels, where OpenCV's warps stop, is still resampled."""
    mri = image(smooth(40000, 10), (0.5, 0.5))
    moved, _ = match_grid(blank(20000, 5, (1.0, 1.0)), mri)
    np.testing.assert_allclose(moved.pixels, smooth(20000, 5), atol=1)
    shaped, _ = match_grid(blank(20000, 5), image(smooth(40000, 10)))
    np.testing.assert_allclose(shaped.pixels, smooth(20000, 5), atol=1)
