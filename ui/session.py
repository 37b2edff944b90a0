"""What a visitor has chosen: plain session keys, so that it survives a change of page."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import streamlit as st

from imaging.image import Image
from imaging.read import read_image
from imaging.windowing import Window

Slot = Literal["ct", "mri"]
SLOTS: tuple[Slot, Slot] = ("ct", "mri")
_KEY = "twf_choice"


@dataclass(frozen=True, eq=False)
class Source:
    """An image and what identifies it in caches.

    Attributes:
        image: in its own units.
        sha256: of the file's bytes and its name, or of a bundled case.
    """

    image: Image
    sha256: str


@dataclass(frozen=True, eq=False)
class Choice:
    """Everything that decides what is on the screen.

    Attributes:
        ct, mri: the pair on the screen; None only before the first screen.
        case: name of the bundled case, None for the visitor's own images.
        windows: window of CT and MRI; None takes the image's default.
        method: name of the checkpoint or rule, as in the menu; "" takes the first one.
        waiting: uploads that still lack their partner.
        problems: sentence per slot ("ct", "mri", "pair") about what could not be used.
        swaps: how often the two were swapped; drop zones start empty after each.
    """

    ct: Source | None = None
    mri: Source | None = None
    case: str | None = None
    windows: tuple[Window | None, Window | None] = (None, None)
    method: str = ""
    waiting: dict[Slot, Source] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    swaps: int = 0


def get() -> Choice:
    """The visitor's choice so far."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Choice()
    return cast(Choice, st.session_state[_KEY])


def update(**changes: object) -> Choice:
    """Replace fields of the choice and keep the result."""
    choice = replace(get(), **changes)  # type: ignore[arg-type]
    st.session_state[_KEY] = choice
    return choice


def read_upload(data: bytes, name: str) -> Source:
    """Read an uploaded file.

    Raises:
        InputError: it is no image that can be used; one sentence.
    """
    digest = hashlib.sha256(data)
    digest.update(name.encode("utf-8", "surrogatepass"))
    return Source(read_image(data, name), digest.hexdigest())


def show_pair(ct: Source, mri: Source, case: str | None = None) -> None:
    """Put a pair on the screen with its default windows."""
    update(ct=ct, mri=mri, case=case, windows=(None, None), problems={})


def swap() -> None:
    """Take the CT for the MRI and the MRI for the CT, windows included."""
    choice = get()
    if choice.ct is None or choice.mri is None:
        return
    waiting = {{"ct": "mri", "mri": "ct"}[slot]: source for slot, source in choice.waiting.items()}
    update(
        ct=choice.mri,
        mri=choice.ct,
        windows=choice.windows[::-1],
        waiting=waiting,
        problems={},
        swaps=choice.swaps + 1,
    )


def set_window(slot: Slot, window: Window | None) -> None:
    """Choose the window of one image; None is its default."""
    ct, mri = get().windows
    update(windows=(window, mri) if slot == "ct" else (ct, window))
