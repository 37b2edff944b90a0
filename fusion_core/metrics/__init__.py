"""Fusion quality: every metric a pure function, all of them in one table."""

from fusion_core.metrics.images import Images, UndefinedMetric
from fusion_core.metrics.scoring import Scores, evaluate
from fusion_core.metrics.table import METRICS, Metric

__all__ = ["METRICS", "Images", "Metric", "Scores", "UndefinedMetric", "evaluate"]
