"""A data set compared in headless chromium: a real upload, a reload, a real download opened."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli
from tests.app_driver import png_pair
from tests.browser.test_app_browser import expect, settled
from tests.browser.test_train_browser import Server
from tests.training_app import zip_of

pytestmark = [pytest.mark.slow, pytest.mark.browser]

LONG = 120_000


@pytest.fixture(scope="module")
def server(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with untrained checkpoints; the browser comes first so that it skips early."""
    made = Server(tmp_path_factory.mktemp("data-set"))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def tab(chromium: Any, server: Server) -> Iterator[Any]:
    """The data-set view, entered by its own address."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(LONG)
    page.goto(f"{server.address}/compare?view=data-set")
    page.get_by_text("Zip upload").first.wait_for(state="attached")
    settled(page)
    yield page
    context.close()


def heads(count: int) -> dict[str, bytes]:
    """Small synthetic pairs of patients 1 and 2 by path."""
    files: dict[str, bytes] = {}
    drawn = [png_pair(96, seed) for seed in range(4)]
    for number in range(count):
        ct, mri = drawn[number % len(drawn)]
        name = f"{1 + number % 2}{number:03d}"
        files |= {f"CT/{name}.png": ct, f"MRI/{name}.png": mri}
    return files


def upload(page: Any, files: dict[str, bytes]) -> None:
    """Put a zip into the drop zone and start; the form is behind a fold beside results."""
    fold = page.get_by_text("New comparison")
    if fold.count():
        fold.click()
    page.get_by_text("Zip upload", exact=True).click()
    zone = page.locator("[class*=st-key-data-zip-] input[type=file]")
    zone.set_input_files(
        {"name": "heads.zip", "mimeType": "application/zip", "buffer": zip_of(files)}
    )
    page.get_by_role("button", name="Compare", exact=True).click()  # once the upload enables it


def test_an_upload_is_compared_with_the_shells_numbers(
    tab: Any, server: Server, tmp_path: Path
) -> None:
    """The downloaded files are those that the command writes; a worst case opens by one click."""
    files = heads(4)
    upload(tab, files)
    tab.get_by_text("Means over 4 images of 2 patients").wait_for()
    tab.get_by_text("No interval and no p-value by patient: 2 patients").first.wait_for()
    settled(tab)
    tab.locator(".twf-worst img").nth(3).wait_for()
    expect(tab.locator(".js-plotly-plot")).to_have_count(2)
    tab.get_by_role("button", name="Export").click()
    with tab.expect_download() as waiting:
        tab.get_by_role("button", name="All files (ZIP)").click()
    assert waiting.value.suggested_filename == "heads_compared.zip"
    for path, data in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(data)
    default = str(server.home / "checkpoints" / "default.safetensors")
    command = ["compare", str(tmp_path), "--methods", default, "wavelet-max", "mean"]
    assert cli.main([*command, "--out", str(tmp_path / "out")]) == 0
    shell = json.loads((tmp_path / "out" / "comparison.json").read_text())
    with zipfile.ZipFile(io.BytesIO(Path(waiting.value.path()).read_bytes())) as archive:
        assert set(archive.namelist()) == {p.name for p in (tmp_path / "out").iterdir()}
        found = json.loads(archive.read("comparison.json"))
        assert archive.read("distributions.svg").startswith(b"<?xml")
    assert found["reference"] == shell["reference"] == "default"
    for name, table in shell["scores"].items():
        for image, values in table.items():
            assert found["scores"][name][image] == pytest.approx(values, rel=1e-4, abs=1e-4)
    tab.keyboard.press("Escape")
    tab.set_viewport_size({"width": 1024, "height": 768})
    settled(tab)
    wide = "e => e.scrollWidth - e.clientWidth"
    assert tab.get_by_test_id("stMain").evaluate(wide) <= 1
    tab.get_by_role("button", name="Open pair").first.click()
    tab.get_by_text("Link to this comparison").wait_for()
    expect(tab.locator(".v-title")).to_have_count(4)  # both sources, both fused images
    settled(tab)
    assert tab.get_by_test_id("stAlertContentError").count() == 0


def test_a_comparison_outlives_a_reload_and_is_cancelled(tab: Any) -> None:
    """It is found after a reload, goes on, stops on Cancel, and is gone after Delete."""
    upload(tab, heads(400))
    done = "+document.querySelector('.twf-tiles[data-done]')?.dataset.done"
    tab.wait_for_function(f"{done} >= 2")
    assert "set=" in tab.url
    tab.reload()
    tab.wait_for_function(f"{done} >= 4")
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_text("a comparison needs all of them").wait_for()
    settled(tab)
    tab.get_by_role("button", name="Delete").click()
    tab.get_by_role("button", name="Delete for good").click()
    tab.get_by_text("a comparison needs all of them").wait_for(state="detached")
    settled(tab)
    assert tab.get_by_test_id("stAlert").count() == 0
