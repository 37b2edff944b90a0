"""A sweep watched in headless chromium: started, killed with its server, resumed, done."""

import re
from typing import Any

import pytest

from tests.browser.test_app_browser import expect, settled
from tests.browser.test_train_browser import Server, server, tab, type_in
from trainer.run_folder import list_runs
from ui.training.history import sweep_folders

pytestmark = [pytest.mark.slow, pytest.mark.browser]
__all__ = ["server", "tab"]  # fixtures

LONG = 300_000
"""Milliseconds: on a busy machine the first step of a new server alone takes a minute."""


def start_sweep(page: Any, epochs: int) -> None:
    """Queue haar and db4 with three seeds on a few tiny heads."""
    page.set_default_timeout(LONG)
    part(page, "Sweep")
    page.get_by_text("Seed", exact=True).first.click()
    settled(page)
    for label, value in (("Heads", 4), ("Slices each", 1), ("Pixels", 32)):
        type_in(page, label, value)
    for label, value in (("Image size, px", 32), ("Epochs", epochs), ("Batch size", 2)):
        type_in(page, label, value)
    page.get_by_role("button", name="Draw the heads and check").click()
    page.get_by_text("6 runs: 2 wavelets × 1 level × 1 loss × 3 seeds").wait_for()
    settled(page)
    page.get_by_role("button", name="Start sweep").click()
    page.locator(".twf-tiles[data-done]").wait_for()


def part(page: Any, name: str) -> None:
    """Turn to a part of the page."""
    page.get_by_test_id("stButtonGroup").first.get_by_text(name, exact=True).click()
    settled(page)


def wait_done(page: Any, count: int) -> None:
    """Wait until the page shows so many finished runs."""
    tiles = "document.querySelector('.twf-tiles[data-done]')"
    page.wait_for_function(f"+{tiles}?.dataset.done >= {count}", timeout=2 * LONG)


def test_a_sweep_outlives_its_server_and_ends_with_one_table(tab: Any, server: Server) -> None:
    """Rows fill while it runs; after kill -9 Resume does the rest, and nothing is trained twice."""
    start_sweep(tab, 2)
    wait_done(tab, 1)
    expect(tab.locator(".twf-sweep tr")).to_have_count(3)
    server.kill()
    (folder,) = sweep_folders(server.runs)
    done = [run for run in list_runs(folder) if (run.path / "scores.json").exists()]
    before = {run.name: (run.path / "history.jsonl").read_bytes() for run in done}
    server.start()
    tab.goto(f"{server.address}/train?sweep={folder.name}")
    tab.get_by_text("The sweep was interrupted").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Resume").click()
    wait_done(tab, 6)
    tab.locator(".twf-run .twf-state", has_text="Done").wait_for()
    expect(tab.locator(".twf-sweep").get_by_text("3 of 3")).to_have_count(2)
    tab.locator(".st-key-train-sweep-chart .js-plotly-plot").first.wait_for()
    expect(tab.locator(".st-key-train-sweep-value input")).to_have_value(re.compile("Qabf"))
    for run in done:
        assert (run.path / "history.jsonl").read_bytes() == before[run.name]
    settled(tab)
    tab.get_by_role("button", name="Open run").click()
    tab.get_by_text("Done: 2 epochs").first.wait_for()
    tab.get_by_role("button", name=f"Sweep {folder.name[16:]}").click()
    tab.locator(".twf-sweep").wait_for()
    assert tab.get_by_test_id("stAlert").count() == 0


def test_a_sweep_is_reloaded_paused_and_stopped(tab: Any, server: Server) -> None:
    """A reload finds it; pause stands still; stop ends every run and keeps the table."""
    start_sweep(tab, 50_000)
    tab.get_by_text("seed 0,").first.wait_for()
    tab.reload()
    tab.locator(".twf-tiles[data-done]").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Pause").click()
    tab.get_by_role("button", name="Resume").wait_for()
    tab.get_by_role("button", name="Resume").click()
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped: 0 of 6 runs are done and kept").wait_for()
    (folder,) = sweep_folders(server.runs)
    assert [run.status().state for run in list_runs(folder)] == ["stopped"]


def test_form_and_results_fit_a_small_screen(tab: Any, server: Server) -> None:
    """At 1024 x 768 neither scrolls sideways; the table scrolls inside its own frame."""
    tab.set_viewport_size({"width": 1024, "height": 768})
    part(tab, "Sweep")
    wide = "e => e.scrollWidth - e.clientWidth"
    assert tab.get_by_test_id("stMain").evaluate(wide) <= 1
    start_sweep(tab, 1)
    wait_done(tab, 6)
    settled(tab)
    assert tab.get_by_test_id("stMain").evaluate(wide) <= 1
