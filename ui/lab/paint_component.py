"""The painter as a Streamlit component: a pair in, painted masks out."""

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st

from ui import colours
from ui.lab.paint_masks import Bytes, Canvas, decode, start_masks

SCRIPTS = ("paint_haar.js", "painter.js")
"""One module for the browser, joined in this order."""

Start = Literal["half", "learned"]


def pack(canvas: Canvas, start: Start, room: int) -> bytes:
    """A length, a JSON header, then CT, MRI and the learned masks as they are.

    Args:
        canvas: what is painted on.
        start: the masks before the first stroke.
        room: CSS pixels that a picture may be high.
    """
    images = (canvas.ct, canvas.mri, *canvas.learned)
    body = b"".join(np.ascontiguousarray(image).tobytes() for image in images)
    header: dict[str, Any] = {
        "width": canvas.ct.shape[1],
        "height": canvas.ct.shape[0],
        "levels": canvas.levels,
        "names": canvas.names,
        "start": start,
        "room": room,
        "aspect": canvas.aspect,
        "colours": {"ct": colours.rgb(colours.CT), "mri": colours.rgb(colours.MRI)},
        "id": canvas_id(canvas, start),
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join((len(text).to_bytes(4, "little"), text, body))


def canvas_id(canvas: Canvas, start: Start) -> str:
    """A name for the content, by which the browser keeps what was painted on it."""
    digest = hashlib.sha256(f"{start}{canvas.levels}{canvas.ct.shape}".encode())
    for image in (canvas.ct, canvas.mri, *canvas.learned):
        digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()[:24]


def painter(canvas: Canvas, key: str, start: Start = "half", room: int = 470) -> tuple[Bytes, ...]:
    """Show the painter and return the masks after the last stroke, one per band.

    Args:
        canvas: the pair.
        key: the component's key.
        start: the masks before the first stroke.
        room: CSS pixels that a picture may be high.
    """
    answer = _component()(key=key, data=pack(canvas, start, room), on_masks_change=_noted)
    found = answer.get("masks")
    if isinstance(found, dict) and found.get("id") == canvas_id(canvas, start):
        masks = decode(found.get("bytes"), canvas.shapes)
        if masks is not None:
            return masks
    return start_masks(canvas, start == "learned")


@cache
def _component() -> Any:
    folder = Path(__file__).parent
    script = "\n".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)
    style = (folder / "painter.css").read_text(encoding="utf-8")
    return st.components.v2.component("mask_painter", js=script, css=style)


def _noted() -> None:
    """Make Streamlit keep the masks; they are read from the result."""
