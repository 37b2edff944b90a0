"""docs/results.md against the measured files that it is made of."""

from pathlib import Path

import pytest

from benchmarks import results


def test_the_page_is_what_the_measured_files_give() -> None:
    """`python benchmarks/results.py` would change nothing."""
    assert results.PAGE.read_text(encoding="utf-8") == results.page()


def test_a_changed_number_changes_the_page(tmp_path: Path) -> None:
    """Another value in a measured file stands in the table and in the verdict."""
    for path in results.MEASURED.iterdir():
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    claims = tmp_path / "claims.csv"
    rows = claims.read_text(encoding="utf-8").splitlines()
    changed = ["ct_share_LL_mask,12" if r.startswith("ct_share_LL_mask,") else r for r in rows]
    claims.write_text("\n".join(changed) + "\n", encoding="utf-8")
    page = results.page(tmp_path)
    assert page != results.page()
    assert "12 % mean mask" in page


@pytest.mark.parametrize(
    ("ours", "verdict"), [(0.58, "confirmed"), (0.76, "refuted: higher"), (0.4, "refuted: lower")]
)
def test_a_metric_is_confirmed_within_the_published_deviation(ours: float, verdict: str) -> None:
    """The verdict follows from the published mean and standard deviation alone."""
    assert results._inside(ours, 0.5841, 0.0693) == verdict


def test_the_order_of_two_methods_is_judged_from_their_means() -> None:
    """Above, below, and too close to tell; the ratio of two trainings."""
    row = {"SSIM_Avg": "0.7", "Edge_Preservation": "0.95"}
    by_name = {
        "seed-haar": row,
        "wavelet-max": {"SSIM_Avg": "0.8", "Edge_Preservation": "0.9"},
        "resnet": {"SSIM_Avg": "0.701", "Edge_Preservation": "0.99"},
    }
    rows = results._orders(by_name, {"default-lite": 2.0, "resnet": 10.0})
    assert [line[-1] for line in rows] == [
        "confirmed", "neither: equal", "refuted", "confirmed", "refuted"
    ]  # fmt: skip


def test_wavelets_that_were_not_trained_yet_have_no_row() -> None:
    """A sweep that was stopped is tabled as far as it came."""
    values = {f"{m}_mean": "0.5" for m in ("loss", *results.METRICS)} | {
        f"{m}_sd": "" for m in ("loss", *results.METRICS)
    }
    done = {"wavelet": "haar", "runs_done": "1"} | values
    waiting = {"wavelet": "coif4", "runs_done": "0"} | dict.fromkeys(values, "")
    page = results._wavelets([done, waiting])
    assert "| `haar` | 1 | 0.5000 |" in page
    assert "`coif4` |" not in page
    assert results._wavelets([waiting]) == ""
    assert results._simplest([waiting]) == []
