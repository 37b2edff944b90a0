"""Step 1: two drop zones, what was found in them, and which two series belong together."""

from dataclasses import replace
from typing import Any

import streamlit as st

from imaging.study import Series, Study
from imaging.volume import Volume
from pipelines.demo_study import demo_volumes
from ui import theme
from ui.guard import explain
from ui.session import SLOTS, Slot
from ui.studies import slices, state, taking, tasks
from ui.studies.progress import work_panel
from ui.studies.state import Drop, Pick
from ui.studies.taking import LABELS

_NEW = "twf_studies_new"
READS = (
    "All DICOM files of a series at once, a folder of them, a zip, NIfTI (.nii, .nii.gz), MHA or "
    "NRRD. A zip that holds both studies may go into either zone."
)


def series_view() -> None:
    """Draw the step."""
    _take_new()
    work_panel()
    now = state.get()
    if not now.drops:
        _welcome()
    # What the files say stands above both, because it decides what to do next.
    if sentence := taking.wrong_way(now):
        with st.container(key="studies-exchange"):
            st.warning(sentence, icon=":material/swap_horiz:")
            st.button(
                "Exchange CT and MRI", icon=":material/swap_horiz:", key="studies-swap",
                on_click=_exchange, type="primary",
            )  # fmt: skip
    for slot, column in zip(SLOTS, st.columns(2, gap="large"), strict=True):
        with column:
            _zone(slot)
    _onward()


def _welcome() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="studies-welcome"):
        st.html(
            "<div class='twf-sub'>Drop the CT and the MRI of one patient below. They are checked, "
            "aligned, scrolled and fused here, on this computer: files stay in memory and are gone "
            "when this tab is closed.</div>"
        )
        st.button(
            "Open the demo study", icon=":material/science:", key="studies-demo",
            on_click=_open_demo, help="A synthetic head, computed by this program.",
        )  # fmt: skip


def _zone(slot: Slot) -> None:
    now = state.get()
    label = LABELS[slot]
    key = now.zone(slot)

    def changed() -> None:
        st.session_state[_NEW] = (slot, list(st.session_state.get(key) or []))

    st.html(f"<div class='twf-h twf-{slot}' role='heading' aria-level='2'>{label}</div>")
    with st.container(key=f"studies-zone-{slot}"):
        st.file_uploader(
            f"{label} files", key=key, on_change=changed, accept_multiple_files=True,
            label_visibility="collapsed",
        )  # fmt: skip
    if problem := now.problems.get(slot):
        st.error(problem, icon=":material/error:")
    drop = now.drops.get(slot)
    if drop is not None:
        _found(slot, drop)
    _choose(slot)


def _found(slot: Slot, drop: Drop) -> None:
    now = state.get()
    taken = [pick.index for pick in now.picks.values() if pick.zone == slot]
    if drop.demo is None and not st.session_state.get(now.zone(slot)):
        st.caption(f"In use: {taking.dropped(drop)}.")
    if drop.study.series:
        st.html(taking.series_table(drop, taken))
    theme.notes(taking.remarks(drop))


def _choose(slot: Slot) -> None:
    """Which series is taken, where there is a choice, and which of several volumes."""
    now = state.get()
    found, pick = taking.choices(now, slot), now.picks.get(slot)
    if pick is None:
        if found:
            st.info(
                f"No series here says that it is {'a CT' if slot == 'ct' else 'an MRI'}; choose "
                "one, or add files.",
                icon=":material/info:",
            )
        elif slot not in now.drops:
            st.caption(READS)
    places = {(p.zone, p.index): p for p in found}
    key = f"studies-pick-{slot}"

    def chosen() -> None:
        zone, index = st.session_state[key]
        state.choose(picks=state.get().picks | {slot: Pick(zone, index)})

    if len(found) > 1:
        at = None if pick is None else (pick.zone, pick.index)
        st.session_state[key] = at
        st.selectbox(
            f"Series taken as the {LABELS[slot]}", list(places), key=key, on_change=chosen,
            format_func=lambda at: _menu_line(now, slot, places[at]), placeholder="Choose a series",
        )  # fmt: skip
    series = now.series(slot)
    if pick is None or series is None or series.volumes < 2:
        return

    def numbered() -> None:
        number = int(st.session_state[f"{key}-volume"]) - 1
        state.choose(picks=state.get().picks | {slot: replace(pick, volume=number)})

    st.session_state[f"{key}-volume"] = pick.volume + 1
    st.number_input(
        f"Volume, 1 to {series.volumes}", 1, series.volumes, key=f"{key}-volume",
        on_change=numbered, help="The file holds several volumes, such as echoes.",
    )  # fmt: skip


def _menu_line(now: state.Studies, slot: Slot, pick: Pick) -> str:
    line = taking.line(now.drops[pick.zone].study.series[pick.index])
    return line if pick.zone == slot else f"{line} · from the {LABELS[pick.zone]} zone"


def _onward() -> None:
    """Whether both belong together, and the way to the next step."""
    now = state.get()
    if not now.drops:
        return
    both = all(now.series(slot) is not None for slot in SLOTS)
    if both and (found := taking.relation(now)):
        kind, sentence = found
        if kind == "warning":
            st.warning(sentence, icon=":material/person_alert:")
        else:
            st.html(f"<div class='twf-find twf-find-good'>{sentence}</div>")
    missing = [LABELS[slot] for slot in SLOTS if now.series(slot) is None]
    wrong = taking.wrong_way(now) is not None
    reason = (
        f"Add the {' and the '.join(missing)}." if missing
        else "Exchange the two first." if wrong
        else "Choose two different series." if taking.twice(now) else ""
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", key="studies-onward"):
        st.button(
            "Continue to alignment", icon=":material/arrow_forward:", key="studies-continue",
            type="primary", on_click=tasks.read, disabled=bool(reason) or now.works is not None,
        )  # fmt: skip
        if both and not wrong:
            st.button(
                "Exchange CT and MRI", icon=":material/swap_horiz:", key="studies-swap",
                on_click=_exchange, type="tertiary",
                help="Takes the files given as CT for the MRI and the other way round.",
            )  # fmt: skip
        st.button(
            "Start over", icon=":material/restart_alt:", key="studies-over", on_click=_start_over,
            type="tertiary", help="Lets go of all files and results of this page.",
        )  # fmt: skip
        if reason:
            st.caption(reason)


def _take_new() -> None:
    """Look into files that were just dropped; what was there stays where they cannot be used."""
    if _NEW not in st.session_state:
        return
    slot, files = st.session_state.pop(_NEW)
    now = state.get()
    problems = {k: v for k, v in now.problems.items() if k != slot}
    if not files:
        return
    place = st.empty()
    try:
        with place.container(), st.spinner(f"Looking into {_count(files)} …"):
            drop = taking.take([(file.name, file.getvalue()) for file in files])
    except Exception as error:
        kept = " What was there before is still in use." if slot in now.drops else ""
        emptied = now.emptied | {slot: now.emptied.get(slot, 0) + 1}
        problems = problems | {slot: f"{explain(error)}{kept}"}
        state.update(problems=problems, emptied=emptied)
        return
    finally:
        place.empty()
    drops = now.drops | {slot: drop}
    picks = {s: p for s, p in now.picks.items() if s != slot and p.zone != slot}
    state.choose(drops=drops, picks=picks, problems=problems)
    state.update(picks=taking.picks_of(state.get()))


def _count(files: list[Any]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _exchange() -> None:
    now = state.get()
    state.choose(**taking.exchanged(now), round=now.round + 1)


def _start_over() -> None:
    state.begin_anew()
    slices.forget()


@st.cache_resource(show_spinner="Computing the synthetic head …", max_entries=1)
def _demo() -> tuple[Volume, Volume]:
    return demo_volumes()


def _open_demo() -> None:
    drops: dict[Slot, Drop] = {}
    for slot, volume in zip(SLOTS, _demo(), strict=True):
        series = Series(
            kind="demo", name="synthetic head", modality=volume.modality or "",
            body_part=volume.body_part, shape=volume.shape, spacing=volume.spacing,
            plane="axial", origin=volume.origin,
        )  # fmt: skip
        drops[slot] = Drop(Study((series,), (), 1, ()), demo=volume)
    state.choose(drops=drops, picks={slot: Pick(slot, 0) for slot in SLOTS}, problems={})
