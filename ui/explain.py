"""One picked pixel, or the whole image, taken apart on the screen."""

import streamlit as st

from fusion_core.provenance import Breakdown, contributions, pixel, region
from pipelines.fuse import FusedPair
from ui import caches, figures, theme
from ui.caches import Fused

Position = tuple[int, int]
"""Row and column from 0."""


def pixel_panel(fused: Fused, pick: Position | None) -> None:
    """What each subband took from CT and MRI at a pixel, summing to the value shown.

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
        st.caption(_no_parts(pair))
        return
    box = (0, 0, rows, columns)
    parts = region(attribution, box) if pick is None else pixel(attribution, *pick)
    st.html(_sum_html(parts, pick is None))
    if pick is not None:
        st.caption(_sources(pair, pick))
        label = "Grey levels that each subband brought from CT and from MRI"
        theme.chart(figures.breakdown_bars(parts), "pixel-bars", label)
        return
    # Details have a mean near zero, so over an image their shares say more than their means.
    shares = contributions(pair.result, attribution)
    label = "CT's and MRI's share of every subband over the whole image"
    theme.chart(figures.share_bars(shares, "attribution"), "image-bars", label)


def _where(pick: Position | None) -> str:
    if pick is None:
        return (
            "Mean over the whole image, in grey levels of 255, and each subband's share by "
            "attribution (absolute grey levels). Click any pixel in the viewer to take it apart."
        )
    return f"Pixel x {pick[1]}, y {pick[0]}, in grey levels of 255. The parts add up to the value."


def _no_parts(pair: FusedPair) -> str:
    if pair.result.masks is None:
        return (
            f"“{pair.method.title}” works on pixels: it has no subbands to take apart. Choose a "
            "learned method or a wavelet rule."
        )
    return "This image is too large to keep every subband's part; crop it to take pixels apart."


def _sum_html(parts: Breakdown, is_mean: bool) -> str:
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
        unit = f" {image.unit}" if image.unit != "grey" else ""
        value, grey = float(image.pixels[pick]), 255 * float(window[pick])
        values.append(f"{label} {value:.5g}{unit} → {grey:.0f} of 255 in its window")
    return "Sources at this pixel: " + "; ".join(values) + "."
