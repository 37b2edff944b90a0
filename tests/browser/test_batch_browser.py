"""A batch in headless chromium: a real upload, a reload, a real download opened again."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imaging.read import read_image
from pipelines.fuse import fuse_pair
from pipelines.methods import load_method
from tests.app_driver import png_pair
from tests.browser.test_app_browser import settled
from tests.browser.test_train_browser import Server, server
from tests.training_app import zip_of

pytestmark = [pytest.mark.slow, pytest.mark.browser]
__all__ = ["server"]  # fixture

LONG = 120_000


@pytest.fixture
def tab(chromium: Any, server: Server) -> Any:
    """The Batch page of a new server whose batches lie in its own home."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(LONG)
    page.goto(f"{server.address}/batch")
    page.get_by_role("heading", name="Batch").wait_for()
    settled(page)
    yield page
    context.close()


@pytest.fixture(autouse=True)
def batches_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server keeps its batches."""
    monkeypatch.setenv("TWF_BATCHES", str(tmp_path / "batches"))
    return tmp_path / "batches"


def upload(page: Any, files: dict[str, bytes]) -> None:
    """Put a zip of these files into the drop zone and start."""
    zone = page.locator("[class*=st-key-batch-zip-] input[type=file]")
    zone.set_input_files(
        {"name": "heads.zip", "mimeType": "application/zip", "buffer": zip_of(files)}
    )
    page.get_by_role("button", name="Start batch").click()  # once the upload has enabled it


def heads(count: int, size: int = 96) -> dict[str, bytes]:
    """Synthetic pairs by path in a zip; from the sixth on they are the first ones again."""
    files = {}
    drawn = [png_pair(size, seed) for seed in range(min(count, 5))]
    for number in range(count):
        ct, mri = drawn[number % len(drawn)]
        files |= {f"set/CT/{number:03d}.png": ct, f"set/MRI/{number:03d}.png": mri}
    return files


def test_an_uploaded_zip_comes_back_fused(tab: Any, batches_folder: Path, tmp_path: Path) -> None:
    """The downloaded zip holds what the library makes of the same files, and names the bad pair."""
    files = heads(5)
    upload(tab, files | {"set/CT/009.png": b"broken", "set/MRI/009.png": files["set/MRI/000.png"]})
    tab.get_by_text("Done: 5 of 6 pairs fused; 1 skipped.").wait_for()
    settled(tab)
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name=re.compile("Download, ")).click()
    assert waiting.value.suggested_filename == "heads_fused.zip"
    waiting.value.save_as(tmp_path / "got.zip")
    method = load_method(str(tmp_path / "checkpoints" / "default.safetensors"), device="cpu")
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        assert archive.testzip() is None
        for seed in range(5):
            ct, mri = (read_image(files[f"set/{kind}/{seed:03d}.png"]) for kind in ("CT", "MRI"))
            fused = read_image(archive.read(f"fused/{seed:03d}.png")).pixels
            assert np.abs(fused - fuse_pair(ct, mri, method).fused8).max() <= 1
        rows = list(csv.DictReader(io.StringIO(archive.read("metrics.csv").decode())))
        assert [row["name"] for row in rows] == [f"{seed:03d}" for seed in range(5)]
        assert "009: 009.png" in archive.read("report.txt").decode()
        assert read_image(archive.read("contact-sheet-1.png")).shape[1] > 600
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("button", name="Delete for good").click()
    tab.get_by_text("No batch yet").wait_for()
    assert list(batches_folder.iterdir()) == []


def test_a_batch_outlives_reload_cancel_and_a_killed_server(tab: Any, server: Server) -> None:
    """It is found after a reload, stops, goes on, and after kill -9 is resumed to its end."""
    upload(tab, heads(400, 256))  # work enough to be interrupted twice on a fast machine
    done = "+document.querySelector('.twf-tiles[data-pairs]')?.dataset.pairs"
    tab.wait_for_function(f"{done} >= 2")
    tab.locator(".twf-thumbs img").first.wait_for()
    tab.reload()
    tab.wait_for_function(f"{done} >= 3")
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_text("Stopped: ").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Resume").click()
    tab.get_by_role("button", name="Cancel").wait_for()
    server.kill()
    server.start()
    tab.goto(f"{server.address}/batch")
    tab.get_by_text("The program ended while this batch was under way").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Resume").click()
    tab.get_by_text(re.compile("Done: 400 of 400 pairs fused; .* passed over")).wait_for()
    assert tab.get_by_test_id("stAlert").count() == 0


def test_a_ticked_pair_is_shown_and_nothing_scrolls_sideways(tab: Any) -> None:
    """A row of the table opens in the viewer; at 1024 x 768 the page fits."""
    upload(tab, heads(2))
    tab.get_by_text("Done: 2 of 2 pairs fused.").wait_for()
    settled(tab)
    table = tab.get_by_test_id("stDataFrame")
    table.scroll_into_view_if_needed()
    table.click(position={"x": 14, "y": 52})
    tab.locator("canvas.v-canvas").first.wait_for()
    tab.set_viewport_size({"width": 1024, "height": 768})
    settled(tab)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert tab.get_by_test_id("stMain").evaluate(wide) <= 1
