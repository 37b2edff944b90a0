"""Memory: which batch would have fitted when it runs out, and giving it back after a run."""

import gc

import torch

from trainer.data import CTMRIDataset
from trainer.engine import Engine


class OutOfMemoryError(ValueError):
    """A training step needs more memory than there is; the message says which batch fits."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on a GPU or a CPU."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "not enough memory" in str(error)
    )


def advice(engine: Engine, data: CTMRIDataset, batch: int) -> str:
    """One sentence after a step on ``batch`` pairs of this process ran out of memory."""
    engine.optimizer.zero_grad(set_to_none=True)
    fitting = batch // 2
    while fitting and not _fits(engine, data, fitting):
        fitting //= 2
    side = engine.config.crop or engine.config.size or "full size"
    if not fitting:
        return f"Out of memory even with one pair of side {side}; set a smaller size or crop."
    return (
        f"Out of memory with {batch} pairs of side {side} at once; a batch_size of "
        f"{fitting * engine.ranks.world} fits here."
    )


def give_memory_back() -> None:
    """Let go of what an ended run has left: cycles of objects, and what torch keeps of the GPUs."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _fits(engine: Engine, data: CTMRIDataset, batch: int) -> bool:
    if engine.device.type == "cuda":
        torch.cuda.empty_cache()
    indices = (data.train * batch)[:batch]
    try:
        ct, mri = data.training_batch(indices, 0, engine.device)
        loss = engine.loss(engine.model(ct, mri).fused, ct, mri).total
        torch.autograd.grad(loss, engine.parameters)
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            return False
        raise
    return True
