"""A page with one viewer of known images, served for the browser tests, and hands to drive it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (48, 64)
CT_WINDOW, MRI_WINDOW = (40.0, 80.0), (350.0, 700.0)

SCRIPT = """
import numpy as np
import streamlit as st
from tests.browser.viewer_page import CT_WINDOW, MRI_WINDOW, levels, mask, sources
from ui.viewer import DIVERGING, Overlay, Panel, Preset, viewer, viewer_state

st.set_page_config(layout="wide")
size = int(st.query_params.get("n", 0))
count = int(st.query_params.get("count", 3))
covered = "overlay" in st.query_params

@st.cache_resource
def panels(size, count, covered, ct_window, mri_window):
    ct, mri = sources()
    if size:
        ct, mri = (np.resize(a, (size, size)) for a in (ct, mri))
    fused = levels((levels(ct, ct_window) / 255 + levels(mri, mri_window) / 255) / 2, (0.5, 1.0))
    layer = Overlay(mask(), DIVERGING, "mask") if covered else None
    found = [
        Panel.from_values("<b>CT</b>", ct, "HU", "ct", ct_window, overlay=layer),
        Panel.from_values("MRI", mri, "a.u.", "mri", mri_window),
        Panel("Fused", fused, "grey", "fused"),
    ]
    # More panels hold other pixels each, as nine masks would.
    more = [Panel(f"Extra {k}", np.roll(fused, 7 * k, 0), "grey", "fused") for k in range(4, 10)]
    return (found + more)[:count]

@st.fragment
def main():
    known = viewer_state("v")
    shown = panels(size, count, covered, known.window("ct", CT_WINDOW),
                   known.window("mri", MRI_WINDOW))
    back = viewer(shown, key="v", height=600, spacing=(1.0, 0.5), orientation=("R", "L", "A", "P"),
                  presets={"ct": [Preset("bone", 600, 2800)]})
    st.code(f"pick={back.pick} roi={back.roi} ct={back.window('ct')} mode={back.mode}")

main()
"""


PAN = """async e => {
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
"""Pans for 1.5 s and gives the frames per second that were drawn."""


DRAWN = """async e => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame(); await frame();  // an observer of sizes speaks after the first
    while (e.viewer().pending) await frame();
    return e.viewer(); }"""
"""Waits until nothing is left to draw, and gives what is drawn where."""


def sources() -> tuple[np.ndarray, np.ndarray]:
    """A CT in whole HU and an MR signal in whole numbers, (48, 64)."""
    rng = np.random.default_rng(7)
    return (
        rng.integers(-20, 101, SHAPE).astype(float),
        rng.integers(0, 701, SHAPE).astype(float),
    )


def mask() -> np.ndarray:
    """An 8-bit layer of half the size in each direction, (24, 32)."""
    return np.random.default_rng(8).integers(0, 256, (24, 32)).astype(np.uint8)


def levels(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """The 8-bit grey levels of values under a window (centre, width)."""
    share = (values - (window[0] - window[1] / 2)) / window[1]
    return np.floor(np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)


@contextmanager
def served(page: Path) -> Iterator[str]:
    """The address of a script as an app on a free port, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {
        "server.port": port, "server.address": "127.0.0.1", "server.headless": "true",
        "browser.gatherUsageStats": "false", "theme.base": "dark",
    }  # fmt: skip
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(page), *flags],
        cwd=page.parent,
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


@pytest.fixture(scope="session")
def viewer_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with nothing but one viewer of known images."""
    script = tmp_path_factory.mktemp("viewer") / "page.py"
    script.write_text(SCRIPT, encoding="utf-8")
    with served(script) as address:
        yield address


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(120):
        if server.poll() is not None:
            raise RuntimeError("streamlit ended before it served a page")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("streamlit did not start within a minute")


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
        state: dict[str, Any] = self.canvas.evaluate(DRAWN)
        return state

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
        self.page.get_by_text(words, exact=False).first.wait_for(timeout=60000)

    def reads(self, selector: str, text: str, at: int = 0) -> None:
        """Wait until an element of the viewer says this."""
        from playwright.sync_api import expect  # here: it is not on every machine

        expect(self.page.locator(selector).nth(at)).to_have_text(text, timeout=60000)


@pytest.fixture
def screen(chromium: Any, viewer_address: str) -> Iterator[Screen]:
    """That page, opened; an error in its script fails the test."""
    opened = Screen(chromium, viewer_address)
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
