"""What a visitor compares: plain session keys that survive a change of page, and their link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import streamlit as st

Look = Literal["Images", "Differences", "Masks"]
LOOKS: tuple[Look, ...] = ("Images", "Differences", "Masks")

ONE_PAIR, DATA_SET = "One pair", "Data set"
MOST = 4
"""Fused images beside their two sources."""

_VIEW, _PAIR, _ARRIVED = "twf_compare_view", "twf_compare_pair", "twf_compare_arrived"


@dataclass(frozen=True)
class PairChoice:
    """What the one-pair view shows of the pair on the screen.

    Attributes:
        entries: keys of what is compared, see :mod:`ui.compare.entries`; at most :data:`MOST`.
        reference: the key that differences are taken to; the first entry where it is none of them.
        look: which images are in the viewer.
        epoch: where the scrubber of training runs stands; None at the end.
        band: which masks are subtracted, see :mod:`ui.compare.pair_masks`; "" for the first choice.
        gate: whose masks.
        other: the key whose masks are compared with the reference's; "" for the first one.
    """

    entries: tuple[str, ...] = ()
    reference: str = ""
    look: Look = "Images"
    epoch: int | None = None
    band: str = ""
    gate: str = "CT"
    other: str = ""


def get() -> PairChoice:
    """The choice so far."""
    return cast(PairChoice, st.session_state.get(_PAIR, PairChoice()))


def begun() -> bool:
    """Whether anything was chosen in this session."""
    return _PAIR in st.session_state


def update(**changes: object) -> PairChoice:
    """Replace fields of the choice and keep the result."""
    choice = replace(get(), **changes)  # type: ignore[arg-type]
    st.session_state[_PAIR] = choice
    return choice


def take(field: str, widget: str) -> None:
    """Take a field from a widget; a widget's callback."""
    update(**{field: st.session_state[widget]})


def compare(entries: Sequence[str], reference: str = "") -> None:
    """Put entries side by side in the one-pair view, which the next run shows."""
    kept = tuple(dict.fromkeys(entries))[:MOST]
    update(entries=kept, reference=reference or next(iter(kept), ""), epoch=None)
    open_view(ONE_PAIR)
    st.session_state[_ARRIVED] = True


def arrived() -> bool:
    """Whether :func:`compare` has brought the visitor here, from however far down a page."""
    return bool(st.session_state.pop(_ARRIVED, False))


def view() -> str | None:
    """The view of the page, None before the first one."""
    return cast(str | None, st.session_state.get(_VIEW))


def open_view(title: str) -> None:
    """Show a view in the next run."""
    st.session_state[_VIEW] = title


def slug(title: str) -> str:
    """A view's name in an address: ``One pair`` is ``one-pair``."""
    return "-".join(title.lower().split())


def to_query(choice: PairChoice) -> dict[str, str | list[str]]:
    """The choice as parameters of an address; what is as at first is left out."""
    found: dict[str, str | list[str]] = {"entry": list(choice.entries)}
    if choice.reference and choice.reference != next(iter(choice.entries), ""):
        found["reference"] = choice.reference
    if choice.look != "Images":
        found["look"] = slug(choice.look)
    if choice.epoch is not None:
        found["epoch"] = str(choice.epoch)
    if choice.look == "Masks":
        found |= {"band": choice.band} if choice.band else {}
        found |= {"gate": choice.gate} if choice.gate != "CT" else {}
        found |= {"other": choice.other} if choice.other in choice.entries else {}
    return found


def from_query(values: Mapping[str, Sequence[str]]) -> PairChoice:
    """The inverse of :func:`to_query`; what is unknown or out of range is as at first."""

    def one(name: str) -> str:
        return next(iter(values.get(name, ())), "")

    entries = tuple(dict.fromkeys(key for key in values.get("entry", ()) if key))[:MOST]
    look = next((title for title in LOOKS if slug(title) == one("look")), LOOKS[0])
    number = one("epoch")
    return PairChoice(
        entries,
        one("reference") if one("reference") in entries else next(iter(entries), ""),
        look,
        int(number) if number.isascii() and number.isdigit() and len(number) < 7 else None,
        one("band"),
        "MRI" if one("gate") == "MRI" else "CT",
        one("other") if one("other") in entries else "",
    )
