"""Comparisons of methods: who is counted, what is written, and the shell's command."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import cli
from imaging.errors import InputError
from imaging.pairs import find_pairs
from pipelines.compare import Comparison, Entry, compare, conclude, known_patients
from pipelines.compare_report import difference_rows, latex, markdown, write_comparison
from pipelines.methods import MethodError, load_method, load_named


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pairs of two patients, and a folder of the CTs as "fused elsewhere"."""
    generator = np.random.default_rng(0)
    for folder in ("CT", "MRI", "copy"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for name in ("7001", "7002", "8001", "8002"):
        ct, mri = (cv2.GaussianBlur(generator.random((48, 48)), (5, 5), 2) for _ in range(2))
        for folder, image in (("CT", ct), ("MRI", mri), ("copy", ct)):
            stretched = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX)
            cv2.imwrite(str(tmp_path / "set" / folder / f"{name}.png"), stretched.astype(np.uint8))
    return tmp_path / "set"


def compared(data: Path, *rules: str, reference: str | None = None) -> Comparison:
    entries = [Entry(r, r, method=load_method(rule=r)) for r in rules]
    entries.append(Entry("copy", "Copy", folder=data / "copy"))
    return conclude(entries, list(compare(find_pairs(data), entries)), reference)


def test_outside_images_and_rules_stand_side_by_side(data: Path) -> None:
    """A copy of the CT has SSIM 1 to the CT; differences are entry less reference."""
    found = compared(data, "mean", "max")
    assert found.images == ["7001", "7002", "8001", "8002"]
    assert found.patient_names == ["7", "8"]
    assert np.allclose(found.values("copy", "SSIM_CT"), 1)
    by_hand = found.values("max", "Qabf") - found.values("mean", "Qabf")
    (d,) = [d for d in found.differences if (d.method, d.metric) == ("max", "Qabf")]
    assert d.images.mean == pytest.approx(by_hand.mean())
    assert d.per_patient["7"] == pytest.approx(by_hand[:2].mean())
    assert d.better == (by_hand.mean() > 0)


def test_only_images_of_all_methods_count(data: Path) -> None:
    """An image that one folder lacks is left out of every method, and that is said."""
    (data / "copy" / "8002.png").unlink()
    found = compared(data, "mean")
    assert found.images == ["7001", "7002", "8001"]
    assert any("1 images of mean are left out" in sentence for sentence in found.dropped)


def test_a_bad_image_is_named_and_left_out(data: Path) -> None:
    """A damaged fused image does not end the comparison."""
    (data / "copy" / "7001.png").write_bytes(b"no image")
    found = compared(data, "mean")
    assert "7001" not in found.images
    assert any(sentence.startswith("copy, 7001") for sentence in found.dropped)


def test_nothing_in_common_is_one_sentence(data: Path) -> None:
    """Where no image has scores of all, the message counts what each has."""
    entries = [Entry("a", "A", folder=data / "copy"), Entry("b", "B", folder=data / "copy")]
    steps = [s for s in compare(find_pairs(data), entries) if s.entry == "a"]
    with pytest.raises(InputError, match="a has 4; b has 0"):
        conclude(entries, steps)


def test_best_worst_and_front(data: Path) -> None:
    """Best means, the images that lose most, and the front follow from the scores."""
    scores = {
        "a": {"1": {"Qabf": 0.5, "Nabf": 0.1}, "2": {"Qabf": 0.6, "Nabf": 0.1}},
        "b": {"1": {"Qabf": 0.4, "Nabf": 0.0}, "2": {"Qabf": 0.3, "Nabf": 0.0}},
        "c": {"1": {"Qabf": 0.4, "Nabf": 0.2}, "2": {"Qabf": 0.4, "Nabf": 0.2}},
    }
    found = Comparison({n: n for n in scores}, "a", scores, {})
    assert found.best("Qabf") == {"a"}
    assert found.best("Nabf") == {"b"}
    assert found.worst("b", "Qabf") == [("2", pytest.approx(-0.3)), ("1", pytest.approx(-0.1))]
    assert found.worst("b", "Nabf") == []
    assert found.pareto("Qabf", "Nabf") == {"a", "b"}
    with pytest.raises(ValueError, match="Entropy has no good direction"):
        found.worst("b", "Entropy")


def test_names_that_tell_no_patient_make_none() -> None:
    """Unknown patients are not taken for as many patients as images."""
    assert known_patients(["left", "right"]) == {}
    assert known_patients(["p1_a", "p2_a"], r"(p\d)") == {"p1_a": "p1", "p2_a": "p2"}
    with pytest.raises(InputError, match="not a regular expression"):
        known_patients(["a"], "(")


def test_every_table_holds_the_same_numbers(data: Path, tmp_path: Path) -> None:
    """CSV, JSON, Markdown and LaTeX agree with the scores; plots are SVG files."""
    found = compared(data, "mean", "max")
    written = write_comparison(found, tmp_path / "out")
    assert {p.suffix for p in written} == {".csv", ".json", ".md", ".tex", ".svg"}
    with (tmp_path / "out" / "scores.csv").open() as file:
        rows = {(r["method"], r["image"]): r for r in csv.DictReader(file)}
    assert float(rows["max", "8001"]["VIF"]) == pytest.approx(
        found.scores["max"]["8001"]["VIF"], abs=1e-6
    )
    assert rows["max", "8001"]["patient"] == "8"
    whole = json.loads((tmp_path / "out" / "comparison.json").read_text())
    mean = whole["summaries"]["max"]["Qabf"]["mean"]
    assert mean == pytest.approx(found.summaries["max"]["Qabf"].mean)
    assert f"{mean:.3f}" in markdown(found)
    assert f"{mean:.3f}" in latex(found)
    assert latex(found).count(r"\\") == 4
    for path in written:
        if path.suffix == ".svg":
            assert b"<svg" in path.read_bytes()[:400]


def test_titles_and_small_numbers_survive_every_table() -> None:
    """Titles are text in LaTeX and Markdown; a mean near 0 keeps digits; minus is one sign."""
    values = {"SSIM_Avg": 0.5, "Nabf": 0.000068}
    scores = {"a": {"1": values}, "b": {"1": {"SSIM_Avg": 0.25, "Nabf": 0.5}}}
    found = Comparison({"a": r"50% of_a|b^2 \\$x$", "b": "B"}, "a", scores, {})
    table = latex(found)
    assert r"50\% of\_a|b\textasciicircum{}2 \textbackslash{}\textbackslash{}\$x\$ & " in table
    assert r"SSIM\_Avg $\uparrow$ & Nabf $\downarrow$" in table
    assert table.startswith("% Mean and standard deviation over 1 images")
    assert "0.000068" in table
    assert r"50% of_a\|b^2" in markdown(found)
    (row, _) = difference_rows(found, "b")[1]
    assert row[1] == "−0.2500"
    assert row[4] == "−1.00"


def test_the_same_comparison_writes_the_same_files(data: Path, tmp_path: Path) -> None:
    """Intervals and drawings are seeded, so a second run gives equal bytes."""
    first, second = (
        write_comparison(compared(data, "mean"), tmp_path / name) for name in ("one", "two")
    )
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_method_is_found_by_any_of_its_names() -> None:
    """A checkpoint's name, a rule's name, and for anything else all that there are."""
    assert load_named("mean").kind == "rule"
    assert load_named("default", "cpu").kind == "checkpoint"
    with pytest.raises(MethodError, match=r"Unknown method 'nope'; checkpoints: default.*max"):
        load_named("nope")


def test_the_command_prints_means_and_writes_tables(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shell's table has a line per method and says what holds by patient."""
    out = tmp_path / "out"
    arguments = ["compare", str(data), "--methods", "mean", "max", "--outside", str(data / "copy")]
    assert cli.main([*arguments, "--out", str(out), "--no-plots"]) == 0
    printed = capsys.readouterr().out
    assert "Maximum" in printed
    assert "2 patients here" in printed
    assert (out / "differences.csv").is_file()
    assert not list(out.glob("*.svg"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name at least one method"),
        (["--methods", "mean", "mean"], "stand for two entries: mean"),
        (["--methods", "mean", "--outside", "nowhere"], "no folder nowhere"),
        (["--methods", "mean", "--reference", "max"], "'max' is not compared"),
    ],
)
def test_wrong_requests_are_one_sentence(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    """Nothing to compare, a name twice, a missing folder, a foreign reference: exit 1."""
    assert cli.main(["compare", str(data), "--out", str(tmp_path / "out"), *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("method", ["IFCNN", "GeSeNet"])
def test_scores_of_outside_methods_equal_the_outside_table(shared: Path, method: str) -> None:
    """Every image and every metric of two peers, as ``compare`` measures them."""
    table = shared / "peers" / "scores_benchmark.csv"
    folder = shared / "peers" / "images" / method
    if not table.is_file() or not folder.is_dir():
        pytest.skip("the outside scores ../shared/peers/scores_benchmark.csv are not here")
    pairs = find_pairs(shared / "data" / "aanlib" / "benchmark")
    entries = [Entry(method, method, folder=folder)]
    found = conclude(entries, list(compare(pairs, entries)))
    with table.open(newline="") as file:
        rows = {r.pop("name"): r for r in csv.DictReader(file) if r.pop("method") == method}
    assert set(rows) == set(found.images)
    for image, expected in rows.items():
        for metric, value in expected.items():
            measured = found.scores[method][image][metric]
            assert measured == pytest.approx(float(value), rel=1e-3, abs=1e-4), (image, metric)
