"""All checkpoints in one table: search, sort by any column, choose one."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pipelines.methods import SHORT_HASH
from ui.models.entries import Entry, kind

CHOSEN = "twf_model"
_COUNT = "twf_models_table"
_MOST_ROWS = 11
_TITLES = {"SSIM_Avg": "SSIM ↑", "Qabf": "Qabf ↑", "SCD": "SCD ↑", "Nabf": "Nabf ↓"}


def data_sets(found: Sequence[Entry]) -> list[str]:
    """Labels of the data sets that models were scored on, the most shared one first."""
    counts: dict[str, int] = {}
    for entry in found:
        for label in entry.scores:
            counts[label] = counts.get(label, 0) + 1
    return sorted(counts, key=lambda label: -counts[label])


def row(entry: Entry, label: str | None) -> dict[str, Any]:
    """What the table says of a checkpoint; None where a value is not known."""
    found = entry.checkpoint
    data = {} if found is None else found.metadata.get("data", {})
    patients = data.get("train_patients", [])
    trained = f"{data['train_pairs']} pairs, {len(patients)} patients" if patients else ""
    means = {s.metric: s.mean for s in entry.scores.get(label or "", [])}
    return {
        "Name": entry.name,
        "Model": kind(entry),
        "Parameters": None if found is None else found.model.parameter_count,
        **{title: means.get(metric) for metric, title in _TITLES.items()},
        "Trained on": trained,
        "Origin": entry.origin,
        "SHA-256, verified": "damaged" if found is None else found.sha256[:SHORT_HASH],
    }


def matches(entry: Entry, words: str) -> bool:
    """Whether every word stands somewhere in the entry's line or summary."""
    about = "" if entry.checkpoint is None else str(entry.checkpoint.metadata.get("summary", ""))
    text = " ".join(str(x) for x in (*row(entry, None).values(), about) if x is not None).lower()
    return all(word in text for word in words.lower().split())


def choose(found: Sequence[Entry]) -> Entry | None:
    """Draw search, data set and table; returns the chosen entry, at first the first one."""
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    words = left.text_input(
        "Search", key="models-search", placeholder="name, wavelet, gates, hash …",
        icon=":material/search:",
    )  # fmt: skip
    labels = data_sets(found)
    label = None
    if labels:
        label = right.selectbox(
            "Scores on", labels, key="models-data",
            help="Mean over images that no model here was trained on; every score and its interval "
            "stand on the card.",
        )  # fmt: skip
    shown = [entry for entry in found if matches(entry, words)]
    if not shown:
        st.caption("No model matches; change the search.")
        return None
    event: Any = st.dataframe(
        [row(entry, label) for entry in shown],
        key=f"models-table-{st.session_state.get(_COUNT, 0)}-{words}",
        on_select="rerun", selection_mode="single-row", hide_index=True,
        height="content" if len(shown) <= _MOST_ROWS else 420, alt="All models",
        column_config=_columns(),
    )  # fmt: skip
    rows = [i for i in event.selection.rows if i < len(shown)]
    if rows:
        st.session_state[CHOSEN] = shown[rows[0]].name
    kept = st.session_state.get(CHOSEN)
    return next((entry for entry in shown if entry.name == kept), shown[0])


def show(name: str) -> None:
    """Choose a checkpoint for the next run, whatever line is marked."""
    st.session_state[CHOSEN] = name
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "Name": st.column_config.TextColumn(width="medium"),
        "Parameters": number(format="localized", width="small"),
        **{title: number(format="%.3f", width="small") for title in _TITLES.values()},
        "Origin": st.column_config.TextColumn(width="small"),
    }
