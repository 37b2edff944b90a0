"""Whether the app's words can be read: contrast by WCAG 2.2, criterion 1.4.3."""

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
