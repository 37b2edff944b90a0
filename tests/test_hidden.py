"""What a fused image hides: known lesions of the synthetic head, and shapes drawn by hand."""

import numpy as np
import pytest

from fusion_core.phantom import HeadConfig, Tissue, render_slice
from fusion_core.phantom.render import PhantomSlice
from imaging.image import Image
from imaging.windowing import preset
from pipelines.fuse import fuse_pair
from pipelines.hidden import Region, bright_regions, hidden_regions, pair_regions, sentence
from pipelines.methods import load_method

Regions = tuple[Region, ...]


@pytest.fixture(scope="module")
def head() -> PhantomSlice:
    """A slice with a bleed and a calcification."""
    return render_slice(HeadConfig(seed=0), 6.0, "T2")


def found(head: PhantomSlice, fused: np.ndarray, threshold: float = 0.3) -> Regions:
    """What is dimmed in a fused image of the slice."""
    return hidden_regions(
        head.ct01, head.mr01, fused, hu=head.ct_hu, spacing=head.spacing_mm, threshold=threshold
    )


def on(head: PhantomSlice, tissue: Tissue, regions: Regions, source: str) -> Region:
    """The one region of a source whose centre lies in a tissue."""
    hits = [
        r
        for r in regions
        if r.source == source and head.labels[round(r.row), round(r.column)] == tissue
    ]
    assert len(hits) == 1
    return hits[0]


def test_a_bleed_and_a_calcification_are_found_in_the_ct(head: PhantomSlice) -> None:
    """The fused image being the MRI, both CT findings are listed where they are."""
    regions = found(head, head.mr01)
    bleed = on(head, Tissue.BLEED, regions, "CT")
    truth = np.nonzero(head.labels == Tissue.BLEED)
    assert abs(bleed.row - truth[0].mean()) < 2
    assert abs(bleed.column - truth[1].mean()) < 2
    assert bleed.area_mm2 == pytest.approx(truth[0].size * 0.9**2, rel=0.15)
    assert bleed.dimmed > 0.9
    on(head, Tissue.CALCIFICATION, regions, "CT")
    assert {r.source for r in regions} == {"CT"}


def test_the_ct_itself_hides_nothing_of_the_ct(head: PhantomSlice) -> None:
    """The fused image being the CT, no CT region is dimmed at all, and MRI regions are."""
    regions = found(head, head.ct01)
    assert regions
    assert {r.source for r in regions} == {"MRI"}
    everything = bright_regions(
        head.ct01, head.mr01, head.ct01, hu=head.ct_hu, spacing=head.spacing_mm
    )
    assert all(r.dimmed == pytest.approx(0, abs=1e-6) for r in everything if r.source == "CT")


@pytest.mark.parametrize(("kept", "listed"), [(0.75, False), (0.65, True)])
def test_the_threshold_is_thirty_percent(head: PhantomSlice, kept: float, listed: bool) -> None:
    """A bleed whose contrast is scaled to 65 % is listed as 35 % less, one at 75 % is not."""
    fused = 0.2 + kept * (head.ct01 - 0.2)
    regions = [r for r in found(head, fused) if r.source == "CT"]
    assert bool(regions) is listed
    if listed:
        assert on(head, Tissue.BLEED, tuple(regions), "CT").dimmed == pytest.approx(0.35, abs=0.01)


def test_without_lesions_the_ct_has_no_bright_region() -> None:
    """A healthy synthetic head gives no CT finding, even where the fused image shows nothing."""
    healthy = render_slice(HeadConfig(seed=0, lesions=()), 12.0, "T2")
    assert not [r for r in found(healthy, np.zeros_like(healthy.ct01)) if r.source == "CT"]


def test_the_skull_is_no_finding(head: PhantomSlice) -> None:
    """No listed region lies on bone or outside the head, however dark the fused image."""
    outside = {Tissue.AIR, Tissue.SKIN, Tissue.CORTICAL_BONE}
    for region in found(head, np.zeros_like(head.ct01)):
        tissue = Tissue(int(head.labels[round(region.row), round(region.column)]))
        assert tissue not in outside


def test_without_hu_grey_levels_decide(head: PhantomSlice) -> None:
    """A windowed CT without HU, as a PNG is, still gives its bleed."""
    regions = hidden_regions(head.ct01, head.mr01, head.mr01, spacing=head.spacing_mm)
    assert on(head, Tissue.BLEED, regions, "CT").dimmed > 0.9


def disc(value: float, radius: float = 5.0) -> np.ndarray:
    """A soft body of 0.4 on black with a bright disc in it, no skull."""
    rows, columns = np.mgrid[:96, :96]
    image = np.where(np.hypot(rows - 48, columns - 48) < 40, 0.4, 0.0)
    image[np.hypot(rows - 40, columns - 56) < radius] = value
    return image.astype(np.float32)


def test_where_there_is_no_skull_the_body_is_searched() -> None:
    """A bright disc in a body without bone is found, with its exact contrast and loss."""
    (region,) = hidden_regions(disc(0.8), disc(0.4), disc(0.5))
    assert (region.source, round(region.row), round(region.column)) == ("CT", 40, 56)
    assert region.contrast == pytest.approx(0.4, abs=0.02)
    assert region.dimmed == pytest.approx(0.75, abs=0.02)


def test_what_is_darker_than_around_counts_as_reversed() -> None:
    """A disc that the fused image shows darker is dimmed by more than all of its contrast."""
    (region,) = hidden_regions(disc(0.8), disc(0.4), disc(0.2))
    assert region.dimmed > 1
    assert "does not stand out" in sentence(region)


def test_area_follows_the_spacing() -> None:
    """The same pixels of 1.5 x 1 mm cover 1.5 times the area."""
    small, large = (
        hidden_regions(disc(0.8, 8), disc(0.4), disc(0.4), spacing=spacing)[0].area_mm2
        for spacing in ((1.0, 1.0), (1.5, 1.0))
    )
    assert large == pytest.approx(1.5 * small, rel=0.1)


def test_an_empty_or_even_image_has_no_regions() -> None:
    """Black and even images give nothing and raise nothing, in any size."""
    for shape in ((1, 1), (5, 300), (64, 64)):
        for grey in (0.0, 0.5, 1.0):
            image = np.full(shape, grey, np.float32)
            assert hidden_regions(image, image, image) == ()


def test_shapes_must_agree() -> None:
    """Images of different shapes are refused."""
    with pytest.raises(ValueError, match="one shape"):
        hidden_regions(disc(1), disc(1)[:-1], disc(1))


def test_the_most_dimmed_comes_first_and_reads_as_a_sentence(head: PhantomSlice) -> None:
    """Regions are ordered by loss; a sentence names source, area, place and percent."""
    losses = [r.dimmed for r in found(head, 0.3 * head.ct01 + 0.3 * head.mr01)]
    assert losses == sorted(losses, reverse=True)
    assert sentence(Region("CT", 12.2, 30.7, 85.4, 0.5, 0.29, 6)) == (
        "A bright region of the CT (85 mm², row 12, column 31) stands out 42 % less in the fused "
        "image."
    )
    assert "85 pixels" in sentence(Region("CT", 1, 2, 85, 0.5, 0.2, 6), millimetres=False)


def test_a_fused_pair_is_searched_in_its_own_windows(head: PhantomSlice) -> None:
    """The mean rule halves a bleed that the MRI shows dark, so the pair's list holds it."""
    ct = Image(head.ct_hu, (-1000, 3000), "HU", head.spacing_mm, "CT")
    mri = Image(head.mr, (0, float(head.mr.max())), spacing=head.spacing_mm, modality="MR")
    pair = fuse_pair(ct, mri, load_method(None, "mean"), preset("brain"))
    assert on(head, Tissue.BLEED, pair_regions(pair), "CT").dimmed > 0.4
