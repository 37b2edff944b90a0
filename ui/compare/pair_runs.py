"""Training runs in a comparison: one scrubber for all of them, their curves, their pictures."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from fusion_core.metrics import METRICS
from ui import theme
from ui.colours import TEXT
from ui.compare import entries, state
from ui.training import history
from ui.training.curves import loss_figure, metrics_figure
from ui.training.history import RunView
from ui.training.look import dress
from ui.training.pictures import epochs_drawn, read_strip, strip_html

_SCRUBBER = "compare-epoch"


def runs_of(keys: Sequence[str]) -> list[str]:
    """Every training run of a comparison, once."""
    return list(dict.fromkeys(n for key in keys if (n := entries.run_of(key)) is not None))


def epochs_for(keys: Sequence[str]) -> list[int]:
    """Where the scrubber can stand: the epochs whose weights, or at least pictures, were kept."""
    found: set[int] = set()
    for name in runs_of(keys):
        kept = entries.epochs_of(name) if f"run:{name}" in keys else []
        view = history.look(name)
        found |= set(kept or (epochs_drawn(view.path) if view is not None else ()))
    return sorted(found)


def scrubber(keys: Sequence[str]) -> int | None:
    """Draw the scrubber where runs are compared.

    Returns:
        The epoch; None without runs, or where their epochs left nothing to show.
    """
    epochs = epochs_for(keys)
    if not epochs:
        return None
    kept = state.get().epoch
    at = epochs[-1] if kept is None else max((e for e in epochs if e <= kept), default=epochs[0])
    if len(epochs) == 1:
        return at
    moving = [name for name in runs_of(keys) if f"run:{name}" in keys]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.session_state[_SCRUBBER] = at
        st.select_slider(
            "Epoch", epochs, key=_SCRUBBER, on_change=_moved, width="stretch",
            help="Moves every panel of a run together: fused image, masks, metrics, the mark on "
            "its curves, and its recorded pictures.",
        )  # fmt: skip
        if moving:
            st.button(
                "Pin this epoch", icon=":material/push_pin:", key="compare-pin", on_click=_pin,
                args=(moving, at), disabled=len(keys) >= state.MOST,
                help="Adds this epoch as an entry of its own that stays where it is, to compare "
                "it with others; four entries at most.",
            )  # fmt: skip
    return at


def runs_section(keys: Sequence[str], epoch: int | None) -> None:
    """Curves with a mark at the scrubber's epoch, and the pictures that the run drew of itself."""
    for name in runs_of(keys):
        view = history.look(name)
        if view is not None and view.epochs_seen:
            _run(view, keys, epoch)


def epoch_sentence(view: RunView, epoch: int) -> str:
    """Losses of an epoch, and the metrics that were measured after it on validation pairs."""
    record = next((r for r in view.epochs_seen if r["epoch"] == epoch), None)
    if record is None:
        return f"The history of {view.title} says nothing about epoch {epoch}."
    parts = [f"training loss {record['train_total']:.4f}"]
    if record["val_total"] is not None:
        parts.append(f"validation loss {record['val_total']:.4f}")
    measured = next((r for r in view.metrics_seen if r["epoch"] == epoch), None)
    means = measured["means"] if measured is not None else {}
    parts += [f"{METRICS[n].title} {means[n]:.3f}" for n in ("SSIM_Avg", "Qabf") if n in means]
    best = " It is the best epoch." if view.best is not None and view.best is record else ""
    return f"Epoch {epoch}: {', '.join(parts)}, on its own pairs.{best}"


def _run(view: RunView, keys: Sequence[str], epoch: int | None) -> None:
    moving = f"run:{view.name}" in keys
    end = int(view.epochs_seen[-1]["epoch"])
    at = min((entries.scrubbed(view.name, epoch) if moving else epoch) or end, end)
    theme.section(f"Training run {view.title}", epoch_sentence(view, at))
    left, right = st.container(key=f"stack-run-{view.name}").columns([2, 3], gap="large")
    with left:
        theme.chart(_marked(loss_figure(view), at), f"compare-loss-{view.name}", "Loss over epochs")
    with right:
        if view.metrics_seen:
            theme.chart(
                _marked(metrics_figure(view), at), f"compare-metrics-{view.name}",
                "Metrics on the validation pairs over epochs",
            )  # fmt: skip
        else:
            st.caption("This run measured no metrics while it trained.")
    _pictures(view, at, moving)


def _marked(figure: go.Figure, epoch: int) -> go.Figure:
    figure.add_vline(x=epoch, line={"color": TEXT, "width": 1.5, "dash": "dot"})
    return figure


def _pictures(view: RunView, epoch: int, moving: bool) -> None:
    drawn = [e for e in epochs_drawn(view.path) if e <= epoch]
    if not drawn or view.config is None:
        return
    if not entries.epochs_of(view.name):
        st.caption(
            "This run kept no weights of its epochs, so only its best and its last state can fuse "
            "the pair on the screen; these are the pictures that it drew of its own pair."
        )
    title = f"Pictures drawn while training, after epoch {drawn[-1]}"
    with st.expander(title, expanded=not moving):
        strip = read_strip(view.path, drawn[-1], view.config, 0)
        if strip is None:
            st.caption("The pictures of this epoch cannot be read; choose another epoch.")
            return
        dress()
        html = strip_html(strip, "CT", drawn[-1], len(view.config.model.gates) == 1)
        st.html(f"<div style='max-width: 34rem'>{html}</div>")


def _moved() -> None:
    state.update(epoch=int(st.session_state[_SCRUBBER]))


def _pin(names: Sequence[str], epoch: int) -> None:
    choice = state.get()
    pinned = (f"epoch:{n}@{e}" for n in names if (e := entries.scrubbed(n, epoch)) is not None)
    kept = tuple(dict.fromkeys((*choice.entries, *pinned)))[: state.MOST]
    state.update(entries=kept)
