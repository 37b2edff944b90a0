"""The curves over shift and turn."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from imaging.shift import Shift
from pipelines.alignment import AXES, Axis
from ui.alignment.work import Qualities
from ui.colours import GRID, MUTED, SHOWN, TEXT

AXIS_TITLES: dict[Axis, str] = {
    "right": "right, px",
    "down": "down, px",
    "turn": "clockwise, degrees",
}
QUALITY_NAMES = {
    "own": "with its own sources: CT and moved MRI",
    "loaded": "with the CT and the MRI not moved",
}
_LINE = "#5ec4c0"
_SECOND = "#d7a5e8"
"""Neither is CT's or MRI's colour: each curve judges both images."""
_PLACES = ("x", "x2", "x3")
_DOMAINS = ((0.0, 0.3), (0.35, 0.65), (0.7, 1.0))

Series = Mapping[Axis, Sequence[tuple[float, float]]]


def information_curves(curves: Series, at: Shift, now: float) -> go.Figure:
    """Mutual information along the three axes through a position, which is marked.

    Args:
        curves: per axis (value, bits).
        at: the position.
        now: bits there.
    """
    data = []
    for place, axis in zip(_PLACES, AXES, strict=True):
        data.append(_line(place, axis, curves[axis], _LINE) | {"mode": "lines"})
        data.append(
            {
                "type": "scatter", "x": [getattr(at, axis)], "y": [now], "xaxis": place,
                "mode": "markers", "marker": {"color": SHOWN, "size": 9}, "hoverinfo": "skip",
            }
        )  # fmt: skip
    layout = _layout("Mutual information, bits") | {"shapes": _zeros(), "showlegend": False}
    return go.Figure({"data": data, "layout": layout})


def quality_curves(own: Mapping[Axis, Sequence[tuple[float, Qualities]]], at: Shift) -> go.Figure:
    """Qabf of the re-fused image along the three axes, with both pairs of sources."""
    data = []
    for place, axis in zip(_PLACES, AXES, strict=True):
        points = sorted(own[axis], key=lambda point: point[0])
        for name, colour in (("own", _LINE), ("loaded", _SECOND)):
            values = [(value, getattr(found, name)) for value, found in points]
            data.append(
                _line(place, axis, values, colour)
                | {
                    "mode": "lines+markers", "marker": {"size": 5, "color": colour},
                    "name": QUALITY_NAMES[name], "legendgroup": name, "showlegend": place == "x",
                }
            )  # fmt: skip
    shapes = _zeros() + [
        _vertical(place, getattr(at, axis), {"color": SHOWN, "width": 1})
        for place, axis in zip(_PLACES, AXES, strict=True)
    ]
    layout = _layout("Qabf") | {
        "shapes": shapes, "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"l": 10, "r": 10, "t": 40, "b": 10},
    }  # fmt: skip
    return go.Figure({"data": data, "layout": layout})


def _layout(title: str) -> dict[str, Any]:
    """Three panels on one value axis; as one dict, because plotly's setters take 100 ms."""
    line = {"gridcolor": GRID, "zeroline": False, "fixedrange": True, "automargin": True}
    small = {"size": 12, "color": MUTED}
    panels = {
        f"xaxis{place[1:]}": line
        | {"domain": domain, "anchor": "y", "title": {"text": AXIS_TITLES[axis], "font": small}}
        for place, domain, axis in zip(_PLACES, _DOMAINS, AXES, strict=True)
    }
    values = line | {"title": {"text": title, "font": small}, "anchor": "x"}
    margin = {"l": 10, "r": 10, "t": 14, "b": 10}
    return {**panels, "yaxis": values, "height": 250, "margin": margin}


def _line(
    place: str, axis: Axis, points: Sequence[tuple[float, float]], colour: str
) -> dict[str, Any]:
    unit = "°" if axis == "turn" else " px"
    return {
        "type": "scatter", "x": [x for x, _ in points], "y": [y for _, y in points],
        "xaxis": place, "line": {"color": colour, "width": 2},
        "hovertemplate": "%{x:.3g}" + unit + ": %{y:.3f}<extra></extra>",
    }  # fmt: skip


def _vertical(place: str, x: float, line: dict[str, Any]) -> dict[str, Any]:
    ends = {"x0": x, "x1": x, "y0": 0, "y1": 1}
    return {"type": "line", "xref": place, "yref": "paper", "line": line} | ends


def _zeros() -> list[dict[str, Any]]:
    return [_vertical(place, 0, {"color": TEXT, "width": 1, "dash": "dot"}) for place in _PLACES]
