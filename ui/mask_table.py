"""Masks in numbers: table with histograms, verdict, chart of sharpness; no streamlit."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from fusion_core.mask_measures import EVEN, MaskMeasure, Verdict, smooth_against_sharp
from ui import colours
from ui.figures import band_title

WIDTH, HEIGHT = 132, 30
VERDICTS: dict[Verdict, str] = {
    "holds": "holds",
    "partly": "holds in part",
    "fails": "does not hold",
    "open": "cannot be judged",
}
SYMBOLS = ("circle", "diamond", "square")
SHADES = (colours.SHOWN, "#7fd1b9", "#d9a6f0")
"""Of methods: none of them is the colour of a source."""


def histogram_image(measure: MaskMeasure, gate: str, convex: bool) -> str:
    """Twenty bars over 0 to 1 in the mask's own colours, with a tick at 0.5, as an <img>."""
    table = colours.gate_table(gate, convex)
    top = max(measure.histogram) or 1.0
    step = WIDTH / len(measure.histogram)
    bars = "".join(
        f"<rect x='{k * step:.1f}' y='{HEIGHT - h:.1f}' width='{step - 1:.1f}' height='{h:.1f}' "
        f"fill='{_colour(table[round((k + 0.5) * 255 / len(measure.histogram))])}'/>"
        for k, share in enumerate(measure.histogram)
        if (h := HEIGHT * share / top) > 0
    )
    drawing = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT + 5}'>{bars}"
        f"<path d='M0 {HEIGHT + 0.5}H{WIDTH}M{WIDTH / 2} {HEIGHT}v4' stroke='{colours.MUTED}' "
        "stroke-width='1' fill='none'/></svg>"
    )
    data = base64.b64encode(drawing.encode()).decode()  # a bare <svg> does not pass st.html
    return (
        f"<img alt='Histogram of mask {measure.band} over 0 to 1' width='{WIDTH}' "
        f"height='{HEIGHT + 5}' style='max-width:none' src='data:image/svg+xml;base64,{data}'>"
    )


def _colour(rgba: Sequence[int]) -> str:
    return f"rgb({rgba[0]},{rgba[1]},{rgba[2]})"


def measure_table(
    found: Mapping[str, tuple[MaskMeasure, ...]], gate: str, convex: Mapping[str, bool]
) -> str:
    """One row per mask, grouped by method where there are several, as HTML.

    Args:
        found: measures by the name of the method.
        gate: "CT" or "MRI".
        convex: by the name of the method, whether both gates sum to one.
    """
    head = (
        "<tr><th>Mask</th><th>Histogram, 0 to 1</th><th class='n'>Mean</th>"
        "<th class='n'>Decisive</th><th class='n'>Entropy (bit)</th><th class='n'>Sharpness</th>"
        "<th>Reading</th></tr>"
    )
    body = []
    for name, measures in found.items():
        if len(found) > 1:
            body.append(f"<tr class='g'><td colspan='7'>{escape(name)}</td></tr>")
        body += [_row(m, gate, convex[name]) for m in measures]
    return f"<div class='twf-scroll'><table class='twf'>{head}{''.join(body)}</table></div>"


def _row(measure: MaskMeasure, gate: str, convex: bool) -> str:
    numbers = (measure.mean, measure.decisiveness, measure.entropy, measure.sharpness)
    cells = "".join(f"<td class='n'>{_number(value)}</td>" for value in numbers)
    image = histogram_image(measure, gate, convex)
    return (
        f"<tr><td><b>{measure.band}</b></td><td>{image}</td>{cells}"
        f"<td class='d'>{in_words(measure)}</td></tr>"
    )


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def in_words(measure: MaskMeasure) -> str:
    """Decisiveness and sharpness of a mask in a few plain words."""
    if math.isnan(measure.mean):
        return "nothing to count"
    if measure.spread < EVEN:
        return "even: the same everywhere"
    decided = "undecided" if measure.decisiveness < 1 / 3 else "decided"
    decided = "fairly decided" if 1 / 3 <= measure.decisiveness < 2 / 3 else decided
    if math.isnan(measure.sharpness):
        return decided
    kinds = ((0.25, "smooth"), (0.4, "soft edges"), (0.6, "clear edges"), (2.0, "fine detail"))
    return f"{decided}, {next(word for limit, word in kinds if measure.sharpness < limit)}"


def verdict(name: str, measures: Sequence[MaskMeasure]) -> tuple[Verdict, str]:
    """Whether the low-frequency mask is smoother than the others, with the numbers."""
    found = smooth_against_sharp({m.band: m.sharpness for m in measures})
    low = measures[0]
    high = [m.sharpness for m in measures[1:] if not math.isnan(m.sharpness)]
    start = f"{name}: the claim {VERDICTS[found]}."
    if found == "open":
        even = ", ".join(m.band for m in measures if math.isnan(m.sharpness))
        return found, f"{start} Even masks have no sharpness: {even}."
    span = f"{min(high):.2f} to {max(high):.2f}" if len(high) > 1 else f"{high[0]:.2f}"
    return found, f"{start} {low.band} has sharpness {low.sharpness:.2f}, the details {span}."


def sharpness_chart(found: Mapping[str, tuple[MaskMeasure, ...]]) -> go.Figure:
    """Sharpness of every mask on one axis from smooth to speckle, one symbol per method."""
    names = dict.fromkeys(band_title(m.band) for rows in found.values() for m in rows)
    figure = go.Figure()
    for k, (name, measures) in enumerate(found.items()):
        figure.add_scatter(
            x=[None if math.isnan(m.sharpness) else m.sharpness for m in measures],
            y=[band_title(m.band) for m in measures], name=name, mode="markers",
            marker={"symbol": SYMBOLS[k % 3], "size": 10, "color": SHADES[k % 3]},
            hovertemplate=name + ", %{y}: %{x:.2f}<extra></extra>", showlegend=len(found) > 1,
        )  # fmt: skip
    figure.add_vline(x=0.5, line={"color": colours.MUTED, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=26 * len(names) + 110, margin={"l": 8, "r": 28, "t": 30, "b": 60},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    figure.update_xaxes(
        title={"text": "Sharpness", "font": {"size": 12, "color": colours.MUTED}},
        range=[-0.02, 1.02], tickvals=[0, 0.25, 0.5, 0.75, 1], tickangle=0, gridcolor=colours.GRID,
        ticktext=["0<br>smooth", "", "0.5<br>edges", "", "1<br>speckle"],
        tickfont={"color": colours.MUTED, "size": 11}, zeroline=False, fixedrange=True,
    )  # fmt: skip
    figure.update_yaxes(
        autorange="reversed", automargin=True, ticks="", ticklabelstandoff=8,
        categoryorder="array", categoryarray=list(names), gridcolor=colours.GRID, fixedrange=True,
    )  # fmt: skip
    return figure
