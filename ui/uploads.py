"""From dropped files to a pair on the screen; what is already there stays until both are good."""

from dataclasses import replace
from typing import Any

import streamlit as st

from imaging.archive_scan import is_zip
from imaging.errors import InputError
from imaging.itk_files import itk_kind
from imaging.nifti import is_nifti
from imaging.pairs import match_grid
from ui import session
from ui.guard import explain
from ui.session import Slot, Source

LABELS: dict[Slot, str] = {"ct": "CT", "mri": "MRI"}
READS = "PNG, JPEG, TIFF, BMP, GIF or DICOM; the content decides, not the file's name."


def take(slot: Slot, data: bytes | None, name: str = "") -> None:
    """Take one file for one slot: read it, and show the pair once both slots are good.

    Args:
        slot: "ct" or "mri".
        data: the file; None where it was removed, which leaves the screen as it is.
        name: the file's name.
    """
    choice = session.get()
    waiting = {key: source for key, source in choice.waiting.items() if key != slot}
    problems = {k: v for k, v in choice.problems.items() if k not in (slot, "pair")}
    if data is not None:
        try:
            waiting[slot] = _pointed_on(session.read_upload(data, name))
        except Exception as error:
            problems[slot] = whole_study(data, name) or explain(error)
    session.update(waiting=waiting, problems=problems)
    if data is not None and slot not in problems:
        _show_if_complete(waiting)


def whole_study(data: bytes, name: str) -> str | None:
    """The sentence for a file that holds a volume and no single image; None for any other."""
    if is_zip(data) or is_nifti(data) or itk_kind(data) is not None:
        return f"{name} may hold a whole study, not one image: open it on the page Studies."
    return None


def _pointed_on(source: Source) -> Source:
    """A file of several frames, of which one is taken here, says where all of them can be seen."""
    if not any("frames is used" in note for note in source.image.notes):
        return source
    notes = (*source.image.notes, "The page Studies opens all of them.")
    return replace(source, image=replace(source.image, notes=notes))


def _show_if_complete(waiting: dict[Slot, Source]) -> None:
    if set(waiting) != {"ct", "mri"}:
        return
    try:
        match_grid(waiting["ct"].image, waiting["mri"].image)
    except InputError as error:
        session.update(problems=session.get().problems | {"pair": str(error)})
        return
    session.show_pair(waiting["ct"], waiting["mri"])


def drop_zone(slot: Slot) -> None:
    """One place to drop a file, with what it holds and what was wrong below it."""
    choice = session.get()
    label = LABELS[slot]
    held = choice.waiting.get(slot)
    key = f"upload-{slot}-{choice.swaps}"

    def changed() -> None:
        file: Any = st.session_state.get(key)
        take(slot, None if file is None else file.getvalue(), "" if file is None else file.name)

    st.file_uploader(f"{label} image", key=key, help=READS, on_change=changed)
    if slot in choice.problems:
        st.error(choice.problems[slot], icon=":material/error:")
        if choice.problems[slot].endswith("on the page Studies."):
            st.page_link("pages/studies.py", label="Open Studies", icon=":material/stacks:")
    elif held is not None and st.session_state.get(key) is None:
        rows, columns = held.image.shape
        st.caption(f"{label} in use: {held.image.name}, {columns} × {rows} pixels.")


def upload_panel() -> None:
    """Both drop zones and the state of the pair."""
    drop_zone("ct")
    drop_zone("mri")
    choice = session.get()
    missing = [LABELS[slot] for slot in session.SLOTS if slot not in choice.waiting]
    if "pair" in choice.problems:
        st.error(choice.problems["pair"], icon=":material/error:")
    elif len(missing) == 1:
        st.info(f"Now add the {missing[0]}. Until then the last pair stays on the screen.")
    elif not missing and choice.case is not None:
        ct, mri = choice.waiting["ct"], choice.waiting["mri"]
        st.button("Show this pair", on_click=session.show_pair, args=(ct, mri), width="stretch")
    elif missing:
        st.caption(
            "PNG, JPEG, TIFF, BMP, GIF or DICOM of the same slice, already registered. Whole "
            "series go to the page Studies. The files are forgotten when the tab is closed."
        )
