"""All bands of a decomposition in one picture, nested as in the textbooks."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fusion_core.wavelets import Subbands

Contrast = Literal["band", "common"]
Look = Literal["signed", "size"]

MIDDLE, GAP = 128, 2
_SPREAD = 99.5
"""Percentile of absolute coefficients that becomes full contrast; a few strongest are cut off."""


@dataclass(frozen=True)
class Tile:
    """Where a band lies in the mosaic.

    Attributes:
        band: its name.
        top, left: first row and column in the mosaic.
        height, width: of the band.
        scale: the absolute coefficient that has full contrast.
    """

    band: str
    top: int
    left: int
    height: int
    width: int
    scale: float


@dataclass(frozen=True, eq=False)
class Mosaic:
    """The picture and what lies where."""

    pixels: NDArray[np.uint8]
    tiles: tuple[Tile, ...]

    def find(self, row: int, column: int) -> tuple[str, int, int] | None:
        """Band, row and column of the coefficient at a pixel; None between the bands."""
        for tile in self.tiles:
            inside = 0 <= row - tile.top < tile.height and 0 <= column - tile.left < tile.width
            if inside:
                return tile.band, row - tile.top, column - tile.left
        return None


def build(bands: Subbands, contrast: Contrast = "band", look: Look = "signed") -> Mosaic:
    """Lay out LL at the top left, and around it per level LH below, HL at the right, HH across.

    Args:
        bands: a decomposition of one image, (1, 1, h, w) each.
        contrast: "band" stretches every band by itself, "common" all details alike.
        look: "signed" shows zero as mid-grey, "size" shows absolute values from black.
    """
    arrays = {name: band[0, 0].numpy() for name, band in bands.items()}
    scales = {name: _scale(array) for name, array in arrays.items()}
    if contrast == "common":
        largest = max(scale for name, scale in scales.items() if not name.startswith("LL"))
        scales |= {name: largest for name in scales if not name.startswith("LL")}
    (ll_name, ll), *_ = arrays.items()
    canvas = _stretch(ll)
    tiles = [Tile(ll_name, 0, 0, ll.shape[0], ll.shape[1], scales[ll_name])]
    for level in range(bands.levels, 0, -1):
        suffix = "" if bands.levels == 1 else str(level)
        height, width = arrays[f"LH{suffix}"].shape
        # A coarser level's mosaic may be larger than the band it came from, by its filters' reach.
        top, left = max(canvas.shape[0], height) + GAP, max(canvas.shape[1], width) + GAP
        larger = np.zeros((top + height, left + width), np.uint8)
        larger[: canvas.shape[0], : canvas.shape[1]] = canvas
        for kind, (row, column) in {"LH": (top, 0), "HL": (0, left), "HH": (top, left)}.items():
            name = f"{kind}{suffix}"
            shown = _grey(arrays[name], scales[name], look)
            larger[row : row + height, column : column + width] = shown
            tiles.append(Tile(name, row, column, height, width, scales[name]))
        canvas = larger
    return Mosaic(canvas, tuple(tiles))


def _scale(array: NDArray[np.float64]) -> float:
    """Full contrast of a band: a high percentile, or the largest value of a nearly empty band."""
    size = np.abs(array)
    return float(np.percentile(size, _SPREAD)) or float(size.max()) or 1.0


def _stretch(array: NDArray[np.float64]) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    return np.rint(255 * (array - low) / max(high - low, 1e-12)).astype(np.uint8)


def _grey(array: NDArray[np.float64], scale: float, look: Look) -> NDArray[np.uint8]:
    share = array / scale
    grey = MIDDLE + 127 * share if look == "signed" else 255 * np.abs(share)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
