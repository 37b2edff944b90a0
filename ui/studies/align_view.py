"""Step 2: lay the MRI on the CT, see whether it fits, mend it by hand."""

from html import escape
from typing import cast

import streamlit as st

from imaging.resample import INTERPOLATIONS
from imaging.transform import identity
from pipelines.volume_export import load_tfm, save_tfm
from pipelines.volume_pair import ALIGNS, Align, VolumePair, default_align
from ui import theme
from ui.guard import explain, guarded
from ui.studies import state, tasks
from ui.studies.checker import checkers
from ui.studies.progress import work_panel
from ui.studies.state import Studies

WAYS: dict[Align, tuple[str, str]] = {
    "none": ("None", "voxel on voxel as they are; both need the same size"),
    "geometry": ("By geometry", "by the places that the files give"),
    "rigid": ("Rigid", "found by mutual information: moved and turned"),
    "affine": ("Affine", "the same, also stretched and sheared"),
}
WHY: dict[Align, str] = {
    "none": "Both series share one grid, so nothing needs to be moved.",
    "geometry": "Both files name one frame of reference: they come from one session at one "
    "scanner, so the places that they give agree.",
    "rigid": "The files name no common frame of reference, so only the images themselves can tell "
    "how the head lay.",
    "affine": "",
}
_AXES = (
    ("To the left", "mm to the patient's left (+) or right (−)"),
    ("To the back", "mm to the back (+) or front (−)"),
    ("To the head", "mm to the head (+) or feet (−)"),
    ("About left", "degrees about the axis to the patient's left: nodding"),
    ("About back", "degrees about the axis to the back: tilting to the shoulder"),
    ("About head", "degrees about the axis to the head: shaking the head"),
)
_FILE_ERROR = "twf_studies_tfm"


def align_view() -> None:
    """Draw the step."""
    work_panel()
    left, right = st.columns([3, 8], gap="medium")
    with left, guarded():
        _how()
    with right, guarded():
        now = state.get()
        if now.pair is not None:
            _verdict(now.pair)
        elif now.works is None:
            theme.notes(["Below: how the two lie as their files place them. Press Align to go on."])
        _pictures()


def _how() -> None:
    now = state.get()
    if now.volumes is None:
        return
    fits = default_align(*now.volumes)

    def way() -> None:
        state.update(align=cast(Align, st.session_state["studies-way"]))

    st.session_state["studies-way"] = now.align
    st.radio(
        "How the MRI is laid on the CT", ALIGNS, key="studies-way", on_change=way,
        format_func=lambda name: WAYS[name][0], captions=[WAYS[name][1] for name in ALIGNS],
    )  # fmt: skip
    st.caption(f"Suggested: {WAYS[fits][0].lower()}. {WHY[fits]}")

    def grid() -> None:
        state.update(onto=st.session_state["studies-onto"])

    st.session_state["studies-onto"] = now.onto
    st.segmented_control(
        "Grid of the result", ("ct", "mri"), key="studies-onto", on_change=grid, required=True,
        format_func=lambda onto: {"ct": "the CT's", "mri": "the MRI's"}[onto], width="stretch",
        help="The other series is interpolated onto it, so its samples are the ones that change.",
    )  # fmt: skip

    def kind() -> None:
        state.update(interpolation=st.session_state["studies-interpolation"])

    st.session_state["studies-interpolation"] = now.interpolation
    st.selectbox(
        "Interpolation", INTERPOLATIONS, key="studies-interpolation", on_change=kind,
        help="Linear suits images; nearest keeps values unchanged; cubic is sharper and may ring.",
    )  # fmt: skip
    done = now.pair is not None
    st.button(
        "Align again" if done else "Align", icon=":material/align_horizontal_center:",
        key="studies-align", type="secondary" if done else "primary", width="stretch",
        on_click=tasks.align, args=(now.align,), disabled=now.works is not None,
    )  # fmt: skip
    st.button(
        "Continue: view and fuse", icon=":material/arrow_forward:", key="studies-to-view",
        type="primary" if done else "secondary", width="stretch",
        on_click=state.go, args=("view",), disabled=not done or now.works is not None,
    )  # fmt: skip
    _file(now)


def _file(now: Studies) -> None:
    """The transform as a file of ITK, out and in."""
    with st.expander("Transform file (.tfm)"):
        if now.pair is not None:
            st.download_button(
                "Save", lambda: save_tfm(cast(VolumePair, state.get().pair)), "ct_to_mri.tfm",
                "text/plain", key="studies-save-tfm", on_click="ignore", width="stretch",
            )  # fmt: skip
        st.file_uploader(
            "Load a transform", key=f"studies-tfm-{now.round}", on_change=_loaded,
            args=(f"studies-tfm-{now.round}",),
            help="Rigid or affine, from the CT's mm to the MRI's, as ITK, 3D Slicer and ITK-SNAP "
            "write it.",
        )  # fmt: skip
        if problem := st.session_state.pop(_FILE_ERROR, None):
            st.error(problem, icon=":material/error:")


def _loaded(key: str) -> None:
    file = st.session_state.get(key)
    if file is None:
        return
    try:
        tasks.align("loaded", load_tfm(file.getvalue(), file.name))
    except Exception as error:
        st.session_state[_FILE_ERROR] = explain(error)


def verdict(pair: VolumePair) -> tuple[str, str]:
    """How good the alignment is ("", "warn" or "bad") and the sentence that says so."""
    found = pair.alignment
    if found is not None:
        return {"runaway": "bad", "little overlap": "warn"}.get(found.verdict, ""), found.sentence
    poor = pair.overlap < 0.5
    tail = " Less than half of the grid is covered: check that both show one body part."
    return ("warn" if poor else ""), pair.how + (tail if poor else "")


def cells(pair: VolumePair) -> list[tuple[str, str, str]]:
    """Title, value and small print of every number that is shown of an alignment."""
    transform = pair.transform
    found: list[tuple[str, str, str]] = []
    if pair.alignment is not None:
        change = f"{pair.alignment.metric_start:.3f} → {pair.alignment.metric_end:.3f}"
        found.append(("Agreement", change, "mutual information, 1 to 2"))
        found.append(("Body in both", f"{100 * pair.alignment.overlap:.0f} %", ""))
    found.append(("Grid covered", f"{100 * pair.overlap:.0f} %", ""))
    shift, turn = (", ".join(f"{_signed(v)}" for v in values) for values in
                   (transform.shift_mm, transform.turn_deg))  # fmt: skip
    found.append(("Moved", f"{transform.translation_mm:.1f} mm", f"left, back, head: {shift}"))
    found.append(("Turned", f"{transform.rotation_deg:.1f}°", f"about left, back, head: {turn}"))
    return found


def _signed(value: float) -> str:
    return "0" if abs(value) < 0.05 else f"{value:+.1f}".replace("-", "−")


def _verdict(pair: VolumePair) -> None:
    kind, sentence = verdict(pair)
    st.html(f"<div class='twf-verdict {kind}' role='status'>{escape(sentence)}</div>")
    tiles = "".join(
        f"<div><span class='q'>{title}</span><b>{escape(value)}</b>"
        f"<span class='q'>{escape(small)}</span></div>"
        for title, value, small in cells(pair)
    )
    st.html(f"<div class='twf-sum twf-tiles' data-studies='alignment'>{tiles}</div>")


@st.fragment
@guarded()
def _pictures() -> None:
    """The checkerboards and the manual nudge; either redraws only this."""
    now = state.get()
    if now.volumes is None:
        return
    before = None if now.align == "none" and now.pair is None else identity()
    checkers(now, before)
    if now.pair is not None:
        _nudge(now)


def _nudge(now: Studies) -> None:
    theme.section(
        "By hand", "Moves the MRI a little further; the right picture follows. Lengths in mm, "
        "turns in degrees about the middle of the head.",
    )  # fmt: skip

    def moved() -> None:
        values = tuple(float(st.session_state[f"studies-nudge-{k}"] or 0) for k in range(6))
        state.update(nudge=values)

    for k, (column, (title, text)) in enumerate(zip(st.columns(6), _AXES, strict=True)):
        key, limit = f"studies-nudge-{k}", 100.0 if k < 3 else 45.0
        st.session_state[key] = now.nudge[k]
        column.number_input(
            title, -limit, limit, step=1.0 if k < 3 else 0.5, key=key, on_change=moved, help=text,
            format="%.1f",
        )  # fmt: skip
    still = not any(now.nudge)
    with st.container(horizontal=True):
        if st.button(
            "Use this position", icon=":material/check:", key="studies-use", disabled=still,
            type="secondary" if still else "primary",
        ):  # fmt: skip
            tasks.align("manual", now.transform)
            st.rerun()
        st.button(
            "Back to zero", key="studies-zero", disabled=still,
            on_click=state.nudge_to, args=((0.0,) * 6,),
        )  # fmt: skip
        if st.button(
            "Undo: as loaded", icon=":material/undo:", key="studies-undo", type="tertiary",
            help="Lays both as their files place them, without any registration.",
        ):  # fmt: skip
            tasks.align("geometry")
            st.rerun()
