"""From stored DICOM values to true units: rescaling, padding, windows, units."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from imaging.channels import to_grey
from imaging.windowing import FUNCTIONS, Function, Window

AIR_HU = -1024.0
"""Below this no tissue and no air exists: scanners write it outside the scan circle."""


def group(dataset: Dataset, keyword: str, frame: int = 0) -> Dataset:
    """A frame's functional group of an enhanced file; the file itself where it has none."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        items = dataset.get(groups)
        if not items:
            continue
        item = items[min(frame, len(items) - 1) if groups.startswith("PerFrame") else 0]
        if item.get(keyword):
            found = item[keyword].value[0]
            if isinstance(found, Dataset):
                return found
    return dataset


@dataclass(frozen=True, eq=False)
class Values:
    """One frame in true units.

    Attributes:
        pixels: (H, W) float32, padding included, perhaps with NaN.
        padding: (H, W) bool, what the file marks as no image.
        unit: "HU", "grey" or the unit that the file names.
        window: the file's own window, before any inversion.
        white: the declared largest value where it means white, else None.
        inverted: the file stores white as 0 (MONOCHROME1).
        notes: sentences for the user.
    """

    pixels: NDArray[np.float32]
    padding: NDArray[np.bool_]
    unit: str
    window: Window | None
    white: float | None
    inverted: bool
    notes: tuple[str, ...]


def true_values(dataset: Dataset, stored: NDArray[Any], frame: int = 0) -> Values:
    """Rescale a decoded frame; colour becomes luminance.

    Args:
        dataset: the file's elements.
        stored: (H, W) or (H, W, 3) as decoded.
        frame: which frame of the file it is, from 0.
    """
    notes: list[str] = []
    photometric = str(dataset.PhotometricInterpretation)
    unit, window, white = "grey", None, white_level(dataset, stored)
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
        white = float(np.iinfo(stored.dtype).max) if stored.dtype.kind == "u" else None
    if stored.ndim == 3:
        pixels, made = to_grey(stored, 1.0)
        notes.extend(made)
        outside = np.zeros(pixels.shape, np.bool_)
    else:
        transform = group(dataset, "PixelValueTransformationSequence", frame)
        rescaled = transform.get("RescaleSlope") is not None or "ModalityLUTSequence" in transform
        if rescaled and float(transform.get("RescaleSlope", 1) or 0) == 0:
            rescaled = False
            notes.append("(0028,1053) Rescale Slope is 0 or empty and was ignored.")
        values = apply_modality_lut(stored, transform) if rescaled else stored
        if rescaled and not is_identity(transform):
            white = None
        unit = unit_of(transform, str(dataset.get("Modality") or ""), rescaled)
        voi = group(dataset, "FrameVOILUTSequence", frame)
        window = window_of(voi)
        if window is None and (window := table_window(voi)) is not None:
            notes.append("The file's table of grey levels (VOI LUT) was replaced by a window.")
        pixels = np.ascontiguousarray(values, dtype=np.float32)
        outside = padding_mask(dataset, stored)
        if unit == "HU":
            outside |= pixels < AIR_HU
    inverted = photometric == "MONOCHROME1"
    return Values(pixels, outside, unit, window, white, inverted, tuple(notes))


def white_level(dataset: Dataset, stored: NDArray[Any]) -> float | None:
    """The declared largest value where it means white: plain unsigned bits up to 8, and colour."""
    bits = int(dataset.get("BitsStored") or dataset.BitsAllocated)
    unsigned = stored.dtype.kind == "u" and not int(dataset.get("PixelRepresentation") or 0)
    return float((1 << bits) - 1) if unsigned and (bits <= 8 or stored.ndim == 3) else None


def is_identity(transform: Dataset) -> bool:
    """Whether rescaling leaves every value as it is."""
    if "ModalityLUTSequence" in transform:
        return False
    return float(transform.RescaleSlope) == 1 and float(transform.get("RescaleIntercept") or 0) == 0


def unit_of(transform: Dataset, modality: str, rescaled: bool) -> str:
    """The unit that rescaling leads to."""
    named = str(transform.get("RescaleType") or "").strip()
    if not rescaled:
        return "grey"
    if named in ("", "US", "HU"):
        return "HU" if (modality == "CT" and named != "US") or named == "HU" else "grey"
    return named


def padding_mask(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark what (0028,0120) Pixel Padding Value and its Range Limit declare as no image."""
    value = dataset.get("PixelPaddingValue")
    if not isinstance(value, int | float):
        return np.zeros(stored.shape, np.bool_)
    limit = dataset.get("PixelPaddingRangeLimit")
    other = limit if isinstance(limit, int | float) else value
    low, high = min(value, other), max(value, other)
    return np.asarray((stored >= low) & (stored <= high), np.bool_)


def without_padding(
    pixels: NDArray[np.float32], outside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Set padding to the smallest value of the rest."""
    count = int(np.count_nonzero(outside))
    if count in (0, outside.size):
        return pixels, ()
    low = pixels[~outside].min()
    if (pixels[outside] == low).all():
        return pixels, ()
    note = f"{count} padding pixels outside the scan were set to the smallest value, {low:g}."
    return np.where(outside, low, pixels), (note,)


def first_number(value: object) -> float | None:
    """The first number of a value that may be absent, one number or several."""
    if value is None or isinstance(value, str | bytes):
        return None
    numbers = list(value) if hasattr(value, "__iter__") else [value]
    try:
        number = float(str(numbers[0]))
    except (IndexError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def window_of(source: Dataset) -> Window | None:
    """The first window of the file's tags, None where it has none."""
    center, width = (
        first_number(source.get("WindowCenter")),
        first_number(source.get("WindowWidth")),
    )
    if center is None or width is None or width <= 0:
        return None
    function: Function = "LINEAR"
    for known in FUNCTIONS:
        if source.get("VOILUTFunction") == known:
            function = known
    return Window(center, width, function)


def table_window(source: Dataset) -> Window | None:
    """The window that spans where a (0028,3010) VOI LUT Sequence rises from dark to bright."""
    items = source.get("VOILUTSequence")
    if not items or items[0].get("LUTDescriptor") is None or items[0].get("LUTData") is None:
        return None
    count, first, bits = (int(number) for number in items[0].LUTDescriptor)
    raw = items[0].LUTData
    if isinstance(raw, bytes):
        table = np.frombuffer(
            raw, np.uint8 if bits <= 8 and len(raw) <= (count or 65536) else "<u2"
        )
    else:
        table = np.atleast_1d(np.asarray(raw, np.int64))
    levels = table[: count or 65536].astype(np.float64)
    if levels.size < 2 or levels.max() <= levels[0]:
        return None
    share = (levels - levels.min()) / (levels.max() - levels.min())
    low, high = int(np.argmax(share > 0.01)), int(np.argmax(share >= 0.99))
    return Window.from_range(first + max(low - 1, 0), first + high) if high > low else None


def mirrored(window: Window, total: float) -> Window:
    """The window that shows `total - x` as the inverse of what `window` shows of x."""
    shift = 1.0 if window.function == "LINEAR" else 0.0
    return Window(total - window.center + shift, window.width, window.function)


def spacing_of(dataset: Dataset, frame: int = 0) -> tuple[float, float] | None:
    """(row, column) distance of pixel centres in mm, None where the file gives none."""
    sources = (
        (dataset, "PixelSpacing"),
        (group(dataset, "PixelMeasuresSequence", frame), "PixelSpacing"),
        (dataset, "ImagerPixelSpacing"),
        (dataset, "NominalScannedPixelSpacing"),
    )
    for source, keyword in sources:
        value = source.get(keyword)
        if value is None or isinstance(value, str | bytes) or not hasattr(value, "__len__"):
            continue
        if len(value) == 2:
            row, column = float(value[0]), float(value[1])
            if all(math.isfinite(mm) and 0 < mm < 1000 for mm in (row, column)):
                return row, column
    return None
