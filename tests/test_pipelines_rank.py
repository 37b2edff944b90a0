"""Ranks of methods: hand-made tables, ties, missing values, and the field's own images."""

import csv
import math
from pathlib import Path

import pytest

from imaging.pairs import find_pairs
from pipelines.evaluate import evaluate_method
from pipelines.methods import load_method
from pipelines.rank import STANDARD_METRICS, mean_rank, rank_among


def table(**columns: list[float]) -> dict[str, dict[str, float]]:
    """Scores of images 0, 1, ... from a list per metric."""
    count = len(next(iter(columns.values())))
    return {str(k): {m: column[k] for m, column in columns.items()} for k in range(count)}


def published(shared: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of the peers' images: method -> image -> metric -> value."""
    peers: dict[str, dict[str, dict[str, float]]] = {}
    with (shared / "peers" / "scores_benchmark.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            values = {m: float(row[m]) for m in STANDARD_METRICS}
            peers.setdefault(row["method"], {})[row["name"]] = values
    return peers


def test_ranks_follow_the_direction_of_each_metric() -> None:
    """More Qabf and less Nabf rank first; the overall rank is their mean."""
    rows = mean_rank(
        {
            "a": table(Qabf=[0.9, 0.8], Nabf=[0.3, 0.3]),
            "b": table(Qabf=[0.5, 0.9], Nabf=[0.1, 0.2]),
        },
        ("Qabf", "Nabf"),
    )
    assert [row.method for row in rows] == ["b", "a"]
    assert rows[0].per_metric == {"Qabf": 1.5, "Nabf": 1.0}
    assert rows[0].overall == 1.25
    assert rows[1].overall == 1.75
    assert rows[1].by_means == 1.5


def test_ties_share_the_mean_of_their_ranks() -> None:
    """Two equal best values among three methods get rank 1.5 each."""
    rows = mean_rank({n: table(VIF=[v]) for n, v in (("a", 1.0), ("b", 1.0), ("c", 0.0))}, ("VIF",))
    assert {row.method: row.overall for row in rows} == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_a_missing_value_ranks_last() -> None:
    """NaN comes after every number, in either direction."""
    for metric in ("Qabf", "Nabf"):
        rows = mean_rank({"a": table(**{metric: [math.nan]}), "b": table(**{metric: [0.5]})},
                         (metric,))  # fmt: skip
        assert [row.method for row in rows] == ["b", "a"]


def test_only_images_that_all_have_count() -> None:
    """An image that one method lacks is left out for all."""
    one, two = table(SCD=[1.0, 0.0]), table(SCD=[0.5])
    assert mean_rank({"one": one, "two": two}, ("SCD",))[0].per_metric == {"SCD": 1.0}
    with pytest.raises(ValueError, match="no image"):
        mean_rank({"one": {"x": {"SCD": 1.0}}, "two": {"y": {"SCD": 1.0}}}, ("SCD",))


def test_metrics_without_a_direction_cannot_rank() -> None:
    """Entropy and unknown metrics are refused with the ones that can."""
    for metric in ("Entropy", "Beauty"):
        with pytest.raises(ValueError, match=rf"'{metric}' cannot rank methods; choose from SSIM"):
            mean_rank({"a": table(SCD=[1.0])}, (metric,))
    with pytest.raises(ValueError, match="VIF is missing"):
        mean_rank({"a": table(SCD=[1.0])}, ("VIF",))


def test_a_method_is_set_alone_among_complete_peers() -> None:
    """A peer that lacks one of the method's images is left out."""
    rows = rank_among(
        "mine",
        table(SCD=[1.0, 2.0]),
        {"whole": table(SCD=[0.0, 0.0]), "part": table(SCD=[9.0])},
        ("SCD",),
    )
    assert [(row.method, row.overall) for row in rows] == [("mine", 1.0), ("whole", 2.0)]


def test_the_field_ranks_as_its_table_says(shared: Path) -> None:
    """Among the published images the mean of both sources has the least artefacts."""
    peers = published(shared)
    complete = {m: t for m, t in peers.items() if len(t) == max(map(len, peers.values()))}
    rows = mean_rank(complete)
    assert len(rows) >= 5
    count = len(rows)
    total = count * (count + 1) / 2
    for metric in STANDARD_METRICS:
        assert sum(row.per_metric[metric] for row in rows) == pytest.approx(total)


def test_the_shipped_default_leads_ifcnn_and_pixel_max(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set alone among the peers that have all 35 images, default's mean rank is the better one."""
    monkeypatch.delenv("TWF_CHECKPOINTS", raising=False)
    pairs = find_pairs(shared / "data" / "aanlib" / "benchmark")
    method = load_method(device="cpu")
    records = evaluate_method(pairs, method, STANDARD_METRICS)
    mine = {r.name: r.scores.values for r in records if r.scores is not None}
    assert len(mine) == 35
    rows = {row.method: row for row in rank_among("default", mine, published(shared))}
    for peer in ("IFCNN", "MAX"):
        assert rows["default"].overall < rows[peer].overall
        assert rows["default"].by_means < rows[peer].by_means
