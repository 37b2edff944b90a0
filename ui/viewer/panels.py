"""What a viewer shows and what it answers, as frozen dataclasses."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .mixing import Mix

MODES = ("side", "blend", "swipe", "checker", "flicker", "wash")


class Pick(NamedTuple):
    """A pixel of the common grid."""

    row: int
    col: int


class Roi(NamedTuple):
    """A rectangle of whole pixels: rows row0 to row1 - 1, columns col0 to col1 - 1."""

    row0: int
    col0: int
    row1: int
    col1: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index an (H, W) array with this."""
        return slice(self.row0, self.row1), slice(self.col0, self.col1)


@dataclass(frozen=True)
class Preset:
    """A named window, in the unit of the panels it is offered for.

    Args:
        name: Short text for the menu, "brain".
        center: Middle of the window.
        width: Width of the window, above 0.
    """

    name: str
    center: float
    width: float


@dataclass(frozen=True)
class Stack:
    """Where the images of a viewer lie in a stack of slices.

    Args:
        index: Of the slice that is shown, from 0.
        count: How many there are.
        label: What one is called, "slice".
    """

    index: int
    count: int
    label: str = "slice"

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"There is no slice {self.index} in a stack of {self.count}.")


@dataclass(frozen=True, eq=False)
class Overlay:
    """A coloured 8-bit image to lay over a panel, with a legend.

    Args:
        pixels: (h, w) uint8; stretched over the panel, so a mask may stay at its band's size.
        table: (256, 4) uint8 RGBA, the colour of every sample.
        label: What the colours mean, for the legend.
        minimum: The value of sample 0.
        maximum: The value of sample 255.
        unit: Appended to the label.
        decimals: Decimals of the numbers shown.
    """

    pixels: NDArray[np.uint8]
    table: NDArray[np.uint8]
    label: str
    minimum: float = 0.0
    maximum: float = 1.0
    unit: str = ""
    decimals: int = 2

    def __post_init__(self) -> None:
        _check_pixels(self.pixels, f"the overlay {self.label!r}", (np.uint8,))
        _check_table(self.table, f"the overlay {self.label!r}")
        if not self.minimum < self.maximum:
            raise ValueError(f"The overlay {self.label!r} needs minimum < maximum.")

    @cached_property
    def digest(self) -> str:
        """A name for the content, by which the browser keeps what it already drew."""
        return content_digest(self.pixels, self.table)


@dataclass(frozen=True, eq=False)
class Panel:
    """One image of a viewer.

    Args:
        title: Heading of the panel.
        pixels: (H, W) uint8 or uint16 samples.
        unit: The unit of the values, "HU", "grey" or "".
        role: "ct", "mri", "fused", "mask" or a word of the page's own; panels of one role share
            one window, and "fused" panels are marked while a window differs from the given one.
        value_map: (slope, intercept): value = slope * sample + intercept, in `unit`.
        window: (center, width) in `unit` as applied for the fusion. None: 8-bit samples are shown
            as they are and cannot be windowed, 16-bit samples start with their full range.
        table: (256, 4) uint8 RGBA colours for the grey levels, with a legend; None is grey.
        overlay: A coloured layer over this panel.
        decimals: Decimals of values shown; None derives them from the slope.
    """

    title: str
    pixels: NDArray[np.uint8] | NDArray[np.uint16]
    unit: str = "grey"
    role: str = "image"
    value_map: tuple[float, float] = (1.0, 0.0)
    window: tuple[float, float] | None = None
    table: NDArray[np.uint8] | None = None
    overlay: Overlay | None = None
    decimals: int | None = None

    def __post_init__(self) -> None:
        _check_pixels(self.pixels, f"the panel {self.title!r}", (np.uint8, np.uint16))
        if self.table is not None:
            _check_table(self.table, f"the panel {self.title!r}")
        slope, intercept = self.value_map
        if not (math.isfinite(slope) and math.isfinite(intercept) and slope != 0):
            raise ValueError(
                f"The panel {self.title!r} needs a finite value map with a slope other than 0."
            )
        if self.window is not None and as_window(self.window) is None:
            raise ValueError(
                f"The panel {self.title!r} needs a window (center, width) of finite numbers "
                f"with width > 0, not {self.window!r}."
            )

    @classmethod
    def from_values(
        cls,
        title: str,
        values: NDArray[Any],
        unit: str,
        role: str = "image",
        window: tuple[float, float] | None = None,
        **more: Any,
    ) -> "Panel":
        """Hold true values as 16-bit samples: whole numbers exactly, others to range / 65535.

        Args:
            values: (H, W) numbers in `unit`; NaN is taken for the smallest value.
            more: Further fields of Panel.
        """
        finite = np.isfinite(values)
        if values.size == 0 or not finite.any():
            raise ValueError(f"The panel {title!r} has no finite value to show.")
        low, high = float(values[finite].min()), float(values[finite].max())
        clean = np.where(finite, values, low) if not finite.all() else values
        whole = high - low <= 65535 and bool((clean == np.rint(clean)).all())
        slope = 1.0 if whole or high == low else (high - low) / 65535
        samples = np.rint((clean - low) / slope).astype(np.uint16)
        return cls(title, samples, unit, role, (slope, low), window, **more)

    @cached_property
    def applied_window(self) -> tuple[float, float] | None:
        """The given window; for 16-bit samples without one, the full range of the data."""
        if self.window is not None or self.pixels.dtype == np.uint8:
            return self.window
        slope, intercept = self.value_map
        ends = [slope * float(v) + intercept for v in (self.pixels.min(), self.pixels.max())]
        return (sum(ends) / 2, max(abs(ends[1] - ends[0]), abs(slope)))

    @property
    def shown_decimals(self) -> int:
        """Decimals that tell neighbouring samples apart, three at most."""
        if self.decimals is not None:
            return self.decimals
        return max(0, min(3, math.ceil(-math.log10(abs(self.value_map[0])) - 1e-9)))

    @cached_property
    def digest(self) -> str:
        """A name for the content, by which the browser keeps what it already drew."""
        return content_digest(self.pixels, self.table)


@dataclass(frozen=True)
class ViewerState:
    """What the user has done in a viewer.

    Args:
        pick: The pixel under the crosshair, None before the first pick.
        roi: The drawn region, None without one.
        windows: (center, width) per role, only for roles whose window was changed in the viewer.
        mode: How the images are shown, one of MODES.
        mix: What the sliders of a mixture say, as the browser sent it; None while untouched.
        wish: The slice of a stack that was last asked for; it may lie outside the stack.
    """

    pick: Pick | None = None
    roi: Roi | None = None
    windows: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    mode: str = "side"
    mix: "Mix | None" = None
    wish: int | None = None

    def window(
        self, role: str, otherwise: tuple[float, float] | None = None
    ) -> tuple[float, float] | None:
        """The window chosen for a role, or `otherwise` where none was chosen."""
        return self.windows.get(role, otherwise)


def as_window(value: Any) -> tuple[float, float] | None:
    """A (center, width) pair of finite numbers with width > 0, or None for anything else."""
    try:
        center, width = (float(v) for v in value)
    except (TypeError, ValueError):
        return None
    if math.isfinite(center) and math.isfinite(width) and width > 0:
        return center, width
    return None


def content_digest(*arrays: NDArray[Any] | None) -> str:
    """SHA-256 over the bytes, shapes and types of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:24]


def _check_pixels(pixels: NDArray[Any], what: str, types: tuple[type, ...]) -> None:
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype.type not in types:
        names = " or ".join(np.dtype(t).name for t in types)
        raise ValueError(
            f"{what[0].upper()}{what[1:]} needs an (H, W) array of {names}, "
            f"not {pixels.shape} of {pixels.dtype}."
        )


def _check_table(table: NDArray[Any], what: str) -> None:
    if table.shape != (256, 4) or table.dtype != np.uint8:
        raise ValueError(
            f"The colour table of {what} needs the shape (256, 4) and uint8, "
            f"not {table.shape} of {table.dtype}."
        )
