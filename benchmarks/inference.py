"""The seed model on one pair against the published steps written plainly, on one and two threads.

Both take turns in every round, so that a busy machine slows both; the table shows medians of the
rounds' medians. Exits with 1 where a goal is missed.

Run: python benchmarks/inference.py [--size 256] [--rounds 5] [--calls 30]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.model import PRESETS, FusionNet
from tests.plain_seed import PlainSeed

GOAL_RATIO = {1: 1.3, 2: 1.5}
GOAL_MS = {2: 4.5}


def median_ms(call: Callable[[], object], calls: int) -> float:
    """Median time of one call, ms, after one that is not counted."""
    call()
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def compare(threads: int, size: int, rounds: int, calls: int) -> tuple[float, float]:
    """Medians of the plain model and of ours, ms, taken in turns."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    ours = FusionNet(PRESETS["seed"]).eval()
    plain = PlainSeed().copy_weights(ours)
    ct, mri = torch.rand(1, 1, size, size), torch.rand(1, 1, size, size)
    with torch.inference_mode():
        taken = [
            (median_ms(lambda: plain(ct, mri), calls), median_ms(lambda: ours(ct, mri), calls))
            for _ in range(rounds)
        ]
    return statistics.median(t[0] for t in taken), statistics.median(t[1] for t in taken)


def main() -> int:
    """Print the table; 0 where every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=30)
    args = parser.parse_args()
    print(f"seed, one {args.size} x {args.size} pair, {args.rounds} rounds of {args.calls} calls")
    print(f"{'threads':>7}{'plain ms':>10}{'ours ms':>10}{'times':>8}  goal")
    met = True
    for threads in (2, 1):
        plain, ours = compare(threads, args.size, args.rounds, args.calls)
        limit = GOAL_MS.get(threads, float("inf"))
        good = plain / ours >= GOAL_RATIO[threads] and ours <= limit
        met &= good
        goal = f">= {GOAL_RATIO[threads]}" + (f", <= {limit} ms" if threads in GOAL_MS else "")
        verdict = "met" if good else "MISSED"
        print(f"{threads:>7}{plain:>10.2f}{ours:>10.2f}{plain / ours:>8.2f}  {goal}: {verdict}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
