"""The Alignment page in headless chromium: a slider is moved, a shift is taken and taken back."""

import time
from typing import Any

import pytest

from imaging.shift import Shift
from pipelines.alignment import compare
from pipelines.cases import CASES, render_case
from tests.browser.conftest import PATIENCE
from tests.browser.test_app_browser import expect, settled, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def open_alignment(page: Any) -> None:
    """Go there and wait for both viewers and the last chart."""
    page.get_by_role("link", name="Alignment").first.click()
    page.get_by_role("heading", name="Alignment", exact=True).wait_for()
    page.locator("canvas").nth(1).wait_for()
    page.locator(".st-key-alignment-quality .js-plotly-plot").wait_for()
    settled(page)


def nudge(page: Any, axis: str, to: float) -> None:
    """Press arrow keys on a slider until it stands there, also back where one came too often."""
    slider = page.locator(f".st-key-alignment-{axis}").get_by_role("slider")
    shown = page.locator(f".st-key-alignment-{axis}").get_by_test_id("stSliderThumbValue")
    end = time.monotonic() + PATIENCE
    while (value := float(shown.inner_text().split()[0])) != to:
        assert time.monotonic() < end, f"the slider does not reach {to}"
        slider.press("ArrowRight" if value < to else "ArrowLeft")
        page.wait_for_timeout(300)
        settled(page)


def row(page: Any, title: str) -> list[str]:
    """The cells of a row of the table of what changes."""
    found = page.get_by_role("row").filter(has=page.get_by_role("cell", name=title, exact=True))
    return [str(text) for text in found.get_by_role("cell").all_inner_texts()]


def test_the_table_on_the_screen_is_what_python_computes(page: Any) -> None:
    """Six half steps to the right: the mutual information shown is that of the pair 3 px apart."""
    open_alignment(page)
    nudge(page, "right", 3)
    page.get_by_text("3 px (2.7 mm) to the right").first.wait_for()
    ct, mri = render_case(next(iter(CASES.values())))
    ready = compare(ct, mri)
    assert ready is not None
    assert float(row(page, "Moved")[1]) == pytest.approx(ready.information(Shift(3)), abs=0.006)
    assert float(row(page, "Not moved")[1]) == pytest.approx(ready.information(Shift()), abs=0.006)


def test_the_checkerboard_shows_the_moved_mri(page: Any) -> None:
    """The first viewer starts as a checkerboard, and moving the MRI changes what it shows."""
    open_alignment(page)
    canvas = page.locator("canvas").first
    board = page.get_by_text("alternating squares").first
    expect(board).to_be_visible()
    before = canvas.screenshot()
    nudge(page, "down", 2)
    until(page, lambda: canvas.screenshot() != before, "another picture")


def test_a_wrong_shift_is_kept_advised_against_and_undone(page: Any) -> None:
    """Keep 3 px down, read the advice to go 3 px up, take it, and be where the pair began."""
    open_alignment(page)
    nudge(page, "down", 3)
    page.get_by_role("button", name="Keep this position").click()
    warning = page.get_by_text("The MRI fits the CT better 3 px (2.7 mm) up")
    warning.wait_for()
    page.get_by_text("Moved 3 px (2.7 mm) down").first.wait_for()
    page.get_by_role("button", name="Use this shift").click()
    page.get_by_text("The MRI fits best where it lies").wait_for()
    page.get_by_role("button", name="Put the MRI back").wait_for(state="detached")


def test_nothing_is_wider_than_a_small_screen(page: Any) -> None:
    """No sideways scrolling at 1024 x 768 on Alignment and About."""
    page.set_viewport_size({"width": 1024, "height": 768})
    open_alignment(page)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert page.get_by_test_id("stMain").evaluate(wide) <= 1
    page.get_by_role("link", name="About").first.click()
    page.get_by_role("heading", name="About", exact=True).wait_for()
    settled(page)
    assert page.get_by_test_id("stMain").evaluate(wide) <= 1
    code = page.locator("[data-testid=stCode]").first.inner_text()
    assert "@software{" in code
