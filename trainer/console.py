"""Training in a terminal: reports in words, and Ctrl-C as a clean stop."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from fusion_core.metrics import METRICS
from trainer.reports import (
    EpochReport,
    Finished,
    MetricsReport,
    Report,
    Started,
    StateReport,
    StepReport,
)

SHOWN_METRICS = ("SSIM_Avg", "Edge_Preservation", "SCD", "VIF", "Qabf", "Nabf")
"""What a line of validation metrics holds."""


def describe(report: Report) -> str:
    """One line for a report."""
    match report:
        case Started():
            done = f"going on after epoch {report.epoch}, " if report.epoch or report.step else ""
            return (
                f"{done}{report.pairs} pairs to train on, {report.val_pairs} to validate, "
                f"{report.parameters:,} parameters, {report.epochs} epochs of {report.steps} "
                f"steps on {report.device}"
            )
        case StepReport():
            return (
                f"epoch {report.epoch}, step {report.step}/{report.steps}: "
                f"loss {report.total:.4f}, {report.pairs_per_second:.0f} pairs/s"
            )
        case EpochReport():
            val = "" if report.val_total is None else f"  val {report.val_total:.4f}"
            return (
                f"epoch {report.epoch:>{len(str(report.epochs))}}/{report.epochs}"
                f"  train {report.train_total:.4f}{val}  lr {report.learning_rate:.2g}"
                f"  {report.seconds:.1f} s  {report.pairs_per_second:.0f} pairs/s"
                f"  best {report.best_loss:.4f} at {report.best_epoch}"
            )
        case MetricsReport():
            shown = [name for name in SHOWN_METRICS if name in report.means and name in METRICS]
            values = "  ".join(f"{name} {report.means[name]:.3f}" for name in shown)
            return f"validation after epoch {report.epoch}: {values}"
        case StateReport():
            return f"training is {report.state}"
        case Finished():
            return report.message


@contextmanager
def stop_on_interrupt(stop: Callable[[], None], say: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C inside the block asks for a clean stop, a second one breaks off.

    Args:
        stop: asks the training to end after its step.
        say: tells the user.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        say("Stopping after this step; once more breaks off.")
        stop()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
