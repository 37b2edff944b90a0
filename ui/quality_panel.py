"""How good the fused image is: a short reading, then every number with its meaning."""

import streamlit as st

from fusion_core.metrics import METRICS, Scores
from ui import caches, theme
from ui.caches import Fused
from ui.quality import ARROWS, SYMBOLS, number, reading, table_html

HEADLINES = (
    ("Qabf", "Edges kept", "Share of both sources' edges that survives (Qabf)."),
    ("SCD", "Both sources added", "Up to 2: what was added to either source is the other (SCD)."),
    ("SSIM_Avg", "Similarity", "Local pattern and contrast as in the sources (SSIM)."),
    ("Nabf", "False detail", "Edges stronger than in either source (Nabf)."),
)
"""Metrics that only mean something together: name, title, one plain sentence."""


def quality_panel(fused: Fused) -> None:
    """A reading of the scores beside the plain mean of the same pair, and the four headlines."""
    theme.section("How good is it?", "No single number tells: read these four together, then look.")
    with st.spinner("Scoring the fused image …"):
        scores, mean = caches.scores_of(fused), caches.mean_scores(fused)
    lines = "".join(f"<p>{line}</p>" for line in reading(scores.values, mean.values))
    st.html(f"{_headlines(scores, mean)}<div class='twf-reading'>{lines}</div>")


def quality_table(fused: Fused) -> None:
    """Every metric, grouped by the question it helps to answer."""
    theme.section(
        "All measures",
        "↑ higher is better, ↓ lower is better, – neither. Computed on the 8-bit image that is "
        "shown, with both windowed sources; a neglected source shows where a measure has a value "
        "for each. Point at an explanation for its reference.",
    )
    st.html(table_html(caches.scores_of(fused)))


def _headlines(scores: Scores, mean: Scores) -> str:
    rows = "".join(_headline(*line, scores, mean) for line in HEADLINES)
    head = "<tr><th>Measure</th><th class='n'>This image</th><th class='n'>Plain mean</th></tr>"
    return f"<table class='twf twf-measures'>{head}{rows}</table>"


def _headline(name: str, title: str, meaning: str, scores: Scores, mean: Scores) -> str:
    direction = METRICS[name].direction
    return (
        f"<tr><td>{title}<br><small>{meaning}</small></td>"
        f"<td class='n'><b>{number(scores.values[name])}</b> "
        f"<abbr title='{ARROWS[direction]}'>{SYMBOLS[direction]}</abbr></td>"
        f"<td class='n'>{number(mean.values[name])}</td></tr>"
    )
