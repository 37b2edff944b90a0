"""What-if in headless chromium: the pixels that the sliders make, their measures and exports."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from pipelines import altered
from pipelines.altered import Alteration
from pipelines.cases import CASES, render_case
from pipelines.fuse import FusedPair, fuse_pair, to_8bit
from pipelines.methods import load_method
from tests.app_driver import write_checkpoints
from tests.browser.test_app_browser import expect, settled, until
from tests.browser.viewer_page import DRAWN
from ui.quality import number

pytestmark = [pytest.mark.slow, pytest.mark.browser]

BANDS = 10


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> FusedPair:
    """What the app shows at first: the first case, fused by the checkpoint `default`."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoints(folder)
    method = load_method(checkpoint=folder / "default.safetensors", device="cpu")
    return fuse_pair(*render_case(next(iter(CASES.values()))), method)


@pytest.fixture
def whatif(page: Any) -> Iterator[Any]:
    """The What-if page with its sliders."""
    page.locator("canvas.v-canvas").first.wait_for()
    page.get_by_role("link", name="What-if").first.click()
    page.locator("[data-name=factor-ct-LL3]").wait_for()
    page.get_by_role("heading", name="What it does to the measures").wait_for()
    settled(page)
    yield page
    assert page.get_by_test_id("stAlert").count() == 0


def drawn(page: Any) -> np.ndarray:
    """The altered image's samples in the browser, (256, 256)."""
    page.locator(".v-mixer:not([data-pending])").wait_for()
    canvas = page.locator("canvas.v-canvas")
    canvas.evaluate(DRAWN)
    values = canvas.evaluate("e => Array.from(e.samples(1))")
    return np.array(values, np.uint8).reshape(256, 256)


def made(pair: FusedPair, chosen: Alteration) -> np.ndarray:
    return altered.altered_image(altered.parts(pair, chosen.weights), chosen)


def state(page: Any) -> str:
    return str(page.locator(".v-mixstate").inner_text())


def test_untouched_sliders_show_the_learned_image(whatif: Any, pair: FusedPair) -> None:
    """With every factor 1 the altered image is the fused image, pixel for pixel."""
    np.testing.assert_array_equal(drawn(whatif), pair.fused8)
    assert state(whatif).startswith("Masks as learned")
    assert whatif.locator("[data-name=mix-learned]").is_disabled()


def test_sliders_and_mutes_draw_what_python_computes(whatif: Any, pair: FusedPair) -> None:
    """Scaled, doubled and muted bands give Python's image, and reset leads back."""
    names = tuple(name for name, _ in pair.result.ct.items())  # type: ignore[union-attr]
    assert len(names) == BANDS
    whatif.locator("[data-name=factor-ct-LL3]").fill("0.4")
    whatif.locator("[data-name=factor-mri-HH1]").fill("2")
    whatif.locator("[data-name=mute-mri-LH2]").click()
    slider = whatif.locator("[data-name=factor-ct-HL2]")
    slider.focus()
    for _ in range(3):
        whatif.keyboard.press("ArrowRight")
    ct, mri = [1.0] * BANDS, [1.0] * BANDS
    ct[0], ct[names.index("HL2")] = 0.4, 1.15
    mri[names.index("HH1")], mri[names.index("LH2")] = 2.0, 0.0
    chosen = Alteration(names, "learned", tuple(ct), tuple(mri))
    difference = np.abs(drawn(whatif).astype(int) - made(pair, chosen))
    # Sums in another order differ by a rounding, which can tip a value that lies at a half.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3
    whatif.get_by_text(f"Altered: {chosen.words()}.").wait_for()
    # Muting twice gives the factor back.
    whatif.locator("[data-name=mute-mri-LH2]").click()
    assert whatif.locator("[data-name=factor-mri-LH2]").input_value() == "1"
    whatif.locator("[data-name=mix-learned]").click()
    np.testing.assert_array_equal(drawn(whatif), pair.fused8)


def test_all_ct_all_mri_and_swap(whatif: Any, pair: FusedPair) -> None:
    """All CT is the CT's windowed image, swap then the MRI's, and reset the learned one."""
    whatif.locator("[data-name=mix-ct]").click()
    np.testing.assert_array_equal(drawn(whatif), to_8bit(pair.ct01))
    assert whatif.locator("[data-name=factor-mri-LL3]").is_disabled()
    whatif.locator("[data-name=mix-swap]").click()
    np.testing.assert_array_equal(drawn(whatif), to_8bit(pair.mri01))
    whatif.locator("[data-name=mix-learned]").click()
    np.testing.assert_array_equal(drawn(whatif), pair.fused8)
    whatif.locator("[data-name=mix-swap]").click()
    whatif.get_by_text("Altered: the CT with the MRI's masks").wait_for()
    names = tuple(name for name, _ in pair.result.ct.items())  # type: ignore[union-attr]
    expected = made(pair, Alteration.none(names, "swapped"))
    assert np.abs(drawn(whatif).astype(int) - expected).max() <= 1


def test_muting_a_whole_source_leaves_the_other_part(whatif: Any, pair: FusedPair) -> None:
    """With the MRI's column muted the image is the CT part, which is not the CT."""
    whatif.locator("[data-name=mute-all-mri]").click()
    names = tuple(name for name, _ in pair.result.ct.items())  # type: ignore[union-attr]
    chosen = Alteration(names, "learned", (1.0,) * BANDS, (0.0,) * BANDS)
    part = drawn(whatif).astype(int)
    assert np.abs(part - made(pair, chosen)).max() <= 1
    assert np.abs(part - to_8bit(pair.ct01)).max() > 20


def test_measures_follow_and_stand_beside_the_learned_ones(whatif: Any, pair: FusedPair) -> None:
    """After a release the table holds the altered image's edges kept, as Python computes it."""
    names = tuple(name for name, _ in pair.result.ct.items())  # type: ignore[union-attr]
    whatif.locator("[data-name=factor-ct-LL3]").fill("0.2")
    whatif.get_by_text("Altered: CT LL3 × 0.2.").wait_for()
    chosen = Alteration(names, "learned", (0.2, *(1.0,) * 9), (1.0,) * 10)
    before = altered.altered_scores(pair, pair.fused8).values["Qabf"]
    after = altered.altered_scores(pair, made(pair, chosen)).values["Qabf"]
    cells = whatif.locator("table.twf tr").nth(2).locator("td")
    expect(cells.nth(1)).to_have_text(number(before))
    expect(cells.nth(2)).to_have_text(number(after))
    expect(cells.nth(4)).to_have_text("better" if after > before else "worse")


def test_an_altered_image_goes_home_marked(whatif: Any, pair: FusedPair, tmp_path: Path) -> None:
    """The exported PNG says in its name and its data that it was altered; JSON has the factors."""
    whatif.locator("[data-name=factor-mri-LL3]").fill("0.5")
    whatif.get_by_text("Altered: MRI LL3 × 0.5.").wait_for()
    whatif.get_by_role("button", name="Export altered").click()
    files = {}
    for label in ("Altered image, marked in its data only (PNG)", "Factors and measures (JSON)"):
        with whatif.expect_download() as waiting:
            whatif.get_by_role("button", name=label, exact=True).click()
        files[waiting.value.suggested_filename] = Path(waiting.value.path()).read_bytes()
    png, values = files
    assert "_altered_" in png
    image = PIL.Image.open(io.BytesIO(files[png]))
    assert "MRI LL3 × 0.5" in image.info["Altered"]
    assert np.abs(np.asarray(image).astype(int) - drawn(whatif)).max() <= 1
    assert json.loads(files[values])["alteration"]["mri"]["LL3"] == 0.5


def test_sliders_survive_a_look_at_another_page(whatif: Any) -> None:
    """Back from another page the sliders stand as they were left, and the measures follow."""
    whatif.locator("[data-name=factor-ct-HH1]").fill("0.3")
    whatif.get_by_text("Altered: CT HH1 × 0.3.").wait_for()
    whatif.get_by_role("link", name="Masks").first.click()
    whatif.get_by_role("heading", name="Masks", exact=True).wait_for()
    whatif.get_by_role("link", name="What-if").first.click()
    slider = whatif.locator("[data-name=factor-ct-HH1]")
    slider.wait_for()
    assert slider.input_value() == "0.3"
    whatif.get_by_text("Altered: CT HH1 × 0.3.").wait_for()


@pytest.mark.parametrize("size", [(1440, 900), (1024, 768)])
def test_no_slider_is_cut_off(whatif: Any, size: tuple[int, int]) -> None:
    """Every slider, button and number lies within the viewer at both screen sizes."""
    whatif.set_viewport_size({"width": size[0], "height": size[1]})
    settled(whatif)
    outside = """root => { const box = root.getBoundingClientRect();
        return [...root.querySelectorAll('.v-mixer button, .v-mixer input, .v-mixer output')]
            .map(n => [n.dataset.name || n.textContent, n.getBoundingClientRect()])
            .filter(([, b]) => b.width < 12 || b.left < box.left || b.right > box.right + 0.5
                || b.bottom > box.bottom).map(([name]) => name); }"""
    root = whatif.locator(".v-root")
    until(whatif, lambda: root.evaluate(outside) == [], "all sliders inside")
