"""How quickly the Fuse page answers while a run trains on every core, seen in a real browser.

Run: python benchmarks/ui_training.py [--moves 60] [--heads 12] [--browser /usr/bin/chromium]

The app is served from here. On the Train page a run on synthetic heads is started with its default
settings; on the Fuse page the CT window's level is then moved again and again. An answer is timed
inside the browser, from the key press to the first frame whose fused image differs; each such move
fuses, measures and draws the pair anew. The same moves are timed before the run starts. Blending
the images in the viewer never leaves the browser, and is timed alike. Needs playwright and a
Chromium. Exits with 1 where the 95th percentile while training is 1.5 s or more.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1.5
"""Seconds within which 95 of 100 moves must be answered."""

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
PATIENCE = 300_000  # milliseconds for anything on a busy machine
PAUSE = 0.3  # seconds between two moves: a hand is not quicker

# From the key press to the first frame with other pixels right of a share of the canvas.
WATCH = """(canvas, from) => {
  const sum = () => {
    const { width, height } = canvas;
    const left = Math.floor(from * width);
    const data = canvas.getContext('2d').getImageData(left, 0, width - left, height).data;
    let total = 0;
    for (let i = 0; i < data.length; i += 4) total = (total * 31 + data[i]) % 2147483647;
    return total;
  };
  const before = sum();
  let begun = null;
  const press = () => { begun ??= performance.now(); };
  addEventListener('keydown', press, { capture: true, once: true });
  window.answer = new Promise((done, fail) => {
    setTimeout(() => fail(new Error('no other picture within a minute')), 60000);
    const look = () => {
      if (begun !== null && sum() !== before) done((performance.now() - begun) / 1000);
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}"""
FUSED, ALL = 2 / 3, 0.0
"""Where the fused image begins when three stand side by side; the whole canvas."""


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The app on a free port, its runs in a folder of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {"TWF_RUNS": str(home / "runs")}
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, server)
            yield address
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            if server.poll() is not None:
                raise RuntimeError("The app ended at once.") from None
            time.sleep(0.2)
    raise RuntimeError("The app did not start.")


def settled(page: Any) -> None:
    """Wait until the script has run."""
    state = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
    page.wait_for_function(f"{state} === 'notRunning'")


def start_training(page: Any, address: str, heads: int) -> None:
    """Start a run that outlives the measurement, as a visitor does."""
    page.goto(f"{address}/train")
    page.get_by_role("heading", name="Train").wait_for()
    settled(page)
    for label, value in (("Heads", heads), ("Epochs", 10_000)):
        field = page.get_by_label(label, exact=True).first
        field.fill(str(value))
        field.press("Tab")
        page.wait_for_timeout(400)
        settled(page)
    page.get_by_role("button", name="Draw the heads and check").click()
    page.get_by_text("to train on").first.wait_for()
    settled(page)
    page.get_by_role("button", name="Start training").click()
    page.locator(".twf-tiles[data-epoch]").wait_for()
    page.wait_for_function("+document.querySelector('.twf-tiles[data-epoch]').dataset.epoch > 0")


def open_fuse(page: Any) -> None:
    """Go to the Fuse page within the session, and wait for its images."""
    page.get_by_role("link", name="Fuse").first.click()
    page.get_by_role("heading", name="Fuse").wait_for()
    page.locator("canvas").first.wait_for()
    settled(page)
    page.wait_for_timeout(2000)


def move_levels(page: Any, moves: int, first: int) -> list[float]:
    """Seconds from each new level of the CT window to the new fused image."""
    found = []
    for number in range(moves):
        field = page.get_by_label("Level", exact=True).first
        # To and fro by amounts that never come again, so that nothing is answered by a cache.
        field.fill(str(40 + (1 if number % 2 else -1) * (first + number)))
        page.locator("canvas").first.evaluate(WATCH, FUSED)
        field.press("Enter")
        found.append(float(page.evaluate("window.answer")))
        settled(page)
        page.wait_for_timeout(1000 * PAUSE)
    return found


def move_blend(page: Any, moves: int) -> list[float]:
    """Seconds from each step of the viewer's own blend to the new picture."""
    page.get_by_role("button", name="Blend").first.click()
    slider = page.locator("input[type=range]").first
    slider.wait_for()
    found = []
    for number in range(moves):
        page.locator("canvas").first.evaluate(WATCH, ALL)
        slider.press("ArrowLeft" if number % 20 < 10 else "ArrowRight")
        found.append(float(page.evaluate("window.answer")))
        page.wait_for_timeout(50)
    return found


class Watch:
    """Training speed by a run's own history.

    Args:
        runs: folder of the one run.
    """

    def __init__(self, runs: Path) -> None:
        (self._file,) = runs.glob("*/history.jsonl")
        self._images, self._since = self._read()

    def _read(self) -> tuple[float, float]:
        """Pairs trained so far, and when the last line was written."""
        lines = self._file.read_text().splitlines()
        steps = [r for r in map(json.loads, lines) if r["kind"] == "step"]
        images = float(sum(r["pairs_per_second"] * r["seconds"] for r in steps))
        return images, self._file.stat().st_mtime

    def speed(self) -> float:
        """Pairs per second since the last call, validation and saving included."""
        while (seen := self._read())[0] <= self._images:
            time.sleep(0.5)
        found = (seen[0] - self._images) / (seen[1] - self._since)
        self._images, self._since = seen
        return found


def line(what: str, seconds: list[float]) -> str:
    """Median, 95th percentile and the slowest."""
    ordered = sorted(seconds)
    return (
        f"{what:<34} median {statistics.median(seconds):.2f} s   "
        f"p95 {percentile(ordered):.2f} s   slowest {ordered[-1]:.2f} s   n {len(ordered)}"
    )


def percentile(ordered: list[float], share: float = 0.95) -> float:
    """The value that this share does not exceed (nearest rank)."""
    return ordered[max(0, -(-int(100 * share) * len(ordered) // 100) - 1)]


def main() -> int:
    """Print every number and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--browser", default=shutil.which("chromium"))
    args = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("needs playwright, see requirements-dev.txt")
        return 0
    if args.browser is None:
        print("needs a Chromium, name it with --browser")
        return 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=args.browser, args=list(FLAGS))
        with served(Path(folder)) as address:
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.set_default_timeout(PATIENCE)
            code = measure(page, address, Path(folder) / "runs", args.moves, args.heads)
        browser.close()
    return code


def measure(page: Any, address: str, runs: Path, moves: int, heads: int) -> int:
    """The same moves with and without training."""
    print(f"{os.cpu_count()} cores, load before {_load()}", flush=True)
    page.goto(address)
    open_fuse(page)
    move_levels(page, 3, 400)  # everything is loaded once
    print(line("level moved, nothing trains", move_levels(page, moves, 100)), flush=True)
    start_training(page, address, heads)
    watch = Watch(runs)
    page.wait_for_timeout(20_000)
    print(f"training, its page open: {watch.speed():.1f} pairs/s", flush=True)
    open_fuse(page)
    page.wait_for_timeout(3_000)
    watch.speed()
    page.wait_for_timeout(20_000)
    alone = watch.speed()
    busy = move_levels(page, moves, 200)
    beside = watch.speed()
    print(line("level moved while training", busy), flush=True)
    print(line("blend moved while training", move_blend(page, moves)), flush=True)
    print(
        f"training: {alone:.1f} pairs/s while nobody moves, {beside:.1f} while the level moves; "
        f"load after {_load()}"
    )
    return 0 if percentile(sorted(busy)) < LIMIT else 1


def _load() -> str:
    return " ".join(f"{x:.1f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    sys.exit(main())
