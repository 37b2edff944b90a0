"""Windows of a volume: Hounsfield presets for CT, percentiles inside the body for MR."""

import numpy as np
from numpy.typing import NDArray

from imaging.errors import InputError
from imaging.volume import Volume
from imaging.windowing import BODY_HU, BODY_SHARE, PRESETS, Window

MOST_SAMPLES = 2_000_000
"""Samples of a volume from which thresholds and percentiles are taken at most."""

_HEAD = ("HEAD", "BRAIN", "SKULL", "ORBIT", "")


def body_threshold(volume: Volume) -> float:
    """The value above which a sample belongs to the body, as for images: see BODY_SHARE.

    -500 for HU. A threshold between two classes (Otsu) is no help for the rest: where fat is
    bright, it takes dark muscle for the background.
    """
    if volume.unit == "HU":
        return BODY_HU
    values = _sample(volume)
    low = float(values.min())
    return low + BODY_SHARE * (float(np.percentile(values, 99)) - low)


def body_mask(volume: Volume) -> NDArray[np.bool_]:
    """Mark the samples of the body, (K, H, W) bool; padding is outside, and it may be empty."""
    mask: NDArray[np.bool_] = volume.voxels > body_threshold(volume)
    if volume.padding is not None:
        mask &= volume.voxels != np.float32(volume.padding)
    return mask


def percentile_window(volume: Volume, low: float = 1.0, high: float = 99.0) -> Window:
    """Make a window from percentiles inside the body; the full range where it has no extent.

    Raises:
        InputError: the percentiles are not 0 <= low < high <= 100.
    """
    if not 0 <= low < high <= 100:
        raise InputError(
            f"Percentiles must satisfy 0 <= low < high <= 100, not {low:g} and {high:g}."
        )
    values = _sample(volume)
    inside = values[values > body_threshold(volume)]
    if inside.size:
        bottom, top = (float(value) for value in np.percentile(inside, (low, high)))
        if top > bottom:
            return Window.from_range(bottom, top)
    return Window.from_range(*volume.value_range)


def default_window(volume: Volume) -> Window:
    """The window to start with, and the one to record with a result.

    The file's own window; else for HU the brain preset in the head and the soft tissue preset
    elsewhere; else percentiles inside the body.
    """
    if volume.window is not None:
        return volume.window
    if volume.unit == "HU":
        return PRESETS["brain" if volume.body_part in _HEAD else "soft tissue"]
    return percentile_window(volume)


def _sample(volume: Volume) -> NDArray[np.float32]:
    """Every n-th sample, without padding."""
    flat = volume.voxels.reshape(-1)
    values = flat[:: max(1, flat.size // MOST_SAMPLES)]
    if volume.padding is not None:
        kept = values[values != np.float32(volume.padding)]
        values = kept if kept.size else values
    return values
