"""All masks of a gate as one sheet of small pictures with a legend."""

import base64

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from fusion_core.wavelets import Subbands
from imaging.write import encode_png
from pipelines.fuse import to_8bit
from ui import colours

_GROUND = np.array(colours.rgb(colours.PANEL), dtype=np.float64)
THUMBNAIL = 192
"""Longest side of a thumbnail in pixels."""


def coloured(mask: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask in the colours of a table on the panel's ground, (h, w, 3) uint8."""
    rgba = table[mask].astype(np.float64)
    opacity = rgba[..., 3:] / 255
    return np.rint(rgba[..., :3] * opacity + _GROUND * (1 - opacity)).astype(np.uint8)


def mask_thumbnails(bands: Subbands, gate: str, convex: bool) -> None:
    """Every mask with its name, on a grid that fills the width.

    Args:
        bands: the masks of one gate.
        gate: "CT" or "MRI".
        convex: whether the other source gets what this one does not.
    """
    table = colours.gate_table(gate, convex)
    st.html(legend_html(gate, convex))
    figures = []
    for name, band in bands.items():
        mask = band[0, 0].numpy()
        step = max(1, -(-max(mask.shape) // THUMBNAIL))
        png = encode_png(coloured(to_8bit(mask[::step, ::step]), table))
        data = base64.b64encode(png).decode()
        figures.append(
            f"<figure><img alt='Mask {name} of the {gate}' src='data:image/png;base64,{data}'>"
            f"<figcaption><b>{name}</b></figcaption></figure>"
        )
    st.html(f"<div class='twf-thumbs'>{''.join(figures)}</div>")


def legend_html(gate: str, convex: bool) -> str:
    """A bar with the colours of a gate, its numbers and what its ends mean."""
    colour = coloured(np.arange(256, dtype=np.uint8)[None], colours.gate_table(gate, convex))[0]
    stops = ", ".join(
        f"rgb({r},{g},{b}) {100 * i / 255:.0f}%"
        for i, (r, g, b) in ((i, colour[i]) for i in range(0, 256, 15))
    )
    return (
        f"<div class='twf-legend'><i style='background:linear-gradient(90deg,{stops})'></i>"
        f"<p><span>0 nothing of the {gate}</span><span>0.5</span>"
        f"<span>1 all of the {gate}</span></p></div>"
    )
