"""One picked pixel, or the whole image, in short; the Provenance page takes it further apart."""

import streamlit as st

from fusion_core.provenance import Breakdown, pixel, region
from pipelines.fuse import FusedPair
from ui import caches, figures, theme
from ui.caches import Fused
from ui.windows import shown_unit

Position = tuple[int, int]
"""Row and column from 0."""

_PICK = "twf_pick"
LARGEST = 4
"""Parts that the short text names."""


def pixel_panel(fused: Fused, pick: Position | None) -> None:
    """What a pixel took from CT and MRI, its largest parts, and the way to all of them.

    Args:
        fused: the pair on the screen.
        pick: the pixel; None describes the mean of the whole image.
    """
    pair = fused.pair
    rows, columns = pair.fused8.shape
    if pick is not None and not (0 <= pick[0] < rows and 0 <= pick[1] < columns):
        pick = None
    theme.section("Where this value comes from", _where(pick))
    attribution = caches.attribution_of(fused)
    if attribution is None:
        st.caption(no_parts(pair))
        return
    remember_pick(fused, pick)
    box = (0, 0, rows, columns)
    parts = region(attribution, box) if pick is None else pixel(attribution, *pick)
    st.html(sum_html(parts, pick is None))
    if pick is not None:
        st.caption(_sources(pair, pick))
    st.caption(largest_parts(parts))
    st.page_link(
        "pages/provenance.py", label="Take it apart", icon=":material/stacked_bar_chart:",
        help="Every subband of every level, its footprint, regions, and the parts as images.",
    )  # fmt: skip


def remember_pick(fused: Fused, pick: Position | None) -> None:
    """Keep a pick for the next page."""
    if pick is not None:
        st.session_state[_PICK] = (fused.pair.name, fused.pair.fused8.shape, pick)


def remembered_pick(fused: Fused) -> Position | None:
    """The pixel that was picked last in this pair, on whatever page."""
    name, shape, pick = st.session_state.get(_PICK, ("", (), None))
    return pick if (name, shape) == (fused.pair.name, fused.pair.fused8.shape) else None


def largest_parts(parts: Breakdown) -> str:
    """The parts that weigh most, the largest first, in grey levels; those that show as 0 not."""
    named = [
        (f"{band} from {source}", figures.GREY * value)
        for source, values in (("CT", parts.ct), ("MRI", parts.mri))
        for band, value in zip(parts.names, values, strict=True)
    ]
    named.sort(key=lambda entry: -abs(entry[1]))
    seen = [(name, text) for name, value in named if (text := figures.signed(value)) != "0.0"]
    if not seen:
        return "Every part is 0 here."
    words = ", ".join(f"{name} {text}" for name, text in seen[:LARGEST])
    return f"Largest parts, in grey levels: {words}."


def _where(pick: Position | None) -> str:
    if pick is None:
        return (
            "Mean over the whole image, in grey levels of 255. Click any pixel in the viewer to "
            "take it apart."
        )
    return f"Pixel x {pick[1]}, y {pick[0]}, in grey levels of 255. The parts add up to the value."


def no_parts(pair: FusedPair) -> str:
    """Why an image cannot be taken apart."""
    if pair.result.masks is None:
        return (
            f"“{pair.method.title}” works on pixels: it has no subbands to take apart. Choose a "
            "learned method or a wavelet rule."
        )
    return "This image is too large to keep every subband's part; crop it to take pixels apart."


def sum_html(parts: Breakdown, is_mean: bool) -> str:
    """CT part + MRI part + clipping = the value, as four boxes."""
    total = figures.totals(parts)
    shown = f"{total.shown:.1f}"
    what = "Mean" if is_mean else "Shown"
    boxes = (
        ("<span class='twf-ct'>CT part</span>", f"{total.ct:.1f}", "+"),
        ("<span class='twf-mri'>MRI part</span>", f"{total.mri:.1f}", "+"),
        ("<span class='q'>Clipping</span>", figures.signed(total.clipping), "="),
        (f"<span class='q'>{what}</span>", shown, ""),
    )
    cells = "".join(
        f"<div>{title}<b>{value.replace('-', '−')}</b></div>" + (f"<i>{sign}</i>" if sign else "")
        for title, value, sign in boxes
    )
    return f"<div class='twf-sum'>{cells}</div>"


def _sources(pair: FusedPair, pick: Position) -> str:
    values = []
    for label, image, window in (("CT", pair.ct, pair.ct01), ("MRI", pair.mri, pair.mri01)):
        value, grey = float(image.pixels[pick]), 255 * float(window[pick])
        values.append(
            f"{label} {value:.5g} {shown_unit(image)} → grey level {grey:.0f} in its window"
        )
    return "Sources at this pixel: " + "; ".join(values) + "."
