"""Runs as tables and files for other tools: an overview, epochs as CSV, all as JSON, or a zip."""

import csv
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.export import to_json
from trainer.run_folder import BEST, RunError, RunFolder, RunStatus, list_runs
from trainer.sweep_results import PLAN

KINDS = (".csv", ".json", ".zip")
"""What a run can be exported to, by the file's suffix."""

_PARTS = ("config.json", "data.json", "environment.json")


@dataclass(frozen=True)
class RunSummary:
    """A run in one line.

    Attributes:
        name: of its folder, below the folder that was listed.
        status: what it is doing.
        epochs: asked for; None where the settings cannot be read.
        model, loss: in words, empty where the settings cannot be read.
        seed: of the run.
        best_epoch, best_loss: None before the first epoch.
    """

    name: str
    status: RunStatus
    epochs: int | None
    model: str
    loss: str
    seed: int | None
    best_epoch: int | None
    best_loss: float | None


def summaries(root: str | Path) -> list[RunSummary]:
    """All runs of a folder, those of its sweeps included, newest first by name.

    Raises:
        RunError: there is no such folder.
    """
    place = Path(root)
    if not place.is_dir():
        raise RunError(f"There is no folder {place}; name the folder that holds the runs.")
    folders = [place, *(p for p in sorted(place.iterdir(), reverse=True) if (p / PLAN).exists())]
    return [summary(run, place) for folder in folders for run in list_runs(folder)]


def summary(run: RunFolder, root: Path | None = None) -> RunSummary:
    """One run in one line; what cannot be read of it stays empty."""
    name = str(run.path.relative_to(root)) if root is not None else run.name
    try:
        values = run.read_json("config.json")
    except RunError:
        values = {}
    model = values.get("model") or {}
    epochs = [r for r in run.history() if r.get("kind") == "epoch"]
    return RunSummary(
        name,
        run.status(),
        values.get("epochs"),
        f"{model['wavelet']}, {model['levels']}" if {"wavelet", "levels"} <= set(model) else "",
        ",".join(f"{term}={weight:g}" for term, weight in (values.get("loss") or {}).items()),
        values.get("seed"),
        epochs[-1]["best_epoch"] if epochs else None,
        epochs[-1]["best_loss"] if epochs else None,
    )


def epoch_table(run: RunFolder) -> list[dict[str, Any]]:
    """One row per epoch: losses, learning rate, speed, and the metrics where they were measured."""
    history = run.history()
    metrics = {r["epoch"]: r["means"] for r in history if r.get("kind") == "metrics"}
    rows = []
    for record in (r for r in history if r.get("kind") == "epoch"):
        row: dict[str, Any] = {
            key: record[key]
            for key in ("epoch", "train_total", "val_total", "learning_rate", "seconds",
                        "pairs_per_second", "mask_change", "clipped")
        }  # fmt: skip
        row |= {f"train_{name}": value for name, value in record["train_terms"].items()}
        row |= {f"val_{name}": value for name, value in record["val_terms"].items()}
        row["best"] = int(record["best_epoch"] == record["epoch"])
        rows.append(row | metrics.get(record["epoch"], {}))
    return rows


def export_run(run: RunFolder, kind: str) -> bytes:
    """A run as one file.

    Args:
        run: any run that was begun.
        kind: ".csv" is one line per epoch; ".json" settings, data, environment and history; ".zip"
            the folder without the state to go on from and without images that were uploaded.

    Raises:
        RunError: the folder holds no run, or the kind is unknown.
    """
    if not run.begun:
        raise RunError(f"{run.path} is not the folder of a run.")
    if kind not in KINDS:
        raise RunError(f"A run is exported to {', '.join(KINDS)}; got {kind or 'no suffix'}.")
    if kind == ".csv":
        return _csv(epoch_table(run)).encode()
    if kind == ".json":
        return _json(run)
    return _zip(run)


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _json(run: RunFolder) -> bytes:
    parts = {Path(name).stem: run.read_json(name) for name in _PARTS if (run.path / name).exists()}
    status = run.status()
    whole = {
        "name": run.name,
        "status": {"state": status.state, "message": status.message, "epoch": status.epoch},
        **parts,
        "history": run.history(),
    }
    return to_json(whole).encode()


def _zip(run: RunFolder) -> bytes:
    wanted = [*_PARTS, "status.json", "history.jsonl", "log.txt", "scores.json", BEST]
    files = [run.path / name for name in wanted] + sorted((run.path / "strips").glob("*.png"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            if path.is_file():
                archive.write(path, f"{run.name}/{path.relative_to(run.path).as_posix()}")
    return buffer.getvalue()
