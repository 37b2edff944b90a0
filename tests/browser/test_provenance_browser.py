"""The Provenance and Masks pages in headless chromium: picks, regions, bars, checkpoints."""

import io
import re
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fusion_core.footprint import region_shares
from fusion_core.provenance import Breakdown, attribute, pixel, region
from pipelines.fuse import FusedPair
from tests.browser.test_app_browser import expect, settled
from tests.browser.test_whatif_browser import pair
from ui import figures

__all__ = ["pair"]  # a fixture

pytestmark = [pytest.mark.slow, pytest.mark.browser]

CANVAS = "canvas"


def opened(page: Any, name: str) -> Any:
    """Go to a page and wait for its first viewer; returns the box of its canvas."""
    page.get_by_role("link", name=name, exact=True).first.click()
    page.get_by_role("heading", name=name, exact=True).wait_for()
    page.locator(CANVAS).first.wait_for()
    settled(page)
    return page.locator(CANVAS).first.bounding_box()


def the_sum(page: Any) -> tuple[float, ...]:
    """CT part, MRI part, clipping and the value, as they stand on the screen."""
    texts = page.locator(".twf-sum b").all_text_contents()[:4]
    return tuple(float(text.replace("−", "-")) for text in texts)


def by_python(parts: Breakdown) -> list[float]:
    """The same four numbers as the program computes them, in grey levels."""
    sums = (sum(parts.ct), sum(parts.mri), parts.clipping, parts.shown)
    return [255 * value for value in sums]


def place_of(page: Any, what: str) -> list[int]:
    """The whole numbers in the heading of what is taken apart."""
    heading = page.get_by_text(f"{what} x").first.inner_text().split(":")[0]
    return [int(number) for number in re.findall(r"\d+", heading)]


def test_a_click_takes_a_pixel_apart_and_the_parts_add_up(page: Any, pair: FusedPair) -> None:
    """A pick shows the pixel's bars, its sources and its footprint: what Python computes there."""
    box = opened(page, "Provenance")
    page.get_by_text("The whole image: what each subband brought").wait_for()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
    page.get_by_text("Pixel x").first.wait_for()
    page.get_by_text("the footprint of LL3, 8 × 8 pixels").wait_for()
    settled(page)
    ct, mri, clipping, shown = the_sum(page)
    assert ct + mri + clipping == pytest.approx(shown, abs=0.21)
    column, row = place_of(page, "Pixel")
    found = pixel(attribute(pair.result), row, column)
    assert (ct, mri, clipping, shown) == pytest.approx(by_python(found), abs=0.06)
    # The bar of every band as well: its number stands at the end of its row.
    for name, *values in zip(found.names, found.ct, found.mri, strict=True):
        text = figures.signed(255 * sum(values))
        bars = page.locator(".js-plotly-plot").first.locator(".annotation-text")
        expect(bars.nth(found.names.index(name))).to_have_text(text)
    cells = page.locator("table.twf").first.locator("td.n")
    expect(cells.nth(0)).to_have_text(f"{pair.ct.pixels[row, column]:.5g} HU".replace("-", "−"))
    expect(cells.nth(2)).to_have_text(f"{pair.mri.pixels[row, column]:.5g} a.u.")
    fused = page.locator("table.twf").first.locator("tr").last.locator("td").last
    assert float(fused.text_content()) == pytest.approx(shown, abs=0.51)


def test_a_clicked_bar_becomes_an_image(page: Any) -> None:
    """A click on a bar of the chart chooses that part and the viewer gets a fourth panel."""
    box = opened(page, "Provenance")
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
    page.get_by_text("Pixel x").first.wait_for()
    settled(page)
    chart = page.locator(".js-plotly-plot").first
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    bar = chart.locator(".barlayer .trace").first.locator(".point path").first.bounding_box()
    place = (bar["x"] + bar["width"] / 2, bar["y"] + bar["height"] / 2)
    page.mouse.move(*place)  # plotly takes a click for the bar it already highlights
    page.locator(".hoverlayer .hovertext").first.wait_for()
    page.mouse.click(*place)
    menu = page.locator(".st-key-provenance-part")
    menu.locator("input[value='LL3 from CT']").wait_for(state="attached")
    settled(page)
    assert page.get_by_test_id("stAlert").count() == 0


def test_a_region_is_taken_apart_after_it_was_drawn(page: Any, pair: FusedPair) -> None:
    """Dragging the region tool turns the page to that region; sums and shares are Python's."""
    box = opened(page, "Provenance")
    page.locator("[data-name=roi]").first.click()
    y = box["y"] + box["height"] * 0.4
    page.mouse.move(box["x"] + box["width"] * 0.14, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.19, y + 50, steps=6)
    page.mouse.up()
    page.get_by_text("Region x").first.wait_for()
    settled(page)
    ct, mri, clipping, shown = the_sum(page)
    assert ct + mri + clipping == pytest.approx(shown, abs=0.21)
    left, right, top, bottom, width, height = place_of(page, "Region")
    assert (width, height) == (right - left + 1, bottom - top + 1)
    box = (top, left, bottom + 1, right + 1)
    parts = attribute(pair.result)
    assert (ct, mri, clipping, shown) == pytest.approx(by_python(region(parts, box)), abs=0.06)
    table = page.locator("table.twf", has_text="Plain reading")
    for n, share in enumerate(region_shares(pair.result, box, parts), 1):
        cells = table.locator("tr").nth(n).locator("td")
        expect(cells.nth(0)).to_have_text(share.band)
        expect(cells.nth(1)).to_have_text(f"{100 * share.attribution:.1f}")
        expect(cells.nth(2)).to_have_text(f"{100 * (1 - share.attribution):.1f}")
    expect(page.get_by_text("mean removed").first).to_be_visible()
    assert page.get_by_test_id("stAlert").count() == 0


def test_a_pick_on_fuse_is_kept_for_taking_it_apart(page: Any) -> None:
    """The link on Fuse leads to the same pixel on the Provenance page."""
    page.locator(CANVAS).first.wait_for()
    settled(page)
    box = page.locator(CANVAS).first.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.45)
    page.get_by_text("The parts add up to the value.").wait_for()
    settled(page)
    before = the_sum(page)
    page.get_by_role("link", name="Take it apart").click()
    page.get_by_role("heading", name="Provenance", exact=True).wait_for()
    page.get_by_text("Pixel x").first.wait_for()
    settled(page)
    assert the_sum(page) == before
    # The crosshair of the viewer there stands on it as well.
    at = page.get_by_text("what each subband brought").first.inner_text().split(":")[0]
    expect(page.get_by_text(f"{at.removeprefix('Pixel ')} ·").first).to_be_visible()


def test_the_ct_part_is_taken_home(page: Any) -> None:
    """The CT-only image downloads as a stamped PNG of the pair's size."""
    opened(page, "Provenance")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CT part (PNG)").click()
    with open(waiting.value.path(), "rb") as file:
        picture = PIL.Image.open(io.BytesIO(file.read()))
    assert picture.size == (256, 256)
    assert np.asarray(picture).std() > 5
    assert picture.info["Warning"] == "Research, not for diagnosis"


def test_two_checkpoints_share_one_viewer_of_masks(page: Any) -> None:
    """A second checkpoint adds its masks, its verdict and its rows; histograms are drawn."""
    opened(page, "Masks")
    page.get_by_text("default: the claim").wait_for()
    page.locator(".st-key-masks-compare input").click()
    page.get_by_role("option", name="one").click()
    page.get_by_text("one: the claim").wait_for()
    settled(page)
    images = page.locator("table.twf img")
    expect(images).to_have_count(10 + 4)
    assert all(images.evaluate_all("all => all.map(i => i.complete && i.naturalWidth > 0)"))
    assert page.get_by_test_id("stAlert").count() == 0


@pytest.mark.parametrize("place", ["Provenance", "Masks"])
def test_nothing_is_wider_than_a_small_screen(page: Any, place: str) -> None:
    """At 1024 x 768 no page scrolls sideways."""
    page.set_viewport_size({"width": 1024, "height": 768})
    opened(page, place)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert page.get_by_test_id("stMain").evaluate(wide) <= 1
