"""The views of the fusion in the laboratory: what they compute, without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fusion_core.model import PRESETS, FusionNet
from fusion_core.phantom import TISSUES, Tissue
from fusion_core.wavelets import analyse, band_names, synthesise
from imaging.image import Image
from pipelines.fuse import FusedPair, fuse_pair, to_8bit
from pipelines.methods import Method, load_method
from ui.caches import Fused
from ui.lab import lesson_later, lesson_numbers, method_training, mr_signal, paint_masks
from ui.lab.lesson import asked_step
from ui.lab.lesson_texts import LESSON
from ui.lab.method_parts import Parts, array, band_panel, grid_spacing, image_panel, parts_of
from ui.lab.method_sheet import render, sheet
from ui.lab.method_steps import fused_bands, kept, method_steps
from ui.lab.mr_signal import PRESETS as TIMES
from ui.lab.mr_signal import Contrast
from ui.lab.paint_component import pack
from ui.lab.references import REFERENCES, reference_html
from ui.lab.views import VIEWS
from ui.viewer import Overlay, Panel

SCRIPTS = Path(paint_masks.__file__).parent


def images(shape: tuple[int, int] = (37, 50), seed: int = 3) -> tuple[Image, Image]:
    """Two smooth random images of odd and even sides."""
    rng = np.random.default_rng(seed)
    made = []
    for name in ("ct", "mri"):
        smooth = cv2.GaussianBlur(rng.random(shape, dtype=np.float32), (0, 0), 2)
        smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
        made.append(Image(smooth.astype(np.float32), (0.0, 1.0), "grey", None, None, name))
    return made[0], made[1]


def network(preset: str) -> Method:
    """An untrained network as a method."""
    torch.manual_seed(4)
    net = FusionNet(PRESETS[preset]).eval()
    return Method(preset, preset, "checkpoint", "0" * 64, net.config, {}, torch.device("cpu"), net)


def parts_by(how: Method, shape: tuple[int, int] = (37, 50)) -> Parts:
    """A random pair fused and taken into its parts."""
    pair: FusedPair = fuse_pair(*images(shape), how)
    parts = parts_of(Fused(pair, f"{how.name}-{shape}"))
    assert parts is not None
    return parts


def random_masks(shapes: tuple[tuple[int, int], ...]) -> tuple[np.ndarray, ...]:
    """A mask per band."""
    rng = np.random.default_rng(9)
    return tuple(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes)


def test_a_rule_on_pixels_has_no_parts() -> None:
    """Maximum works on pixels, so there is nothing to step through."""
    pair = fuse_pair(*images(), load_method(rule="max"))
    assert parts_of(Fused(pair, "max")) is None


@pytest.mark.parametrize("preset", ["seed", "deep"])
def test_the_fused_bands_rebuild_the_fused_image(preset: str) -> None:
    """a C + b M of every band, put through the inverse transform, is the method's own result."""
    parts = parts_by(network(preset))
    built = synthesise(fused_bands(parts), parts.wavelet, parts.size)
    torch.testing.assert_close(built, parts.pair.result.fused, atol=1e-5, rtol=0)


def test_a_band_is_measured_in_the_millimetres_of_its_level() -> None:
    """A coefficient of level j is 2^j pixels wide, so scale bars over bands stay true."""
    how = network("deep")
    ct, mri = (replace(image, spacing=(1.0, 0.5)) for image in images((64, 96)))
    parts = parts_of(Fused(fuse_pair(ct, mri, how), "spaced"))
    assert parts is not None
    bands = dict(parts.ct.items())
    for name, cover in (("LL3", 8), ("HL2", 4), ("HH1", 2)):
        assert grid_spacing(parts, [band_panel(name, bands[name])]) == (cover, cover / 2)
    assert grid_spacing(parts, [image_panel("CT", parts.pair.ct01)]) == (1.0, 0.5)


def test_stepwise_reconstruction_ends_at_the_fused_image() -> None:
    """With all levels kept nothing is missing, with none the details are zero."""
    parts = parts_by(network("deep"))
    bands = fused_bands(parts)
    last = synthesise(kept(bands, bands.levels), parts.wavelet, parts.size)
    torch.testing.assert_close(last, parts.pair.result.fused, atol=1e-5, rtol=0)
    assert all(not band.any() for level in kept(bands, 0).details for band in level)


@pytest.mark.parametrize("how", ["seed", "deep", "rule"])
def test_every_step_has_a_picture_a_formula_and_two_sentences(how: str) -> None:
    """Each step of the method draws panels for each of its choices and says two sentences."""
    method = load_method(rule="wavelet-max") if how == "rule" else network(how)
    parts = parts_by(method)
    steps = method_steps(parts)
    assert [step.title for step in steps][1:4] == ["Decompose the CT", "Decompose the MRI", "Masks"]
    for step in steps[:-1]:
        assert step.formula
        assert step.where
        assert step.text.count(". ") == 1
        assert step.text.endswith(".")
        for choice in step.choices or ("",):
            assert 1 <= len(step.panels(parts, choice)) <= 9


def test_the_masks_step_shows_both_gates_only_where_they_are_free() -> None:
    """A convex method shows four masks, an independent one eight."""
    for preset, count in (("seed", 4), ("deep-1", 8)):
        parts = parts_by(network(preset))
        step = next(s for s in method_steps(parts) if s.title == "Masks")
        assert len(step.panels(parts, step.choices[0])) == count


def test_a_rendered_panel_shows_window_table_and_overlay() -> None:
    """The saved picture applies the window, the colour table and the overlay as the viewer does."""
    plain = Panel.from_values("x", np.array([[0.0, 50.0, 100.0]]), "HU", window=(50.0, 50.0))
    assert render(plain)[0, :, 0].tolist() == [0, 128, 255]
    table = np.zeros((256, 4), np.uint8)
    table[200] = (250, 10, 20, 255)
    coloured = Panel("x", np.array([[200]], np.uint8), table=table)
    assert render(coloured)[0, 0].tolist() == [250, 10, 20]
    layer = Overlay(np.array([[200]], np.uint8), table, "mask")
    over = Panel("x", np.full((2, 2), 100, np.uint8), overlay=layer)
    assert render(over, 0.5)[1, 1].tolist() == [175, 55, 60]


def test_a_sheet_holds_every_panel_at_one_size() -> None:
    """Bands smaller than the image are enlarged to it, and the panels stand side by side."""
    parts = parts_by(network("seed"))
    image = image_panel("CT", parts.pair.ct01)
    band = band_panel("LH", dict(parts.ct.items())["LH"])
    one, two = sheet([image], "c"), sheet([image, band], "c")
    assert two.shape[0] == one.shape[0]
    assert two.shape[1] > 1.9 * (one.shape[1] - 24)


def test_all_white_masks_give_the_ct_and_all_black_ones_the_mri() -> None:
    """A mask of 255 everywhere rebuilds the CT exactly, 0 the MRI, whatever the size and levels."""
    for levels in (1, 2, 3):
        canvas = paint_masks.canvas_of(parts_by(network("seed")), levels)
        for value, image in ((255, canvas.ct), (0, canvas.mri)):
            masks = tuple(np.full(shape, value, np.uint8) for shape in canvas.shapes)
            fused = array(paint_masks.fuse(canvas, masks).fused)
            np.testing.assert_allclose(255 * fused, image, atol=1e-3)


def test_band_shapes_are_those_of_the_transform() -> None:
    """The shapes that the browser is asked for are those that the decomposition has."""
    for size in ((37, 50), (64, 64), (5, 9)):
        bands = analyse(torch.zeros(1, 1, *size), "haar", 3)
        assert paint_masks.band_shapes(size, 3) == tuple(
            tuple(b.shape[2:]) for _, b in bands.items()
        )


def test_pooling_is_the_mean_of_blocks_with_the_border_repeated() -> None:
    """2 x 2 blocks are averaged and rounded; an odd last column counts twice."""
    mask = np.array([[0, 255, 10], [255, 255, 20]], np.uint8)
    assert paint_masks.pool(mask, 1).tolist() == [[191, 15]]
    assert paint_masks.pool(mask, 0) is mask


def test_masks_survive_the_way_through_the_browser() -> None:
    """Encoded masks come back as they were; anything of another size or kind is refused."""
    shapes = paint_masks.band_shapes((37, 50), 2)
    masks = random_masks(shapes)
    text = paint_masks.encode(masks)
    back = paint_masks.decode(text, shapes)
    assert back is not None
    assert all(np.array_equal(a, b) for a, b in zip(masks, back, strict=True))
    for bad in (text[:-8], text + "AAAA", "no base64!", None, 7, {"a": 1}):
        assert paint_masks.decode(bad, shapes) is None


def test_learned_start_of_a_convex_method_is_its_own_mask() -> None:
    """On the method's own haar grid the start "learned" fuses to what the method fuses."""
    parts = parts_by(network("seed"), (64, 64))
    canvas = paint_masks.canvas_of(parts, 1)
    fused = array(paint_masks.fuse(canvas, paint_masks.start_masks(canvas, True)).fused)
    np.testing.assert_allclose(fused, array(parts.pair.result.fused), atol=3 / 255)


def test_large_pairs_are_painted_smaller() -> None:
    """The longer side of the painting stays within its limit, and the aspect is kept."""
    parts = parts_by(network("seed"), (300, 1100))
    canvas = paint_masks.canvas_of(parts, 1)
    assert canvas.ct.shape == (140, paint_masks.LONGEST)
    assert canvas.learned[0].shape == canvas.ct.shape


def test_the_packed_canvas_says_its_sizes() -> None:
    """Header and samples lie where the browser looks for them."""
    canvas = paint_masks.canvas_of(parts_by(network("deep")), 2)
    data = pack(canvas, "half", 400)
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    size = header["width"] * header["height"]
    assert tuple(header["names"]) == band_names(2)
    assert len(data) == 4 + length + size * (2 + len(header["names"]))
    assert data[4 + length : 4 + length + size] == canvas.ct.tobytes()


def test_the_painter_fetches_nothing() -> None:
    """The scripts of the painter name no address and build no HTML from text."""
    for name in ("painter.js", "paint_haar.js"):
        text = (SCRIPTS / name).read_text(encoding="utf-8")
        assert not any(word in text for word in ("http", "fetch(", "innerHTML", "import("))


def test_the_untrained_twin_is_always_the_same_and_leaves_the_random_state() -> None:
    """Seed 0 gives the same weights twice, and the caller's random numbers go on as before."""
    torch.manual_seed(7)
    first = torch.rand(1)
    torch.manual_seed(7)
    one, two = (method_training.untrained(PRESETS["deep"]) for _ in range(2))
    assert torch.equal(first, torch.rand(1))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)


def test_mask_numbers_by_hand() -> None:
    """Mean, spread and decided share of a mask of four values."""
    found = method_training.mask_numbers(torch.tensor([[[[0.0, 0.05], [0.5, 0.95]]]]))
    assert found.mean == pytest.approx(0.375)
    assert found.decided == pytest.approx(0.75)
    assert found.spread == pytest.approx(np.std([0, 0.05, 0.5, 0.95]), abs=1e-7)


def test_before_and_after_show_four_panels_and_a_table() -> None:
    """One mask and the fused image of both networks; every band has a row."""
    parts = parts_by(network("deep"))
    before = method_training.before_training(parts)
    assert before is not None
    assert before.masks is not None
    titles = [p.title for p in method_training.training_panels(parts, before, "MRI", "LH2")]
    assert titles[0] == "MRI mask LH2, before"
    assert len(titles) == 4
    html = method_training.masks_html(before.masks.ct, parts.masks.ct, "CT")
    assert html.count("<tr>") == 1 + 10
    assert method_training.before_training(parts_by(load_method(rule="mean"))) is None


def test_the_shipped_checkpoint_decides_more_than_its_untrained_twin() -> None:
    """Training spreads the masks: on a synthetic head their deviation at least triples."""
    from pipelines.cases import CASES, render_case

    pair = fuse_pair(*render_case(CASES["tumour"]), load_method("default"))
    parts = parts_of(Fused(pair, "shipped"))
    assert parts is not None
    before = method_training.before_training(parts)
    assert before is not None
    assert before.masks is not None
    old, new = (
        method_training.mask_numbers(masks.ct.details[0].hh).spread
        for masks in (before.masks, parts.masks)
    )
    assert new > 3 * old
    assert "93 pairs of 5 patients" in method_training.history_text(parts)


@pytest.mark.parametrize(
    ("text", "at"),
    [(None, 0), ("1", 0), ("4", 3), ("10", 9), ("99", 9), ("0", 0), ("-2", 0), ("x", 0), ("²", 0)],
)
def test_an_address_opens_a_step(text: str | None, at: int) -> None:
    """``?step=`` counts from one; anything else opens the first or the last step."""
    assert asked_step(text) == at


def test_the_lesson_has_eight_to_ten_steps_of_one_idea() -> None:
    """Titles are short and differ, the idea has two sentences, each step has a note."""
    assert 8 <= len(LESSON) <= 10
    assert len({step.title for step in LESSON}) == len(LESSON)
    for step in LESSON:
        assert len(step.title) <= 34
        assert len(step.idea) <= 180
        assert step.idea.count(". ") == 1
        assert len(step.note) > 80


def test_all_patterns_together_are_the_image() -> None:
    """The sum of all patterns has no error; fewer patterns hold less energy."""
    image = images()[0].pixels.astype(np.float64)
    whole = lesson_numbers.largest_patterns(image, "db2", 1.0)
    np.testing.assert_allclose(whole.image, image, atol=1e-12)
    assert whole.energy == pytest.approx(1)
    few = lesson_numbers.largest_patterns(image, "db2", 0.01)
    assert few.kept == round(0.01 * few.count)
    assert few.energy < 1
    np.testing.assert_allclose(few.image + few.missing, image, atol=1e-12)


def test_two_numbers_choose_between_the_sources() -> None:
    """Masks of one give the CT, of zero the MRI, of a half the mean."""
    parts = parts_by(network("seed"))
    ct, mri = parts.pair.ct01, parts.pair.mri01
    for share in (0.0, 0.5, 1.0):
        fused = lesson_numbers.fuse_constant(parts, share, share)
        np.testing.assert_allclose(fused, share * ct + (1 - share) * mri, atol=1e-5)


def test_the_quiz_has_right_answers() -> None:
    """What each question takes away is that band: muting it again changes nothing more."""
    image = to_8bit(images((64, 64))[0].pixels) / np.float64(255)
    assert set(lesson_later.QUESTIONS) <= set(lesson_later.ANSWERS)
    for band in lesson_later.QUESTIONS:
        poor = lesson_numbers.muted(image, band)
        bands = dict(analyse(lesson_numbers.tensor(poor), "haar", 1).items())
        assert float(bands[band].abs().max()) < 1e-12
        assert sum(float(b.abs().max()) > 1e-3 for b in bands.values()) == 3


def test_long_filters_ring_and_haar_does_not() -> None:
    """Without fine details db8 leaves the range of a hard edge, haar's block means never do."""
    edge = np.zeros((64, 64))
    edge[:, 27:] = 1
    assert lesson_numbers.without_fine_details(edge, "db8").min() < -0.02
    assert lesson_numbers.without_fine_details(edge, "haar").min() > -1e-9


def test_a_moved_mri_costs_edges() -> None:
    """Fusing with an MRI moved by eight pixels lowers Qabf against the images where they belong."""
    parts = parts_by(load_method(rule="wavelet-max"), (64, 64))
    still = lesson_later.registration_quality(parts, 0)
    assert lesson_later.registration_quality(parts, 8) < still


def test_the_signal_is_that_of_the_equation() -> None:
    """White matter's T2-weighted signal equals PD (1 - exp(-TR/T1)) exp(-TE/T2)."""
    _, t1, t2, pd = TISSUES[Tissue.WHITE_MATTER]
    expected = pd * (1 - np.exp(-4000 / t1)) * np.exp(-100 / t2)
    found = mr_signal.tissue_signal(Contrast(100, 4000))["white matter"]
    assert found == pytest.approx(expected, rel=1e-5)


def test_every_preset_is_named_as_radiologists_do() -> None:
    """The presets' own sentences begin with their weighting."""
    for name, words in (("T1w", "T1-"), ("T2w", "T2-"), ("PDw", "Proton"), ("FLAIR", "FLAIR")):
        assert mr_signal.weighting(Contrast(*TIMES[name])).startswith(words)


def test_inversion_at_the_null_makes_csf_dark() -> None:
    """At the computed inversion time CSF gives no signal, for short and long repetition."""
    for tr in (2500.0, 9000.0):
        contrast = Contrast(100, tr, mr_signal.csf_null(tr))
        assert mr_signal.tissue_signal(contrast)["CSF"] < 1e-4


def test_signals_fall_with_te_and_rise_with_tr() -> None:
    """Every tissue's curve falls over the echo time and rises over the repetition time."""
    contrast = Contrast(80, 2000)
    assert all((np.diff(c) < 0).all() for c in mr_signal.over_te(contrast)[1].values())
    assert all((np.diff(c) >= 0).all() for c in mr_signal.over_tr(contrast)[1].values())


def test_the_picture_follows_the_times_and_air_is_black() -> None:
    """CSF is brighter than white matter on T2w and darker on T1w; the air around stays black."""
    tissue = mr_signal.case_labels("normal")
    fine = tissue[::2, ::2]
    for name, brighter in (("T2w", True), ("T1w", False)):
        shown = mr_signal.mr_picture("normal", tissue, Contrast(*TIMES[name]), False)
        csf, white = (
            float(np.median(shown[fine == kind])) for kind in (Tissue.CSF, Tissue.WHITE_MATTER)
        )
        assert (csf > white) is brighter
        assert not shown[:4].any()
        assert shown.min() >= 0
        assert shown.max() <= 1


def test_a_long_echo_is_dark_only_where_white_is_fixed() -> None:
    """With one white for all times a long echo loses brightness; automatic white hides it."""
    tissue = mr_signal.case_labels("normal")
    dark, bright = (
        mr_signal.mr_picture("normal", tissue, Contrast(200, 3000), fixed)
        for fixed in (True, False)
    )
    assert dark.mean() < 0.6 * bright.mean()


def test_every_reference_has_a_doi_and_every_view_cites_known_ones() -> None:
    """DOIs look like DOIs and differ, and no view names a publication that is not listed."""
    dois = [reference.doi for reference in REFERENCES.values()]
    assert all(doi.startswith("10.") and "/" in doi for doi in dois)
    assert len(set(dois)) == len(dois)
    for view in VIEWS.values():
        assert set(view.references) <= set(REFERENCES)


def test_a_reference_is_escaped_and_linked() -> None:
    """The line holds the authors as text and one link to the DOI."""
    html = reference_html(REFERENCES["xydeas"])
    assert "Petrović" in html
    assert "href='https://doi.org/10.1049/el:20000267'" in html
