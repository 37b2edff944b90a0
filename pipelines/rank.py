"""Ranks of methods over images: one method set alone among its peers, ties averaged."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import METRICS

ScoreTable = Mapping[str, Mapping[str, float]]
"""Image name -> metric name -> value."""

STANDARD_METRICS = ("SSIM_Avg", "Edge_Preservation", "SCD", "VIF", "Qabf", "Nabf", "Qcv")
"""The seven that together tell whether both sources survive without artefacts."""


@dataclass(frozen=True)
class MeanRank:
    """Where a method stands; 1 is best.

    Attributes:
        method: its name.
        per_metric: metric -> mean over images of the rank among all methods on that image.
        overall: mean of these over the metrics.
        by_means: mean over metrics of the rank of the method's mean values.
    """

    method: str
    per_metric: dict[str, float]
    overall: float
    by_means: float


def mean_rank(
    scores_by_method: Mapping[str, ScoreTable], metrics: Sequence[str] = STANDARD_METRICS
) -> list[MeanRank]:
    """Rank methods on the images that all of them have, best overall first.

    A missing value (NaN) ranks last; equal values share the mean of their ranks.

    Args:
        scores_by_method: method -> image -> metric -> value.
        metrics: what counts, each once.

    Raises:
        ValueError: no image is common to all methods, or a metric is unknown, has no direction,
            or is missing.
    """
    if not scores_by_method or not metrics:
        raise ValueError("Ranks need at least one method and one metric.")
    for name in metrics:
        if name not in METRICS or METRICS[name].direction == "none":
            able = ", ".join(m for m in METRICS if METRICS[m].direction != "none")
            raise ValueError(f"{name!r} cannot rank methods; choose from {able}.")
    methods = list(scores_by_method)
    images = sorted(set.intersection(*(set(table) for table in scores_by_method.values())))
    if not images:
        raise ValueError("There is no image that all methods have scores for.")
    per_metric, by_means = [], []
    for name in metrics:
        try:
            values = np.array([[scores_by_method[m][i][name] for i in images] for m in methods])
        except KeyError as error:
            raise ValueError(f"The metric {name} is missing from some of the scores.") from error
        sign = -1.0 if METRICS[name].direction == "up" else 1.0
        per_metric.append(_ranks(sign * values).mean(1))
        by_means.append(_ranks(sign * values.mean(1, keepdims=True))[:, 0])
    rows = [
        MeanRank(
            method,
            {name: float(ranks[k]) for name, ranks in zip(metrics, per_metric, strict=True)},
            float(np.mean([ranks[k] for ranks in per_metric])),
            float(np.mean([ranks[k] for ranks in by_means])),
        )
        for k, method in enumerate(methods)
    ]
    return sorted(rows, key=lambda row: row.overall)


def rank_among(
    name: str,
    scores: ScoreTable,
    peers: Mapping[str, ScoreTable],
    metrics: Sequence[str] = STANDARD_METRICS,
) -> list[MeanRank]:
    """Insert one method alone among its peers, those that have every image it has.

    Raises:
        ValueError: as :func:`mean_rank`.
    """
    complete = {peer: table for peer, table in peers.items() if set(scores) <= set(table)}
    return mean_rank({**complete, name: scores}, metrics)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks down each column, 1 for the smallest, ties averaged, NaN last."""
    filled = np.where(np.isnan(values), math.inf, values)
    smaller = (filled[None] < filled[:, None]).sum(1)
    equal = (filled[None] == filled[:, None]).sum(1)
    ranks: NDArray[np.float64] = smaller + (equal + 1) / 2
    return ranks
