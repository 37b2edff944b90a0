"""Paint a mask: brush toward CT or MRI and see the fusion and its scores."""

import hashlib
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from imaging.write import encode_png
from pipelines.export import PROGRAM, STAMP
from pipelines.fuse import to_8bit
from ui import theme
from ui.lab import paint_masks
from ui.lab.choice import LabChoice
from ui.lab.method_parts import Parts, array, current_parts, mask_panel, numbers, numbers_html
from ui.lab.method_sheet import save_sheet
from ui.lab.paint_component import painter
from ui.lab.paint_masks import Bytes, Canvas


def paint_view(_: LabChoice) -> None:
    """The painter with the scores of what was painted beside those of the method."""
    parts = current_parts()
    if parts is None:
        return
    theme.section(
        "Paint a mask",
        "Orange takes the coefficients from the CT, blue from the MRI; the fused image follows the "
        "brush. Painting uses the haar wavelet, whose coefficients belong to blocks of pixels, and "
        "the MRI always gets what the CT does not.",
    )
    levels = st.segmented_control(
        "Levels of the painting", [1, 2, 3], default=1, key="paint-levels", required=True,
        help="With more levels each size of detail has masks of its own: paint them all at once, "
        "or choose one band.",
    )  # fmt: skip
    canvas = _canvas(parts, int(levels or 1))
    rows, columns = canvas.ct.shape
    if (rows, columns) != parts.size:
        st.caption(f"Painted at {columns} × {rows} pixels, so that the brush keeps up.")
    masks = painter(canvas, f"painter-{parts.fused.key[:16]}-{canvas.levels}")
    _scores(parts, canvas, masks)


@st.cache_resource(show_spinner=False, max_entries=6)
def _cached_canvas(key: str, levels: int, _parts: Parts) -> Canvas:
    return paint_masks.canvas_of(_parts, levels)


def _canvas(parts: Parts, levels: int) -> Canvas:
    return _cached_canvas(parts.fused.key, levels, parts)


def _scores(parts: Parts, canvas: Canvas, masks: tuple[Bytes, ...]) -> None:
    ct01, mri01 = canvas.ct.astype(np.float32) / 255, canvas.mri.astype(np.float32) / 255
    digest = hashlib.sha256(b"".join(mask.tobytes() for mask in masks)).hexdigest()
    place = f"{parts.fused.key}-{canvas.levels}"
    painted = painted_image(place, digest, canvas, masks)
    method = _by_method(parts.fused.key, parts, ct01, mri01)
    mean = to_8bit((ct01 + mri01) / 2)
    columns = {
        "Yours": numbers(f"{place}-{digest}", painted, ct01, mri01),
        "Method": numbers(f"{parts.fused.key}-small", method, ct01, mri01),
        "Mean": numbers(f"{parts.fused.key}-mean", mean, ct01, mri01),
    }
    left, right = st.columns([3, 2], gap="large")
    with left:
        theme.section(
            "How good is it", "Against the chosen method and the plain mean of the two images."
        )
        st.html(numbers_html(columns))
    with right:
        theme.section("Take it home", "Files say that the masks were painted by hand.")
        _save(parts, canvas, masks, painted)


@st.cache_resource(show_spinner=False, max_entries=12)
def painted_image(
    place: str, digest: str, _canvas: Canvas, _masks: tuple[Bytes, ...]
) -> NDArray[np.uint8]:
    """The painted fusion on the screen's grey levels.

    Args:
        place: names the canvas.
        digest: names the masks.
    """
    return to_8bit(array(paint_masks.fuse(_canvas, _masks).fused))


@st.cache_resource(show_spinner=False, max_entries=6)
def _by_method(
    key: str, _parts: Parts, _ct01: NDArray[np.floating[Any]], _mri01: NDArray[np.floating[Any]]
) -> NDArray[np.uint8]:
    return to_8bit(array(_parts.pair.method.fuse(_ct01, _mri01).fused))


def _save(
    parts: Parts, canvas: Canvas, masks: tuple[Bytes, ...], painted: NDArray[np.uint8]
) -> None:
    name = f"{parts.pair.name}_painted"
    text = {
        "Software": PROGRAM,
        "Warning": STAMP,
        "Comment": "Altered: the fusion masks were painted by hand",
    }
    st.download_button(
        "Fused image (PNG)", lambda: encode_png(painted, text=text), f"{name}.png", "image/png",
        key="paint-save", on_click="ignore", icon=":material/download:",
    )  # fmt: skip
    result = paint_masks.fuse(canvas, masks)
    if result.masks is None:
        return
    gates = result.masks.ct.items()[:9]
    save_sheet(
        lambda: [mask_panel(n, "CT", True, band, canvas.ct) for n, band in gates],
        f"{name}_masks", "Masks painted by hand over the CT: orange takes CT, blue takes MRI.",
        "paint-masks-save", label="Masks (PNG)",
    )  # fmt: skip
