"""The one thing that crosses imaging's border: pixels in true units, with their geometry."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from imaging.windowing import Window


@dataclass(frozen=True, eq=False)
class Image:
    """One grey image as its file means it.

    Args:
        pixels: (H, W) float32, finite, in true units (16-bit data keeps its 0..65535).
        value_range: (low, high) the format declares; for float, signed and DICOM data deeper
            than 8 bits the smallest and largest value present.
        unit: "grey", "HU", or the unit a DICOM file names.
        spacing: (row, column) distance between pixel centres in mm; None if the file has none.
        modality: "CT", "MR", or None where the file does not say.
        name: the file's name, for messages and exports.
        notes: sentences about what was changed while reading, to be shown to the user.
        window: the file's own window, or None.
        orientation: patient directions at the (left, right, top, bottom) edge, or None.

    Raises:
        ValueError: the pixels are not a non-empty (H, W) float32 array.
    """

    pixels: NDArray[np.float32]
    value_range: tuple[float, float]
    unit: str = "grey"
    spacing: tuple[float, float] | None = None
    modality: str | None = None
    name: str = "image"
    notes: tuple[str, ...] = ()
    window: "Window | None" = None
    orientation: tuple[str, str, str, str] | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32 or self.pixels.size == 0:
            raise ValueError(
                f"Image needs a non-empty (H, W) float32 array, "
                f"not {self.pixels.dtype} {self.pixels.shape}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pixels.shape[0], self.pixels.shape[1]


def finite_range(pixels: NDArray[np.float32]) -> tuple[float, float]:
    """Smallest and largest value of an array without NaN or infinity."""
    return float(pixels.min()), float(pixels.max())
