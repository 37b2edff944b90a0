"""Where the sliders stand, and whether the session's MRI is one that was moved here."""

import hashlib
from dataclasses import dataclass
from typing import cast

import streamlit as st

from imaging.image import Image
from imaging.shift import Shift, move_image
from imaging.windowing import Window
from pipelines.alignment import AXES, Axis
from pipelines.fuse import FusedPair
from ui import session
from ui.session import Source

_SET = "twf_alignment"
_KEPT = "twf_moved"


@dataclass(frozen=True)
class _Setting:
    """The sliders' position and the pair that it is meant for."""

    pair: tuple[str, str]
    shift: Shift


@dataclass(frozen=True, eq=False)
class Kept:
    """A motion that the session's MRI has undergone.

    Attributes:
        original: the MRI as it was chosen.
        matched: the same on the CT's grid, from which every further motion starts.
        windows: as they were chosen before.
        shift: all motions in one.
    """

    original: Source
    matched: Image
    windows: tuple[Window | None, Window | None]
    shift: Shift


def slider_key(axis: Axis) -> str:
    """The widget key of a slider."""
    return f"alignment-{axis}"


def prepare() -> None:
    """Give the sliders their position before they are drawn: a new pair starts where it lies."""
    setting = cast(_Setting, st.session_state.get(_SET, _Setting(("", ""), Shift())))
    if setting.pair != _pair():
        setting = _Setting(_pair(), Shift())
        st.session_state[_SET] = setting
        put(setting.shift)
    for axis in AXES:
        st.session_state.setdefault(slider_key(axis), getattr(setting.shift, axis))


def put(shift: Shift) -> None:
    """Move the sliders, from a button's callback or before they are drawn."""
    for axis in AXES:
        st.session_state[slider_key(axis)] = float(getattr(shift, axis))


def remember(shift: Shift) -> None:
    """Keep the sliders' position for when the visitor comes back to this page."""
    st.session_state[_SET] = _Setting(_pair(), shift)


def kept() -> Kept | None:
    """The motion of the MRI on the screen; None where it lies as it was chosen."""
    mri = session.get().mri
    return None if mri is None else _records().get(mri.sha256)


def keep(pair: FusedPair, shift: Shift) -> None:
    """Take the moved MRI for the session's, with a note; every page then fuses with it.

    Two motions in a row become one, so that the image is interpolated once.

    Args:
        pair: the pair on the screen.
        shift: the motion of its MRI.
    """
    choice, before = session.get(), kept()
    if choice.mri is None or not shift:
        return
    if before is None:
        before = Kept(choice.mri, pair.mri, choice.windows, Shift())
    total = before.shift.then(shift, before.matched.spacing)
    if not total:
        undo()
        return
    digest = hashlib.sha256(f"{before.original.sha256}|{pair.ct.shape}|{total}".encode())
    moved = Source(move_image(before.matched, total), digest.hexdigest())
    st.session_state[_KEPT] = _records() | {
        moved.sha256: Kept(before.original, before.matched, before.windows, total)
    }
    # The window of the MRI as fused is pinned: percentiles of the moved image differ a little.
    session.update(mri=moved, windows=(choice.windows[0], pair.windows[1]))


def undo() -> None:
    """Put the MRI back as it was chosen."""
    if (record := kept()) is not None:
        ct_window = session.get().windows[0]
        session.update(mri=record.original, windows=(ct_window, record.windows[1]))


def _records() -> dict[str, Kept]:
    return cast(dict[str, Kept], st.session_state.get(_KEPT, {}))


def _pair() -> tuple[str, str]:
    choice = session.get()
    return (choice.ct.sha256 if choice.ct else "", choice.mri.sha256 if choice.mri else "")
