"""How long a visitor waits for the first image of each page, warm, in headless chromium.

The app is started afresh and every page is visited once, so that modules, weights and browser are
warm. Then every page is opened by its own address, ROUNDS times: by a new visitor, whose browser
has nothing in its cache (new), and by the same visitor in a second tab (again), who has to meet the
goal. The time runs from the request to the first image that is drawn (a canvas with more than one
grey, or a decoded picture of 96 pixels and more, which leaves out histograms in tables); for a page
without images, to its first text below the heading. A page whose opening has no image is marked
with a star. Exits with 1 where a median misses the goal.

Run: python benchmarks/ui_pages.py [--rounds 5] [--goal 1500] [--page alignment ...]
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 120_000

# Streamlit's components may draw inside a shadow root, so the search goes into those as well.
DRAWN = """() => {
  const all = (root) => [...root.querySelectorAll('*')].flatMap(
    (e) => e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]);
  return all(document.querySelector('[data-testid=stMain]') ?? document.createElement('p')).some(
    (e) => {
      if (e.tagName === 'IMG') return e.complete && Math.min(e.naturalWidth, e.naturalHeight) >= 96;
      if (e.tagName !== 'CANVAS' || e.width < 64 || e.height < 64) return false;
      const context = e.getContext('2d');
      if (!context) return false;
      const { data } = context.getImageData(0, 0, e.width, e.height);
      let low = 255, high = 0;
      for (let i = 0; i < data.length; i += 4 * 97) {
        low = Math.min(low, data[i]); high = Math.max(high, data[i]);
      }
      return high - low > 60;
    });
}"""
TEXT = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  return main !== null && main.innerText.split('\\n').length > 4;
}"""
DONE = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


def pages() -> list[str]:
    """The pages of the menu as app.py lists them; hidden ones only lead to another."""
    listed = re.findall(r"st\.Page\(.*", (ROOT / "app.py").read_text(encoding="utf-8"))
    return [
        match[1]
        for line in listed
        if "hidden" not in line and (match := re.search(r'url_path="([a-z-]+)"', line))
    ]


def address_of(page: str) -> str:
    """Where a page is: Streamlit serves the first one at the root, whatever it is called."""
    return "" if page == pages()[0] else page


def serve(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start the app on a free port; returns the process and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        [*command, "--server.headless", "true"], cwd=ROOT, env=os.environ | {"HOME": str(home)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2)
            return server, address
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    server.terminate()
    raise SystemExit("The app did not start; run `make app` to see why.")


def two_looks(browser: Any, address: str, page: str, has_image: bool) -> tuple[float, float]:
    """Milliseconds from the request for a page to its first image, of a new visitor and again."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    took = []
    for _ in range(2):
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        start = time.perf_counter()
        tab.goto(f"{address}/{address_of(page)}", wait_until="commit")
        tab.wait_for_function(DRAWN if has_image else TEXT, polling=20)
        took.append(1e3 * (time.perf_counter() - start))
        tab.wait_for_function(DONE)
        tab.close()
    context.close()
    return took[0], took[1]


def shows_images(browser: Any, address: str, page: str) -> bool:
    """Whether the opening screen of a page holds an image; this visit also warms it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE)
    tab.goto(f"{address}/{address_of(page)}")
    tab.get_by_role("heading", level=1).wait_for()
    tab.wait_for_function(TEXT)
    tab.wait_for_timeout(500)
    tab.wait_for_function(DONE)
    tab.wait_for_timeout(500)
    found = bool(tab.evaluate(DRAWN))
    context.close()
    return found


def main() -> int:
    """Print the table; 0 where every page meets the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--goal", type=float, default=1500, help="ms")
    parser.add_argument("--page", nargs="*", default=pages(), choices=pages())
    args = parser.parse_args()
    place = shutil.which("chromium")
    if place is None:
        print("no chromium on this machine: nothing was measured")
        return 0
    from playwright.sync_api import sync_playwright

    met = True
    with tempfile.TemporaryDirectory() as home:
        server, address = serve(Path(home))
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=place, args=FLAGS)
                images = {page: shows_images(browser, address, page) for page in args.page}
                print(f"first image of a page, ms, {args.rounds} rounds, goal {args.goal:g} ms")
                print(f"{'page':<14}{'new':>8}{'again':>8}{'best':>8}{'worst':>8}")
                for page in args.page:
                    looks = [
                        two_looks(browser, address, page, images[page]) for _ in range(args.rounds)
                    ]
                    new, again = zip(*looks, strict=True)
                    first, middle = statistics.median(new), statistics.median(again)
                    met &= middle <= args.goal
                    name = page + ("" if images[page] else " *")
                    verdict = "met" if middle <= args.goal else "MISSED"
                    print(
                        f"{name:<14}{first:>8.0f}{middle:>8.0f}{min(again):>8.0f}"
                        f"{max(again):>8.0f}  {verdict}",
                        flush=True,
                    )
                print("* no image on the opening screen: time to its first text")
                browser.close()
        finally:
            server.terminate()
            server.wait(20)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
