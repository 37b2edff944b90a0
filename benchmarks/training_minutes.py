"""How long the shipped checkpoints take to train on one CPU thread, by a few measured epochs.

Minutes of processor time: on a busy machine they come near what an idle one takes. An epoch
holds the training pairs and the validation loss; metrics are measured beside a training and do
not count. ``benchmarks/results.py`` puts the minutes into docs/results.md.

Run: python benchmarks/training_minutes.py DATA [--epochs 3] [--out docs/measured]
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.claims import CHECKPOINTS, write
from fusion_core.checkpoint import load
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.loop import train
from trainer.presets import preset
from trainer.reports import EpochReport
from trainer.sources import FolderSource

PARTS = {"default": ("default", "default-finish")}
"""Presets of a checkpoint that was trained in more than one run."""


def runs_of(name: str) -> list[TrainConfig]:
    """The runs that made a checkpoint; only how long they take is asked, so none has a start."""
    if name in PARTS:
        held_out = {"held_out": load(name).metadata["data"]["val_patients"]}
        return [preset(part).with_options(held_out) for part in PARTS[name]]
    return [TrainConfig.from_dict(load(name).metadata["training"])]


def seconds_per_epoch(config: TrainConfig, data: CTMRIDataset) -> float:
    """Processor seconds of one epoch; the first one, which also warms up, is left out."""
    with tempfile.TemporaryDirectory() as name:
        reports = train(config, data, Path(name) / "run")
        marks = [time.process_time() for report in reports if isinstance(report, EpochReport)]
    return (marks[-1] - marks[0]) / (len(marks) - 1)


def main() -> int:
    """Measure every shipped checkpoint's settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the folder that the checkpoints were trained on")
    parser.add_argument("--epochs", type=int, default=3, help="measured after a first one")
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    args = parser.parse_args()
    rows = []
    for name in CHECKPOINTS:
        epochs, minutes = 0, 0.0
        for config in runs_of(name):
            short = config.with_options(
                {"epochs": args.epochs + 1, "metrics_every": 0, "strips": 0, "threads": 1,
                 "device": "cpu", "keep_weights": False}
            )  # fmt: skip
            seconds = seconds_per_epoch(short, CTMRIDataset(FolderSource(args.data), short))
            epochs, minutes = epochs + config.epochs, minutes + seconds * config.epochs / 60
        rows.append({"method": name, "epochs": epochs, "minutes": f"{minutes:.2f}"})
        print(f"{name}: {minutes:.1f} min for {epochs} epochs")
    write(args.out / "training.csv", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
