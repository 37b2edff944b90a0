"""Test pictures on which a property of the transform is plain to see."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIDE = 256


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Column and row distance from the centre, in pixels."""
    at = np.arange(SIDE) - (SIDE - 1) / 2
    return np.meshgrid(at, at)


def disc() -> NDArray[np.float32]:
    """A bright disc: its rim has every direction once."""
    x, y = _grid()
    return _picture(0.15 + 0.7 * np.clip(80.5 - np.hypot(x, y), 0, 1))


def zone_plate() -> NDArray[np.float32]:
    """Rings that grow finer outwards, up to the finest the pixels can hold at the border."""
    x, y = _grid()
    return _picture(0.5 + 0.45 * np.cos(np.pi * (x**2 + y**2) / SIDE))


def bars() -> NDArray[np.float32]:
    """Bars of 1 to 16 pixels: upright in the upper half, lying in the lower half."""
    picture = np.full((SIDE, SIDE), 0.2)
    half = SIDE // 2
    for index, width in enumerate((1, 2, 4, 8, 16)):
        start = 10 + 49 * index
        block = ((np.arange(40) // width) % 2)[None] * np.ones((half - 20, 1))
        picture[10 : half - 10, start : start + 40] += 0.6 * block
        rows = ((np.arange(half - 20) // width) % 2)[:, None] * np.ones((1, 40))
        picture[half + 10 : SIDE - 10, start : start + 40] += 0.6 * rows
    return _picture(picture)


def point() -> NDArray[np.float32]:
    """One bright pixel in the dark: the answer of every filter to it is the filter itself."""
    picture = np.zeros((SIDE, SIDE))
    picture[SIDE // 2, SIDE // 2] = 1
    return _picture(picture)


def slope() -> NDArray[np.float32]:
    """A smooth slope that curves: filters with enough vanishing moments see nothing in it."""
    x, y = _grid()
    u, v = x / SIDE, y / SIDE
    return _picture(0.45 + 0.4 * u + 0.5 * v**2 - 0.3 * u * v)


def _picture(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.clip(values, 0, 1).astype(np.float32)


PICTURES: dict[str, Callable[[], NDArray[np.float32]]] = {
    "Disc": disc,
    "Rings, coarse to fine": zone_plate,
    "Bars, 1 to 16 px": bars,
    "Single point": point,
    "Smooth slope": slope,
}
"""Test pictures by the name the menu shows."""
