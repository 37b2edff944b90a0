"""Hundreds of pairs through batch on two cores: pairs a second, CPU time a pair, peak memory.

The pairs are synthetic 256 x 256 heads, each with noise of its own. Exits with 1 where a goal is
missed. On a busy machine the CPU time tells what an idle one would reach: 2000 / (ms a pair).

Run: python benchmarks/batch.py [--pairs 500] [--method seed-haar] [--metrics]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.phantom import HeadConfig, render_slice
from imaging.pairs import find_pairs
from imaging.write import encode_png
from pipelines.batch import BatchOptions, run_batch
from pipelines.batch_report import finish
from pipelines.batch_zip import pack
from pipelines.methods import load_named

CORES, FIRST = 2, 50
GOAL_SPEED, GOAL_MEMORY = 40.0, 200.0


def make_pairs(folder: Path, count: int) -> None:
    """Write heads of 256 x 256 pixels with a little noise, no two alike."""
    heads = [render_slice(HeadConfig(seed=seed, size=256), 12.0) for seed in range(5)]
    rng = np.random.default_rng(0)
    for kind in ("CT", "MRI"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        head = heads[number % len(heads)]
        for kind, image in (("CT", head.ct01), ("MRI", head.mr01)):
            noise = rng.normal(0, 0.01, image.shape) * (image > 0)
            png = encode_png(np.clip(image + noise, 0, 1))
            (folder / kind / f"pair{number:04d}.png").write_bytes(png)


def peak() -> float:
    """Most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def line(what: str, value: float, unit: str, good: bool | None = None, goal: str = "") -> bool:
    """Print a row; whether its goal, if it has one, is met."""
    verdict = "" if good is None else f"  goal {goal}: {'met' if good else 'MISSED'}"
    print(f"{what:<48}{value:>9.1f} {unit:<8}{verdict}")
    return good is not False


def main() -> int:
    """Print the table; 0 where every goal is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--method", default="seed-haar")
    parser.add_argument("--metrics", action="store_true")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    method = load_named(args.method, "cpu")
    with tempfile.TemporaryDirectory() as name:
        make_pairs(Path(name) / "data", args.pairs)
        pairs, out = find_pairs(Path(name) / "data"), Path(name) / "out"
        options = BatchOptions(metrics=args.metrics, resumable=True, workers=CORES)
        records, first = [], 0.0
        wall, cpu = time.perf_counter(), time.process_time()
        for record in run_batch(pairs, out, method, options):
            records.append(record)
            if record.index == min(FIRST, args.pairs):
                first = peak()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        start = time.perf_counter()
        pack(out, finish(pairs, out, method, options, records), Path(name) / "fused.zip")
        ending = time.perf_counter() - start
        grown = peak() - first
        start = time.perf_counter()
        kept = sum(record.kept for record in run_batch(pairs, out, method, options))
        again = time.perf_counter() - start
    fused = sum(record.error is None for record in records)
    print(f"{fused} of {args.pairs} pairs of 256 x 256, {method.name}, {CORES} workers")
    speed = args.pairs / wall
    counts = not args.metrics
    met = line(
        "pairs a second, wall clock", speed, "pairs/s", speed >= GOAL_SPEED if counts else None,
        f">= {GOAL_SPEED:.0f}",
    )  # fmt: skip
    line("CPU time a pair", 1e3 * cpu / args.pairs, "ms")
    line("contact sheets, report and zip", ending, "s")
    line(f"second call, {kept} pairs passed over", again, "s")
    line(f"peak memory after {min(FIRST, args.pairs)} pairs", first, "MiB")
    met &= line("more at the end", grown, "MiB", grown <= GOAL_MEMORY, f"<= {GOAL_MEMORY:.0f} MiB")
    return 0 if met and fused == args.pairs else 1


if __name__ == "__main__":
    sys.exit(main())
