"""What torch.compile brings a training step: the first call, and a step without and with it.

Run: python benchmarks/compiling.py [--presets seed default] [--mode default] [--device cpu]
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from trainer.config import TrainConfig
from trainer.distributed import Ranks
from trainer.engine import Engine
from trainer.presets import PRESETS, preset


def seconds_of_a_step(engine: Engine, ct: Tensor, mri: Tensor) -> float:
    """Processor seconds on a CPU, which other programs do not lengthen; elapsed ones on a GPU."""
    clock = time.perf_counter if engine.device.type == "cuda" else time.process_time
    start = clock()
    engine.step(ct, mri, len(ct), 1e-3)
    return clock() - start


def measure(config: TrainConfig, mode: str, device: torch.device, rounds: int) -> str:
    """One line for a preset."""
    side = config.crop or config.size or 256
    generator = torch.Generator().manual_seed(0)
    shape = (config.batch_size, 1, side, side)
    ct, mri = (torch.rand(shape, generator=generator).to(device) for _ in range(2))
    plain = Engine(config, device, Ranks())
    compiled = Engine(config.with_options({"compile": mode}), device, Ranks())
    start = time.perf_counter()
    if failure := compiled.compile(ct, mri):
        return failure
    first = time.perf_counter() - start
    times: dict[Engine, list[float]] = {plain: [], compiled: []}
    for _ in range(rounds):
        for engine, taken in times.items():
            taken.append(seconds_of_a_step(engine, ct, mri))
    before, after = (statistics.median(taken[1:]) for taken in times.values())
    return f"{before * 1e3:8.1f} ms  {after * 1e3:8.1f} ms  {before / after:5.2f} x  {first:7.1f} s"


def main() -> None:
    """Print one line per preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["seed", "default"], choices=list(PRESETS))
    parser.add_argument("--mode", default="default", choices=("default", "reduce-overhead"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{'preset':<10}{'a step':>11}{'compiled':>13}{'gain':>9}{'first call':>11}")
    for name in args.presets:
        line = measure(preset(name), args.mode, torch.device(args.device), args.rounds)
        print(f"{name:<10}{line}")


if __name__ == "__main__":
    main()
