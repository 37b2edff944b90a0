"""The metrics of one pair, entry by entry: direction, best, difference to the reference."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from html import escape

from fusion_core.metrics import METRICS
from ui.compare.pair_sides import Side
from ui.quality import ARROWS, GROUPS, SYMBOLS, Row, number

BETTER, WORSE = "#a6dba0", "#c9a0e0"


def best_of(values: Mapping[str, float], direction: str) -> set[str]:
    """The entries of the best value; none without a good direction, or where all are equal."""
    known = {key: value for key, value in values.items() if not math.isnan(value)}
    if direction == "none" or len(known) < 2:
        return set()
    top = (max if direction == "up" else min)(known.values())
    found = {key for key, value in known.items() if math.isclose(value, top, rel_tol=1e-9)}
    return set() if len(found) == len(known) else found


def gain(value: float, reference: float, direction: str) -> str:
    """Whether a value is "better" or "worse" than the reference's; "" where neither."""
    if direction == "none" or math.isnan(value) or math.isnan(reference) or value == reference:
        return ""
    return "better" if (value > reference) == (direction == "up") else "worse"


def signed(value: float, unit: str = "") -> str:
    """A difference with its sign, in as many digits as a metric deserves."""
    if math.isnan(value):
        return "–"
    if abs(value) < 0.0005:
        return "0" if value == 0 else "≈ 0"
    return f"{'+' if value > 0 else '−'}{number(abs(value), unit)}"


def table_html(sides: Sequence[Side], reference: Side) -> str:
    """The table.

    Args:
        sides: the columns.
        reference: one of them; the others' differences are taken to it.
    """
    heads = "".join(
        f"<th class='n' title='{escape(side.title)}'>{escape(side.title)}"
        + ("<br>reference" if side is reference and len(sides) > 1 else "<br>&nbsp;")
        + "</th>"
        for side in sides
    )
    columns = f"<col style='width:{68 // max(3, len(sides))}%'>" * len(sides)
    lines = [f"<colgroup><col>{columns}</colgroup><tr><th>Measure</th>{heads}</tr>"]
    for title, rows in GROUPS:
        lines.append(f"<tr class='g'><td colspan='{len(sides) + 1}'>{escape(title)}</td></tr>")
        lines += [_line(row, sides, reference) for row in rows]
    return f"<div class='twf-scroll'><table class='twf twf-compare'>{''.join(lines)}</table></div>"


def _line(row: Row, sides: Sequence[Side], reference: Side) -> str:
    metric = METRICS[row.name]
    values = {side.key: side.scores.values[row.name] for side in sides}
    best = best_of(values, metric.direction)
    cells = []
    for side in sides:
        value = values[side.key]
        text = number(value)
        shown = f"<small>best</small> <b>{text}</b>" if side.key in best else text
        below = ""
        if side is not reference:
            delta = value - values[reference.key]
            verdict = gain(value, values[reference.key], metric.direction)
            text = signed(delta)
            colour = {"better": BETTER, "worse": WORSE}.get(verdict) if text[0] in "+−" else None
            style = f" style='color:{colour}'" if colour else ""
            below = f"<br><small{style}>{text}{' ' + verdict if colour else ''}</small>"
        cells.append(f"<td class='n'>{shown}{_by_source(row, side)}{below}</td>")
    arrow = f"<abbr title='{ARROWS[metric.direction]}'>{SYMBOLS[metric.direction]}</abbr>"
    unit = f", {escape(metric.unit)}" if metric.unit else ""
    return (
        f"<tr><td class='k' title='{escape(metric.description)}'>{escape(metric.title)}{unit}&nbsp;"
        f"{arrow}<br><small>{escape(row.name)}</small></td>{''.join(cells)}</tr>"
    )


def _by_source(row: Row, side: Side) -> str:
    """The values that a mean over both sources is made of: there a neglected source shows."""
    if row.ct is None or row.mri is None:
        return ""
    ct, mri = (number(side.scores.values[name]) for name in (row.ct, row.mri))
    return f"<br><small>CT {ct} · MRI {mri}</small>"


def table_csv(sides: Sequence[Side], reference: Side) -> str:
    """Every metric of every entry, and its difference to the reference, as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    others = [side for side in sides if side is not reference]
    writer.writerow(
        ["metric", "direction", *(s.title for s in sides),
         *(f"{s.title} minus {reference.title}" for s in others)]
    )  # fmt: skip
    for name, metric in METRICS.items():
        base = reference.scores.values[name]
        writer.writerow(
            [name, metric.direction, *(f"{s.scores.values[name]:.6f}" for s in sides),
             *(f"{s.scores.values[name] - base:.6f}" for s in others)]
        )  # fmt: skip
    return buffer.getvalue()
