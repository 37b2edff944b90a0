"""Take a model elsewhere: ONNX with its check, and a folder that runs without this program."""

import streamlit as st

from pipelines.onnx_export import TOLERANCE, OnnxExport, export_onnx
from pipelines.portable import portable_zip
from ui import theme
from ui.guard import guarded
from ui.models.entries import Entry, opener

_WANTED = "twf_onnx"


@guarded()
def exports(entry: Entry) -> None:
    """Both exports of one model, side by side."""
    theme.section("Use it in another program")
    left, right = st.columns(2, gap="large")
    with left, guarded():
        _onnx(entry)
    with right, guarded():
        _portable(entry)


def _onnx(entry: Entry) -> None:
    st.markdown("**ONNX**")
    outputs = "the fused image and every mask" if entry.masks else "the fused image"
    st.caption(
        f"One file for ONNX Runtime and other engines: any image size, {outputs} as outputs. It is "
        "held against this program before you get it."
    )
    if st.button("Make and check the ONNX file", key="models-onnx", icon=":material/fact_check:"):
        st.session_state[_WANTED] = entry.name
    if st.session_state.get(_WANTED) != entry.name or entry.checkpoint is None:
        return
    with st.spinner("Writing and checking …"):
        made = _made(entry.checkpoint.sha256, entry.name, entry)
    st.html(checks_html(made))
    if any(check.same is not None and check.same < 1 for check in made.checks):
        st.caption(
            "A few mask values differ where an image is black or white: nothing may be added "
            "there, and the factor that closes the gate rests on rounding in either program. What "
            "such a mask lets through is the same."
        )
    size = f"{len(made.data) / 1024:,.0f} KiB"
    st.download_button(
        f"Download {entry.name}.onnx ({size})", made.data, f"{entry.name}.onnx",
        "application/octet-stream", key="models-onnx-get", on_click="ignore", type="primary",
        icon=":material/download:",
    )  # fmt: skip


def _portable(entry: Entry) -> None:
    st.markdown("**A folder that runs by itself**")
    st.caption(
        "Weights, settings, a short fuse.py that needs only numpy and torch, a synthetic example "
        "with the expected result, and check.py, which tells whether another computer gets the "
        "same."
    )
    find = opener(entry)
    st.download_button(
        "Download the folder (ZIP)", lambda: portable_zip(find()),
        f"{entry.name}-portable.zip", "application/zip", key="models-portable", on_click="ignore",
        icon=":material/folder_zip:",
    )  # fmt: skip


def checks_html(made: OnnxExport) -> str:
    """The check as a table: size, largest differences, share of masks that agree."""
    rows = "".join(
        f"<tr><td class='n'>{c.columns} × {c.rows}</td><td class='n'>{c.fused:.1e}</td>"
        f"<td class='n'>{'–' if c.passed is None else f'{c.passed:.1e}'}</td>"
        f"<td class='n'>{'–' if c.same is None else f'{100 * c.same:.3f} %'}</td></tr>"
        for c in made.checks
    )
    return (
        f"<div class='twf-reading'><p><b>ONNX Runtime {made.runtime} agrees</b> with this program "
        f"within {TOLERANCE:g} on {len(made.checks)} sizes (black is 0, white is 1).</p></div>"
        "<table class='twf'><tr><th class='n'>Pixels</th><th class='n'>Fused image</th>"
        "<th class='n'>Mask × coefficient</th><th class='n'>Equal mask values</th></tr>"
        f"{rows}</table>"
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _made(sha256: str, name: str, _entry: Entry) -> OnnxExport:
    return export_onnx(opener(_entry)())
