"""Two methods in mask space: where the masks of one differ from the other's, band by band."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from fusion_core.mask_measures import on_grid
from fusion_core.model import Masks
from fusion_core.wavelets import Subbands
from pipelines.fuse import to_8bit
from ui import colours
from ui.compare import state
from ui.compare.pair_sides import Side, Sides
from ui.compare.pair_stage import height_for, stage_key
from ui.mask_choice import level_groups
from ui.stage import band_heading, letters
from ui.viewer import Overlay, Panel, viewer

CLEAR = 0.1
"""A difference between masks that counts as one."""


@dataclass(frozen=True)
class BandDifference:
    """One band's masks of two methods in numbers, counted inside the head.

    Attributes:
        band: its name.
        first, second: mean masks of the reference and of the other one.
        apart: mean of |second - first|.
        clear: share of the coefficients that differ by more than :data:`CLEAR`.
    """

    band: str
    first: float
    second: float
    apart: float
    clear: float


def why_not(reference: Side, other: Side) -> str | None:
    """Why the masks of two sides cannot be subtracted; None where they can."""
    for side in (reference, other):
        if side.result is None or side.result.masks is None:
            return (
                f"{side.title} has no masks: only learned wavelet models and wavelet rules have "
                "some. Choose two of those to compare their masks."
            )
    if _layout(reference) == _layout(other):
        return None
    return (
        f"The masks of {other.title} ({_words(other)}) and of {reference.title} "
        f"({_words(reference)}) belong to different subbands, so they cannot be subtracted; "
        "choose two methods with the same wavelet and number of levels."
    )


def choices(names: Sequence[str]) -> dict[str, list[str]]:
    """What can be looked at together: the bands of each level, and each band alone."""
    levels = (len(names) - 1) // 3
    return {**level_groups(levels), **{name: [name] for name in names}}


def measure(first: Subbands, second: Subbands, head: NDArray[np.bool_]) -> list[BandDifference]:
    """Every band's masks of two methods in numbers.

    Args:
        first: masks of one gate, of the reference.
        second: of the other one, with the same layout.
        head: (H, W), where anything is to be seen.
    """
    found = []
    for (name, a), (_, b) in zip(first.items(), second.items(), strict=True):
        inside = on_grid(head, (a.shape[-2], a.shape[-1]))
        if not inside.any():
            inside = np.ones_like(inside)
        x, y = a[0, 0].numpy()[inside], b[0, 0].numpy()[inside]
        apart = np.abs(y - x)
        found.append(
            BandDifference(
                name, float(x.mean()), float(y.mean()), float(apart.mean()),
                float((apart > CLEAR).mean()),
            )
        )  # fmt: skip
    return found


def reach_of(apart: Sequence[NDArray[np.float32]]) -> float:
    """The end of the colour scale of all bands: the largest difference, in steps of 0.1."""
    largest = max(float(np.abs(values).max()) for values in apart)
    return min(1.0, max(0.1, math.ceil(10 * largest - 1e-6) / 10))


def masks_view(found: Sides, reference: Side, row: DeltaGenerator) -> None:
    """Choose another side and a band; see its masks minus the reference's over the anatomy.

    Args:
        found: what is compared.
        reference: the side whose masks are subtracted.
        row: where the controls stand.
    """
    others = found.others(reference)
    with row:
        other = _other(others)
    if (problem := why_not(reference, other)) is not None:
        st.info(problem, icon=":material/info:")
        return
    with row:
        gates = _gates(reference), _gates(other)
        gate = _gate(len(gates[0]) + len(gates[1]) > 2)
        first, second = _masks(reference, gate), _masks(other, gate)
        bands = _bands(choices([name for name, _ in first.items()]))
    _stage(found, reference, other, gate, bands)
    rows = measure(first, second, found.pair.head)
    st.html(table_html(rows, gate, reference.title, other.title, bands))


def table_html(
    rows: Sequence[BandDifference], gate: str, reference: str, other: str, shown: Sequence[str]
) -> str:
    """The numbers of every band; those in the viewer stand out."""
    lines = [
        f"<tr><th>Subband</th><th class='n'>Mean {escape(gate)} mask,<br>{escape(reference)}</th>"
        f"<th class='n'><br>{escape(other)}</th><th class='n'><br>Difference</th>"
        f"<th class='n'>Mean<br>|difference|</th>"
        f"<th class='n'>Coefficients more<br>than {CLEAR:g} apart</th></tr>"
    ]
    for row in rows:
        name = f"<b>{row.band}</b>" if row.band in shown else row.band
        delta = row.second - row.first
        sign = "+" if delta >= 0 else "−"
        lines.append(
            f"<tr><td>{name}</td><td class='n'>{row.first:.3f}</td>"
            f"<td class='n'>{row.second:.3f}</td><td class='n'>{sign}{abs(delta):.3f}</td>"
            f"<td class='n'>{row.apart:.3f}</td><td class='n'>{100 * row.clear:.0f} %</td></tr>"
        )
    return f"<div class='twf-scroll'><table class='twf'>{''.join(lines)}</table></div>"


def _other(others: Sequence[Side]) -> Side:
    titles = {side.key: side.title for side in others}
    if len(others) == 1:
        return others[0]
    kept = state.get().other
    st.session_state["compare-mask-of"] = kept if kept in titles else next(iter(titles))
    key = st.selectbox(
        "Masks of", list(titles), key="compare-mask-of", format_func=titles.__getitem__, width=260,
        on_change=state.take, args=("other", "compare-mask-of"),
        help="Its masks minus those of the reference.",
    )  # fmt: skip
    return next(side for side in others if side.key == key)


def _gate(offered: bool) -> str:
    if not offered:
        return "CT"
    st.session_state["compare-gate"] = state.get().gate
    found = st.segmented_control(
        "Gate of", ["CT", "MRI"], key="compare-gate", required=True,
        on_change=state.take, args=("gate", "compare-gate"),
        help="How much of the CT's, or of the MRI's, coefficients is let through.",
    )  # fmt: skip
    return str(found)


def _bands(offered: dict[str, list[str]]) -> list[str]:
    kept = state.get().band
    st.session_state["compare-band"] = kept if kept in offered else next(iter(offered))
    chosen = st.selectbox(
        "Subbands", list(offered), key="compare-band", width=230,
        format_func=lambda name: name if len(offered[name]) > 1 else f"{name} and both masks",
        on_change=state.take, args=("band", "compare-band"),
        help="The subbands of one level together, or one alone beside the two masks that are "
        "subtracted.",
    )  # fmt: skip
    return offered[str(chosen)]


def _stage(found: Sides, reference: Side, other: Side, gate: str, bands: Sequence[str]) -> None:
    pair, ground = found.pair, reference.fused8
    first, second = dict(_masks(reference, gate).items()), dict(_masks(other, gate).items())
    panels = []
    if len(bands) == 1:
        for side, masks in ((reference, first), (other, second)):
            overlay = Overlay(
                to_8bit(masks[bands[0]][0, 0].numpy()),
                colours.gate_table(gate, len(_gates(side)) == 1),
                f"share of the {gate} let through",
            )
            panels.append(Panel(f"{side.title} · {bands[0]}", ground, "grey", "anatomy",
                                overlay=overlay))  # fmt: skip
    apart = {band: (second[band] - first[band])[0, 0].numpy() for band in bands}
    reach = reach_of(list(apart.values()))
    for band, delta in apart.items():
        overlay = Overlay(
            to_8bit((delta / reach + 1) / 2),
            colours.change_table(),
            f"{gate} mask minus reference",
            minimum=-reach,
            maximum=reach,
        )
        title = "Difference" if len(bands) == 1 else band_heading(band)
        panels.append(Panel(title, ground, "grey", "anatomy", overlay=overlay))
    viewer(
        panels, key=stage_key(found), opacity=0.8, spacing=pair.ct.spacing,
        height=height_for(len(panels)), orientation=letters(pair),
    )  # fmt: skip


def _masks(side: Side, gate: str) -> Subbands:
    masks = _both(side)
    return masks.ct if gate == "CT" else masks.mri


def _both(side: Side) -> Masks:
    if side.result is None or side.result.masks is None:
        raise ValueError(f"{side.title} has no masks.")
    return side.result.masks


def _gates(side: Side) -> tuple[str, ...]:
    """The masks that are free: one where the MRI's is 1 minus the CT's."""
    masks = _both(side)
    total = masks.ct.combine(masks.mri, lambda a, b: a + b - 1)
    convex = all(float(band.abs().max()) < 1e-5 for _, band in total.items())
    return ("CT",) if convex else ("CT", "MRI")


def _layout(side: Side) -> tuple[object, ...]:
    shapes = tuple((name, tuple(band.shape)) for name, band in _masks(side, "CT").items())
    return _wavelet(side), shapes


def _wavelet(side: Side) -> str | None:
    return None if side.result is None else side.result.wavelet


def _words(side: Side) -> str:
    levels = _masks(side, "CT").levels
    return f"{_wavelet(side)}, {levels} level" + "s" * (levels > 1)
