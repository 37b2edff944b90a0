"""Weighted sums of loss terms, and those that are named."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from fusion_core.losses.pairstats import PairStats
from fusion_core.losses.terms import TERMS

STANDARD: dict[str, float] = {"mse": 1.0, "ssim": 2.0, "gradient": 1.0}
MEDICAL: dict[str, float] = {
    "mse": 0.5,
    "ssim": 3.0,
    "gradient": 2.0,
    "edge": 0.5,
    "information": 0.3,
}
DEFAULT: dict[str, float] = {
    "uniform_ssim": 28.0,
    "fidelity": 4.8,
    "edge_quality": 18.0,
    "scd": 4.2,
    "artefact": 2.0,
    "unexplained": 0.3,
    "edge": 8.0,
}
FINISH: dict[str, float] = {
    "uniform_ssim": 50.0,
    "fidelity": 4.8,
    "edge_quality": 24.5,
    "scd": 3.4,
    "artefact": 2.0,
    "unexplained": 0.3,
    "edge": 6.5,
    "visible_difference": 1.95,
}
BALANCED: dict[str, float] = {
    "uniform_ssim": 22.0,
    "fidelity": 4.0,
    "edge_quality": 14.0,
    "scd": 4.0,
    "artefact": 2.0,
    "unexplained": 0.3,
}
SALIENCY: dict[str, float] = {
    "max_intensity": 1.0,
    "ssim": 1.0,
    "weighted_ssim": 1.0,
    "max_gradient": 1.0,
    "artefact": 8.0,
    "scd": 1.0,
    "edge_quality": 5.0,
}
LOSSES: dict[str, dict[str, float]] = {
    "standard": STANDARD,
    "medical": MEDICAL,
    "default": DEFAULT,
    "default-finish": FINISH,
    "balanced": BALANCED,
    "saliency": SALIENCY,
}


@dataclass(frozen=True)
class LossReport:
    """What one batch cost.

    Attributes:
        total: scalar, the weighted sum of the terms' means over the images; carries the gradient.
        terms: per term its (B,) values, unweighted and detached: for reading only.
    """

    total: Tensor
    terms: dict[str, Tensor]


class FusionLoss:
    """A weighted sum of loss terms; every term is a mean over the images of the batch.

    A term of weight 0 is reported without being trained on.

    Args:
        weights: term name -> weight, finite and at least 0.

    Raises:
        ValueError: a name is unknown, a weight is not usable, or there are none above 0.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for name, weight in weights.items():
            if name not in TERMS:
                raise ValueError(f"unknown loss term {name!r}; valid terms: {', '.join(TERMS)}")
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(
                    f"the weight of loss term {name!r} is {weight}; give a finite number >= 0"
                )
        if not any(weight > 0 for weight in weights.values()):
            raise ValueError("a loss needs at least one term with a weight above 0")
        self.weights = dict(weights)

    def __call__(self, fused: Tensor, ct: Tensor, mri: Tensor) -> LossReport:
        """Score a batch.

        Args:
            fused: (B, 1, H, W), unclamped.
            ct: same shape, in [0, 1].
            mri: same shape, in [0, 1].

        Raises:
            ValueError: a shape or dtype is not as stated.
        """
        stats = PairStats(fused, ct, mri)
        values = {name: TERMS[name](fused, ct, mri, stats=stats) for name in self.weights}
        total = torch.stack([w * values[n].mean() for n, w in self.weights.items() if w > 0]).sum()
        return LossReport(total, {name: value.detach() for name, value in values.items()})
