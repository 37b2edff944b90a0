"""Charts of how bands answer to an edge."""

from collections.abc import Sequence

import plotly.graph_objects as go

from fusion_core.edge_study import KINDS
from fusion_core.wavelet_facts import Array
from ui.colours import MUTED, TEXT
from ui.theme import axis, legend

BAND_COLOURS = {"LH": "#5ec4c0", "HL": "#f2c14e", "HH": "#d7a5ea"}
BAND_WORDS = {"LH": "horizontal edges", "HL": "vertical edges", "HH": "diagonals"}
_DASHES = {"LH": "solid", "HL": "dash", "HH": "dot"}


def answer_bars(energies: Sequence[tuple[float, float, float]]) -> go.Figure:
    """Share of LH, HL and HH in the energy of each level's details."""
    levels = [f"Level {j}, {2**j} px" for j in range(1, len(energies) + 1)]
    figure = go.Figure()
    for index, kind in enumerate(KINDS):
        shares = [100 * e[index] / sum(e) if sum(e) else None for e in energies]
        figure.add_bar(
            y=levels, x=shares, name=kind, orientation="h",
            marker_color=BAND_COLOURS[kind], marker_line_width=0,
            text=["" if s is None or s < 18 else f"{s:.0f} %" for s in shares],
            textposition="inside", constraintext="none", textangle=0, insidetextanchor="middle",
            textfont={"color": "#10161c", "size": 12},
            hovertemplate="%{y}<br>" + kind + ": %{x:.1f} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="stack", bargap=0.25, height=110 + 34 * len(levels),
        margin={"l": 8, "r": 12, "t": 34, "b": 46}, legend=legend(),
    )  # fmt: skip
    figure.update_xaxes(**axis("Share of the level's detail energy (%)"), range=[0, 100])
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8)
    return figure


def answer_curve(angles: Sequence[float], answers: Array, angle: float, level: int) -> go.Figure:
    """Energy of LH, HL and HH against the edge's angle, over the largest of them."""
    top = float(answers.max()) or 1.0
    figure = go.Figure()
    for index, kind in enumerate(KINDS):
        figure.add_scatter(
            x=list(angles), y=answers[:, index] / top, name=f"{kind} · {BAND_WORDS[kind]}",
            mode="lines", line={"color": BAND_COLOURS[kind], "dash": _DASHES[kind], "width": 2.4},
            hovertemplate="%{x:.0f}°: %{y:.3f}<extra>" + kind + "</extra>",
        )  # fmt: skip
    figure.add_vline(x=angle, line={"color": TEXT, "width": 1})
    figure.add_annotation(
        x=angle, y=1.04, text=f"{angle:.0f}°", showarrow=False, yanchor="bottom",
        font={"color": TEXT, "size": 12},
    )  # fmt: skip
    figure.update_layout(height=330, margin={"l": 58, "r": 16, "t": 34, "b": 46}, legend=legend())
    figure.update_xaxes(
        **axis("Angle of the edge (degrees; 0 lies, 90 stands)"), range=[0, 180],
        tickvals=[0, 45, 90, 135, 180],
    )  # fmt: skip
    figure.update_yaxes(**axis(f"Energy at level {level} (largest = 1)"), range=[0, 1.16])
    figure.update_yaxes(tickvals=[0, 0.25, 0.5, 0.75, 1], tickcolor=MUTED)
    return figure
