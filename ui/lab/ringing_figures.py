"""Chart of a line of pixels across an edge, before and after bands were altered."""

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_core.wavelet_facts import Array
from ui.colours import GRID, MUTED, SHOWN, TEXT
from ui.theme import axis, legend

LINE_COLOURS = ("#5ec4c0", "#f2c14e", "#d7a5ea", "#ff8f73")


def profile_figure(
    original: Array, altered: Mapping[str, Array], window: tuple[int, int], white: float
) -> go.Figure:
    """The profile around the edge, one panel per wavelet, the original behind each.

    Args:
        original: the row in grey levels.
        altered: the same row after the alteration, per wavelet.
        window: first and last column to draw.
        white: the largest value that the screen can show.
    """
    columns = list(range(window[0], window[1] + 1))
    inside = slice(window[0], window[1] + 1)
    figure = make_subplots(
        1, len(altered), shared_yaxes="all", horizontal_spacing=0.015,
        subplot_titles=list(altered),
    )  # fmt: skip
    for index, (name, values) in enumerate(altered.items()):
        where = {"row": 1, "col": index + 1}
        for level in (0, white):
            figure.add_hline(
                y=level, line={"color": MUTED, "width": 1, "dash": "dot"},
                exclude_empty_subplots=False, **where,
            )  # fmt: skip
        figure.add_scatter(
            x=columns, y=original[inside], name="original", legendgroup="original",
            mode="lines", line={"color": SHOWN, "width": 1.2, "dash": "dot"},
            showlegend=index == 0, hovertemplate="original %{x}: %{y:.1f}<extra></extra>", **where,
        )  # fmt: skip
        figure.add_scatter(
            x=columns, y=values[inside], name="altered", mode="lines", showlegend=False,
            line={"color": LINE_COLOURS[index % len(LINE_COLOURS)], "width": 2},
            hovertemplate=name + " %{x}: %{y:.1f}<extra></extra>", **where,
        )  # fmt: skip
    figure.update_xaxes(**axis("Column"), range=list(window), nticks=5, zeroline=False)
    figure.update_yaxes(**axis(""))
    figure.update_yaxes(title_text="Grey levels", title_font={"size": 12, "color": MUTED}, col=1)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    figure.update_annotations(font={"size": 13, "color": TEXT})
    figure.update_layout(
        height=330, margin={"l": 58, "r": 12, "t": 62, "b": 46}, legend=legend() | {"y": 1.1}
    )
    return figure
