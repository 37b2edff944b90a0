"""The plan of a sweep: every combination of wavelets, levels, losses and seeds."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_core.losses import LOSSES
from fusion_core.model import FusionConfig
from trainer.config import TrainConfig, parse_option

SWEPT = ("wavelet", "levels", "loss", "seed")
"""The settings that a sweep varies."""


@dataclass(frozen=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        name: of its folder below the sweep's.
        wavelet, levels, loss, seed: what distinguishes it; ``loss`` by name or as weights in text.
        config: all its settings.
    """

    name: str
    wavelet: str
    levels: int
    loss: str
    seed: int
    config: TrainConfig

    def to_dict(self) -> dict[str, Any]:
        """What the sweep's plan keeps of it."""
        return {"name": self.name} | {key: getattr(self, key) for key in SWEPT}


def plan_sweep(
    base: TrainConfig,
    wavelets: Sequence[str] = (),
    levels: Sequence[int] = (),
    losses: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> tuple[SweepRun, ...]:
    """All combinations, seeds innermost; what is left empty keeps the base's own value.

    Args:
        base: every other setting.
        wavelets: names of wavelets.
        levels: numbers of levels, 1 to 5.
        losses: names of losses, or weights like ``mse=1,ssim=2``.
        seeds: whole numbers from 0.

    Raises:
        ValueError: a value is not usable; no run has begun then.
    """
    if not isinstance(base.model, FusionConfig):
        raise ValueError(
            "A sweep varies wavelets and levels: choose a wavelet model to start from."
        )
    runs: dict[str, SweepRun] = {}
    for wavelet in wavelets or (base.model.wavelet,):
        for level in levels or (base.model.levels,):
            for loss in losses or (loss_name(base.loss),):
                for seed in seeds or (base.seed,):
                    name = _folder_name(wavelet, level, loss, seed)
                    weights = parse_option("loss", loss)
                    chosen = dict(zip(SWEPT, (wavelet, level, weights, seed), strict=True))
                    config = base.with_options(chosen)
                    other = runs.get(name)
                    if other is not None and other.config != config:
                        raise ValueError(
                            f"The losses {other.loss!r} and {loss!r} would share the folder {name};"
                            " leave one of them out."
                        )
                    runs[name] = other or SweepRun(name, wavelet, level, loss, seed, config)
    return tuple(runs.values())


def loss_name(weights: Mapping[str, float]) -> str:
    """The name of a loss, or its weights as ``mse=1,ssim=2`` where it has none."""
    for name, known in LOSSES.items():
        if known == weights:
            return name
    return ",".join(f"{term}={weight:g}" for term, weight in weights.items())


def _folder_name(wavelet: str, levels: int, loss: str, seed: int) -> str:
    short = re.sub(r"[^\w.-]+", "-", loss.replace("=", ""), flags=re.ASCII).strip("-")[:60]
    return f"{wavelet}-{levels}-{short}-seed{seed}"
