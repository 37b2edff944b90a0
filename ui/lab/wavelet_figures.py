"""Charts of a wavelet's filters, functions and frequency response."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_core.wavelet_facts import Array, filters, functions, response
from ui.colours import GRID, MUTED, TEXT
from ui.theme import axis, legend

COLOURS = ("#5ec4c0", "#d7a5ea", "#f2c14e")
"""One colour per compared wavelet; they differ in lightness as well."""

ANALYSIS, SYNTHESIS = "#5ec4c0", "#f2c14e"
_SMOOTH = 800
"""Points of a drawn curve; more cannot be seen."""


def filter_figure(names: Sequence[str]) -> go.Figure:
    """Low-pass above, high-pass below, a column per wavelet; analysis and synthesis stems."""
    figure = make_subplots(
        2, len(names), shared_yaxes="all", horizontal_spacing=0.03, vertical_spacing=0.17,
        column_titles=list(names),
    )  # fmt: skip
    for column, name in enumerate(names, 1):
        bank = filters(name)
        sides = (("analysis", ANALYSIS, -0.13, "circle"), ("synthesis", SYNTHESIS, 0.13, "diamond"))
        for row, pair in enumerate(((bank.dec_lo, bank.rec_lo), (bank.dec_hi, bank.rec_hi)), 1):
            for (side, colour, shift, symbol), taps in zip(sides, pair, strict=True):
                first = row == column == 1
                _stems(figure, taps, side, colour, shift, symbol, first, row, column)
        length = len(bank.dec_lo)
        ticks = {"dtick": max(1, -(-length // 8)), "tick0": 0, "range": [-0.7, length - 0.3]}
        figure.update_xaxes(**axis("Tap"), **ticks, row=2, col=column)
        figure.update_xaxes(**axis(""), **ticks, row=1, col=column)
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(**axis(""))
    figure.update_yaxes(title_text="Low-pass", row=1, col=1)
    figure.update_yaxes(title_text="High-pass", row=2, col=1)
    _titles(figure)
    figure.update_layout(
        height=400, margin={"l": 58, "r": 12, "t": 62, "b": 44},
        legend=legend() | {"y": 1.1},
    )  # fmt: skip
    return figure


def function_figure(names: Sequence[str]) -> go.Figure:
    """Scaling functions and wavelets, one colour per wavelet, dotted where analysis differs."""
    figure = make_subplots(
        1, 2, horizontal_spacing=0.1, subplot_titles=("Scaling function φ", "Wavelet ψ")
    )
    for colour, name in zip(COLOURS, names, strict=False):
        found = functions(name)
        pairs = ((found.phi, found.phi_analysis), (found.psi, found.psi_analysis))
        step = max(1, len(found.x) // _SMOOTH)
        for column, (synthesis, analysis) in enumerate(pairs, 1):
            figure.add_scatter(
                x=found.x[::step], y=synthesis[::step], name=name, line={"color": colour},
                legendgroup=name, showlegend=column == 1, row=1, col=column,
                hovertemplate=name + "<br>%{x:.2f}: %{y:.3f}<extra></extra>",
            )  # fmt: skip
            if analysis is not synthesis:
                figure.add_scatter(
                    x=found.x[::step], y=analysis[::step], name=f"{name}, analysis",
                    line={"color": colour, "dash": "dot", "width": 1.4}, legendgroup=name,
                    showlegend=column == 1, row=1, col=column, hoverinfo="skip",
                )  # fmt: skip
    figure.update_xaxes(**axis("Position (samples of the level)"))
    figure.update_yaxes(**axis("Value"))
    _titles(figure)
    figure.update_layout(
        height=330, margin={"l": 58, "r": 12, "t": 66, "b": 46}, legend=legend() | {"y": 1.13}
    )
    return figure


def response_figure(names: Sequence[str]) -> go.Figure:
    """Magnitude of both analysis filters over frequency; the crossing is at a quarter cycle."""
    figure = go.Figure()
    figure.add_vline(x=0.25, line={"color": GRID, "width": 1, "dash": "dash"})
    for colour, name in zip(COLOURS, names, strict=False):
        bank = filters(name)
        for taps, side, dash in ((bank.dec_lo, "low", "solid"), (bank.dec_hi, "high", "dash")):
            frequency, size = response(taps)
            figure.add_scatter(
                x=frequency, y=size, name=name, line={"color": colour, "dash": dash},
                legendgroup=name, showlegend=side == "low",
                hovertemplate="%{x:.3f} cycles/px: × %{y:.3f}<extra>"
                f"{name}, {side}-pass</extra>",
            )  # fmt: skip
    figure.update_xaxes(**axis("Frequency (cycles per pixel)"), range=[0, 0.5])
    figure.update_yaxes(**axis("Gain (1 = unchanged)"), rangemode="tozero")
    figure.update_layout(height=330, margin={"l": 58, "r": 12, "t": 66, "b": 46}, legend=legend())
    return figure


def _stems(
    figure: go.Figure, taps: Array, side: str, colour: str, shift: float, symbol: str,
    in_legend: bool, row: int, column: int,
) -> None:  # fmt: skip
    x: list[float | None] = []
    y: list[float | None] = []
    for index, value in enumerate(taps):
        x += [index + shift, index + shift, None]
        y += [0, float(value), None]
    figure.add_scatter(
        x=x, y=y, mode="lines", line={"color": colour, "width": 1.5}, hoverinfo="skip",
        showlegend=False, row=row, col=column,
    )  # fmt: skip
    small = 8 if len(taps) <= 12 else 5
    figure.add_scatter(
        x=[i + shift for i in range(len(taps))], y=taps, mode="markers", name=side,
        marker={"color": colour, "size": small, "symbol": symbol}, showlegend=in_legend,
        hovertemplate=side + " tap %{customdata}: %{y:.5f}<extra></extra>",
        customdata=list(range(len(taps))), row=row, col=column,
    )  # fmt: skip


def _titles(figure: go.Figure) -> None:
    figure.update_annotations(font={"size": 13, "color": TEXT})
    figure.update_yaxes(title_font={"size": 12, "color": MUTED})
