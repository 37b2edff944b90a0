"""The app on a free loopback port with a fresh home, and a real browser to look at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app_driver import write_checkpoints
from tests.browser.viewer_page import screen, viewer_address

__all__ = ["screen", "viewer_address"]

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 90
"""Seconds for a start on a busy machine."""


@pytest.fixture(scope="session")
def app_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the app, served for the whole session from a fresh home."""
    if shutil.which("chromium") is None:
        pytest.skip("no chromium on this machine")
    home = tmp_path_factory.mktemp("home")
    checkpoints = tmp_path_factory.mktemp("checkpoints")
    write_checkpoints(checkpoints)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HOME": str(home), "TWF_CHECKPOINTS": str(checkpoints)}
    log = (home / "log.txt").open("w")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, server, home / "log.txt")
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the app ended at once: {log.read_text()[-800:]}")
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the app did not start within {PATIENCE} s")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's chromium, headless."""
    place = shutil.which("chromium")
    if place is None:
        pytest.skip("no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=place, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, app_address: str) -> Iterator[Any]:
    """A new visitor at 1440 x 900; anything that leaves the machine fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    outside: list[str] = []
    page.on("request", lambda r: None if _is_local(r.url, app_address) else outside.append(r.url))
    page.goto(app_address)
    yield page
    context.close()
    assert outside == []


def _is_local(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))
