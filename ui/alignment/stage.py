"""What is seen of a moved MRI: the two sources over each other, the fusion and what changed."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import METRICS
from fusion_core.model import Masks
from imaging.shift import Shift
from pipelines.fuse import FusedPair, to_8bit
from ui import colours, stage
from ui.alignment import work
from ui.caches import Fused
from ui.quality import ARROWS, SYMBOLS, number
from ui.quality_panel import HEADLINES
from ui.viewer import Overlay, Panel, viewer

SPAN = 64.0
"""Difference in grey levels at which its colour is full; the same for every position."""


def sources_stage(fused: Fused, moved: FusedPair, height: int) -> None:
    """CT and moved MRI in one picture, as a checkerboard unless the user chooses otherwise."""
    panels = stage.pair_panels(moved)[:2]
    viewer(
        panels, key=f"alignment-sources-{fused.key[:16]}", height=height, mode="checker",
        blend=(0, 1), spacing=moved.ct.spacing, orientation=stage.letters(moved),
    )  # fmt: skip


def results_stage(fused: Fused, moved: FusedPair, band: str | None, height: int) -> None:
    """The re-fused image and what the motion changed in it and in one mask.

    Args:
        fused: the pair as loaded.
        moved: the same with its MRI moved.
        band: the band whose CT mask is shown; None for a rule without masks.
        height: CSS pixels.
    """
    change = moved.fused8.astype(np.float32) - fused.pair.fused8
    panels = [
        Panel("Fused", moved.fused8, "grey", "fused"),
        Panel.from_values(
            "Change", change, "grey", "change", (0.0, 2 * SPAN),
            table=colours.signed_table(), decimals=0,
        ),
    ]  # fmt: skip
    if band is not None:
        panels.append(_mask_panel(moved, band))
    viewer(
        panels, key=f"alignment-results-{fused.key[:16]}", height=height,
        opacity=0.6, spacing=moved.ct.spacing, orientation=stage.letters(moved),
    )  # fmt: skip


def bands_of(pair: FusedPair) -> list[str]:
    """Names of the bands that have a mask, coarse to fine; empty for a pixel rule."""
    masks = pair.result.masks
    return [] if masks is None else [name for name, _ in masks.ct.items()]


@dataclass(frozen=True)
class Measure:
    """A number before and after the motion."""

    title: str
    small: str
    direction: str
    loaded: float
    moved: float


def measures(fused: Fused, shift: Shift, band: str | None) -> list[Measure]:
    """The numbers that a motion of the MRI changes.

    Args:
        fused: the pair as loaded.
        shift: the motion of its MRI.
        band: the band whose CT mask is shown, None without masks.
    """
    loaded, moved = work.scores(fused, Shift()), work.scores(fused, shift)
    found = []
    ready = work.comparison(fused)
    if ready is not None:
        bits = (ready.information(s) for s in (Shift(), shift))
        found.append(Measure("Mutual information", "CT and MRI, bits", "up", *bits))
    found += [
        Measure(title, n, METRICS[n].direction, loaded.values[n], moved.values[n])
        for n, title, _ in HEADLINES
    ]
    pair = work.moved(fused, shift)
    if band is not None:
        means = (float(_mask(p, band).mean()) for p in (fused.pair, pair))
        found.append(Measure(f"CT mask {band}", "mean, 0 to 1", "none", *means))
    change = np.abs(pair.fused8.astype(np.float64) - fused.pair.fused8)
    mean = float(change[fused.pair.head].mean()) if fused.pair.head.any() else 0.0
    found.append(Measure("Change of the head", "mean, grey levels", "none", 0.0, mean))
    return found


def measures_html(found: list[Measure]) -> str:
    """A table with a column for every measure."""
    heads = "".join(
        f"<th class='n'>{m.title}&nbsp;<abbr title='{ARROWS[m.direction]}'>{SYMBOLS[m.direction]}"
        f"</abbr><br><small>{m.small}</small></th>"
        for m in found
    )
    rows = (
        ("Not moved", _cells([number(m.loaded) for m in found])),
        ("Moved", _cells([f"<b>{number(m.moved)}</b>" for m in found])),
        ("Change", _cells([_difference(m) for m in found])),
    )
    lines = "".join(f"<tr><td>{title}</td>{cells}</tr>" for title, cells in rows)
    table = f"<table class='twf twf-wrap'><tr><th></th>{heads}</tr>{lines}</table>"
    return f"<div class='twf-scroll'>{table}</div>"


def _cells(texts: list[str]) -> str:
    return "".join(f"<td class='n'>{text}</td>" for text in texts)


def _difference(measure: Measure) -> str:
    difference = measure.moved - measure.loaded
    if np.isnan(difference):
        return "–"
    return "0" if abs(difference) < 5e-4 else f"{difference:+.2g}".replace("-", "−")


def _mask_panel(moved: FusedPair, band: str) -> Panel:
    overlay = Overlay(
        to_8bit(_mask(moved, band)),
        colours.gate_table("CT", _convex(moved)),
        f"{band}: share of the CT let in",
    )
    return Panel(f"CT mask {band}", moved.fused8, "grey", "anatomy", overlay=overlay)


def _mask(pair: FusedPair, band: str) -> NDArray[np.float32]:
    masks = cast(Masks, pair.result.masks)
    mask: NDArray[np.float32] = dict(masks.ct.items())[band][0, 0].numpy()
    return mask


def _convex(pair: FusedPair) -> bool:
    masks = cast(Masks, pair.result.masks)
    return all(
        np.allclose(a.numpy() + b.numpy(), 1, atol=1e-5)
        for (_, a), (_, b) in zip(masks.ct.items(), masks.mri.items(), strict=True)
    )
