"""A sweep's table and chart: what is marked, how rows are written, and in which order."""

import pytest

from trainer.sweep_results import RunRow, results
from ui.training.sweeps_chart import sweep_figure
from ui.training.sweeps_table import best_rows, in_order, ranked, table_html


def rows_of(*values: tuple[str, str, int, float]) -> list[RunRow]:
    """Done runs of one level: wavelet, loss, seed, Qabf and loss alike."""
    return [
        RunRow(f"{w}-{seed}", w, 1, loss, seed, "done", "", 1, {"loss": v, "Qabf": v, "Nabf": v},
               6100, 2.0)
        for w, loss, seed, v in values
    ]  # fmt: skip


def test_the_best_mean_is_marked_where_values_compare() -> None:
    """Qabf up, Nabf down; losses only where all rows minimise the same one; never a single row."""
    same = results(rows_of(("haar", "standard", 0, 0.5), ("db4", "standard", 0, 0.7)))
    assert best_rows(same, "Qabf") == {1}
    assert best_rows(same, "Nabf") == best_rows(same, "loss") == {0}
    other = results(rows_of(("haar", "standard", 0, 0.5), ("db4", "medical", 0, 0.7)))
    assert best_rows(other, "loss") == set()
    assert best_rows(other, "Qabf") == {1}
    assert best_rows(same[:1], "Qabf") == set()


def test_the_table_writes_mean_and_deviation_and_escapes_names() -> None:
    """0.5 and 0.7 are 0.6 ± 0.1414; a name from a file is no markup."""
    runs = rows_of(("haar", "standard", 0, 0.5), ("haar", "standard", 1, 0.7), ("<b>", "x", 0, 1.0))
    html = table_html(results(runs), runs, [1.0] * 3, every=True)
    assert "<span>0.6000</span><small>± 0.1414</small>" in html
    assert "&lt;b&gt;" in html
    assert "<b><b>" not in html
    assert "2 of 2" in html


def test_the_chart_holds_every_seed_and_every_mean() -> None:
    """Two wavelets with two seeds are two means with deviations and four points."""
    runs = rows_of(*((w, "standard", s, 0.5 + s / 10) for w in ("haar", "db4") for s in (0, 1)))
    means, points = sweep_figure(results(runs), runs, "Qabf").data
    assert list(means.y) == pytest.approx([0.55, 0.55])
    assert list(means.error_y.array) == pytest.approx([0.0707, 0.0707], abs=1e-4)
    assert len(points.y) == 4
    assert max(means.x[0], points.x[0]) < 0.5 < min(means.x[1], points.x[2])


def test_rows_stand_as_planned_or_by_a_value() -> None:
    """Qabf highest first, the loss lowest first; a row without a value comes last."""
    rows = results(
        [
            *rows_of(("haar", "standard", 0, 0.5), ("db4", "standard", 1, 0.7)),
            RunRow("new", "db8", 1, "standard", 0, "new"),
        ]
    )
    assert [r.wavelet for r in in_order(rows, "")] == ["haar", "db4", "db8"]
    assert [r.wavelet for r in in_order(rows, "Qabf")] == ["db4", "haar", "db8"]
    assert [r.wavelet for r in in_order(rows, "loss")] == ["haar", "db4", "db8"]


def test_single_runs_stand_in_the_order_of_a_value() -> None:
    """The best comes first, in the direction of the value; what has not begun is left out."""
    runs = rows_of(("haar", "standard", 0, 0.5), ("db4", "standard", 1, 0.7))
    new = RunRow("new", "db8", 1, "standard", 0, "new")
    assert [r.wavelet for r in ranked([*runs, new], "Qabf")] == ["db4", "haar"]
    assert [r.wavelet for r in ranked([*runs, new], "loss")] == ["haar", "db4"]
