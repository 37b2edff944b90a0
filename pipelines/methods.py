"""What fuses a pair: a trained checkpoint or a classical rule, behind one interface."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fusion_core.architectures import ModelConfig
from fusion_core.checkpoint import Checkpoint, list_checkpoints, load
from fusion_core.fitted_gates import ImageTooLarge
from fusion_core.model import FusionResult, Masks
from fusion_core.rules import RULES, get_rule

DEFAULT_CHECKPOINT = "default"
SHORT_HASH = 12
"""Characters of a SHA-256 that stamps and tables show."""

Kind = Literal["checkpoint", "rule"]
Picture = NDArray[np.floating[Any]] | Tensor


class MethodError(ValueError):
    """A fusion method cannot be used; the message is one sentence meant for the user."""


@dataclass(frozen=True)
class Method:
    """A checkpoint on its device, or a rule.

    Attributes:
        name: how the shell and the menus call it.
        title: how a chart labels it.
        kind: "checkpoint" or "rule".
        sha256: identity of the settings and weights; None for a rule.
        config: settings of the model; None for a rule.
        metadata: what the checkpoint says about its training; empty for a rule.
        device: where it computes.
        run: from two (B, 1, H, W) tensors on that device to a result there.
    """

    name: str
    title: str
    kind: Kind
    sha256: str | None
    config: ModelConfig | None
    metadata: dict[str, Any]
    device: torch.device
    run: Callable[[Tensor, Tensor], FusionResult]

    @property
    def short_hash(self) -> str | None:
        """The first characters of the SHA-256; None for a rule."""
        return None if self.sha256 is None else self.sha256[:SHORT_HASH]

    def fuse(self, ct: Picture, mri: Picture) -> FusionResult:
        """Fuse a pair, or a batch of pairs, without keeping gradients.

        Args:
            ct: (H, W), (1, H, W) or (B, 1, H, W), array or tensor, in [0, 1].
            mri: the same shape.

        Returns:
            A result on the CPU, float32, whatever the device.

        Raises:
            ValueError: shapes differ.
            MethodError: the memory does not suffice, a slow method is given too large an image,
                or the weights make values that are no numbers.
        """
        with torch.inference_mode():
            try:
                result = _to_cpu(self.run(self._tensor(ct), self._tensor(mri)))
            except ImageTooLarge as error:
                raise MethodError(str(error)) from error
            except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                size = " × ".join(map(str, ct.shape))
                raise MethodError(
                    f"The memory of {self.device} does not suffice to fuse {size} pixels with "
                    f"{self.name}; use a smaller image or a simpler method."
                ) from error
            if not bool(torch.isfinite(result.fused).all()):
                raise MethodError(
                    f"{self.name} made values that are not numbers from this pair: its weights "
                    "are unusable, so choose another checkpoint."
                )
        return result

    def _tensor(self, image: Picture) -> Tensor:
        tensor = image if isinstance(image, Tensor) else torch.from_numpy(np.asarray(image))
        return tensor.to(device=self.device, dtype=torch.float32)


@dataclass(frozen=True)
class MethodInfo:
    """A line of a menu.

    Attributes:
        name: what :func:`load_method` takes.
        title: what a menu shows.
        kind: "checkpoint" or "rule".
        description: one plain sentence, empty where there is none.
        path: file of a checkpoint.
        slow: a screen should say that it waits.
    """

    name: str
    title: str
    kind: Kind
    description: str = ""
    path: Path | None = None
    slow: bool = False


def list_methods() -> list[MethodInfo]:
    """Every installed checkpoint, ``default`` first, then every rule; no weights are read."""
    found = [MethodInfo(n, n, "checkpoint", path=p) for n, p in list_checkpoints().items()]
    return found + [
        MethodInfo(r.name, r.title, "rule", r.description, slow=r.slow) for r in RULES.values()
    ]


def load_method(
    checkpoint: str | Path | None = None, rule: str | None = None, device: str = "auto"
) -> Method:
    """Make a method ready to fuse.

    Args:
        checkpoint: name or path; ``default`` where neither this nor ``rule`` is given.
        rule: name of a classical rule, instead of a checkpoint.
        device: "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".

    Raises:
        MethodError: both were given, the rule is unknown, or the device is not there.
        CheckpointError: the checkpoint is unknown, damaged or foreign.
    """
    if checkpoint is not None and rule is not None:
        raise MethodError("Choose either a checkpoint or a rule, not both.")
    place = choose_device(device)
    if rule is not None:
        try:
            chosen = get_rule(rule)
        except ValueError as error:
            raise MethodError(str(error)) from error
        return Method(rule, chosen.title, "rule", None, None, {}, place, chosen)
    return of_checkpoint(load(checkpoint or DEFAULT_CHECKPOINT, place), place)


def of_checkpoint(loaded: Checkpoint, place: torch.device) -> Method:
    """The method of a checkpoint that was loaded onto a device."""
    title = str(loaded.metadata.get("title") or loaded.name)
    return Method(
        loaded.name,
        title,
        "checkpoint",
        loaded.sha256,
        loaded.model.config,
        loaded.metadata,
        place,
        loaded.model,
    )


def load_named(name: str, device: str = "auto") -> Method:
    """A checkpoint or a rule, whichever has this name; a checkpoint wins, a path is a checkpoint.

    Raises:
        MethodError: neither is known by it.
        CheckpointError: the checkpoint is damaged or foreign.
    """
    checkpoints = list_checkpoints()
    if name in RULES and name not in checkpoints:
        return load_method(rule=name, device=device)
    if name in checkpoints or len(Path(name).parts) > 1 or Path(name).is_file():
        return load_method(checkpoint=name, device=device)
    raise MethodError(
        f"Unknown method {name!r}; checkpoints: {', '.join(checkpoints) or 'none'}; rules: "
        f"{', '.join(RULES)}; or a path to a checkpoint file."
    )


def choose_device(device: str) -> torch.device:
    """The torch device that a name means.

    Raises:
        MethodError: the name is unknown, or CUDA was asked for and is not there.
    """
    head, _, number = device.partition(":")
    if head not in ("auto", "cpu", "cuda") or (number and (head != "cuda" or not number.isdigit())):
        raise MethodError(f"Unknown device {device!r}; choose auto, cpu, cuda or cuda:N.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if head == "cuda" and int(number or 0) >= count:
        what = "no CUDA GPU that PyTorch can use" if not count else f"only {count} CUDA GPU(s)"
        raise MethodError(
            f"The device {device} was asked for, but this machine has {what} "
            f"(PyTorch {torch.__version__}); use cpu or auto."
        )
    return torch.device(device if head != "auto" else "cuda" if count else "cpu")


def _to_cpu(result: FusionResult) -> FusionResult:
    masks = result.masks
    return FusionResult(
        result.fused.cpu(),
        None if masks is None else Masks(masks.ct.map(Tensor.cpu), masks.mri.map(Tensor.cpu)),
        None if result.ct is None else result.ct.map(Tensor.cpu),
        None if result.mri is None else result.mri.map(Tensor.cpu),
        result.wavelet,
    )


def _is_out_of_memory(error: BaseException) -> bool:
    # The CPU allocator raises a plain RuntimeError; CUDA's error is a kind of it.
    kinds = MemoryError | torch.OutOfMemoryError
    return isinstance(error, kinds) or "allocate memory" in str(error)
