"""Sources, fused images and their differences in one linked viewer."""

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from ui import colours
from ui.compare.pair_sides import Side, Sides
from ui.stage import letters, pair_panels, source_presets, take_windows
from ui.viewer import Panel, viewer

LEAST_REACH = 8
"""Grey levels that the colours of differences span at least, either way."""


def images_stage(found: Sides, reference: Side) -> None:
    """CT, MRI and every fused image; blend and swipe begin with the reference and another one."""
    panels = [
        *pair_panels(found.pair)[:2],
        *(Panel(side.title, side.fused8, "grey", "fused") for side in found.shown),
    ]
    second = next((found.shown.index(side) for side in found.others(reference)), None)
    first = found.shown.index(reference)
    blend = (0, 1) if second is None else (2 + first, 2 + second)
    pair = found.pair
    state = viewer(
        panels, key=stage_key(found), height=height_for(len(panels)), blend=blend,
        spacing=pair.ct.spacing, orientation=letters(pair), presets=source_presets(pair),
    )  # fmt: skip
    take_windows(state.windows)


def differences_stage(found: Sides, reference: Side) -> None:
    """The reference, and every other fused image minus it, in grey levels with one scale."""
    others = found.others(reference)
    apart = [difference(side, reference) for side in others]
    reach = reach_of([values[found.pair.head] for values in apart])
    panels = [
        Panel(f"{reference.title} (reference)", reference.fused8, "grey", "fused"),
        *(
            Panel.from_values(
                f"{side.title} − reference", values, "grey levels", "difference",
                (0.0, 2.0 * reach), table=colours.signed_table(), decimals=0,
            )
            for side, values in zip(others, apart, strict=True)
        ),
    ]  # fmt: skip
    viewer(
        panels, key=stage_key(found), height=height_for(len(panels)), blend=(0, 1),
        spacing=found.pair.ct.spacing, orientation=letters(found.pair),
    )  # fmt: skip
    lines = (
        f"Green is brighter than the reference, purple darker; one scale of ±{reach} grey levels "
        "for all, beyond which the colour stays the same.",
        *(difference_sentence(side, reference, found.pair.head) for side in others),
    )
    st.html(f"<div class='twf-sub'>{'<br>'.join(map(escape, lines))}</div>")


def difference(side: Side, reference: Side) -> NDArray[np.int16]:
    """One fused image minus another, (H, W) grey levels from -255 to 255."""
    return side.fused8.astype(np.int16) - reference.fused8.astype(np.int16)


def reach_of(apart: Sequence[NDArray[np.int16]]) -> int:
    """Grey levels at which the colours end: 99.5 % of the head's pixels stay within them."""
    reached = [float(np.percentile(np.abs(v), 99.5)) for v in apart if v.size]
    return max(LEAST_REACH, math.ceil(max(reached, default=0)))


def difference_sentence(side: Side, reference: Side, head: NDArray[np.bool_]) -> str:
    """How far two fused images lie apart inside the head."""
    apart = np.abs(difference(side, reference))[head]
    if not apart.size:
        return f"{side.title}: the head is empty."
    if not apart.any():
        return f"{side.title}: the same image as the reference."
    return (
        f"{side.title}: {apart.mean():.1f} grey levels apart on average inside the head, at most "
        f"{apart.max()}; {100 * float((apart > 10).mean()):.0f} % of the pixels by more than 10."
    )


def stage_key(found: Sides) -> str:
    """One viewer per pair, so that zoom and crosshair stay when entries or looks change."""
    rows, columns = found.pair.fused8.shape
    return f"compare-{found.pair.name}-{rows}x{columns}"


def height_for(panels: int) -> int:
    """CSS pixels of a viewer with so many panels."""
    return 470 if panels <= 3 else 560 if panels == 4 else 690
