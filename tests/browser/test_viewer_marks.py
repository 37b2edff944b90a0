"""Picks, regions, ruler, scale bar and letters, read from the screen."""

import pytest

from tests.browser.viewer_page import CT_WINDOW, MRI_WINDOW, Screen, levels, sources

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_pick_reaches_python_and_values_are_read_out(screen: Screen) -> None:
    """A click sends row and column; the tiles show CT and MRI there in their own units."""
    ct, mri = sources()
    windowed = levels(ct, CT_WINDOW) / 255 + levels(mri, MRI_WINDOW) / 255
    fused = levels(windowed / 2, (0.5, 1.0))
    screen.click(30, 17, tile=1)
    screen.told("pick=Pick(row=30, col=17)")
    screen.reads(".v-value", f"{ct[30, 17]:.0f} HU")
    screen.reads(".v-value", f"{mri[30, 17]:.0f} a.u.", 1)
    screen.reads(".v-value", f"{fused[30, 17]} grey", 2)
    zoom = 100 * screen.settle()["scale"]
    screen.reads(".v-position", f"x 17, y 30 · 8.8, 30.5 mm · zoom {zoom:.0f} %")
    screen.page.mouse.move(5, 5)
    screen.page.keyboard.press("ArrowRight")
    screen.page.keyboard.press("Shift+ArrowUp")
    screen.told("pick=Pick(row=20, col=18)")
    screen.reads(".v-value", f"{ct[20, 18]:.0f} HU")


def test_region_reaches_python_with_its_statistics(screen: Screen) -> None:
    """A dragged rectangle sends its pixels and shows area, mean and spread as numpy has them."""
    ct, _ = sources()
    screen.page.locator("[data-name=roi]").click()
    screen.drag(screen.mouse(10, 12), screen.mouse(29, 31))
    screen.told("roi=Roi(row0=10, col0=12, row1=30, col1=32)")
    part = ct[10:30, 12:32]
    screen.reads(".v-roi", f"mean {part.mean():.1f} ± {part.std():.1f} HU")
    screen.reads(".v-measure", "region 20 × 20 px = 400 px² = 200.0 mm²")
    screen.page.keyboard.press("r")
    screen.told("roi=None")


def test_ruler_measures_millimetres(screen: Screen) -> None:
    """20 columns of 0.5 mm and 10 rows of 1 mm are sqrt(200) = 14.1 mm."""
    screen.page.locator("[data-name=ruler]").click()
    screen.drag(screen.mouse(10, 12), screen.mouse(20, 32))
    screen.reads(".v-measure", "distance 14.1 mm")


def light(screen: Screen, x: float, y: float, reach: int) -> int:
    """How many pixels around a place have the bluish white of letters and scale bar; the images
    themselves are grey."""
    count = """(e, [x, y, r]) => {
        const k = e.viewer().ratio;
        const box = [x - r, y - r, 2 * r, 2 * r].map((v) => Math.round(v * k));
        const d = e.getContext('2d').getImageData(...box).data;
        let n = 0;
        for (let i = 0; i < d.length; i += 4) {
            if (d[i + 2] - d[i] >= 6 && d[i + 2] > 120) n += 1; }
        return n; }"""
    return int(screen.canvas.evaluate(count, [x, y, reach]))


def test_the_scale_bar_is_as_long_as_it_says(screen: Screen) -> None:
    """The bar's length on the screen is its millimetres over 0.5 mm a column, also when zoomed."""
    for _ in range(2):
        view = screen.settle()
        bar = view["bar"]
        assert bar["right"] - bar["left"] == pytest.approx(bar["mm"] / 0.5 * view["scale"])
        assert light(screen, (bar["left"] + bar["right"]) / 2, bar["y"], 4) >= 6
        last = bar["mm"]
        screen.canvas.focus()
        for _ in range(4):
            screen.page.keyboard.press("+")
    assert screen.settle()["bar"]["mm"] <= last


def test_letters_stand_at_all_four_edges(screen: Screen) -> None:
    """R, L, A and P are drawn at left, right, top and bottom of every image, and told in words."""
    for tile in screen.settle()["tiles"]:
        x, y = tile["x"] + tile["w"] / 2, tile["y"] + tile["h"] / 2
        for place in (
            (tile["x"] + 12, y), (tile["x"] + tile["w"] - 12, y),
            (x, tile["y"] + 12), (x, tile["y"] + tile["h"] - 12),
        ):  # fmt: skip
            assert light(screen, *place, 9) >= 6
    words = screen.canvas.get_attribute("aria-description")
    assert words == "Left edge R, right edge L, top A, bottom P."


def test_escape_takes_the_crosshair_away(screen: Screen) -> None:
    """Escape clears a pick, and Python hears of it."""
    screen.click(20, 20)
    screen.told("pick=Pick(row=20, col=20)")
    screen.page.keyboard.press("Escape")
    screen.told("pick=None")
