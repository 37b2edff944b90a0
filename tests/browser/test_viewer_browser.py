"""The viewer in headless chromium: every mode's pixels, picks, regions and windows."""

import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ui.viewer import SEQUENTIAL

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (48, 64)
CT_WINDOW, MRI_WINDOW = (40.0, 80.0), (350.0, 700.0)

SCRIPT = """
import numpy as np
import streamlit as st
from tests.browser.test_viewer_browser import CT_WINDOW, MRI_WINDOW, levels, sources
from ui.viewer import Panel, Preset, viewer, viewer_state

st.set_page_config(layout="wide")
size = int(st.query_params.get("n", 0))

@st.cache_resource
def panels(size, ct_window, mri_window):
    ct, mri = sources()
    if size:
        ct, mri = (np.resize(a, (size, size)) for a in (ct, mri))
    fused = levels((levels(ct, ct_window) / 255 + levels(mri, mri_window) / 255) / 2, (0.5, 1.0))
    return [
        Panel.from_values("<b>CT</b>", ct, "HU", "ct", ct_window),
        Panel.from_values("MRI", mri, "a.u.", "mri", mri_window),
        Panel("Fused", fused, "grey", "fused"),
    ]

@st.fragment
def main():
    known = viewer_state("v")
    shown = panels(size, known.window("ct", CT_WINDOW), known.window("mri", MRI_WINDOW))
    back = viewer(shown, key="v", height=600, spacing=(1.0, 0.5), orientation=("R", "L", "A", "P"),
                  presets={"ct": [Preset("bone", 600, 2800)]})
    st.code(f"pick={back.pick} roi={back.roi} ct={back.window('ct')} mode={back.mode}")

main()
"""


def sources() -> tuple[np.ndarray, np.ndarray]:
    """A CT in whole HU and an MR signal in whole numbers, (48, 64)."""
    rng = np.random.default_rng(7)
    return (
        rng.integers(-20, 101, SHAPE).astype(float),
        rng.integers(0, 701, SHAPE).astype(float),
    )


def levels(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """The 8-bit grey levels of values under a window (centre, width)."""
    share = (values - (window[0] - window[1] / 2)) / window[1]
    return np.floor(np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    script = tmp_path_factory.mktemp("viewer") / "page.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "server.port": port, "server.address": "127.0.0.1", "server.headless": "true",
        "browser.gatherUsageStats": "false", "theme.base": "dark",
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(script), *flags],
        cwd=script.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        if server.poll() is not None:
            pytest.fail("streamlit ended before it served a page")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail("streamlit did not start within a minute")


class Screen:
    """One open page with a viewer on it."""

    def __init__(self, chromium: Any, url: str, **context: Any) -> None:
        self.page = chromium.new_page(**{"viewport": {"width": 1440, "height": 900}} | context)
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(url)
        self.canvas = self.page.locator("canvas.v-canvas")
        self.canvas.wait_for(timeout=60000)
        self.page.wait_for_function("e => e.viewer().frames > 0", arg=self.canvas.element_handle())
        self.settle()

    def settle(self) -> dict[str, Any]:
        """Wait until the last request is drawn; gives what is drawn where."""
        self.page.wait_for_timeout(120)
        return self.canvas.evaluate("e => e.viewer()")

    def at(self, row: float, col: float, tile: int = 0) -> tuple[float, float]:
        """Where the middle of a pixel is, relative to the canvas."""
        view = self.canvas.evaluate("e => e.viewer()")
        box = view["tiles"][tile]
        x = box["x"] + box["w"] / 2 + (col + 0.5 - view["cx"]) * view["scale"]
        y = box["y"] + box["h"] / 2 + (row + 0.5 - view["cy"]) * view["scale"] * view["aspect"]
        return x, y

    def colours(self, pixels: list[tuple[int, int]], tile: int = 0) -> np.ndarray:
        """The drawn (r, g, b) at the middles of image pixels."""
        self.settle()
        points = [self.at(*pixel, tile) for pixel in pixels]
        read = """(e, points) => points.map(([x, y]) => {
            const k = e.viewer().ratio;
            const d = e.getContext('2d').getImageData(Math.floor(x * k), Math.floor(y * k), 1, 1);
            return Array.from(d.data.slice(0, 3)); })"""
        return np.array(self.canvas.evaluate(read, points))

    def mouse(self, row: float, col: float, tile: int = 0) -> tuple[float, float]:
        box = self.canvas.bounding_box()
        x, y = self.at(row, col, tile)
        return box["x"] + x, box["y"] + y

    def click(self, row: int, col: int, tile: int = 0) -> None:
        self.page.mouse.click(*self.mouse(row, col, tile))

    def drag(self, start: tuple[float, float], end: tuple[float, float], **how: Any) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down(**how)
        mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up(**how)

    def mode(self, key: int) -> None:
        self.canvas.focus()
        self.page.keyboard.press(str(key))
        self.settle()

    def told(self, words: str) -> None:
        """Wait until Python has written these words."""
        self.page.get_by_text(words, exact=False).first.wait_for(timeout=10000)


@pytest.fixture
def screen(chromium: Any, address: str) -> Iterator[Screen]:
    opened = Screen(chromium, address)
    yield opened
    problems = opened.problems
    opened.page.close()
    assert problems == []


# Away from the letters at the edges' middles, the scale bar and a crosshair.
PIXELS = [(r, c) for r in (8, 13, 19, 30, 36) for c in (11, 17, 23, 40, 51)]
INDEX = tuple(np.array(PIXELS).T)


def greys(values: np.ndarray) -> np.ndarray:
    return np.repeat(values.astype(int)[:, None], 3, axis=1)


def truth() -> tuple[np.ndarray, np.ndarray]:
    ct, mri = sources()
    return levels(ct, CT_WINDOW)[INDEX].astype(int), levels(mri, MRI_WINDOW)[INDEX].astype(int)


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
    """Within a second and a half both images were shown, whole."""
    a, b = truth()
    screen.mode(5)
    seen = set()
    for _ in range(15):
        colours = screen.colours(PIXELS)
        seen |= {n for n, image in enumerate((a, b)) if np.array_equal(colours, greys(image))}
    assert seen == {0, 1}


def test_wash_colours_the_second_image(screen: Screen) -> None:
    """The wash is CT + (colour of MRI - CT) * share, and its legend names the MRI's window."""
    a, b = truth()
    screen.mode(6)
    screen.page.locator("[data-name=amount]").fill("0.5")
    base = greys(a)
    expected = np.floor(base + (SEQUENTIAL[b, :3].astype(int) - base) * 0.5 + 0.5)
    np.testing.assert_array_equal(screen.colours(PIXELS), expected)
    legend = screen.page.locator(".v-legend").inner_text()
    assert re.sub(r"\s+", " ", legend) == "MRI (a.u.) 0 350 700"


def test_pick_reaches_python_and_values_are_read_out(screen: Screen) -> None:
    """A click sends row and column; the tiles show CT and MRI there in their own units."""
    ct, mri = sources()
    screen.click(30, 17, tile=1)
    screen.told("pick=Pick(row=30, col=17)")
    values = screen.page.locator(".v-value").all_inner_texts()
    assert values[:2] == [f"{ct[30, 17]:.0f} HU", f"{mri[30, 17]:.0f} a.u."]
    assert "x 17, y 30 · 8.8, 30.5 mm" in screen.page.locator(".v-position").inner_text()
    screen.page.mouse.move(5, 5)
    screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.press("Shift+ArrowUp")
    screen.told("pick=Pick(row=20, col=18)")
    assert screen.page.locator(".v-value").first.inner_text() == f"{ct[20, 18]:.0f} HU"


def test_region_reaches_python_with_its_statistics(screen: Screen) -> None:
    """A dragged rectangle sends its pixels and shows area, mean and spread as numpy has them."""
    ct, _ = sources()
    screen.page.locator("[data-name=roi]").click()
    screen.drag(screen.mouse(10, 12), screen.mouse(29, 31))
    screen.told("roi=Roi(row0=10, col0=12, row1=30, col1=32)")
    part = ct[10:30, 12:32]
    measured = screen.page.locator(".v-roi").first.inner_text().replace("\u00a0", " ")
    assert measured == f"mean {part.mean():.1f} ± {part.std():.1f} HU"
    area = screen.page.locator(".v-measure").inner_text()
    assert area == "region 20 × 20 px = 400 px² = 200.0 mm²"
    screen.page.keyboard.press("r")
    screen.told("roi=None")


def test_ruler_measures_millimetres(screen: Screen) -> None:
    """20 columns of 0.5 mm and 10 rows of 1 mm are sqrt(200) = 14.1 mm."""
    screen.page.locator("[data-name=ruler]").click()
    screen.drag(screen.mouse(10, 12), screen.mouse(20, 32))
    screen.settle()
    assert screen.page.locator(".v-measure").inner_text() == "distance 14.1 mm"


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
    assert badge.is_visible()
    assert "release to fuse again" in badge.inner_text()
    window = tuple(view["windows"]["ct"])
    assert window[0] > CT_WINDOW[0]
    assert window[1] > CT_WINDOW[1]
    expected = levels(ct, window)[INDEX]
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(expected))
    assert "ct=None" in screen.page.locator("code").inner_text()
    mouse.up(button="right")
    screen.told(f"ct=({window[0]}")
    badge.wait_for(state="hidden", timeout=10000)


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


def test_text_from_files_is_never_markup(screen: Screen) -> None:
    """A title with tags is shown as text."""
    assert screen.page.locator(".v-title").first.inner_text() == "<b>CT</b>"
    assert screen.page.locator(".v-root b").count() == 0


def test_high_density_screens_are_sharp(chromium: Any, address: str) -> None:
    """At two device pixels per CSS pixel the canvas has twice the pixels, with exact values."""
    screen = Screen(chromium, address, device_scale_factor=2)
    box = screen.canvas.bounding_box()
    assert screen.canvas.evaluate("e => e.width") == round(2 * box["width"])
    np.testing.assert_array_equal(screen.colours(PIXELS), greys(truth()[0]))
    screen.page.close()


def test_touch_pinches_and_taps(chromium: Any, address: str) -> None:
    """Two fingers zoom; a tap picks."""
    screen = Screen(chromium, address, has_touch=True)
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


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_nothing_is_cut_off(chromium: Any, address: str, size: tuple[int, int]) -> None:
    """At both screen sizes no control leaves the viewer and no heading is cut, in any mode."""
    screen = Screen(chromium, address, viewport={"width": size[0], "height": size[1]})
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


def test_pan_is_smooth_and_picks_come_back(chromium: Any, address: str) -> None:
    """Three 1024 x 1024 images pan at 50 frames a second; a pick is back within 300 ms."""
    screen = Screen(chromium, f"{address}?n=1024")
    pan = """async e => {
        const box = e.getBoundingClientRect(); const t = e.viewer().tiles[0];
        const send = (type, x, y) => e.dispatchEvent(new PointerEvent(type, { pointerId: 1,
            clientX: box.left + t.x + t.w / 2 + x, clientY: box.top + t.y + t.h / 2 + y }));
        send('pointermove', 0, 0); send('pointerdown', 0, 0);
        const frames = e.viewer().frames; const start = performance.now();
        for (let n = 0; performance.now() - start < 1500; n += 1) {
            send('pointermove', 60 * Math.sin(n / 9), 40 * Math.cos(n / 7));
            await new Promise(requestAnimationFrame); }
        const rate = 1000 * (e.viewer().frames - frames) / (performance.now() - start);
        send('pointerup', 0, 0); return rate; }"""
    # The best of three: another program on the machine may take the processor for a moment.
    rate = max(screen.canvas.evaluate(pan) for _ in range(3))
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
    assert statistics.median(times) < 0.3
