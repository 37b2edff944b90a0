"""What a sweep found: the table over seeds, a chart over wavelets, single runs, and files."""

import streamlit as st

from trainer.sweep_results import results_csv, results_markdown, runs_csv
from ui import theme
from ui.training import after, state
from ui.training.history import look as find_run
from ui.training.sweeps_chart import full_title, sweep_figure
from ui.training.sweeps_look import SweepView
from ui.training.sweeps_table import LOSS, columns, in_order, ranked, run_text, table_html, title

_NOTE = (
    "Mean over the seeds that are done, ± sample standard deviation, of the validation pairs at "
    "each run's best epoch. ↑ higher is better, ↓ lower is better; the best mean of a column is "
    "marked. A difference below the deviations says little."
)


def show(view: SweepView) -> None:
    """Draw table, chart and single runs."""
    rows = view.results
    with st.container():
        theme.section("Results", _NOTE)
        every, order = _table_choices(view)
        st.html(table_html(in_order(rows, order), view.rows, view.shares, every))
        if len({row.loss for row in rows}) > 1:
            st.caption(
                "These runs minimise different losses: compare metrics, not validation losses."
            )
        if not any(row.done for row in rows):
            st.caption("Means appear when the first run is done.")
            return
    names = columns(rows, every=True)
    start = "Qabf" if "Qabf" in names else names[0]
    shown = state.values().get("train-sweep-value", start)
    theme.section("Over wavelets", "Mean ± standard deviation, and beside it every seed.")
    # By its index: the browser shows that again when the sweep's end draws the menu anew.
    value = st.selectbox(
        "Value", names, names.index(shown if shown in names else start), key="train-sweep-value",
        format_func=full_title, width=420, label_visibility="collapsed",
    )  # fmt: skip
    name = str(state.kept("train-sweep-value", value))
    theme.chart(sweep_figure(rows, view.rows, name), "train-sweep-chart", full_title(name))
    if view.rows and any(row.deviations == {} for row in rows if row.done):
        st.caption("A combination with one finished seed has no deviation yet.")
    _runs(view, name)


def _table_choices(view: SweepView) -> tuple[bool, str]:
    """Draw what the table shows and in which order."""
    with st.container(horizontal=True, vertical_alignment="center"):
        state.prepare("train-sweep-every", False)
        every = bool(st.toggle("Every metric", key="train-sweep-every", width="content"))
        state.kept("train-sweep-every", every)
        names = ["", *columns(view.results, every)]
        key = "train-sweep-order"
        if st.session_state.get(key, state.values().get(key, "")) not in names:
            st.session_state[key] = ""
        state.prepare(key, "")
        order = st.selectbox(
            "Order", names, key=key, width=260, label_visibility="collapsed",
            format_func=lambda name: f"Best {title(name)} first" if name else "As planned",
        )  # fmt: skip
    return every, str(state.kept(key, order or ""))


def _runs(view: SweepView, name: str) -> None:
    """Open a run, or publish its best weights."""
    order = ranked(view.rows, name)
    by_name = {row.name: row for row in order}
    theme.section("Single runs", f"In the order of {full_title(name)}.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Run", list(by_name), key=f"train-sweep-run-{view.name}-{name}", width=560,
            label_visibility="collapsed",
            format_func=lambda key: _label(by_name[key].values, run_text(by_name[key]), name)
            if key in by_name else str(key),
        )  # fmt: skip
        if chosen is None:
            return
        run = f"{view.name}/{chosen}"
        if st.button("Open run", icon=":material/monitoring:", key="train-sweep-open"):
            state.request("Run", run)
            st.rerun()
        found = find_run(run)
        if found is not None and not found.alive:
            after.publish_button(found)
    if found is not None and not found.alive:
        after.below_message(found)


def _label(values: dict[str, float] | None, text: str, name: str) -> str:
    if values is None or name not in values:
        return f"{text}: not done"
    return f"{text}: {name if name != LOSS else 'validation loss'} {values[name]:.4f}"


def downloads(view: SweepView) -> None:
    """Draw the menu of files; the same texts lie in the sweep's folder."""
    with st.popover("Export", icon=":material/download:"):
        st.caption("The same files lie in the sweep's folder and are what the shell writes.")
        for label, text, name, kind in (
            ("Results (CSV)", lambda: results_csv(view.results), "results.csv", "text/csv"),
            (
                "Results (Markdown)", lambda: results_markdown(view.rows), "results.md",
                "text/markdown",
            ),
            ("Single runs (CSV)", lambda: runs_csv(view.rows), "runs.csv", "text/csv"),
        ):  # fmt: skip
            st.download_button(
                label, text, f"{view.title}_{name}", kind, key=f"train-sweep-get-{name}",
                on_click="ignore", width="stretch",
            )  # fmt: skip
