"""Metric values against numbers worked out by hand, and against textbook forms."""

import math
from itertools import product

import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.metrics import structural_similarity

from fusion_core.metrics import METRICS, evaluate

CT_MRI = [("CT", 1), ("MRI", 2)]


def noise(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def head(seed: int = 0, side: int = 96) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fused image, CT and MRI with a black background, smooth texture and a bright ring."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    r = np.hypot(x, y)
    wave = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(3, 20, (4, 3))]
    ct = np.where(r < 0.8, 0.3 + 0.05 * wave[0] + 0.05 * wave[1], np.where(r < 0.9, 0.95, 0.0))
    mri = np.where(r < 0.78, 0.5 + 0.2 * wave[2] + 0.2 * wave[3], 0.0)
    ct8, mri8 = (np.rint(image * 255).astype(np.uint8) for image in (ct, mri))
    return np.maximum(ct8, mri8 - mri8 // 4), ct8, mri8


def value(name: str, *images: np.ndarray) -> float:
    return evaluate(*images, names=[name]).values[name]


def test_entropy_of_known_histograms() -> None:
    """A constant has 0 bits, two even levels 1, all 256 even 8, and 1/2, 1/4, 1/4 has 1.5."""
    for image, bits in [
        (np.full((4, 4), 9, np.uint8), 0),
        (np.array([[0, 255], [255, 0]], np.uint8), 1),
        (np.arange(256, dtype=np.uint8).reshape(16, 16), 8),
        (np.array([[0, 0, 7, 200]], np.uint8), 1.5),
    ]:
        entropy = value("Entropy", image, image, image)
        assert entropy == pytest.approx(bits, abs=1e-12)
        assert math.copysign(1, entropy) == 1


def test_mutual_information_of_identical_independent_and_partly_shared_images() -> None:
    """Identical images share all their bits, independent ones none, a coarser one its own bits."""
    levels = np.arange(16, dtype=np.uint8)
    rows, columns = np.meshgrid(levels, levels, indexing="ij")
    scores = evaluate(rows, rows, columns).values
    assert scores["MI_CT"] == pytest.approx(4, abs=1e-12)
    assert scores["MI_MRI"] == pytest.approx(0, abs=1e-12)
    assert scores["MI_Avg"] == pytest.approx(2, abs=1e-12)
    assert value("MI_CT", rows, rows // 4, columns) == pytest.approx(2, abs=1e-12)


def test_contrast_of_small_arrays_by_hand() -> None:
    """SD, SF and AG of [[0, 10], [20, 50]] follow from pencil and paper."""
    f = np.array([[0, 10], [20, 50]], np.uint8)
    scores = evaluate(f, f, f).values
    assert scores["SD"] == pytest.approx(math.sqrt((400 + 100 + 0 + 900) / 4))
    down, right = (20**2 + 40**2) / 2, (10**2 + 30**2) / 2
    assert scores["SF"] == pytest.approx(math.sqrt(down + right))
    steps = [(10, 20), (10, 40), (30, 20), (30, 40)]
    assert scores["AG"] == pytest.approx(
        sum(math.sqrt((gx**2 + gy**2) / 2) for gx, gy in steps) / 4
    )


def test_psnr_by_hand() -> None:
    """An error of 51 grey levels everywhere (a fifth of the range) is 20 log10(5) dB."""
    ct, mri = np.zeros((3, 5), np.uint8), np.full((3, 5), 51, np.uint8)
    scores = evaluate(mri, ct, mri).values
    assert scores["PSNR_CT"] == pytest.approx(20 * math.log10(5))
    assert scores["PSNR_MRI"] == 100
    assert scores["PSNR_Avg"] == pytest.approx((scores["PSNR_CT"] + 100) / 2)


def test_correlations_agree_with_numpy() -> None:
    """CC is the mean correlation with the sources; SCD correlates each difference."""
    f, ct, mri = (noise(seed).astype(float) for seed in (1, 2, 3))
    f = np.rint(0.6 * ct + 0.3 * mri + 0.1 * f)

    def corr(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])

    scores = evaluate(*(image.astype(np.uint8) for image in (f, ct, mri))).values
    assert scores["CC"] == pytest.approx((corr(f, ct) + corr(f, mri)) / 2, abs=1e-12)
    assert scores["SCD"] == pytest.approx(corr(f - mri, ct) + corr(f - ct, mri), abs=1e-12)


def test_scd_of_the_sum_is_two() -> None:
    """The unclipped sum of two images adds to each exactly the other: SCD 2, its upper bound."""
    ct, mri = noise(1) // 2, noise(2) // 2
    assert value("SCD", ct + mri, ct, mri) == pytest.approx(2, abs=1e-12)


@pytest.mark.parametrize("shape", [(7, 7), (33, 48), (96, 96)])
def test_ssim_equals_scikit_image(shape: tuple[int, int]) -> None:
    """SSIM from integer window sums is scikit-image's default SSIM to 1e-9."""
    images = [noise(seed, shape) for seed in (1, 2, 3)] if shape != (96, 96) else list(head())
    scores = evaluate(*images).values
    parts = []
    for source, index in CT_MRI:
        parts.append(structural_similarity(images[0] / 255, images[index] / 255, data_range=1))
        assert scores[f"SSIM_{source}"] == pytest.approx(parts[-1], abs=1e-9)
    assert scores["SSIM_Avg"] == pytest.approx(sum(parts) / 2, abs=1e-9)


def sobel(image: np.ndarray, row: int, column: int, pad: str) -> tuple[float, float]:
    """Sobel response (to the right, downwards) of one pixel, summed term by term."""
    padded = np.pad(image.astype(float), 1, mode=pad)
    window = padded[row : row + 3, column : column + 3]
    smooth, step = np.array([1, 2, 1]), np.array([-1, 0, 1])
    return float((window * np.outer(smooth, step)).sum()), float(
        (window * np.outer(step, smooth)).sum()
    )


def test_edge_preservation_equals_a_plain_loop() -> None:
    """Edge_Preservation correlates reflected Sobel magnitudes with the sources' maximum."""
    images = [noise(seed, (9, 7)) for seed in (1, 2, 3)]
    f, ct, mri = (
        np.array([math.hypot(*sobel(image, *p, "reflect")) for p in np.ndindex(image.shape)])
        for image in images
    )
    expected = np.corrcoef(f, np.maximum(ct, mri))[0, 1]
    assert value("Edge_Preservation", *images) == pytest.approx(expected, abs=1e-12)


def test_qabf_and_nabf_equal_a_plain_loop() -> None:
    """Qabf and Nabf are the published sums, pixel by pixel, with zero padding."""
    f, ct, mri = (image[30:46, 8:26] for image in head(3))
    f = f.copy()
    f[5, 5] = 255  # an invented edge
    kept = invented = total = 0.0

    def polar(image: np.ndarray, p: tuple[int, int]) -> tuple[float, float]:
        x, y = sobel(image, *p, "constant")
        return math.sqrt(x * x + y * y), math.pi / 2 if x == 0 else math.atan(-y / x)

    for p in np.ndindex(f.shape):
        gf, af = polar(f, p)
        sources = [polar(source, p) for source in (ct, mri)]
        for gs, angle in sources:
            g = gf if gf == gs else min(gf, gs) / max(gf, gs)
            a = 1 - abs(angle - af) / (math.pi / 2)
            q = 0.9994 / (1 + math.exp(-15 * (g - 0.5))) * 0.9879 / (1 + math.exp(-22 * (a - 0.8)))
            kept += q * gs
            invented += (1 - q) * gs if all(gf > other for other, _ in sources) else 0
            total += gs
    assert value("Qabf", f, ct, mri) == pytest.approx(kept / total, abs=1e-12)
    assert value("Nabf", f, ct, mri) == pytest.approx(invented / total, abs=1e-12)
    assert invented > 0


def test_vif_equals_full_two_dimensional_convolutions() -> None:
    """VIF equals the published form with plain 2-D valid convolutions at four scales."""

    def vif_of(source: np.ndarray, fused: np.ndarray) -> float:
        s, f = source.astype(float), fused.astype(float)
        kept = held = 0.0
        for scale, n in enumerate((17, 9, 5, 3)):
            k = np.exp(-((np.arange(n) - n // 2) ** 2) / (2 * (n / 5) ** 2))
            w = np.outer(k, k) / k.sum() ** 2
            if scale:
                s, f = (convolve2d(z, w, "valid")[::2, ::2] for z in (s, f))
            ms, mf = convolve2d(s, w, "valid"), convolve2d(f, w, "valid")
            vs = np.maximum(convolve2d(s * s, w, "valid") - ms * ms, 0)
            vf = np.maximum(convolve2d(f * f, w, "valid") - mf * mf, 0)
            cov = convolve2d(s * f, w, "valid") - ms * mf
            g = cov / (vs + 1e-10)
            rest = vf - g * cov
            g[(vs < 1e-10) | (vf < 1e-10) | (g < 0)] = 0
            rest[rest < 1e-10] = 1e-10
            kept += np.log10(1 + g * g * vs / (rest + 2)).sum()
            held += np.log10(1 + vs / 2).sum()
        return kept / held

    for images in (head(1, 96), tuple(noise(seed, (41, 45)) for seed in (1, 2, 3))):
        f, ct, mri = images
        assert value("VIF", f, ct, mri) == pytest.approx(vif_of(ct, f) + vif_of(mri, f), abs=1e-9)


@pytest.mark.parametrize("shape", [(256, 256), (67, 81)])
def test_qcv_equals_the_whole_plane_filter(shape: tuple[int, int]) -> None:
    """Qcv equals a complex Fourier filter and a loop over full 16x16 tiles."""
    f, ct, mri = (noise(seed, shape) for seed in (1, 2, 3))
    height, width = shape
    v, u = np.fft.fftfreq(height)[:, None] * 256, np.fft.fftfreq(width)[None] * 256
    r = np.sqrt(u * u + v * v) / 4
    eye = 2.6 * (0.0192 + 0.114 * r) * np.exp(-((0.114 * r) ** 1.1))
    seen = weight = 0.0
    horizontal = np.outer([1, 2, 1], [1, 0, -1])
    for source in (ct.astype(float), mri.astype(float)):
        error = np.fft.ifft2(np.fft.fft2(source - f) * eye).real ** 2
        gradient = np.hypot(
            convolve2d(source, horizontal, "same"), convolve2d(source, horizontal.T, "same")
        )
        for top, left in product(range(0, height - 15, 16), range(0, width - 15, 16)):
            tile = np.s_[top : top + 16, left : left + 16]
            saliency = (gradient[tile] ** 5).sum()
            seen += error[tile].mean() * saliency
            weight += saliency
    assert value("Qcv", f, ct, mri) == pytest.approx(seen / weight, rel=1e-10)


def test_a_fused_image_equal_to_both_sources_is_perfect() -> None:
    """Where all three images are one, every metric takes its best value."""
    _, _, image = head()
    scores = evaluate(image, image, image)
    best = {"SSIM_Avg": 1, "PSNR_Avg": 100, "Edge_Preservation": 1, "CC": 1, "VIF": 2}
    best |= {"Nabf": 0, "Qcv": 0, "MI_Avg": scores.values["Entropy"]}
    for name, expected in best.items():
        assert scores.values[name] == pytest.approx(expected, abs=1e-6), name
    # Every kept edge has Q = .9994 * .9879 times two saturated sigmoids.
    top = 0.9994 * 0.9879 / (1 + math.exp(-22 * 0.2))
    assert scores.values["Qabf"] == pytest.approx(top, abs=1e-4)
    assert "SCD" in scores.notes


def test_a_copy_of_one_source_invents_nothing_and_fools_vif() -> None:
    """A copy of the MRI has Nabf 0 and VIF above 1: neither shows that the CT is lost."""
    _, ct, mri = head()
    scores = evaluate(mri, ct, mri)
    assert scores.values["Nabf"] == 0
    assert scores.values["VIF"] > 1
    assert scores.values["SSIM_MRI"] == pytest.approx(1)
    assert scores.values["SSIM_CT"] < 0.9
    assert math.isnan(scores.values["SCD"])
    assert "MRI" in scores.notes["SCD"]


def test_swapping_the_sources_changes_only_the_per_source_values() -> None:
    """Every mean or sum over the sources is the same when CT and MRI change places."""
    f, ct, mri = head(2)
    one, other = evaluate(f, ct, mri).values, evaluate(f, mri, ct).values
    for name in METRICS:
        twin = name.replace("_CT", "_?").replace("_MRI", "_CT").replace("_?", "_MRI")
        assert one[name] == pytest.approx(other[twin], rel=1e-12), name
    assert one["SSIM_CT"] != pytest.approx(one["SSIM_MRI"], abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_values_stay_in_their_stated_range(seed: int) -> None:
    """No metric leaves the range that the table states, on noise, heads and extremes."""
    black, white = np.zeros((48, 64), np.uint8), np.full((48, 64), 255, np.uint8)
    checks = (np.indices((48, 64)).sum(0) % 2 * 255).astype(np.uint8)
    pool = [noise(seed), noise(seed + 10), black, white, checks]
    rng = np.random.default_rng(seed)
    triples = [tuple(pool[i] for i in rng.integers(0, len(pool), 3)) for _ in range(6)]
    for images in [head(seed), *triples]:
        scores = evaluate(*images)
        for name, score in scores.values.items():
            low, high = METRICS[name].range
            assert math.isnan(score) or low - 1e-9 <= score <= high + 1e-9, (name, score)
            assert math.isnan(score) == (name in scores.notes)


def test_damage_moves_each_directed_metric_the_wrong_way() -> None:
    """Noise over a fused image worsens the metrics that judge it by its sources."""
    f, ct, mri = head()
    dirt = np.random.default_rng(0).normal(0, 25, f.shape)
    dirty = np.clip(f + dirt, 0, 255).astype(np.uint8)
    clean, worse = evaluate(f, ct, mri).values, evaluate(dirty, ct, mri).values
    for name in ("SSIM_Avg", "PSNR_Avg", "Edge_Preservation", "MI_Avg", "SCD", "VIF", "Qabf"):
        assert worse[name] < clean[name], name
    for name in ("Nabf", "Qcv"):
        assert worse[name] > clean[name], name
    assert worse["Entropy"] > clean["Entropy"]  # why more entropy is not better


def test_the_table_is_complete_and_readable() -> None:
    """The table has the named metrics, two plain sentences each, a DOI and a sane range."""
    assert list(METRICS) == [
        "SSIM_Avg",
        "SSIM_CT",
        "SSIM_MRI",
        "PSNR_Avg",
        "PSNR_CT",
        "PSNR_MRI",
        "Edge_Preservation",
        "Entropy",
        "MI_Avg",
        "MI_CT",
        "MI_MRI",
        "SD",
        "SF",
        "AG",
        "SCD",
        "VIF",
        "Qabf",
        "Nabf",
        "Qcv",
        "CC",
    ]
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.direction in ("up", "down", "none")
        assert metric.range[0] < metric.range[1]
        assert "doi:10." in metric.reference
        assert metric.description.endswith(".")
        assert metric.description.count(". ") == 1, name
    assert {n for n, m in METRICS.items() if m.direction == "down"} == {"Nabf", "Qcv"}
    assert METRICS["Entropy"].direction == "none"
