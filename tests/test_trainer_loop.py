"""The training loop: it repeats bit for bit, goes on where it stopped, and fails in words."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from fusion_core import checkpoint
from tests.training_data import tiny_config, tiny_data
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.engine import Engine, learning_rate, new_model
from trainer.loop import train
from trainer.memory import advice
from trainer.reports import EpochReport, Finished, MetricsReport, Report, Started, StepReport
from trainer.run_folder import RunError, RunFolder
from trainer.sources import ArraySource

AUGMENTED = {
    "crop": 24, "flip": "both", "rotate": 10.0, "scale": 0.1, "noise": 0.05, "dropout": 0.2,
    "misalign": 2.0, "gamma": 0.2, "contrast": 0.3, "intensity": 0.2, "ema_decay": 0.9,
    "clip_norm": 1.0, "mix": 0.5,
}  # fmt: skip


def run(config: TrainConfig, run_dir: Path | None = None, **options: Any) -> list[Report]:
    return list(train(config, tiny_data(config), run_dir, **options))


def last(reports: list[Report]) -> Finished:
    assert isinstance(reports[-1], Finished)
    return reports[-1]


def weights(folder: Path) -> dict[str, Tensor]:
    state = RunFolder(folder).load_state()
    assert state is not None
    return dict(state["engine"]["model"])


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def stop_after(config: TrainConfig, folder: Path, steps: int, resume: bool = False) -> Finished:
    """Train so many steps of this process, then ask to stop."""
    control, done, reports = Control(), 0, []
    for report in train(config, tiny_data(config), folder, resume, control):
        reports.append(report)
        if isinstance(report, StepReport):
            done += 1
            if done == steps:
                control.stop()
    return last(reports)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("loss", ["standard", "medical", "default"])
def test_the_same_seed_gives_the_same_run_bit_for_bit(loss: str, threads: int) -> None:
    """Two runs of one seed agree in every weight and every reported loss; another seed differs."""
    config = tiny_config(loss=loss, threads=threads, wavelet="db4", levels=2, **AUGMENTED)
    first, second = run(config), run(config)
    assert same(last(first).model.state_dict(), last(second).model.state_dict())
    epochs = [[r.train_total for r in x if isinstance(r, EpochReport)] for x in (first, second)]
    assert epochs[0] == epochs[1]
    other = run(config.with_options({"seed": 1}))
    assert not same(last(first).model.state_dict(), last(other).model.state_dict())


def test_training_lowers_the_loss_and_the_best_epoch_is_that_of_the_smallest_validation_loss() -> (
    None
):
    """Over ten epochs the loss falls by a fifth; best_epoch points at the smallest val_total."""
    reports = run(tiny_config(epochs=10, learning_rate=0.02))
    epochs = [r for r in reports if isinstance(r, EpochReport)]
    assert epochs[-1].train_total < 0.8 * epochs[0].train_total
    losses = [r.val_total for r in epochs]
    assert last(reports).best_epoch == losses.index(min(losses)) + 1  # type: ignore[type-var]
    assert last(reports).best_loss == min(losses)  # type: ignore[type-var]


def test_reported_terms_add_up_to_the_total() -> None:
    """The weighted sum of an epoch's terms is its total, for training and validation."""
    config = tiny_config(loss="medical", epochs=1)
    epoch = next(r for r in run(config) if isinstance(r, EpochReport))
    for total, terms in (
        (epoch.train_total, epoch.train_terms),
        (epoch.val_total, epoch.val_terms),
    ):
        assert total == pytest.approx(sum(w * terms[n] for n, w in config.loss.items()), rel=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("scheduler", ["step", "onecycle"])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    tmp_path: Path, steps: int, scheduler: str
) -> None:
    """Stopped in the middle of an epoch or at its end, the run ends with the same bits."""
    config = tiny_config(scheduler=scheduler, loss="default", **AUGMENTED)
    whole = run(config, tmp_path / "whole")
    assert stop_after(config, tmp_path / "parts", steps).reason == "stopped"
    parts = run(config, tmp_path / "parts", resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert same(last(whole).model.state_dict(), last(parts).model.state_dict())
    told = [
        [(r["epoch"], r["train_total"], r["val_total"], r["mask_change"]) for r in history]
        for history in (
            [r for r in RunFolder(tmp_path / name).history() if r["kind"] == "epoch"]
            for name in ("whole", "parts")
        )
    ]
    assert told[0] == told[1]
    assert [place[0] for place in told[0]] == [1, 2, 3]


def test_the_thread_count_is_kept_and_restored(tmp_path: Path) -> None:
    """A run resumed without a thread count takes the one it was started with."""
    config = tiny_config(epochs=2, threads=None)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    stop_after(config, tmp_path / "run", 1)
    torch.set_num_threads(1)
    started = next(train(config, tiny_data(config), tmp_path / "run", resume=True))
    torch.set_num_threads(before)
    assert isinstance(started, Started)
    assert started.device == "CPU, 2 threads"


def test_a_loss_that_is_no_number_stops_the_run_with_the_reason_and_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NaN in the second epoch ends the run as failed; the first epoch's state is still there."""
    config = tiny_config()
    step = Engine.step

    def poisoned(self: Engine, ct: Tensor, mri: Tensor, images: int, rate: float) -> Any:
        return step(self, ct * math.nan if self.updates == 3 else ct, mri, images, rate)

    monkeypatch.setattr(Engine, "step", poisoned)
    finished = last(run(config, tmp_path / "run"))
    assert finished.reason == "failed"
    assert "epoch 2, step 2" in finished.message
    assert "the loss is not finite (terms: mse, ssim, gradient)" in finished.message
    folder = RunFolder(tmp_path / "run")
    state = folder.load_state()
    assert state is not None
    assert state["progress"]["epoch"] == 1
    assert all(bool(w.isfinite().all()) for w in weights(tmp_path / "run").values())
    assert folder.status().state == "failed"
    monkeypatch.undo()
    run(config, tmp_path / "run", resume=True)
    run(config, tmp_path / "whole")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_early_stopping_ends_after_the_patience(tmp_path: Path) -> None:
    """Steps far too long make every epoch worse: the run ends two epochs after its best."""
    config = tiny_config(epochs=30, patience=2, learning_rate=10.0, optimizer="sgd")
    finished = last(run(config, tmp_path / "run"))
    assert finished.reason == "early"
    assert finished.epoch == finished.best_epoch + 2
    assert RunFolder(tmp_path / "run").status().state == "done"


def test_the_published_best_weights_are_a_checkpoint(tmp_path: Path) -> None:
    """best.safetensors loads as a checkpoint, equals the returned model, and tells its story."""
    config = tiny_config()
    finished = last(run(config, tmp_path / "run"))
    loaded = checkpoint.load(tmp_path / "run" / "best.safetensors")
    assert same(dict(loaded.model.state_dict()), dict(finished.model.state_dict()))
    assert loaded.metadata["epoch"] == finished.best_epoch
    assert loaded.metadata["training"] == config.to_dict()
    assert loaded.metadata["data"]["fingerprint"] == tiny_data(config).report.fingerprint


def test_metrics_are_measured_beside_the_training(tmp_path: Path) -> None:
    """Every epoch's metrics arrive, are kept, and name all metrics of the table."""
    config = tiny_config(epochs=2, metrics_every=1)
    reports = run(config, tmp_path / "run")
    found = [r for r in reports if isinstance(r, MetricsReport)]
    assert [r.epoch for r in found] == [1, 2]
    assert {"SSIM_Avg", "SCD", "Entropy"} <= set(found[0].means)
    assert 0 < found[0].means["SSIM_Avg"] < 1
    kept = [r["epoch"] for r in RunFolder(tmp_path / "run").history() if r["kind"] == "metrics"]
    assert kept == [1, 2]


def test_without_validation_pairs_the_training_loss_decides() -> None:
    """The report says that there are none; best_loss is the smallest training loss."""
    config = tiny_config(val_fraction=0.0)
    reports = run(config)
    epochs = [r for r in reports if isinstance(r, EpochReport)]
    assert isinstance(reports[0], Started)
    assert any("no validation pairs" in note for note in reports[0].notes)
    assert [r.val_total for r in epochs] == [None] * 3
    assert last(reports).best_loss == min(r.train_total for r in epochs)


def test_one_single_pair_can_be_trained_on() -> None:
    """One pair is one step an epoch, and no validation."""
    config = tiny_config(epochs=1)
    data = tiny_data(config, patients=1, slices=1)
    reports = list(train(config, data))
    assert last(reports).reason == "done"
    assert "only one patient" in data.report.notes[-1]


def test_a_run_is_not_started_over_another_or_resumed_with_other_settings(tmp_path: Path) -> None:
    """Both are refused in words that name the folder or the setting."""
    config = tiny_config(epochs=1)
    run(config, tmp_path / "run")
    with pytest.raises(RunError, match="holds a run already"):
        run(config, tmp_path / "run")
    other = config.with_options({"learning_rate": 0.5})
    with pytest.raises(RunError, match="another learning_rate"):
        run(other, tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="no run to resume"):
        run(config, tmp_path / "nothing", resume=True)
    assert not (tmp_path / "nothing").exists()
    data = tiny_data(config, patients=4)
    with pytest.raises(RunError, match="not those"):
        list(train(config, data, tmp_path / "run", resume=True))


def test_a_run_begins_with_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    """Its first weights are the file's; it goes on when the file is gone."""
    first = run(tiny_config(epochs=1), tmp_path / "first")
    start = tmp_path / "start.safetensors"
    checkpoint.save(start, last(first).model, {})
    config = tiny_config(seed=9, start=str(start))
    assert same(dict(new_model(config).state_dict()), dict(last(first).model.state_dict()))
    whole = run(config, tmp_path / "whole")
    assert stop_after(config, tmp_path / "parts", 2).reason == "stopped"
    start.unlink()
    run(config, tmp_path / "parts", resume=True)
    assert last(whole).reason == "done"
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    told = checkpoint.load(tmp_path / "whole" / "best.safetensors").metadata["training"]
    assert told["start"] == f"{tmp_path.name}/start.safetensors"


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("default", r"cannot start from default, which holds another model .*mask_inputs 'all'"),
        ("nobody", "Unknown checkpoint 'nobody'"),
        ("gone.safetensors", "no checkpoint file"),
    ],
)
def test_a_start_that_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, start: str, message: str
) -> None:
    """The sentence says which settings differ, or which checkpoints there are."""
    with pytest.raises(ValueError, match=message):
        run(tiny_config(start=start), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_out_of_memory_names_a_batch_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails for want of memory ends the run with a batch size that passes."""
    config = tiny_config(batch_size=6, epochs=1)

    class Small:
        """Stands for a machine that holds one pair and no more."""

        def __call__(self, ct: Tensor, mri: Tensor) -> Any:
            if len(ct) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return model(ct, mri)

    engine = Engine(config, torch.device("cpu"), _alone())
    model = engine.model
    monkeypatch.setattr(engine, "model", Small())
    text = advice(engine, tiny_data(config), 6)
    assert text == "Out of memory with 6 pairs of side 32 at once; a batch_size of 1 fits here."


def _alone() -> Any:
    from trainer.distributed import Ranks

    return Ranks()


@pytest.mark.parametrize("scheduler", ["step", "cosine", "onecycle"])
def test_learning_rates_are_those_of_torch(scheduler: str) -> None:
    """Our closed forms follow torch's schedulers over a whole run."""
    config = tiny_config(scheduler=scheduler, epochs=50, learning_rate=0.1)
    steps = 3
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler_: Any = {
        "step": lambda: torch.optim.lr_scheduler.StepLR(optimizer, 20 * steps, 0.5),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50 * steps),
        "onecycle": lambda: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.1, total_steps=50 * steps
        ),
    }[scheduler]()
    for done in range(50 * steps):
        ours = learning_rate(config, done // steps, done % steps, steps)
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6, abs=1e-9)
        optimizer.step()
        scheduler_.step()


def test_warm_up_rises_evenly_to_the_full_rate() -> None:
    """Over two warm-up epochs of three steps the rate takes six even steps."""
    config = tiny_config(scheduler="constant", warmup_epochs=2.0, learning_rate=0.6)
    rates = [learning_rate(config, n // 3, n % 3, 3) for n in range(8)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6])
    assert all(a <= b for a, b in pairwise(rates))


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_touches_the_mask_networks_alone(amp: str) -> None:
    """Masks come out in few bits, the fused image in float32, and the loss still falls."""
    config = tiny_config(amp=amp, epochs=6, learning_rate=0.02)
    engine = Engine(config, torch.device("cpu"), _alone())
    ct, mri = tiny_data(config).batch([0])
    result = engine.model(ct, mri)
    assert result.masks is not None
    mask = result.masks.ct.ll
    dtype = torch.bfloat16 if amp == "bf16" else torch.float16
    assert torch.equal(mask, mask.to(dtype).float())
    assert result.fused.dtype == torch.float32
    epochs = [r for r in run(config) if isinstance(r, EpochReport)]
    assert epochs[-1].train_total < epochs[0].train_total


def test_making_a_model_leaves_the_global_random_numbers_alone() -> None:
    """First weights come from the run's seed, without moving torch's own generator."""
    before = torch.get_rng_state()
    model = new_model(tiny_config(seed=7))
    assert torch.equal(torch.get_rng_state(), before)
    assert same(dict(model.state_dict()), dict(new_model(tiny_config(seed=7)).state_dict()))


def test_pause_saves_and_waits_until_resume(tmp_path: Path) -> None:
    """A paused loop reports it, keeps its state on disk, and goes on to the same end."""
    config = tiny_config()
    control = Control()
    states = []
    for report in train(config, tiny_data(config), tmp_path / "run", control=control):
        if isinstance(report, StepReport) and report.epoch == 2 and report.step == 1:
            control.pause()
        elif type(report).__name__ == "StateReport":
            states.append(report.state)  # type: ignore[union-attr]
            if states[-1] == "paused":
                folder = RunFolder(tmp_path / "run")
                assert folder.status().state == "paused"
                saved = folder.load_state()
                assert saved is not None
                assert (saved["progress"]["epoch"], saved["progress"]["step"]) == (1, 1)
            control.resume()
    assert states == ["paused", "running"]
    run(config, tmp_path / "whole")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))


def test_arrays_of_one_count_are_asked_for() -> None:
    """A source of no pairs is refused."""
    with pytest.raises(ValueError, match="at least one pair"):
        ArraySource([])
