"""All metrics of one fused image, with the work between them shared."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import nan
from typing import Any

from numpy.typing import NDArray

from fusion_core.metrics.images import Images, UndefinedMetric
from fusion_core.metrics.table import METRICS


@dataclass(frozen=True)
class Scores:
    """Metric values of one fused image.

    Attributes:
        values: Metric name -> value, NaN where the metric has none for these images.
        notes: Metric name -> one sentence that says why its value is NaN.
    """

    values: dict[str, float]
    notes: dict[str, str]


def evaluate(
    fused: NDArray[Any],
    ct: NDArray[Any],
    mri: NDArray[Any],
    names: Iterable[str] | None = None,
) -> Scores:
    """Score a fused image against its two sources.

    Args:
        fused, ct, mri: (H, W) uint8 in 0..255, or float in [0, 1], which is rounded to 8 bits.
        names: Metrics to compute, in this order; all of `METRICS` where None.

    Raises:
        ValueError: an image is empty, not (H, W), of another type or range, holds NaN, the sizes
            differ, or a metric name is unknown. Never for a small or constant image: there the
            value is NaN and a note says why.
    """
    chosen = list(METRICS) if names is None else list(names)
    unknown = [name for name in chosen if name not in METRICS]
    if unknown:
        raise ValueError(
            f"Unknown metric {', '.join(map(repr, unknown))}; choose from {', '.join(METRICS)}."
        )
    images = Images.of(fused, ct, mri)
    values: dict[str, float] = {}
    notes: dict[str, str] = {}
    for name in chosen:
        try:
            values[name] = METRICS[name].fn(images)
        except UndefinedMetric as reason:
            values[name], notes[name] = nan, str(reason)
    return Scores(values, notes)
