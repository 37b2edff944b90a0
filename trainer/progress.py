"""How far a run has come: everything beside the engine that a resumed run needs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from torch import Tensor

from trainer.engine import StepResult


@dataclass
class Sums:
    """Sums of loss terms over images."""

    images: int = 0
    terms: dict[str, float] = field(default_factory=dict)

    def add(self, result: StepResult) -> None:
        """Count one step."""
        self.images += result.images
        for name, value in result.sums.items():
            self.terms[name] = self.terms.get(name, 0.0) + value

    def means(self) -> tuple[float, dict[str, float]]:
        """Mean total loss per image, and mean of every term."""
        means = {name: value / max(1, self.images) for name, value in self.terms.items()}
        return means.pop("total", 0.0), means


@dataclass
class Progress:
    """A place in a run.

    Attributes:
        epoch: epochs done.
        step: steps done in the epoch under way.
        sums: over that epoch so far.
        best_epoch, best_loss, best_weights: by validation loss.
        masks: of the drawn pairs after the last epoch, to tell how much they change.
    """

    epoch: int = 0
    step: int = 0
    sums: Sums = field(default_factory=Sums)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    masks: list[Tensor] = field(default_factory=list)

    def to_state(self) -> dict[str, Any]:
        """Plain values and tensors."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        return state | {"sums": asdict(self.sums)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Progress":
        """The inverse of :meth:`to_state`."""
        return cls(**(dict(state) | {"sums": Sums(**state["sums"])}))
