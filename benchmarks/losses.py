"""Milliseconds per loss term and per named loss, forward and backward, on one CPU thread.

Run: python benchmarks/losses.py [--batch 8] [--size 256] [--threads 1]
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.losses import LOSSES, TERMS, FusionLoss


def median_ms(step: Callable[[Tensor], Tensor], leaf: Tensor, rounds: int) -> tuple[float, float]:
    """Median time of the forward pass and of forward plus backward, ms."""
    forward, both = [], []
    for _ in range(rounds + 1):
        leaf.grad = None
        start = time.perf_counter()
        loss = step(leaf)
        middle = time.perf_counter()
        torch.autograd.backward(loss)
        both.append(time.perf_counter() - start)
        forward.append(middle - start)
    return statistics.median(forward[1:]) * 1e3, statistics.median(both[1:]) * 1e3


def main() -> None:
    """Print one line per term, then one per named loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    shape = (args.batch, 1, args.size, args.size)
    ct, mri = torch.rand(shape), torch.rand(shape)
    fused = torch.rand(shape, requires_grad=True)

    print(f"batch {args.batch}, {args.size} x {args.size}, {args.threads} thread(s), ms")
    print(f"{'':16}{'forward':>9}{'+ backward':>12}")
    losses = {name: FusionLoss({name: 1.0}) for name in TERMS}
    losses |= {f"[{name}]": FusionLoss(weights) for name, weights in LOSSES.items()}
    for name, loss in losses.items():

        def step(leaf: Tensor, loss: FusionLoss = loss) -> Tensor:
            return loss(leaf, ct, mri).total

        forward, both = median_ms(step, fused, args.rounds)
        print(f"{name:16}{forward:9.1f}{both:12.1f}")


if __name__ == "__main__":
    main()
