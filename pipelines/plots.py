"""Figures for papers and reports, drawn by matplotlib into bytes, without any screen."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fusion_core.metrics import METRICS
from pipelines.compare import Comparison

# Okabe and Ito's colours, told apart by every kind of colour vision.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "p", "*", "X")
"""Beside its colour every method has a form of its own, for print without colours; one more than
there are colours, so that the ninth method has another form."""
_STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "wavelet-fusion",  # the same drawing gives the same file
    "svg.fonttype": "none",
}


def comparison_plots(comparison: Comparison) -> dict[str, bytes]:
    """File name -> SVG: distributions, differences to the reference, and a trade-off."""
    found = {"distributions.svg": distributions(comparison)}
    if comparison.others:
        found["differences.svg"] = differences(comparison)
    measured = comparison.summaries[comparison.reference]
    if {"Qabf", "SSIM_Avg"} <= set(measured) and len(comparison.scores) > 1:
        found["pareto.svg"] = pareto(comparison, "Qabf", "SSIM_Avg")
    return found


def distributions(comparison: Comparison) -> bytes:
    """One panel per metric: a box per method with a point per image."""
    metrics = comparison.shown
    columns = min(5, len(metrics))
    rows = math.ceil(len(metrics) / columns)
    names = list(comparison.scores)
    size = (2.6 * columns, rows * (1.3 + 0.24 * len(names)))
    with svg_figure(size, rows, columns) as (axes, done):
        generator = np.random.default_rng(0)
        for axis, metric in zip(axes, metrics, strict=False):
            for place, name in enumerate(names):
                values = comparison.values(name, metric)
                values = values[~np.isnan(values)]
                colour = PALETTE[place % len(PALETTE)]
                axis.boxplot(
                    values, positions=[place], orientation="horizontal", widths=0.6,
                    showfliers=False, medianprops={"color": colour, "linewidth": 1.6},
                    boxprops={"color": "#888888"}, whiskerprops={"color": "#888888"},
                    capprops={"color": "#888888"},
                )  # fmt: skip
                jitter = place + generator.uniform(-0.2, 0.2, len(values))
                axis.plot(values, jitter, ".", color=colour, markersize=2.5, alpha=0.6)
            axis.set_yticks(range(len(names)), [comparison.titles[n] for n in names])
            axis.invert_yaxis()
            axis.set_title(_titled(metric), fontsize=9)
        for axis in axes[1:]:
            if axis.get_subplotspec().colspan.start:
                axis.set_yticklabels([])
        for axis in axes[len(metrics) :]:
            axis.set_axis_off()
    return done[0]


def differences(comparison: Comparison) -> bytes:
    """Mean difference to the reference with its interval, by image, and by patient where known."""
    metrics, others = comparison.shown, comparison.others
    columns = min(5, len(metrics))
    rows = math.ceil(len(metrics) / columns)
    size = (2.6 * columns, rows * (1.3 + 0.3 * len(others)))
    with svg_figure(size, rows, columns) as (axes, done):
        for axis, metric in zip(axes, metrics, strict=False):
            axis.axvline(0, color="#888888", linewidth=0.8)
            for d in comparison.differences:
                if d.metric != metric:
                    continue
                place = others.index(d.method)
                colour = PALETTE[(place + 1) % len(PALETTE)]
                _interval(axis, d.images, place - 0.12, "o", colour)
                if d.patients is not None:
                    _interval(axis, d.patients, place + 0.18, "D", colour)
                else:
                    points = list(d.per_patient.values())
                    axis.plot(points, [place + 0.18] * len(points), "|", color=colour)
            axis.set_yticks(range(len(others)), [comparison.titles[n] for n in others])
            axis.set_ylim(len(others) - 0.5, -0.5)
            axis.set_title(_titled(metric), fontsize=9)
        for axis in axes[1:]:
            if axis.get_subplotspec().colspan.start:
                axis.set_yticklabels([])
        for axis in axes[len(metrics) :]:
            axis.set_axis_off()
        by_patient = any(d.patients is not None for d in comparison.differences)
        marks = "circle: mean over images with its 95 % interval"
        if comparison.patients:
            marks += "; diamond: the same over patients" if by_patient else "; bar: one patient"
        title = comparison.titles[comparison.reference]
        axes[0].figure.suptitle(f"Difference to {title} ({marks})", fontsize=9)
    return done[0]


def pareto(comparison: Comparison, first: str, second: str) -> bytes:
    """Means of two metrics; the methods that none beats in both are filled and joined."""
    front = comparison.pareto(first, second)
    with svg_figure((6.2, 3.6), 1, 1) as (axes, done):
        axis = axes[0]
        points = {
            name: (rows[first].mean, rows[second].mean)
            for name, rows in comparison.summaries.items()
        }
        line = sorted(points[name] for name in front)
        axis.plot(*zip(*line, strict=True), color="#bbbbbb", linewidth=1, zorder=0)
        for place, (name, (x, y)) in enumerate(points.items()):
            colour = PALETTE[place % len(PALETTE)]
            inside = colour if name in front else "none"
            label = comparison.titles[name] + ("" if name in front else " (beaten)")
            marker = MARKERS[place % len(MARKERS)]
            axis.plot(x, y, marker, color=colour, markerfacecolor=inside, label=label)
        axis.set_xlabel(_titled(first))
        axis.set_ylabel(_titled(second))
        axis.margins(0.1)
        axis.figure.legend(
            *axis.get_legend_handles_labels(), loc="outside right upper", frameon=False
        )
    return done[0]


def _interval(axis: Any, found: Any, place: float, marker: str, colour: str) -> None:
    if not math.isnan(found.low):
        axis.plot([found.low, found.high], [place, place], color=colour, linewidth=1.4)
    axis.plot(found.mean, place, marker, color=colour, markersize=4)


def _titled(metric: str) -> str:
    arrow = {"up": " ↑", "down": " ↓", "none": ""}[METRICS[metric].direction]
    title, unit = METRICS[metric].title, METRICS[metric].unit
    short = title if len(title) < 28 else metric
    return f"{short}, {unit}{arrow}" if unit else f"{short}{arrow}"


@contextmanager
def svg_figure(
    size: tuple[float, float], rows: int, columns: int
) -> Iterator[tuple[list[Any], list[bytes]]]:
    """A figure that is an SVG in the list once the block ends."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    done: list[bytes] = []
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        yield axes, done
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        done.append(buffer.getvalue())
