"""One value of a sweep over its wavelets: every seed a point, mean and deviation beside them."""

from collections.abc import Sequence

import plotly.graph_objects as go

from fusion_core.metrics import METRICS
from trainer.sweep_results import ResultRow, RunRow
from ui.colours import GRID, MUTED
from ui.training.curves import RUN_COLOURS
from ui.training.sweeps_table import LOSS, run_text

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
_WIDTH = 0.72
"""Share of a wavelet's place on the axis that its series take together."""


def full_title(name: str) -> str:
    """A value in plain words, with its unit and the better direction."""
    if name == LOSS:
        return "Validation loss at the best epoch (lower is better)"
    if name not in METRICS:
        return name
    metric = METRICS[name]
    unit = f", {metric.unit}" if metric.unit else ""
    better = {"up": " (higher is better)", "down": " (lower is better)", "none": ""}
    return f"{metric.title}{unit}{better[metric.direction]}"


def sweep_figure(rows: Sequence[ResultRow], runs: Sequence[RunRow], name: str) -> go.Figure:
    """The figure.

    Args:
        rows: one per combination.
        runs: every run.
        name: of the value.
    """
    wavelets = list(dict.fromkeys(row.wavelet for row in rows))
    series = list(dict.fromkeys((row.levels, row.loss) for row in rows))
    step = _WIDTH / len(series)
    aside = min(0.2 * step, 0.07)
    figure = go.Figure()
    for i, (levels, loss) in enumerate(series):
        colour, symbol = RUN_COLOURS[i % len(RUN_COLOURS)], SYMBOLS[i % len(SYMBOLS)]
        label = f"{_levels(levels)}, {loss}"
        centre = (i - (len(series) - 1) / 2) * step
        members = [r for r in rows if (r.levels, r.loss) == (levels, loss) and name in r.means]
        figure.add_scatter(
            x=[wavelets.index(r.wavelet) + centre - aside for r in members],
            y=[r.means[name] for r in members], mode="markers", name=label,
            legendgroup=label, marker={"color": colour, "size": 10, "symbol": symbol},
            error_y={
                "type": "data", "array": [r.deviations.get(name, 0.0) for r in members],
                "color": colour, "thickness": 1.6, "width": 5,
            },
            customdata=[[r.wavelet, r.done, _spread(r, name)] for r in members],
            hovertemplate="%{customdata[0]}, " + label + "<br>mean %{y:.4f}%{customdata[2]}, "
            "seeds done: %{customdata[1]}<extra></extra>",
        )  # fmt: skip
        single = [
            run
            for run in runs
            if (run.levels, run.loss) == (levels, loss) and name in (run.values or {})
        ]
        figure.add_scatter(
            x=[wavelets.index(run.wavelet) + centre + aside for run in single],
            y=[(run.values or {})[name] for run in single], mode="markers", showlegend=False,
            legendgroup=label, text=[run_text(run) for run in single], name=f"seeds, {label}",
            marker={"color": colour, "size": 6, "opacity": 0.55, "symbol": "circle"},
            hovertemplate="%{text}: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=340, margin={"l": 64, "r": 12, "t": 40, "b": 46}, showlegend=True,
        uirevision=name, hovermode="closest",
        legend={
            "orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal",
            "font": {"size": 12},
        },
    )  # fmt: skip
    figure.update_xaxes(
        tickvals=list(range(len(wavelets))), ticktext=wavelets, showgrid=False, zeroline=False,
        range=[-0.5, len(wavelets) - 0.5], fixedrange=True, tickfont={"size": 12},
        title={"text": "Wavelet", "font": {"size": 12, "color": MUTED}},
    )  # fmt: skip
    figure.update_yaxes(
        title={"text": _axis(name), "font": {"size": 12, "color": MUTED}}, gridcolor=GRID,
        zeroline=False, fixedrange=True, tickfont={"color": MUTED, "size": 11},
    )  # fmt: skip
    for edge in range(1, len(wavelets)):
        figure.add_vline(x=edge - 0.5, line={"color": GRID, "width": 1})
    return figure


def _levels(count: int) -> str:
    return "1 level" if count == 1 else f"{count} levels"


def _axis(name: str) -> str:
    if name == LOSS:
        return "Validation loss"
    unit = METRICS[name].unit if name in METRICS else ""
    return f"{name}, {unit}" if unit else name


def _spread(row: ResultRow, name: str) -> str:
    return f" ± {row.deviations[name]:.4f}" if name in row.deviations else ""
