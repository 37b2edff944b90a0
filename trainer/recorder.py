"""What a run leaves behind while it goes on: its folder, and the metrics measured beside it."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fusion_core
from fusion_core.architectures import FusionModel
from imaging.write import encode_png
from trainer.config import TrainConfig
from trainer.console import describe
from trainer.data import CTMRIDataset
from trainer.events import Events
from trainer.progress import Progress
from trainer.reports import EpochReport, Finished, MetricsReport, Report, Started, to_record
from trainer.run_folder import RunFolder, environment
from trainer.scorer import Scorer
from trainer.validation import Look, Validation

logger = logging.getLogger(__name__)

MOST_KEPT = 250_000
"""Values of a model up to which the weights of every epoch are kept: 1 MB each."""

_MOST_PENDING = 3  # epochs whose metrics may lag behind before training waits for them


class Recorder:
    """Writes a run's folder; keeps quiet without one.

    Args:
        folder: where to write; None writes nothing.
        config: the run's settings.
        data: its images.
    """

    def __init__(self, folder: RunFolder | None, config: TrainConfig, data: CTMRIDataset) -> None:
        self._folder, self._config, self._data = folder, config, data
        self._scorer: Scorer | None = None
        self._measured: set[int] = set()
        self._events: Events | None = None
        if folder is not None and config.tensorboard:
            self._events = Events(folder, config)

    def begin(self, device: torch.device, threads: int, epoch: int) -> None:
        """Write what the run is made of."""
        if self._folder is None:
            return
        folder = self._folder
        write_inputs(folder, self._config, self._data)
        folder.write_json("environment.json", environment(device, threads, self._config.seed))
        folder.set_status("running", "Running.", epoch)
        self._measured = {r["epoch"] for r in folder.history() if r.get("kind") == "metrics"}

    def note(self, report: Report) -> Report:
        """Add a report to the history, and hand it on."""
        if self._folder is not None:
            self._folder.append(to_record(report))
            if isinstance(report, EpochReport):
                self._folder.set_status("running", "Running.", report.epoch)
            if isinstance(report, Started | EpochReport):
                self._folder.log(describe(report))
            for note in report.notes if isinstance(report, Started) else ():
                self._folder.log(note)
        if self._events is not None:
            self._events.note(report)
        return report

    def state(self, state: str, message: str, epoch: int) -> None:
        """Say what the run is doing."""
        if self._folder is not None:
            self._folder.set_status(state, message, epoch)
            self._folder.log(message)

    def save(self, state: dict[str, Any]) -> None:
        """Keep the state to go on from."""
        if self._folder is not None:
            self._folder.save_state(state)

    def publish(self, model: FusionModel, progress: Progress) -> None:
        """Keep the best weights as a checkpoint."""
        if self._folder is None:
            return
        report = self._data.report
        self._folder.publish_best(
            model,
            {
                "name": self._folder.name,
                "epoch": progress.best_epoch,
                "best_by": "validation loss" if report.val else "training loss",
                "best_loss": progress.best_loss,
                "training": self._config.to_dict() | {"start": _short(self._config.start)},
                "data": {
                    "source": report.source,
                    "fingerprint": report.fingerprint,
                    "train_pairs": report.train,
                    "val_pairs": report.val,
                    "train_patients": list(report.train_patients),
                    "val_patients": list(report.val_patients),
                },
                "code_version": fusion_core.__version__,
            },
        )

    def keep(self, make: Callable[[], FusionModel], epoch: int) -> None:
        """Keep the weights of an epoch as a checkpoint of their own, where they are small.

        Args:
            make: the model with these weights, made only if it is kept.
            epoch: epochs done.
        """
        if self._folder is None or not self._config.keep_weights:
            return
        model = make()
        if model.parameter_count <= MOST_KEPT:
            self._folder.keep_weights(epoch, model, {"name": self._folder.name, "epoch": epoch})

    def strip(self, epoch: int, seen: Look) -> None:
        """Keep the drawn pairs of an epoch."""
        if self._folder is not None:
            text = {"columns": ", ".join(seen.columns), "epoch": str(epoch)}
            self._folder.write_strip(epoch, encode_png(seen.strip, text=text))
        if self._events is not None:
            self._events.strip(epoch, seen)

    def wants_metrics(self, epoch: int) -> bool:
        """Whether all metrics are to be measured after this epoch and were not yet."""
        every = self._config.metrics_every
        due = bool(every) and (epoch % every == 0 or epoch == self._config.epochs)
        return due and epoch not in self._measured and bool(self._data.val)

    def measure(self, epoch: int, found: Validation) -> None:
        """Measure all metrics of an epoch beside the training."""
        if not len(found.fused):
            return
        if self._scorer is None:
            ct, mri = self._data.batch(self._data.val)
            ct8, mri8 = (
                np.rint(x[:, 0].cpu().numpy() * 255).clip(0, 255).astype(np.uint8)
                for x in (ct, mri)
            )
            self._scorer = Scorer(ct8, mri8, extensions=self._config.extensions)
        self._scorer.submit(epoch, found.fused)
        self._measured.add(epoch)

    def measured(self, seconds: float = 0.0) -> Iterator[MetricsReport]:
        """Measurements that are ready, after waiting so long for all of them."""
        if self._scorer is None:
            return
        if self._scorer.pending >= _MOST_PENDING:
            seconds = max(seconds, 60.0)
        try:
            ready = self._scorer.ready(seconds)
        except RuntimeError as error:  # training is worth more than its metrics
            logger.warning("%s", error)
            if self._folder is not None:
                self._folder.log(str(error))
            self._scorer.close()
            self._scorer = None
            return
        for report in ready:
            self.note(report)
            yield report

    def finish(self, report: Finished) -> None:
        """Write how the run ended, as much of it as a full disk still takes."""
        folder = self._folder
        if folder is None:
            return
        state = {"early": "done"}.get(report.reason, report.reason)
        for write in (
            lambda: folder.set_status(state, report.message, report.epoch),
            lambda: folder.log(report.message),
            lambda: self.note(report),
        ):
            try:
                write()
            except ValueError as error:
                if report.reason != "failed":  # a failed run has told why already
                    logger.warning("%s", error)

    def close(self) -> None:
        """End the measuring processes."""
        if self._scorer is not None:
            self._scorer.close()


def write_inputs(folder: RunFolder, config: TrainConfig, data: CTMRIDataset) -> None:
    """Write what a run is made of: its settings, and what is known of its images."""
    folder.write_json("config.json", config.to_dict())
    folder.write_json("data.json", data.report.to_dict() | {"origin": data.origin})


def _short(start: str | None) -> str | None:
    """The end of a checkpoint's path: a file that is passed on names no folder of a machine."""
    return start and "/".join(Path(start).parts[-2:])
