"""The wavelet laboratory in a real browser: a click on a coefficient, the charts, the files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fusion_core.wavelets import analyse
from pipelines.cases import CASES
from tests.browser.test_app_browser import settled
from ui.lab import images, mosaic

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def open_lab(page: Any, address: str, view: str) -> None:
    """Go to a view of the laboratory and wait for its heading and the end of the run."""
    page.goto(f"{address}/lab?view={view}")
    page.get_by_role("heading", name="Wavelet lab").wait_for()
    settled(page)


def first_case() -> Any:
    """The image that a new visitor sees."""
    return images.load(images.ImageChoice(images.HEAD, next(iter(CASES)), "CT"))


def test_a_click_on_a_coefficient_shows_its_atom(page: Any, app_address: str) -> None:
    """The band, place and value named after a click are those of that pixel of the mosaic."""
    open_lab(page, app_address, "pyramid")
    canvas = page.locator("canvas").first
    canvas.wait_for()
    box = canvas.bounding_box()
    canvas.click(position={"x": 0.55 * box["width"], "y": 0.6 * box["height"]})
    settled(page)
    page.get_by_text("The strongest of its band").wait_for(state="detached")
    text = page.locator("[data-testid=stCaptionContainer]", has_text="It touches").inner_text()
    band, row, column = text.split(":")[0].replace("row ", "").replace("column ", "").split(", ")
    bands = analyse(first_case().tensor, "haar", 2)
    value = 255 * float(dict(bands.items())[band][0, 0, int(row), int(column)])
    shown = text.split("value ")[1].split(". It")[0].replace("−", "-")
    assert float(shown) == pytest.approx(value, abs=0.051)
    side = 2 ** int(band[2:])
    assert f"{side} × {side} pixels" in text


def test_charts_are_saved_as_svg_and_pictures_as_png(
    page: Any, app_address: str, tmp_path: Path
) -> None:
    """The camera of a chart gives an SVG with its axis titles; the picture is the mosaic itself."""
    open_lab(page, app_address, "pyramid")
    chart = page.locator(".js-plotly-plot").first
    chart.scroll_into_view_if_needed()
    chart.hover()
    with page.expect_download() as found:
        chart.locator(".modebar-btn").first.click()
    svg = Path(found.value.path()).read_text(encoding="utf-8")
    assert found.value.suggested_filename.endswith("_energy.svg")
    assert svg.startswith("<svg")
    assert "Share of the energy" in svg
    with page.expect_download() as found:
        page.get_by_role("button", name="Save the bands (PNG)").click()
    saved = PIL.Image.open(io.BytesIO(Path(found.value.path()).read_bytes()))
    expected = mosaic.build(analyse(first_case().tensor, "haar", 2)).pixels
    np.testing.assert_array_equal(np.asarray(saved), expected)
    assert "not for diagnosis" in saved.info["Comment"]


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_no_view_overflows_its_window(page: Any, app_address: str, size: tuple[int, int]) -> None:
    """At both sizes no view of the transform scrolls sideways or shows an error."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for view in ("wavelet", "pyramid", "edges", "boundaries", "denoise", "ringing"):
        open_lab(page, app_address, view)
        main = "document.querySelector('[data-testid=stMain]')"
        assert page.evaluate(f"{main}.scrollWidth - {main}.clientWidth") <= 1, view
        assert page.locator("[data-testid=stAlertContentError]").count() == 0, view


def test_the_switch_of_views_works_by_keyboard_and_is_linked(page: Any, app_address: str) -> None:
    """Tab and Enter reach another view, the address names it, and a reload keeps it."""
    open_lab(page, app_address, "wavelet")
    button = page.get_by_role("radio", name="Edges").or_(page.get_by_role("button", name="Edges"))
    button.first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Which band answers to an edge").wait_for()
    page.wait_for_url("**/lab?view=edges")
    page.reload()
    page.get_by_role("heading", name="Which band answers to an edge").wait_for()
