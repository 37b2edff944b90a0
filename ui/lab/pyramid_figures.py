"""Chart of the energy in every band."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from fusion_core.provenance import BandEnergy
from ui.colours import MUTED
from ui.figures import band_title
from ui.theme import axis, legend

RAW, CENTRED = "#5ec4c0", "#d7a5ea"
_ROW, _LEAST = 24, -3.0
"""Height of a band's row, and the smallest drawn share as a power of ten, in percent."""


def energy_figure(energies: Sequence[BandEnergy], kept: frozenset[str]) -> go.Figure:
    """Share of the energy per band on a logarithmic axis; bands that are off are faint."""
    rows = [band_title(energy.band) for energy in energies]
    figure = go.Figure()
    for name, colour in (("raw", RAW), ("mean removed", CENTRED)):
        values = [100 * (e.raw if name == "raw" else e.centred) for e in energies]
        figure.add_bar(
            y=rows, x=[v if v > 10**_LEAST else None for v in values], name=name, orientation="h",
            marker_color=colour, marker_line_width=0, text=[percent(v) for v in values],
            marker_opacity=[1 if e.band in kept else 0.25 for e in energies],
            textposition="outside", textfont={"color": MUTED, "size": 11}, cliponaxis=False,
            hovertemplate="%{y}<br>" + name + ": %{x:.3g} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="group", bargap=0.22, bargroupgap=0.05, height=max(300, 2 * _ROW * len(rows)),
        margin={"l": 8, "r": 56, "t": 34, "b": 46}, legend=legend(),
    )  # fmt: skip
    ticks = [0.001, 0.01, 0.1, 1, 10, 100]
    figure.update_xaxes(
        **axis("Share of the energy (%, logarithmic)"), type="log", range=[_LEAST, 2.05],
        tickangle=0, tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks],
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8)
    return figure


def percent(value: float) -> str:
    """A share with two digits that count; very small ones say so."""
    if math.isnan(value):
        return ""
    if value < 10**_LEAST:
        return "0" if value == 0 else f"< {10**_LEAST:g} %"
    return f"{value:.2f} %" if value >= 1 else f"{value:.2g} %"
