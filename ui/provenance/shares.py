"""CT against MRI per subband by three definitions, and where the energy of the sources is."""

from typing import cast

import streamlit as st

from fusion_core.footprint import region_shares
from fusion_core.provenance import (
    Attribution,
    BandEnergy,
    BandShare,
    clipped_share,
    contributions,
    energies,
)
from fusion_core.wavelets import Subbands
from ui import figures, theme
from ui.caches import Fused
from ui.figures import DEFINITIONS, Definition
from ui.provenance.numbers import share_table
from ui.provenance.scope import Scope
from ui.stage import parts_stage


def shares_of(fused: Fused, attribution: Attribution, scope: Scope) -> tuple[BandShare, ...]:
    """CT's share of every band in what is taken apart."""
    if scope.kind == "Whole image":
        return contributions(fused.pair.result, attribution)
    return region_shares(fused.pair.result, scope.box, attribution)


def shares_section(scope: Scope, shares: tuple[BandShare, ...]) -> None:
    """The table of shares with its chart, by one definition at a time."""
    theme.section(
        f"{scope.title}: whose subband is it?",
        "The shares of CT and MRI in every subband make 100 %. There is no one way to measure "
        "them, so choose a definition; the table and the chart follow it.",
    )
    chosen = st.segmented_control(
        "Defined by", list(DEFINITIONS), default="attribution", key="provenance-definition",
        format_func=lambda key: DEFINITIONS[key][0], required=True,
    )  # fmt: skip
    definition: Definition = chosen
    name, text = DEFINITIONS[definition]
    where = _where_counted(definition) if scope.kind != "Whole image" else ""
    st.caption(f"**{name}.** {text}{where}")
    published = len(shares) == 4 and scope.kind == "Whole image"
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.html(share_table(shares, definition, published))
        if published:
            st.caption(
                "Published: what the published analysis states for its own one-level model; it "
                "does not say by which definition."
            )
    with right:
        theme.chart(
            figures.share_bars(shares, definition), "provenance-shares",
            f"CT's and MRI's share of every subband by {name.lower()}",
        )  # fmt: skip


def _where_counted(definition: Definition) -> str:
    if definition == "attribution":
        return " Here only the pixels taken apart count."
    return " Here only the coefficients that reach what is taken apart count."


def energy_section(fused: Fused) -> None:
    """Where the energy of both sources is, raw and with the mean removed."""
    result = fused.pair.result
    ct, mri = energies(cast(Subbands, result.ct)), energies(cast(Subbands, result.mri))
    theme.section("Where the energy of the two sources is", energy_sentence(ct, mri))
    kind = st.segmented_control(
        "Energy of LL", ["raw", "mean removed"], default="raw", key="provenance-energy",
        required=True, format_func=str.capitalize,
        help="Raw counts brightness itself; with the mean removed only contrast counts.",
    )  # fmt: skip
    theme.chart(
        figures.energy_bars(ct, mri, kind == "mean removed"), "energy-bars",
        "Share of each source's energy in every subband",
    )  # fmt: skip


def energy_sentence(ct: tuple[BandEnergy, ...], mri: tuple[BandEnergy, ...]) -> str:
    """How much LL holds, raw and with the mean removed, of both sources."""
    name = ct[0].band
    return (
        f"Before any mask, {name} holds {100 * ct[0].raw:.1f} % of the CT's and "
        f"{100 * mri[0].raw:.1f} % of the MRI's energy (sum of squared coefficients); with the "
        f"mean removed {100 * ct[0].centred:.1f} % and {100 * mri[0].centred:.1f} %."
    )


def parts_section(fused: Fused, attribution: Attribution) -> None:
    """CT-only and MRI-only images that add up to what is shown."""
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
    return (
        f"Clipping changes {100 * share:.2f} % of the pixels, by {largest:.0f} grey levels at most."
    )
