"""Charts of what lies beyond the border of a line of pixels, and what the bands make of it."""

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_core.wavelet_facts import Array
from fusion_core.wavelets import BoundaryMode
from ui.colours import GRID, MUTED, SHOWN, TEXT
from ui.theme import axis, legend

MODE_COLOURS: dict[BoundaryMode, str] = {
    "zero": "#f2c14e", "symmetric": "#5ec4c0", "periodic": "#d7a5ea", "reflect": "#ff8f73",
}  # fmt: skip
_SYMBOLS = {"zero": "circle", "symmetric": "diamond", "periodic": "square", "reflect": "cross"}


def extension_figure(extended: Mapping[BoundaryMode, Array], pad: int, inside: int) -> go.Figure:
    """The start of a line of pixels and what each mode puts before it.

    Args:
        extended: per mode the continued line, in grey levels.
        pad: samples that were put before the line.
        inside: samples of the line that are drawn.
    """
    figure = make_subplots(
        1, len(extended), shared_yaxes="all", horizontal_spacing=0.02,
        subplot_titles=list(extended),
    )  # fmt: skip
    for column, (mode, line) in enumerate(extended.items(), 1):
        where = {"row": 1, "col": column}
        figure.add_vrect(
            x0=-pad - 0.5,
            x1=-0.5,
            fillcolor=GRID,
            opacity=0.35,
            line_width=0,
            exclude_empty_subplots=False,
            **where,
        )
        figure.add_scatter(
            x=list(range(-pad, 0)), y=line[:pad], mode="lines+markers", showlegend=False,
            line={"color": MODE_COLOURS[mode], "width": 1}, marker={"size": 5},
            hovertemplate="beyond, %{x}: %{y:.1f}<extra></extra>", **where,
        )  # fmt: skip
        figure.add_scatter(
            x=list(range(inside)), y=line[pad : pad + inside], mode="lines+markers",
            showlegend=False, line={"color": SHOWN, "width": 1}, marker={"size": 5},
            hovertemplate="pixel %{x}: %{y:.1f}<extra></extra>", **where,
        )  # fmt: skip
    figure.update_xaxes(**axis("Column"), range=[-pad - 0.7, inside - 0.3])
    figure.update_xaxes(zeroline=False, nticks=6)
    figure.update_yaxes(**axis(""))
    figure.update_yaxes(title_text="Grey levels", col=1)
    figure.update_annotations(font={"size": 13, "color": TEXT})
    figure.update_layout(height=270, margin={"l": 58, "r": 12, "t": 34, "b": 46})
    return figure


def border_figure(details: Mapping[BoundaryMode, Array]) -> go.Figure:
    """Size of the first detail coefficients of the line by mode.

    Args:
        details: per mode the absolute coefficients at the border, in grey levels.
    """
    figure = go.Figure()
    for mode, values in details.items():
        figure.add_scatter(
            x=list(range(len(values))), y=values, name=mode, mode="lines+markers",
            line={"color": MODE_COLOURS[mode], "width": 1.4},
            marker={"symbol": _SYMBOLS[mode], "size": 8},
            hovertemplate="coefficient %{x}: %{y:.2f}<extra>" + mode + "</extra>",
        )  # fmt: skip
    figure.update_layout(height=300, margin={"l": 58, "r": 12, "t": 40, "b": 46}, legend=legend())
    figure.update_xaxes(**axis("Detail coefficient, counted from the border"), dtick=1)
    figure.update_yaxes(**axis("Size (grey levels)"), rangemode="tozero", tickcolor=MUTED)
    return figure
