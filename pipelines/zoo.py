"""The checkpoints at hand: listed, verified, and made from published-style state dicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusion_core.checkpoint import (
    SUFFIX,
    Checkpoint,
    CheckpointError,
    convert_state_dict,
    list_checkpoints,
    load,
    save,
)
from imaging.errors import InputError
from pipelines.methods import SHORT_HASH

HEADER = f"{'name':<24}{'model':<40}{'values':>9}  sha256"


@dataclass(frozen=True)
class Verified:
    """A checkpoint that was read whole and checked, or why it cannot be used.

    Attributes:
        name: as it was asked for.
        checkpoint: None where it is unusable.
        error: one sentence, None where it is sound.
    """

    name: str
    checkpoint: Checkpoint | None
    error: str | None = None

    @property
    def line(self) -> str:
        """A row below :data:`HEADER`."""
        if self.checkpoint is None:
            return f"{self.name:<24}unusable"
        config, model = self.checkpoint.model.config, self.checkpoint.model
        return (
            f"{self.name:<24}{config.summary:<40}"
            f"{model.parameter_count:>9,}  {self.checkpoint.sha256[:SHORT_HASH]}  verified"
        )


def verify(names: Sequence[str] = ()) -> Iterator[Verified]:
    """Read and check every named checkpoint, or all that are installed.

    Raises:
        InputError: none is named and none is installed.
    """
    wanted = list(names) or list(list_checkpoints())
    if not wanted:
        raise InputError(
            "No checkpoint is installed; train one, or set TWF_CHECKPOINTS to a folder of them."
        )
    for name in wanted:
        try:
            yield Verified(name, load(name))
        except CheckpointError as error:
            yield Verified(name, None, str(error))


def convert(source: Path, target: Path | None = None) -> Checkpoint:
    """Make a checkpoint from a state dict in the published layout, and read it back.

    Args:
        source: a ``.pth`` file; only weights are read from it, never code.
        target: where to; beside the source under its name where None.

    Raises:
        CheckpointError: the source holds anything else, or is itself named as a checkpoint.
        InputError: the target cannot be written.
    """
    target = target or source.with_suffix(SUFFIX)
    if target.resolve() == source.resolve():
        raise CheckpointError(
            f"{source} is named as a checkpoint already; a PyTorch state dict, such as a .pth "
            "file, is converted."
        )
    model = convert_state_dict(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save(target, model, {"converted_from": source.name})
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}).") from error
    return load(target)
