"""Measure what the published description claims, and the methods' scores, into CSV files.

``benchmarks/results.py`` makes docs/results.md of them. The data are a folder of registered pairs
that no checkpoint was trained on; the run is one of the published configuration, whose history
tells how its masks settled and how long it took.

Run: python benchmarks/claims.py DATA --run RUN_DIR [--out docs/measured]
"""

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.mask_measures import sharpness
from fusion_core.model import PRESETS, FusionNet
from fusion_core.provenance import contributions, energies
from fusion_core.rules import RULES
from imaging.pairs import PairSet, find_pairs
from imaging.read import read_image
from pipelines.compare import Entry, compare, conclude
from pipelines.fuse import FusedPair, fuse_pair
from pipelines.methods import Method, load_named
from trainer.run_folder import RunFolder

CHECKPOINTS = ("default", "default-lite", "findings", "seed-haar", "seed-db4-medical", "resnet")
PUBLISHED = "seed-haar"
BONE, TISSUE = 0.8, (0.3, 0.6)
"""Bone: CT above; soft tissue: MRI between, where the CT is below half."""


def method_rows(pairs: PairSet, methods: Sequence[Method]) -> list[dict[str, Any]]:
    """Mean and sd of every metric, parameters and time of each method."""
    entries = [Entry(m.name, m.title, method=m) for m in methods]
    found = conclude(entries, list(compare(pairs, entries)))
    rows = []
    for method in methods:
        model = method.run if isinstance(method.run, torch.nn.Module) else None
        values = {
            "method": method.name,
            "kind": method.kind,
            "parameters": sum(p.numel() for p in model.parameters()) if model else 0,
            "ms_per_pair": f"{milliseconds(method):.2f}",
            "images": len(found.images),
        }
        for metric, row in found.summaries[method.name].items():
            values |= {metric: f"{row.mean:.6f}", f"{metric}_sd": f"{row.sd:.6f}"}
        rows.append(values)
    return rows


def milliseconds(method: Method, calls: int = 20) -> float:
    """Median time of fusing a 256 x 256 pair, ms; of three calls where one takes seconds."""
    ct, mri = torch.rand(2, 1, 1, 256, 256).unbind(0)
    start = time.perf_counter()
    method.fuse(ct, mri)
    taken: list[float] = []
    for _ in range(calls if time.perf_counter() - start < 1 else 3):
        start = time.perf_counter()
        method.fuse(ct, mri)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def claim_rows(pairs: PairSet, run: RunFolder) -> dict[str, float]:
    """What the description claims of bands, masks, size and time, by key."""
    method = load_named(PUBLISHED, "cpu")
    found: dict[str, list[float]] = {}

    def add(key: str, value: float) -> None:
        found.setdefault(key, []).append(value)

    for pair in pairs.pairs:
        fused = fuse_pair(read_image(pair.ct), read_image(pair.mri), method)
        masks, ct, mri = fused.result.masks, fused.result.ct, fused.result.mri
        if masks is None or ct is None or mri is None:
            raise ValueError(f"{PUBLISHED} has no masks.")
        for share in contributions(fused.result):
            for definition in ("mask", "energy", "attribution"):
                add(f"ct_share_{share.band}_{definition}", 100 * getattr(share, definition))
        for source, bands in (("ct", ct), ("mri", mri)):
            energy = next(e for e in energies(bands) if e.band == "LL")
            add(f"ll_energy_{source}", 100 * energy.raw)
            add(f"ll_energy_{source}_centred", 100 * energy.centred)
        for name, mask in masks.ct.items():
            add(f"sharpness_{name}", sharpness(mask[0, 0].numpy()))
        for tissue, inside in regions(fused).items():
            if inside.any():
                add(f"ll_mask_{tissue}", 100 * float(masks.ct.ll[0, 0].numpy()[inside].mean()))
    means = {key: float(np.nanmean(values)) for key, values in found.items()}
    epochs = [line for line in run.history() if line.get("kind") == "epoch"]
    changes = {line["epoch"]: line["mask_change"] for line in epochs if line.get("mask_change")}
    for epoch in (10, 20, 30, 40, 50):
        if epoch in changes:
            means[f"mask_change_{epoch}"] = changes[epoch]
    means["training_minutes"] = sum(line["seconds"] for line in epochs) / 60
    means["training_epochs"] = len(epochs)
    means["parameters_seed"] = FusionNet(PRESETS["seed"]).parameter_count
    means["parameters_seed_2m"] = FusionNet(PRESETS["seed-2m"]).parameter_count
    means["inference_ms"] = milliseconds(method)
    return means


def regions(pair: FusedPair) -> dict[str, np.ndarray]:
    """Where bone and where soft tissue lie, on the grid of the haar bands."""
    ct, mri = pair.ct01[::2, ::2], pair.mri01[::2, ::2]
    tissue = (mri > TISSUE[0]) & (mri < TISSUE[1]) & (ct < 0.5)
    return {"bone": ct > BONE, "tissue": tissue}


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the same keys as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    print(f"{path}: {len(rows)} rows")


def main() -> int:
    """Measure everything; about two minutes on two cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with CT/ and MRI/, not trained on")
    parser.add_argument("--run", type=Path, help="run of the preset seed; without it no claims")
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    pairs = find_pairs(args.data)
    methods = [load_named(name, "cpu") for name in (*CHECKPOINTS, *RULES)]
    write(args.out / "methods.csv", method_rows(pairs, methods))
    if args.run is not None:
        claims = claim_rows(pairs, RunFolder(args.run))
        write(args.out / "claims.csv", [{"key": k, "value": f"{v:.6g}"} for k, v in claims.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())
