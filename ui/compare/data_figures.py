"""Charts of a comparison over a data set: the spread of a metric, and a trade-off of two."""

import math

import plotly.graph_objects as go

from fusion_core.metrics import METRICS
from pipelines.compare import Comparison
from ui import theme
from ui.colours import GROUND, MUTED
from ui.quality import ARROWS

COLOURS = (
    "#5ec4c0", "#d7a5ea", "#f2c14e", "#7fb3ff", "#ff8f73", "#a6dba0", "#e6e6e6", "#c38d5f",
)  # fmt: skip
SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "pentagon", "star",
)  # fmt: skip
"""Beside its colour every entry has a form of its own, for readers who cannot tell colours."""

_ROW = 62
_NARROW = 26


def titled(metric: str) -> str:
    """A metric with its unit and direction, for an axis."""
    about = METRICS[metric]
    unit = f", {about.unit}" if about.unit else ""
    return f"{about.title}{unit} ({ARROWS[about.direction]})"


def clipped(title: str) -> str:
    """A title that fits beside a chart."""
    return title if len(title) <= _NARROW else f"{title[: _NARROW - 1]}…"


def distribution_figure(found: Comparison, metric: str) -> go.Figure:
    """A box per entry with a point per image; the dashed line is the mean."""
    figure = go.Figure()
    for place, (name, title) in enumerate(found.titles.items()):
        values = found.values(name, metric)
        known = [(image, float(v)) for image, v in zip(found.images, values, strict=True)
                 if not math.isnan(v)]  # fmt: skip
        colour = COLOURS[place % len(COLOURS)]
        figure.add_box(
            x=[v for _, v in known], y=[place] * len(known), name=title, orientation="h",
            text=[_who(found, image) for image, _ in known], boxpoints="all", jitter=0.55,
            pointpos=0, boxmean=True, width=0.62, whiskerwidth=0.4, line={"color": colour},
            fillcolor="rgba(255,255,255,0.04)", showlegend=False, hoveron="points",
            marker={"color": colour, "size": 5, "opacity": 0.75},
            hovertemplate="%{text}: %{x:.4g}<extra>" + clipped(title) + "</extra>",
        )  # fmt: skip
    titles = [clipped(title) for title in found.titles.values()]
    figure.update_layout(
        height=_ROW * len(titles) + 64, margin={"l": 8, "r": 12, "t": 8, "b": 46},
        uirevision=metric,
    )  # fmt: skip
    figure.update_xaxes(**theme.axis(titled(metric)), zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(titles))), ticktext=titles, range=[len(titles) - 0.5, -0.5],
        automargin=True, fixedrange=True, showgrid=False, zeroline=False, ticklabelstandoff=8,
    )  # fmt: skip
    return figure


def tradeoff_figure(found: Comparison, first: str, second: str) -> go.Figure:
    """Means of two metrics; entries that no other beats in both are filled and joined."""
    front = found.pareto(first, second)
    points = {name: (rows[first].mean, rows[second].mean) for name, rows in found.summaries.items()}
    line = sorted(points[name] for name in front)
    figure = go.Figure()
    figure.add_scatter(
        x=[x for x, _ in line], y=[y for _, y in line], mode="lines", hoverinfo="skip",
        line={"color": MUTED, "width": 1, "dash": "dot"}, showlegend=False,
    )  # fmt: skip
    for place, (name, (x, y)) in enumerate(points.items()):
        colour, symbol = COLOURS[place % len(COLOURS)], SYMBOLS[place % len(SYMBOLS)]
        title = found.titles[name]
        figure.add_scatter(
            x=[x], y=[y], mode="markers", name=title if name in front else f"{title} (beaten)",
            marker={
                "size": 13, "symbol": symbol, "color": colour if name in front else GROUND,
                "line": {"color": colour, "width": 2},
            },
            hovertemplate=f"{METRICS[first].title}: %{{x:.4g}}<br>{METRICS[second].title}: "
            f"%{{y:.4g}}<extra>{clipped(title)}</extra>",
        )  # fmt: skip
    figure.update_layout(
        height=400, margin={"l": 8, "r": 12, "t": 12, "b": 46}, showlegend=True,
        legend={"x": 1.02, "y": 1, "font": {"size": 12}}, uirevision=f"{first}-{second}",
    )  # fmt: skip
    figure.update_xaxes(**theme.axis(titled(first)), zeroline=False)
    figure.update_yaxes(**theme.axis(titled(second)), zeroline=False, automargin=True)
    return figure


def _who(found: Comparison, image: str) -> str:
    patient = found.patients.get(image)
    return image if patient is None else f"{image}, patient {patient}"
