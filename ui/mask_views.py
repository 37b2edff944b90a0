"""The Masks screen's sections: masks over the anatomy, masks in numbers, all at a glance."""

from collections.abc import Sequence
from functools import partial
from html import escape
from typing import cast

import streamlit as st

from ui import theme
from ui.caches import Fused
from ui.downloads import stem
from ui.mask_choice import (
    KINDS,
    Compared,
    Gate,
    choose_methods,
    level_groups,
    masks_to_show,
    measures_of,
)
from ui.mask_export import measures_csv, numbers_npz, pictures_zip
from ui.mask_stage import masks_stage
from ui.mask_table import measure_table, sharpness_chart, verdict
from ui.stage import Background
from ui.thumbnails import mask_thumbnails


def masks_screen(fused: Fused) -> None:
    """Masks of up to three methods over the anatomy, then in numbers."""
    methods, gate = _over_anatomy(fused)
    _in_numbers(methods, gate)
    _at_a_glance(methods, gate)


def _over_anatomy(fused: Fused) -> tuple[list[Compared], Gate]:
    place = st.empty()
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        methods = choose_methods(fused)
        gate: Gate = "CT"
        if not all(owner.convex for owner in methods):
            gate = st.segmented_control(
                "Gate of", ["CT", "MRI"], default="CT", key="masks-gate", required=True,
                help="CT gate: how much of each CT coefficient is let through. MRI gate: the same "
                "of the MRI. Where they are independent, both may be open.",
            )  # fmt: skip
        groups = level_groups(levels := max(owner.levels for owner in methods))
        # Every method has the finest level; a single one is shown from its coarsest on.
        group = list(groups)[0 if len(methods) == 1 else -1]
        if len(groups) > 1:
            key = f"masks-level-{levels}-{len(methods) > 1}"
            group = st.segmented_control(
                "Level", list(groups), default=group, key=key, required=True,
                help="Each level halves the resolution; its masks decide about details of that "
                "size.",
            )  # fmt: skip
        kinds = st.pills(
            "Subbands", KINDS, selection_mode="multi", default=KINDS, key="masks-kinds",
            help="LL smooth anatomy, LH horizontal edges, HL vertical edges, HH diagonal detail.",
        )  # fmt: skip
        background = st.segmented_control(
            "Anatomy below", ["Fused", "CT", "MRI"], default="Fused", key="masks-below",
            required=True,
        )  # fmt: skip
    with place:
        theme.section(_title(methods), _meaning(methods))
    level = levels - list(groups).index(group)
    shown, left_out = masks_to_show(methods, gate, level, kinds or KINDS)
    if left_out:
        st.caption(f"Nine masks fit at once, so {', '.join(left_out)} is left out here.")
    if absent := [owner.name for owner in methods if owner.levels < level]:
        st.caption(f"No masks at this level: {', '.join(absent)}.")
    if shown:
        masks_stage(fused.pair, shown, cast(Background, background), named=len(methods) > 1)
    else:
        st.caption("There is no such mask at this level; choose another subband or level.")
    return methods, gate


def _title(methods: Sequence[Compared]) -> str:
    if len(methods) > 1:
        return f"The masks of {', '.join(owner.name for owner in methods)}"
    count = 3 * methods[0].levels + 1
    return f"The {count} masks" if methods[0].convex else f"The {count} CT and {count} MRI masks"


def _meaning(methods: Sequence[Compared]) -> str:
    convex = (
        "One mask per subband, from 0 to 1: 1 (orange) takes the coefficient from the CT, 0 (blue) "
        "from the MRI, 0.5 (clear) takes half of each."
    )
    independent = (
        "Two masks per subband, independent of each other, from 0 to 1: how much of the CT's and "
        "how much of the MRI's coefficient enters the fused image. The CT's gate is orange where "
        "it is open (1), the MRI's is blue; 0.5 is clear."
    )
    if all(owner.convex for owner in methods):
        return convex
    if any(owner.convex for owner in methods):
        names = ", ".join(owner.name for owner in methods if owner.convex)
        return f"{independent} In {names} both masks add up to 1, so one source's is the other's."
    return independent


def _in_numbers(methods: Sequence[Compared], gate: Gate) -> None:
    found = {owner.name: measures_of(owner, gate) for owner in methods}
    theme.section(
        f"The {gate} masks in numbers",
        "Counted inside the head, on each mask's own grid. Decisive: mean of |2a − 1|, 0 where all "
        "is 0.5, 1 where all is 0 or 1. Entropy: mean indecision in bits, 1 where all is 0.5. "
        "Sharpness: how much of the variation lies between neighbours and how much further apart; "
        "0 smooth, 0.5 clean edges, 1 speckle, whatever the contrast.",
    )
    left, right = st.columns(2, gap="large")
    with left:
        theme.section(
            "“Low-frequency masks smooth, high-frequency sharp”",
            "The published claim, for this pair: it holds where every detail mask is sharper than "
            "LL's by more than 0.02.",
        )
        lines = "".join(f"<p>{escape(verdict(n, rows)[1])}</p>" for n, rows in found.items())
        st.html(f"<div class='twf-reading'>{lines}</div>")
        _take_home(methods)
    with right:
        theme.chart(sharpness_chart(found), "masks-sharpness", "Sharpness of every mask, 0 to 1")
    st.html(measure_table(found, gate, {owner.name: owner.convex for owner in methods}))


def _take_home(methods: Sequence[Compared]) -> None:
    name = stem(methods[0].fused.pair)
    files = (
        ("Pictures (ZIP)", partial(pictures_zip, methods), f"{name}_masks.zip", "application/zip",
         "Every mask shown here as a stamped 8-bit PNG in its own resolution."),
        ("Values (NPZ)", partial(numbers_npz, methods), f"{name}_masks.npz",
         "application/octet-stream", "Every mask as exact 32-bit numbers, for NumPy."),
        ("Measures (CSV)", partial(measures_csv, methods), f"{name}_mask_measures.csv", "text/csv",
         "The table, for both gates."),
    )  # fmt: skip
    with st.container(horizontal=True):
        for label, make, file, mime, words in files:
            st.download_button(
                label, make, file, mime, key=f"masks-{label}", on_click="ignore", help=words,
                icon=":material/download:",
            )  # fmt: skip


def _at_a_glance(methods: Sequence[Compared], gate: Gate) -> None:
    if len(methods) == 1 and methods[0].levels == 1:
        return  # the viewer above shows all of them
    for owner in methods:
        count = 3 * owner.levels + 1
        theme.section(f"All {count} {gate} masks of {owner.name} at a glance")
        mask_thumbnails(owner.gate(gate), gate, owner.convex)


def no_masks(title: str) -> None:
    """The one sentence for rules that work on pixels."""
    st.info(
        f"“{title}” works on pixels, so it has no masks and no subbands to show; choose a learned "
        "method or a wavelet rule at the left.",
        icon=":material/info:",
    )
