"""A comparison as CSV, JSON, Markdown and LaTeX, and the words around its numbers."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fusion_core.metrics import METRICS
from imaging.errors import InputError
from pipelines.compare import Comparison, Difference
from pipelines.evaluate import ARROWS
from pipelines.export import to_json, write_file
from pipelines.statistics import MIN_PATIENTS, Paired

METHODS_NOTE = (
    "Intervals: percentile bootstrap of the mean difference, 10,000 resamples, 95 %. p: two-sided "
    "Wilcoxon signed-rank test, corrected by Holm over all methods and metrics compared. Effect: "
    "matched-pairs rank-biserial correlation, 1 where every difference is positive and −1 where "
    "every one is negative. By image, slices of one patient count as independent though they are "
    "not: conclude by patient."
)


def scores_csv(comparison: Comparison) -> str:
    """A line per method and image with every metric; the patient where it is known."""
    metrics = list(comparison.summaries[comparison.reference])
    rows: list[list[Any]] = [["method", "image", "patient", *metrics]]
    for name, table in comparison.scores.items():
        for image, values in table.items():
            numbers = [f"{values[metric]:.6f}" for metric in metrics]
            rows.append([name, image, comparison.patients.get(image, ""), *numbers])
    return _csv(rows)


def summary_csv(comparison: Comparison) -> str:
    """A line per method and metric: mean, standard deviation and number of images."""
    rows: list[list[Any]] = [["method", "metric", "better", "mean", "sd", "images"]]
    for name, found in comparison.summaries.items():
        for metric, row in found.items():
            better = METRICS[metric].direction
            rows.append([name, metric, better, f"{row.mean:.6f}", f"{row.sd:.6f}", row.count])
    return _csv(rows)


_PAIRED = ("count", "mean", "low", "high", "p", "p_holm", "effect", "dz")


def differences_csv(comparison: Comparison) -> str:
    """A line per method, metric and unit (image, patient) with interval, test and effect."""
    rows: list[list[Any]] = [["method", "reference", "metric", "unit", *_PAIRED]]
    for d in comparison.differences:
        for unit, found, p in _units(d):
            cells = [_cell(v) for v in _numbers(found, p).values()]
            rows.append([d.method, comparison.reference, d.metric, unit, *cells])
    return _csv(rows)


def comparison_json(comparison: Comparison) -> str:
    """Everything: scores by image, summaries, differences, ranks and what was left out."""
    return to_json(
        {
            "reference": comparison.reference,
            "methods": comparison.titles,
            "images": comparison.images,
            "patients": comparison.patients,
            "by_patient": comparison.patient_note,
            "left_out": list(comparison.dropped),
            "scores": comparison.scores,
            "summaries": {
                name: {m: {"mean": r.mean, "sd": r.sd, "images": r.count} for m, r in rows.items()}
                for name, rows in comparison.summaries.items()
            },
            "differences": [
                {
                    "method": d.method,
                    "metric": d.metric,
                    "per_patient": d.per_patient,
                    **{unit: _numbers(found, p) for unit, found, p in _units(d)},
                }
                for d in comparison.differences
            ],
            "mean_ranks": [
                {"method": r.method, "overall": r.overall, "per_metric": r.per_metric}
                for r in _ranks(comparison)
            ],
            "how": METHODS_NOTE,
        }
    )


def markdown(comparison: Comparison) -> str:
    """Mean ± sd of every method, ranks, and differences to the reference."""
    lines = [
        f"# Comparison on {len(comparison.images)} images",
        "",
        *_markdown_table(*_means(comparison, _bold_markdown)),
        "",
        "Mean ± sd over images; ↑ more is better, ↓ less is better; the best mean is bold.",
    ]
    if ranks := _ranks(comparison):
        metrics = list(ranks[0].per_metric)
        head = ["method", "mean rank", *metrics]
        body = [
            [comparison.titles[r.method], f"{r.overall:.2f}"]
            + [f"{r.per_metric[m]:.2f}" for m in metrics]
            for r in ranks
        ]
        lines += ["", "## Ranks", "", *_markdown_table(head, body), "", "1 is best."]
    if comparison.others:
        title = comparison.titles[comparison.reference]
        lines += ["", f"## Differences to {title}", "", comparison.patient_note, ""]
        for name in comparison.others:
            lines += [f"### {comparison.titles[name]}", ""]
            lines += [*_markdown_table(*difference_rows(comparison, name)), ""]
        lines += [METHODS_NOTE]
    if comparison.dropped:
        lines += ["", "## Left out", "", *(f"- {sentence}" for sentence in comparison.dropped)]
    return "\n".join(lines) + "\n"


def latex(comparison: Comparison) -> str:
    """The table of means for a paper; needs the package booktabs."""
    head, body = _means(comparison, lambda text: rf"\textbf{{{text}}}", "$\\pm$")
    plain = [[row[0].translate(_LATEX), *row[1:]] for row in body]  # titles are the user's words
    lines = [[cell.translate(_LATEX) for cell in head], *plain]
    rows = [" & ".join(line) + r" \\" for line in lines]
    return "\n".join(
        [
            f"% Mean and standard deviation over {len(comparison.images)} images; best mean bold.",
            r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


_LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%_#${}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"↑": r"$\uparrow$", "↓": r"$\downarrow$"}
)


def text_table(comparison: Comparison) -> str:
    """Means of every method for a terminal."""
    metrics = comparison.shown
    wide = max(12, *(len(title) for title in comparison.titles.values()))
    arrows = [
        f"{m.removesuffix('_Avg')[:9]}{ARROWS[METRICS[m].direction].strip()}" for m in metrics
    ]
    lines = [" " * wide + "".join(f"{text:>11}" for text in arrows)]
    for name, title in comparison.titles.items():
        means = [comparison.summaries[name][metric].mean for metric in metrics]
        lines.append(f"{title:<{wide}}" + "".join(f"{mean:>11.4g}" for mean in means))
    count = len(comparison.images)
    lines.append(f"Means over {count} images; ↑ more is better, ↓ less is better.")
    return "\n".join(lines)


def difference_rows(comparison: Comparison, name: str) -> tuple[list[str], list[list[str]]]:
    """Head and rows of one method's differences to the reference, as text."""
    patients = comparison.patient_names
    enough = len(patients) >= MIN_PATIENTS
    head = ["metric", "difference by image", "95 % interval", "p (Holm)", "effect"]
    if enough:
        head += ["difference by patient", "95 % interval", "p (Holm)", "effect"]
    else:
        head += [f"patient {patient}" for patient in patients]
    body = []
    for d in comparison.differences:
        if d.method != name:
            continue
        row = [f"{d.metric} {ARROWS[METRICS[d.metric].direction]}".strip()]
        row += _paired_cells(d.images, d.p_images)
        if d.patients is not None:
            row += _paired_cells(d.patients, d.p_patients)
        elif not enough:
            row += [signed(d.per_patient.get(patient, math.nan)) for patient in patients]
        else:
            row += ["–"] * 4
        body.append(row)
    return head, body


def comparison_files(comparison: Comparison, plots: bool = True) -> dict[str, str | bytes]:
    """File name -> content of every table, and of the plots as SVG."""
    files: dict[str, str | bytes] = {
        "scores.csv": scores_csv(comparison),
        "summary.csv": summary_csv(comparison),
        "differences.csv": differences_csv(comparison),
        "comparison.json": comparison_json(comparison),
        "comparison.md": markdown(comparison),
        "comparison.tex": latex(comparison),
    }
    if plots:
        from pipelines.plots import comparison_plots

        files |= comparison_plots(comparison)
    return files


def write_comparison(comparison: Comparison, folder: Path, plots: bool = True) -> list[Path]:
    """Write every table, and the plots as SVG, into a folder that is made if it is missing.

    Raises:
        InputError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; choose a folder for the tables.")
    files = comparison_files(comparison, plots)
    for name, content in files.items():
        write_file(folder / name, content)
    return [folder / name for name in files]


def signed(value: float) -> str:
    """A difference with its sign, as many digits as its size needs; a dash for none."""
    if math.isnan(value):
        return "–"
    text = f"{value:+.4f}" if abs(value) < 10 else f"{value:+.1f}"
    return text.replace("-", "−")


def p_text(p: float) -> str:
    """A p-value for a table."""
    if math.isnan(p):
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def _paired_cells(found: Paired, p: float) -> list[str]:
    interval = "–" if math.isnan(found.low) else f"{signed(found.low)} to {signed(found.high)}"
    effect = "–" if math.isnan(found.effect) else f"{found.effect:.2f}".replace("-", "−")
    return [signed(found.mean), interval, p_text(p), effect]


def _means(
    comparison: Comparison, bold: Callable[[str], str], plus_minus: str = "±"
) -> tuple[list[str], list[list[str]]]:
    metrics = comparison.shown
    head = ["method", *(f"{m} {ARROWS[METRICS[m].direction]}".strip() for m in metrics)]
    body = []
    for name, title in comparison.titles.items():
        row = [title]
        for metric in metrics:
            found = comparison.summaries[name][metric]
            digits = _digits(found.mean)
            text = f"{found.mean:.{digits}f} {plus_minus} {found.sd:.{digits}f}"
            if math.isnan(found.mean):
                text = "–"
            row.append(bold(text) if name in comparison.best(metric) else text)
        body.append(row)
    return head, body


def _digits(mean: float) -> int:
    """Decimals of a mean and its deviation: about four digits, more for what is nearly 0."""
    size = abs(mean)
    if not 0 < size < 0.001:
        return next((n for n, end in ((4, 0.1), (3, 10), (2, 100)) if size < end), 0)
    return min(8, 1 - math.floor(math.log10(size)))


def _bold_markdown(text: str) -> str:
    return f"**{text}**"


def _ranks(comparison: Comparison) -> list[Any]:
    able = [m for m in comparison.shown if METRICS[m].direction != "none"]
    return comparison.ranks(able) if len(comparison.scores) > 1 and able else []


def _units(d: Difference) -> list[tuple[str, Paired, float]]:
    found = [("image", d.images, d.p_images)]
    return found if d.patients is None else [*found, ("patient", d.patients, d.p_patients)]


def _numbers(found: Paired, p_holm: float) -> dict[str, float]:
    values = vars(found) | {"p_holm": p_holm}
    return {name: values[name] for name in _PAIRED}


def _cell(value: float, digits: int = 6) -> str:
    if isinstance(value, int):
        return str(value)
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _markdown_table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    rule = ["---", *["---:"] * (len(head) - 1)]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in (head, rule, *body))
    return [f"| {' | '.join(row)} |" for row in escaped]


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
