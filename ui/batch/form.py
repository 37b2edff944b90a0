"""A new batch: where the pairs come from, what fuses them, what else is wanted."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import streamlit as st

from fusion_core.metrics import METRICS
from pipelines.batch import check_masks
from pipelines.batch_folder import Request, SourceKind, create
from pipelines.cases import CASES
from pipelines.methods import MethodInfo, list_methods
from ui import caches, theme
from ui.batch.places import batches, batches_folder, choose
from ui.controls import current_method, method_key
from ui.guard import explain
from ui.training.state import kept, prepare
from ui.zip_drop import dropped, empty, zip_drop

SOURCES: dict[SourceKind, str] = {
    "zip": "Zip upload", "folder": "Folder", "cases": "Bundled cases",
}  # fmt: skip
UPLOAD_NOTE = (
    "Uploaded images lie in the batch's own folder on the computer that runs this program, and are "
    "deleted with the batch. At most 200 MB packed and 2 GiB unpacked."
)
_ERROR = "twf_batch_error"
_ICON = ":material/error:"


def new_batch() -> None:
    """Draw the form; Start queues the batch and looks at it."""
    theme.section("1  Pairs")
    source, path = _source()
    theme.section("2  Method")
    method = _method()
    theme.section("3  Results", "Fused PNGs, contact sheets and a report are always made.")
    request = _results(Request("", source, (method.kind, method.name), path))
    ready = {"zip": dropped("batch") is not None, "folder": bool(path), "cases": True}[source]
    st.button(
        "Start batch", icon=":material/play_arrow:", key="batch-start", type="primary",
        disabled=not ready,
        on_click=_start, args=(request,), width="stretch",
    )  # fmt: skip
    if message := st.session_state.pop(_ERROR, None):
        st.error(message, icon=_ICON)


def _source() -> tuple[SourceKind, str]:
    prepare("batch-source", "zip")
    found = st.segmented_control(
        "Pairs", list(SOURCES), key="batch-source", required=True, width="stretch",
        format_func=lambda kind: SOURCES[kind], label_visibility="collapsed",
    )  # fmt: skip
    kind = cast(SourceKind, kept("batch-source", found or "zip"))
    if kind == "zip":
        zip_drop("batch", UPLOAD_NOTE)
        return kind, ""
    if kind == "folder":
        return kind, _folder()
    st.caption(f"{len(CASES)} synthetic pairs, computed by this program: no patient's image.")
    return kind, ""


def _folder() -> str:
    prepare("batch-folder", "")
    text = st.text_input(
        "Folder that holds CT/ and MRI/", key="batch-folder", placeholder="/data/brains",
        help="A path on the computer that runs this program. Nothing is changed there.",
    )  # fmt: skip
    path = str(kept("batch-folder", text)).strip()
    if not path:
        st.caption("CT and MRI of one pair have the same file name, like CT/2004.png, MRI/2004.png")
        return ""
    if not Path(path).expanduser().is_dir():
        st.error(f"{path} is not a folder on this computer; check the path.", icon=_ICON)
        return ""
    return str(Path(path).expanduser().resolve())


def _method() -> MethodInfo:
    methods = {method_key(info): info for info in list_methods()}
    prepare("batch-method", method_key(current_method()))
    if st.session_state["batch-method"] not in methods:
        st.session_state["batch-method"] = next(iter(methods))
    key = st.selectbox(
        "Fusion method", list(methods), key="batch-method", label_visibility="collapsed",
        format_func=lambda k: f"{methods[k].title} · {_kind(methods[k])}",
    )  # fmt: skip
    return methods[str(kept("batch-method", key))]


def _kind(info: MethodInfo) -> str:
    return "learned" if info.kind == "checkpoint" else "rule"


def _results(request: Request) -> Request:
    lines = (
        ("metrics", "Metrics", True, f"metrics.csv with {len(METRICS)} measures of every pair. "
         "Measuring takes several times as long as fusing."),
        ("masks", "Masks", False, "One PNG per mask, in a folder for each pair."),
        ("caption", "Caption", False, "Method and CT share in a strip below each image. They stand "
         "in every file's metadata anyway."),
    )  # fmt: skip
    wanted: dict[str, Any] = {}
    with st.container(horizontal=True):
        for name, label, start, text in lines:
            key = f"batch-{name}"
            prepare(key, start)
            wanted[name] = bool(kept(key, st.toggle(label, key=key, help=text)))
    prepare("batch-title", "")
    title = st.text_input(
        "Name", key="batch-title", max_chars=60, placeholder="optional, such as the cohort",
    )  # fmt: skip
    return replace(request, title=str(kept("batch-title", title)), **wanted)


def _start(request: Request) -> None:
    try:
        if request.masks:
            check_masks(caches.method(*request.method))
        data = b""
        upload = dropped("batch")
        if request.source == "zip" and upload is not None:
            request, data = replace(request, upload=upload.name), upload.data
        title = request.title.strip() or _default_title(request)
        folder = create(batches_folder(), replace(request, title=title), data)
        batches().submit(folder)
    except Exception as error:
        st.session_state[_ERROR] = explain(error)
        return
    if request.source == "zip":
        empty("batch")
    choose(folder.name)


def _default_title(request: Request) -> str:
    names = {"zip": Path(request.upload).stem, "folder": Path(request.path).name, "cases": "cases"}
    return names[request.source] or "batch"
