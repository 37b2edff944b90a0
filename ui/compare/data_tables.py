"""A comparison over a data set as tables, and what may be concluded from it in sentences."""

import math
from collections.abc import Sequence
from html import escape

from fusion_core.metrics import METRICS
from pipelines.compare import Comparison, Difference
from pipelines.compare_report import difference_rows
from pipelines.statistics import ALPHA
from ui.compare.pair_table import BETTER, WORSE
from ui.quality import ARROWS, SYMBOLS, number

SHORT = {
    "SSIM_Avg": "SSIM", "PSNR_Avg": "PSNR", "Edge_Preservation": "edge preservation",
    "MI_Avg": "MI",
}  # fmt: skip
"""Names of metrics in narrow columns and in sentences."""


def short(metric: str) -> str:
    """A metric's name in a narrow column or a sentence."""
    return SHORT.get(metric, metric)


def means_html(found: Comparison) -> str:
    """Mean and spread of every entry in the shown metrics, the best marked, and mean ranks."""
    ranked = [m for m in found.shown if METRICS[m].direction != "none"]
    ranks = {r.method: r.overall for r in found.ranks(ranked)} if found.others and ranked else {}
    head = "<th>Method</th>" + "".join(map(_column, found.shown))
    if ranks:
        tip = f"Mean over images and the {len(ranked)} metrics of this table; 1 is best."
        head += f"<th class='n' title='{tip}'>Mean rank&nbsp;↓</th>"
    lines = [f"<tr>{head}</tr>"]
    for name, title in found.titles.items():
        own = "<br><small>reference</small>" if name == found.reference and found.others else ""
        cells = [f"<td class='k'>{escape(title)}{own}</td>"]
        for metric in found.shown:
            row = found.summaries[name][metric]
            mean, sd = number(row.mean), number(row.sd)
            best = found.others and name in found.best(metric)
            shown = f"<b>{mean}</b> <small>best</small>" if best else mean
            missing = len(found.images) - row.count
            tip = f" title='{missing} of {len(found.images)} images have no value'"
            cells.append(
                f"<td class='n{' twf-top' if best else ''}'{tip if missing else ''}>{shown}"
                f"{'*' if missing else ''}<br><small>± {sd}</small></td>"
            )
        if ranks:
            least = math.isclose(ranks[name], min(ranks.values()))
            text = f"{ranks[name]:.2f}"
            shown = f"<b>{text}</b> <small>best</small>" if least else text
            cells.append(f"<td class='n{' twf-top' if least else ''}'>{shown}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return _table(lines, "twf-means")


def differences_html(found: Comparison, name: str) -> str:
    """One entry against the reference: the shell's numbers, and whether they are for better."""
    head, body = difference_rows(found, name)
    verdicts = [d.better for d in found.differences if d.method == name]
    groups = _groups(found, head)
    lines = [f"<tr>{groups}</tr>"] if groups else []
    lines.append("<tr>" + "".join(
        f"<th{_side(i)}>{escape(_heading(text))}</th>" for i, text in enumerate(head)
    ) + "</tr>")  # fmt: skip
    for row, better in zip(body, verdicts, strict=True):
        metric = row[0].split()[0]
        first = (
            f"<td class='k' title='{escape(METRICS[metric].title)}'>{escape(_capital(metric))} "
            f"{SYMBOLS[METRICS[metric].direction]}</td>"
        )
        cells = [f"<td class='n'>{escape(text)}</td>" for text in row[1:]]
        if better is not None:
            word, colour = ("better", BETTER) if better else ("worse", WORSE)
            cells[0] = (
                f"<td class='n'>{escape(row[1])} <small style='color:{colour}'>{word}</small></td>"
            )
        lines.append(f"<tr>{first}{''.join(cells)}</tr>")
    return _table(lines, "twf-diff")


def reading(found: Comparison, name: str) -> list[str]:
    """What may be concluded about one entry against the reference."""
    rows = [d for d in found.differences if d.method == name and d.better is not None]
    title, base = found.titles[name], found.titles[found.reference]
    if found.can_pass and any(d.patients is not None for d in rows):
        return _by_patient(rows, title, base)
    if found.patients:
        return _each_patient(rows, title, base, len(found.patient_names))
    return [
        "Without patients nothing is concluded here: by image, the tests take slices of one "
        "patient for independent, and find more than there is."
    ]


def _by_patient(rows: Sequence[Difference], title: str, base: str) -> list[str]:
    holds = [d for d in rows if d.patients is not None and d.p_patients < ALPHA]
    up = [short(d.metric) for d in holds if _patients_better(d)]
    down = [short(d.metric) for d in holds if not _patients_better(d)]
    only = [short(d.metric) for d in rows if d.p_images < ALPHA and d not in holds]
    sentences = [
        f"By patient, {title} is {_verdict(up, down)} than {base} (p < .05 after Holm's "
        "correction)."
        if holds
        else f"By patient, no difference between {title} and {base} holds (p ≥ .05 everywhere)."
    ]
    if only:
        sentences.append(
            f"By image alone {_list(only)} would seem to differ as well: the patients do not bear "
            "that out."
        )
    return sentences


def _each_patient(rows: Sequence[Difference], title: str, base: str, count: int) -> list[str]:
    up, down = [], []
    for d in rows:
        sign = 1 if METRICS[d.metric].direction == "up" else -1
        signs = [sign * value for value in d.per_patient.values()]
        if len(signs) < count:
            continue
        if all(value > 0 for value in signs):
            up.append(short(d.metric))
        elif all(value < 0 for value in signs):
            down.append(short(d.metric))
    whom = "the one patient" if count == 1 else f"each of the {count} patients"
    if not up and not down:
        return [f"In no metric does {title} differ from {base} in the same direction in {whom}."]
    return [f"In {whom}, {title} is {_verdict(up, down)} than {base}."]


def _patients_better(d: Difference) -> bool:
    good = METRICS[d.metric].direction == "up"
    return d.patients is not None and (d.patients.mean > 0) == good


def _verdict(up: Sequence[str], down: Sequence[str]) -> str:
    parts = [f"better in {_list(up)}"] if up else []
    parts += [f"worse in {_list(down)}"] if down else []
    return " and ".join(parts)


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _column(metric: str) -> str:
    about = METRICS[metric]
    unit = f"<br><small>{escape(about.unit)}</small>" if about.unit else ""
    tip = f"{about.title}. {ARROWS[about.direction]}. {about.description}"
    return (
        f"<th class='n' title='{escape(tip, quote=True)}'>{escape(_capital(metric))}&nbsp;"
        f"{SYMBOLS[about.direction]}{unit}</th>"
    )


def _groups(found: Comparison, head: Sequence[str]) -> str:
    """A line above the columns that says which are by image and which by patient."""
    rest = len(head) - 5
    if not rest:
        return ""
    enough = "difference by patient" in head
    title = "By patient" if enough else "Mean difference of each patient"
    return (
        f"<th></th><th class='n' colspan='4'>By image ({len(found.images)})</th>"
        f"<th class='n twf-edge' colspan='{rest}'>{title} ({len(found.patient_names)})</th>"
    )


def _heading(text: str) -> str:
    plain = {"difference by image": "difference", "difference by patient": "difference"}
    found = plain.get(text, text)
    return found if found.startswith("p ") else found[:1].upper() + found[1:]


def _capital(metric: str) -> str:
    name = short(metric)
    return name[:1].upper() + name[1:]


def _side(place: int) -> str:
    return "" if place == 0 else f" class='n{' twf-edge' if place == 5 else ''}'"


def _table(lines: Sequence[str], kind: str) -> str:
    css = (
        "<style>table.twf-wide td, table.twf-wide th {padding-left: .38rem; padding-right: .38rem}"
        "table.twf-wide td.twf-top {background: rgba(94,196,192,.16)}"
        "table.twf-wide th.twf-edge {padding-left: 1.2rem}</style>"
    )
    return (
        f"{css}<div class='twf-scroll'><table class='twf twf-wrap twf-wide {kind}'>"
        f"{''.join(lines)}</table></div>"
    )
