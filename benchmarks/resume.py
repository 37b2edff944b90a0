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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from trainer.config import TrainConfig, preset
from trainer.data import CTMRIDataset
from trainer.loop import train
from trainer.run_folder import RunFolder
from trainer.sources import PhantomSource

EPOCHS, HEADS, SLICES, SIZE = 10, 4, 4, 64
STEP_SECONDS = 0.03  # each step is held up so long, so that kills find one to interrupt


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
    before = len(folder.history())
    process = start(run_dir)
    while process.poll() is None and len(folder.history()) <= before + 1:
        time.sleep(0.01)
    # Sometimes within the first epoch, sometimes after it: a resume begins at an epoch's start.
    time.sleep(chance.uniform(0, 0.9 if folder.status().epoch >= EPOCHS - 1 else 1.4)
               * epoch_seconds)  # fmt: skip
    if process.poll() is not None:
        return None
    process.kill()
    process.wait()
    last = [r for r in folder.history() if r["kind"] in ("step", "epoch")]
    where = f"epoch {last[-1]['epoch']}" if last else "before its first step"
    return where + (f", step {last[-1]['step']}" if last and last[-1]["kind"] == "step" else "")


def same(one: Path, other: Path) -> bool:
    """Whether weights, running averages, optimizers and best weights agree in every bit."""
    first, second = (RunFolder(path).load_state() for path in (one, other))
    if first is None or second is None:
        return False
    best = [(path / "best.safetensors").read_bytes()[-4096:] for path in (one, other)]
    parts = [
        (flat(first["engine"][part]), flat(second["engine"][part]))
        for part in ("model", "average", "optimizer")
    ]
    parts.append(
        (flat(first["progress"]["best_weights"]), flat(second["progress"]["best_weights"]))
    )
    equal = all(
        len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        for a, b in parts
    )
    return equal and best[0] == best[1]


def flat(state: object) -> list[torch.Tensor]:
    """All tensors of nested values, in order."""
    if isinstance(state, torch.Tensor):
        return [state]
    values = state.values() if isinstance(state, dict) else state
    return (
        [t for v in values for t in flat(v)]
        if isinstance(values, list | tuple | type({}.values()))
        else []
    )


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
        epoch_seconds = (
            len(steps) / EPOCHS * STEP_SECONDS + sum(r["seconds"] for r in epochs) / EPOCHS
        )
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
