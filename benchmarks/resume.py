"""Twenty kills at random moments of a run of ten epochs, and one inside a save: the same weights?

Run: python benchmarks/resume.py [--kills 20] [--seed 0]

A process trains synthetic heads on the CPU and is killed with SIGKILL while steps run, then started
again with resume; once more a process kills itself after the state's temporary file is written and
before it is renamed. The final weights must equal those of a run that was left alone, bit for bit.
Exits with 1 where they do not.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from fusion_core.checkpoint import load
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset
from trainer.loop import train
from trainer.presets import preset
from trainer.run_folder import RunFolder
from trainer.sources import PhantomSource

EPOCHS, HEADS, SLICES, SIZE = 10, 4, 4, 64
ENGINE_PARTS = ("model", "average", "optimizer")
STEP_SECONDS = 0.08  # each step is held up so long, so that kills find one to interrupt


def config() -> TrainConfig:
    """A short run with everything in it that a resume could get wrong."""
    changes = {
        "epochs": EPOCHS, "size": SIZE, "crop": 48, "batch_size": 2, "device": "cpu", "threads": 1,
        "noise": 0.02, "ema_decay": 0.9, "metrics_every": 0, "strips": 1, "report_every": 1,
        "widths": (8,),
    }  # fmt: skip
    return preset("default").with_options(changes)


def child(run_dir: Path, between: bool) -> None:
    """Train from the start or from where the run was left."""
    settings = config()
    data = CTMRIDataset(PhantomSource(HEADS, SLICES, SIZE), settings)
    if between:
        kill_between_write_and_rename()
    for _ in train(settings, data, run_dir, RunFolder(run_dir).begun):
        time.sleep(STEP_SECONDS)


def kill_between_write_and_rename() -> None:
    """Make this process kill itself where the state is written but not yet in its place."""
    replace = Path.replace

    def killing(self: Path, other: str | Path) -> Path:
        if Path(other).name == "last.pt":
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, other)

    Path.replace = killing  # type: ignore[method-assign,assignment]


def start(run_dir: Path, *flags: str) -> subprocess.Popen[bytes]:
    """Such a process."""
    return subprocess.Popen([sys.executable, __file__, "--child", str(run_dir), *flags])


def kill_while_steps_run(run_dir: Path, chance: random.Random, epoch_seconds: float) -> str | None:
    """Resume, kill at a random moment after a step; where it hit, or None where it was too late."""
    folder = RunFolder(run_dir)
    before = len(lines(run_dir))
    process = start(run_dir)
    while process.poll() is None and len(lines(run_dir)) < before + 2:  # it started, and one step
        time.sleep(0.01)
    # Mostly within the epoch that a resume begins with, sometimes after it.
    late = 0.8 if folder.status().epoch >= EPOCHS - 1 else 1.2
    time.sleep(chance.uniform(0, late) * epoch_seconds)
    process.kill()
    code = process.wait()
    last = folder.history()[-1]
    if code != -signal.SIGKILL or last["kind"] == "finished" or folder.status().epoch >= EPOCHS:
        return None
    if last["kind"] != "step":
        return f"after epoch {last['epoch']}"
    return f"in epoch {last['epoch']}, after step {last['step']} of {last['steps']}"


def lines(run_dir: Path) -> list[bytes]:
    """The raw lines of the history; unlike its records they are never taken back by a resume."""
    path = run_dir / "history.jsonl"
    return path.read_bytes().splitlines() if path.exists() else []


def same(one: Path, other: Path) -> bool:
    """Whether weights, running averages, optimizers and best.safetensors agree in every bit."""
    first, second = (RunFolder(path).load_state() for path in (one, other))
    if first is None or second is None:
        return False
    best = [load(path / "best.safetensors").model.state_dict() for path in (one, other)]
    parts = [(first["engine"][name], second["engine"][name]) for name in ENGINE_PARTS]
    pairs = [(flat(a), flat(b)) for a, b in (*parts, best)]
    return all(
        len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        for a, b in pairs
    )


def flat(state: Any) -> list[torch.Tensor]:
    """All tensors of nested values, in order."""
    if isinstance(state, torch.Tensor):
        return [state]
    inner = state.values() if isinstance(state, Mapping) else state
    nested = isinstance(state, Mapping | list | tuple)
    return [tensor for value in inner for tensor in flat(value)] if nested else []


def main() -> int:
    """Print every kill and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--between", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        child(args.child, args.between)
        return 0
    if os.name == "nt":
        print("needs SIGKILL, which Windows does not have")
        return 0
    return measure(args.kills, random.Random(args.seed))


def measure(kills: int, chance: random.Random) -> int:
    """Train once undisturbed and once under fire, and compare."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as root:
        whole, killed = Path(root) / "whole", Path(root) / "killed"
        if start(whole).wait():
            return 1
        epochs = [r for r in RunFolder(whole).history() if r["kind"] == "epoch"]
        steps = [r for r in RunFolder(whole).history() if r["kind"] == "step"]
        epoch_seconds = sum(r["seconds"] for r in epochs) / EPOCHS
        print(f"{EPOCHS} epochs of {len(steps) // EPOCHS} steps, {epoch_seconds:.2f} s each")
        done = 0
        while done < kills:
            where = kill_while_steps_run(killed, chance, epoch_seconds)
            if where is None:
                print(f"the run ended after {done} kills; a slower machine or fewer kills fit")
                return 1
            done += 1
            print(f"kill {done:2}: {where}", flush=True)
            if done == kills // 2:
                code = start(killed, "--between").wait()
                left = (killed / "last.pt.tmp").exists()
                print(f"between write and rename: exit {code}, temporary file left: {left}")
                if code != -signal.SIGKILL or not left:
                    return 1
        if start(killed).wait():
            return 1
        equal = same(whole, killed)
        records = [r["epoch"] for r in RunFolder(killed).history() if r["kind"] == "epoch"]
        complete = records == list(range(1, EPOCHS + 1))
        print(f"after {done + 1} kills: weights {'equal bit for bit' if equal else 'DIFFER'}, "
              f"history {'complete' if complete else 'INCOMPLETE'}, "
              f"{time.perf_counter() - begun:.0f} s")  # fmt: skip
        return 0 if equal and complete else 1


if __name__ == "__main__":
    sys.exit(main())
