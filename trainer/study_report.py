"""What a study found, as Markdown, CSV and figures."""

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from fusion_core.metrics import METRICS
from pipelines.compare import Comparison
from pipelines.compare_report import markdown as comparison_markdown
from pipelines.evaluate import ARROWS
from pipelines.export import write_file
from pipelines.plots import differences, pareto
from trainer.study import CLIPPED, Standing, Study
from trainer.study_plan import STAGES, Plan, Stage


def write_study(study: Study, docs: Path, command: str) -> list[Path]:
    """Write the tables and figures of every stage that has results.

    Args:
        study: the study, trained as far as it is.
        docs: where the report goes: ``study.md``, a CSV and figures per stage.
        command: the shell command that made it, for the report.
    """
    source, names = study.source, list(study.plan.candidates)
    files: dict[str, str | bytes] = {}
    text = [
        "# Study",
        "",
        "Every candidate was trained once for each patient left out (and each seed) and scored on "
        f"that patient alone. Data: {len(source.names)} pairs of {len(set(source.patients))} "
        "patients. Made by:",
        "",
        f"```sh\n{command}\n```",
        "",
    ]
    for stage in STAGES:
        found = study.standings(stage, names)
        if not found:
            continue
        files[f"study-{stage}.csv"] = standings_csv(found)
        text += _stage_text(study.plan, stage, found)
        if len(found) > 1:
            compared = study.comparison(stage, names)
            files |= _figures(stage, compared)
            text += [f"![Differences to {found[0].candidate}](study-{stage}-differences.svg)", ""]
            if stage == "full":
                text += ["## Differences of the finalists", "", *_body(compared), ""]
    files["study.md"] = "\n".join(text)
    for name, content in files.items():
        write_file(docs / name, content)
    return [docs / name for name in files]


def table(found: Sequence[Standing], metrics: Sequence[str]) -> list[str]:
    """The standings as lines of Markdown; the sd is over seeds."""
    best = {m: _best(m, found) for m in metrics}
    head = ["candidate", "mean rank", *(f"{m} {ARROWS[METRICS[m].direction]}" for m in metrics)]
    head += ["clipped %", "values", "s per epoch"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for s in found:
        row = [s.candidate, f"{s.rank:.2f}"]
        for m in metrics:
            text = _number(s.means[m])
            if s.seed_sd:
                text += f" ± {_number(s.seed_sd[m])}"
            row.append(f"**{text}**" if math.isclose(s.means[m], best[m]) else text)
        row += [f"{100 * s.means[CLIPPED]:.2f}", f"{s.parameters:,}", f"{s.seconds:.1f}"]
        rows.append(row)
    return [f"| {' | '.join(row)} |" for row in rows]


def standings_csv(found: Sequence[Standing]) -> str:
    """A line per candidate with the means of all metrics."""
    metrics = list(found[0].means)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["candidate", "mean_rank", *metrics, "parameters", "seconds_per_epoch"])
    for s in found:
        numbers = [f"{s.means[m]:.6f}" for m in metrics]
        writer.writerow([s.candidate, f"{s.rank:.4f}", *numbers, s.parameters, f"{s.seconds:.3f}"])
    return buffer.getvalue()


def _stage_text(plan: Plan, stage: Stage, found: Sequence[Standing]) -> list[str]:
    settings = ", ".join(f"{k} {v}" for k, v in plan.stages[stage].items()) or "as planned"
    seeds = f"{len(plan.seeds)} seeds" if len(plan.seeds) > 1 else f"seed {plan.seeds[0]}"
    return [
        f"## {stage.capitalize()} protocol",
        "",
        f"Settings: {settings}; {seeds}. The mean rank is taken over images and the metrics "
        f"{', '.join(plan.metrics)}; 1 is best.",
        "",
        *table(found, plan.metrics),
        "",
    ]


def _figures(stage: Stage, compared: Comparison) -> dict[str, str | bytes]:
    return {
        f"study-{stage}-differences.svg": differences(compared),
        f"study-{stage}-pareto.svg": pareto(compared, "Qabf", "SSIM_Avg"),
    }


def _body(compared: Comparison) -> list[str]:
    """The comparison's sections one level deeper, without its title."""
    lines = comparison_markdown(compared).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("## Differences"))
    return [f"#{line}" if line.startswith("#") else line for line in lines[start + 2 :]]


def _best(metric: str, found: Sequence[Standing]) -> float:
    values = [s.means[metric] for s in found]
    return max(values) if METRICS[metric].direction == "up" else min(values)


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
