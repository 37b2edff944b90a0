"""The viewer on dense and small screens, by touch, in full screen, and its speed."""

import time
from typing import Any

import numpy as np
import pytest

from tests.browser.viewer_page import PAN, PIXELS, Screen, greys, truth

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_text_from_files_is_never_markup(screen: Screen) -> None:
    """A title with tags is shown as text."""
    assert screen.page.locator(".v-title").first.inner_text() == "<b>CT</b>"
    assert screen.page.locator(".v-root b").count() == 0


def test_high_density_screens_are_sharp(chromium: Any, viewer_address: str) -> None:
    """At two device pixels per CSS pixel the canvas has twice the pixels, with exact values."""
    screen = Screen(chromium, viewer_address, device_scale_factor=2)
    box = screen.canvas.bounding_box()
    assert screen.canvas.evaluate("e => e.width") == round(2 * box["width"])
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(truth()[0]))
    screen.page.close()


EXTENT = """(e, box) => {
    const k = e.viewer().ratio;
    const [x, y, w, h] = [box.x, box.y, box.w, box.h].map((v) => Math.round(v * k));
    const { data } = e.getContext('2d').getImageData(x, y, w, h);
    const lit = (i) => data[4 * i] + data[4 * i + 1] + data[4 * i + 2] > 0;
    let across = 0;
    let down = 0;
    for (let c = 0; c < w; c += 1) {
        let n = 0;
        for (let r = 0; r < h; r += 1) n += lit(r * w + c);
        across += n > 0.2 * h;
    }
    for (let r = 0; r < h; r += 1) {
        let n = 0;
        for (let c = 0; c < w; c += 1) n += lit(r * w + c);
        down += n > 0.2 * w;
    }
    return [across, down]; }"""
"""Width and height of the image in a tile, counted from its pixels; a letter fills no line."""


def test_pixels_that_are_not_square_keep_their_shape(screen: Screen) -> None:
    """48 rows of 1 mm and 64 columns of 0.5 mm are drawn 48 high to 32 wide, in every tile."""
    for tile in screen.settle()["tiles"]:
        across, down = screen.canvas.evaluate(EXTENT, tile)
        assert down > 200
        assert down / across == pytest.approx(48 / 32, rel=0.02)


def test_touch_pinches_and_taps(chromium: Any, viewer_address: str) -> None:
    """Two fingers zoom; a tap picks."""
    screen = Screen(chromium, viewer_address, has_touch=True)
    before = screen.settle()["scale"]
    screen.page.touchscreen.tap(*screen.mouse(13, 23))
    screen.told("pick=Pick(row=13, col=23)")
    pinch = """e => {
        const box = e.getBoundingClientRect();
        const send = (type, id, x) => e.dispatchEvent(new PointerEvent(type, {
            pointerId: id, pointerType: 'touch', clientX: box.left + x, clientY: box.top + 200 }));
        send('pointerdown', 11, 100); send('pointerdown', 12, 160);
        send('pointermove', 11, 70); send('pointermove', 12, 190);
        send('pointerup', 11, 70); send('pointerup', 12, 190); }"""
    screen.canvas.evaluate(pinch)
    assert screen.settle()["scale"] == pytest.approx(2 * before, rel=0.02)
    screen.page.close()


def test_two_fingers_pan(chromium: Any, viewer_address: str) -> None:
    """Two fingers that move together move the image by as much, without zoom."""
    screen = Screen(chromium, viewer_address, has_touch=True)
    before = screen.mouse(30, 17)
    scale = screen.settle()["scale"]
    drag = """e => {
        const box = e.getBoundingClientRect();
        const send = (type, id, x, y) => e.dispatchEvent(new PointerEvent(type, {
            pointerId: id, pointerType: 'touch', clientX: box.left + x, clientY: box.top + y }));
        send('pointerdown', 11, 100, 200); send('pointerdown', 12, 160, 200);
        for (let n = 1; n <= 10; n += 1) {
            send('pointermove', 11, 100 + 4 * n, 200 + 2 * n);
            send('pointermove', 12, 160 + 4 * n, 200 + 2 * n); }
        send('pointerup', 11, 140, 220); send('pointerup', 12, 200, 220); }"""
    screen.canvas.evaluate(drag)
    assert screen.settle()["scale"] == pytest.approx(scale, rel=0.02)
    np.testing.assert_allclose(screen.mouse(30, 17), (before[0] + 40, before[1] + 20), atol=1.5)
    screen.page.close()


def test_full_screen_fills_and_leads_back(screen: Screen) -> None:
    """The button makes the viewer as large as the screen, with exact pixels, and small again."""
    small = screen.canvas.bounding_box()
    screen.page.locator("[data-name=full]").click()
    screen.page.wait_for_function("document.fullscreenElement !== null")
    screen.settle()
    root = screen.page.locator(".v-root").bounding_box()
    assert (root["width"], root["height"]) == (1440, 900)
    assert screen.canvas.bounding_box()["height"] > small["height"]
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(truth()[0]))
    screen.page.locator("[data-name=full]").click()
    screen.page.wait_for_function("document.fullscreenElement === null")
    screen.settle()
    assert screen.canvas.bounding_box() == small


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_nothing_is_cut_off(chromium: Any, viewer_address: str, size: tuple[int, int]) -> None:
    """At both screen sizes no control leaves the viewer and no heading is cut, in any mode."""
    screen = Screen(chromium, viewer_address, viewport={"width": size[0], "height": size[1]})
    outside = """root => { const box = root.getBoundingClientRect();
        return [...root.querySelectorAll('button, input, select, .v-title, .v-value, .v-window')]
            .filter(n => n.offsetParent && n.getBoundingClientRect().width)
            .filter(n => { const b = n.getBoundingClientRect();
                return b.left < box.left || b.right > box.right + 0.5 || b.bottom > box.bottom
                    || n.scrollWidth > n.clientWidth + 1 && n.tagName === 'SPAN'
                    && getComputedStyle(n).overflow === 'hidden'; })
            .map(n => n.className + ' ' + n.textContent); }"""
    for key in range(1, 7):
        screen.mode(key)
        assert screen.page.locator(".v-root").evaluate(outside) == [], f"mode {key}"
    screen.page.close()


def test_pan_is_smooth_and_picks_come_back(chromium: Any, viewer_address: str) -> None:
    """Three 1024 x 1024 images pan at 50 frames a second; a pick is back within 300 ms."""
    screen = Screen(chromium, f"{viewer_address}?n=1024")
    # The best of three: another program on the machine may take the processor for a moment.
    rate = max(screen.canvas.evaluate(PAN) for _ in range(3))
    times = []
    for n in range(7):
        place = (100 + 40 * n, 300)
        x, y = screen.mouse(*place)
        screen.page.mouse.move(x, y)
        screen.page.wait_for_timeout(150)
        told = screen.page.locator("code").inner_text()
        start = time.perf_counter()
        screen.page.mouse.click(x, y)
        screen.page.wait_for_function(
            "t => document.querySelector('code').innerText !== t", arg=told, polling=10
        )
        times.append(time.perf_counter() - start)
    screen.page.close()
    assert rate >= 50
    # The second best of seven, for the same reason; the median is in benchmarks/ui.py.
    assert sorted(times)[1] < 0.3


def test_nine_panels_pan_smoothly(chromium: Any, viewer_address: str) -> None:
    """Nine different 1024 x 1024 images, backed at their size on the screen, pan alike."""
    screen = Screen(chromium, f"{viewer_address}?n=1024&count=9")
    assert len(screen.settle()["tiles"]) == 9
    rate = max(screen.canvas.evaluate(PAN) for _ in range(3))
    screen.page.close()
    assert rate >= 50
