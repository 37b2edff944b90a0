"""What the metrics accept, what they refuse, and where they have no value."""

import math
import warnings

import numpy as np
import pytest

from fusion_core.metrics import METRICS, Images, UndefinedMetric, evaluate, perceptual, structure


def noise(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def undefined(*images: np.ndarray) -> set[str]:
    """Names without a value, each with a note and none raising or warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = evaluate(*images)
    missing = {name for name, value in scores.values.items() if math.isnan(value)}
    assert missing == set(scores.notes)
    assert list(scores.values) == list(METRICS)
    return missing


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_images_score_as_their_8_bit_rounding(dtype: type) -> None:
    """Float images in [0, 1] are rounded to 8 bits before every metric."""
    images = [noise(seed) for seed in (1, 2, 3)]
    jitter = np.random.default_rng(0).uniform(-0.4, 0.4, images[0].shape)
    floats = [(np.clip(image + jitter, 0, 255) / 255).astype(dtype) for image in images]
    assert evaluate(*floats).values == evaluate(*images).values


def test_overshoot_by_rounding_is_clamped() -> None:
    """A float image that leaves [0, 1] by less than 1e-6 is white or black there."""
    image = np.array([[-5e-7, 1 + 5e-7]])
    assert Images.of(image, image, image).fused.tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((8, 8), np.nan), "NaN"),
        (np.full((8, 8), np.inf), "infinite"),
        (np.full((8, 8), 1.5), "in \\[0, 1\\], got 1.5"),
        (np.full((8, 8), -0.1), "clamp or rescale"),
        (np.zeros((8, 8), np.int64), "int64"),
        (np.zeros((8, 8), np.uint16), "uint16"),
        (np.zeros((8, 8), bool), "bool"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.zeros((8, 8, 3), np.uint8), "shape \\(8, 8, 3\\)"),
        (np.zeros(8, np.uint8), "shape \\(8,\\)"),
        (np.zeros((0, 8), np.uint8), "empty"),
        (np.zeros((8, 9), np.uint8), "one size, got .*MRI 8 x 9"),
    ],
)
def test_bad_images_are_refused_by_name(image: np.ndarray, words: str) -> None:
    """An image that cannot be scored raises one sentence that names it and its fault."""
    good = np.zeros((8, 8), np.uint8)
    with pytest.raises(ValueError, match=words) as error:
        evaluate(good, good, image)
    assert "MRI" in str(error.value)
    with pytest.raises(ValueError, match="fused image"):
        evaluate(image, good, good)


def test_an_unknown_metric_lists_the_known_ones() -> None:
    """A wrong name is answered with the right ones."""
    image = noise(1)
    with pytest.raises(ValueError, match=r"'PSNT'; choose from SSIM_Avg, .*CC"):
        evaluate(image, image, image, names=["SD", "PSNT"])


def test_names_choose_and_order_the_metrics() -> None:
    """Only the named metrics are computed, in the named order, to the same values."""
    images = [noise(seed) for seed in (1, 2, 3)]
    some, every = evaluate(*images, names=["Qcv", "SD", "Nabf"]).values, evaluate(*images).values
    assert list(some) == ["Qcv", "SD", "Nabf"]
    assert some == {name: every[name] for name in some}


def test_all_black_images_are_perfect_or_undefined() -> None:
    """0/0 with a perfect copy: Qabf 1, Nabf 0, Qcv 0; correlations have no value."""
    black = np.zeros((64, 64), np.uint8)
    assert undefined(black, black, black) == {"Edge_Preservation", "SCD", "VIF", "CC"}
    scores = evaluate(black, black, black).values
    expected = {"Qabf": 1, "Nabf": 0, "Qcv": 0, "SSIM_Avg": 1, "PSNR_Avg": 100, "Entropy": 0}
    expected |= {"MI_Avg": 0, "SD": 0, "SF": 0, "AG": 0}
    assert {name: scores[name] for name in expected} == expected


def test_a_picture_from_black_sources_has_no_edge_scores() -> None:
    """0/0 without a copy: Qabf, Nabf and Qcv are NaN, and the note says that no edge is there."""
    black, image = np.zeros((64, 64), np.uint8), noise(1, (64, 64))
    missing = undefined(image, black, black)
    assert missing == {"Edge_Preservation", "SCD", "VIF", "Qabf", "Nabf", "Qcv", "CC"}
    assert "edge" in evaluate(image, black, black).notes["Qabf"]


@pytest.mark.parametrize("level", [1, 77, 200, 255])
def test_constant_grey_images_have_no_correlation(level: int) -> None:
    """Constant images that are not black keep the edge to the zero padding, so Qabf is defined."""
    grey = np.full((64, 64), level, np.uint8)
    assert undefined(grey, grey, grey) == {"Edge_Preservation", "SCD", "VIF", "CC"}
    assert evaluate(grey, grey, grey).values["Qcv"] == 0


def test_one_constant_source_is_named() -> None:
    """Where only the CT is constant, the notes say so and the other metrics go on."""
    grey, image = np.full((64, 64), 90, np.uint8), noise(1, (64, 64))
    scores = evaluate(image, grey, image)
    assert set(scores.notes) == {"SCD", "VIF", "CC"}
    assert all("CT is constant" in scores.notes[name] for name in scores.notes)


@pytest.mark.parametrize(
    ("shape", "needs"),
    [
        ((1, 1), {"SSIM_Avg": "7 x 7", "VIF": "41 x 41", "Qcv": "16 x 16", "AG": "2 x 2"}),
        ((1, 300), {"SSIM_Avg": "7 x 7", "SF": "2 x 2"}),
        ((300, 1), {"SSIM_Avg": "7 x 7", "SF": "2 x 2"}),
        ((6, 6), {"SSIM_CT": "7 x 7", "Qcv": "16 x 16"}),
        ((20000, 10), {"VIF": "41 x 41", "Qcv": "16 x 16"}),
        ((40, 64), {"VIF": "41 x 41 pixels; this one is 40 x 64"}),
    ],
)
def test_a_small_image_says_what_size_a_metric_needs(
    shape: tuple[int, int], needs: dict[str, str]
) -> None:
    """Size alone never raises: the value is NaN and the note names the size that is needed."""
    images = [noise(seed, shape) for seed in (1, 2, 3)]
    assert needs.keys() <= undefined(*images)
    notes = evaluate(*images).notes
    for name, size in needs.items():
        assert size in notes[name]
    if min(shape) > 6:
        assert notes.keys() == needs.keys()


def test_the_smallest_sizes_that_are_named_suffice() -> None:
    """Every metric has a value at 41 x 41, and VIF's need is not overstated."""
    images = [noise(seed, (41, 41)) for seed in (1, 2, 3)]
    assert undefined(*images) == set()
    side = 40
    for size in (9, 5, 3):
        side = -(-(side - size + 1) // 2)
    assert side < 3


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (17, 41), (43, 255), (257, 129), (64, 1)])
def test_odd_shapes_leak_no_warning(shape: tuple[int, int]) -> None:
    """Any shape gives a value or a note, without a numpy warning."""
    undefined(*(noise(seed, shape) for seed in (1, 2, 3)))
    undefined(*(np.full(shape, level, np.uint8) for level in (0, 128, 255)))


def test_shared_work_is_done_once() -> None:
    """Metrics of one triple share their intermediate results; a new triple computes its own."""
    calls = []

    def counted(images: Images) -> int:
        calls.append(images)
        return len(calls)

    images = Images.of(noise(1), noise(2), noise(3))
    assert images.once(counted) == images.once(counted) == 1
    assert Images.of(noise(1), noise(2), noise(3)).once(counted) == 2


def test_a_metric_alone_raises_the_reason() -> None:
    """A metric function called by itself raises UndefinedMetric instead of a NaN."""
    tiny = np.zeros((3, 3), np.uint8)
    images = Images.of(tiny, tiny, tiny)
    with pytest.raises(UndefinedMetric, match="7 x 7"):
        structure.ssim_ct(images)
    with pytest.raises(UndefinedMetric, match="41 x 41"):
        perceptual.vif(images)


def test_the_inputs_are_left_alone() -> None:
    """Scoring changes none of its images, also where they are read-only or not contiguous."""
    images = [noise(seed, (64, 128))[:, ::2] for seed in (1, 2, 3)]
    before = [image.copy() for image in images]
    for image in images:
        image.setflags(write=False)
    scores = evaluate(*images)
    assert all(np.array_equal(a, b) for a, b in zip(images, before, strict=True))
    assert scores == evaluate(*before)


def test_sums_stay_exact_beyond_one_block() -> None:
    """Moments of a large image, summed in blocks, equal numpy's."""
    images = [noise(seed, (1200, 1100)) for seed in (1, 2, 3)]
    scores = evaluate(*images, names=["SD", "PSNR_CT"]).values
    error = np.mean((images[0].astype(float) - images[1]) ** 2)
    assert scores["SD"] == pytest.approx(images[0].std(), rel=1e-12)
    assert scores["PSNR_CT"] == pytest.approx(10 * math.log10(255**2 / error), rel=1e-12)
