"""The method step by step in the laboratory: what it computes, without a browser."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fusion_core.model import PRESETS
from fusion_core.wavelets import synthesise
from pipelines.fuse import fuse_pair
from pipelines.methods import load_method
from tests.lab_parts import images, network, parts_by
from ui.caches import Fused
from ui.lab import method_training
from ui.lab.method_parts import band_panel, grid_spacing, image_panel, parts_of
from ui.lab.method_sheet import render, sheet
from ui.lab.method_steps import fused_bands, kept, method_steps
from ui.viewer import Overlay, Panel


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
