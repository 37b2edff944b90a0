"""The table of what must still be seen, in headless chromium: a region that is drawn."""

from typing import Any

import pytest

from tests.browser.test_app_browser import expect, settled

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_a_drawn_region_gets_a_line_of_its_own(page: Any) -> None:
    """Dragging the region tool over the tumour adds a line that compares it with what is around."""
    page.locator("canvas").first.wait_for()
    settled(page)
    expect(page.get_by_text("What must still be seen")).to_be_visible()
    expect(page.get_by_text("Your region", exact=True)).to_have_count(0)
    page.locator("[data-name=roi]").first.click()
    box = page.locator("canvas").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.19, box["y"] + box["height"] * 0.53
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 40, steps=5)
    page.mouse.up()
    expect(page.get_by_text("Your region", exact=True)).to_be_visible()
    expect(page.get_by_text("compared with what lies 1.5 to 5 mm around it")).to_be_visible()
    assert page.get_by_test_id("stAlert").count() == 0
