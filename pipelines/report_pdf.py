"""The one-page report as PDF, drawn by matplotlib without any screen."""

import io
import math
import textwrap
from typing import Any

from pipelines.export import NO_HU, PROGRAM, STAMP
from pipelines.report import (
    CT_COLOUR,
    MARK,
    MEANINGS,
    MRI_COLOUR,
    Picture,
    Report,
    marks_of,
    percent,
)

WIDTH, HEIGHT = 8.27, 11.69
"""A4 in inches."""

_LEFT, _RIGHT = 0.07, 0.93
_MIDDLE, _GUTTER = 0.5, 0.02
_TEXT, _QUIET, _RED, _LINE = "#1b242c", "#5b6873", "#a3341f", "#d5dce2"
_SIZE, _SMALL = 8.0, 7.0
_STEP = 0.0135
"""Height of a line of text, as a share of the page."""

_WIDE, _NARROW = 128, 60
"""Characters of a line across the page and across a column."""

_FLOOR = 0.055


def report_pdf(report: Report) -> bytes:
    """The page as PDF; the same report gives the same bytes.

    What does not fit is counted in a sentence at its place; the HTML report holds everything.
    """
    import matplotlib
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with matplotlib.rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(WIDTH, HEIGHT))
        FigureCanvasPdf(figure)
        page = _Page(figure)
        _head(page, report)
        below = _pictures(page, report)
        below = _warnings(page, report, below)
        _facts(page, report, below)
        _numbers(page, report, below)
        page.rule(_FLOOR - 0.012)
        page.text(_LEFT, _FLOOR - 0.027, f"{STAMP} · {PROGRAM}", _SMALL, _QUIET)
        metadata = {"Title": report.title, "Creator": PROGRAM, "Subject": STAMP}
        # A date would make two equal reports differ.
        figure.savefig(buffer, format="pdf", metadata={**metadata, "CreationDate": None})
    return buffer.getvalue()


class _Page:
    """Text, lines and axes in shares of the page, from its lower left corner."""

    def __init__(self, figure: Any) -> None:
        self.figure = figure

    def text(self, x: float, y: float, words: str, size: float = _SIZE, colour: str = _TEXT,
             **options: Any) -> None:  # fmt: skip
        # A dollar sign in a note is no formula.
        options["parse_math"] = False
        self.figure.text(x, y, words, size=size, color=colour, va="baseline", **options)

    def rule(self, y: float, colour: str = _LINE) -> None:
        self.box(_LEFT, y, _RIGHT - _LEFT, 0.0006, colour)

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        from matplotlib.patches import Rectangle

        place = self.figure.transFigure
        self.figure.add_artist(
            Rectangle((x, y), width, height, facecolor=colour, edgecolor="none", transform=place)
        )


def _head(page: _Page, report: Report) -> None:
    page.text(_LEFT, 0.945, textwrap.shorten(report.title, 60), 15, weight="bold")
    place = f" · {report.place}" if report.place else ""
    page.text(_LEFT, 0.927, textwrap.shorten(f"{PROGRAM}{place}", 90), _SIZE, _QUIET)
    frame = {"boxstyle": "round,pad=0.45,rounding_size=0.25", "fc": "none", "ec": _RED}
    page.text(_RIGHT - 0.008, 0.945, STAMP, 8.5, _RED, weight="bold", ha="right", bbox=frame)
    page.rule(0.914)


def _pictures(page: _Page, report: Report) -> float:
    """Draw the three pictures; returns the height below them."""
    gap = 0.015
    width = (_RIGHT - _LEFT - 2 * gap) / 3
    rows, columns = report.pictures[0].image.shape
    shape = rows * report.aspect / columns
    # Many bands need the room that high pictures would take.
    tall = min(width * WIDTH / HEIGHT * shape, 0.36, 0.405 - _STEP * len(report.bands))
    for k, picture in enumerate(report.pictures):
        left = _LEFT + k * (width + gap)
        axis = page.figure.add_axes((left, 0.900 - tall, width, tall))
        _picture(axis, report, picture)
        page.text(left, 0.900 - tall - 0.016, picture.label, _SIZE, weight="bold")
        offset = 0.014 + 0.0085 * len(picture.label)
        caption = textwrap.shorten(picture.caption, 40, placeholder=" …")
        page.text(left + offset, 0.900 - tall - 0.016, caption, _SMALL, _QUIET)
    page.text(_LEFT, 0.900 - tall - 0.042, NO_HU, 8.5, weight="bold")
    return float(0.900 - tall - 0.056)


def _picture(axis: Any, report: Report, picture: Picture) -> None:
    from matplotlib.patches import Circle
    from matplotlib.patheffects import withStroke

    axis.set_facecolor("black")
    axis.imshow(
        picture.image, cmap="gray", vmin=0, vmax=255, aspect=report.aspect, interpolation="none"
    )
    axis.set_xticks([])
    axis.set_yticks([])
    for side in axis.spines.values():
        side.set_visible(False)
    halo = [withStroke(linewidth=1.5, foreground="black")]
    for mark in marks_of(report, picture):
        place = (mark.column, mark.row)
        axis.add_patch(Circle(place, mark.radius, fill=False, ec=MARK, lw=0.8))
        axis.text(
            mark.label[1], mark.label[0], str(mark.number), color=MARK, size=_SMALL,
            weight="bold", ha="center", va="center", clip_on=True, path_effects=halo,
        )  # fmt: skip


def _warnings(page: _Page, report: Report, top: float) -> float:
    """Draw the warnings on their ground; returns the height below them."""
    # What stands below needs this much, whatever there is to warn of.
    needed = 0.24 + _STEP * max(len(report.bands), 4)
    room = max(3, math.floor((top - needed - _FLOOR - 0.042) / _STEP) - 1)
    lines: list[str] = []
    for count, words in enumerate(report.warnings):
        wrapped = textwrap.wrap(words, _WIDE - 6)
        left = len(report.warnings) - count
        if len(lines) + len(wrapped) > room - (left > 1):
            lines.append(f"{left} more: see the HTML report.")
            break
        lines += wrapped
    height = _STEP * (len(lines) + 1) + 0.016
    page.box(_LEFT, top - height, _RIGHT - _LEFT, height, "#fff7e0")
    page.box(_LEFT, top - height, 0.004, height, "#d9a400")
    page.text(_LEFT + 0.015, top - 0.016, "Please check", _SIZE, weight="bold")
    for k, line in enumerate(lines, 1):
        page.text(_LEFT + 0.015, top - 0.016 - k * _STEP, line)
    return top - height - 0.026


def _facts(page: _Page, report: Report, top: float) -> None:
    page.text(_LEFT, top, "How it was made", _SIZE + 0.5, weight="bold")
    y = top - 0.019
    for label, words in report.facts:
        lines = textwrap.wrap(words, _NARROW - 10) or [""]
        if y - _STEP * (len(lines) + 1) < _FLOOR:
            page.text(_LEFT, y, "More: see the HTML report.", _SMALL, _QUIET)
            return
        page.text(_LEFT, y, label, _SMALL, _QUIET)
        for line in lines:
            y -= _STEP
            page.text(_LEFT, y, line)
        y -= _STEP + 0.004


def _numbers(page: _Page, report: Report, top: float) -> None:
    left = _MIDDLE + _GUTTER
    page.text(left, top, "What came from the CT", _SIZE + 0.5, weight="bold")
    y = top - 0.019
    if report.bands:
        y = _bands(page, report, left, y)
    else:
        page.text(left, y, "This method works on pixels and has no bands.", _SIZE, _QUIET)
    y -= 0.028
    page.text(left, y, "Metrics", _SIZE + 0.5, weight="bold")
    y -= 0.004
    for name, value in report.metrics:
        y -= _STEP
        page.text(left, y, name)
        page.text(_RIGHT, y, value, ha="right")
    note = "↑ more is better, ↓ less is better. No metric says whether a finding is visible."
    for line in textwrap.wrap(note, _NARROW + 4):
        y -= _STEP
        page.text(left, y, line, 6.5, _QUIET)


def _bands(page: _Page, report: Report, left: float, y: float) -> float:
    page.text(left, y, f"Whole image: {percent(report.share)} from the CT by attribution")
    ends = (_RIGHT - 0.105, _RIGHT - 0.05, _RIGHT)
    y -= 1.3 * _STEP
    for end, name in zip(ends, ("Attribution", "Mask", "Energy"), strict=True):
        page.text(end, y, name, 6.5, _QUIET, ha="right")
    start, width = left + 0.06, 0.16
    page.text(start, y, "CT", 6.5, CT_COLOUR)
    page.text(start + width, y, "MRI", 6.5, MRI_COLOUR, ha="right")
    for row in report.bands:
        y -= _STEP
        page.text(left, y, row.band)
        if not math.isnan(row.attribution):
            page.box(start, y, width, 0.0065, MRI_COLOUR)
            page.box(start, y, width * row.attribution, 0.0065, CT_COLOUR)
        for end, share in zip(ends, (row.attribution, row.mask, row.energy), strict=True):
            page.text(end, y, percent(share), ha="right")
    for line in textwrap.wrap(f"CT's share; the rest is the MRI's. {MEANINGS}", _NARROW + 6):
        y -= 0.0115
        page.text(left, y - 0.003, line, 6.5, _QUIET)
    return y
