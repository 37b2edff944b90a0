"""Training objectives: loss terms as free functions, and their weighted sums."""

from fusion_core.losses.objective import (
    BALANCED,
    DEFAULT,
    FINISH,
    LOSSES,
    MEDICAL,
    SALIENCY,
    STANDARD,
    FusionLoss,
    LossReport,
)
from fusion_core.losses.pairstats import PairStats
from fusion_core.losses.terms import TERMS, Term

__all__ = [
    "BALANCED",
    "DEFAULT",
    "FINISH",
    "LOSSES",
    "MEDICAL",
    "SALIENCY",
    "STANDARD",
    "TERMS",
    "FusionLoss",
    "LossReport",
    "PairStats",
    "Term",
]
