"""Whether the app's words can be read: contrast by WCAG 2.2, criterion 1.4.3."""

import re
import tomllib
from pathlib import Path

import pytest

from ui import theme
from ui.colours import CT, GROUND, MRI, MUTED, PANEL, TEXT, rgb

SETTINGS = tomllib.loads(
    (Path(__file__).resolve().parents[1] / ".streamlit" / "config.toml").read_text("utf-8")
)["theme"]
RAIL = SETTINGS["sidebar"]["backgroundColor"]
READABLE = 4.5
"""Smallest contrast of small text."""
SEEN = 3.0
"""Smallest contrast of what shows where a control is and where the focus is (criterion 1.4.11)."""


def luminance(colour: str) -> float:
    """Relative luminance of a ``#rrggbb`` colour."""
    parts = [value / 255 for value in rgb(colour)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """From 1, the same, to 21, black and white."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_black_and_white_have_the_largest_contrast() -> None:
    """The measure gives 21 for black on white and 1 for a colour on itself."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast(CT, CT) == 1


@pytest.mark.parametrize("ground", [GROUND, PANEL, RAIL])
@pytest.mark.parametrize("colour", [TEXT, MUTED, CT, MRI])
def test_words_stand_out_from_every_ground(colour: str, ground: str) -> None:
    """Words in every colour that is used for them reach 4.5 on page, panels and rail."""
    assert contrast(colour, ground) >= READABLE


def test_words_on_the_accent_are_dark() -> None:
    """On the bright accent white would not be readable, so the style sheet takes the ground."""
    accent = SETTINGS["primaryColor"]
    assert contrast("#ffffff", accent) < READABLE <= contrast(GROUND, accent)
    rule = next(line for line in theme._CSS.split("}\n") if "[data-tag]" in line)
    assert 'stBaseButton-primary"]:enabled' in rule
    assert f"color: {GROUND} !important" in rule


@pytest.mark.parametrize("place", [SETTINGS, SETTINGS["sidebar"]], ids=["page", "rail"])
def test_inputs_and_buttons_have_a_border_that_is_seen(place: dict[str, str]) -> None:
    """Streamlit draws widgets' borders in borderColor; it stands out inside and outside of them."""
    assert SETTINGS["showWidgetBorder"]
    for ground in (place["backgroundColor"], place["secondaryBackgroundColor"]):
        assert contrast(place["borderColor"], ground) >= SEEN


@pytest.mark.parametrize("style", ["viewer/frame.css", "viewer/mixer.css", "lab/painter.css"])
def test_controls_of_the_viewer_take_that_border(style: str) -> None:
    """Menus and buttons of our own components are framed in the theme's colour as well."""
    text = (Path(theme.__file__).parent / style).read_text("utf-8")
    assert re.search(r"border(-color)?: [^;]*var\(--[vp]-edge\)", text)
    for colour in re.findall(r"--[vp]-edge: var\(--st-border-color, (#\w{6})\)", text):
        assert colour == SETTINGS["borderColor"]


def test_the_focus_is_seen_on_every_ground() -> None:
    """The ring around what the keyboard is on has the accent's colour and stands out."""
    rule = next(line for line in theme._CSS.split("}\n") if ":focus-visible {outline: 2px" in line)
    colour = re.search(r"solid (#\w{6})", rule)
    assert colour
    for ground in (GROUND, PANEL, RAIL, SETTINGS["sidebar"]["secondaryBackgroundColor"]):
        assert contrast(colour[1], ground) >= SEEN
