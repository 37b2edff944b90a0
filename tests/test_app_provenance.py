"""The Provenance page: parts that add up, shares by three definitions, files; no browser."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fusion_core.footprint import footprint, region_shares
from fusion_core.provenance import Attribution, BandShare, attribute, pixel, region
from pipelines.cases import CASES, render_case
from pipelines.fuse import FusedPair, fuse_pair
from pipelines.methods import load_method
from tests.app_driver import by_key, open_page, start, words
from tests.app_driver import write_checkpoints as write
from ui import figures
from ui.explain import largest_parts
from ui.provenance.numbers import (
    dominant,
    footprint_sentence,
    numbers_csv,
    plain_reading,
    share_table,
    source_table,
)
from ui.provenance.parts import all_parts, part_image, source_png
from ui.provenance.stage import part_panel


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> FusedPair:
    """The first bundled case, fused by an untrained model with three levels and two gates."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder)
    method = load_method(checkpoint=folder / "default.safetensors", device="cpu")
    return fuse_pair(*render_case(next(iter(CASES.values()))), method)


@pytest.fixture(scope="module")
def parts(pair: FusedPair) -> Attribution:
    """Its parts."""
    return attribute(pair.result)


def test_the_page_takes_the_whole_image_apart_first() -> None:
    """Without a pick the page shows two viewers, the sum, the table and the three definitions."""
    app = open_page(start(), "provenance")
    text = words(app)
    assert len(app.get("bidi_component")) == 2
    for part in ("The whole image", "CT part", "Dominant", "Plain reading", "mean removed"):
        assert part in text
    assert not app.error
    seen = set()
    for key in ("mask", "energy", "attribution"):
        by_key(app.button_group, "provenance-definition").set_value(key).run()
        assert not app.error
        seen.add(next(c.value for c in app.caption if c.value.startswith("**")))
    assert len(seen) == 3


def test_a_pick_made_on_fuse_is_taken_apart() -> None:
    """The pixel that was picked last in the same pair is the one shown, with its values."""
    app = start()
    pair = app.session_state["twf_last"].pair
    app.session_state["twf_pick"] = (pair.name, pair.fused8.shape, (120, 90))
    open_page(app, "provenance")
    text = words(app)
    assert "Pixel x 90, y 120" in text
    assert f"<b>{pair.fused8[120, 90]}</b>" in text
    assert "the footprint of LL3, 8 × 8 pixels (7.2 × 7.2 mm)" in text
    by_key(app.selectbox, "provenance-footprint").set_value("HH1").run()
    assert "the footprint of HH1, 2 × 2 pixels" in words(app)
    by_key(app.button_group, "provenance-scope").set_value("Region").run()
    assert "Draw a region in the viewer" in words(app)
    assert not app.error


def test_a_part_can_be_chosen_as_an_image() -> None:
    """Every band offers its CT and its MRI part, and choosing one raises no error."""
    app = open_page(start(), "provenance")
    menu = by_key(app.selectbox, "provenance-part")
    assert len(menu.options) == 1 + 2 * 10
    menu.set_value("LH2 from MRI").run()
    assert by_key(app.selectbox, "provenance-part").value == "LH2 from MRI"
    assert not app.error


def test_a_rule_without_bands_says_so() -> None:
    """A pixel rule cannot be taken apart: one sentence, no viewer, no error."""
    app = start()
    by_key(app.selectbox, "method").set_value("rule:max").run()
    open_page(app, "provenance")
    assert "works on pixels" in app.info[0].value
    assert not app.error
    assert not app.get("bidi_component")


def test_the_sum_line_ends_at_the_value_shown(pair: FusedPair, parts: Attribution) -> None:
    """The dotted line adds all bars up and meets the shown value within half a grey level."""
    rng = np.random.default_rng(2)
    for row, column in rng.integers(0, 256, (8, 2)).tolist():
        figure = figures.breakdown_bars(pixel(parts, row, column))
        line = next(trace for trace in figure.data if trace.name == "sum so far")
        assert line.x[-2] == pytest.approx(line.x[-1], abs=0.01)
        assert line.x[-1] == pytest.approx(float(pair.fused8[row, column]), abs=0.51)


def test_dominant_source_and_reading_follow_the_share() -> None:
    """45 to 55 % is both; beyond, the leader is named, from "somewhat more" to "almost only"."""
    shares = (0.95, 0.7, 0.56, 0.54, 0.5, 0.46, 0.4, 0.05)
    assert [dominant(s) for s in shares] == ["CT"] * 3 + ["both"] * 3 + ["MRI"] * 2
    assert plain_reading("LH2", 0.95) == "Horizontal edges, 4 px: almost only from the CT."
    assert plain_reading("LL", 0.3) == "Smooth anatomy, 2 px: mostly from the MRI."
    assert plain_reading("HL1", 0.6) == "Vertical edges, 2 px: somewhat more from the CT."
    assert plain_reading("HH", math.nan) == "Diagonal detail, 2 px: neither source brings anything."


def test_the_table_holds_both_shares_and_the_published_ones() -> None:
    """CT and MRI make 100 %; a band without anything shows dashes; published numbers stand by."""
    shares = [
        BandShare("LL", 0.25, 0.1, 0.358, 0.2, 0.6),
        BandShare("LH", 0.5, math.nan, math.nan, 0.5, 0.5),
    ]
    html = share_table(shares, "attribution", published=True)
    for cell in ("35.8", "64.2", "45 : 55", "60 : 40", "–"):
        assert cell in html
    assert ">nan" not in html
    assert "25.0" in share_table(shares, "mask")
    assert "Published" not in share_table(shares, "mask")


def test_source_values_stand_in_their_own_unit(pair: FusedPair) -> None:
    """A pixel's HU, MR signal and fused grey level are those of the arrays."""
    html = source_table(pair, (130, 99, 131, 100))
    assert f"{pair.ct.pixels[130, 99]:.5g}".replace("-", "−") + " HU" in html
    assert f"{pair.mri.pixels[130, 99]:.5g} a.u." in html
    assert f"<b>{pair.fused8[130, 99]}</b>" in html
    assert "Mean ± SD" in source_table(pair, (100, 90, 120, 110))


def test_part_images_add_up_to_the_fused_image(pair: FusedPair, parts: Attribution) -> None:
    """All 20 images of parts sum to 255 times the fused image; details are shown signed."""
    chosen = all_parts(parts)
    assert len(chosen) == 20
    total = sum(part_image(parts, part).astype(np.float64) for part in chosen.values())
    assert np.abs(total - 255 * pair.result.fused[0, 0].numpy()).max() < 0.01
    assert part_panel(parts, chosen["LL3 from CT"]).table is None
    panel = part_panel(parts, chosen["HH1 from MRI"])
    assert panel.table is not None
    assert panel.window is not None
    assert panel.window[0] == 0


def test_the_source_parts_are_stamped_pngs(pair: FusedPair, parts: Attribution) -> None:
    """The CT-only image opens again with the right values, the stamp and what it is."""
    picture = PIL.Image.open(io.BytesIO(source_png(pair, parts, "CT")))
    expected = np.rint(255 * parts.ct_only[0, 0].numpy().clip(0, 1))
    assert np.array_equal(np.asarray(picture), expected)
    assert picture.info["Warning"] == "Research, not for diagnosis"
    assert "Exact CT part" in picture.info["Description"]


def test_the_numbers_add_up_in_the_file(pair: FusedPair, parts: Attribution) -> None:
    """In the CSV the bands and clipping sum to the value shown, and shares are the region's."""
    box = (100, 80, 131, 117)
    shares = region_shares(pair.result, box, parts)
    text = numbers_csv(pair, "Region", box, region(parts, box), shares)
    head, *rest = text.splitlines()
    assert "Research, not for diagnosis" in head
    rows = {row["band"]: row for row in csv.DictReader(rest)}
    total = sum(float(rows[band]["sum_grey"]) for band in (*parts.names, "clipping"))
    assert total == pytest.approx(float(rows["shown"]["sum_grey"]), abs=1e-4)
    place = (slice(100, 131), slice(80, 117))
    assert total == pytest.approx(float(pair.fused8[place].mean()), abs=0.5)
    assert float(rows["LH2"]["ct_share_energy"]) == pytest.approx(shares[4].energy)
    assert shares[4].band == "LH2"


def test_largest_parts_come_first_with_their_signs(parts: Attribution) -> None:
    """The short text names four parts, sorted by their magnitude."""
    text = largest_parts(pixel(parts, 128, 128))
    numbers = [float(w.replace("−", "-")) for w in text.rstrip(".").replace(",", "").split()
               if w[0] in "+−0"]  # fmt: skip
    assert len(numbers) == 4
    assert [abs(n) for n in numbers] == sorted((abs(n) for n in numbers), reverse=True)


def test_parts_that_show_as_zero_are_not_named(parts: Attribution) -> None:
    """A part below a twentieth of a grey level is left out, and black has no parts at all."""
    found = pixel(parts, 128, 128)
    tiny = tuple(1e-5 for _ in found.names)
    one = replace(found, ct=(0.5, *tiny[1:]), mri=tiny)
    assert largest_parts(one) == f"Largest parts, in grey levels: {found.names[0]} from CT +127.5."
    assert largest_parts(replace(found, ct=tiny, mri=tiny)) == "Every part is 0 here."


def test_footprints_are_told_in_pixels_and_mm_where_known() -> None:
    """Width comes before height, and mm only with a spacing."""
    box = footprint((9, 9, 10, 10), "LL2", "haar", 2, (32, 32))
    assert "4 × 4 pixels (2.0 × 4.0 mm)" in footprint_sentence("LL2", box, (1.0, 0.5))
    assert "mm" not in footprint_sentence("LL2", box, None)
