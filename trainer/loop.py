"""The training loop: an iterator of reports, the same for the shell and the page."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from fusion_core.architectures import FusionModel, build
from pipelines.extensions import load_recorded
from trainer.augment import epoch_order
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset, what_changed
from trainer.distributed import LostError, Ranks, join, local_device
from trainer.engine import Engine, NonFiniteError, StepResult, learning_rate, new_model
from trainer.memory import OutOfMemoryError, advice, is_out_of_memory
from trainer.progress import Progress, Sums
from trainer.recorder import Recorder
from trainer.reports import EpochReport, Finished, Reason, Report, Started, StateReport, StepReport
from trainer.run_folder import RunError, RunFolder
from trainer.validation import Look, Validation, look, mask_change, validate

# Settings that may change when a run goes on: they do not touch what its steps compute so far.
FREE_TO_CHANGE = frozenset({
    "epochs", "patience", "device", "threads", "metrics_every", "strips", "report_every",
    "tensorboard", "keep_weights",
})  # fmt: skip


def train(
    config: TrainConfig,
    data: CTMRIDataset,
    run_dir: str | Path | None = None,
    resume: bool = False,
    control: Control | None = None,
) -> Iterator[Report]:
    """Train a model, report by report; nothing happens while the caller holds one.

    On a CPU the result depends on the settings, the images and the number of threads alone, bit
    for bit, however often the run was stopped, killed and resumed. The best epoch is the one of
    the smallest validation loss (training loss without validation pairs). Under torchrun every
    process calls this with the same arguments; the first one alone writes.

    Args:
        config: the settings.
        data: the images, made with the same settings.
        run_dir: where to keep everything; nothing is written if absent.
        resume: go on with the run in ``run_dir``, from its start if it has no state yet.
        control: pause, resume and stop from another thread.

    Yields:
        Records of :mod:`trainer.reports`, from ``Started`` to ``Finished``. A run whose loss is
        no number any more, that runs out of memory or cannot write its folder ends with a
        ``Finished`` whose reason is "failed" and whose message says why.

    Raises:
        ValueError: the settings do not fit the images, the folder or the device, or the file of
            own losses and metrics that they name is gone or has changed.
    """
    if config.extensions is not None:
        load_recorded(config.extensions)
    device = local_device(config.device)
    folder = RunFolder(run_dir) if run_dir is not None else None
    if resume and (folder is None or not folder.begun):
        raise RunError(f"There is no run to resume in {run_dir}; give the folder of one.")
    if config.crop and not config.size and config.crop > min(data.shape):
        raise ValueError(f"crop must be at most the images' side, {min(data.shape)} pixels.")
    if config.start is not None and not resume:
        new_model(config)  # refuses a checkpoint that does not fit before anything is written
    with ExitStack() as stack:
        ranks = stack.enter_context(join(device))
        if folder is not None and ranks.first:
            stack.enter_context(folder.owned())
        state = None
        if folder is not None and ranks.first:
            check_start(folder, config, data, resume)
            state = folder.load_state() if resume else None
        state = ranks.from_first(state)
        stack.enter_context(_threads(config.threads or (state["threads"] if state else None)))
        if config.compile != "none":
            stack.callback(torch.compiler.reset)  # CUDA graphs hold memory of their own
        recorder = Recorder(folder if ranks.first else None, config, data)
        stack.callback(recorder.close)
        control = control or Control()
        # A run that goes on has weights of its own; the file it began with may be gone.
        begin = replace(config, start=None) if state else config
        if device.type == "cuda":  # earlier runs of this process have their own peak
            torch.cuda.reset_peak_memory_stats(device)
        engine = Engine(begin, device, ranks)
        run = _Run(config, engine, data.to(device), device, ranks, control, recorder)
        if state:
            run.load_state(state)
        yield from _to_the_end(run)


def _to_the_end(run: "_Run") -> Iterator[Report]:
    """The run's reports and, however it ends, a last one."""
    start = time.perf_counter()
    reason: Reason = "failed"
    try:
        reason, message = yield from run.reports()
        yield from run.recorder.measured(1.0 if reason == "stopped" else 600.0)
    except (NonFiniteError, OutOfMemoryError, RunError, LostError) as error:
        message = str(error)
    except GeneratorExit:
        message = "Whoever followed the run let go of it; resume it to go on."
        run.recorder.finish(run.finished("stopped", message, time.perf_counter() - start))
        raise
    except BaseException as error:
        message = f"The run failed: {type(error).__name__}: {error}"
        run.recorder.finish(run.finished("failed", message, time.perf_counter() - start))
        raise
    finished = run.finished(reason, message, time.perf_counter() - start)
    run.recorder.finish(finished)
    yield finished


class _Run:
    """One training run in memory."""

    def __init__(
        self,
        config: TrainConfig,
        engine: Engine,
        data: CTMRIDataset,
        device: torch.device,
        ranks: Ranks,
        control: Control,
        recorder: Recorder,
    ) -> None:
        self.config, self.data, self.device, self.ranks = config, data, device, ranks
        self.engine, self.control, self.recorder = engine, control, recorder
        self.progress = Progress(best_weights=self.engine.weights())
        self.steps = math.ceil(len(data.train) / config.batch_size)
        shown = data.val or data.train
        count = min(config.strips, len(shown))
        self.shown = [shown[i * len(shown) // count] for i in range(count)]

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs, in types that load without running code."""
        return {
            "format": 1,
            "config": self.config.to_dict(),
            "fingerprint": self.data.report.fingerprint,
            "threads": torch.get_num_threads(),
            "progress": self.progress.to_state(),
            "engine": self.engine.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.progress = Progress.from_state(state["progress"])
        self.engine.load_state(state["engine"])

    def reports(self) -> Generator[Report, None, tuple[Reason, str]]:
        """All reports but the last; returns why the run ended, and a sentence."""
        config, progress, recorder = self.config, self.progress, self.recorder
        recorder.begin(self.device, torch.get_num_threads(), progress.epoch)
        notes = self.data.report.notes
        if config.compile != "none" and (failure := self._compile()):
            notes = (*notes, failure)
        yield recorder.note(
            Started(
                progress.epoch, progress.step, config.epochs, self.steps, len(self.data.train),
                len(self.data.val), self.engine.model.parameter_count,
                _describe(self.device, self.ranks.world), notes,
            )
        )  # fmt: skip
        if progress.epoch and not progress.step:
            self._measure(self._validated)
        while progress.epoch < config.epochs:
            waited = progress.epoch - progress.best_epoch
            if config.patience and waited >= config.patience:
                return "early", (
                    f"Stopped early: no better loss for {waited} epochs; the best epoch was "
                    f"{progress.best_epoch}."
                )
            if (yield from self._epoch()):
                self.recorder.save(self.state())
                return "stopped", (
                    f"Stopped after {progress.epoch} epochs and {progress.step} steps; resume the "
                    "run to go on."
                )
        return "done", f"Done: {progress.epoch} epochs; the best was {progress.best_epoch}."

    def _compile(self) -> str | None:
        """Compile the step on the first batch, and with it on its shape; a sentence if it fails."""
        batch = self.data.train[: self.config.batch_size]
        mine = self.ranks.share(batch) or batch[:1]
        return self.engine.compile(*self.data.training_batch(mine, 0, self.device))

    def _epoch(self) -> Generator[Report, None, bool]:
        """One epoch's reports; returns whether the run is to stop."""
        progress, size = self.progress, self.config.batch_size
        order = [self.data.train[i] for i in self._order()]
        start, idle, window, window_start = time.perf_counter(), 0.0, Sums(), time.perf_counter()
        images_here = 0
        rate = norm = 0.0
        while progress.step < self.steps:
            before = time.perf_counter()
            if (yield from self._asked_to_stop()):
                return True
            waited = time.perf_counter() - before
            idle, window_start = idle + waited, window_start + waited
            batch = order[progress.step * size : (progress.step + 1) * size]
            rate = learning_rate(self.config, progress.epoch, progress.step, self.steps)
            result = self._step(batch, rate)
            norm = result.gradient_norm
            progress.step += 1
            progress.sums.add(result)
            window.add(result)
            images_here += result.images
            if progress.step % self.config.report_every == 0 or progress.step == self.steps:
                seconds = max(time.perf_counter() - window_start, 1e-9)
                yield self.recorder.note(
                    StepReport(
                        progress.epoch + 1, progress.step, self.steps, *window.means(), rate,
                        norm, seconds, window.images / seconds, _peak_memory(self.device),
                    )
                )  # fmt: skip
                yield from self.recorder.measured()
                window, window_start = Sums(), time.perf_counter()
        trained = max(time.perf_counter() - start - idle, 1e-9)
        yield self._finish_epoch(rate, images_here / trained, start + idle)
        yield from self.recorder.measured()
        return False

    def _order(self) -> list[int]:
        return epoch_order(self.config.seed, self.progress.epoch, len(self.data.train))

    def _asked_to_stop(self) -> Generator[Report, None, bool]:
        """Whether to stop, after waiting while paused; one answer for all processes."""
        stop, pause = self._requests()
        if stop or not pause:
            return stop
        self.recorder.save(self.state())
        self.recorder.state("paused", "Paused.", self.progress.epoch)
        yield self.recorder.note(StateReport("paused"))
        while pause and not stop:
            if self.ranks.world == 1:
                self.control.wait()
            else:
                time.sleep(0.1)  # whoever is asked, all wait
            stop, pause = self._requests()
        self.recorder.state("running", "Running.", self.progress.epoch)
        yield self.recorder.note(StateReport("running"))
        return stop

    def _requests(self) -> tuple[bool, bool]:
        """Whether any process is to stop or to pause."""
        flags = (float(self.control.stopped), float(self.control.paused))
        stop, pause = self.ranks.sum(flags, self.device)
        return stop > 0, pause > 0

    def _step(self, batch: Sequence[int], rate: float) -> StepResult:
        mine = self.ranks.share(batch)
        try:
            ct, mri = self.data.training_batch(mine, self.progress.epoch, self.device)
            return self.engine.step(ct, mri, len(batch), rate)
        except NonFiniteError as error:
            raise NonFiniteError(
                f"Stopped in epoch {self.progress.epoch + 1}, step {self.progress.step + 1}: "
                f"{error}. The last good state and the best weights are kept; try a smaller "
                "learning_rate, or clip_norm 1."
            ) from error
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        raise OutOfMemoryError(advice(self.engine, self.data, len(mine)))

    def _finish_epoch(self, rate: float, speed: float, start: float) -> Report:
        """Validate, keep the best, draw, save; then tell."""
        progress = self.progress
        train_total, train_terms = progress.sums.means()
        progress.epoch, progress.step, progress.sums = progress.epoch + 1, 0, Sums()
        found, seen = self._validated()
        judged = found.total if self.data.val else train_total
        if judged < progress.best_loss:
            progress.best_epoch, progress.best_loss = progress.epoch, judged
            progress.best_weights = self.engine.weights()
            self.recorder.publish(self.best_model(), progress)
        self.recorder.keep(lambda: self._model_of(self.engine.weights()), progress.epoch)
        change = None
        if seen is not None:
            change = mask_change(progress.masks, seen.masks) if progress.masks else None
            progress.masks = seen.masks
            self.recorder.strip(progress.epoch, seen)
        report = EpochReport(
            progress.epoch, self.config.epochs, train_total, train_terms,
            found.total if self.data.val else None, found.terms if self.data.val else {},
            rate, time.perf_counter() - start, speed, progress.best_epoch, progress.best_loss,
            seen.means if seen else {}, change, found.clipped if self.data.val else None,
            _peak_memory(self.device),
        )  # fmt: skip
        self._measure(lambda: (found, None))
        self.recorder.note(report)
        self.recorder.save(self.state())
        return report

    def _validated(self) -> tuple[Validation, Look | None]:
        """The validation pairs and the drawn ones, with the weights that would be kept."""
        model, config = self.engine.model, self.config
        model.eval()
        self.engine.swap_average()
        try:
            found = validate(
                model, self.engine.loss, self.data, self.data.val, config.batch_size, self.device,
                self.ranks,
            )  # fmt: skip
            return found, look(model, self.data, self.shown, self.device) if self.shown else None
        finally:
            self.engine.swap_average()
            model.train()

    def _measure(self, validated: Callable[[], tuple[Validation, Look | None]]) -> None:
        if self.ranks.from_first(self.recorder.wants_metrics(self.progress.epoch)):
            self.recorder.measure(self.progress.epoch, validated()[0])

    def best_model(self) -> FusionModel:
        """The best weights so far, on the CPU, in evaluation mode."""
        return self._model_of(self.progress.best_weights)

    def _model_of(self, weights: dict[str, torch.Tensor]) -> FusionModel:
        model = build(self.config.model)
        model.load_state_dict(weights, strict=True)
        return model.eval()

    def finished(self, reason: Reason, message: str, seconds: float) -> Finished:
        """The last report."""
        p = self.progress
        return Finished(
            reason, message, p.epoch, p.best_epoch, p.best_loss, seconds, self.best_model()
        )


def check_start(folder: RunFolder, config: TrainConfig, data: CTMRIDataset, resume: bool) -> None:
    """Whether a run may begin in a folder, or go on there with these settings and images.

    Raises:
        RunError: it may not; one sentence.
    """
    if not resume:
        if folder.begun:
            raise RunError(f"{folder.path} holds a run already; resume it or choose another name.")
        return
    saved = folder.config()
    names = [f.name for f in fields(config) if f.name not in FREE_TO_CHANGE]
    changed = [name for name in names if getattr(config, name) != getattr(saved, name)]
    if changed:
        raise RunError(
            f"The run in {folder.path} was started with another {', '.join(changed)}; resume it "
            "with its own settings or start a new run."
        )
    before = folder.read_json("data.json")
    if before.get("fingerprint") != data.report.fingerprint:
        raise RunError(
            f"The images are not those that the run in {folder.path} was started with"
            f"{what_changed(before, data.report)}; restore them or start a new run."
        )


@contextmanager
def _threads(wanted: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if wanted:
        torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _describe(device: torch.device, processes: int) -> str:
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        each = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB"
        return f"{processes} x {each}" if processes > 1 else each
    threads = f"CPU, {torch.get_num_threads()} threads"
    return f"{threads} in each of {processes} processes" if processes > 1 else threads


def _peak_memory(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
