"""Charts of the MR signal: each tissue over one of the times."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ui import theme
from ui.colours import TEXT

COLOURS = {
    "CSF": ("#56b4e9", "solid"),
    "grey matter": ("#c8ced4", "solid"),
    "white matter": ("#f0e442", "dash"),
    "fat": ("#e69f00", "dot"),
    "tumour": ("#cc79a7", "dashdot"),
    "oedema": ("#2fbf9b", "longdash"),
}
"""Colour (after Okabe and Ito, for colour-blind eyes) and dash of each tissue."""


def signal_chart(
    times: NDArray[np.float64],
    curves: Mapping[str, Sequence[float]],
    now: float,
    what: str,
    logarithmic: bool = False,
) -> go.Figure:
    """Signal of each tissue against a time, with a line at the time in use.

    Args:
        times: in ms.
        curves: tissue -> signal, 1 is water's proton density.
        now: the time in use, in ms.
        what: name of the time, "Echo time TE".
        logarithmic: the axis of the time.
    """
    figure = go.Figure()
    for name, values in curves.items():
        colour, dash = COLOURS[name]
        figure.add_scatter(
            x=times, y=list(values), name=name, mode="lines",
            line={"color": colour, "dash": dash, "width": 2.2},
            hovertemplate=name + ": %{y:.2f} at %{x:.0f} ms<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=now, line={"color": TEXT, "width": 1.4, "dash": "dot"})
    figure.add_annotation(
        x=np.log10(now) if logarithmic else now, y=1.0, yref="paper", text=f"{now:.0f} ms",
        showarrow=False, xanchor="left", xshift=5, yanchor="top", font={"size": 12},
    )  # fmt: skip
    figure.update_layout(
        height=330, margin={"l": 8, "r": 12, "t": 46, "b": 46}, legend=theme.legend()
    )
    figure.update_xaxes(
        **theme.axis(f"{what} (ms{', log' if logarithmic else ''})"),
        type="log" if logarithmic else "linear",
    )
    if logarithmic:
        figure.update_xaxes(
            tickvals=[200, 500, 1000, 2000, 5000, 10000],
            ticktext=["200", "500", "1000", "2000", "5000", "10000"],
        )
    figure.update_yaxes(
        **theme.axis("Signal (1 = water without loss)"), range=[0, 1.02], automargin=True
    )
    return figure
