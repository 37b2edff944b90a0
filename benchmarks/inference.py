"""Our models on one pair against the published steps written plainly, on one and two threads.

All take turns in every round, so that a busy machine slows all; the table shows medians of the
rounds' medians. "times" is how many of ours fit into one plain call. Exits with 1 where a goal is
missed.

Run: python benchmarks/inference.py [--size 256] [--rounds 5] [--calls 30]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.model import PRESETS, FusionNet
from tests.plain_seed import PlainSeed


@dataclass(frozen=True)
class Goal:
    """A preset, the plain time over its own that is asked for per number of threads, and ms."""

    preset: str
    ratio: dict[int, float]
    ms: dict[int, float] = field(default_factory=dict)


GOALS = (
    Goal("seed", {1: 1.3, 2: 1.5}, {2: 4.5}),
    Goal("default", {1: 1 / 1.7}),
    Goal("default-lite", {1: 1 / 0.85}),
)


def median_ms(call: Callable[[], object], calls: int) -> float:
    """Median time of one call, ms, after one that is not counted."""
    call()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def compare(threads: int, size: int, rounds: int, calls: int) -> dict[str, float]:
    """Medians of the plain model ("plain") and of ours, ms, taken in turns."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    models: dict[str, torch.nn.Module] = {
        goal.preset: FusionNet(PRESETS[goal.preset]).eval() for goal in GOALS
    }
    seed = models["seed"]
    models["plain"] = PlainSeed().copy_weights(cast(FusionNet, seed))
    ct, mri = torch.rand(1, 1, size, size), torch.rand(1, 1, size, size)
    taken: dict[str, list[float]] = {name: [] for name in models}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, model in models.items():
                taken[name].append(median_ms(partial(model, ct, mri), calls))
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> int:
    """Print the table; 0 where every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=30)
    args = parser.parse_args()
    print(f"one {args.size} x {args.size} pair, {args.rounds} rounds of {args.calls} calls")
    print(f"{'threads':>7}  {'model':<13}{'plain ms':>9}{'ours ms':>9}{'times':>7}  goal")
    met = True
    for threads in (2, 1):
        ms = compare(threads, args.size, args.rounds, args.calls)
        for goal in GOALS:
            plain, ours = ms["plain"], ms[goal.preset]
            verdict = "none"
            if threads in goal.ratio:
                ratio, limit = goal.ratio[threads], goal.ms.get(threads, float("inf"))
                good = plain / ours >= ratio and ours <= limit
                met &= good
                verdict = f">= {ratio:.2f}" + (f", <= {limit} ms" if threads in goal.ms else "")
                verdict += ": met" if good else ": MISSED"
            print(
                f"{threads:>7}  {goal.preset:<13}{plain:>9.2f}{ours:>9.2f}{plain / ours:>7.2f}  "
                f"{verdict}"
            )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
