"""Windows by drag and by preset, zoom and pan, in the browser."""

import numpy as np
import pytest

from tests.browser.viewer_page import (
    CT_WINDOW,
    INDEX,
    MRI_WINDOW,
    PIXELS,
    Screen,
    greys,
    levels,
    sources,
)

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_window_drag_marks_the_fused_image_and_sends_on_release(screen: Screen) -> None:
    """While the right button drags, the CT follows and the fused tile is marked; release sends."""
    ct, _ = sources()
    badge = screen.page.locator(".v-badge").nth(2)
    mouse = screen.page.mouse
    x, y = screen.mouse(24, 32)
    mouse.move(x, y)
    mouse.down(button="right")
    mouse.move(x + 40, y + 30, steps=4)
    view = screen.settle()
    badge.wait_for()
    screen.reads(".v-badge", "old window – release to fuse again", 2)
    window = tuple(view["windows"]["ct"])
    assert window[0] > CT_WINDOW[0]
    assert window[1] > CT_WINDOW[1]
    expected = levels(ct, window)[INDEX]
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(expected))
    assert "ct=None" in screen.page.locator("code").inner_text()
    mouse.up(button="right")
    screen.told(f"ct=({window[0]}")
    badge.wait_for(state="hidden", timeout=60000)


def test_preset_sends_its_window(screen: Screen) -> None:
    """Choosing a preset windows the CT at once and tells Python."""
    screen.page.locator("select[data-role=ct]").select_option(label="bone 2800/600")
    screen.told("ct=(600.0, 2800.0)")
    ct, _ = sources()
    expected = levels(ct, (600.0, 2800.0))[INDEX]
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(expected))


def test_zoom_and_pan_are_linked(screen: Screen) -> None:
    """The wheel keeps the pixel under the pointer; a drag moves every tile alike; R goes back."""
    first = screen.settle()
    x, y = screen.mouse(30, 17)
    screen.page.mouse.move(x, y)
    screen.page.mouse.wheel(0, -300)
    zoomed = screen.settle()
    # One wheel event counts for 200 at most, and 500 is a factor of e.
    assert zoomed["scale"] == pytest.approx(first["scale"] * np.exp(0.4))
    np.testing.assert_allclose(screen.mouse(30, 17), (x, y), atol=0.6)
    screen.drag((x, y), (x + 50, y - 20))
    np.testing.assert_allclose(screen.mouse(30, 17), (x + 50, y - 20), atol=0.6)
    visible = [(28, 16), (31, 19), (33, 18)]
    for tile, image in enumerate(
        (levels(sources()[0], CT_WINDOW), levels(sources()[1], MRI_WINDOW))
    ):
        expected = greys(np.array([image[p] for p in visible]))
        np.testing.assert_array_equal(screen.colours(visible, tile), expected)
    screen.page.keyboard.press("r")
    assert screen.settle()["scale"] == pytest.approx(first["scale"])


def test_a_drag_with_w_held_changes_the_window(screen: Screen) -> None:
    """W and a drag on the MRI move its window alone: right widens, down raises the level."""
    x, y = screen.mouse(24, 32, tile=1)
    screen.page.mouse.move(x, y)
    screen.page.keyboard.down("w")
    screen.drag((x, y), (x + 30, y + 25))
    screen.page.keyboard.up("w")
    windows = screen.settle()["windows"]
    assert windows["ct"] == list(CT_WINDOW)
    # A drag of 250 CSS pixels moves by the width at its start.
    assert windows["mri"] == pytest.approx(
        [MRI_WINDOW[0] + 25 / 250 * MRI_WINDOW[1], MRI_WINDOW[1] * (1 + 30 / 250)]
    )
    expected = levels(sources()[1], (windows["mri"][0], windows["mri"][1]))[INDEX]
    np.testing.assert_array_equal(screen.colours(PIXELS, 1), greys(expected))
    view = screen.settle()
    screen.drag((x, y), (x + 30, y))
    assert screen.settle()["cx"] != view["cx"], "without W a drag pans"
