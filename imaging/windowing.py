"""From true units (HU, signal, grey levels) to [0, 1]: windows, presets, percentiles."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.image import Image

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")

BODY_HU = -500.0
"""Above this a CT pixel belongs to the body, not to the air around it."""

BODY_SHARE = 0.1
"""Above this share of the bright end (99th percentile) another pixel belongs to the body."""


@dataclass(frozen=True)
class Window:
    """A grey-level window in the image's own units, with the meaning DICOM gives it.

    Args:
        center: (0028,1050) Window Center.
        width: (0028,1051) Window Width, not negative. LINEAR with a width of 1 or less is a step.
        function: (0028,1056) VOI LUT Function: LINEAR (DICOM's default, meant for integers),
            LINEAR_EXACT (plain center ± width / 2, right for floats), or SIGMOID.

    Raises:
        InputError: a value is not finite, the width is negative, or the function is unknown.

    Reference: DICOM PS3.3 C.11.2.1.2 (VOI LUT).
    """

    center: float
    width: float
    function: Function = "LINEAR"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.center) and math.isfinite(self.width)) or self.width < 0:
            raise InputError(
                f"A window needs a finite center and a width of at least 0, "
                f"not center {self.center:g} and width {self.width:g}; set it again."
            )
        if self.function not in FUNCTIONS:
            raise InputError(
                f"Unknown window function '{self.function}'; valid: {', '.join(FUNCTIONS)}."
            )

    @classmethod
    def from_range(cls, low: float, high: float) -> "Window":
        """Make the window that maps `low` to 0 and `high` to 1 exactly."""
        return cls((low + high) / 2, high - low, "LINEAR_EXACT")

    @property
    def limits(self) -> tuple[float, float]:
        """The values that map to 0 and to 1 (for SIGMOID: those of the plain ramp)."""
        if self.function == "LINEAR":
            half, middle = max(self.width - 1, 0.0) / 2, self.center - 0.5
        else:
            half, middle = self.width / 2, self.center
        return middle - half, middle + half


PRESETS: dict[str, Window] = {
    "brain": Window(40, 80, "LINEAR_EXACT"),
    "stroke": Window(40, 40, "LINEAR_EXACT"),
    "subdural": Window(75, 200, "LINEAR_EXACT"),
    "soft tissue": Window(50, 400, "LINEAR_EXACT"),
    "bone": Window(600, 2800, "LINEAR_EXACT"),
    "temporal bone": Window(700, 4000, "LINEAR_EXACT"),
}
"""Windows in HU, for CT only."""


def preset(name: str) -> Window:
    """Find a HU window by name.

    Raises:
        InputError: no such preset; the message lists the valid names.
    """
    if name not in PRESETS:
        raise InputError(f"Unknown window preset '{name}'; valid: {', '.join(PRESETS)}.")
    return PRESETS[name]


def parse_window(text: str | None, unit: str, name: str) -> Window | None:
    """A preset's name or "WIDTH,LEVEL" as a window; None where nothing was asked for.

    Args:
        text: what the user wrote.
        unit: of the image or volume; presets are in HU.
        name: "CT" or "MRI", for messages.

    Raises:
        InputError: it is neither, or a preset does not fit.
    """
    if text is None:
        return None
    known = text.strip().lower().replace("-", " ").replace("_", " ")
    if known in PRESETS:
        if unit != "HU":
            raise InputError(
                f"The {name} is not in HU, so the preset {known} does not fit it; give its window "
                "as WIDTH,LEVEL."
            )
        return PRESETS[known]
    try:
        width, level = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"'{text}' is no window; give WIDTH,LEVEL such as 80,40, or a preset of HU: "
            f"{', '.join(PRESETS)}."
        ) from None
    return Window(level, width, "LINEAR_EXACT")


def apply_window(image: Image, window: Window | None = None) -> NDArray[np.float32]:
    """Map an image to [0, 1].

    Args:
        image: the image, in its own units.
        window: the window in those units; None maps `image.value_range` to [0, 1] and a range
            without extent to 0.

    Returns:
        (H, W) float32 in [0, 1].
    """
    function: Function = "LINEAR_EXACT" if window is None else window.function
    low, high = image.value_range if window is None else window.limits
    if function == "SIGMOID" and window is not None and window.width > 0:
        scaled = np.clip((image.pixels - window.center) * (-4.0 / window.width), -80, 80)
        return np.asarray(1 / (1 + np.exp(scaled)), np.float32)
    if high <= low:
        # Also LINEAR with a width of 1: DICOM's step at center - 0.5, without its division by 0.
        return (image.pixels > low).astype(np.float32)
    # In float64 where it matters: a narrow window far from zero loses digits in float32.
    scaled = (image.pixels - np.float64(low)) / (high - low)
    return np.clip(scaled, 0, 1).astype(np.float32)


def body_mask(image: Image) -> NDArray[np.bool_]:
    """Mark the pixels of the body: above -500 HU, else above a tenth of the bright end.

    Args:
        image: the image, in its own units.

    Returns:
        (H, W) bool; may be empty.
    """
    if image.unit == "HU":
        return image.pixels > BODY_HU
    low = float(image.pixels.min())
    high = float(np.percentile(image.pixels, 99))
    return image.pixels > low + BODY_SHARE * (high - low)


def percentile_window(image: Image, low: float = 1.0, high: float = 99.0) -> Window:
    """Make a window from percentiles inside the body, so that air and padding have no say.

    Args:
        image: the image, in its own units.
        low: percentile that maps to 0, in [0, 100).
        high: percentile that maps to 1, in (low, 100].

    Returns:
        The window; the image's full range where the body has no extent.

    Raises:
        InputError: the percentiles are not 0 <= low < high <= 100.
    """
    if not 0 <= low < high <= 100:
        raise InputError(
            f"Percentiles must satisfy 0 <= low < high <= 100, not {low:g} and {high:g}."
        )
    inside = image.pixels[body_mask(image)]
    if inside.size:
        bottom, top = (float(value) for value in np.percentile(inside, (low, high)))
        if top > bottom:
            return Window.from_range(bottom, top)
    return Window.from_range(*image.value_range)


def default_window(image: Image) -> Window | None:
    """Choose the window to start with.

    The file's own window if it has one; else the brain preset for HU; else percentiles inside the
    body for an image with a modality (DICOM); else None, the full range, because a PNG or JPEG
    has been windowed by whoever made it.
    """
    if image.window is not None:
        return image.window
    if image.unit == "HU":
        return PRESETS["brain"]
    return None if image.modality is None else percentile_window(image)
