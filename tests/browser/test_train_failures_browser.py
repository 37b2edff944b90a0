"""The Train page in headless chromium where things go wrong, and on all GPUs of a machine."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_app_browser import expect, settled
from tests.browser.test_train_browser import (
    ROOT,
    Server,
    epoch,
    server,
    start_tiny,
    tab,
    type_in,
    wait_beyond,
)
from tests.failing_disk import small_disk
from tests.training_app import write_pairs
from trainer.run_folder import list_runs

pytestmark = [pytest.mark.slow, pytest.mark.browser]
__all__ = ["server", "tab"]  # fixtures

PRETENDED = '''"""Two GPUs in name: what runs on them runs on the CPU."""

from types import SimpleNamespace

import torch

import trainer.distributed

trainer.distributed.gpu_count = lambda: 2
trainer.distributed.local_device = lambda name: torch.device("cpu")
torch.cuda.get_device_properties = lambda number: SimpleNamespace(
    name="Pretended", total_memory=8 * 2**30
)
'''


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that are started from now on, and their processes, believe in two GPUs."""
    folder = tmp_path / "pretended"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(PRETENDED)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{ROOT}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def fill_up(disk: Path) -> Path:
    """Take all room of a disk by one file."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(64 * 1024))
    return filler


def state(page: Any, word: str) -> None:
    """Wait for the state beside the run's name."""
    expect(page.locator(".twf-run .twf-state").first).to_have_text(word)


def test_a_disk_that_fills_up_is_said_and_with_room_again_the_run_goes_on(
    tab: Any, server: Server
) -> None:
    """A real full disk: Failed with the reason, nothing lost, and Resume once there is room."""
    with small_disk(server.runs, 96 * 1024) as disk:
        start_tiny(tab, 50_000)
        wait_beyond(tab, 1)
        filler = fill_up(disk)
        tab.get_by_text("The disk is full: the run folder").first.wait_for()
        state(tab, "Failed")
        tab.reload()
        tab.get_by_text("make room, then resume the run.").first.wait_for()
        settled(tab)
        done = epoch(tab)
        assert done >= 1
        filler.unlink()
        tab.get_by_role("button", name="Resume").first.click()
        wait_beyond(tab, done)
        tab.get_by_role("button", name="Stop").click()
        tab.get_by_text("Stopped after").first.wait_for()


def test_images_that_are_bad_or_gone_are_named(tab: Any, server: Server, tmp_path: Path) -> None:
    """A cut-off file is named in the report; one that is gone meanwhile is named at Resume."""
    data = write_pairs(tmp_path / "data", "1001", "2001", "3001", "4001")
    cut, lost = data / "CT" / "1001.png", data / "MRI" / "2001.png"
    cut.write_bytes(cut.read_bytes()[:100])
    tab.get_by_text("Seed", exact=True).first.click()
    settled(tab)
    tab.get_by_text("Folder", exact=True).first.click()
    settled(tab)
    type_in(tab, "Folder that holds CT/ and MRI/", data)
    for label, value in (("Image size, px", 32), ("Epochs", 50_000), ("Batch size", 2)):
        type_in(tab, label, value)
    tab.get_by_role("button", name="Check the images").click()
    tab.get_by_text("1001 is left out: 1001.png is a PNG that was cut off").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Start training").click()
    wait_beyond(tab, 1)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped after").first.wait_for()
    kept = lost.read_bytes()
    lost.unlink()
    settled(tab)
    tab.get_by_role("button", name="Resume").first.click()
    tab.get_by_text("was started with: 2001 missing; restore them").first.wait_for()
    state(tab, "Failed")
    lost.write_bytes(kept)
    settled(tab)
    done = epoch(tab)
    tab.get_by_role("button", name="Resume").first.click()
    wait_beyond(tab, done)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped after").first.wait_for()


def test_all_gpus_train_one_run_together(two_gpus: None, server: Server, tab: Any) -> None:
    """With two GPUs the form offers both; two processes train, pause, go on and stop as one."""
    tab.set_default_timeout(300_000)  # three processes start, and give way to whatever else runs
    tab.get_by_text("Seed", exact=True).first.click()
    settled(tab)
    tab.get_by_label("Device", exact=True).first.click()
    tab.get_by_role("option", name="All 2 GPUs, one process on each").click()
    settled(tab)
    start_tiny(tab, 50_000)
    wait_beyond(tab, 1)
    expect(tab.locator(".twf-run small").first).to_contain_text("in each of 2 processes")
    expect(tab.locator(".twf-device small", has_text="in use")).to_have_count(2)
    tab.get_by_role("button", name="Pause").click()
    tab.get_by_role("button", name="Resume").wait_for()
    settled(tab)
    still = epoch(tab)
    tab.wait_for_timeout(2000)
    assert epoch(tab) == still
    tab.get_by_role("button", name="Resume").click()
    wait_beyond(tab, still)
    tab.get_by_role("button", name="Stop").click()
    tab.get_by_text("Stopped after").first.wait_for()
    (run,) = list_runs(server.runs)
    assert run.status().state == "stopped"
    assert (run.path / "launcher.log").exists()
