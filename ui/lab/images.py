"""The image menu of the laboratory: bundled cases, own images, test pictures."""

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import streamlit as st

from imaging.image import Image
from imaging.windowing import apply_window, default_window
from pipelines.cases import CASES
from ui import caches, session
from ui.guard import explain
from ui.lab.choice import LabImage
from ui.lab.pictures import PICTURES
from ui.session import Source
from ui.uploads import READS

HEAD, PICTURE, OWN = "Head", "Pattern", "Own"
LONGEST = 512
"""Pixels of the longer side up to which an image is taken as it is."""

_ON_SCREEN = "pair"
_UPLOADED = "twf_lab_upload"
_PROBLEM = "twf_lab_problem"


@dataclass(frozen=True)
class ImageChoice:
    """Which image was chosen: where it is from, its name there, and which one of a pair."""

    where: str
    name: str = ""
    side: str = "CT"


def image_controls() -> ImageChoice:
    """Draw the menu."""
    where = st.segmented_control(
        "Image from", [HEAD, PICTURE, OWN], default=HEAD, key="lab-from", required=True,
        label_visibility="collapsed", width="stretch", persist_state="session",
    )  # fmt: skip
    if where == PICTURE:
        name = st.selectbox("Pattern", list(PICTURES), key="lab-picture",
                            persist_state="session")  # fmt: skip
        st.caption(str(PICTURES[name].__doc__))
        return ImageChoice(PICTURE, name)
    if where == OWN:
        _drop_zone()
        return ImageChoice(OWN)
    name = st.selectbox(
        "Head", _heads(), key="lab-head", format_func=_head_title, persist_state="session",
        help="A synthetic head, computed by this program, or the pair that you chose on Fuse.",
    )  # fmt: skip
    side = st.segmented_control(
        "Modality", ["CT", "MRI"], default="CT", key="lab-side", required=True,
        label_visibility="collapsed", width="stretch", persist_state="session",
    )  # fmt: skip
    return ImageChoice(HEAD, name, side or "CT")


def remembered() -> ImageChoice:
    """The last choice, without drawing the menu."""
    kept = st.session_state
    where = kept.get("lab-from") or HEAD
    if where == PICTURE:
        return ImageChoice(PICTURE, kept.get("lab-picture") or next(iter(PICTURES)))
    if where == OWN:
        return ImageChoice(OWN)
    name = kept.get("lab-head")
    return ImageChoice(HEAD, name if name in _heads() else _heads()[0], kept.get("lab-side", "CT"))


def load(choice: ImageChoice) -> LabImage:
    """The chosen image in [0, 1]; before an upload the first case's CT stands in."""
    if choice.where == PICTURE:
        stem = choice.name.split(",")[0].lower().replace(" ", "_")
        return LabImage(choice.name, f"picture:{choice.name}", PICTURES[choice.name](), stem)
    if choice.where == OWN:
        own = cast(Source | None, st.session_state.get(_UPLOADED))
        if own is not None:
            return from_image(own.image, own.sha256, own.image.name)
        choice = ImageChoice(HEAD, next(iter(CASES)))
    if choice.name == _ON_SCREEN:
        pair = session.get()
        chosen = pair.ct if choice.side == "CT" else pair.mri
        if chosen is not None:
            return from_image(chosen.image, chosen.sha256, chosen.image.name)
        choice = ImageChoice(HEAD, next(iter(CASES)), choice.side)
    source = caches.case_sources(choice.name)[choice.side != "CT"]
    return from_image(source.image, source.sha256, f"{CASES[choice.name].title.split(',')[0]}, "
                      f"{choice.side}")  # fmt: skip


def from_image(image: Image, key: str, title: str) -> LabImage:
    """Take an image in its own or its default window, made smaller where it is very large."""
    pixels = apply_window(image, image.window or default_window(image))
    notes, spacing = image.notes, image.spacing
    rows, columns = image.shape
    if max(rows, columns) > LONGEST:
        scale = LONGEST / max(rows, columns)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        pixels = np.clip(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), 0, 1)
        notes = (
            *notes,
            f"The image was averaged from {columns} × {rows} to {size[0]} × {size[1]} pixels, "
            "so that every view stays quick.",
        )
        if spacing is not None:
            spacing = (spacing[0] * rows / size[1], spacing[1] * columns / size[0])
    stem = "".join(c if c.isalnum() or c in "-_" else "_" for c in image.name.rsplit(".", 1)[0])
    return LabImage(
        title, key, pixels.astype(np.float32), stem or "image", spacing, image.orientation, notes
    )


def _heads() -> list[str]:
    own = [_ON_SCREEN] if session.get().case is None and session.get().ct is not None else []
    return [*own, *CASES]


def _head_title(name: str) -> str:
    return "The pair on Fuse" if name == _ON_SCREEN else CASES[name].title


def _drop_zone() -> None:
    st.file_uploader("Image", key="lab-file", help=READS, on_change=_taken)
    own = cast(Source | None, st.session_state.get(_UPLOADED))
    if problem := st.session_state.get(_PROBLEM):
        st.error(problem, icon=":material/error:")
    elif own is None:
        st.caption("Until an image is here, the first synthetic head stands in.")
    else:
        rows, columns = own.image.shape
        st.caption(f"In use: {own.image.name}, {columns} × {rows} pixels.")


def _taken() -> None:
    file: Any = st.session_state.get("lab-file")
    st.session_state[_PROBLEM] = None
    if file is None:
        return
    try:
        st.session_state[_UPLOADED] = session.read_upload(file.getvalue(), file.name)
    except Exception as error:
        st.session_state[_PROBLEM] = explain(error)
