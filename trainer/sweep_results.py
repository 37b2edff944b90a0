"""A sweep's tables, made from its run folders: one line per run, and mean ± sd over seeds."""

import csv
import io
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fusion_core.checkpoint import load
from fusion_core.losses import FusionLoss
from fusion_core.metrics import METRICS, evaluate
from trainer.console import SHOWN_METRICS
from trainer.data import CTMRIDataset
from trainer.distributed import Ranks
from trainer.run_folder import RunFolder
from trainer.scorer import summarise
from trainer.validation import validate

PLAN, SCORES = "sweep.json", "scores.json"
RUNS_CSV, RESULTS_CSV, RESULTS_MD = "runs.csv", "results.csv", "results.md"
ARROWS = {"up": " ↑", "down": " ↓", "none": ""}
_KEYS = ("wavelet", "levels", "loss")


@dataclass(frozen=True)
class RunRow:
    """One run as the tables show it.

    Attributes:
        name: of its folder.
        wavelet, levels, loss, seed: what distinguishes it.
        state: as :class:`trainer.run_folder.RunStatus` has it; "new" before its turn.
        message: why it failed, else empty.
        epoch: the best one; 0 before the run is done.
        values: "loss" (the best validation loss) and validation metrics of the best epoch.
        parameters: trainable values of the model; None where that is not known.
        seconds: it trained for; None where that is not known.
    """

    name: str
    wavelet: str
    levels: int
    loss: str
    seed: int
    state: str
    message: str = ""
    epoch: int = 0
    values: dict[str, float] | None = None
    parameters: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class ResultRow:
    """One combination over its seeds.

    Attributes:
        wavelet, levels, loss: the combination.
        done: runs that are done.
        planned: runs in all.
        means: value -> mean over the runs that are done.
        deviations: value -> sample standard deviation; absent below two runs.
    """

    wavelet: str
    levels: int
    loss: str
    done: int
    planned: int
    means: dict[str, float]
    deviations: dict[str, float]


def scores_of_best(run: RunFolder, data: CTMRIDataset) -> dict[str, Any]:
    """Validation loss and metrics of a finished run's best epoch.

    They are taken from the run's history, or measured now where that epoch was not.

    Args:
        run: a run that is done.
        data: its images.
    """
    history = run.history()
    epochs = [r for r in history if r.get("kind") == "epoch"]
    best = int(epochs[-1]["best_epoch"]) if epochs else 0
    found = {r["epoch"]: r["means"] for r in history if r.get("kind") == "metrics"}
    means = found.get(best)
    if means is None:
        means = _measure(run, data)
    loss = float(epochs[-1]["best_loss"]) if epochs else math.nan
    started = [r for r in history if r.get("kind") == "started"]
    return {
        "epoch": best,
        "loss": loss,
        "means": means,
        "val_pairs": len(data.val),
        "parameters": started[-1]["parameters"] if started else None,
        "seconds": sum(r["seconds"] for r in epochs),
    }


def _measure(run: RunFolder, data: CTMRIDataset) -> dict[str, float]:
    if not data.val:
        return {}
    config, model = run.config(), load(run.best).model
    cpu = torch.device("cpu")
    seen = validate(model, FusionLoss(config.loss), data, data.val, config.batch_size, cpu, Ranks())
    ct, mri = (
        x[:, 0].mul(255).round().clamp(0, 255).to(torch.uint8).numpy()
        for x in data.batch(data.val, cpu)
    )
    trios = zip(seen.fused, ct, mri, strict=True)
    return summarise([evaluate(*trio).values for trio in trios])[0]


def read_runs(folder: str | Path) -> list[RunRow]:
    """The runs of a sweep in the order of its plan, whoever trains them.

    Raises:
        RunError: the folder holds no sweep.
    """
    place = RunFolder(folder)
    rows = []
    for entry in place.read_json(PLAN).get("runs", []):
        run = RunFolder(place.path / entry["name"])
        status = run.status()
        failed = status.message if status.state == "failed" else ""
        row = RunRow(**entry, state=status.state, message=failed)
        if status.state == "done" and (run.path / SCORES).exists():
            scores = run.read_json(SCORES)
            values = {"loss": float(scores["loss"])} | scores["means"]
            row = RunRow(
                **entry, state="done", epoch=int(scores["epoch"]), values=values,
                parameters=scores.get("parameters"), seconds=scores.get("seconds"),
            )  # fmt: skip
        rows.append(row)
    return rows


def results(rows: Sequence[RunRow]) -> list[ResultRow]:
    """Mean and spread over the seeds of every combination, in order."""
    groups: dict[tuple[str, int, str], list[RunRow]] = {}
    for row in rows:
        groups.setdefault((row.wavelet, row.levels, row.loss), []).append(row)
    found = []
    for key, members in groups.items():
        scored = [row.values for row in members if row.values is not None]
        means: dict[str, float] = {}
        deviations: dict[str, float] = {}
        for name in dict.fromkeys(n for values in scored for n in values):
            values = [v[name] for v in scored if math.isfinite(v.get(name, math.nan))]
            if values:
                means[name] = statistics.fmean(values)
            if len(values) > 1:
                deviations[name] = statistics.stdev(values)
        found.append(ResultRow(*key, len(scored), len(members), means, deviations))
    return found


def write_tables(folder: str | Path) -> None:
    """Write runs.csv, results.csv and results.md of a sweep, each whole or not at all."""
    place = RunFolder(folder)
    rows = read_runs(folder)
    for name, text in (
        (RUNS_CSV, runs_csv(rows)),
        (RESULTS_CSV, results_csv(results(rows))),
        (RESULTS_MD, results_markdown(rows)),
    ):
        place.write_text(name, text)


def runs_csv(rows: Sequence[RunRow]) -> str:
    """One line per run: what it is, its state, and all values of its best epoch."""
    names = _names([row.values or {} for row in rows])
    lines: list[list[object]] = [["name", *_KEYS, "seed", "state", "best_epoch", *names]]
    for row in rows:
        values = [_cell((row.values or {}).get(name)) for name in names]
        key = [row.wavelet, row.levels, row.loss, row.seed]
        lines.append([row.name, *key, row.state, row.epoch or "", *values])
    return _csv(lines)


def results_csv(rows: Sequence[ResultRow]) -> str:
    """One line per combination: mean and sample standard deviation over its seeds."""
    names = _names([row.means for row in rows])
    heads = [f"{name}_{what}" for name in names for what in ("mean", "sd")]
    lines: list[list[object]] = [[*_KEYS, "runs_done", "runs_planned", *heads]]
    for row in rows:
        values = [_cell(table.get(name)) for name in names for table in (row.means, row.deviations)]
        lines.append([row.wavelet, row.levels, row.loss, row.done, row.planned, *values])
    return _csv(lines)


def results_markdown(rows: Sequence[RunRow]) -> str:
    """The table to read: mean ± sd over seeds of the usual metrics, and what is missing."""
    table = results(rows)
    present = set(_names([row.means for row in table]))
    shown = [name for name in SHOWN_METRICS if name in present]
    titles = [name + ARROWS[METRICS[name].direction] for name in shown if name in METRICS]
    heads = ["wavelet", "levels", "loss", "runs", "validation loss ↓", *titles]
    lines = [_markdown_row(heads), _markdown_row(["---"] * len(heads))]
    for result in table:
        values = [_plus_minus(result, name) for name in ("loss", *shown)]
        counted = f"{result.done} of {result.planned}"
        key = [result.wavelet, str(result.levels), result.loss, counted]
        lines.append(_markdown_row([*key, *values]))
    lines += [
        "",
        "Mean ± sample standard deviation over seeds of the validation pairs' means, each run at "
        "its best epoch. A seed fixes the first weights and, unless patients are held out by name, "
        "the split; validation losses of different losses do not compare.",
    ]
    for row in rows:
        if row.state == "failed":
            lines += ["", f"{row.name} failed: {row.message}"]
    return "\n".join(lines) + "\n"


def _names(tables: Sequence[dict[str, float]]) -> list[str]:
    """All names of values in a fixed order: the loss, the metrics, then what is not known here."""
    present = set().union(*tables) if tables else set()
    order = [name for name in ("loss", *METRICS) if name in present]
    return order + sorted(present - set(order))


def _plus_minus(row: ResultRow, name: str) -> str:
    if name not in row.means:
        return "–"
    if name not in row.deviations:
        return f"{row.means[name]:.4f}"
    return f"{row.means[name]:.4f} ± {row.deviations[name]:.4f}"


def _cell(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.6f}"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _csv(lines: Sequence[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(lines)
    return buffer.getvalue()
