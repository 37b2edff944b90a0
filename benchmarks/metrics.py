"""Time every metric on one 256x256 pair on one core: `python benchmarks/metrics.py`."""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

# One core: set before any library starts its threads.
for _pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_pool] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from fusion_core.metrics import METRICS, evaluate  # noqa: E402


def make_pair(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a head-like fused image, CT and MRI, (side, side) uint8, always the same."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    r = np.hypot(x / 0.75, y / 0.9)
    texture = cv2.GaussianBlur(rng.standard_normal((side, side)), (0, 0), 3)
    ct = np.where(r < 0.86, 0.3 + texture / 4, np.where(r < 1, 0.95, 0))
    mri = np.where(r < 0.84, 0.5 + texture * 2, np.where(r > 1.0, 0, 0.1))
    ct8, mri8 = (np.rint(np.clip(z, 0, 1) * 255).astype(np.uint8) for z in (ct, mri))
    return np.maximum(ct8, mri8), ct8, mri8


def median_ms(
    fused: np.ndarray, ct: np.ndarray, mri: np.ndarray, names: list[str], n: int
) -> float:
    """Median milliseconds of `evaluate` over n runs, after three to warm up."""
    times = []
    for _ in range(n + 3):
        start = time.perf_counter()
        evaluate(fused, ct, mri, names)
        times.append(time.perf_counter() - start)
    return statistics.median(times[3:]) * 1e3


def main() -> None:
    """Print the milliseconds of all metrics together and of each alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="image side in pixels")
    parser.add_argument("--runs", type=int, default=30, help="timed runs")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    images = make_pair(args.side)
    total = median_ms(*images, list(METRICS), args.runs)
    print(f"all {len(METRICS)} metrics, {args.side} x {args.side}, one core: {total:.1f} ms")
    for name in METRICS:
        print(f"  {name:18s} alone {median_ms(*images, [name], args.runs):7.2f} ms")


if __name__ == "__main__":
    main()
