"""The synthetic head: repeatable, true to its tissue table, and honest about what is where."""

import numpy as np
import pytest

from fusion_core import phantom
from fusion_core.phantom import HeadConfig, Tissue

LEVEL = 18.0
"""A level in mm that shows cortex, white matter, ventricles and most lesions."""


@pytest.fixture(scope="module")
def head() -> HeadConfig:
    return HeadConfig(seed=3, size=128, spacing_mm=1.8)


@pytest.fixture(scope="module")
def healthy() -> HeadConfig:
    return HeadConfig(seed=3, lesions=())


@pytest.fixture(scope="module")
def healthy_labels(healthy: HeadConfig) -> np.ndarray:
    return phantom.labels(healthy, LEVEL)


def test_the_same_seed_gives_the_same_bits(head: HeadConfig) -> None:
    """Two renderings of one seed are equal bit for bit, noise included."""
    first, second = (phantom.render_slice(head, LEVEL, "T2") for _ in range(2))
    for name in ("ct_hu", "mr", "labels", "ct01", "mr01"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def test_neighbouring_slices_have_noise_of_their_own(head: HeadConfig) -> None:
    """The CT noise of two levels over the same labels differs."""
    label = phantom.labels(head, LEVEL)
    one = phantom.render_ct(label, head, z_mm=10.0, texture=0)
    two = phantom.render_ct(label, head, z_mm=13.0, texture=0)
    assert np.abs(one - two).mean() > 1


def test_seeds_differ_in_shape_folds_and_lesions() -> None:
    """Each of four seeds has its own labels and its own lesion places."""
    maps = [phantom.labels(HeadConfig(seed=s, size=96, spacing_mm=2.4), LEVEL) for s in range(4)]
    sites = {phantom.lesion_sites(HeadConfig(seed=s))[0].centre for s in range(4)}
    assert len(sites) == 4
    for i in range(4):
        for j in range(i):
            head = (maps[i] > 0) | (maps[j] > 0)
            assert (maps[i] != maps[j])[head].mean() > 0.15
            assert not np.array_equal(maps[i] > 0, maps[j] > 0)


@pytest.mark.parametrize("tissue", [Tissue.WHITE_MATTER, Tissue.VENTRICLE, Tissue.CORTICAL_BONE])
def test_ct_without_scanner_effects_is_the_table(
    healthy: HeadConfig, healthy_labels: np.ndarray, tissue: Tissue
) -> None:
    """With noise, blur, hardening and texture off, a tissue has exactly its CT number."""
    ct = phantom.render_ct(healthy_labels, healthy, noise_hu=0, blur_mm=0, hardening=0, texture=0)
    where = healthy_labels == tissue
    assert where.sum() > 100
    assert np.all(ct[where] == phantom.TISSUES[tissue].hu)


def test_ct_noise_has_the_asked_mean_and_spread(
    healthy: HeadConfig, healthy_labels: np.ndarray
) -> None:
    """White matter's mean stays within 1 HU of the table and its spread is the noise asked for."""
    ct = phantom.render_ct(healthy_labels, healthy, noise_hu=4, blur_mm=0, hardening=0, texture=0)
    values = ct[healthy_labels == Tissue.WHITE_MATTER]
    assert values.mean() == pytest.approx(phantom.TISSUES[Tissue.WHITE_MATTER].hu, abs=1)
    assert values.std() == pytest.approx(4, rel=0.1)


def test_full_ct_keeps_the_order_of_tissues(
    healthy: HeadConfig, healthy_labels: np.ndarray
) -> None:
    """With every scanner effect on: fat < CSF < white < grey < bone."""
    ct = phantom.render_ct(healthy_labels, healthy)
    order = (
        Tissue.FAT,
        Tissue.VENTRICLE,
        Tissue.WHITE_MATTER,
        Tissue.DEEP_GREY,
        Tissue.CORTICAL_BONE,
    )
    means = [float(ct[healthy_labels == tissue].mean()) for tissue in order]
    assert means == sorted(means)


def test_spin_echo_signal_is_the_equation() -> None:
    """White matter at TE 80, TR 2000: PD (1 - e^(-2000/500)) e^(-80/70), worked by hand."""
    value = phantom.signal("T2", te=80, tr=2000)[Tissue.WHITE_MATTER]
    assert value == pytest.approx(0.77 * (1 - np.exp(-4.0)) * np.exp(-80 / 70), rel=1e-5)


def test_inversion_recovery_signal_is_the_equation() -> None:
    """Grey matter with TI 1000, TR 6000, TE 100, worked by hand."""
    value = phantom.signal("FLAIR", te=100, tr=6000, ti=1000)[Tissue.GREY_MATTER]
    recovered = abs(1 - 2 * np.exp(-1000 / 833) + np.exp(-6000 / 833))
    assert value == pytest.approx(0.86 * recovered * np.exp(-100 / 83), rel=1e-5)


def test_flair_nulls_csf_at_any_repetition_time() -> None:
    """CSF gives less than 0.1 % signal on FLAIR, with the default TR and with another."""
    assert phantom.signal("FLAIR")[Tissue.CSF] < 1e-3
    assert phantom.signal("FLAIR", tr=7000)[Tissue.CSF] < 1e-3


def test_sequences_have_their_contrast(healthy: HeadConfig, healthy_labels: np.ndarray) -> None:
    """CSF is darkest on T1 and FLAIR, brightest on T2; on T1 white > grey and fat is brightest."""
    tissues = (Tissue.VENTRICLE, Tissue.DEEP_GREY, Tissue.WHITE_MATTER, Tissue.FAT)

    def means(sequence: str) -> list[float]:
        mr = phantom.render_mr(healthy_labels, healthy, sequence)
        return [float(np.median(mr[healthy_labels == tissue])) for tissue in tissues]

    csf, grey, white, fat = means("T1")
    assert csf < grey < white < fat
    csf, grey, white, _ = means("T2")
    assert white < grey < csf
    csf, grey, white, _ = means("FLAIR")
    assert csf < 0.5 * min(grey, white)


def test_rician_noise_in_air_has_the_rayleigh_mean(healthy: HeadConfig) -> None:
    """Where there is no signal the noise is Rayleigh: mean over spread is sqrt(pi / (4 - pi))."""
    air = np.zeros((256, 256), dtype=np.uint8)
    mr = phantom.render_mr(air, healthy, "T2")
    assert mr.min() >= 0
    assert mr.mean() / mr.std() == pytest.approx(np.sqrt(np.pi / (4 - np.pi)), rel=0.02)


@pytest.mark.parametrize("z_mm", [-40.0, 10.0, 50.0])
def test_air_around_the_head_is_exactly_black(head: HeadConfig, z_mm: float) -> None:
    """Windowed images are 0 on the border and within [0, 1], and the head is not empty."""
    item = phantom.render_slice(head, z_mm, "FLAIR")
    for image in (item.ct01, item.mr01):
        assert image.dtype == np.float32
        assert image.min() == 0
        assert image.max() <= 1
        border = np.concatenate((image[0], image[-1], image[:, 0], image[:, -1]))
        assert np.all(border == 0)
        # No more than a partial-volume rim of the labelled air may show.
        assert (image[item.labels == Tissue.BACKGROUND] > 0).mean() < 0.02
        assert (image[item.labels > 0] > 0.05).mean() > 0.3


@pytest.mark.parametrize(
    ("kind", "tissue"),
    [
        ("tumour", Tissue.TUMOUR),
        ("infarct", Tissue.INFARCT),
        ("bleed", Tissue.BLEED),
        ("calcification", Tissue.CALCIFICATION),
    ],
)
@pytest.mark.parametrize("seed", [0, 7])
def test_a_lesion_lies_at_its_site_and_only_when_asked(
    seed: int, kind: str, tissue: Tissue
) -> None:
    """The slice through a lesion's centre holds its tissue near it, and none without the lesion."""
    config = HeadConfig(seed=seed, lesions=(kind,))
    site = phantom.lesion_sites(config)[0]
    label = phantom.labels(config, site.centre[2])
    rows, columns = np.nonzero(label == tissue)
    assert rows.size > 8
    x = (columns.mean() - 127.5) * config.spacing_mm
    y = (rows.mean() - 127.5) * config.spacing_mm
    if kind != "calcification":  # the pineal and both plexus calcifications share a level
        assert np.hypot(x - site.centre[0], y - site.centre[1]) < 14
    without = phantom.labels(HeadConfig(seed=seed, lesions=()), site.centre[2])
    assert not np.any(without == tissue)


def test_leaving_one_lesion_out_does_not_move_the_others() -> None:
    """A head's bleed lies in the same place with and without its tumour."""
    every = {site.kind: site for site in phantom.lesion_sites(HeadConfig(seed=5))}
    (alone,) = phantom.lesion_sites(HeadConfig(seed=5, lesions=("bleed",)))
    assert alone == every["bleed"]


@pytest.mark.parametrize(
    ("kind", "tissue", "lowest"),
    [("bleed", Tissue.BLEED, 55), ("calcification", Tissue.CALCIFICATION, 100)],
)
def test_bleed_and_calcification_are_dense_on_ct(kind: str, tissue: Tissue, lowest: float) -> None:
    """Fresh blood and calcium stand well above grey matter on CT."""
    config = HeadConfig(seed=2, lesions=(kind,))
    item = phantom.render_slice(config, phantom.lesion_sites(config)[0].centre[2], "T2")
    assert np.median(item.ct_hu[item.labels == tissue]) > lowest
    assert np.median(item.ct_hu[item.labels == Tissue.GREY_MATTER]) < 50


def test_infarct_is_dark_on_ct_and_bright_on_t2() -> None:
    """An infarct is below white matter on CT and above grey matter on T2."""
    config = HeadConfig(seed=2, lesions=("infarct",))
    item = phantom.render_slice(config, phantom.lesion_sites(config)[0].centre[2], "T2")

    def median(image: np.ndarray, tissue: Tissue) -> float:
        return float(np.median(image[item.labels == tissue]))

    assert median(item.ct_hu, Tissue.INFARCT) < median(item.ct_hu, Tissue.WHITE_MATTER)
    assert median(item.mr, Tissue.INFARCT) > median(item.mr, Tissue.GREY_MATTER)


def test_label_map_holds_the_anatomy_of_its_level(healthy: HeadConfig) -> None:
    """Eyes and sinuses are low, ventricles in the middle, and at the vertex there is neither."""
    low, middle, high = (set(np.unique(phantom.labels(healthy, z))) for z in (-35, 12, 55))
    assert {Tissue.LENS, Tissue.OPTIC_NERVE, Tissue.AIR, Tissue.CEREBELLAR_GREY} <= low
    assert {Tissue.VENTRICLE, Tissue.DEEP_GREY, Tissue.WHITE_MATTER} <= middle
    assert not middle & {Tissue.LENS, Tissue.CEREBELLAR_GREY}
    assert not high & {Tissue.VENTRICLE, Tissue.LENS, Tissue.AIR}
    assert {Tissue.SKIN, Tissue.FAT, Tissue.CORTICAL_BONE, Tissue.DIPLOE} <= high


def test_skull_and_scalp_have_life_like_thickness(
    healthy: HeadConfig, healthy_labels: np.ndarray
) -> None:
    """Along the middle row the skull is 4 to 10 mm thick and the scalp 3 to 12 mm with muscle."""
    row = healthy_labels[128]
    left = row[: np.flatnonzero(np.isin(row, (Tissue.DURA, Tissue.CSF)))[0]]
    bone = np.isin(left, (Tissue.CORTICAL_BONE, Tissue.DIPLOE)).sum() * healthy.spacing_mm
    scalp = np.isin(left, (Tissue.SKIN, Tissue.FAT, Tissue.MUSCLE)).sum() * healthy.spacing_mm
    assert 4 <= bone <= 10
    assert 3 <= scalp <= 12


def test_labels_of_any_grid_are_the_same_head() -> None:
    """Twice the spacing with half the pixels shows the same tissue at nine of ten points."""
    fine = phantom.labels(HeadConfig(seed=1, size=256, spacing_mm=0.9), LEVEL)
    coarse = phantom.labels(HeadConfig(seed=1, size=128, spacing_mm=1.8), LEVEL)
    neighbours = [fine[i::2, j::2] == coarse for i in (0, 1) for j in (0, 1)]
    assert np.logical_or.reduce(neighbours).mean() > 0.9


def test_partial_volume_lies_between_the_tissues(healthy: HeadConfig) -> None:
    """Averaging sub-samples gives edge values that no tissue has, and keeps the mean."""
    fine = phantom.labels(healthy, LEVEL, oversample=2)
    ct = phantom.render_ct(fine, healthy, noise_hu=0, blur_mm=0, hardening=0, texture=0)
    table = np.array([phantom.TISSUES[tissue].hu for tissue in Tissue], dtype=np.float32)
    assert ct.shape == (256, 256)
    assert ct.mean() == pytest.approx(float(table[fine].mean(dtype=np.float64)), rel=1e-4)
    assert (~np.isin(ct, table)).mean() > 0.03


def test_a_stack_of_slices_runs_from_the_base_to_the_vertex(head: HeadConfig) -> None:
    """``slices`` gives the asked number, in order, over the useful range, rightly spaced."""
    stack = list(phantom.slices(head, 3, "PD"))
    assert [item.z_mm for item in stack] == [phantom.Z_RANGE[0], 8.0, phantom.Z_RANGE[1]]
    assert all(item.spacing_mm == (1.8, 1.8) for item in stack)
    assert all(item.labels.shape == item.ct01.shape == (128, 128) for item in stack)


def test_volume_is_its_slices(head: HeadConfig) -> None:
    """Slice k of a volume is the label map of level k."""
    levels = [-20.0, 30.0]
    stack = phantom.volume(head, levels)
    assert stack.shape == (2, 128, 128)
    assert np.array_equal(stack[1], phantom.labels(head, 30.0))


def test_unknown_names_list_the_valid_ones(head: HeadConfig) -> None:
    """An unknown sequence or lesion is refused with every valid name in the sentence."""
    with pytest.raises(ValueError, match="unknown sequence 'DWI'; choose from T1, T2, FLAIR, PD"):
        phantom.render_slice(head, 0.0, "DWI")
    with pytest.raises(ValueError, match="choose from tumour, infarct, bleed, calcification"):
        HeadConfig(lesions=("abscess",))


@pytest.mark.parametrize(
    "values",
    [{"seed": -1}, {"size": 4}, {"spacing_mm": 0.0}, {"oversample": 0}, {"sulcus_mm": -1.0}],
)
def test_values_out_of_range_are_refused(values: dict[str, float]) -> None:
    """A head outside the stated ranges cannot be made."""
    with pytest.raises(ValueError, match="give"):
        HeadConfig(**values)


def test_a_label_map_of_another_size_is_refused(head: HeadConfig) -> None:
    """Labels that are no multiple of the head's size are refused with both sizes."""
    with pytest.raises(ValueError, match=r"\(100, 100\).*128"):
        phantom.render_ct(np.zeros((100, 100), dtype=np.uint8), head)


def test_a_time_of_zero_is_refused() -> None:
    """Echo, repetition and inversion times must be above 0."""
    with pytest.raises(ValueError, match="te is 0"):
        phantom.signal("T1", te=0)


def test_every_tissue_has_a_label_and_properties() -> None:
    """Labels are 0, 1, 2, ... and each has a row in the tissue table."""
    assert list(phantom.LABELS.values()) == list(range(len(Tissue)))
    assert set(phantom.TISSUES) == set(Tissue)
