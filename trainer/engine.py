"""One training step and what it moves: weights, optimizer, learning rate, running average."""

import math
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fusion_core.architectures import FusionModel, build, to_dict
from fusion_core.checkpoint import load
from fusion_core.context_masks import ContextMaskNet
from fusion_core.losses import FusionLoss
from fusion_core.masks import MaskNet
from trainer.config import TrainConfig
from trainer.distributed import Ranks, to_cpu

Measure = Callable[[FusionModel, FusionLoss, Tensor, Tensor], tuple[Tensor, dict[str, Tensor]]]

_INITIALISING = threading.Lock()


class NonFiniteError(ValueError):
    """A loss or a gradient is not a number any more."""


@dataclass(frozen=True)
class StepResult:
    """One step's outcome over all processes.

    Attributes:
        images: in the batch.
        sums: term -> sum over the images; "total" is the weighted sum of terms.
        gradient_norm: before any clipping.
    """

    images: int
    sums: dict[str, float]
    gradient_norm: float


def new_model(config: TrainConfig) -> FusionModel:
    """A model with the weights of ``config.start``, or with first weights fixed by the seed alone.

    Raises:
        ValueError: the checkpoint cannot be used, or holds another model than the run's.
    """
    if config.start is not None:
        return _started_from(config.start, config)
    with _INITIALISING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build(config.model)


def _started_from(name: str, config: TrainConfig) -> FusionModel:
    model = load(name).model
    if model.config != config.model:
        asked, found = to_dict(config.model), to_dict(model.config)
        other = ", ".join(
            f"{k} {found.get(k)!r} instead of {v!r}" for k, v in asked.items() if found.get(k) != v
        )
        raise ValueError(
            f"The run cannot start from {name}, which holds another model "
            f"({other or 'another kind'}); choose the model that it was trained as."
        )
    return model


def learning_rate(config: TrainConfig, epoch: int, step: int, steps: int) -> float:
    """The learning rate of a step, a pure function of its place in the run.

    Args:
        config: the run.
        epoch: epochs done.
        step: steps done in this epoch.
        steps: steps per epoch.
    """
    done, total = epoch * steps + step, config.epochs * steps
    share = done / max(1, total)
    if config.scheduler == "step":
        factor = config.step_factor ** (epoch // config.step_epochs)
    elif config.scheduler == "cosine":
        factor = (1 + math.cos(math.pi * share)) / 2
    elif config.scheduler == "onecycle":
        factor = _one_cycle(done, total)
    else:
        factor = 1.0
    warm = config.warmup_epochs * steps
    return config.learning_rate * factor * (min(1.0, (done + 1) / warm) if warm else 1.0)


def _one_cycle(
    done: int, total: int, rise: float = 0.3, start: float = 25.0, end: float = 1e4
) -> float:
    """Cosine up to 1 over the first part, cosine down over the rest, as torch's OneCycleLR."""
    top, last = max(rise * total - 1, 1e-9), max(total - 1, 1)
    if done <= top:
        low, high, way = 1 / start, 1.0, done / top
    else:
        low, high, way = 1 / start / end, 1.0, (last - done) / max(last - top, 1e-9)
    return high + (low - high) * (1 + math.cos(math.pi * way)) / 2


def measure(
    model: FusionModel, loss: FusionLoss, ct: Tensor, mri: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch with its gradient, and every term's value for each image."""
    report = loss(model(ct, mri).fused, ct, mri)
    return report.total, report.terms


class Engine:
    """A model under training.

    Args:
        config: the run.
        device: where it trains.
        ranks: this process among all.
    """

    def __init__(self, config: TrainConfig, device: torch.device, ranks: Ranks) -> None:
        self.config, self.device, self.ranks = config, device, ranks
        self.model = new_model(config).to(device)
        self.loss = FusionLoss(config.loss)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = _optimizer(config, self.parameters)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.amp == "fp16")
        self.average: list[Tensor] = (
            [p.detach().clone() for p in self.parameters] if config.ema_decay else []
        )
        self.updates = 0
        if config.amp != "none":
            _autocast_masks(self.model, device, config.amp)
        self._measure: Measure = measure

    def compile(self, ct: Tensor, mri: Tensor) -> str | None:
        """Compile the step as the settings ask, on a batch of the usual shape.

        Returns:
            A sentence where it cannot be compiled here; steps are then taken as without it.
        """
        torch.compiler.reset()  # what earlier runs left counts against a limit of variants
        # One variant per shape: the shorter last batch of an epoch brings a second one.
        compiled: Measure = torch.compile(measure, mode=self.config.compile, dynamic=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of how it reads our caches
                compiled(self.model, self.loss, ct, mri)[0].backward()  # type: ignore[no-untyped-call]
        except Exception as error:  # a compiler fails in ways of its own
            why = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else ""
            name = type(error).__name__
            return f"The step cannot be compiled here ({name}: {why}); training goes on without."
        finally:
            self.optimizer.zero_grad(set_to_none=True)
        self._measure = compiled
        return None

    def step(self, ct: Tensor, mri: Tensor, images: int, rate: float) -> StepResult:
        """Train on this process's share of a batch.

        Args:
            ct: (b, 1, H, W), b may be 0.
            mri: the same shape.
            images: in the whole batch over all processes.
            rate: learning rate.

        Raises:
            NonFiniteError: the loss or a gradient is not finite; the weights are as before.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        sums = dict.fromkeys(("total", *self.config.loss), 0.0)
        if len(ct):
            total, terms = self._measure(self.model, self.loss, ct, mri)
            loss = total * (len(ct) / images)
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            sums["total"] = float(total.detach()) * len(ct)
            stacked = torch.stack(list(terms.values())).double().sum(1).tolist()
            sums |= dict(zip(terms, stacked, strict=True))
        else:
            self.scaler.scale(torch.zeros((), device=self.device))  # it counts its calls
            for p in self.parameters:
                p.grad = torch.zeros_like(p)
        self.ranks.reduce_gradients(self.parameters)
        values = self.ranks.sum(list(sums.values()), self.device)
        sums = dict(zip(sums, values, strict=True))
        if not math.isfinite(sums["total"]):
            raise NonFiniteError(_what_is_not_finite(sums))
        self.scaler.unscale_(self.optimizer)
        limit = self.config.clip_norm or math.inf
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, limit))
        if not math.isfinite(norm) and not self.scaler.is_enabled():
            raise NonFiniteError("the gradient is not finite though the loss is")
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._follow()
        return StepResult(images, sums, norm)

    def _follow(self) -> None:
        """Move the running average; at first it forgets faster, so that no start clings to it."""
        self.updates += 1
        if self.average:
            decay = min(self.config.ema_decay, (1 + self.updates) / (10 + self.updates))
            torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)

    def weights(self) -> dict[str, Tensor]:
        """The weights that are validated and kept, on the CPU: the average where there is one."""
        state = dict(self.model.state_dict())
        if self.average:
            names = [n for n, p in self.model.named_parameters() if p.requires_grad]
            state |= dict(zip(names, self.average, strict=True))
        copied: dict[str, Tensor] = to_cpu(state)
        return copied

    def swap_average(self) -> None:
        """Exchange weights and running average; a second call undoes it."""
        for p, a in zip(self.parameters, self.average, strict=bool(self.average)):
            kept = p.detach().clone()
            p.data.copy_(a)
            a.copy_(kept)

    def state(self) -> dict[str, Any]:
        """Everything a step depends on, on the CPU."""
        state: dict[str, Any] = to_cpu(
            {
                "model": dict(self.model.state_dict()),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "average": self.average,
                "updates": self.updates,
                "torch_rng": torch.get_rng_state(),
            }
        )
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`state`."""
        self.model.load_state_dict(state["model"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.average = [a.to(self.device) for a in state["average"]]
        self.updates = state["updates"]
        torch.set_rng_state(state["torch_rng"])


def _optimizer(config: TrainConfig, parameters: Sequence[Tensor]) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        return torch.optim.SGD(parameters, momentum=config.momentum, **settings)
    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop,
    }  # fmt: skip
    optimizer: torch.optim.Optimizer = kinds[config.optimizer](parameters, **settings)
    return optimizer


def _autocast_masks(model: FusionModel, device: torch.device, amp: str) -> None:
    """Run the mask networks alone in half precision; transforms and losses stay float32."""
    dtype = torch.bfloat16 if amp == "bf16" else torch.float16
    for net in model.modules():
        if isinstance(net, MaskNet | ContextMaskNet):
            net.forward = torch.autocast(device.type, dtype)(net.forward)  # type: ignore[method-assign]


def _what_is_not_finite(sums: dict[str, float]) -> str:
    broken = [name for name, value in sums.items() if name != "total" and not math.isfinite(value)]
    return f"the loss is not finite (terms: {', '.join(broken) or 'their sum'})"
