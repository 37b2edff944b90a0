"""What a training loop yields: one frozen record per event, the same for shell and screens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fusion_core.architectures import FusionModel

Reason = Literal["done", "stopped", "early", "failed"]


@dataclass(frozen=True)
class Started:
    """Training begins or goes on.

    Attributes:
        epoch: epochs already done.
        step: steps already done in the epoch under way.
        epochs: epochs in all.
        steps: steps per epoch.
        pairs: training pairs.
        val_pairs: validation pairs.
        parameters: trainable values of the model.
        device: in words.
        notes: sentences for the user.
    """

    epoch: int
    step: int
    epochs: int
    steps: int
    pairs: int
    val_pairs: int
    parameters: int
    device: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepReport:
    """A window of steps.

    Attributes:
        epoch: the epoch under way, from 1.
        step: steps done in it.
        steps: steps per epoch.
        total: mean loss per image over the window.
        terms: mean of each loss term over the window, unweighted.
        learning_rate: of the last step.
        gradient_norm: of the last step, before any clipping.
        seconds: the window took.
        pairs_per_second: training speed in the window.
        memory: peak bytes on the GPU, 0 on a CPU.
    """

    epoch: int
    step: int
    steps: int
    total: float
    terms: dict[str, float]
    learning_rate: float
    gradient_norm: float
    seconds: float
    pairs_per_second: float
    memory: int = 0


@dataclass(frozen=True)
class EpochReport:
    """One epoch.

    Attributes:
        epoch: from 1.
        epochs: in all.
        train_total, train_terms: mean per image while the weights were moving.
        val_total, val_terms: with the weights at the end; None and empty without validation pairs.
        learning_rate: of the last step.
        seconds: the epoch took, validation included.
        pairs_per_second: training speed without validation.
        best_epoch, best_loss: so far, by validation loss (training loss without validation pairs).
        mask_means: band -> mean mask of (CT, MRI) over the drawn pairs.
        mask_change: mean absolute change of the masks since the epoch before, in 0..1.
        clipped: share of head pixels of the validation pairs clipped by over half a grey level.
        memory: peak bytes on the GPU, 0 on a CPU.
    """

    epoch: int
    epochs: int
    train_total: float
    train_terms: dict[str, float]
    val_total: float | None
    val_terms: dict[str, float]
    learning_rate: float
    seconds: float
    pairs_per_second: float
    best_epoch: int
    best_loss: float
    mask_means: dict[str, tuple[float, float]] = field(default_factory=dict)
    mask_change: float | None = None
    clipped: float | None = None
    memory: int = 0


@dataclass(frozen=True)
class MetricsReport:
    """All metrics on the validation pairs after an epoch; it may arrive one epoch later.

    Attributes:
        epoch: whose weights were measured.
        means: metric -> mean over the pairs that have a value.
        deviations: metric -> standard deviation over them.
        seconds: the measurement took, beside training.
    """

    epoch: int
    means: dict[str, float]
    deviations: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class StateReport:
    """The loop is ``paused`` or ``running`` again."""

    state: Literal["paused", "running"]


@dataclass(frozen=True)
class Finished:
    """The last report of every run.

    Attributes:
        reason: "done", "stopped" (asked for), "early" (no better for long) or "failed".
        message: one sentence for the user.
        epoch: epochs done.
        best_epoch, best_loss: as in :class:`EpochReport`; 0 and infinity if no epoch was done.
        seconds: this part of the run took.
        model: with the best weights, on the CPU, in evaluation mode.
    """

    reason: Reason
    message: str
    epoch: int
    best_epoch: int
    best_loss: float
    seconds: float
    model: FusionModel


Report = Started | StepReport | EpochReport | MetricsReport | StateReport | Finished


def to_record(report: Report) -> dict[str, Any]:
    """A line of the history: the report's kind and plain values."""
    values = {k: v for k, v in report.__dict__.items() if k != "model"}
    return {"kind": _kind(type(report))} | values


def from_record(record: Mapping[str, Any]) -> Report:
    """The inverse of :func:`to_record`, for every kind but "finished", whose model is not in it.

    Raises:
        ValueError: the kind is unknown.
    """
    values = {k: v for k, v in record.items() if k != "kind"}
    for kind in (Started, StepReport, EpochReport, MetricsReport, StateReport):
        if record.get("kind") == _kind(kind):
            if kind is Started:
                values["notes"] = tuple(values["notes"])
            if kind is EpochReport:
                means = values["mask_means"].items()
                values["mask_means"] = {name: (ct, mri) for name, (ct, mri) in means}
            return kind(**values)
    raise ValueError(f"A history has no line of the kind {record.get('kind')!r}.")


def _kind(report: type[Report]) -> str:
    return report.__name__.removesuffix("Report").lower()
