"""The metrics of an altered image beside the learned one's, with differences in words."""

import math
from collections.abc import Mapping
from html import escape

from fusion_core.metrics import METRICS
from ui.quality import ARROWS, GROUPS, SYMBOLS, number

SAME = 5e-4
"""Relative difference below which two values are shown as the same."""


def verdict(learned: float, altered: float, direction: str) -> str:
    """One word: "better", "worse", "same", or "changed" where neither direction is better."""
    if math.isnan(learned) or math.isnan(altered):
        return "–"
    if math.isclose(learned, altered, rel_tol=SAME, abs_tol=SAME * 0.1):
        return "same"
    if direction == "none":
        return "changed"
    return "better" if (altered > learned) == (direction == "up") else "worse"


def difference(learned: float, altered: float, unit: str) -> str:
    """Altered minus learned with its sign, one digit finer than the values, three at most."""
    value = altered - learned
    if math.isnan(value):
        return "–"
    reach = max(abs(learned), abs(altered))
    digits = min(3, 1 + sum(reach < limit for limit in (100, 10, 1)))
    text = f"{value:+.{digits}f}"
    zero = float(text) == 0
    text = text[1:] if zero else text.replace("-", "−")
    return f"{text} {unit}".strip()


def comparison_html(learned: Mapping[str, float], altered: Mapping[str, float]) -> str:
    """A table: measure, learned, altered, difference, verdict; grouped by question."""
    lines = [
        "<tr><th>Measure</th><th class='n'>As learned</th><th class='n'>Altered</th>"
        "<th class='n'>Difference</th><th>Reading</th></tr>"
    ]
    for title, rows in GROUPS:
        lines.append(f"<tr class='g'><td colspan='5'>{escape(title)}</td></tr>")
        lines += [_line(row.name, learned[row.name], altered[row.name]) for row in rows]
    return f"<div class='twf-scroll'><table class='twf'>{''.join(lines)}</table></div>"


def _line(name: str, learned: float, altered: float) -> str:
    metric = METRICS[name]
    unit, better = metric.unit, ARROWS[metric.direction]
    word = verdict(learned, altered, metric.direction)
    strong = "b" if word in ("better", "worse") else "span"
    return (
        f"<tr><td title='{escape(metric.description)}'>{escape(metric.title)}&nbsp;"
        f"<abbr title='{better}' aria-label='{better}'>{SYMBOLS[metric.direction]}</abbr></td>"
        f"<td class='n'>{_shown(learned, unit)}</td>"
        f"<td class='n'><b>{_shown(altered, unit)}</b></td>"
        f"<td class='n'>{escape(difference(learned, altered, unit))}</td>"
        f"<td><{strong}>{word}</{strong}></td></tr>"
    )


def _shown(value: float, unit: str) -> str:
    return escape(number(value, unit).replace("-", "−"))
