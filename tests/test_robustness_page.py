"""The robustness benchmark: what it does to a pair, and the page of its measured numbers."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import robustness, robustness_page, sheets
from benchmarks.robustness import DISTURBANCES, Sample, bias, blur, noise, resize, rows_of, shift
from pipelines.methods import load_method

DOCS = robustness.ROOT / "docs"


@pytest.fixture
def sample() -> Sample:
    """An even square in the middle of black, with a bleed in it."""
    image = np.zeros((32, 32), np.float32)
    image[8:24, 8:24] = 0.5
    bleed, around = np.zeros((32, 32), bool), image > 0
    bleed[14:18, 14:18] = True
    return Sample("x001", np.where(bleed, 0.9, image).astype(np.float32), image, bleed, around)


def test_the_page_is_what_the_measured_file_gives() -> None:
    """`python benchmarks/robustness.py --page` would change nothing."""
    rows = robustness_page.read(DOCS / "measured" / "robustness.csv")
    checks = robustness_page.read(DOCS / "measured" / "clinical.csv")
    page = (DOCS / "robustness.md").read_text(encoding="utf-8")
    assert page == robustness_page.page(rows, checks)
    changed = [row | {"Qabf": "0.1234"} for row in rows]
    assert "0.123" in robustness_page.page(changed, checks)
    changed = [row | {"mean": "0.4321"} for row in checks]
    assert "43 (" in robustness_page.page(rows, changed)
    assert {row["data"] for row in rows} <= {"phantom", "atlas"}


def test_the_figure_is_an_svg_with_every_method() -> None:
    """Each method of the curves stands in the legend."""
    rows = robustness_page.read(DOCS / "measured" / "robustness.csv")
    drawing = robustness_page.curves(rows).decode()
    assert drawing.startswith("<?xml")
    assert all(row["method"] in drawing for row in rows if row["disturbance"] == "noise")


def test_disturbances_do_what_they_say(sample: Sample) -> None:
    """Noise has its deviation, a blur keeps the mean, a bias is ± at the corners, a shift moves."""
    grey = Sample("g001", np.full((64, 64), 0.5, np.float32), np.full((64, 64), 0.5, np.float32))
    assert noise(grey, 5).ct.std() == pytest.approx(0.05, rel=0.05)
    assert not np.array_equal(noise(grey, 5).ct, noise(grey, 5).mri)
    assert np.array_equal(noise(grey, 5).ct, noise(grey, 5).ct)
    assert blur(sample, 1).ct.mean() == pytest.approx(sample.ct.mean(), rel=1e-3)
    assert np.array_equal(bias(sample, 40).ct, sample.ct)
    assert bias(grey, 40).mri[[0, -1], [0, -1]] == pytest.approx([0.3, 0.7])
    assert np.array_equal(shift(sample, 3).mri[:, 3:], sample.mri[:, :-3])
    assert np.array_equal(shift(sample, 3).ct, sample.ct)
    for apply, strengths in DISTURBANCES.values():
        assert list(strengths) == sorted(strengths)
        assert apply(sample, strengths[0]).ct.dtype == np.float32


@pytest.mark.parametrize("side", [16, 64])
def test_another_size_keeps_the_picture_and_its_bleed(sample: Sample, side: int) -> None:
    """The bleed covers the same share of the picture."""
    resized = resize(sample, side)
    assert resized.ct.shape == resized.mri.shape == (side, side)
    assert resized.bleed is not None
    assert sample.bleed is not None
    assert resized.bleed.mean() == pytest.approx(sample.bleed.mean())


def test_rows_hold_means_and_outside_images_the_zero_point(sample: Sample, tmp_path: Path) -> None:
    """A method has every disturbance, a folder of fused images the undisturbed pair alone."""
    (tmp_path / "peer").mkdir()
    picture = sheets.to_8bit(sample.ct)
    (tmp_path / "peer" / "x001.png").write_bytes(sheets.encode_png(picture))
    given = list(robustness.disturbed([sample]))
    rows = list(rows_of("phantom", given, [load_method(rule="max")], [tmp_path / "peer"]))
    assert {row["disturbance"] for row in rows if row["method"] == "max"} == {
        "none", "size", *DISTURBANCES
    }  # fmt: skip
    (peer,) = (row for row in rows if row["method"] == "peer")
    assert (peer["disturbance"], peer["images"]) == ("none", "1")
    assert float(peer["bleed"]) == pytest.approx(1, abs=0.01)


def test_a_sheet_of_patients_is_refused_inside_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file may lie anywhere else."""
    command = ["sheets.py", str(sheets.ROOT / "docs" / "x.png"), "--data", str(tmp_path)]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit, match="must not lie in the repository"):
        sheets.main()
