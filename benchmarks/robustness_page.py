"""Page and figure of docs/measured/robustness.csv; ``benchmarks/robustness.py`` writes them."""

import csv
from collections.abc import Sequence
from pathlib import Path

from pipelines.clinical import CHECKS
from pipelines.plots import PALETTE, svg_figure

METRICS = {"Qabf": "up", "SCD": "up", "SSIM_Avg": "up", "Nabf": "down", "bleed": "up"}
"""What is measured, and whether more is better; bleed is a share of the CT's contrast."""

COLUMNS = ("data", "disturbance", "strength", "method", "images", *METRICS)
UNITS = {
    "noise": "noise, SD in % of white", "blur": "blur, sigma in pixels",
    "bias": "MRI bias, ± %", "shift": "MRI shift in pixels", "window": "CT window width in HU",
    "size": "pixels along a side", "sequence": "MR sequence",
}  # fmt: skip
DISTURBED = ("noise", "blur", "bias", "shift")
SETTINGS = ("window", "size", "sequence")
ARROWS = {"up": "↑", "down": "↓"}

Row = dict[str, str]
Setting = tuple[str, str]
"""A disturbance and its strength."""


def read(path: Path) -> list[Row]:
    """The measured rows."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def page(rows: Sequence[Row], clinical: Sequence[Row]) -> str:
    """The whole page, of the rows of both measured files."""
    parts = [_CLINICAL, _checks(clinical), _READING]
    parts += [_INTRO, "![Metrics against the strength of each disturbance](images/robustness.svg)"]
    for data in dict.fromkeys(row["data"] for row in rows):
        own = [row for row in rows if row["data"] == data]
        parts += [f"### {_DATA[data]}", "Undisturbed, and under the strongest of each disturbance:"]
        strongest = [("none", "0"), *((kind, _strengths(own, kind)[-1]) for kind in DISTURBED)]
        for metric in METRICS:
            if any(row[metric] for row in own):
                parts.append(_table(f"{metric} {ARROWS[METRICS[metric]]}", own, strongest, metric))
        for kind in SETTINGS:
            if settings := [(kind, strength) for strength in _strengths(own, kind)]:
                both = ("Qabf", "bleed") if any(row["bleed"] for row in own) else ("Qabf",)
                parts.append(_table(f"{UNITS[kind]}: {', '.join(both)}", own, settings, *both))
    return "\n\n".join(parts) + "\n"


def curves(rows: Sequence[Row]) -> bytes:
    """Metrics down, disturbances across, a line per method; pairs of the atlas where measured."""
    sets = {row["data"] for row in rows}
    methods = [row["method"] for row in rows if row["disturbance"] == "noise"]
    methods = list(dict.fromkeys(methods))
    with svg_figure((10.5, 10.0), len(METRICS), len(DISTURBED)) as (axes, done):
        for place, metric in enumerate(METRICS):
            data = "atlas" if "atlas" in sets and metric != "bleed" else "phantom"
            for column, kind in enumerate(DISTURBED):
                axis = axes[place * len(DISTURBED) + column]
                if column > 0:
                    axis.sharey(axes[place * len(DISTURBED)])
                for colour, method in zip(PALETTE, methods, strict=False):
                    points = _points(rows, data, kind, method, metric)
                    axis.plot(
                        *zip(*points, strict=True), ".-", color=colour, label=method, linewidth=1.2
                    )
                if column == 0:
                    axis.set_ylabel(f"{metric} {ARROWS[METRICS[metric]]}, {data}")
                if metric == "bleed":
                    axis.set_xlabel(UNITS[kind])
        axes[0].figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside upper center", ncol=len(methods),
            frameon=False,
        )  # fmt: skip
    return done[0]


def _points(
    rows: Sequence[Row], data: str, kind: str, method: str, metric: str
) -> list[tuple[float, float]]:
    return [
        (float(row["strength"]), float(row[metric]))
        for row in rows
        if (row["data"], row["method"]) == (data, method) and row["disturbance"] in (kind, "none")
    ]


def _checks(rows: Sequence[Row]) -> str:
    """A row per check, a column per method: mean and worst."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    found = {(row["method"], row["check"]): row for row in rows}
    lines = [
        ["check", *(f"`{method}`" for method in methods)], ["---", *["---:"] * len(methods)]
    ]  # fmt: skip
    for key, check in CHECKS.items():
        cells = (found[method, key] for method in methods)
        unit = "%" if check.unit == "share" else check.unit
        lines.append([f"{check.title}, {unit}", *(_mean_and_worst(row) for row in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mean_and_worst(row: Row) -> str:
    if not row["mean"]:
        return "–"
    mean, worst = float(row["mean"]), float(row["worst"])
    if row["unit"] == "share":
        return f"{100 * mean:.0f} ({100 * worst:.0f})"
    return f"{mean:.1f} ({worst:.0f})"


def _strengths(rows: Sequence[Row], kind: str) -> list[str]:
    return list(dict.fromkeys(row["strength"] for row in rows if row["disturbance"] == kind))


def _table(title: str, rows: Sequence[Row], settings: Sequence[Setting], *metrics: str) -> str:
    """A row per method, a column per disturbance and strength."""
    found = {(row["method"], row["disturbance"], row["strength"]): row for row in rows}
    head = [title, *(_heading(*setting) for setting in settings)]
    lines = [head, ["---", *["---:"] * len(settings)]]
    for method in dict.fromkeys(method for method, *setting in found if (*setting,) in settings):
        cells = (found.get((method, *setting)) for setting in settings)
        lines.append([f"`{method}`", *(_cell(row, metrics) for row in cells)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _heading(kind: str, strength: str) -> str:
    return (
        "undisturbed" if kind == "none" else f"{kind} {strength}" if kind in DISTURBED else strength
    )


def _cell(row: Row | None, metrics: Sequence[str]) -> str:
    """The values of a row; a dash where there is none, as for images fused elsewhere."""
    return "–" if row is None else ", ".join(f"{float(row[m]):.3f}" for m in metrics if row[m])


_DATA = {"phantom": "Synthetic heads", "atlas": "Pairs of the atlas"}
_CLINICAL = """# What must still be seen, and under what

Made by `python benchmarks/robustness.py DATA`; its words stand in
`benchmarks/robustness_page.py`.

## Clinical checks

Twenty-four slices of six synthetic heads with known lesions, a slice through each kind of lesion
with T1, T2 and FLAIR in turn: mean over the places checked, and in brackets the worst.
Definitions are in [method.md](method.md), section 6; every number with the place of the worst is
in [measured/clinical.csv](measured/clinical.csv), and `python cli.py clinical` prints the same.
`fitted-gates` stands only here: with seconds for each image its curves below would take an hour."""
_READING = """A lesion that is bright on CT is hard to keep where the MRI is as bright: fresh blood
beside T2-bright oedema, a calcification in T2-bright fluid. The windows decide there, and the CT
has to be looked at. Below 0 a bleed is darker than what surrounds it: gates fitted to the pair
make it stand out most, but dark on some slices."""
_INTRO = """## Robustness

Made by `python benchmarks/robustness.py DATA`, with DATA the training pairs of the Whole Brain
Atlas (two slices of each of six patients; never the benchmark) and six synthetic heads, each cut
through its bleed, with T1, T2 and FLAIR in turn. Every number is in
[measured/robustness.csv](measured/robustness.csv); `--page` writes this page anew from it.

Noise, blur, a bias field and a shift of the MRI are put on the images before fusion, and the
result is scored against the *undisturbed* pair: a method that keeps noise gains nothing by it.
Other windows, sizes and sequences are other images, and scored against themselves. *bleed* is the
share of the CT's contrast of a fresh bleed that the fused image keeps, where 1 is all of it and
below 0 the bleed is darker than its surroundings.

The learned methods have seen the atlas pairs in training and the synthetic heads never. Methods
of other authors are at hand only as finished images of undisturbed benchmark pairs: they have a
zero point ([results.md](results.md)) and no curve. Tables show the strongest disturbance; the
figure shows all."""
