"""Everything that can be taken home: made when asked for, stamped, named after the CT."""

import csv
import io
import re
import zipfile
from collections.abc import Callable

import streamlit as st

from fusion_core.metrics import METRICS, Scores
from imaging.write import encode_png
from pipelines.export import mask_images, metrics_json, provenance_json, stamp, stamped_png
from pipelines.fuse import FusedPair
from ui import caches
from ui.caches import Fused


def stem(pair: FusedPair) -> str:
    """A file name from the CT's and the method's names: letters, digits, dot, dash, underscore."""
    words = f"{pair.name}_{pair.method.name}"
    return re.sub(r"[^\w.-]+", "_", words).strip("._") or "fused"


def masks_zip(pair: FusedPair) -> bytes:
    """Every mask as a stamped PNG, in one zip.

    Raises:
        MethodError: the method has no masks.
    """
    buffer = io.BytesIO()
    text = stamp(pair)
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, image in mask_images(pair).items():
            meaning = f"Mask {name}: 0 (black) takes nothing of the source, 255 (white) takes all"
            png = encode_png(image, text=text | {"Description": meaning})
            archive.writestr(zipfile.ZipInfo(f"{name}.png", (1980, 1, 1, 0, 0, 0)), png)
    return buffer.getvalue()


def metrics_csv(pair: FusedPair, scores: Scores) -> str:
    """One row per metric: name, value, unit, better, and why a value is missing."""
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(("metric", "value", "unit", "better", "note"))
    for name, value in scores.values.items():
        metric = METRICS[name]
        shown = "" if value != value else repr(value)
        rows.writerow((name, shown, metric.unit, metric.direction, scores.notes.get(name, "")))
    return buffer.getvalue()


def export_menu(fused: Fused) -> None:
    """The Export button with its menu; nothing is computed before the click on an entry."""
    pair = fused.pair
    name = stem(pair)
    with st.popover("Export", icon=":material/download:", width="content"):
        st.caption("Every file says: research, not for diagnosis, and how it was made.")
        _entry("Fused image (PNG)", lambda: stamped_png(pair), f"{name}.png", "image/png")
        _entry(
            "Fused image with caption (PNG)",
            lambda: stamped_png(pair, caption=True),
            f"{name}_caption.png",
            "image/png",
        )
        _entry(
            "Metrics (CSV)",
            lambda: metrics_csv(pair, caches.scores_of(fused)),
            f"{name}_metrics.csv",
            "text/csv",
        )
        _entry(
            "Metrics (JSON)",
            lambda: metrics_json(pair, caches.scores_of(fused)),
            f"{name}_metrics.json",
            "application/json",
        )
        if pair.result.masks is None:
            st.caption("A rule that works on pixels has no masks and no provenance to export.")
            return
        _entry("Masks (ZIP)", lambda: masks_zip(pair), f"{name}_masks.zip", "application/zip")
        _entry(
            "Provenance (JSON)",
            lambda: provenance_json(pair, caches.attribution_of(fused)),
            f"{name}_provenance.json",
            "application/json",
        )


def _entry(label: str, make: Callable[[], bytes | str], file_name: str, mime: str) -> None:
    st.download_button(
        label, make, file_name, mime, key=f"get-{label}", on_click="ignore", width="stretch",
    )  # fmt: skip
