"""Small training sets and settings that the trainer's tests share."""

import numpy as np

from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.sources import ArraySource


def tiny_config(**changes: object) -> TrainConfig:
    """A run of seconds: 32x32 images, three epochs, one thread, nothing measured beside it."""
    settings = {
        "size": 32, "epochs": 3, "batch_size": 4, "device": "cpu", "threads": 1,
        "metrics_every": 0, "widths": (4,), "report_every": 1,
    }  # fmt: skip
    return TrainConfig().with_options(settings | changes)


def tiny_source(patients: int = 3, slices: int = 3, size: int = 32, seed: int = 0) -> ArraySource:
    """Smooth random pairs of 8 bits, a few slices of each patient."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:size, 0:size] / size
    pairs, names, owners = [], [], []
    for p in range(patients):
        for s in range(slices):
            a, b, c = rng.uniform(2, 9, 3)
            ct = 0.5 + 0.5 * np.sin(a * rows + b * columns)
            mri = 0.5 + 0.5 * np.cos(c * rows * columns + b)
            noise = rng.normal(0, 0.05, (2, size, size))
            bytes_ = np.rint(np.clip(np.stack((ct, mri)) + noise, 0, 1) * 255).astype(np.uint8)
            pairs.append((bytes_[0], bytes_[1]))
            names.append(f"{p + 1}{s:03d}")
            owners.append(str(p + 1))
    return ArraySource(pairs, names, owners)


def tiny_data(config: TrainConfig, **changes: int) -> CTMRIDataset:
    """The data set of :func:`tiny_source`."""
    return CTMRIDataset(tiny_source(**changes), config)
