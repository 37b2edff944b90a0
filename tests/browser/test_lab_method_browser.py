"""The fusion half of the laboratory in headless chromium: painting, lesson, saved pictures."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest

from fusion_core.model import gate
from fusion_core.wavelets import synthesise
from tests.browser.test_app_browser import settled
from ui.lab import paint_masks
from ui.lab.paint_masks import Canvas

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAINTER = "canvas.p-canvas"
STATE = """c => {
  const { shown, took, masks, ct, mri } = c.painter();
  return { shown: [...shown], took, masks: masks.map((m) => [...m]), ct: [...ct], mri: [...mri] };
}"""
SIDE = 256


def open_view(page: Any, address: str, view: str) -> None:
    """Open a view of the laboratory by its address and wait until it stands."""
    page.goto(f"{address}/lab?view={view}")
    page.get_by_role("heading", name="Wavelet lab").wait_for()
    settled(page)


def state(page: Any) -> dict[str, Any]:
    """What the painter holds, after its last frame."""
    page.wait_for_timeout(150)
    return dict(page.locator(PAINTER).nth(1).evaluate(STATE))


def stroke(page: Any, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag the brush over the mask, in shares of its width and height."""
    box = page.locator(PAINTER).first.bounding_box()
    x, y = box["x"], box["y"]
    page.mouse.move(x + start[0] * box["width"], y + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(x + end[0] * box["width"], y + end[1] * box["height"], steps=12)
    page.mouse.up()


def by_python(found: dict[str, Any], levels: int) -> np.ndarray:
    """The fusion of the browser's masks, computed by the program's own transform."""
    ct, mri = (np.array(found[k], np.uint8).reshape(SIDE, SIDE) for k in ("ct", "mri"))
    painted = [np.array(mask, np.uint8).reshape(SIDE, SIDE) for mask in found["masks"]]
    times = (levels, *(j for j in range(levels, 0, -1) for _ in range(3)))
    masks = tuple(paint_masks.pool(m, n) for m, n in zip(painted, times, strict=True))
    result = paint_masks.fuse(Canvas(ct, mri, levels, ()), masks)
    assert result.masks is not None
    assert result.ct is not None
    assert result.mri is not None
    fused = synthesise(gate(result.masks, result.ct, result.mri), "haar", (SIDE, SIDE))
    return 255 * fused[0, 0].double().numpy()


def test_the_brush_paints_what_python_computes(page: Any, app_address: str) -> None:
    """After strokes on all bands and on one, the shown image is Python's within a grey level."""
    open_view(page, app_address, "paint-a-mask")
    page.get_by_text("3", exact=True).click()
    settled(page)
    page.locator(PAINTER).nth(1).wait_for()
    stroke(page, (0.3, 0.3), (0.7, 0.5))
    page.get_by_role("button", name="HL2", exact=True).click()
    page.get_by_role("button", name="MRI", exact=True).first.click()
    stroke(page, (0.4, 0.6), (0.6, 0.6))
    settled(page)
    found = state(page)
    masks = np.array(found["masks"])
    assert (masks == 255).any(1).all()  # the first stroke reached every band
    assert [int((mask == 0).any()) for mask in masks] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    shown = np.array(found["shown"]).reshape(SIDE, SIDE)
    assert np.abs(shown - by_python(found, 3)).max() < 0.5


def test_a_stroke_changes_the_scores_and_undo_brings_them_back(page: Any, app_address: str) -> None:
    """The numbers beside follow the brush; undo restores mask and numbers."""
    open_view(page, app_address, "paint-a-mask")
    cells = page.locator("table.twf tbody td.n")
    cells.first.wait_for()
    before, masks = cells.all_text_contents(), state(page)["masks"]
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    page.wait_for_function(
        "t => document.querySelector('table.twf tbody td.n').textContent !== t", arg=before[0]
    )
    assert state(page)["masks"] != masks
    page.locator(PAINTER).first.focus()
    page.keyboard.press("Control+z")
    page.wait_for_function(
        "t => document.querySelector('table.twf tbody td.n').textContent === t", arg=before[0]
    )
    assert state(page)["masks"] == masks
    assert cells.all_text_contents() == before


def test_the_brush_works_by_keyboard(page: Any, app_address: str) -> None:
    """Arrows move the brush, M chooses the MRI and space paints a dab there."""
    open_view(page, app_address, "paint-a-mask")
    page.locator(PAINTER).first.wait_for()
    page.locator(PAINTER).first.focus()
    for key in ("m", "ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    settled(page)
    mask = np.array(state(page)["masks"][0]).reshape(SIDE, SIDE)
    assert mask[SIDE // 2, SIDE // 2] < 20
    assert mask[5, 5] == 128


def test_a_painting_outlives_a_change_of_view(page: Any, app_address: str) -> None:
    """Coming back from another view, the mask is as it was left."""
    open_view(page, app_address, "paint-a-mask")
    page.locator(PAINTER).first.wait_for()
    stroke(page, (0.3, 0.3), (0.6, 0.4))
    settled(page)
    masks = state(page)["masks"]
    page.get_by_text("Step by step", exact=True).click()
    page.get_by_text("Step 1 of 7").wait_for()
    page.get_by_text("Paint a mask", exact=True).click()
    page.locator(PAINTER).nth(1).wait_for()
    assert state(page)["masks"] == masks


def test_a_link_opens_the_lesson_and_page_down_turns_it(page: Any, app_address: str) -> None:
    """``?step=6`` opens the sixth step in large type; PageDown and PageUp turn the steps."""
    page.goto(f"{app_address}/lab?step=6")
    title = page.get_by_role("heading", name="Putting it together")
    title.wait_for()
    page.locator("canvas.v-canvas").first.wait_for()
    settled(page)
    assert title.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 28
    page.keyboard.press("PageDown")
    page.get_by_text("7 of 10", exact=True).wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    settled(page)
    assert "step=7" in page.url
    page.keyboard.press("PageUp")
    page.get_by_text("6 of 10", exact=True).wait_for()
    assert page.get_by_test_id("stAlert").count() == 0


def test_no_view_scrolls_sideways_on_a_small_screen(page: Any, app_address: str) -> None:
    """At 1024 x 768 no view of the fusion is wider than the window, and no button is cut."""
    page.set_viewport_size({"width": 1024, "height": 768})
    views = ("lesson", "step-by-step", "paint-a-mask", "before-and-after-training", "mr-contrast")
    for view in views:
        open_view(page, app_address, view)
        wide = "e => e.scrollWidth - e.clientWidth"
        assert page.get_by_test_id("stMain").evaluate(wide) <= 1
        cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
        assert page.get_by_test_id("stButton").locator("button p").evaluate_all(cut) == []


def test_a_step_is_saved_as_a_stamped_picture(page: Any, app_address: str) -> None:
    """The picture of a step comes as a PNG that holds both images and says what it is."""
    open_view(page, app_address, "step-by-step")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as PNG").click()
    with open(waiting.value.path(), "rb") as file:
        picture = PIL.Image.open(io.BytesIO(file.read()))
    assert waiting.value.suggested_filename.endswith("_step1.png")
    assert picture.info["Warning"] == "Research, not for diagnosis"
    assert picture.width > 2 * SIDE
    assert np.asarray(picture).std() > 10
