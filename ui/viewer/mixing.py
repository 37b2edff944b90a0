"""Images that the viewer adds up live: a base and parts with a factor each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .panels import content_digest

Weights = Literal["learned", "swapped", "ct", "mri"]
WEIGHTS: tuple[Weights, ...] = get_args(Weights)
MOST_FACTOR = 2.0
MOST_BANDS = 64


@dataclass(frozen=True)
class Mix:
    """What the sliders of a mixture say.

    Args:
        weights: whose masks were asked for, one of WEIGHTS.
        ct: factor per band of what came from CT, 0 to 2.
        mri: the same of MRI.
    """

    weights: Weights
    ct: tuple[float, ...]
    mri: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Parts that add up to an image, for sliders in the viewer.

    The shown image is base + sum of (factor - 1) x part, clamped to [0, 1].

    Args:
        key: names the pair; the browser keeps its sliders while this stays.
        names: the bands, coarsest first.
        weights: whose masks these parts were made with, one of WEIGHTS.
        base: (H, W) float32, the image with all factors 1.
        ct: (K, H, W) float32, what each band brought from CT.
        mri: the same of MRI.
        panels: indices of the panels (reference, altered) or (reference, altered, change); the
            viewer draws the second and, as 16-bit samples with 255 for no change, the third.
        colours: of CT and MRI, "#rrggbb".
        exact: whether parts are sent as float32; otherwise as 16-bit whole numbers with a scale.
    """

    key: str
    names: tuple[str, ...]
    weights: Weights
    base: NDArray[np.float32]
    ct: NDArray[np.float32]
    mri: NDArray[np.float32]
    panels: tuple[int, ...]
    colours: tuple[str, str]
    exact: bool = True

    def __post_init__(self) -> None:
        shape = (len(self.names), *self.base.shape)
        if self.base.ndim != 2 or self.ct.shape != shape or self.mri.shape != shape:
            raise ValueError(
                f"A mixture of {len(self.names)} bands needs a base (H, W) and parts of "
                f"{shape}, not {self.ct.shape} and {self.mri.shape}."
            )
        if self.weights not in WEIGHTS:
            raise ValueError(f"Unknown weights {self.weights!r}; valid: {', '.join(WEIGHTS)}.")

    @cached_property
    def digest(self) -> str:
        """A name for the content, by which the browser keeps what it already holds."""
        flags = np.frombuffer(f"{self.weights}{self.exact}".encode(), np.uint8)
        return content_digest(self.base, self.ct, self.mri, flags)

    @cached_property
    def sent(self) -> dict[str, list[tuple[NDArray[Any], float] | None]]:
        """The parts as they travel: samples and scale, value = scale x sample; None if empty."""
        both = {"ct": self.ct, "mri": self.mri}
        return {source: [self._encode(part) for part in parts] for source, parts in both.items()}

    def _encode(self, part: NDArray[np.float32]) -> tuple[NDArray[Any], float] | None:
        most = float(np.abs(part).max())
        if most == 0:
            return None
        if self.exact:
            return part, 1.0
        scale = most / 32767
        return np.rint(part / scale).astype(np.int16), scale


def as_mix(value: Any) -> Mix | None:
    """The browser's answer as a Mix, or None where it is malformed."""
    if not isinstance(value, Mapping):
        return None
    weights = next((known for known in WEIGHTS if known == value.get("weights")), None)
    ct, mri = (_factors(value.get(source)) for source in ("ct", "mri"))
    if weights is None or ct is None or mri is None or len(ct) != len(mri):
        return None
    return Mix(weights, ct, mri)


def _factors(values: Any) -> tuple[float, ...] | None:
    if not isinstance(values, list | tuple) or not 1 <= len(values) <= MOST_BANDS:
        return None
    for v in values:
        if isinstance(v, bool) or not isinstance(v, int | float) or not math.isfinite(v):
            return None
        if not 0 <= v <= MOST_FACTOR:
            return None
    return tuple(round(float(v), 4) for v in values)
