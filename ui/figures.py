"""Charts: numbers in, plotly figures out; CT and MRI have their colours, axes have names."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from fusion_core.provenance import BandEnergy, BandShare, Breakdown
from ui.colours import CLIPPING, CT, MRI, MUTED, SHOWN, TEXT
from ui.theme import axis, legend

Definition = Literal["mask", "energy", "attribution"]

DEFINITIONS: dict[Definition, tuple[str, str]] = {
    "mask": (
        "Mean mask",
        "How far the gates are open: the mean of the CT mask over the sum of both masks' means. "
        "It does not ask whether there was anything to let through.",
    ),
    "energy": (
        "Energy",
        "How much signal passed: the sum of squared gated CT coefficients over that of both. "
        "Strong edges, bone above all, decide it.",
    ),
    "attribution": (
        "Attribution",
        "What can be seen: the sum of absolute grey levels that the band brought from CT over "
        "that of both, after the inverse transform.",
    ),
}
"""The three definitions of CT's share: name, and one explanation."""

GREY = 255
RUNNING = "#7fd1b9"
"""Colour of the line that adds the bars up."""

_ROW = 26
NARROW = 0.14
"""Share below which a bar is too narrow for its number; the other bar's tells it."""


@dataclass(frozen=True)
class Totals:
    """A breakdown in grey levels of 255, summed over the bands."""

    ct: float
    mri: float
    clipping: float
    shown: float


def totals(breakdown: Breakdown) -> Totals:
    """Sum a breakdown; ``ct + mri + clipping == shown`` up to rounding."""
    return Totals(
        GREY * sum(breakdown.ct),
        GREY * sum(breakdown.mri),
        GREY * breakdown.clipping,
        GREY * breakdown.shown,
    )


def band_title(name: str) -> str:
    """What a band answers to: ``LH2`` is "LH2 · horizontal edges, 4 px"."""
    kind, level = name[:2], int(name[2:] or 1)
    meaning = {"LL": "smooth", "LH": "horizontal", "HL": "vertical", "HH": "diagonal"}[kind]
    return f"<b>{name}</b> {meaning}, {2**level} px"


def signed(value: float) -> str:
    """One decimal with its sign; zero has none."""
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def breakdown_bars(breakdown: Breakdown, whole: str = "Shown") -> go.Figure:
    """One row per band: what CT and MRI brought, in grey levels; clipping; the sum, as it grows.

    Args:
        breakdown: of a pixel, or the mean over a region.
        whole: what the sum is called.
    """
    rows = [band_title(name) for name in breakdown.names] + ["<b>Clipping</b>", f"<b>{whole}</b>"]
    blank: list[float | None] = [None] * len(breakdown.names)
    series: tuple[tuple[str, str, list[float | None]], ...] = (
        ("from CT", CT, [GREY * v for v in breakdown.ct] + [None, None]),
        ("from MRI", MRI, [GREY * v for v in breakdown.mri] + [None, None]),
        ("clipping", CLIPPING, [*blank, GREY * breakdown.clipping, None]),
        ("shown", SHOWN, [*blank, None, GREY * breakdown.shown]),
    )
    figure = go.Figure()
    for name, colour, values in series:
        figure.add_bar(
            y=rows, x=values, name=name, orientation="h", marker_color=colour,
            marker_line_width=0, hovertemplate="%{y}<br>" + name + ": %{x:.1f}<extra></extra>",
            showlegend=name.startswith("from"), unselected_marker_opacity=0.55,
        )  # fmt: skip
    sums = [sum(p for _, _, column in series if (p := column[k]) is not None)
            for k in range(len(rows))]  # fmt: skip
    grown = [*itertools.accumulate(sums[:-1]), sums[-1]]
    figure.add_scatter(
        y=rows, x=grown, name="sum so far", mode="lines+markers",
        line={"color": RUNNING, "width": 1.5, "dash": "dot"}, marker={"color": RUNNING, "size": 5},
        hovertemplate="sum down to here: %{x:.1f}<extra></extra>",
    )  # fmt: skip
    numbers = [
        {
            "y": row, "x": 1, "xref": "paper", "showarrow": False, "xanchor": "right", "xshift": 46,
            "text": signed(value) if row != rows[-1] else f"{value:.1f}",
            "font": {"color": TEXT, "size": 12},
        }
        for row, value in zip(rows, sums, strict=True)
    ]  # fmt: skip
    figure.update_layout(
        annotations=numbers,
        barmode="relative", bargap=0.28, height=_ROW * len(rows) + 92,
        margin={"l": 8, "r": 54, "t": 30, "b": 44}, legend=legend(),
    )  # fmt: skip
    figure.update_xaxes(**axis("Grey levels of 255"))
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8)
    return figure


def share_bars(shares: Sequence[BandShare], definition: Definition) -> go.Figure:
    """CT against MRI per band, 0 to 100 %, by one definition."""
    rows = [band_title(share.band) for share in shares]
    ct = [getattr(share, definition) for share in shares]
    figure = go.Figure()
    for name, colour, values in (("CT", CT, ct), ("MRI", MRI, [1 - v for v in ct])):
        figure.add_bar(
            y=rows, x=[None if math.isnan(v) else 100 * v for v in values], name=name,
            orientation="h", marker_color=colour, marker_line_width=0,
            text=["" if math.isnan(v) or v < NARROW else f"{name} {100 * v:.0f} %" for v in values],
            textposition="inside", textangle=0, insidetextanchor="start" if name == "CT" else "end",
            textfont={"color": "#10161c", "size": 12},
            hovertemplate="%{y}<br>" + name + ": %{x:.1f} %<extra></extra>", showlegend=False,
        )  # fmt: skip
    figure.add_vline(x=50, line={"color": "#10161c", "width": 1, "dash": "dot"})
    figure.update_layout(
        barmode="stack", bargap=0.25, height=(_ROW + 4) * len(rows) + 64,
        margin={"l": 8, "r": 12, "t": 6, "b": 46}, uniformtext={"minsize": 11, "mode": "hide"},
    )  # fmt: skip
    title = DEFINITIONS[definition][0].lower()
    figure.update_xaxes(
        **axis(f"Share by {title} (%)"), range=[0, 100], tickvals=[0, 25, 50, 75, 100]
    )
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8)
    return figure


def energy_bars(ct: Sequence[BandEnergy], mri: Sequence[BandEnergy], centred: bool) -> go.Figure:
    """Where the energy of the two sources is, per band, on a logarithmic axis."""
    rows = [band_title(energy.band) for energy in ct]
    figure = go.Figure()
    for name, colour, energies in (("CT", CT, ct), ("MRI", MRI, mri)):
        values = [100 * (e.centred if centred else e.raw) for e in energies]
        figure.add_bar(
            y=rows, x=[v if v > 0 else None for v in values], name=name, orientation="h",
            marker_color=colour, marker_line_width=0, text=[_percent(v) for v in values],
            textposition="outside", textfont={"color": MUTED, "size": 11}, cliponaxis=False,
            hovertemplate="%{y}<br>" + name + ": %{x:.3g} %<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        barmode="group", bargap=0.22, bargroupgap=0.06, height=(_ROW + 12) * len(rows) + 84,
        margin={"l": 8, "r": 56, "t": 30, "b": 46}, legend=legend(),
    )  # fmt: skip
    what = "mean removed" if centred else "raw"
    figure.update_xaxes(
        **axis(f"Share of the energy, {what} (%, log)"), type="log",
        range=[-2, 2.05], tickvals=[0.01, 0.1, 1, 10, 100],
        ticktext=["0.01", "0.1", "1", "10", "100"],
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8)
    return figure


def _percent(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.1f} %" if value >= 1 else f"{value:.2g} %"
