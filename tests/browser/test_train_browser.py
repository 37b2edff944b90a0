"""A training run watched in headless chromium: started, reloaded, paused, stopped, killed, done."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app_driver import write_checkpoints
from tests.browser.conftest import PATIENCE, ROOT, _wait
from tests.browser.test_app_browser import expect, settled, until
from trainer.run_folder import list_runs

pytestmark = [pytest.mark.slow, pytest.mark.browser]


class Server:
    """The app with runs of its own, that can be killed and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self.home, self.runs = home, home / "runs"
        (home / "checkpoints").mkdir()
        write_checkpoints(home / "checkpoints")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, and wait until it answers."""
        environment = os.environ | {
            "HOME": str(self.home), "TWF_RUNS": str(self.runs),
            "TWF_CHECKPOINTS": str(self.home / "checkpoints"),
        }  # fmt: skip
        command = [
            sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(self.port)
        ]  # fmt: skip
        log = self.home / "log.txt"
        with log.open("w") as out:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT
            )
        _wait(self.address, self.process, log)

    def kill(self) -> None:
        """End it without a word."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(20)


@pytest.fixture
def server(chromium: Any, tmp_path: Path) -> Iterator[Server]:
    """A running server; the browser's fixture comes first so that its absence skips early."""
    made = Server(tmp_path)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def tab(chromium: Any, server: Server) -> Iterator[Any]:
    """The Train page of a new server, entered by its own address."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{server.address}/train")
    page.get_by_role("heading", name="Train").wait_for()
    settled(page)
    yield page
    context.close()


def type_in(page: Any, label: str, value: object) -> None:
    """Fill one field and let the page take it."""
    field = page.get_by_label(label, exact=True).first
    field.fill(str(value))
    field.press("Tab")
    page.wait_for_timeout(300)
    settled(page)


def start_tiny(page: Any, epochs: int) -> None:
    """Start a run on a few tiny heads."""
    page.get_by_text("Seed", exact=True).first.click()
    settled(page)
    for label, value in (("Heads", 4), ("Slices each", 1), ("Pixels", 32)):
        type_in(page, label, value)
    for label, value in (("Image size, px", 32), ("Epochs", epochs), ("Batch size", 2)):
        type_in(page, label, value)
    page.get_by_role("button", name="Draw the heads and check").click()
    page.get_by_text("to train on").first.wait_for()
    settled(page)
    page.get_by_role("button", name="Start training").click()


def epoch(page: Any) -> int:
    """The number of done epochs that the page shows."""
    page.locator("[data-epoch].twf-tiles").wait_for()
    return int(page.locator("[data-epoch].twf-tiles").get_attribute("data-epoch"))


def wait_beyond(page: Any, done: int) -> None:
    """Wait until the page shows more epochs than that."""
    tiles = "document.querySelector('.twf-tiles[data-epoch]')"
    page.wait_for_function(f"+{tiles}?.dataset.epoch > {done}")


def points(page: Any) -> int:
    """Points of the training curve that is drawn."""
    code = "e => (e.data.find(t => t.name === 'training')?.x ?? []).length"
    found = page.locator(".st-key-train-loss .js-plotly-plot").first.evaluate(code)
    return int(found)


def test_a_run_is_started_reloaded_paused_stopped_and_resumed(tab: Any, server: Server) -> None:
    """Curves move; a reload finds the run; pause stands still; stop, resume and stop again work."""
    start_tiny(tab, 50_000)
    tab.locator(".st-key-train-loss .js-plotly-plot").first.wait_for()
    wait_beyond(tab, 2)
    before = points(tab)
    wait_beyond(tab, epoch(tab) + 2)
    until(tab, lambda: points(tab) > before, "a longer curve")
    seen = epoch(tab)
    tab.reload()
    wait_beyond(tab, seen)
    expect(tab.locator(".twf-run .twf-state").first).to_have_text("Running")
    tab.get_by_role("button", name="Pause").click()
    tab.get_by_role("button", name="Resume").wait_for()
    tab.wait_for_timeout(1500)
    still = epoch(tab)
    tab.wait_for_timeout(2500)
    assert epoch(tab) == still
    tab.get_by_role("button", name="Resume").click()
    wait_beyond(tab, still)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped after").first.wait_for()
    stopped = epoch(tab)
    tab.get_by_role("button", name="Resume").first.click()
    wait_beyond(tab, stopped)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped after").first.wait_for()
    assert tab.get_by_test_id("stAlert").count() == 0
    assert [run.status().state for run in list_runs(server.runs)] == ["stopped"]


def test_a_killed_server_leaves_an_interrupted_run_that_goes_on_to_done(
    tab: Any, server: Server
) -> None:
    """After kill -9 and a new server the page says interrupted; Resume brings the run to done."""
    start_tiny(tab, 50_000)
    wait_beyond(tab, 1)
    server.kill()
    (run,) = list_runs(server.runs)
    # So that it ends within seconds: the number of epochs may change when a run goes on.
    epochs = run.status().epoch + 5
    run.write_json("config.json", run.config().to_dict() | {"epochs": epochs})
    server.start()
    tab.goto(f"{server.address}/train")
    tab.get_by_role("heading", name="Train").wait_for()
    settled(tab)
    tab.get_by_text("Run", exact=True).first.click()
    tab.get_by_text("The run was interrupted after").first.wait_for()
    settled(tab)
    tab.get_by_role("button", name="Resume").first.click()
    tab.get_by_text(f"Done: {epochs} epochs").first.wait_for()
    assert run.status().state == "done"
    done = [r["epoch"] for r in run.history() if r["kind"] == "epoch"]
    assert done == list(range(1, epochs + 1))


def test_no_sideways_scrolling_on_a_small_screen(tab: Any) -> None:
    """Form, run and table fit a window of 1024 x 768."""
    tab.set_viewport_size({"width": 1024, "height": 768})
    start_tiny(tab, 3)
    tab.get_by_text("Done: 3 epochs").first.wait_for()
    for part in ("New run", "Run", "All runs"):
        tab.get_by_test_id("stButtonGroup").first.get_by_text(part, exact=True).click()
        settled(tab)
        tab.wait_for_timeout(500)
        wide = "e => e.scrollWidth - e.clientWidth"
        assert tab.get_by_test_id("stMain").evaluate(wide) <= 1
