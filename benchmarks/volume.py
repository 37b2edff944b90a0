"""A CT and an MRI volume of 512 x 512 x 200: time and memory to pair, fuse and export them.

The heads are made of ellipsoids (tests/moved_heads.py), the MR on a grid of its own. Exits with 1
where a goal is missed. On a busy machine the processor time tells what an idle one would reach.

Run: python benchmarks/volume.py [--slices 200] [--size 512] [--threads 2]
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imaging.volume import Volume
from pipelines.fuse_volume import fuse_volume
from pipelines.methods import load_method
from pipelines.volume_export import nifti_bytes, write_dicom_folder
from pipelines.volume_pair import pair_volumes, volume_windows
from tests.moved_heads import head, tissue

GOAL_SECONDS, GOAL_SIZE = 60.0, (200, 512, 512)
GOAL_WORK = 2.0
"""Memory beyond both volumes that fusing may take, in times of one volume."""


def peak() -> float:
    """Most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """Memory that this process has now, MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@contextmanager
def measured(what: str) -> Iterator[list[float]]:
    """Print wall and processor time of a step; the list gets the wall time."""
    found: list[float] = []
    wall, cpu = time.perf_counter(), time.process_time()
    yield found
    found.append(time.perf_counter() - wall)
    used = time.process_time() - cpu
    print(f"{what:<28}{found[0]:>8.1f} s {used:>8.1f} s of processor time, peak {peak():.0f} MiB")


def large_head(shape: tuple[int, int, int]) -> Volume:
    """The CT slice by slice, so that making it takes no memory of its own."""
    spacing = (180.0 / shape[0], 230.0 / shape[1], 230.0 / shape[2])
    affine = np.diag((*spacing[::-1], 1.0))
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    voxels = np.empty(shape, np.float32)
    rng = np.random.default_rng(0)
    rows, columns = np.meshgrid(*(np.arange(float(n)) for n in shape[1:]), indexing="ij")
    for k in range(shape[0]):
        index = np.stack((columns, rows, np.full_like(rows, k)), -1)
        voxels[k] = tissue(index @ affine[:3, :3].T + affine[:3, 3], "CT")
        voxels[k] += rng.normal(0, 8, shape[1:]).astype(np.float32)
    return Volume(voxels, affine, (-1100.0, 1200.0), "HU", "CT", "CT")


def main() -> int:
    """Measure and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=GOAL_SIZE[0])
    parser.add_argument("--size", type=int, default=GOAL_SIZE[1])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    load = os.getloadavg()[0]
    print(f"{options.threads} threads, {os.cpu_count()} cores, load {load:.1f}")
    method = load_method(device="cpu")
    ct = large_head((options.slices, options.size, options.size))
    mri = head("MR", (160, 200, 200), (1.1, 1.1, 1.1))
    with measured("pair by geometry"):
        pair = pair_volumes(ct, mri, "geometry")
    windows = volume_windows(pair)
    seen = [resident()]
    with measured(f"fuse {options.slices} slices") as taken:
        fused = fuse_volume(pair, method, windows, lambda _: seen.append(resident()))
    extra = max(seen) - seen[0]
    with measured("NIfTI"):
        nifti_bytes(fused)
    with measured("DICOM"), tempfile.TemporaryDirectory() as folder:
        write_dicom_folder(fused, Path(folder) / "fused.dcm")
    one = ct.voxels.nbytes / 2**20
    print(f"memory of fusing beyond both volumes: {extra:.0f} MiB; one volume has {one:.0f} MiB")
    if (options.slices, options.size, options.size) != GOAL_SIZE:
        return 0
    goals = {
        f"under {GOAL_SECONDS:.0f} s on two cores": taken[0] < GOAL_SECONDS,
        f"memory below {GOAL_WORK:.0f} volumes": extra < GOAL_WORK * one,
    }
    for goal, met in goals.items():
        print(f"goal {goal}: {'met' if met else 'MISSED'}")
    return 0 if all(goals.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
