"""The clinical checks as they are used: a cohort of heads, a pair, the shell, the Fuse page."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch

from cli import main
from fusion_core.phantom import Tissue
from imaging.errors import InputError
from imaging.write import encode_png
from pipelines.cases import CASES, case_labels, render_case
from pipelines.clinical import (
    CHECKS,
    Finding,
    SliceRecord,
    check_methods,
    csv_text,
    mark,
    phantom_slices,
    summarise,
    text_table,
)
from pipelines.clinical_pair import FAULTS, STANDS_OUT, mask_regions, pair_lines
from pipelines.fuse import FusedPair, fuse_pair
from pipelines.methods import load_method
from tests.app_driver import by_key, own_images, png_pair, start, upload, words
from tests.app_driver import write_checkpoints as write
from ui.clinical_panel import table_html


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def bleed() -> FusedPair:
    """The bundled bleed, fused by the mean."""
    return fuse_pair(*render_case(CASES["bleed"]), load_method(rule="mean"))


def test_every_lesion_meets_every_sequence_over_three_heads() -> None:
    """Three heads give a slice per kind of lesion and sequence, and the lesion lies in it."""
    slices = list(phantom_slices(3, size=64))
    assert len(slices) == 12
    for place, tissue in enumerate(
        (Tissue.TUMOUR, Tissue.INFARCT, Tissue.BLEED, Tissue.CALCIFICATION)
    ):
        own = [picture for _, picture in slices][place::4]
        assert {picture.sequence for picture in own} == {"T1", "T2", "FLAIR"}
        assert all((picture.labels == tissue).any() for picture in own)
    with pytest.raises(InputError, match="1 or more"):
        next(phantom_slices(0))


def test_the_rules_differ_as_they_must() -> None:
    """The plain mean leaves about half of the cortex; no pixel rule rings or invents."""
    methods = [load_method(rule=name) for name in ("mean", "max")]
    records = list(check_methods(methods, heads=1))
    assert [record.index for record in records] == list(range(1, 9))
    found = {(s.method, s.check): s for s in summarise(records)}
    assert set(found) == {(m, c) for m in ("mean", "max") for c in CHECKS}
    assert found["mean", "cortex"].mean < 0.8 < found["max", "cortex"].mean
    for rule in ("mean", "max"):
        assert found[rule, "outside"].worst < 1
        assert found[rule, "invented_area"].worst == 0
    assert found["max", "bleed_seen"].count >= 1


def test_mean_and_worst_are_told_with_the_place_of_the_worst() -> None:
    """Of shares the smallest is the worst, of faults the largest; without places it is empty."""
    records = [
        SliceRecord(
            1, 2, "x", "head 1", (Finding("cortex", 0.8, ""), Finding("outside", 4.0, "row 1"))
        ),
        SliceRecord(
            2, 2, "x", "head 2", (Finding("cortex", 0.4, ""), Finding("outside", 8.0, "row 2"))
        ),
    ]
    found = {s.check: s for s in summarise(records)}
    assert (found["cortex"].mean, found["cortex"].worst) == pytest.approx((0.6, 0.4))
    assert (found["outside"].worst, found["outside"].where) == (8.0, "head 2, row 2")
    assert found["bleed_seen"].count == 0
    rows = {row["check"]: row for row in csv.DictReader(io.StringIO(csv_text(summarise(records))))}
    assert (rows["cortex"]["mean"], rows["cortex"]["mark"]) == ("0.6000", "weaker")
    assert rows["bleed_seen"]["mean"] == ""
    assert "60 % (40)" in text_table(summarise(records))


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.7, "share", "kept"), (0.69, "share", "weaker"), (0.29, "share", "lost"),
        (-0.5, "share", "lost"), (4.9, "grey levels", "clean"), (5, "grey levels", "faint"),
        (25, "mm²", "plain"),
    ],
)  # fmt: skip
def test_marks_follow_their_thresholds(value: float, unit: str, said: str) -> None:
    """70 and 30 % of a share, 5 and 25 grey levels or mm² of a fault."""
    assert mark(value, unit) == said  # type: ignore[arg-type]


def test_a_known_case_names_its_lesions(bleed: FusedPair) -> None:
    """The mean rule weakens the bleed of the bundled case, and the table says so."""
    lines = pair_lines(bleed, case_labels(CASES["bleed"]))
    (seen,) = (line for line in lines if line.what == "Bleed")
    assert seen.group == STANDS_OUT
    assert seen.ct is not None
    assert seen.ct > 2
    (bright,) = (line for line in lines if line.what.startswith("Bleed, "))
    assert bright.kept is not None
    assert bright.kept < 0.7
    assert bright.mark in ("weaker", "lost")
    faults = [line.what for line in lines if line.group == FAULTS]
    assert faults == [CHECKS[key].title for key in ("outside", "skull", "invented")]
    assert any(line.what.startswith("Cortex") for line in lines)


def test_a_marked_region_and_bright_regions_serve_where_nothing_is_known(bleed: FusedPair) -> None:
    """A mask on the bleed stands out in the CT; bright regions are listed with their source."""
    mask = (case_labels(CASES["bleed"]) == Tissue.BLEED).astype(np.uint8)
    lines = pair_lines(bleed, regions=mask_regions(7 * mask))
    assert lines[0].what == "Marked region"
    assert lines[0].ct is not None
    assert lines[0].ct > 2
    assert any(line.what.startswith("Bright on CT") for line in lines)
    assert len(mask_regions(mask + 2 * np.eye(256, dtype=np.uint8))) > 1
    with pytest.raises(ValueError, match="0 everywhere"):
        mask_regions(0 * mask)
    with pytest.raises(ValueError, match="values"):
        mask_regions(np.arange(100).reshape(10, 10))


def test_the_shell_checks_heads_and_pairs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """clinical prints a column per method and writes a CSV; --pair prints one pair's table."""
    out = tmp_path / "c.csv"
    words = ["clinical", "--methods", "mean", "max", "--heads", "1", "--csv", str(out)]
    assert main(words) == 0
    assert "Fresh bleed still bright" in capsys.readouterr().out
    with out.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 2 * len(CHECKS)
    ct, mri = png_pair()
    paths = [tmp_path / name for name in ("ct.png", "mri.png", "mask.png", "wrong.png")]
    mask = np.zeros((96, 96), np.uint8)
    mask[40:50, 40:50] = 1
    for path, data in zip(paths, (ct, mri, encode_png(mask), encode_png(mask[:-1])), strict=True):
        path.write_bytes(data)
    pair = ["clinical", "--methods", "max", "--pair", str(paths[0]), str(paths[1])]
    assert main([*pair, "--mask", str(paths[2])]) == 0
    assert "Marked region" in capsys.readouterr().out
    assert main([*pair, "--mask", str(paths[3])]) == 1
    assert "must have the size of its CT" in capsys.readouterr().err
    assert main(["clinical", "--methods", "max", "--mask", str(paths[2])]) == 1
    assert main([*pair, "--csv", str(out)]) == 1


def test_the_table_escapes_and_marks_without_colour_alone(bleed: FusedPair) -> None:
    """Each mark is a sign and a word; what is lost is also coloured."""
    html = table_html(pair_lines(bleed, case_labels(CASES["bleed"])))
    assert "● clean" in html
    assert ("◐ weaker" in html) or ("○ lost" in html)


def test_the_fuse_page_shows_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundled case names its lesions; swapped or own images fall back to bright regions."""
    write(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))
    app = start()
    text = words(app)
    assert "What must still be seen" in text
    assert "Tumour" in text
    assert "Cortex, against the MRI" in text
    assert "Edge of neither image" in text
    by_key(app.selectbox, "case").set_value("bleed").run()
    assert "Bleed, against the CT" in words(app)
    next(b for b in app.button if b.label.startswith("Swap")).click().run()
    assert "Bright regions of either image are found" in words(app)
    ct, mri = png_pair()
    own_images(app)
    upload(app, "ct", "a.png", ct)
    upload(app, "mri", "b.png", mri)
    assert not app.exception
    assert "draw around it" in words(app)
    assert "Tumour" not in words(app)
