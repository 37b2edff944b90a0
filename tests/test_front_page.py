"""docs/front.md against the measured file that it is made of."""

from benchmarks import front


def test_the_page_and_the_figure_are_what_the_measured_rows_give() -> None:
    """`python benchmarks/front.py --page` would change nothing, and another number would."""
    rows = front.read()
    assert (front.DOCS / "front.md").read_text(encoding="utf-8") == front.page(rows)
    assert b"fitted gates" in front.draw(rows)
    changed = [{**row, "Qabf": "0.123"} if row["name"] == "findings" else row for row in rows]
    assert "| `findings` | 0.123 |" in front.page(changed)


def test_aims_are_reached_from_the_right_side() -> None:
    """More is better but for Nabf and Qcv; a value equal to its aim reaches it."""
    row = {m: str(aim) for m, aim in front.AIMS.items()}
    assert front.reached(row, front.AIMS) == list(front.AIMS)
    worse = {m: str(a + (0.001 if m in front.LESS else -0.001)) for m, a in front.AIMS.items()}
    assert front.reached(worse, front.AIMS) == []


def test_aims_are_carried_over_by_what_dilated_lacks() -> None:
    """Where `dilated` is short by some amount on the 21 pairs, so is it here of the carried aim."""
    rows = front.read()
    here, usual = (
        next(row for row in rows if (row["kind"], row["name"]) == (kind, "dilated"))
        for kind in (front.PRESET, front.USUAL)
    )
    aims = front.carried(rows)
    for metric, aim in front.AIMS.items():
        assert abs((aims[metric] - float(here[metric])) - (aim - float(usual[metric]))) < 1e-9
