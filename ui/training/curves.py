"""Charts of training: records in, plotly figures out; training and validation keep their colour."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fusion_core.metrics import METRICS
from trainer.console import SHOWN_METRICS
from ui.colours import GRID, MUTED, TEXT
from ui.training.history import Record, RunView, began

TRAIN = "#5ec4c0"
VALIDATION = "#d7a5ea"
_FAINT = "rgba(94,196,192,0.35)"
RUN_COLOURS = (
    "#5ec4c0", "#d7a5ea", "#f2c14e", "#7fb3ff", "#ff8f73", "#a6dba0", "#e6e6e6", "#c38d5f",
)  # fmt: skip
DASHES = ("solid", "dash", "dot", "dashdot")
STABLE = 0.002
"""Masks count as stable once no later epoch changes them by more, on average."""

_ARROWS = {"up": "↑", "down": "↓", "none": ""}


def loss_figure(view: RunView) -> go.Figure:
    """Total loss over epochs: every step window faintly, training, validation, the best epoch."""
    figure = go.Figure()
    if view.steps_seen:
        figure.add_scatter(
            x=[_place(r) for r in view.steps_seen], y=[r["total"] for r in view.steps_seen],
            name="steps", mode="lines", line={"color": _FAINT, "width": 1}, hoverinfo="skip",
        )  # fmt: skip
    _pair(figure, view.epochs_seen, "train_total", "val_total")
    if (best := view.best) is not None:
        value = best["train_total"] if best["val_total"] is None else best["val_total"]
        figure.add_scatter(
            x=[best["epoch"]], y=[value], name=f"best, epoch {best['epoch']}", mode="markers",
            marker={"color": TEXT, "size": 10, "symbol": "circle-open", "line": {"width": 2}},
            hovertemplate="best: %{y:.4f}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        height=306, margin={"l": 54, "r": 12, "t": 34, "b": 42}, legend=_legend(),
        uirevision="loss",
    )  # fmt: skip
    figure.update_xaxes(**_axis("Epoch"), range=_epochs(view))
    figure.update_yaxes(**_axis("Loss, mean over pairs"))
    return figure


def terms_figure(view: RunView) -> go.Figure:
    """Every term of the loss in a panel of its own, training and validation."""
    weights = view.config.loss if view.config else {}
    terms = list(view.epochs_seen[-1]["train_terms"]) if view.epochs_seen else list(weights)
    titles = [
        f"{term.replace('_', ' ')} <span style='color:{MUTED}'>× {weights.get(term, 1):g}</span>"
        for term in terms
    ]
    figure = _panels(titles, view)
    for i in range(len(terms)):
        where = _cell(i, len(terms))
        for side, colour, dash in _SIDES:
            points = [
                (r["epoch"], r[f"{side}_terms"][terms[i]])
                for r in view.epochs_seen
                if terms[i] in r[f"{side}_terms"]
            ]
            name = "training" if side == "train" else "validation"
            _line(figure, points, name, colour, dash, where, legend=False)
    return figure


def metrics_figure(view: RunView) -> go.Figure:
    """The most telling metrics on the validation pairs, each in a panel of its own."""
    titles = [f"{METRICS[n].title} {_ARROWS[METRICS[n].direction]}" for n in SHOWN_METRICS]
    figure = _panels(titles, view)
    for i, name in enumerate(SHOWN_METRICS):
        points = [(r["epoch"], r["means"][name]) for r in view.metrics_seen if name in r["means"]]
        _line(
            figure, points, "validation", VALIDATION, "solid", _cell(i, len(SHOWN_METRICS)),
            legend=False,
        )  # fmt: skip
    return figure


def stability_figure(view: RunView) -> go.Figure:
    """How much the masks change from epoch to epoch, on a logarithmic axis."""
    points = [(r["epoch"], r["mask_change"]) for r in view.epochs_seen if r["mask_change"]]
    figure = go.Figure()
    figure.add_hline(y=STABLE, line={"color": MUTED, "width": 1, "dash": "dot"})
    figure.add_annotation(  # a logarithmic axis wants a logarithm here, but not for the line
        x=0, xref="paper", y=math.log10(STABLE), text=f"stable below {STABLE:g}", showarrow=False,
        xanchor="left", yanchor="bottom", font={"color": MUTED, "size": 11},
    )  # fmt: skip
    _line(figure, points, "mask change", TRAIN, "solid", (None, None), legend=False)
    _small(figure, view, "Mean |change| of masks (log)")
    values = [math.log10(y) for _, y in points] + [math.log10(STABLE)]
    figure.update_yaxes(
        type="log", dtick=1, exponentformat="power",
        range=[math.floor(min(values) - 0.15), math.ceil(max(values) + 0.15)],
    )  # fmt: skip
    return figure


def rate_figure(view: RunView) -> go.Figure:
    """The learning rate of every step window."""
    points = [(_place(r), r["learning_rate"]) for r in view.steps_seen]
    points = points or [(r["epoch"], r["learning_rate"]) for r in view.epochs_seen]
    figure = go.Figure()
    _line(figure, points, "learning rate", TRAIN, "solid", (None, None), legend=False, dots=False)
    _small(figure, view, "Learning rate")
    figure.update_yaxes(rangemode="tozero", exponentformat="power")
    return figure


def stable_since(epochs: Sequence[Record]) -> int | None:
    """The first epoch from which on no epoch changed the masks by more than :data:`STABLE`."""
    since = None
    for record in epochs:
        change = record["mask_change"]
        if change is None or change > STABLE:
            since = None
        elif since is None:
            since = int(record["epoch"])
    return since


def quantities() -> dict[str, str]:
    """What curves of several runs can be laid over each other: key -> title."""
    losses = {
        "val_total": "Validation loss",
        "train_total": "Training loss",
        "mask_change": "Mask change",
        "learning_rate": "Learning rate",
    }
    return losses | {f"metric:{name}": METRICS[name].title for name in METRICS}


def series(view: RunView, quantity: str) -> list[tuple[float, float]]:
    """Epoch and value of one quantity of a run."""
    if quantity.startswith("metric:"):
        name = quantity.partition(":")[2]
        return [(r["epoch"], r["means"][name]) for r in view.metrics_seen if name in r["means"]]
    return [(r["epoch"], r[quantity]) for r in view.epochs_seen if r[quantity] is not None]


def overlay_figure(views: Sequence[RunView], quantity: str) -> go.Figure:
    """One quantity of several runs over their epochs."""
    figure = go.Figure()
    titles = [view.title for view in views]
    for i, view in enumerate(views):
        name = view.title if titles.count(view.title) == 1 else f"{view.title}, {began(view.name)}"
        colour, dash = RUN_COLOURS[i % len(RUN_COLOURS)], DASHES[i // len(RUN_COLOURS) % 4]
        _line(figure, series(view, quantity), name, colour, dash, (None, None), legend=True)
    figure.update_layout(
        height=330, margin={"l": 60, "r": 12, "t": 34, "b": 42}, legend=_legend(),
        showlegend=True,
    )  # fmt: skip
    few = max((view.epoch for view in views), default=0) <= 20
    figure.update_xaxes(**_axis("Epoch"), rangemode="tozero", dtick=1 if few else None)
    figure.update_yaxes(**_axis(quantities()[quantity]))
    if quantity == "mask_change":
        figure.update_yaxes(type="log", exponentformat="power")
    return figure


_SIDES = (("train", TRAIN, "solid"), ("val", VALIDATION, "dash"))
_COLUMNS = 4


def _pair(figure: go.Figure, records: Sequence[Record], train: str, val: str) -> None:
    for key, name, colour, dash in (
        (train, "training", TRAIN, "solid"),
        (val, "validation", VALIDATION, "dash"),
    ):
        points = [(r["epoch"], r[key]) for r in records if r[key] is not None]
        _line(figure, points, name, colour, dash, (None, None), legend=True)


def _line(
    figure: go.Figure,
    points: Sequence[tuple[float, float]],
    name: str,
    colour: str,
    dash: str,
    where: tuple[int | None, int | None],
    legend: bool,
    dots: bool = True,
) -> None:
    figure.add_scatter(
        x=[x for x, _ in points], y=[y for _, y in points], name=name, showlegend=legend,
        mode="lines+markers" if dots and len(points) < 40 else "lines",
        line={"color": colour, "width": 2, "dash": dash}, marker={"size": 4},
        hovertemplate=f"epoch %{{x:g}}: %{{y:.4g}}<extra>{name}</extra>", row=where[0],
        col=where[1],
    )  # fmt: skip


def _panels(titles: Sequence[str], view: RunView) -> go.Figure:
    columns = _columns(len(titles))
    rows = -(-len(titles) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.055,
        vertical_spacing=0.2 if rows > 1 else 0.1,
    )  # fmt: skip
    figure.update_annotations(font={"size": 12, "color": TEXT})
    figure.update_layout(
        height=190 * rows + 26, margin={"l": 44, "r": 12, "t": 30, "b": 40}, uirevision="panels",
        showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(**_axis(""), range=_epochs(view))
    figure.update_xaxes(title={"text": "Epoch", "font": {"size": 11, "color": MUTED}}, row=rows)
    figure.update_yaxes(**_axis(""), nticks=4)
    return figure


def _columns(count: int) -> int:
    """As many columns as leave no ragged row where that is possible."""
    return count if count <= _COLUMNS else 3 if count in (5, 6, 9) else _COLUMNS


def _cell(index: int, count: int) -> tuple[int, int]:
    row, column = divmod(index, _columns(count))
    return row + 1, column + 1


def _small(figure: go.Figure, view: RunView, title: str) -> None:
    figure.update_layout(
        height=220, margin={"l": 60, "r": 12, "t": 10, "b": 42}, uirevision=title,
        showlegend=False,
    )  # fmt: skip
    figure.update_xaxes(**_axis("Epoch"), range=_epochs(view))
    figure.update_yaxes(**_axis(title))


def _place(record: Record) -> float:
    return float(record["epoch"]) - 1 + float(record["step"]) / max(1.0, float(record["steps"]))


def _epochs(view: RunView) -> list[float]:
    """The axis grows with the run while that is young, so that a long run's start can be seen."""
    ahead = max(5, round(1.25 * (view.epoch + 1)))
    last = max(1, min(view.epochs or ahead, ahead))
    return [0, 1.03 * last]  # the mark of the best epoch is whole, also at the end


def _axis(title: str) -> Mapping[str, Any]:
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}}, "gridcolor": GRID,
        "zeroline": False, "tickfont": {"color": MUTED, "size": 11}, "fixedrange": True,
    }  # fmt: skip


def _legend() -> dict[str, Any]:
    return {
        "orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal",
        "font": {"size": 12},
    }  # fmt: skip
