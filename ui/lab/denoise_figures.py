"""Chart of the quality after denoising against the threshold."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from fusion_core.shrinkage import Shrinkage
from ui.colours import MUTED, TEXT
from ui.theme import axis, legend

KIND_COLOURS: dict[Shrinkage, str] = {"soft": "#5ec4c0", "hard": "#f2c14e"}


def threshold_figure(
    thresholds: Sequence[float],
    curves: Mapping[Shrinkage, Sequence[float]],
    before: float,
    chosen: float,
    universal: float,
) -> go.Figure:
    """PSNR against the threshold in grey levels, soft and hard, each one's best marked.

    Args:
        thresholds: in grey levels.
        curves: PSNR in dB per kind.
        before: PSNR of the noisy image.
        chosen: the threshold in effect.
        universal: the universal threshold.
    """
    figure = go.Figure()
    figure.add_hline(y=before, line={"color": MUTED, "width": 1, "dash": "dot"})
    for kind, values in curves.items():
        best = max(range(len(values)), key=values.__getitem__)
        colour = KIND_COLOURS[kind]
        figure.add_scatter(
            x=list(thresholds), y=list(values), name=kind, mode="lines",
            line={"color": colour, "dash": "solid" if kind == "soft" else "dash"},
            hovertemplate="threshold %{x:.1f}: %{y:.2f} dB<extra>" + kind + "</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[thresholds[best]], y=[values[best]], mode="markers",
            name=f"best {kind}: {values[best]:.1f} dB at {thresholds[best]:.0f}",
            marker={"color": colour, "size": 11, "symbol": "circle-open", "line": {"width": 2}},
            hovertemplate=f"best {kind}<br>%{{x:.1f}}: %{{y:.2f}} dB<extra></extra>",
        )  # fmt: skip
    for place, words, at, side in (
        (chosen, "chosen", 1.0, "left"), (universal, "universal", 0.0, "left"),
    ):  # fmt: skip
        figure.add_vline(x=place, line={"color": TEXT if at else MUTED, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=place, y=1, yref="paper", text=words, showarrow=False, xanchor=side, xshift=4,
            yanchor="top", font={"color": TEXT if at else MUTED, "size": 11},
        )  # fmt: skip
    figure.add_annotation(
        x=1, xref="paper", y=before, text="noisy image", showarrow=False, xanchor="right",
        yanchor="bottom", font={"color": MUTED, "size": 11},
    )  # fmt: skip
    figure.update_layout(height=360, margin={"l": 58, "r": 16, "t": 56, "b": 46}, legend=legend())
    figure.update_xaxes(**axis("Threshold (grey levels)"), rangemode="tozero")
    figure.update_yaxes(**axis("PSNR (dB; higher is closer to the original)"))
    return figure
