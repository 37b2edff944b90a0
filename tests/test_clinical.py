"""What must still be seen: images with known answers, and a planted fault for every check."""

import numpy as np
import pytest

from fusion_core.clinical import (
    Grey,
    HeadChecks,
    Lesion,
    edges_of_neither,
    head_checks,
    head_outline,
    rim_at_bone,
    ringing_outside,
    sight,
    surroundings,
)
from fusion_core.phantom import HeadConfig, PhantomSlice, Tissue, render_slice


@pytest.fixture(scope="module")
def head() -> PhantomSlice:
    """A slice with a bleed, a tumour with oedema and an infarct, CT and FLAIR."""
    return render_slice(HeadConfig(seed=1003), 16.0, "FLAIR")


def checked(head: PhantomSlice, fused: Grey) -> HeadChecks:
    """The checks of a fused image of the slice."""
    return head_checks(fused, head.ct01, head.mr01, head.labels, head.spacing_mm)


def bleed(checks: HeadChecks) -> Lesion:
    """The one bleed of the slice."""
    (found,) = (lesion for lesion in checks.lesions if lesion.tissue == Tissue.BLEED)
    return found


def disc(radius: float, size: int = 64) -> np.ndarray:
    """A disc in the middle, as a mask."""
    rows, columns = np.mgrid[:size, :size] - size // 2
    return np.asarray(np.hypot(rows, columns) <= radius)


def test_contrast_and_conspicuity_have_their_value_by_hand() -> None:
    """0.6 on 0.4, each ± 0.1 in a chequerboard: contrast 0.2, contrast-to-noise ratio 2."""
    region, around = np.zeros((8, 16), bool), np.zeros((8, 16), bool)
    region[:, :8], around[:, 8:] = True, True
    board = np.where(np.indices((8, 16)).sum(0) % 2, 0.1, -0.1)
    image = np.where(region, 0.6, 0.4) + board
    found = sight(1 - image, image, np.full_like(image, 0.5), region, around)
    assert found.contrast == pytest.approx((0.2, 0, -0.2))
    assert found.cnr == pytest.approx((2, 0, -2))
    assert found.best == "CT"
    assert found.contrast_kept("CT") == pytest.approx(-1)
    assert found.cnr_kept == pytest.approx(-1)


def test_what_is_dark_on_ct_and_bright_on_mri_is_seen_either_way() -> None:
    """An oedema may be dark or bright in the fused image; neither is a loss, its mean is."""
    region = disc(8)
    around = disc(20) & ~disc(10)
    texture = np.random.default_rng(0).normal(0, 0.02, region.shape)
    ct, mri = 0.5 - 0.2 * region + texture, 0.5 + 0.2 * region + texture
    assert sight(ct, ct, mri, region, around).cnr_kept == pytest.approx(1, abs=0.1)
    assert sight(mri, ct, mri, region, around).cnr_kept == pytest.approx(1, abs=0.1)
    assert abs(sight((ct + mri) / 2, ct, mri, region, around).cnr_kept) < 0.1


def test_each_source_as_the_fused_image_keeps_all_of_its_own(head: PhantomSlice) -> None:
    """The CT keeps every share of the CT exactly, the MRI its own, and neither has a fault."""
    for name, image in (("CT", head.ct01), ("MRI", head.mr01)):
        checks = checked(head, image)
        own = [lesion.sight for lesion in checks.lesions if lesion.sight.best == name]
        assert own
        assert [s.cnr_kept for s in own] == [1.0] * len(own)
        assert [s.contrast_kept(name) for s in own] == [1.0] * len(own)
        faults = (checks.outside, checks.skull, checks.invented)
        assert [fault.worst for fault in faults] == [0.0] * 3
    cortex = checked(head, head.mr01).cortex
    assert cortex is not None
    assert cortex.contrast_kept("MRI") == 1.0


def test_the_findings_of_the_head_are_found_where_they_are(head: PhantomSlice) -> None:
    """Centre and area of the bleed are those of its label."""
    found = bleed(checked(head, head.ct01))
    rows, columns = np.nonzero(head.labels == Tissue.BLEED)
    assert found.area_mm2 == pytest.approx(rows.size * 0.9**2)
    assert (found.row, found.column) == pytest.approx((rows.mean(), columns.mean()))


def test_a_dimmed_bleed_is_noticed(head: PhantomSlice) -> None:
    """Half of its contrast taken away, a bleed keeps half; the MRI in its place reverses it."""
    mask = head.labels == Tissue.BLEED
    contrast = bleed(checked(head, head.ct01)).sight.contrast.ct
    dimmed = np.where(mask, head.ct01 - np.float32(contrast / 2), head.ct01)
    assert bleed(checked(head, dimmed)).sight.contrast_kept("CT") == pytest.approx(0.5, abs=0.01)
    swapped = np.where(mask, head.mr01, head.ct01)
    assert bleed(checked(head, swapped)).sight.contrast_kept("CT") < 0.3


def test_a_cortex_blurred_away_is_noticed(head: PhantomSlice) -> None:
    """Grey and white matter of one grey keep no contrast."""
    brain = np.isin(head.labels, (Tissue.GREY_MATTER, Tissue.WHITE_MATTER))
    cortex = checked(head, np.where(brain, np.float32(0.5), head.mr01)).cortex
    assert cortex is not None
    assert abs(cortex.contrast_kept("MRI")) < 0.01


def test_a_planted_ring_outside_is_noticed_with_its_grey_and_place(head: PhantomSlice) -> None:
    """20 grey levels at one pixel of the air are reported there, to a grey level."""
    fused = head.ct01.copy()
    assert not head_outline(head.ct01, head.mr01)[4, 7]
    fused[4, 7] = 20 / 255
    found = checked(head, fused)
    assert found.outside.worst == pytest.approx(20, abs=0.01)
    assert (found.outside.row, found.outside.column, found.outside.pixels) == (4, 7, 1)


def test_a_grey_inside_the_head_is_no_ringing() -> None:
    """Holes of the head that are black in both, such as sinuses, are not outside."""
    shell = (disc(20) & ~disc(10)).astype(np.float32)
    fused = np.where(disc(8), np.float32(0.5), shell)
    assert ringing_outside(fused, shell, shell).worst == 0


def test_a_dark_and_a_bright_rim_beside_bone_are_noticed() -> None:
    """A rim is darker than both by 30 levels or brighter than both together by 40."""
    bone, head = disc(25) & ~disc(22), disc(25)
    ct, mri = np.where(bone, 1.0, 0.3 * head), 0.2 * head
    rim = disc(21) & ~disc(19)
    assert rim_at_bone(np.maximum(ct, mri), ct, mri, bone, (1, 1)).worst == 0
    dark = rim_at_bone(np.where(rim, 0.2 - 30 / 255, ct), ct, mri, bone, (1, 1))
    assert dark.worst == pytest.approx(30)
    bright = rim_at_bone(np.where(disc(19) & ~disc(18), 0.5 + 40 / 255, ct), ct, mri, bone, (1, 1))
    assert bright.worst == pytest.approx(40)
    assert bright.pixels == (disc(19) & ~disc(18)).sum()


def test_adding_the_images_invents_nothing_and_a_planted_edge_is_found(head: PhantomSlice) -> None:
    """The sum has no edge of its own; a square 60 levels brighter has one, worst at its corner."""
    total = np.clip(head.ct01 + head.mr01, 0, 1)
    assert edges_of_neither(total, head.ct01, head.mr01).worst < 1
    flat = 0.4 * disc(28)
    fused = flat.copy()
    fused[27:37, 27:37] += 60 / 255
    found = edges_of_neither(fused, flat, flat)
    assert found.worst == pytest.approx(60 * 0.75 * np.sqrt(2))
    assert found.row is not None
    assert found.column is not None
    assert max(abs(found.row - 31.5), abs(found.column - 31.5)) in (4.5, 5.5)
    assert found.pixels == pytest.approx(2 * 40, abs=8)


def test_surroundings_are_a_ring_and_reach_farther_where_it_is_forbidden() -> None:
    """They begin 1.5 mm away and end at 5 mm; around a forbidden belt lie the nearest 60 pixels."""
    region, everywhere = disc(6), np.ones((64, 64), bool)
    ring = surroundings(region, everywhere, (1.0, 1.0))
    rows, columns = np.nonzero(ring)
    distance = np.hypot(rows - 32, columns - 32)
    assert distance.min() > 7
    assert distance.max() < 11.5
    belt = surroundings(region, ~disc(15), (1.0, 1.0))
    assert 60 <= belt.sum() < 140
    assert not (belt & disc(15)).any()
    assert surroundings(region, ~disc(30), (0.5, 0.5)).sum() >= 60


def test_what_cannot_be_measured_is_refused_in_a_sentence() -> None:
    """Other shapes and empty regions raise; empty and tiny images have no fault."""
    image, nothing = np.zeros((4, 4)), np.zeros((4, 4), bool)
    with pytest.raises(ValueError, match="region hold no pixel"):
        sight(image, image, image, nothing, ~nothing)
    with pytest.raises(ValueError, match="one shape"):
        head_checks(image, image, image, np.zeros((4, 5), np.uint8), (1, 1))
    for shape in ((1, 1), (3, 200), (32, 32)):
        for grey in (0.0, 0.5):
            even = np.full(shape, grey, np.float32)
            checks = head_checks(even, even, even, np.zeros(shape, np.uint8), (1, 1))
            assert checks.lesions == ()
            assert checks.cortex is None
            assert (checks.outside.worst, checks.skull.worst, checks.invented.worst) == (0, 0, 0)
