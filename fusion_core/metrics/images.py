"""The three 8-bit images that every metric sees, and the work that metrics share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.uint8]
Floats = NDArray[np.float64]
T = TypeVar("T")

# Float images may leave [0, 1] by rounding, never by more than this.
_ROUNDING = 1e-6


class UndefinedMetric(ValueError):
    """A metric has no value for these images; the message says why in one sentence."""


@dataclass(frozen=True, eq=False)
class Images:
    """A fused image and its two sources, each (H, W) uint8 and of one size.

    Intermediate results (gradients, moments) are pure functions of the three images. `once` keeps
    them, so that several metrics of one triple pay for them a single time.
    """

    fused: Gray
    ct: Gray
    mri: Gray
    _kept: dict[Callable[..., Any], Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, fused: NDArray[Any], ct: NDArray[Any], mri: NDArray[Any]) -> Self:
        """Check and round three images.

        Args:
            fused, ct, mri: (H, W) uint8 in 0..255, or float in [0, 1], which is rounded to 8 bits.

        Raises:
            ValueError: an image is empty, not (H, W), of another type or range, holds NaN, or the
                sizes differ.
        """
        images = cls(gray8(fused, "fused image"), gray8(ct, "CT"), gray8(mri, "MRI"))
        if not images.fused.shape == images.ct.shape == images.mri.shape:
            sizes = ", ".join(
                f"{name} {image.shape[0]} x {image.shape[1]}"
                for name, image in zip(("fused image", "CT", "MRI"), images.all, strict=True)
            )
            raise ValueError(
                f"The three images must have one size, got {sizes}: resample them to one grid."
            )
        return images

    @property
    def all(self) -> tuple[Gray, Gray, Gray]:
        """The fused image, the CT and the MRI."""
        return self.fused, self.ct, self.mri

    @property
    def copies(self) -> bool:
        """Whether the fused image equals both sources."""
        return np.array_equal(self.fused, self.ct) and np.array_equal(self.fused, self.mri)

    def once(self, compute: Callable[["Images"], T]) -> T:
        """Return `compute(self)`, computed at the first call and kept for the next."""
        if compute not in self._kept:
            self._kept[compute] = compute(self)
        return cast(T, self._kept[compute])

    def require(self, rows: int, columns: int) -> None:
        """Refuse images smaller than a metric needs.

        Raises:
            UndefinedMetric: the images have fewer rows or columns.
        """
        height, width = self.fused.shape
        if height < rows or width < columns:
            raise UndefinedMetric(
                f"Needs an image of at least {rows} x {columns} pixels; this one is "
                f"{height} x {width}."
            )


def gray8(image: NDArray[Any], name: str) -> Gray:
    """Round an image to 8 bits.

    Args:
        image: (H, W) uint8 in 0..255, or float in [0, 1].
        name: What to call the image in an error.

    Raises:
        ValueError: the image is empty, not (H, W), of another type or range, or holds NaN.
    """
    image = np.asarray(image)
    if image.ndim != 2:
        raise ValueError(
            f"The {name} must be one grey image of shape (H, W), got shape {image.shape}."
        )
    if image.size == 0:
        raise ValueError(f"The {name} is empty: its shape is {image.shape}.")
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if not np.issubdtype(image.dtype, np.floating):
        raise ValueError(
            f"The {name} must be uint8 (0..255) or float in [0, 1], got {image.dtype}: "
            "convert it first."
        )
    low, high = float(image.min()), float(image.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"The {name} holds NaN or infinite values: replace them first.")
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        raise ValueError(
            f"The {name} must be float in [0, 1], got {low:.4g} to {high:.4g}: clamp or rescale it "
            "first."
        )
    return np.rint(image.clip(0, 1).astype(np.float64) * 255).astype(np.uint8)
