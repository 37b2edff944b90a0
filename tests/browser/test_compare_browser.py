"""The Compare page in headless chromium: the scrubber, a copied link, an upload and a download."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusion_core.metrics import METRICS
from imaging.write import encode_png
from pipelines.cases import CASES, render_case
from pipelines.fuse import fuse_pair, scores
from pipelines.methods import load_method
from tests.browser.test_app_browser import expect, settled, until
from tests.browser.test_train_browser import Server
from tests.training_data import tiny_config, tiny_data
from trainer.loop import train

pytestmark = [pytest.mark.slow, pytest.mark.browser]

RUN = "20260101-120000-tiny"
FIRST = CASES[next(iter(CASES))]


@pytest.fixture(scope="module")
def server(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with one trained run; the browser's fixture comes first so that it skips early."""
    made = Server(tmp_path_factory.mktemp("compare"))
    config = tiny_config(epochs=4)
    list(train(config, tiny_data(config), made.runs / RUN))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def visit(chromium: Any, server: Server) -> Iterator[Any]:
    """Opens the page by an address, each time as a new visitor."""
    contexts = []

    def opened(query: str = "") -> Any:
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, accept_downloads=True
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(query if query.startswith("http") else f"{server.address}/compare{query}")
        page.locator("canvas").first.wait_for()
        page.get_by_text("Link to this comparison").wait_for()
        settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()


def numbers(page: Any) -> str:
    """The metric table as text."""
    return str(page.locator("table.twf-compare").text_content())


def test_the_scrubber_moves_every_panel_and_the_copied_link_restores_it(visit: Any) -> None:
    """An arrow key moves image, metrics, curve mark and address; the link brings all back."""
    page = visit(f"?entry=run:{RUN}&entry=rule:mean")
    assert "tiny · epoch 4" in numbers(page)
    before = numbers(page)
    canvas = page.locator("canvas").first
    picture = canvas.screenshot()
    assert canvas.screenshot() == picture
    chart = page.locator(".js-plotly-plot").first
    mark = chart.locator(".shapelayer path").first.get_attribute("d")
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.get_by_text("Epoch 2: training loss").wait_for()
    settled(page)
    expect(page.locator("table.twf-compare")).to_contain_text("tiny · epoch 2")
    assert numbers(page) != before
    until(page, lambda: canvas.screenshot() != picture, "another picture")
    expect(chart.locator(".shapelayer path").first).not_to_have_attribute("d", mark)
    link = page.locator("[data-testid=stCode] code").text_content()
    assert "epoch=2" in page.url
    assert link.split("?")[1] in page.url.replace("%3A", ":")
    again = visit(link)
    assert numbers(again) == numbers(page)


def test_masks_of_two_epochs_are_subtracted_in_linked_panels(visit: Any) -> None:
    """A pinned epoch stays while the scrubber moves, and their masks are subtracted."""
    page = visit(f"?entry=run:{RUN}&epoch=1")
    page.get_by_role("button", name="Pin this epoch").click()
    page.get_by_text("tiny · epoch 1 (2)").first.wait_for()
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    page.get_by_text("Epoch 4: training loss").wait_for()
    page.get_by_text("Mask differences", exact=True).first.click()
    page.get_by_text("Coefficients more").wait_for()
    settled(page)
    rows = page.locator("table.twf").first.locator("tr")
    expect(rows).to_have_count(5)
    assert any(
        float(rows.nth(i).locator("td").nth(4).text_content()) > 0 for i in range(1, 5)
    )  # fmt: skip
    assert "look=masks" in page.url


def test_an_image_made_elsewhere_is_uploaded_and_the_numbers_come_back(
    visit: Any, tmp_path: Path
) -> None:
    """A PNG that another program could have made; the CSV holds the numbers the shell measures."""
    pair = fuse_pair(*render_case(FIRST), load_method(rule="max", device="cpu"))
    (tmp_path / "theirs.png").write_bytes(encode_png(pair.fused8))
    page = visit("?entry=rule:max&entry=rule:mean")
    page.get_by_role("button", name="Add images").click()
    page.locator("input[type=file]").last.set_input_files(tmp_path / "theirs.png")
    page.locator("table.twf-compare").get_by_text("theirs").first.wait_for()
    settled(page)
    page.keyboard.press("Escape")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Measures (CSV)").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(text))}
    measured = scores(pair).values
    assert set(rows) == set(METRICS)
    for name in ("Qabf", "SSIM_Avg", "Qcv"):
        assert float(rows[name]["theirs"]) == pytest.approx(measured[name], abs=1e-5)
        assert rows[name]["theirs"] == rows[name]["Maximum"]
    expect(page.get_by_text("Uploaded fused images are not in it")).to_have_count(1)
