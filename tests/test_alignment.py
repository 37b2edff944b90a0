"""Alignment: the motion itself, the measure, and when the user is told."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fusion_core.shared_information import BINS, mutual_information, smoothed, spread
from imaging.image import Image
from imaging.pairs import find_pairs
from imaging.read import read_image
from imaging.shift import Shift, describe, move, move_image
from pipelines.alignment import (
    AXES,
    Check,
    Comparison,
    check,
    compare,
    curve,
    fuse_moved,
    reach,
    warning,
)
from pipelines.cases import CASES, render_case
from pipelines.fuse import fuse_pair
from pipelines.methods import load_method


def noise(rows: int = 40, columns: int = 60, seed: int = 0) -> NDArray[np.float32]:
    """Seeded noise with a dark border of ten pixels, so that small motions lose nothing."""
    image = np.zeros((rows, columns), np.float32)
    image[10:-10, 10:-10] = np.random.default_rng(seed).random((rows - 20, columns - 20))
    return image


def bundled(name: str, shift: Shift) -> Comparison:
    """A bundled pair with its MRI moved, ready to be compared."""
    ct, mri = render_case(CASES[name])
    ready = compare(ct, replace(mri, pixels=move(mri.pixels, shift, mri.spacing)))
    assert ready is not None
    return ready


def test_whole_pixels_are_copied_exactly() -> None:
    """A motion by whole pixels without a turn changes no value, only its place."""
    image = noise()
    moved = move(image, Shift(right=3, down=-2))
    np.testing.assert_array_equal(moved, np.roll(image, (-2, 3), (0, 1)))


def test_what_comes_in_is_the_minimum_and_nothing_leaves_the_range() -> None:
    """Outside lies the image's own minimum, and bicubic overshoot is cut off."""
    image = noise() * 900 - 1000
    moved = move(image, Shift(2.5, -3.5, 7))
    assert moved.min() == image.min()
    assert moved.max() <= image.max()
    np.testing.assert_allclose(moved[-2:], image.min(), atol=0.01)


def test_half_a_pixel_moves_a_ramp_by_half_a_step() -> None:
    """Inside a ramp of slope 1, half a pixel to the right takes one half from every value."""
    ramp = np.tile(np.arange(32, dtype=np.float32), (16, 1))
    moved = move(ramp, Shift(right=0.5))
    np.testing.assert_allclose(moved[4:-4, 4:-4], ramp[4:-4, 4:-4] - 0.5, atol=1e-4)


def test_a_quarter_turn_is_clockwise_about_the_centre() -> None:
    """Turned by 90 degrees a square image is the array turned clockwise."""
    image = noise(41, 41)
    np.testing.assert_allclose(move(image, Shift(turn=90)), np.rot90(image, -1), atol=1e-3)


def test_a_turn_on_tall_pixels_keeps_lengths_in_mm() -> None:
    """On pixels twice as tall as wide, a quarter turn maps 4 rows (8 mm) to 8 columns (8 mm)."""
    x, y = Shift(turn=90).matrix((2.0, 1.0)) @ (0, -4)
    assert (x, y) == pytest.approx((8, 0), abs=1e-9)


def test_two_motions_are_one() -> None:
    """Doing one motion after another equals the combined one, and doing both undoes a pair."""
    first, second, spacing = Shift(5, -2, 20), Shift(-3, 4, -35), (2.0, 1.5)
    point = np.array([7.0, -4.0])

    def go(shift: Shift, at: NDArray[np.float64]) -> NDArray[np.float64]:
        moved: NDArray[np.float64] = shift.matrix(spacing) @ at + (shift.right, shift.down)
        return moved

    both = first.then(second, spacing)
    np.testing.assert_allclose(go(both, point), go(second, go(first, point)))
    assert both.turn == -15


def test_every_second_pixel_is_every_second_pixel_of_the_whole() -> None:
    """Sampling while moving gives the same values as moving first."""
    image, shift = noise(41, 60), Shift(1.25, -2.5, 6)
    whole = move(image, shift, linear=True)
    np.testing.assert_allclose(move(image, shift, every=2, linear=True), whole[::2, ::2], atol=1e-4)


@pytest.mark.parametrize(
    ("shift", "spacing", "words"),
    [
        (Shift(-3, 0, 0), None, "3 px to the left"),
        (Shift(2, -1.5, 0), (2.0, 0.5), "2 px (1 mm) to the right and 1.5 px (3 mm) up"),
        (Shift(0, 4, 2.5), None, "4 px down, turned 2.5° clockwise"),
        (Shift(0, 0, -1), None, "turned 1° anticlockwise"),
        (Shift(), None, "by nothing"),
    ],
)
def test_a_motion_is_told_with_its_direction(
    shift: Shift, spacing: tuple[float, float] | None, words: str
) -> None:
    """Signs become words, and mm appear where the spacing is known."""
    assert describe(shift, spacing) == words


def test_a_moved_image_says_so() -> None:
    """The motion is among the notes; no motion leaves the very image."""
    image = Image(noise(), (0, 1), spacing=(1, 1))
    assert "3 px (3 mm) to the left" in move_image(image, Shift(-3)).notes[-1]
    assert move_image(image, Shift()) is image


def test_information_of_a_copy_is_its_entropy_and_of_a_constant_nothing() -> None:
    """Grey values on bin centres share log2(n) bits with their own copy, none with one grey."""
    levels = (np.repeat(np.arange(8), 50) * 4 / (BINS - 1)).astype(np.float32)
    image = spread(levels)
    assert mutual_information(image, image) == pytest.approx(3.0, abs=1e-3)
    assert mutual_information(image, spread(np.zeros(400, np.float32))) == pytest.approx(0)


def test_information_does_not_care_for_the_order_or_for_inverted_greys() -> None:
    """It is symmetric, and a negative tells as much as the image itself."""
    a, b = noise(seed=1)[10:-10, 10:-10], noise(seed=2)[10:-10, 10:-10]
    mix = 0.7 * a + 0.3 * b
    one = mutual_information(spread(a), spread(mix))
    assert mutual_information(spread(mix), spread(a)) == pytest.approx(one)
    assert mutual_information(spread(1 - a), spread(mix)) == pytest.approx(one, rel=1e-3)


def test_the_blur_takes_away_the_false_peaks_at_half_pixels() -> None:
    """Plain, mutual information of a noisy pair zigzags between whole and half pixels; not here."""
    ct, mri = (image.pixels for image in render_case(CASES["tumour"]))
    grain = 0.04 * np.random.default_rng(0).standard_normal((2, *ct.shape)).astype(np.float32)
    grey = np.clip(ct / 80, 0, 1) + grain[0], np.clip(mri / 1000, 0, 1) + grain[1]
    steps = np.arange(2.0, 6.01, 0.5)

    def turns(prepare: object) -> int:
        fixed, moving = (prepare(image.astype(np.float32)) for image in grey)  # type: ignore[operator]
        bits = [
            mutual_information(spread(fixed), spread(move(moving, Shift(right=s), linear=True)))
            for s in steps
        ]
        return int((np.diff(np.sign(np.diff(bits))) != 0).sum())

    assert turns(lambda image: image) >= 5
    assert turns(smoothed) == 0


@pytest.mark.parametrize("name", CASES)
def test_bundled_pairs_fit_and_are_not_warned_about(name: str) -> None:
    """In place, no step adds information and nothing is said."""
    found = check(bundled(name, Shift()))
    assert found.shift == Shift()
    assert warning(found, None) == ""


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (Shift(right=-3), "3 px to the right"),
        (Shift(right=2, down=-2), "2 px to the left and 2 px down"),
        (Shift(down=8), "8 px up"),
        (Shift(turn=3), "turned 3° anticlockwise"),
    ],
)
@pytest.mark.parametrize("name", ["tumour", "infarct"])
def test_a_misplaced_pair_is_warned_about_with_the_way_back(
    name: str, shift: Shift, words: str
) -> None:
    """The warning names the motion that undoes the misplacement, within half a pixel."""
    found = check(bundled(name, shift))
    assert found.tells
    assert words in warning(found, None)


def test_a_misplaced_pair_fits_once_moved_back() -> None:
    """After taking the advice there is nothing left to warn about."""
    ct, mri = render_case(CASES["bleed"])
    wrong = replace(mri, pixels=move(mri.pixels, Shift(5, -3, 4), mri.spacing))
    ready = compare(ct, wrong)
    assert ready is not None
    again = compare(ct, move_image(wrong, check(ready).shift))
    assert again is not None
    assert not check(again).tells


def test_a_large_image_is_told_in_its_own_pixels() -> None:
    """Compared on a quarter of the pixels, a shift by 8 of 512 is still called 8 px."""
    ct, mri = (
        replace(image, pixels=np.kron(image.pixels, np.ones((2, 2), np.float32)))
        for image in render_case(CASES["tumour"])
    )
    ready = compare(ct, replace(mri, pixels=move(mri.pixels, Shift(right=8))))
    assert ready is not None
    assert check(ready).shift.right == pytest.approx(-8, abs=1)
    assert reach((512, 300)) == 40


def test_a_gain_that_costs_one_half_of_the_image_is_not_told() -> None:
    """Far and rewarding is not enough: where a half gets worse, the two do not move as one."""
    sure = Check(Shift(4), 0.08, 4.0, (0.05, 0.1, 0.02, 0.09))
    assert sure.tells
    assert not replace(sure, halves=(0.2, -0.05, 0.02, 0.09)).tells
    assert not replace(sure, gain=0.02).tells
    assert not replace(sure, distance=1.5).tells


def test_tiny_and_even_images_are_left_alone() -> None:
    """Below 48 pixels nothing is said, and an even image gives no advice and no error."""
    small = Image(noise(40, 60), (0, 1))
    assert compare(small, small) is None
    even = Image(np.zeros((64, 64), np.float32), (0, 1))
    ready = compare(even, even)
    assert ready is not None
    assert not check(ready).tells


def test_the_curve_peaks_where_the_check_says() -> None:
    """Along each axis through the best place, the best place is the maximum."""
    ready = bundled("normal", Shift(right=-4))
    best = check(ready).shift
    for axis in AXES:
        values = [getattr(best, axis) + step for step in (-2, -1, 0, 1, 2)]
        bits = curve(ready, axis, best, values)
        assert int(np.argmax(bits)) == 2


def test_fusing_a_moved_pair_moves_the_mri_alone() -> None:
    """The CT, the windows and the method stay; the fused image is that of the moved MRI."""
    ct, mri = render_case(CASES["tumour"])
    pair = fuse_pair(ct, mri, load_method(rule="mean"))
    moved = fuse_moved(pair, Shift(right=6))
    np.testing.assert_array_equal(moved.ct01, pair.ct01)
    np.testing.assert_array_equal(moved.mri01[:, 6:], pair.mri01[:, :-6])
    assert moved.windows == pair.windows
    wanted = np.rint((pair.ct01 + moved.mri01) * 127.5)
    assert np.abs(moved.fused8 - wanted).max() <= 1
    assert fuse_moved(pair, Shift()) is pair


@pytest.mark.slow
def test_few_registered_atlas_pairs_are_warned_about(shared) -> None:  # type: ignore[no-untyped-def]
    """Of the 148 registered pairs fewer than one in ten is warned about, by less than 5 px."""
    told, count = [], 0
    for part in ("train", "benchmark"):
        for pair in find_pairs(shared / "data" / "aanlib" / part).pairs:
            ct, mri = (read_image(p.read_bytes(), p.name) for p in (pair.ct, pair.mri))
            ready = compare(ct, mri)
            assert ready is not None
            found = check(ready)
            count += 1
            told += [found.distance] * found.tells
    assert count == 148
    assert 1 <= len(told) <= 14
    assert max(told) < 5
