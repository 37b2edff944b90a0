"""A new comparison over a data set: its pairs, what is compared, how patients are told apart."""

from pathlib import Path
from typing import cast

import streamlit as st

from pipelines.cases import CASES
from ui import theme
from ui.compare import entries, outside, pair_link, state
from ui.compare.data_make import Request, SourceKind, about_cases, about_folder, make_task
from ui.compare.data_places import choose, comparisons
from ui.compare.outside_add import add_images
from ui.guard import explain
from ui.training.state import kept, prepare
from ui.zip_drop import dropped, empty, zip_drop

SOURCES: dict[SourceKind, str] = {
    "folder": "Folder", "zip": "Zip upload", "cases": "Bundled cases",
}  # fmt: skip
UPLOAD_NOTE = (
    "Uploaded images are unpacked on the computer that runs this program, and deleted with the "
    "comparison or when the program ends. At most 200 MB packed and 2 GiB unpacked."
)
MOST = 8
"""Entries of one comparison: more cannot be told apart in a chart."""

_ERROR = "twf_data_error"
_METHODS, _REFERENCE, _PATTERN = "data-methods", "data-reference", "data-pattern"


def new_comparison() -> None:
    """Draw the form; Compare queues the comparison and looks at it."""
    with st.container(key="stack-data"):
        left, right = st.columns([5, 7], gap="large")
    prepare(_PATTERN, "")
    with left:
        theme.section("1  Pairs")
        source, path = _source()
        pattern = _pattern()
        ready = _about(source, path, pattern)
    with right:
        theme.section("2  Methods", "The same pairs for all; differences are to the reference.")
        keys, reference = _methods()
    request = Request(source, path, keys, reference, pattern)
    with right:
        st.button(
            "Compare", icon=":material/play_arrow:", key="data-start", type="primary",
            disabled=not ready or not keys, on_click=_start, args=(request,),
        )  # fmt: skip
        if message := st.session_state.pop(_ERROR, None):
            st.error(message, icon=":material/error:")


def _source() -> tuple[SourceKind, str]:
    prepare("data-source", "folder")
    found = st.segmented_control(
        "Pairs", list(SOURCES), key="data-source", required=True, width="stretch",
        format_func=lambda kind: SOURCES[kind], label_visibility="collapsed",
    )  # fmt: skip
    kind = cast(SourceKind, kept("data-source", found or "folder"))
    if kind == "zip":
        zip_drop("data", UPLOAD_NOTE)
    elif kind == "cases":
        st.caption(f"{len(CASES)} synthetic heads, computed by this program: no patient's image.")
    else:
        prepare("data-folder", "")
        text = st.text_input(
            "Folder that holds CT/ and MRI/", key="data-folder", placeholder="/data/brains",
            help="A path on the computer that runs this program. Nothing is changed there. CT and "
            "MRI of one pair have the same file name, like CT/2004.png and MRI/2004.png.",
        )  # fmt: skip
        path = str(kept("data-folder", text)).strip()
        return kind, str(Path(path).expanduser().absolute()) if path else ""
    return kind, ""


def _pattern() -> str:
    text = st.text_input(
        "Patient pattern", key=_PATTERN, placeholder=r"optional, such as ^(p\d+)_",
        help="A regular expression that finds the patient in a file name: its first group, or all "
        "of the match. Without one, names of four or five digits give the part before the last "
        "three. Slices of one patient are not independent, so conclusions are by patient.",
    )  # fmt: skip
    return str(kept(_PATTERN, text))


def _about(source: SourceKind, path: str, pattern: str) -> bool:
    """Say what the pairs are, as far as that is known before the start; whether they will do."""
    if source == "zip":
        return dropped("data") is not None
    if source == "folder" and not path:
        return False
    try:
        told = about_cases(pattern) if source == "cases" else about_folder(Path(path), pattern)
    except Exception as error:
        st.error(explain(error), icon=":material/error:")
        return False
    st.caption(told)
    return True


def _methods() -> tuple[tuple[str, ...], str]:
    offered = {key: line for key, line in entries.menu().items() if _fits(key)}
    prepare(_METHODS, list(pair_link.first_entries()))
    chosen = [key for key in st.session_state[_METHODS] if key in offered]
    st.session_state[_METHODS] = chosen
    with st.container(horizontal=True, vertical_alignment="bottom"):
        found = st.multiselect(
            "Compare", list(offered), key=_METHODS, format_func=offered.__getitem__,
            max_selections=MOST, placeholder=f"Choose up to {MOST}", wrap=True,
            help="Checkpoints, classical rules, the best and the last epoch of training runs, and "
            "folders or zips of images made elsewhere.",
        )  # fmt: skip
        with st.popover("Add images", icon=":material/add_photo_alternate:", width="content"):
            _elsewhere()
    keys = tuple(kept(_METHODS, found))
    if not keys:
        return (), ""
    prepare(_REFERENCE, keys[0])
    if st.session_state[_REFERENCE] not in keys:
        st.session_state[_REFERENCE] = keys[0]
    reference = st.selectbox(
        "Reference", keys, key=_REFERENCE, format_func=offered.__getitem__, width=320,
        help="What every difference, interval and test is taken to.",
    )  # fmt: skip
    return keys, str(kept(_REFERENCE, reference))


def _fits(key: str) -> bool:
    """One image belongs to one pair, and every epoch of a run is no single method."""
    made = outside.known().get(key)
    return entries.kind_of(key) != "run" and (made is None or not made.single)


def _elsewhere() -> None:
    add_images(
        "data-outside",
        "Images that another program fused from the same pairs, each with its CT's name; only "
        "pairs that every entry has are compared.",
        "Zip of fused images", "PNG, JPEG, TIFF, BMP, GIF or DICOM in a zip.", _added, "zip",
    )  # fmt: skip


def _added(key: str) -> None:
    others = [k for k in st.session_state.get(_METHODS, []) if k != key]
    st.session_state[_METHODS] = [*others[: MOST - 1], key]


def _start(request: Request) -> None:
    state.open_view(state.DATA_SET)
    try:
        task = make_task(request, dropped("data"))
        try:
            job = comparisons().submit(task)
        except Exception:
            if task.scratch is not None:
                task.scratch.cleanup()
            raise
    except Exception as error:
        st.session_state[_ERROR] = explain(error)
        return
    if request.source == "zip":
        empty("data")
    choose(job.name)
