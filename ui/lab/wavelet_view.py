"""The wavelet itself: filters, functions, frequency response and measured facts."""

from collections.abc import Sequence
from html import escape

import streamlit as st

from fusion_core.wavelet_facts import WaveletFacts, facts, reach
from fusion_core.wavelets import NAMED_WAVELETS, WAVELETS
from ui import theme
from ui.lab.choice import LabChoice
from ui.lab.look import chart
from ui.lab.wavelet_figures import filter_figure, function_figure, response_figure
from ui.lab.words import power

MOST = 2
"""Wavelets that may stand beside the chosen one."""


def wavelet_view(choice: LabChoice) -> None:
    """Facts, functions, frequency response and filters, up to three wavelets side by side."""
    theme.section(
        "What a wavelet is",
        "A pair of filters splits a line of pixels into a smooth half (low-pass) and a detail half "
        "(high-pass), each with every second value kept. Long filters separate coarse from fine "
        "more cleanly; short ones stay near the edge that they answer to.",
    )
    names = _compared(choice.wavelet)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        theme.section(
            "Functions",
            "What one low-pass (φ) and one high-pass coefficient (ψ) add to a line of pixels. "
            "Dotted: the functions that measure, where they differ from those that rebuild.",
        )
        chart(
            function_figure(names), "lab-functions", "Scaling functions and wavelets",
            f"functions_{'_'.join(names)}",
        )  # fmt: skip
    with right:
        theme.section(
            "Frequency response",
            "How strongly each analysis filter passes a wave. Ideal filters would be steps at "
            "0.25 cycles per pixel. Solid: low-pass. Dashed: high-pass.",
        )
        chart(
            response_figure(names), "lab-response", "Frequency response of the analysis filters",
            f"response_{'_'.join(names)}",
        )  # fmt: skip
    theme.section(
        "Filters",
        "The numbers that the program multiplies with, as PyWavelets lists them. For an orthogonal "
        "wavelet the synthesis filters are the analysis filters read backwards.",
    )
    chart(
        filter_figure(names), "lab-filters", "Analysis and synthesis filters",
        f"filters_{'_'.join(names)}",
    )  # fmt: skip
    theme.section("Facts", "Measured from the filters' numbers, not looked up.")
    st.html(facts_table([facts(name) for name in names], choice.levels))


def _compared(wavelet: str) -> list[str]:
    others = [name for name in dict.fromkeys((*NAMED_WAVELETS, *WAVELETS)) if name != wavelet]
    first = "bior4.4" if wavelet == "db4" else "db4"
    found = st.multiselect(
        "Compare with", others, [first], max_selections=MOST, key=f"lab-beside-{wavelet}",
        persist_state="session", width=420,
        help="Up to two other wavelets, drawn in the same charts.",
    )  # fmt: skip
    return [wavelet, *found]


def facts_table(found: Sequence[WaveletFacts], levels: int) -> str:
    """The measured facts, one column per wavelet, as an HTML table."""
    rows = (
        ("Family", "", lambda f: f.family),
        ("Basis", "measured: inner products of even shifts", lambda f: f.kind),
        (
            "Orthogonality error",
            "largest deviation from an orthonormal basis; 0 means that energy is kept",
            lambda f: power(f.orthogonality_error),
        ),
        (
            "Inverse error",
            "the same between analysis and synthesis; near 0, every image comes back",
            lambda f: power(f.biorthogonality_error),
        ),
        (
            "Filter values",
            "low-pass / high-pass taps that are not zero",
            lambda f: f"{f.taps[0]} / {f.taps[1]}",
        ),
        (
            f"Reach at level {levels}",
            "pixels along a side that one coefficient looks at",
            lambda f: f"{reach(f.name, levels)} px",
        ),
        (
            "Vanishing moments",
            "analysis / synthesis; n of them make the details of a polynomial of degree n − 1 "
            "vanish",
            lambda f: f"{f.moments} / {f.moments_synthesis}",
        ),
        (
            "Symmetric",
            "a symmetric filter does not push an edge to one side",
            lambda f: "yes" if f.symmetric else "no",
        ),
    )
    head = "".join(f"<th class='n'>{escape(f.name)}</th>" for f in found)
    body = "".join(
        f"<tr><td class='k'>{escape(title)}</td><td class='d'>{escape(meaning)}</td>"
        + "".join(f"<td class='n'>{escape(value(f))}</td>" for f in found)
        + "</tr>"
        for title, meaning, value in rows
    )
    return (
        "<div class='twf-scroll'><table class='twf'><thead><tr><th>Fact</th><th>Meaning</th>"
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
