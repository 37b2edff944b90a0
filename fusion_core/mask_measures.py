"""How decided and how sharp a mask is, as numbers; and whether coarse masks are the smoother ones.

Sharpness is a scaling exponent, so neither the mask's contrast nor its mean changes it. Let D(k) be
the mean squared difference of mask values k apart, along rows and columns. A ramp has D(k) ~ k**2,
clean edges D(k) ~ k, speckle a constant D(k); sharpness is ``1 - log(D(k) / D(1)) / (2 log k)``
with k = 4: about 0 for smooth masks, 0.5 for edges, 1 for speckle.

Reference: T. Gneiting, H. Sevcikova, D. B. Percival, "Estimators of fractal dimension: assessing
the roughness of time series and spatial data", Statistical Science 27(2), 2012,
doi:10.1214/11-STS370 (the variogram estimator).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

STEP = 4
"""Distance k, in mask pixels, at which variation is compared with that of neighbours."""

EVEN = 0.01
"""Standard deviation below which a mask is called even: it has nothing to be sharp with."""

MARGIN = 0.02
"""Difference in sharpness from which one mask is called sharper than another."""

BINS = 20
"""Bins of a histogram over 0 to 1."""

Verdict = Literal["holds", "partly", "fails", "open"]


@dataclass(frozen=True)
class MaskMeasure:
    """One mask in numbers; all of them NaN where nothing was counted.

    Attributes:
        band: name of its subband.
        mean: mean value, 0 to 1.
        spread: standard deviation.
        decisiveness: mean of |2a - 1|: 0 where all is 0.5, 1 where all is 0 or 1.
        entropy: mean binary entropy in bits, 1 where all is 0.5, 0 where all is 0 or 1.
        sharpness: 0 smooth, 0.5 edges, 1 speckle; NaN for an even or very small mask.
        histogram: share of the values in each of 20 equal bins over 0 to 1.
    """

    band: str
    mean: float
    spread: float
    decisiveness: float
    entropy: float
    sharpness: float
    histogram: tuple[float, ...]


def measure(
    band: str, mask: NDArray[np.floating], inside: NDArray[np.bool_] | None = None
) -> MaskMeasure:
    """Describe one mask.

    Args:
        band: name of its subband.
        mask: (h, w) in [0, 1].
        inside: (h, w), the coefficients that count; all of them if absent.
    """
    values = mask.astype(np.float64)
    counted = values[inside] if inside is not None else values.ravel()
    if counted.size == 0:
        nan = float("nan")
        return MaskMeasure(band, nan, nan, nan, nan, nan, (0.0,) * BINS)
    spread = float(counted.std())
    histogram = np.histogram(counted, BINS, (0, 1))[0] / counted.size
    return MaskMeasure(
        band,
        float(counted.mean()),
        spread,
        float(np.abs(2 * counted - 1).mean()),
        float(_entropy(counted).mean()),
        sharpness(values, inside) if spread >= EVEN else float("nan"),
        tuple(histogram.tolist()),
    )


def sharpness(mask: NDArray[np.floating], inside: NDArray[np.bool_] | None = None) -> float:
    """Where between smooth (0), edges (0.5) and speckle (1) a mask stands.

    Args:
        mask: (h, w), any range.
        inside: (h, w), the coefficients that count; all of them if absent.

    Returns:
        0 to 1; NaN where the mask does not vary or is too small to tell.
    """
    near, far = (_variation(mask.astype(np.float64), inside, k) for k in (1, STEP))
    if math.isnan(near) or math.isnan(far) or near <= 0:
        return float("nan")
    if far <= 0:
        return 1.0  # it varies between neighbours and repeats at the larger distance
    return min(1.0, max(0.0, 1 - math.log(far / near) / (2 * math.log(STEP))))


def smooth_against_sharp(measures: Mapping[str, float]) -> Verdict:
    """Whether "low-frequency masks are smooth, high-frequency masks are sharp" holds.

    Args:
        measures: sharpness by band name, the approximation's and those of details.

    Returns:
        "holds" if every detail mask is sharper than the approximation's by more than 0.02,
        "partly" if some are, "fails" if none is, "open" where the approximation's mask or all
        others are even.
    """
    low = [v for name, v in measures.items() if name.startswith("LL") and not math.isnan(v)]
    high = [v for name, v in measures.items() if not name.startswith("LL") and not math.isnan(v)]
    if not low or not high:
        return "open"
    sharper = sum(v > low[0] + MARGIN for v in high)
    return "holds" if sharper == len(high) else "partly" if sharper else "fails"


def on_grid(inside: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels that count, on a band's coarser grid: the nearest pixel of every coefficient.

    Args:
        inside: (H, W) of the image.
        shape: (h, w) of the band.
    """
    rows, cols = (
        np.minimum(((np.arange(n) + 0.5) * full / n).astype(np.intp), full - 1)
        for n, full in zip(shape, inside.shape, strict=True)
    )
    grid: NDArray[np.bool_] = inside[np.ix_(rows, cols)]
    return grid


def _variation(mask: NDArray[np.float64], inside: NDArray[np.bool_] | None, step: int) -> float:
    """Mean squared difference of values ``step`` apart, both of them inside."""
    total, count = 0.0, 0
    for axis in (0, 1):
        if mask.shape[axis] <= step:
            continue
        lead = np.moveaxis(mask, axis, 0)
        squares = (lead[step:] - lead[:-step]) ** 2
        if inside is not None:
            counted = np.moveaxis(inside, axis, 0)
            squares = squares[counted[step:] & counted[:-step]]
        total, count = total + float(squares.sum()), count + squares.size
    return total / count if count else float("nan")


def _entropy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Binary entropy in bits."""
    p = np.clip(values, 1e-12, 1 - 1e-12)
    bits: NDArray[np.float64] = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    return bits
