"""Numbers and words about a pixel, a region or the whole image; no streamlit."""

import csv
import io
import math
from collections.abc import Sequence
from html import escape

import numpy as np

from fusion_core.footprint import Box
from fusion_core.provenance import BandShare, Breakdown
from imaging.image import Image
from pipelines.export import STAMP, method_label
from pipelines.fuse import FusedPair
from ui.figures import DEFINITIONS, GREY, Definition
from ui.windows import shown_unit

PUBLISHED = {"LL": 0.45, "LH": 0.60, "HL": 0.40, "HH": 0.50}
"""CT's share per band that the published analysis of a one-level model states."""

_HOLDS = {
    "LL": "Smooth anatomy", "LH": "Horizontal edges", "HL": "Vertical edges",
    "HH": "Diagonal detail",
}  # fmt: skip
BALANCED = 0.05
"""Distance from one half up to which neither source is called dominant."""


def dominant(share: float) -> str:
    """Which source leads by CT's share: CT, MRI, both or none."""
    if math.isnan(share):
        return "none"
    if abs(share - 0.5) <= BALANCED:
        return "both"
    return "CT" if share > 0.5 else "MRI"


def plain_reading(band: str, share: float) -> str:
    """CT's share of a band as a sentence."""
    level = int(band[2:] or 1)
    what = f"{_HOLDS[band[:2]]}, {2**level} px"
    leader = dominant(share)
    if leader == "none":
        return f"{what}: neither source brings anything."
    if leader == "both":
        return f"{what}: from both alike."
    most = max(share, 1 - share)
    word = "almost only" if most >= 0.9 else "mostly" if most >= 0.65 else "somewhat more"
    return f"{what}: {word} from the {leader}."


def share_table(
    shares: Sequence[BandShare], definition: Definition, published: bool = False
) -> str:
    """Band, CT %, MRI %, dominant source and plain reading, as HTML.

    Args:
        shares: of the bands.
        definition: which of the three is shown.
        published: add what the published analysis of a one-level model states.
    """
    head = "<tr><th>Band</th><th class='n'>CT %</th><th class='n'>MRI %</th>"
    head += "<th class='n'>Published<br>CT : MRI</th>" if published else ""
    head += "<th>Dominant</th><th>Plain reading</th></tr>"
    rows = "".join(_row(share.band, getattr(share, definition), published) for share in shares)
    return f"<div class='twf-scroll'><table class='twf'>{head}{rows}</table></div>"


def _row(band: str, share: float, published: bool) -> str:
    empty = math.isnan(share)
    ct, mri = ("–", "–") if empty else (f"{100 * share:.1f}", f"{100 * (1 - share):.1f}")
    leader = dominant(share)
    colour = {"CT": " class='twf-ct'", "MRI": " class='twf-mri'"}.get(leader, "")
    said = 100 * PUBLISHED[band[:2]]
    extra = f"<td class='n'>{said:.0f} : {100 - said:.0f}</td>" if published else ""
    return (
        f"<tr><td><b>{band}</b></td><td class='n'>{ct}</td><td class='n'>{mri}</td>{extra}"
        f"<td><span{colour}>{leader}</span></td>"
        f"<td class='d'>{plain_reading(band, share)}</td></tr>"
    )


def source_table(pair: FusedPair, box: Box) -> str:
    """What the sources and the fused image hold there: own unit, and grey level in the window."""
    top, left, bottom, right = box
    place = (slice(top, bottom), slice(left, right))
    single = (bottom - top) * (right - left) == 1
    rows = [
        _source_row(label, css, image, np.asarray(image.pixels[place]), GREY * window[place])
        for label, css, image, window in (
            ("CT", "twf-ct", pair.ct, pair.ct01),
            ("MRI", "twf-mri", pair.mri, pair.mri01),
        )
    ]
    shown = float(pair.fused8[place].mean())
    rows.append(
        "<tr><td>Fused, shown</td><td class='n'>–</td>"
        f"<td class='n'><b>{shown:.{0 if single else 1}f}</b></td></tr>"
    )
    what = "Value" if single else "Mean ± SD"
    grey = "Grey level of 255" if single else "Mean grey level"
    head = f"<tr><th>Image</th><th class='n'>{what}</th><th class='n'>{grey}</th></tr>"
    return f"<table class='twf'>{head}{''.join(rows)}</table>"


def _source_row(label: str, css: str, image: Image, values: np.ndarray, grey: np.ndarray) -> str:
    unit = escape(shown_unit(image))
    mean = float(values.mean())
    number = f"{mean:.5g}" if values.size == 1 else f"{mean:.4g} ± {float(values.std()):.3g}"
    number = number.replace("-", "−")
    return (
        f"<tr><td><span class='{css}'>{label}</span></td><td class='n'>{number} {unit}</td>"
        f"<td class='n'>{float(grey.mean()):.1f}</td></tr>"
    )


def footprint_sentence(band: str, box: Box, spacing: tuple[float, float] | None) -> str:
    """How large a footprint is, in pixels and mm, and what it means."""
    rows, columns = box[2] - box[0], box[3] - box[1]
    size = f"{columns} × {rows} pixels"
    if spacing is not None:
        size += f" ({columns * spacing[1]:.1f} × {rows * spacing[0]:.1f} mm)"
    return (
        f"Dashed: the footprint of {band}, {size}. Every pixel in it shares a coefficient of this "
        "band with the one taken apart, so no mask can change one without the others."
    )


def numbers_csv(
    pair: FusedPair, title: str, box: Box, parts: Breakdown, shares: Sequence[BandShare]
) -> str:
    """Grey levels and shares per band, then clipping and the value shown, as CSV with a head."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(("# " + STAMP, pair.name, method_label(pair.method), title))
    rows.writerow(("row0", "column0", "row1", "column1", "band", "ct_grey", "mri_grey", "sum_grey",
                   *(f"ct_share_{name}" for name in DEFINITIONS),
                   "mean_mask_ct", "mean_mask_mri"))  # fmt: skip
    for band, ct, mri, share in zip(parts.names, parts.ct, parts.mri, shares, strict=True):
        values = (
            GREY * ct, GREY * mri, GREY * (ct + mri),
            *(getattr(share, name) for name in DEFINITIONS),
            share.mean_mask_ct, share.mean_mask_mri,
        )  # fmt: skip
        rows.writerow((*box, band, *("" if math.isnan(v) else f"{v:.9g}" for v in values)))
    for name, value in (("clipping", parts.clipping), ("shown", parts.shown)):
        rows.writerow((*box, name, "", "", f"{GREY * value:.9g}", "", "", "", "", ""))
    return buffer.getvalue()
