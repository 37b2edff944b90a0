"""The Masks screen's parts: masks over the anatomy, shares by three definitions, exact parts."""

from typing import cast

import streamlit as st

from fusion_core.model import Masks
from fusion_core.provenance import (
    Attribution,
    BandEnergy,
    clipped_share,
    contributions,
    energies,
)
from fusion_core.wavelets import Subbands
from ui import caches, figures, theme
from ui.caches import Fused
from ui.figures import DEFINITIONS, Definition
from ui.stage import Background, mask_stage, parts_stage
from ui.thumbnails import mask_thumbnails


def gates(fused: Fused) -> dict[str, Subbands]:
    """The gates worth showing: CT's alone where MRI's is 1 minus it, else both."""
    masks = cast(Masks, fused.pair.result.masks)
    total = masks.ct.combine(masks.mri, lambda a, b: a + b - 1)
    if all(float(band.abs().max()) < 1e-5 for _, band in total.items()):
        return {"CT": masks.ct}
    return {"CT": masks.ct, "MRI": masks.mri}


def level_groups(levels: int) -> dict[str, list[str]]:
    """The bands of each level by its menu entry, the coarsest first and with LL."""
    if levels == 1:
        return {"Level 1": ["LL", "LH", "HL", "HH"]}
    groups = {}
    for level in range(levels, 0, -1):
        kinds = ("LL", "LH", "HL", "HH") if level == levels else ("LH", "HL", "HH")
        width = f"{2**level} px"
        groups[f"Level {level} ({width})"] = [f"{kind}{level}" for kind in kinds]
    return groups


def mask_section(fused: Fused) -> None:
    """All masks over the anatomy, a level at a time, and all of them at a glance."""
    found = gates(fused)
    bands = found["CT"]
    count = 3 * bands.levels + 1
    theme.section(
        f"The {count} masks" if len(found) == 1 else f"The {count} CT and {count} MRI masks",
        _convex_text() if len(found) == 1 else _independent_text(),
    )
    groups = level_groups(bands.levels)
    row = st.container(horizontal=True, gap="large")
    first, second, third = (row.container(width="content") for _ in range(3))
    gate, group = "CT", next(iter(groups))
    if len(found) > 1:
        gate = first.segmented_control(
            "Gate of", list(found), default="CT", key="masks-gate", required=True,
            help="CT gate: how much of each CT coefficient is let through. MRI gate: the same of "
            "the MRI. They are independent, so both may be open.",
        )  # fmt: skip
    if len(groups) > 1:
        group = second.segmented_control(
            "Level", list(groups), default=group, key=f"masks-level-{bands.levels}", required=True,
            help="Each level halves the resolution; its masks decide about details of that size.",
        )  # fmt: skip
    background = third.segmented_control(
        "Anatomy below", ["Fused", "CT", "MRI"], default="Fused", key="masks-below", required=True
    )
    convex = len(found) == 1
    mask_stage(fused, gate, convex, found[gate], groups[group], cast(Background, background))
    if len(groups) > 1:
        theme.section(f"All {count} {gate} masks at a glance")
        mask_thumbnails(found[gate], gate, convex)


def _convex_text() -> str:
    return (
        "One mask per subband, from 0 to 1: 1 (orange) takes the coefficient from the CT, 0 (blue) "
        "from the MRI, 0.5 (clear) takes half of each."
    )


def _independent_text() -> str:
    return (
        "Two masks per subband, independent of each other, from 0 to 1: how much of the CT's and "
        "how much of the MRI's coefficient enters the fused image. The CT's gate is orange where "
        "it is open (1), the MRI's is blue; 0.5 is clear."
    )


def share_section(fused: Fused) -> None:
    """CT against MRI per subband by one of three definitions, and where the energy is."""
    attribution = caches.attribution_of(fused)
    if attribution is None:
        st.caption("This image is too large to keep every subband's part; crop it to see shares.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        theme.section("What each subband took from CT and from MRI")
        chosen = st.segmented_control(
            "Defined by", list(DEFINITIONS), default="attribution", key="masks-definition",
            format_func=lambda key: DEFINITIONS[key][0], required=True,
        )  # fmt: skip
        definition: Definition = chosen
        name, text = DEFINITIONS[definition]
        st.caption(f"**{name}.** {text}")
        shares = contributions(fused.pair.result, attribution)
        theme.chart(
            figures.share_bars(shares, definition), "share-bars",
            f"CT's and MRI's share of every subband by {name.lower()}",
        )  # fmt: skip
    with right:
        _energy(fused)


def _energy(fused: Fused) -> None:
    result = fused.pair.result
    ct, mri = energies(cast(Subbands, result.ct)), energies(cast(Subbands, result.mri))
    theme.section("Where the energy of the two sources is")
    kind = st.segmented_control(
        "Energy of LL", ["raw", "mean removed"], default="raw", key="masks-energy", required=True,
        help="Raw counts brightness itself; with the mean removed only contrast counts.",
    )  # fmt: skip
    st.caption(energy_sentence(ct, mri))
    theme.chart(
        figures.energy_bars(ct, mri, kind == "mean removed"), "energy-bars",
        "Share of each source's energy in every subband",
    )  # fmt: skip


def energy_sentence(ct: tuple[BandEnergy, ...], mri: tuple[BandEnergy, ...]) -> str:
    """How much LL holds, raw and with the mean removed, of both sources."""
    name = ct[0].band
    return (
        f"{name} holds {ct[0].raw:.1%} of the CT's and {mri[0].raw:.1%} of the MRI's energy (sum "
        f"of squared coefficients); with the mean removed {ct[0].centred:.1%} and "
        f"{mri[0].centred:.1%}."
    )


def parts_section(fused: Fused) -> None:
    """CT-only and MRI-only images that add up to what is shown."""
    attribution = caches.attribution_of(fused)
    if attribution is None:
        return
    theme.section(
        "The exact parts of the fused image",
        "CT part + MRI part + clipping = shown, at every pixel, in grey levels of 255; point at "
        f"one to read the four numbers. {clipping_sentence(fused, attribution)}",
    )
    parts_stage(fused, attribution)


def clipping_sentence(fused: Fused, attribution: Attribution) -> str:
    """How much of the image clipping changes, in one sentence."""
    share = clipped_share(fused.pair.result)
    if share == 0:
        return "Here clipping changes no pixel by more than half a grey level."
    largest = figures.GREY * float(attribution.clipping.abs().max())
    return f"Clipping changes {share:.2%} of the pixels, by {largest:.0f} grey levels at most."


def no_masks(title: str) -> None:
    """The one sentence for rules that work on pixels."""
    st.info(
        f"“{title}” works on pixels, so it has no masks and no subbands to show; choose a learned "
        "method or a wavelet rule at the left.",
        icon=":material/info:",
    )
