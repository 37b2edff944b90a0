"""The address of a comparison: read once when a visitor comes by it, kept up to date after."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import streamlit as st

from imaging.windowing import Window
from pipelines.cases import CASES
from ui import caches, controls, session, theme
from ui.compare import entries, outside, state
from ui.session import SLOTS, Choice

_LOST = "twf_compare_lost"
OWN = "own"
"""The case of images that a visitor brought: no address can hold them."""


def restore() -> None:
    """Take up what the address asks for, once per session."""
    if state.begun():
        return
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    choice = state.from_query(asked)
    case = next(iter(asked.get("case", ())), "")
    if case in CASES:
        session.show_pair(*caches.case_sources(case), case=case)
    else:
        controls.ensure_pair()
        if case:
            st.session_state[_LOST] = (
                "The link was made with images of its author's own, which no link can hold: add "
                "them at the left. Until then a synthetic case is shown."
            )
    for slot in SLOTS:
        if (window := read_window(next(iter(asked.get(f"{slot}-window", ())), ""))) is not None:
            session.set_window(slot, window)
    if choice.entries:
        state.update(**vars(choice))
    else:
        state.update(entries=first_entries(), reference=first_entries()[0])


def first_entries() -> tuple[str, ...]:
    """What a new visitor compares: the method of the other screens, and two classical rules."""
    own = controls.method_key(controls.current_method())
    return tuple(dict.fromkeys((own, "rule:wavelet-max", "rule:mean")))


def lost() -> str | None:
    """What a link could not restore."""
    sentence = st.session_state.get(_LOST)
    return str(sentence) if sentence and session.get().case is not None else None


def keep_address() -> None:
    """Write the comparison into the browser's address."""
    wanted = parameters(state.get(), session.get())
    shown = {name: st.query_params.get_all(name) for name in st.query_params}
    if shown != {name: [v] if isinstance(v, str) else v for name, v in wanted.items()}:
        st.query_params.from_dict(wanted)


def parameters(choice: state.PairChoice, pair: Choice) -> dict[str, str | list[str]]:
    """Everything that an address can hold of a comparison."""
    found: dict[str, str | list[str]] = {"view": state.slug(state.ONE_PAIR)}
    found["case"] = pair.case or OWN
    found |= state.to_query(choice)
    for slot, window in zip(SLOTS, pair.windows, strict=True):
        if window is not None:
            found[f"{slot}-window"] = f"{window.center:g},{window.width:g}"
    return found


def read_window(text: str) -> Window | None:
    """A window from ``centre,width``; None where the text says anything else."""
    try:
        center, width = (float(part) for part in text.split(","))
        return Window(center, width, "LINEAR_EXACT")
    except ValueError:
        return None


def cannot_restore(keys: Sequence[str], pair: Choice) -> list[str]:
    """One sentence for everything on the screen that a link does not bring back."""
    found = []
    if pair.case is None:
        found.append("The CT and the MRI are your own files: whoever opens the link adds them.")
    kinds = {entries.kind_of(key) for key in keys}
    if outside.UPLOAD in kinds:
        found.append("Uploaded fused images are not in it: add them again after opening it.")
    if outside.FOLDER in kinds:
        found.append("A folder is named in it by its path; whoever opens the link confirms it.")
    if kinds & {"run", "best", "last", "epoch"}:
        found.append("Training runs are found by name in this computer's folder of runs.")
    return found


def link_section(base: str | None) -> None:
    """The address with a button that copies it, and what it does not bring back."""
    choice, pair = state.get(), session.get()
    theme.section(
        "Link to this comparison",
        "Opens the same case, windows, entries, reference, images and epoch.",
    )
    st.code(f"{base or ''}?{as_text(parameters(choice, pair))}", language=None, wrap_lines=True)
    for sentence in cannot_restore(choice.entries, pair):
        st.caption(sentence)


def as_text(values: Mapping[str, str | list[str]]) -> str:
    """Parameters as they stand in an address."""
    return urlencode(values, doseq=True, safe=":,@/")
