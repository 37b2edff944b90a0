"""TensorBoard events of a run, beside its own history, for those who watch many runs there.

    tensorboard --logdir runs/

The horizontal axis is the number of steps done, also for what is known once an epoch.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from trainer.config import TrainConfig
from trainer.reports import EpochReport, MetricsReport, Report, Started, StepReport
from trainer.validation import Look

VERSION = "2.21.0"
"""The version of the package tensorboard that was tested."""


class Events:
    """Writes the event file of one stretch of a run; a resumed run adds another one.

    Args:
        folder: the run's.
        config: its settings, shown as text.

    Raises:
        ValueError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        # Here and not above: it takes seconds and is not always there.
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ValueError(
                "TensorBoard events need the package tensorboard: install it with pip install "
                f"tensorboard=={VERSION}, or leave tensorboard off."
            ) from error
        self._make = SummaryWriter
        self._writer: SummaryWriter | None = None
        self._folder, self._config, self._steps = folder, config, 0

    def note(self, report: Report) -> None:
        """Add what a report tells."""
        if isinstance(report, Started):
            self._begin(report)
        elif isinstance(report, StepReport):
            self._add((report.epoch - 1) * report.steps + report.step, {
                "steps/loss": report.total,
                "steps/gradient norm": report.gradient_norm,
                "steps/pairs per second": report.pairs_per_second,
                "steps/learning rate": report.learning_rate,
                "steps/GPU memory, GiB": report.memory / 2**30,
            })  # fmt: skip
        elif isinstance(report, EpochReport):
            known = {
                "loss/training": report.train_total,
                "loss/validation": report.val_total,
                "masks/change": report.mask_change,
                "masks/clipped share": report.clipped,
                **{f"terms, training/{name}": v for name, v in report.train_terms.items()},
                **{f"terms, validation/{name}": v for name, v in report.val_terms.items()},
            }
            for band, (ct, mri) in report.mask_means.items():
                known |= {f"masks/mean, CT {band}": ct, f"masks/mean, MRI {band}": mri}
            self._add(report.epoch * self._steps, known)
        elif isinstance(report, MetricsReport):
            means = {f"metrics/{name}": value for name, value in report.means.items()}
            self._add(report.epoch * self._steps, means)

    def strip(self, epoch: int, seen: Look) -> None:
        """Add the drawn pairs of an epoch."""
        if self._writer is not None:
            name = f"drawn pairs/{', '.join(seen.columns)}"
            self._writer.add_image(name, seen.strip, epoch * self._steps, dataformats="HW")

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _begin(self, report: Started) -> None:
        self._steps = report.steps
        done = report.epoch * report.steps + report.step
        # What an interrupted stretch wrote beyond the state that the run goes on from is hidden.
        self._writer = self._make(str(self._folder), purge_step=done + 1 if done else None)
        text = json.dumps(self._config.to_dict(), indent=2)
        self._writer.add_text("settings", f"```json\n{text}\n```", done)

    def _add(self, step: int, values: Mapping[str, float | None]) -> None:
        if self._writer is None:
            return
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, step)
        self._writer.flush()  # it is watched while it runs
