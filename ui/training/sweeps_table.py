"""The results of a sweep as one table: a row per combination, mean and deviation over its seeds."""

import math
from collections.abc import Sequence
from html import escape
from statistics import fmean

from fusion_core.metrics import METRICS
from trainer.console import SHOWN_METRICS
from trainer.sweep_results import ARROWS, ResultRow, RunRow
from ui.quality import ARROWS as MEANING
from ui.training import look
from ui.training.history import duration

LOSS = "loss"
_ORDER = ("running", "paused", "stopping", "interrupted", "stopped", "failed", "queued", "new")
"""Of the runs of one row that are not done, the state that is shown first."""


def columns(rows: Sequence[ResultRow], every: bool = False) -> list[str]:
    """The loss and the usual metrics, or all of them; only those with a value once there is one."""
    chosen = METRICS if every else SHOWN_METRICS
    present = {name for row in rows for name in row.means}
    extra = sorted(present - {LOSS, *METRICS}) if every else []
    return [name for name in (LOSS, *chosen, *extra) if not present or name in present]


def title(name: str) -> str:
    """A value's name with the direction that is better."""
    if name == LOSS:
        return "Validation loss\u00a0↓"
    arrow = ARROWS[METRICS[name].direction] if name in METRICS else ""
    return name + arrow.replace(" ", "\u00a0")  # no line break between them


def best_rows(rows: Sequence[ResultRow], name: str) -> set[int]:
    """The rows with the best mean of a value; none where nothing can be said.

    Losses compare only where all rows minimise the same one, and some metrics have no direction.
    """
    if name == LOSS:
        direction = "down" if len({row.loss for row in rows}) == 1 else "none"
    else:
        direction = METRICS[name].direction if name in METRICS else "none"
    known = {i: row.means[name] for i, row in enumerate(rows) if name in row.means}
    if direction == "none" or len(known) < 2:
        return set()
    best = (max if direction == "up" else min)(known.values())
    return {i for i, value in known.items() if value == best}


def table_html(
    rows: Sequence[ResultRow], runs: Sequence[RunRow], shares: Sequence[float], every: bool
) -> str:
    """The table.

    Args:
        rows: one per combination, in order.
        runs: every run, with its state of this moment.
        shares: how much of each run is done.
        every: every metric instead of the usual ones.
    """
    names = columns(rows, every)
    best = {name: best_rows(rows, name) for name in names}
    heads = "".join(
        f"<th class='n' title='{escape(_meaning(name))}'>"
        f"{escape(title(name)).replace('_', '_<wbr>')}</th>"
        for name in names
    )
    lines = [
        "<tr><th>Wavelet</th><th class='n'>Levels</th><th>Loss</th><th>Seeds done</th>"
        f"{heads}<th class='n'>Parameters</th><th class='n'>Time a run</th></tr>"
    ]
    for i, row in enumerate(rows):
        members = [
            (run, share)
            for run, share in zip(runs, shares, strict=True)
            if (run.wavelet, run.levels, run.loss) == (row.wavelet, row.levels, row.loss)
        ]
        cells = "".join(_value(row, name, i in best[name]) for name in names)
        lines.append(
            f"<tr><td><b>{escape(row.wavelet)}</b></td><td class='n'>{row.levels}</td>"
            f"<td class='twf-loss'>{escape(row.loss.replace(',', ', '))}</td>"
            f"<td>{_state(row, members)}</td>{cells}{_cost([run for run, _ in members])}</tr>"
        )
    return f"<div class='twf-scroll'><table class='twf twf-sweep'>{''.join(lines)}</table></div>"


def _meaning(name: str) -> str:
    if name == LOSS:
        return "Total loss on the validation pairs at the best epoch; lower is better"
    if name not in METRICS:
        return "A metric of your own"
    return f"{METRICS[name].title}: {MEANING[METRICS[name].direction].lstrip('↑↓– ')}"


def _value(row: ResultRow, name: str, best: bool) -> str:
    if name not in row.means:
        return "<td class='n'>–</td>"
    spread = row.deviations.get(name)
    below = "" if spread is None else f"<small>± {_number(spread)}</small>"
    mark = " class='n twf-best' title='best mean'" if best else " class='n'"
    return f"<td{mark}><span>{_number(row.means[name])}</span>{below}</td>"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.2f}"


def _state(row: ResultRow, members: Sequence[tuple[RunRow, float]]) -> str:
    """How many seeds are done, and what the others are doing."""
    counted = f"<span class='twf-count'>{row.done} of {row.planned}</span>"
    left = [(run, share) for run, share in members if run.state != "done"]
    if not left:
        return counted
    run, share = min(left, key=lambda entry: _ORDER.index(entry[0].state))
    word = look.mark(run.state) if run.state != "new" else ""
    if run.state in ("running", "paused", "stopping"):
        word += f"<small>seed {run.seed}, {100 * share:.0f} %</small>"
    return f"{counted} {word}"


def _cost(runs: Sequence[RunRow]) -> str:
    parameters = next((run.parameters for run in runs if run.parameters is not None), None)
    seconds = [run.seconds for run in runs if run.seconds is not None]
    size = "–" if parameters is None else f"{parameters:,}"
    time = _time(fmean(seconds)) if seconds else "–"
    return f"<td class='n'>{size}</td><td class='n'>{time}</td>"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def in_order(rows: Sequence[ResultRow], name: str) -> list[ResultRow]:
    """The rows with the best mean of a value first, those without it last; "" leaves them."""
    if not name:
        return list(rows)
    down = _down(name)

    def key(row: ResultRow) -> tuple[bool, float]:
        value = row.means.get(name)
        return value is None, 0.0 if value is None else value if down else -value

    return sorted(rows, key=key)


def _down(name: str) -> bool:
    return name == LOSS or (name in METRICS and METRICS[name].direction == "down")


def ranked(runs: Sequence[RunRow], name: str) -> list[RunRow]:
    """Runs that can be opened, the best by a value first, then those without it in order."""
    down = _down(name)

    def key(run: RunRow) -> tuple[bool, float]:
        value = (run.values or {}).get(name, math.nan)
        return math.isnan(value), 0.0 if math.isnan(value) else value if down else -value

    return sorted((run for run in runs if run.state not in ("new", "queued")), key=key)


def run_text(run: RunRow) -> str:
    """A run in a few words."""
    levels = "1 level" if run.levels == 1 else f"{run.levels} levels"
    return f"{run.wavelet}, {levels}, {run.loss}, seed {run.seed}"
