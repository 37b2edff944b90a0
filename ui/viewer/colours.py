"""Colour tables of 256 RGBA entries, readable by colour-blind eyes."""

import numpy as np
from numpy.typing import NDArray

# Inferno (CC0), and a blue - near black - orange scale, both sampled at equal steps.
_INFERNO = "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4"
_BLUE_ORANGE = "9ecbff 4f9be8 2a68b4 193a63 14161a 5e3510 a85c12 e88d2a ffcf8a"


def _table(stops: str) -> NDArray[np.uint8]:
    """Interpolate hexadecimal colours into a read-only (256, 4) opaque table."""
    colours = np.array([list(bytes.fromhex(stop)) for stop in stops.split()], dtype=np.float64)
    at = np.linspace(0, len(colours) - 1, 256)
    channels = [np.interp(at, np.arange(len(colours)), colours[:, c]) for c in range(3)]
    table = np.full((256, 4), 255, dtype=np.uint8)
    table[:, :3] = np.rint(np.stack(channels, axis=1)).astype(np.uint8)
    table.flags.writeable = False
    return table


SEQUENTIAL = _table(_INFERNO)
DIVERGING = _table(_BLUE_ORANGE)


def fade(table: NDArray[np.uint8], centre: int = 0) -> NDArray[np.uint8]:
    """Make a table transparent at `centre` (0 to 255), more opaque with the distance from it.

    Args:
        table: (256, 4) uint8 RGBA.
        centre: The entry that shall vanish: 0 for a sequential, 128 for a diverging table.
    """
    faded = table.copy()
    distance = np.abs(np.arange(256) - centre) / max(centre, 255 - centre)
    faded[:, 3] = np.rint(255 * np.minimum(1.0, 2.0 * distance)).astype(np.uint8)
    return faded
