"""The plan of a study: candidates, what each stage changes, seeds, and what decides."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fusion_core.checkpoint import NAME_RULE, is_name
from fusion_core.metrics import METRICS
from trainer.config import TrainConfig
from trainer.presets import preset

Stage = Literal["short", "full"]
STAGES: tuple[Stage, ...] = ("short", "full")

OBJECTIVE = (
    "SSIM_Avg", "PSNR_Avg", "Edge_Preservation", "MI_Avg", "SD", "SCD", "VIF", "Qabf", "Nabf",
    "Qcv",
)  # fmt: skip
"""The metrics whose mean rank chooses."""

_KEYS = {"base", "options", "candidates", "short", "full", "seeds", "finalists", "metrics"}


class PlanError(ValueError):
    """A plan cannot be used; one sentence that names the place."""


@dataclass(frozen=True)
class Plan:
    """What a study trains.

    Attributes:
        candidates: name -> settings of the run, without those of a stage.
        stages: settings that a stage changes, such as ``{"epochs": 15, "crop": 128}``.
        seeds: each candidate is trained once with every one.
        finalists: how many go on from the short stage to the full one.
        metrics: what the mean rank counts.
    """

    candidates: dict[str, TrainConfig]
    stages: dict[Stage, dict[str, Any]]
    seeds: tuple[int, ...] = (0,)
    finalists: int = 3
    metrics: tuple[str, ...] = OBJECTIVE


def read_plan(path: Path) -> Plan:
    """Read a plan.

    The file is a JSON object: ``base`` (a training preset), ``options`` (settings for all),
    ``candidates`` (name -> settings), ``short`` and ``full`` (settings of each stage), and
    optionally ``seeds``, ``finalists`` and ``metrics``.

    Raises:
        PlanError: the file cannot be read, or a name or a value in it is wrong.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PlanError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(values, dict) or not values.get("candidates"):
        raise PlanError(f"{path.name} needs the key candidates, names with their settings.")
    if unknown := sorted(set(values) - _KEYS):
        raise PlanError(
            f"{path.name} has unknown keys {', '.join(unknown)}; valid ones: "
            f"{', '.join(sorted(_KEYS))}."
        )
    candidates, stages = {}, {s: dict(values.get(s, {})) for s in STAGES}
    for name, options in values["candidates"].items():
        if not is_name(name):
            raise PlanError(f"The candidate name {name!r} may have {NAME_RULE}.")
        try:
            base = preset(values.get("base", "default")).with_options(values.get("options", {}))
            candidates[name] = base.with_options(options)
            for stage in STAGES:
                candidates[name].with_options(stages[stage])
        except ValueError as error:
            raise PlanError(f"{path.name}, candidate {name}: {error}") from error
    metrics = tuple(values.get("metrics", OBJECTIVE))
    if wrong := [m for m in metrics if m not in METRICS or METRICS[m].direction == "none"]:
        raise PlanError(f"{path.name}: {', '.join(wrong)} cannot choose a model.")
    return Plan(
        candidates, stages, tuple(values.get("seeds", (0,))), int(values.get("finalists", 3)),
        metrics,
    )  # fmt: skip
