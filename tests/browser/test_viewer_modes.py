"""Every mode of the viewer draws the pixels that it should, to the bit."""

import time
from typing import Any

import numpy as np
import pytest

from tests.browser.viewer_page import PIXELS, Screen, greys, mask, sources, truth
from ui.viewer import DIVERGING, SEQUENTIAL

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_side_by_side_shows_each_image(screen: Screen) -> None:
    """Each tile's pixels are that image's grey levels under its window, to the bit."""
    for tile, expected in enumerate(truth()):
        np.testing.assert_array_equal(screen.colours(PIXELS, tile), greys(expected))


def test_blend_is_exactly_linear(screen: Screen) -> None:
    """Blend 0 is the CT alone, 1 the MRI alone, between them the rounded mixture."""
    a, b = truth()
    screen.mode(2)
    for share in (0.0, 0.25, 0.5, 1.0):
        screen.page.locator("[data-name=amount]").fill(str(share))
        expected = np.floor(a + (b - a) * share + 0.5)
        np.testing.assert_array_equal(screen.colours(PIXELS), greys(expected))


def test_swipe_divides_at_the_curtain(screen: Screen) -> None:
    """Left of the dragged curtain is the CT, right of it the MRI."""
    a, b = truth()
    screen.mode(3)
    screen.drag(screen.mouse(10, 31.5), screen.mouse(10, 19.5))
    curtain = screen.settle()["curtain"]
    assert curtain < 0.5
    left = np.array([c < 19 for _, c in PIXELS])
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(np.where(left, a, b)))


def test_checkerboard_alternates(screen: Screen) -> None:
    """Squares of round(64 / 12) = 5 pixels alternate, the CT at the top left."""
    a, b = truth()
    screen.mode(4)
    other = np.array([(r // 5 + c // 5) % 2 == 1 for r, c in PIXELS])
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(np.where(other, b, a)))


def test_flicker_shows_both_in_turn(screen: Screen) -> None:
    """Both images are shown in turn, each of them whole."""
    a, b = truth()
    screen.mode(5)
    seen: set[int] = set()
    end = time.monotonic() + 30
    while seen != {0, 1} and time.monotonic() < end:
        colours = screen.colours(PIXELS)
        seen |= {n for n, image in enumerate((a, b)) if np.array_equal(colours, greys(image))}
        screen.page.wait_for_timeout(100)
    assert seen == {0, 1}


def test_wash_colours_the_second_image(screen: Screen) -> None:
    """The wash is CT + (colour of MRI - CT) * share, and its legend names the MRI's window."""
    a, b = truth()
    screen.mode(6)
    screen.page.locator("[data-name=amount]").fill("0.5")
    base = greys(a)
    expected = np.floor(base + (SEQUENTIAL[b, :3].astype(int) - base) * 0.5 + 0.5)
    np.testing.assert_array_equal(screen.colours(PIXELS), expected)
    screen.reads(".v-legend-text", "MRI (a.u.)")
    screen.reads(".v-legend-numbers", "0350700")


def test_every_mode_has_its_key_and_python_hears_of_it(screen: Screen) -> None:
    """Keys 1 to 6 choose the modes in their order; each is marked as pressed and told to Python."""
    for key, mode in (
        (2, "blend"),
        (3, "swipe"),
        (4, "checker"),
        (5, "flicker"),
        (6, "wash"),
        (1, "side"),
    ):
        screen.mode(key)
        button = screen.page.locator(f"[data-name={mode}]").first
        assert button.get_attribute("aria-pressed") == "true"  # set as the key is pressed
        screen.told(f"mode={mode}")


def test_an_overlay_covers_with_its_opacity(chromium: Any, viewer_address: str) -> None:
    """Drawn = image + (layer's colour - image) * opacity; the button takes the layer away."""
    screen = Screen(chromium, f"{viewer_address}?overlay=1")
    image = greys(truth()[0]).astype(float)
    # A layer sample covers 2 x 2 pixels; at its middle no neighbour is mixed in.
    layer = np.array([DIVERGING[mask()[row // 2, col // 2], :3] for row, col in PIXELS]).astype(
        float
    )
    for opacity in (0.0, 0.3, 1.0):
        screen.page.locator("[data-name=opacity]").fill(str(opacity))
        drawn = screen.colours(PIXELS)
        np.testing.assert_allclose(drawn, image + (layer - image) * opacity, atol=2.5)
    screen.reads(".v-legend-text", "mask")
    screen.reads(".v-legend-numbers", "0.000.501.00")
    screen.page.locator("[data-name=layer]").click()
    np.testing.assert_array_equal(screen.colours(PIXELS), image)
    screen.page.close()


def test_an_overlay_is_read_out_with_the_image(chromium: Any, viewer_address: str) -> None:
    """The tile shows the image's value and the layer's, in its own range, at the crosshair."""
    screen = Screen(chromium, f"{viewer_address}?overlay=1")
    screen.click(30, 17)
    screen.told("pick=Pick(row=30, col=17)")
    inside = f"{sources()[0][30, 17]:.0f} HU · mask {mask()[15, 8] / 255:.2f}"
    screen.reads(".v-value", inside)
    screen.page.close()
