"""The metrics against an outside table of scores for other methods' fused images."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from fusion_core.metrics import METRICS, evaluate

SAMPLE = 24


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None, f"cannot read {path}"
    return image


def test_scores_equal_the_outside_table(shared: Path) -> None:
    """Every column of the table is met to 1e-3 relative or 1e-4 absolute."""
    table = shared / "peers" / "scores_benchmark.csv"
    if not table.is_file():
        pytest.skip("the outside scores ../shared/peers/scores_benchmark.csv are not here")
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("method", "name")]
    assert set(names) == {n for n in METRICS if not n.endswith(("_CT", "_MRI"))}
    step = len(rows) // SAMPLE
    sample = rows[step // 2 :: step][:SAMPLE]
    assert len({row["method"] for row in sample}) > 15
    pairs = shared / "data" / "aanlib" / "benchmark"
    for row in sample:
        file_name = f"{row['name']}.png"
        fused = read(shared / "peers" / "images" / row["method"] / file_name)
        scores = evaluate(fused, read(pairs / "CT" / file_name), read(pairs / "MRI" / file_name))
        for name in names:
            expected = float(row[name])
            tolerance = max(1e-4, 1e-3 * abs(expected))
            assert abs(scores.values[name] - expected) <= tolerance, (row, name)
