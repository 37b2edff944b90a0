"""TensorBoard events hold what the history holds, and their absence is said in words."""

import errno
import sys
from pathlib import Path

import pytest

from tests.failing_disk import FailingDisk
from tests.training_data import tiny_config, tiny_data
from trainer.control import Control
from trainer.loop import train
from trainer.reports import EpochReport, Finished, StepReport
from trainer.run_folder import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_events_tell_what_the_history_tells_also_after_a_resume(tmp_path: Path) -> None:
    """Losses, terms and strips stand at the steps done; repeated steps after a stop count once."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config, run = tiny_config(epochs=2, tensorboard=True), tmp_path / "run"
    control = Control()
    for report in train(config, tiny_data(config), run, control=control):
        if isinstance(report, StepReport):
            control.stop()
    reports = list(train(config, tiny_data(config), run, resume=True))
    assert len(list(run.glob("events.out.tfevents.*"))) == 2

    found = reader.EventAccumulator(str(run), size_guidance={"images": 0})
    found.Reload()
    epochs = [r for r in reports if isinstance(r, EpochReport)]
    training = [(e.step, e.value) for e in found.Scalars("loss/training")]
    assert training == [(n * 2, pytest.approx(r.train_total)) for n, r in enumerate(epochs, 1)]
    assert epochs[1].val_total is not None
    assert found.Scalars("loss/validation")[1].value == pytest.approx(epochs[1].val_total)
    assert found.Scalars("terms, training/ssim")[0].value == pytest.approx(
        epochs[0].train_terms["ssim"]
    )
    history = [r for r in RunFolder(run).history() if r["kind"] == "step"]
    steps = [(e.step, e.value) for e in found.Scalars("steps/loss")]
    expected = [((r["epoch"] - 1) * 2 + r["step"], pytest.approx(r["total"])) for r in history]
    assert steps == expected
    (tag,) = found.Tags()["images"]
    assert tag.startswith("drawn pairs/CT, MRI, fused")
    assert [image.step for image in found.Images(tag)] == [2, 4]


def test_without_the_package_the_run_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the package and its version; without the setting nothing is missed."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    config = tiny_config(epochs=1, tensorboard=True)
    with pytest.raises(ValueError, match=r"pip install tensorboard==\d+\.\d+\.\d+, or leave"):
        next(train(config, tiny_data(config), tmp_path / "run"))
    assert not RunFolder(tmp_path / "run").begun
    plain = config.with_options({"tensorboard": False})
    *_, last = train(plain, tiny_data(plain), tmp_path / "run")
    assert last.reason == "done"  # type: ignore[union-attr]
    assert not list((tmp_path / "run").glob("events*"))


@pytest.mark.parametrize("writes", [1, 5, 9])
def test_a_disk_that_fills_up_while_events_are_written_is_said_as_ever(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it fills up, the run ends in the usual sentence and can be resumed."""
    pytest.importorskip("tensorboard")
    config, run = tiny_config(epochs=2, tensorboard=True), tmp_path / "run"
    disk = FailingDisk(tmp_path, monkeypatch)
    disk.fail_at("events", writes, errno.ENOSPC)
    *_, last = train(config, tiny_data(config), run)
    assert isinstance(last, Finished)
    assert last.reason == "failed"
    assert last.message.startswith(f"The disk is full: the run folder {run} cannot be written")
    disk.mend()
    *_, last = train(config, tiny_data(config), run, resume=True)
    assert last.reason == "done"  # type: ignore[union-attr]
