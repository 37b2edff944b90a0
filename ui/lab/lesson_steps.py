"""The first half of the lesson: sums, bands, energy, masks, choosing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from fusion_core.provenance import energies
from fusion_core.wavelets import analyse
from pipelines.fuse import to_8bit
from ui import colours, figures
from ui.figures import GREY
from ui.lab import lesson_numbers
from ui.lab.method_parts import (
    Parts,
    band_panel,
    detail_reach,
    image_panel,
    mask_panel,
    numbers,
    numbers_html,
    parts_by,
)
from ui.viewer import Panel

Picture: TypeAlias = list[Panel] | go.Figure
"""Panels for the viewer, or a chart."""


@dataclass(frozen=True)
class LessonStep:
    """One step of the lesson.

    Attributes:
        title: the idea in a few words.
        idea: two sentences to be read from the last row.
        note: what the teacher may say.
        control: draws the control at the left and returns what was chosen.
        picture: what is shown for it.
    """

    title: str
    idea: str
    note: str
    control: Callable[[Parts], Any]
    picture: Callable[[Parts, Any], Picture]


SHARES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def _share_text(share: float) -> str:
    return f"{100 * share:g} %"


def sum_control(parts: Parts) -> lesson_numbers.PatternSum:
    """How many patterns are added up."""
    share = st.select_slider(
        "Patterns in the sum, largest first", SHARES, 0.01, format_func=_share_text,
        key="lesson-share",
    )  # fmt: skip
    found = lesson_numbers.largest_patterns(
        parts.pair.mri01.astype(np.float64), parts.wavelet, share
    )
    st.caption(
        f"{found.kept:,} of {found.count:,} patterns hold {100 * found.energy:.1f} % of the "
        "image's energy (sum of squares)."
    )
    return found


def sum_picture(parts: Parts, found: lesson_numbers.PatternSum) -> Picture:
    """The sum so far, what is missing, and the image."""
    return [
        image_panel("Sum of the patterns", found.image),
        Panel.from_values(
            "Still missing", GREY * found.missing, "grey", "missing", (0.0, 128.0),
            table=colours.signed_table(), decimals=0,
        ),
        image_panel("The image", parts.pair.mri01),
    ]  # fmt: skip


def band_control(_: Parts) -> str:
    """Which image is taken apart."""
    return str(
        st.segmented_control(
            "Image", ["CT", "MRI"], default="CT", key="lesson-source", required=True
        )
    )


def band_picture(parts: Parts, source: str) -> Picture:
    """The four bands of one level."""
    image = parts.pair.ct01 if source == "CT" else parts.pair.mri01
    bands = dict(analyse(lesson_numbers.tensor(image), parts.wavelet, 1).items())
    reach = detail_reach([bands[name] for name in ("LH", "HL", "HH")])
    return [band_panel(name, band, reach=reach) for name, band in bands.items()]


def energy_control(parts: Parts) -> bool:
    """Whether the mean counts."""
    kind = st.segmented_control(
        "Energy of LL", ["raw", "mean removed"], default="raw", key="lesson-energy", required=True,
    )  # fmt: skip
    ct, mri = energies(parts.ct)[0], energies(parts.mri)[0]
    first, second = (ct.centred, mri.centred) if kind == "mean removed" else (ct.raw, mri.raw)
    st.caption(
        f"{ct.band} holds {100 * first:.1f} % of the CT's energy and {100 * second:.1f} % of the "
        "MRI's."
    )
    return kind == "mean removed"


def energy_picture(parts: Parts, centred: bool) -> Picture:
    """Bars per band for both images."""
    figure = figures.energy_bars(energies(parts.ct), energies(parts.mri), centred)
    figure.update_layout(height=max(420, figure.layout.height))
    return figure


def mask_control(_: Parts) -> tuple[float, float]:
    """One number for LL, one for the details."""
    smooth = st.slider("Mask of LL (smooth anatomy)", 0.0, 1.0, 0.0, 0.05, key="lesson-smooth")
    detail = st.slider("Mask of all details (edges)", 0.0, 1.0, 1.0, 0.05, key="lesson-detail")
    st.caption("0 takes the MRI, 1 takes the CT, 0.5 takes half of each.")
    return smooth, detail


def mask_picture(parts: Parts, masks: tuple[float, float]) -> Picture:
    """CT, the fusion by two numbers, MRI."""
    return [
        image_panel("CT", parts.pair.ct01),
        image_panel("Fused by your two numbers", lesson_numbers.fuse_constant(parts, *masks)),
        image_panel("MRI", parts.pair.mri01),
    ]


RULES = {"Mean": "mean", "Larger detail": "wavelet-max"}


def choose_control(parts: Parts) -> Parts:
    """Who decides the masks."""
    method = parts.pair.method
    mine = "Learned" if method.kind == "checkpoint" else method.title
    who = st.radio("Who chooses", [*RULES, mine], len(RULES), key="lesson-who")
    every = {name: parts_by("rule", rule) or parts for name, rule in RULES.items()}
    every[mine] = parts
    st.html(numbers_html({name: _numbers(found) for name, found in every.items()}))
    return every[str(who)]


def _numbers(parts: Parts) -> dict[str, float]:
    pair = parts.pair
    return numbers(f"{parts.fused.key}-shown", pair.fused8, pair.ct01, pair.mri01)


def choose_picture(_: Parts, found: Parts) -> Picture:
    """The mask of vertical edges and the image that all masks make."""
    name = next(n for n in reversed(found.names) if n.startswith("HL"))
    mask = dict(found.masks.ct.items())[name]
    below = to_8bit(found.pair.ct01)
    return [
        mask_panel(name, "CT", found.convex, mask, below, f"CT mask {name}, vertical edges"),
        Panel("Fused", found.pair.fused8),
    ]
