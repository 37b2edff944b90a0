"""How fast a training would be, by a few steps of it."""

import time

import torch

from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.distributed import Ranks, local_device
from trainer.engine import Engine

_STEPS = 2


def measure(config: TrainConfig, data: CTMRIDataset) -> float:
    """Seconds that one pair takes per epoch, by a few steps after a first one; nothing is kept.

    Validation is not in it.

    Args:
        config: the run.
        data: its images.

    Raises:
        ValueError: there is no such device, or a step goes wrong.
    """
    device = local_device(config.device)
    engine = Engine(config, device, Ranks())
    batch = [data.train[i % len(data.train)] for i in range(config.batch_size)]
    start = 0.0
    for step in range(1 + _STEPS):
        if step == 1:  # the first one reserves memory
            start = _now(device)
        ct, mri = data.training_batch(batch, 0, device)
        engine.step(ct, mri, len(batch), config.learning_rate)
    return (_now(device) - start) / (_STEPS * len(batch))


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
