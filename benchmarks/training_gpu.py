"""What `benchmarks/training.py --device cuda` measures: one training run on a GPU.

Printed are the difference of the first epoch's losses between CPU and GPU, time, memory and
utilisation of a whole run, and what half precision and CUDA graphs change.
"""

import contextlib
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator

import torch

from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.distributed import local_device
from trainer.loop import train
from trainer.memory import give_memory_back
from trainer.presets import preset
from trainer.reports import EpochReport, Finished, MetricsReport, Started
from trainer.sources import PairSource

WAYS = {
    "as default": {},
    "bf16": {"amp": "bf16"},
    "fp16": {"amp": "fp16"},
    "compiled": {"compile": "default"},
    "CUDA graphs": {"compile": "reduce-overhead"},
}  # fmt: skip
"""Settings that are compared on the GPU."""


def measure_gpu(source: PairSource, device: str, epochs: int = 50, few: int = 5) -> None:
    """Print everything.

    Args:
        source: the pairs, a fifth of which are validated.
        device: "cuda" or "cuda:N"; "cpu" tries the program out.
        epochs: of the whole run.
        few: epochs of each way that is compared, the first of which is left out.
    """
    config = preset("seed").with_options({"device": device, "epochs": epochs})
    where = local_device(device)
    first_epoch(source, config)
    with watched(where) as seen:
        start = time.perf_counter()
        reports = list(train(config, CTMRIDataset(source, config)))
        seconds = time.perf_counter() - start
    for report in reports:
        if isinstance(report, Started):
            print(f"\n{epochs} epochs of {report.pairs} pairs on {report.device}")
        elif isinstance(report, Finished):
            print(report.message)
    last = [r for r in reports if isinstance(r, EpochReport)][-1]
    measured = sum(isinstance(r, MetricsReport) for r in reports)
    print(
        f"{seconds:.1f} s with all metrics after {measured} epochs; peak memory "
        f"{last.memory / 2**20:.0f} MiB; {last.pairs_per_second:.0f} pairs/s in the last epoch"
    )
    if seen:
        print(f"utilisation: mean {statistics.fmean(seen):.0f} %, highest {max(seen):.0f} %")
    else:
        print("utilisation: nvidia-smi does not tell it here")
    compare(source, config.with_options({"epochs": few, "metrics_every": 0}))


def first_epoch(source: PairSource, config: TrainConfig) -> None:
    """Print the losses of one epoch on the CPU and on the device."""
    found = []
    for device in ("cpu", config.device):
        one = config.with_options({"epochs": 1, "device": device, "metrics_every": 0})
        reports = train(one, CTMRIDataset(source, one))
        found += [r for r in reports if isinstance(r, EpochReport)]
    cpu, other = found
    print(f"first epoch, loss on the CPU and on {config.device}:")
    for title, a, b in (
        ("training", cpu.train_total, other.train_total),
        ("validation", cpu.val_total, other.val_total),
    ):
        if a is not None and b is not None:
            print(f"{title:12}{a:12.6f}{b:12.6f}   difference {abs(a - b):.1e}")


def compare(source: PairSource, config: TrainConfig) -> None:
    """Print speed, memory and loss of every way."""
    print(f"\n{'':14}{'s per epoch':>12}{'pairs/s':>10}{'peak MiB':>10}{'training loss':>15}")
    for name, changes in WAYS.items():
        give_memory_back()
        way = config.with_options(changes)
        reports = list(train(way, CTMRIDataset(source, way)))
        epochs = [r for r in reports if isinstance(r, EpochReport)]
        later = epochs[1:] or epochs
        notes = [n for r in reports if isinstance(r, Started) for n in r.notes if "compiled" in n]
        print(
            f"{name:14}{statistics.median(r.seconds for r in later):12.3f}"
            f"{statistics.median(r.pairs_per_second for r in later):10.0f}"
            f"{epochs[-1].memory / 2**20:10.0f}{epochs[-1].train_total:15.6f}"
            f"{''.join('  ' + note for note in notes)}"
        )


@contextlib.contextmanager
def watched(device: torch.device, every: float = 0.25) -> Iterator[list[float]]:
    """A list that fills with the GPU's utilisation in percent; it stays empty where none tells."""
    found: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every):
            if (value := utilisation(device)) is None:
                return
            found.append(value)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def utilisation(device: torch.device) -> float | None:
    """Share of the last moments in which the GPU computed, percent; None where none tells."""
    if device.type != "cuda":
        return None
    name = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
    command = ["nvidia-smi", "-i", name, "--query-gpu=utilization.gpu", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return float(done.stdout.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
