"""The app's colours: one for CT, one for MRI, everywhere; safe for colour-blind readers."""

import numpy as np
from numpy.typing import NDArray

CT = "#f0a346"
MRI = "#58a8ee"
CLOSED_CT = "#9a80d6"
CLOSED_MRI = "#d57f92"
CLIPPING = "#c9d1d9"
SHOWN = "#eef2f5"
TEXT = "#dfe6ec"
MUTED = "#9aa8b5"
GRID = "#2a3540"
GROUND = "#0c1116"
PANEL = "#161d25"

_NEUTRAL = (150, 156, 162)


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a ``#rrggbb`` colour."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def diverging(low: str, high: str) -> NDArray[np.uint8]:
    """A colour table that is neutral and nearly clear at its centre and strong at both ends.

    Args:
        low: colour of 0, ``#rrggbb``.
        high: colour of 255.

    Returns:
        (256, 4) uint8: red, green, blue, opacity.
    """
    position = np.linspace(-1, 1, 256)[:, None]
    strength = np.abs(position)
    end = np.where(position < 0, np.array(rgb(low)), np.array(rgb(high)))
    colour = np.array(_NEUTRAL) * (1 - strength) + end * strength
    opacity = 255 * (0.12 + 0.88 * strength**0.8)
    return _bytes(colour, opacity)


def gate_table(source: str, convex: bool) -> NDArray[np.uint8]:
    """The table of a gate: its own source's colour at 1, neutral at 0.5.

    Args:
        source: "CT" or "MRI".
        convex: whether 0 means that all comes from the other source, whose colour it then has;
            otherwise 0 only means that nothing of this one passes, and has a colour of its own.
    """
    if source == "CT":
        return diverging(MRI if convex else CLOSED_CT, CT)
    return diverging(CT if convex else CLOSED_MRI, MRI)


def signed_table() -> NDArray[np.uint8]:
    """Opaque table for differences: purple below zero, black at zero, green above."""
    position = np.linspace(-1, 1, 256)[:, None]
    end = np.where(position < 0, np.array(rgb("#c9a0e0")), np.array(rgb("#a6dba0")))
    colour = end * np.abs(position) ** 0.7 + np.array(rgb(GROUND)) * (1 - np.abs(position) ** 0.7)
    return _bytes(colour, np.full((256, 1), 255.0))


def change_table() -> NDArray[np.uint8]:
    """Layer for differences over an image: purple below zero, clear at zero, green above."""
    position = np.linspace(-1, 1, 256)[:, None]
    strength = np.abs(position) ** 0.6
    end = np.where(position < 0, np.array(rgb("#a64ee6")), np.array(rgb("#2fc25b")))
    # Darker towards zero as well, so that a legend without opacity reads the same.
    return _bytes(end * strength + np.array(rgb(GROUND)) * (1 - strength), 255 * strength)


def _bytes(colour: NDArray[np.float64], opacity: NDArray[np.float64]) -> NDArray[np.uint8]:
    table: NDArray[np.uint8] = np.rint(np.hstack((colour, opacity))).astype(np.uint8)
    return table
