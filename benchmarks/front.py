"""The front: what is had of one metric for another, by networks and by gates fitted to each pair.

Both are given the same losses. A network must foresee its gates from other patients; fitted gates
know the pair and say what masks of this transform can do at all. DATA holds pairs of a patient
whom none of the networks was trained on, as CT/ and MRI/; RUNS are folders of a sweep over losses,
DILATED is a run of the preset `dilated` without that patient; USUAL holds the 21 benchmark pairs,
for DILATED and for gates that are fitted with three weights of SSIM. SECOND are folders of a sweep
over losses for the second part of the training of `default`.

Run: python benchmarks/front.py DATA --runs RUNS [RUNS ...] --second SECOND [SECOND ...]
         --dilated DILATED --usual USUAL
     python benchmarks/front.py --page                        the page alone, from what was measured
"""

import argparse
import csv
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fusion_core.fitted_gates import PAIR_LOSS, fit_gates
from fusion_core.losses import BALANCED, FusionLoss
from imaging.pairs import find_pairs
from pipelines.compare import Entry, compare, conclude
from pipelines.methods import Method, load_method, load_named
from pipelines.plots import PALETTE, svg_figure
from trainer.run_folder import RunFolder, list_runs

DOCS = Path(__file__).resolve().parent.parent / "docs"
MEASURED, METHODS = DOCS / "measured" / "front.csv", DOCS / "measured" / "methods.csv"
WORDS = DOCS / "measured" / "front_words.md"
SHIPPED = ("default", "default-lite", "findings", "seed-haar")
NETWORK, FITTED, CHECKPOINT, USUAL = "network", "fitted gates", "checkpoint", "usual 21 pairs"
PRESET, DILATED, SECOND = "preset", "dilated", "second part"
SSIM_WEIGHTS = (25.0, 35.0, 50.0)
"""Of `uniform_ssim` on the usual 21 pairs; the first is the rule's own."""

SOUGHT = {
    **PAIR_LOSS, "uniform_ssim": 40.0, "edge_quality": 5.8, "edge": 4.5, "artefact": 2.0,
    "fidelity": 3.7, "scd": 1.5, "visible_difference": 0.2,
}  # fmt: skip
"""Sought on the usual 21 pairs themselves, to see whether masks can have all aims there at once."""

AIMS = {
    "Qabf": 0.69, "SCD": 1.62, "SSIM_Avg": 0.76, "Edge_Preservation": 0.965, "VIF": 0.65,
    "MI_Avg": 1.55, "Nabf": 0.03, "Qcv": 750.0,
}  # fmt: skip
"""What `default` is to reach on the usual 21 pairs, all at once."""
LESS = ("Nabf", "Qcv")
"""Less is better; in all others more."""
FINE = ("SSIM_Avg", "Edge_Preservation")
PANELS = ("SSIM_Avg", "SCD", "VIF", "MI_Avg")
"""Drawn against Qabf."""

Row = dict[str, str]


def measure(
    data: Path, runs: Sequence[Path], second: Sequence[Path], dilated: Path, usual: Path
) -> list[dict[str, Any]]:
    """Mean of every aim's metric for networks, fitted gates and shipped checkpoints."""
    plain = load_method(str(RunFolder(dilated).best), device="cpu")
    networks, finished = trained(runs), trained(second)
    losses = {text: run.config().loss for text, (_, run) in networks.items()}
    losses |= {words(PAIR_LOSS): PAIR_LOSS, words(BALANCED): BALANCED}
    kinds = [(NETWORK, text, method) for text, (method, _) in networks.items()]
    kinds += [(FITTED, text, fitted(loss)) for text, loss in losses.items()]
    kinds += [(SECOND, text, method) for text, (method, _) in finished.items()]
    kinds.append((PRESET, DILATED, plain))
    kinds += [(CHECKPOINT, name, load_named(name, "cpu")) for name in SHIPPED]
    kinds.append((USUAL, DILATED, plain))
    for weight in SSIM_WEIGHTS:
        loss = {**PAIR_LOSS, "uniform_ssim": weight}
        kinds.append((USUAL, f"uniform_ssim={weight:g}", fitted(loss)))
    kinds.append((USUAL, "weights sought here", fitted(SOUGHT)))
    rows = []
    for kind, name, method in kinds:
        entry = Entry("method", name, method=method)
        pairs = find_pairs(usual if kind == USUAL else data)
        means = conclude([entry], list(compare(pairs, [entry]))).summaries["method"]
        rows.append({"kind": kind, "name": name, **{m: f"{means[m].mean:.5f}" for m in AIMS}})
        print(kind, *rows[-1].values(), flush=True)
    return rows


def trained(folders: Sequence[Path]) -> dict[str, tuple[Method, RunFolder]]:
    """The runs of sweeps, by their losses."""
    return {
        words(run.config().loss): (load_method(str(run.best), device="cpu"), run)
        for folder in folders
        for run in list_runs(folder)
    }


def fitted(loss: Mapping[str, float]) -> Method:
    """Gates fitted to each pair, on a loss."""
    rule = load_named("fitted-gates", "cpu")
    return Method(
        rule.name, rule.title, rule.kind, None, None, {}, rule.device,
        partial(fit_gates, loss=FusionLoss(loss)),
    )  # fmt: skip


def words(loss: Mapping[str, float]) -> str:
    """A loss as the shell takes it."""
    return ",".join(f"{name}={weight:g}" for name, weight in loss.items())


def read() -> list[Row]:
    """The measured rows."""
    with MEASURED.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def usual_default() -> Row:
    """What `default` has on the usual 21 pairs."""
    with METHODS.open(newline="", encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["method"] == "default")


def carried(rows: Sequence[Row]) -> dict[str, float]:
    """The aims for these pairs: what `dilated` has here and lacks, or has to spare, on the 21."""
    usual, here = (
        next(row for row in rows if (row["kind"], row["name"]) == (kind, DILATED))
        for kind in (USUAL, PRESET)
    )
    return {m: float(here[m]) + aim - float(usual[m]) for m, aim in AIMS.items()}


def reached(row: Row, aims: Mapping[str, float]) -> list[str]:
    """The metrics in which a row is as good as the aims."""
    return [m for m, a in aims.items() if (float(row[m]) <= a if m in LESS else float(row[m]) >= a)]


_NAMED = {
    words(PAIR_LOSS): ", that of the rule `fitted-gates`",
    words(BALANCED): ", `balanced`, here on whole images",
}


def page(rows: Sequence[Row]) -> str:
    """docs/front.md."""
    here = [
        (title(rows, row), row)
        for kind in (PRESET, CHECKPOINT, SECOND, NETWORK, FITTED)
        for row in rows
        if row["kind"] == kind
    ]
    usual = [("`default`", usual_default())]
    usual += [(title(rows, row), row) for row in rows if row["kind"] == USUAL]
    losses = "\n".join(
        f"- **{letter(rows, {'name': loss})}**: `{loss}`{_NAMED.get(loss, '')}"
        for loss in lettered(rows)
    )
    parts = {
        "[[held out]]": table(here, carried(rows)),
        "[[losses]]": losses,
        "[[usual]]": table(usual, AIMS),
    }
    text = WORDS.read_text(encoding="utf-8")
    for place, part in parts.items():
        text = text.replace(place, part)
    return text


def title(rows: Sequence[Row], row: Row) -> str:
    """What a row of a table is called."""
    name = row["name"]
    if row["kind"] == PRESET or name == DILATED:
        return f"network `{name}`"
    if row["kind"] == CHECKPOINT:
        return f"`{name}`"
    if row["kind"] == USUAL:
        return f"{FITTED}, {name}"
    return f"{row['kind']} {letter(rows, row)}"


def table(rows: Sequence[tuple[str, Row]], aims: Mapping[str, float]) -> str:
    """A row for the aims and one for each method, bold where it reaches them."""
    head = ["", *(f"{m} {'↓' if m in LESS else '↑'}" for m in AIMS), "reached"]
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" + " ---: |" * (len(head) - 1)]
    lines.append(f"| **aims** | {' | '.join(short(m, aims[m]) for m in AIMS)} | 8 |")
    for name, row in rows:
        good = reached(row, aims)
        cells = [short(m, float(row[m])) for m in AIMS]
        cells = [f"**{c}**" if m in good else c for m, c in zip(AIMS, cells, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} | {len(good)} |")
    return "\n".join(lines)


def lettered(rows: Sequence[Row]) -> list[str]:
    """The losses, in the order of their letters."""
    return list(dict.fromkeys(r["name"] for r in rows if r["kind"] in (NETWORK, FITTED, SECOND)))


def letter(rows: Sequence[Row], row: Mapping[str, str]) -> str:
    """A, B, C for the losses in their order."""
    return chr(ord("A") + lettered(rows).index(row["name"]))


def short(metric: str, value: float) -> str:
    """With as many digits as differ."""
    return f"{value:.{0 if metric == 'Qcv' else 4 if metric in FINE else 3}f}"


def draw(rows: Sequence[Row]) -> bytes:
    """Qabf against four other metrics; dashed lines are the aims."""
    aims = carried(rows)
    marks = {
        NETWORK: ("o", PALETTE[0]), FITTED: ("D", PALETTE[1]), CHECKPOINT: ("s", PALETTE[2]),
        PRESET: ("^", PALETTE[3]), SECOND: ("v", PALETTE[4]),
    }  # fmt: skip
    with svg_figure((10.5, 8.0), 2, 2) as (axes, done):
        for axis, metric in zip(axes, PANELS, strict=True):
            axis.axvline(aims["Qabf"], color="#888888", linestyle="--", linewidth=0.8)
            axis.axhline(aims[metric], color="#888888", linestyle="--", linewidth=0.8)
            for kind, (marker, colour) in marks.items():
                own = [row for row in rows if row["kind"] == kind]
                points = [(float(row["Qabf"]), float(row[metric])) for row in own]
                axis.plot(*zip(*points, strict=True), marker, color=colour, label=kind)
                for row, point in zip(own, points, strict=True):
                    named = kind in (CHECKPOINT, PRESET)
                    name = row["name"] if named else letter(rows, row)
                    place = (4, -8) if named else (-9, 5) if kind == SECOND else (4, 4)
                    axis.annotate(name, point, place, textcoords="offset points", fontsize=7)
            axis.set_xlabel("Qabf ↑")
            axis.set_ylabel(f"{metric} ↑")
            axis.margins(0.12)
        axes[0].figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False
        )
    return done[0]


def main() -> int:
    """Measure, and write the page and its figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="pairs of a patient left out")
    parser.add_argument("--runs", type=Path, nargs="+", default=[], help="folders of a sweep")
    parser.add_argument("--second", type=Path, nargs="+", default=[], help="likewise, second part")
    text = "a run of the preset dilated without that patient"
    parser.add_argument("--dilated", type=Path, help=text)
    parser.add_argument("--usual", type=Path, help="the 21 benchmark pairs")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    args = parser.parse_args()
    if not args.page:
        if None in (args.data, args.dilated, args.usual) or not args.runs:
            parser.error("give DATA, --runs, --dilated and --usual, or --page")
        torch.set_num_threads(1)
        rows = measure(args.data, args.runs, args.second, args.dilated, args.usual)
        with MEASURED.open("w", newline="", encoding="utf-8") as file:
            written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            written.writeheader()
            written.writerows(rows)
    measured = read()
    (DOCS / "front.md").write_text(page(measured), encoding="utf-8")
    (DOCS / "images" / "front.svg").write_bytes(draw(measured))
    print(f"{len(measured)} rows, docs/front.md, docs/images/front.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
