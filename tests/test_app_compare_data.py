"""The data-set view of the Compare page without a browser: form, result, worst cases, words."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fusion_core.metrics import METRICS
from imaging.errors import InputError
from imaging.pairs import find_pairs
from imaging.read import read_image
from imaging.write import encode_png
from pipelines.compare import Comparison, Entry, compare, conclude
from pipelines.compare_job import CompareJob, Snapshot
from pipelines.compare_report import comparison_files
from pipelines.methods import load_method
from tests.app_driver import ROOT, TIMEOUT, by_key, open_page, start, words, write_checkpoints
from tests.synthetic import write_folder
from tests.training_app import zip_of
from ui.compare import data_figures, data_tables, data_view, outside
from ui.compare.data_files import offered, zipped
from ui.compare.data_gallery import fused_image, losses
from ui.compare.data_make import Request, about_names, make_task
from ui.compare.data_places import comparisons
from ui.zip_drop import Upload

NAMES = ("1001", "1002", "2001")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fresh checkpoints and runs; no comparison outlives its test."""
    (tmp_path / "weights").mkdir()
    write_checkpoints(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TWF_RUNS", str(tmp_path / "runs"))
    yield tmp_path
    comparisons().stop_all(20)
    comparisons.clear()


def data_set() -> AppTest:
    """The view of a new visitor, by its address."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT).run()
    app.switch_page("pages/compare.py")
    app.query_params["view"] = "data-set"
    app.run()
    assert not app.exception
    return app


def of_rules(app: AppTest, data: Path) -> AppTest:
    """Choose a folder and three rules."""
    by_key(app.text_input, "data-folder").set_value(str(data)).run()
    chosen = ["rule:mean", "rule:max", "rule:wavelet-max"]
    by_key(app.multiselect, "data-methods").set_value(chosen).run()
    return app


def compared(app: AppTest) -> CompareJob:
    """Press Compare, wait for the end, and look again."""
    by_key(app.button, "data-start").click().run()
    job = comparisons().jobs()[0]
    assert job.wait(60)
    app.run()
    assert not app.exception
    return job


def measured(data: Path, *names: str) -> Comparison:
    """What the shell would find."""
    methods = [load_method(rule=name, device="cpu") for name in names]
    entries = [Entry(m.name, m.title, method=m) for m in methods]
    return conclude(entries, list(compare(find_pairs(data), entries)))


def made(patients: int, slices: int, gain: float, spread: float) -> Comparison:
    """Scores of two methods whose difference varies by patient and hardly by slice."""
    generator = np.random.default_rng(5)
    shift = gain + spread * generator.standard_normal(patients)
    scores: dict[str, dict[str, dict[str, float]]] = {"a": {}, "b": {}}
    owner = {}
    for patient in range(patients):
        for number in range(slices):
            image = f"p{patient:02d}_{number}"
            owner[image] = f"p{patient:02d}"
            base = 0.5 + 0.05 * generator.standard_normal()
            noise = 0.001 * generator.standard_normal()
            scores["a"][image] = {"Qabf": base, "Nabf": 0.1}
            scores["b"][image] = {"Qabf": base + shift[patient] + noise, "Nabf": 0.1}
    return Comparison({"a": "Method A", "b": "Method B"}, "a", scores, owner)


def test_a_new_visitor_sees_what_to_do() -> None:
    """The form with three methods, an empty state, and Compare waits for pairs."""
    app = data_set()
    assert "press <b>Compare</b>" in words(app)
    assert by_key(app.button, "data-start").disabled
    assert len(by_key(app.multiselect, "data-methods").value) == 3
    by_key(app.button_group, "data-source").set_value("Zip upload").run()
    assert "deleted with the comparison" in words(app)
    by_key(app.button_group, "data-source").set_value("Bundled cases").run()
    assert "4 pairs. Their names do not tell the patients" in words(app)
    assert not by_key(app.button, "data-start").disabled
    assert not app.error


def test_the_page_shows_the_numbers_of_the_shell_and_keeps_them(home: Path) -> None:
    """Tables and files are those of the same comparison; a new tab and another page find it."""
    data = write_folder(home / "data")
    app = of_rules(data_set(), data)
    assert "3 pairs of 2 patients: 1, 2." in words(app)
    job = compared(app)
    said = words(app)
    shell = measured(data, "mean", "max", "wavelet-max")
    assert shell.patient_note in said
    for name in ("mean", "max"):
        mean = shell.summaries[name]["Qabf"].mean
        assert f"{mean:.3f}" in said
    found = job.snapshot().found
    assert found is not None
    # One thread here and one there add up alike; the files agree to the last digit.
    assert comparison_files(found, plots=False) == comparison_files(shell, plots=False)
    assert app.query_params["set"] in (job.name, [job.name])
    again = data_set()
    assert "Means over 3 images of 2 patients" in words(again)
    open_page(app, "about")
    open_page(app, "compare")
    assert "Means over 3 images of 2 patients" in words(app)
    assert by_key(app.text_input, "data-folder").value == str(data)


def test_a_worst_case_opens_in_the_one_pair_view(home: Path) -> None:
    """Open shows that pair with both methods, the better one as reference."""
    data = write_folder(home / "data")
    app = of_rules(data_set(), data)
    job = compared(app)
    by_key(app.selectbox, "data-loser").set_value("mean").run()
    by_key(app.selectbox, "data-winner").set_value("max").run()
    found = job.snapshot().found
    assert found is not None
    worst = losses(found, "mean", "max", "Qabf")
    assert worst
    assert "data:image/png;base64" in words(app)
    by_key(app.button, f"data-open-{worst[0].image}").click().run()
    assert not app.exception
    choice = app.session_state["twf_compare_pair"]
    assert (choice.entries, choice.reference) == (("rule:mean", "rule:max"), "rule:max")
    assert app.session_state["twf_choice"].ct.image.name == f"{worst[0].image}.png"
    assert "twf-compare" in words(app)


def test_an_uploaded_zip_goes_with_its_comparison(home: Path) -> None:
    """A hurt zip is one sentence; a good one is unpacked, and gone once deleted."""
    source = write_folder(home / "data")
    good = zip_of({f"s/{p.relative_to(source)}": p.read_bytes() for p in source.rglob("*.png")})
    app = data_set()
    by_key(app.multiselect, "data-methods").set_value(["rule:mean"]).run()
    by_key(app.button_group, "data-source").set_value("Zip upload").run()
    by_key(app.file_uploader, "data-zip").set_value(("hurt.zip", good[:200], "")).run()
    by_key(app.button, "data-start").click().run()
    assert "hurt.zip is not a zip file that can be read" in words(app)
    assert comparisons().jobs() == []
    by_key(app.file_uploader, "data-zip").set_value(("set.zip", good, "")).run()
    job = compared(app)
    assert job.task.title == "set"
    folder = job.task.data
    assert len(list(folder.rglob("*.png"))) == 6
    assert "Means over 3 images" in words(app)
    assert "Worst cases" not in words(app)  # nothing to lose to
    by_key(app.button, "data-delete").click().run()
    assert "Delete this comparison for good?" in words(app)
    by_key(app.button, "data-delete-yes").click().run()
    assert not folder.exists()
    assert "press <b>Compare</b>" in words(app)
    assert not app.exception


def test_what_is_wrong_is_said_at_the_form(home: Path) -> None:
    """A folder that is none and a pattern that fits no name: a sentence each, and no start."""
    app = of_rules(data_set(), home / "nowhere")
    assert "is not a folder" in words(app)
    assert by_key(app.button, "data-start").disabled
    by_key(app.text_input, "data-folder").set_value(str(write_folder(home / "data"))).run()
    by_key(app.text_input, "data-pattern").set_value("(x)").run()
    assert "finds no patient in 1001" in words(app)
    assert by_key(app.button, "data-start").disabled
    by_key(app.text_input, "data-outside-folder").set_value(str(home / "nothing")).run()
    by_key(app.button, "data-outside-folder-add").click().run()
    assert "There is no folder" in words(app)
    by_key(app.text_input, "data-outside-folder").set_value(str(home / "data" / "CT")).run()
    by_key(app.button, "data-outside-folder-add").click().run()
    assert by_key(app.multiselect, "data-methods").value[-1] == f"folder:{home / 'data' / 'CT'}"


def test_images_made_elsewhere_come_from_folders_and_zips(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are scored alike; a second entry of one name gets a number; a zip leaves no path out."""
    data = write_folder(home / "data")
    files = {f"CT/{p.name}": p.read_bytes() for p in (data / "CT").iterdir()}
    kept = {
        f"folder:{data / 'CT'}": outside.Outside("CT", {}, single=False),
        "upload:CT": outside.Outside(
            "CT", outside._members(zip_of(files), "CT.zip"), single=False
        ),
    }  # fmt: skip
    monkeypatch.setattr(outside, "known", lambda: kept)
    request = Request("folder", str(data), tuple(kept), "upload:CT", "")
    task = make_task(request, None)
    assert [entry.name for entry in task.entries] == ["CT", "CT (2)"]
    assert task.reference == "CT (2)"
    assert task.keys == {"CT": f"folder:{data / 'CT'}", "CT (2)": "upload:CT"}
    found = conclude(task.entries, list(compare(find_pairs(data), task.entries)))
    assert np.array_equal(found.values("CT", "Qabf"), found.values("CT (2)", "Qabf"))
    pair = find_pairs(data).pairs[0]
    ct, mri = read_image(pair.ct), read_image(pair.mri)
    images = [fused_image(entry, pair, ct, mri) for entry in task.entries]
    assert np.array_equal(images[0], images[1])
    assert np.array_equal(images[0], ct.pixels.astype(np.uint8))
    assert task.scratch is not None
    task.scratch.cleanup()
    with pytest.raises(InputError, match="Choose a zip"):
        make_task(Request("zip", "", ("rule:mean",), "rule:mean", ""), None)
    zipped_pairs = zip_of({f"{k}/1.png": encode_png(np.zeros((8, 8), np.uint8))
                           for k in ("CT", "MRI")})  # fmt: skip
    whole = make_task(
        Request("zip", "", ("rule:mean",), "", " "), Upload("a.zip", zipped_pairs)
    )  # fmt: skip
    assert (whole.title, whole.reference, whole.pattern) == ("a", "mean", None)
    assert whole.scratch is not None
    whole.scratch.cleanup()


def test_by_image_significant_but_not_by_patient_is_said_so() -> None:
    """Twelve patients with many slices: small p by image, none by patient, and the words."""
    found = made(patients=12, slices=12, gain=0.008, spread=0.02)
    (row,) = (d for d in found.differences if d.metric == "Qabf")
    assert row.p_images < 0.05 < row.p_patients
    said = " ".join(data_tables.reading(found, "b"))
    assert "By patient, no difference between Method B and Method A holds" in said
    assert "By image alone Qabf would seem to differ as well" in said
    clear = made(patients=12, slices=3, gain=0.05, spread=0.005)
    said = " ".join(data_tables.reading(clear, "b"))
    assert "By patient, Method B is better in Qabf than Method A (p < .05" in said
    html = data_tables.differences_html(clear, "b")
    assert "By patient (12)" in html
    assert "better</small>" in html


def test_patients_too_few_for_the_tests_are_not_taken_for_no_difference() -> None:
    """Where no p can pass, what all patients share is said, not that they bear nothing out."""
    found = made(patients=6, slices=3, gain=0.05, spread=0.001)
    more = {**found.scores, "c": found.scores["b"]}
    crowded = Comparison({n: f"Method {n}" for n in more}, "a", more, found.patients)
    assert data_tables.reading(crowded, "b") == [
        "In each of the 6 patients, Method b is better in Qabf than Method a."
    ]


def test_below_six_patients_only_their_agreement_is_said() -> None:
    """No p by patient; what all patients share is said, else that they do not agree."""
    agree = made(patients=3, slices=2, gain=-0.05, spread=0.001)
    assert data_tables.reading(agree, "b") == [
        "In each of the 3 patients, Method B is worse in Qabf than Method A."
    ]
    assert "Mean difference of each patient (3)" in data_tables.differences_html(agree, "b")
    differ = made(patients=5, slices=2, gain=0.0, spread=0.05)
    assert data_tables.reading(differ, "b")[0].startswith("In no metric does Method B differ")
    unknown = Comparison(agree.titles, "a", agree.scores, {})
    assert "Without patients nothing is concluded" in data_tables.reading(unknown, "b")[0]


def test_the_best_mean_is_marked_and_titles_are_escaped() -> None:
    """The higher Qabf is marked; of one entry nothing is best; text stays text."""
    found = made(patients=3, slices=2, gain=0.05, spread=0.001)
    titles = {"a": "<i>A</i>", "b": "B"}
    html = data_tables.means_html(Comparison(titles, "a", found.scores, found.patients))
    assert "<i>A" not in html
    b = found.summaries["b"]["Qabf"].mean
    assert f"<b>{b:.3f}</b> <small>best</small>" in html
    assert html.count("± ") == 4
    lone = Comparison({"a": "A"}, "a", {"a": found.scores["a"]}, {})
    assert "best" not in data_tables.means_html(lone)
    assert "Mean rank" not in data_tables.means_html(lone)
    assert "differences.svg" not in offered(lone)
    assert "differences.svg" in offered(found)


def test_charts_hold_every_image_and_the_front() -> None:
    """A point per known value with its patient; unbeaten methods are filled and joined."""
    scores = {
        "a": {"1": {"Qabf": 0.5, "Nabf": 0.1}, "2": {"Qabf": 0.7, "Nabf": 0.1}},
        "b": {"1": {"Qabf": 0.4, "Nabf": 0.0}, "2": {"Qabf": float("nan"), "Nabf": 0.0}},
        "c": {"1": {"Qabf": 0.4, "Nabf": 0.2}, "2": {"Qabf": 0.4, "Nabf": 0.2}},
    }
    found = Comparison({n: n.upper() for n in scores}, "a", scores, {"1": "x", "2": "y"})
    chart = data_figures.distribution_figure(found, "Qabf")
    assert [len(box.x) for box in chart.data] == [2, 1, 2]
    assert list(chart.data[0].text) == ["1, patient x", "2, patient y"]
    front = data_figures.tradeoff_figure(found, "Qabf", "Nabf")
    line, *points = front.data
    assert list(zip(line.x, line.y, strict=True)) == [(0.4, 0.0), (0.6, 0.1)]
    assert [point.name for point in points] == ["A", "B", "C (beaten)"]
    assert len({point.marker.symbol for point in points}) == 3
    assert "lower is better" in front.layout.yaxis.title.text
    assert len(data_figures.COLOURS) == len(data_figures.SYMBOLS)


def test_losses_are_sorted_by_the_metrics_direction() -> None:
    """More artefacts lose where fewer are better; where nothing loses the list is empty."""
    scores = {
        "a": {"1": {"Qabf": 0.5, "Nabf": 0.3}, "2": {"Qabf": 0.6, "Nabf": 0.2}},
        "b": {"1": {"Qabf": 0.4, "Nabf": 0.1}, "2": {"Qabf": 0.3, "Nabf": 0.1}},
    }
    found = Comparison({n: n for n in scores}, "a", scores, {})
    assert [(loss.image, loss.value, loss.other) for loss in losses(found, "b", "a", "Qabf")] == [
        ("2", 0.3, 0.6), ("1", 0.4, 0.5)
    ]  # fmt: skip
    assert [loss.image for loss in losses(found, "a", "b", "Nabf")] == ["1", "2"]
    assert losses(found, "a", "b", "Qabf") == []


def test_small_words() -> None:
    """Counts of pairs and patients, tiles, and a zip that is the same every time."""
    assert about_names(["left"], "").startswith("1 pair. Their names do not tell the patients")
    assert about_names(["a_1", "a_2"], "^(a)") == "2 pairs of 1 patient: a."
    seen = Snapshot("x", "running", done=3, total=9, speed=2.0, remaining=3.0, entry="Mean")
    assert data_view.cells(seen)[:2] == [("Measured", "3", "of 9 images"), ("Time left", "3 s", "")]
    assert all(re.search("better", data_figures.titled(name)) for name in METRICS)
    assert data_figures.clipped("x" * 40) == "x" * 25 + "…"
    found = made(patients=2, slices=1, gain=0.01, spread=0.001)
    assert zipped("once", found) == zipped("twice", found)


def test_the_start_of_the_app_leads_here() -> None:
    """The switch of the Compare page turns to the data set."""
    app = open_page(start(), "compare")
    by_key(app.button_group, "compare-view").set_value("Data set").run()
    assert not app.exception
    assert "2  Methods" in words(app)
