"""TensorBoard events of a run, beside its own history, for those who watch many runs there.

    tensorboard --logdir runs/

The horizontal axis is the number of steps done, also for what is known once an epoch.
"""

import io
import json
import time
from collections.abc import Mapping
from typing import Any

from trainer.config import TrainConfig
from trainer.reports import EpochReport, MetricsReport, Report, Started, StepReport
from trainer.run_folder import RunFolder
from trainer.validation import Look

VERSION = "2.21.0"
"""The version of the package tensorboard that was tested."""


class Events:
    """Writes the event file of one stretch of a run; a resumed run adds another one.

    Nothing is written by a thread of its own, as torch's ``SummaryWriter`` does: what the disk says
    is known at once, and is said as of every other file of the run.

    Args:
        folder: the run's.
        config: its settings, shown as text.

    Raises:
        ValueError: the package tensorboard is not installed.
    """

    def __init__(self, folder: RunFolder, config: TrainConfig) -> None:
        # Here and not above: it takes seconds and is not always there.
        try:
            from torch.utils.tensorboard import summary
        except ImportError as error:
            raise ValueError(
                "TensorBoard events need the package tensorboard: install it with pip install "
                f"tensorboard=={VERSION}, or leave tensorboard off."
            ) from error
        self._make: Any = summary
        self._folder, self._config, self._steps = folder, config, 0
        self._name = f"events.out.tfevents.{time.time():.6f}"

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
        name = f"drawn pairs/{', '.join(seen.columns)}"
        picture = self._make.image(name, seen.strip, dataformats="HW")
        self._write([{"summary": picture, "step": epoch * self._steps}])

    def _begin(self, report: Started) -> None:
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._steps = report.steps
        done = report.epoch * report.steps + report.step
        text = json.dumps(self._config.to_dict(), indent=2)
        settings = self._make.text("settings", f"```json\n{text}\n```")
        events: list[dict[str, Any]] = [{"file_version": "brain.Event:2"}]
        if done:  # what an interrupted stretch wrote beyond the state that the run goes on from
            events.append({"session_log": SessionLog(status=SessionLog.START), "step": done + 1})
        self._write([*events, {"summary": settings, "step": done}])

    def _add(self, step: int, values: Mapping[str, float | None]) -> None:
        known = {name: value for name, value in values.items() if value is not None}
        made = [self._make.scalar(name, value) for name, value in known.items()]
        self._write([{"summary": summary, "step": step} for summary in made])

    def _write(self, events: list[dict[str, Any]]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        data = io.BytesIO()
        for values in events:
            event = Event(wall_time=time.time(), **values)
            RecordWriter(data).write(event.SerializeToString())
        self._folder.append_bytes(self._name, data.getvalue())
