"""One run: how far it is, its curves, what its masks look like, and what can be done with it."""

from html import escape

import streamlit as st

from trainer.job import Job
from trainer.run_folder import BEST
from ui import theme
from ui.guard import guarded
from ui.quality import number
from ui.training import after, curves, look, state
from ui.training.history import RunView, all_names, began, duration, log_tail, title_of
from ui.training.history import look as find
from ui.training.pictures import evolving

BEAT = 1.0
"""Seconds between two looks at a run that is alive."""


def run_view() -> None:
    """The chosen run, or the newest one; it is looked at every second while it lives."""
    names = all_names(sweeps=True)
    if not names:
        st.html(
            "<div class='twf-empty'>Nothing was trained here yet. Choose <b>New run</b>, check the "
            "images, and press Start.</div>"
        )
        return
    chosen = state.run()
    name = chosen if chosen in names else names[0]
    if chosen is not None and chosen != name:
        st.caption(f"{title_of(chosen)} is not here any more; this is the newest run.")
    view = find(name)
    if view is None:
        return
    alive = view.alive
    st.fragment(_screen, run_every=BEAT if alive else None)(name, alive)


@guarded()
def _screen(name: str, was_alive: bool) -> None:
    state.follow()
    view = find(name)
    if view is None or was_alive != view.alive:
        st.rerun()  # the whole page: what can be done with the run is another now
        return
    with st.container():  # what comes and goes here moves no chart to another place on the page
        _head(view)
        if not view.alive:
            look.message(view.state, view.message)
            after.below_message(view)
    if view.epochs_seen or view.steps_seen:
        _body(view)
    elif view.alive:
        st.html(f"<div class='twf-empty'>{escape(_waiting_text(view))}</div>")
    _log(view)


def _head(view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", wrap=False):
        about = " · ".join(part for part in (began(view.name), _summary(view)) if part)
        st.html(
            f"<div class='twf-run'>{look.mark(view.state)}<b title='{escape(view.name)}'>"
            f"{escape(view.title)}</b><small title='{escape(about)}'>{escape(about)}</small></div>"
        )
        if view.job is not None and view.alive:
            _buttons(view.job, view.state)
        if not view.alive:
            after.actions(view)
    if view.alive:
        st.html(look.bar(view.share, f"{view.title}: {100 * view.share:.0f} % done"))
    _tiles(view)


def _buttons(job: Job, run_state: str) -> None:
    if run_state == "paused":
        st.button(
            "Resume", icon=":material/play_arrow:", key="train-go-on", on_click=job.resume,
            type="primary",
        )  # fmt: skip
    else:
        st.button(
            "Pause", icon=":material/pause:", key="train-pause", on_click=job.pause,
            disabled=run_state != "running",
            help="Waits before its next step; its state is saved.",
        )  # fmt: skip
    st.button(
        "Stop", icon=":material/stop:", key="train-stop", on_click=job.stop,
        disabled=run_state == "stopping",
        help="Ends after this step with everything saved; it can be resumed at any time.",
    )  # fmt: skip


def _summary(view: RunView) -> str:
    if view.config is None:
        return ""
    model = view.config.model
    parts = [model.summary]
    if view.started:
        pairs = f"{view.started['pairs']} + {view.started['val_pairs']} pairs"
        parts += [
            pairs,
            f"{view.started['parameters']:,} parameters",
            view.started["device"].replace(" 1 threads", " 1 thread"),
        ]
    return " · ".join(parts)


def _tiles(view: RunView) -> None:
    last = view.epochs_seen[-1] if view.epochs_seen else None
    step = view.steps_seen[-1] if view.steps_seen else None
    cells = [("Epoch", f"{view.epoch}", f"of {view.epochs}")]
    if view.alive:
        left = "–" if view.remaining is None or view.state == "queued" else duration(view.remaining)
        cells.append(("Time left", left, ""))
    elif view.epochs_seen:
        seconds = sum(r["seconds"] for r in view.epochs_seen)
        cells.append(("Trained for", duration(seconds), ""))
    if last is not None:
        cells.append(("Training loss", f"{last['train_total']:.4f}", ""))
        value = "–" if last["val_total"] is None else f"{last['val_total']:.4f}"
        cells.append(("Validation loss", value, ""))
        cells.append(("Best", f"{last['best_loss']:.4f}", f"epoch {last['best_epoch']}"))
    recent = step or last
    if recent is not None:
        cells.append(("Learning rate", f"{recent['learning_rate']:.2g}", ""))
        cells.append(("Speed", _speed(recent["pairs_per_second"]), "pairs/s"))
        if recent["memory"]:
            cells.append(("GPU memory, peak", f"{recent['memory'] / 2**30:.1f}", "GiB"))
    if last is not None and last["clipped"] is not None:
        cells.append(("Clipped", f"{100 * last['clipped']:.2f}", "% of head"))
    html = "".join(
        f"<div><span class='q'>{title}</span><b>{escape(value)}<small>{unit}</small></b></div>"
        for title, value, unit in cells
    )
    st.html(f"<div class='twf-sum twf-tiles' data-epoch='{view.epoch}'>{html}</div>")


def _speed(pairs: float) -> str:
    return f"{pairs:.0f}" if pairs >= 10 else f"{pairs:.2g}"


def _waiting_text(view: RunView) -> str:
    if view.state == "queued":
        ahead = "one run" if view.waiting == 1 else f"{view.waiting} runs"
        return f"Waiting for {ahead} on this device." if view.waiting else "Starting."
    return view.message if view.started is None else "The first steps are under way."


def _body(view: RunView) -> None:
    left, right = st.columns([5, 4], gap="large")
    with left:
        theme.section("Loss")
        theme.chart(curves.loss_figure(view), "train-loss", "Training and validation loss by epoch")
        _under_loss(view)
    with right:
        theme.section("Fused image and masks")
        if view.config is not None:
            evolving(view.path, view.config, view.alive)
    if view.epochs_seen:
        theme.section(
            "Parts of the loss",
            "Unweighted; the weight of each stands beside its name. Solid: training, dashed: "
            "validation.",
        )
        theme.chart(curves.terms_figure(view), "train-terms", "Every loss term by epoch")
    _metrics(view)


def _under_loss(view: RunView) -> None:
    first, second = st.columns(2, gap="medium")
    with first:
        theme.section("Mask stability")
        theme.chart(
            curves.stability_figure(view), "train-stability",
            "Mean absolute change of the masks from epoch to epoch",
        )  # fmt: skip
        st.caption(stability_text(view))
    with second:
        theme.section("Learning rate")
        theme.chart(curves.rate_figure(view), "train-rate", "Learning rate by epoch")


def stability_text(view: RunView) -> str:
    """What the changes of the masks say so far."""
    changes = [r for r in view.epochs_seen if r["mask_change"] is not None]
    if not changes:
        return "Mean absolute change of all masks of the drawn pairs; known from epoch 2 on."
    last = changes[-1]
    text = f"Epoch {last['epoch']} moved the masks by {last['mask_change']:.2g} of 1 on average"
    since = curves.stable_since(changes)
    if since is None:
        return f"{text}: not stable (limit {curves.STABLE:g})."
    return f"{text}: stable since epoch {since} (limit {curves.STABLE:g})."


def _metrics(view: RunView) -> None:
    if view.metrics_seen:
        last = view.metrics_seen[-1]
        theme.section(
            "Metrics on the validation pairs",
            f"Measured beside training on the 8-bit fused images; newest: epoch {last['epoch']}. "
            "↑ higher is better, ↓ lower is better.",
        )
        theme.chart(curves.metrics_figure(view), "train-metrics", "Validation metrics by epoch")
        with st.expander("All metrics"):
            st.html(metrics_table(view))
    elif view.started and not view.started["val_pairs"]:
        st.caption("No validation pairs: the best epoch is the one of the lowest training loss.")


def metrics_table(view: RunView) -> str:
    """Every metric of the newest measurement, and of the best epoch where it was measured."""
    from fusion_core.metrics import METRICS

    last = view.metrics_seen[-1]
    best_epoch = view.best["epoch"] if view.best else None
    best = next((r for r in view.metrics_seen if r["epoch"] == best_epoch), None)
    rows = "".join(
        f"<tr><td>{escape(metric.title)} <small>{escape(name)}</small></td>"
        f"<td class='n'>{_cell(last, name)}</td><td class='n'>{_cell(best, name)}</td></tr>"
        for name, metric in METRICS.items()
    )
    head = f"epoch {best_epoch}, best" if best is not None else "best epoch not measured"
    return (
        f"<table class='twf'><tr><th>Metric, mean ± sd over pairs</th>"
        f"<th class='n'>epoch {last['epoch']}, newest</th><th class='n'>{head}</th></tr>"
        f"{rows}</table>"
    )


def _cell(record: object, name: str) -> str:
    if not isinstance(record, dict) or name not in record["means"]:
        return "–"
    return f"{number(record['means'][name])} ± {number(record['deviations'].get(name, 0.0))}"


def _log(view: RunView) -> None:
    if text := log_tail(view.path):
        with st.expander("Log", icon=":material/notes:"):
            st.html(f"<div class='twf-log'><div>{escape(text)}</div></div>")
            st.caption(f"Everything of this run lies in {view.path}; the best weights in {BEST}.")
