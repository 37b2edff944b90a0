"""What must still be seen: lesions, cortex and a drawn region, and what must not be there."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from pipelines.clinical import FAINT, KEPT, LOST, PLAIN, Mark
from pipelines.clinical_pair import Line
from ui import caches, session, theme
from ui.caches import Fused
from ui.stage import drawn_region

SIGNS: dict[Mark, str] = {
    "kept": "●", "weaker": "◐", "lost": "○", "clean": "●", "faint": "◐", "plain": "○"
}  # fmt: skip
"""Filled, half, empty: the marks differ without colour."""

_BAD = ("lost", "plain")


def clinical_panel(fused: Fused) -> None:
    """The table of what must still be seen in the pair on the screen."""
    if fused.pair.fused8.size > caches.EXPLAIN_LIMIT:
        theme.section("What must still be seen", "This image is too large to be searched; crop it.")
        return
    case, box = known_case(fused), drawn_region(fused)
    unit = "mm" if fused.pair.ct.spacing else "pixels"
    lines = caches.lines_of(fused, case, None if box is None else (*box,))
    theme.section("What must still be seen", _how(case is not None, box is not None, unit))
    st.html(table_html(lines))
    st.caption(
        f"● kept: at least {100 * KEPT:.0f} % of what the better image shows; ◐ weaker; ○ lost: "
        f"below {100 * LOST:.0f} %. What should not be there is clean below {FAINT:.0f} grey "
        f"levels, ◐ faint, ○ plain from {PLAIN:.0f}; edges count as plain only where they also "
        f"cover {PLAIN:.0f} mm². Windows change these numbers."
    )


def known_case(fused: Fused) -> str | None:
    """The bundled case on the screen, whose tissues are known; not where CT and MRI are swapped."""
    case = session.get().case
    return case if case is not None and fused.pair.ct.name == f"{case}-ct" else None


def table_html(lines: Sequence[Line]) -> str:
    """The lines by group: CT, MRI, fused, share kept, mark and place."""
    head = (
        "<tr><th>Finding</th><th class='n'>CT</th><th class='n'>MRI</th><th class='n'>Fused</th>"
        "<th class='n'>Kept</th><th>Mark</th><th>Where</th></tr>"
    )
    rows, group = [], ""
    for line in lines:
        if line.group != group:
            group = line.group
            rows.append(f"<tr class='g'><td colspan='7'>{escape(group)}</td></tr>")
        rows.append(_row(line))
    return f"<div class='twf-scroll'><table class='twf'>{head}{''.join(rows)}</table></div>"


def _row(line: Line) -> str:
    numbers = "".join(f"<td class='n'>{_number(v)}</td>" for v in (line.ct, line.mri))
    kept = "–" if line.kept is None else f"{100 * line.kept:.0f} %".replace("-", "−")
    if line.mark is None:
        said = "<small>in neither image</small>"
    else:
        bad = " class='twf-bad'" if line.mark in _BAD else ""
        said = f"<span{bad}>{SIGNS[line.mark]} {line.mark}</span>"
    return (
        f"<tr><td>{escape(line.what)}</td>{numbers}<td class='n'><b>{_number(line.fused)}</b></td>"
        f"<td class='n'>{kept}</td><td class='m'>{said}</td>"
        f"<td class='d'>{escape(line.place)}</td></tr>"
    )


def _how(known: bool, drawn: bool, unit: str) -> str:
    what = (
        "The lesions of this synthetic head are known, each compared with the healthy tissue "
        "around it."
        if known
        else "Bright regions of either image are found by themselves, the most dimmed first; dark "
        "findings are not."
    )
    if drawn:
        return f"{what} Your region is compared with what lies 1.5 to 5 {unit} around it."
    return f"{what} To check a finding of your own, draw around it with the viewer's Region tool."


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".replace("-", "−")
