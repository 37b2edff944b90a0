"""The one-pair view of the Compare page: entries, reference, epochs, masks, link; no browser."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fusion_core.metrics import METRICS, Scores
from fusion_core.model import FusionResult
from imaging.errors import InputError
from imaging.write import encode_png
from pipelines.cases import CASES, render_case
from pipelines.fuse import fuse_pair, scores
from pipelines.methods import load_method
from tests.app_driver import ROOT, TIMEOUT, by_key, grey_png, open_page, start, words
from tests.app_driver import write_checkpoints as write
from tests.training_app import zip_of
from tests.training_data import tiny_config, tiny_data
from trainer.kept import kept_epochs, last_method
from trainer.loop import train
from trainer.run_folder import RunFolder
from ui.compare import outside, pair_masks, pair_stage
from ui.compare.pair_link import as_text, read_window
from ui.compare.pair_sides import Side
from ui.compare.pair_table import best_of, gain, signed, table_csv, table_html
from ui.compare.state import PairChoice, from_query, to_query

RUN = "20260101-120000-tiny"
FIRST = CASES[next(iter(CASES))]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two untrained checkpoints, and one run of three epochs with all its weights."""
    folder = tmp_path_factory.mktemp("compare")
    (folder / "checkpoints").mkdir()
    write(folder / "checkpoints")
    config = tiny_config(epochs=3)
    list(train(config, tiny_data(config), folder / "runs" / RUN))
    return folder


@pytest.fixture(autouse=True)
def _places(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folders / "checkpoints"))
    monkeypatch.setenv("TWF_RUNS", str(folders / "runs"))


def by_link(**query: Any) -> AppTest:
    """The page of a visitor who comes by a link."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT).run()
    app.switch_page("pages/compare.py")
    for name, value in query.items():
        app.query_params[name.replace("_", "-")] = value
    app.run()
    assert not app.exception
    return app


def chosen(app: AppTest) -> PairChoice:
    """What the page compares."""
    found: PairChoice = app.session_state["twf_compare_pair"]
    return found


def side(
    title: str, image: np.ndarray, result: FusionResult | None = None, **values: float
) -> Side:
    """A fused image with some scores; the others have no value."""
    table = dict.fromkeys(METRICS, math.nan) | values
    return Side(title, title, image, result, Scores(table, {}), ())


def test_a_new_visitor_sees_three_methods_and_the_scores_of_the_shell() -> None:
    """The first screen compares the current method with two rules; its numbers are measured."""
    app = open_page(start(), "compare")
    assert chosen(app).entries == ("checkpoint:default", "rule:wavelet-max", "rule:mean")
    text = words(app)
    images = render_case(FIRST)
    for name in ("wavelet-max", "mean"):
        expected = scores(fuse_pair(*images, load_method(rule=name)), ["Qabf", "VIF"]).values
        for value in expected.values():
            assert f"{value:.3f}" in text
    assert not app.error
    assert not app.warning
    link = app.code[0].value
    assert "case=tumour&entry=checkpoint:default&entry=rule:wavelet-max&entry=rule:mean" in link


def test_a_link_restores_the_view_and_says_what_it_cannot() -> None:
    """Case, window, entries, reference, look and band come back from an address."""
    app = by_link(
        case="bleed", entry=["checkpoint:one", "rule:max", "checkpoint:gone", "upload:mine-123456"],
        reference="rule:max", look="differences", ct_window="80,160",
    )  # fmt: skip
    assert app.session_state["twf_choice"].case == "bleed"
    assert app.session_state["twf_choice"].windows[0].limits == (0.0, 160.0)
    assert chosen(app).reference == "rule:max"
    assert by_key(app.selectbox, "compare-reference").value == "rule:max"
    assert by_key(app.button_group, "compare-look").value == "Differences"
    assert "one: " in words(app)
    assert "grey levels apart on average" in words(app)
    problems = [warning.value for warning in app.warning]
    assert len(problems) == 2
    assert "gone is not shown. Unknown checkpoint" in problems[0]
    assert "uploaded in another session" in problems[1]
    assert "Uploaded fused images are not in it" in words(app)
    assert "reference=rule:max" in app.code[0].value
    assert "ct-window=80,160" in app.code[0].value


def test_a_link_of_own_images_shows_a_case_and_says_so() -> None:
    """No address holds a visitor's files: a synthetic case stands in, with a sentence."""
    app = by_link(case="own", entry=["rule:max"])
    assert "no link can hold" in words(app)
    assert app.session_state["twf_choice"].case == FIRST.name
    assert not app.exception


@pytest.mark.parametrize(
    "choice",
    [
        PairChoice(("rule:max",), "rule:max"),
        PairChoice(
            ("rule:a&b=c", "epoch:x/y@7"), "epoch:x/y@7", "Masks", 12, "HH2", "MRI", "rule:a&b=c"
        ),
        PairChoice(("run:r", "best:r"), "run:r", "Differences", 3),
    ],
)
def test_a_choice_survives_its_address(choice: PairChoice) -> None:
    """What an address says is the choice it was made of."""
    query = {k: v if isinstance(v, list) else [v] for k, v in to_query(choice).items()}
    assert from_query(query) == choice
    assert as_text(query).count("entry=") == len(choice.entries)


def test_a_foolish_address_is_taken_for_the_first_choice() -> None:
    """Too many entries, unknown words and numbers that are none leave what is usual."""
    asked = {"entry": [f"rule:{i}" for i in range(9)], "look": ["x"], "epoch": ["-3"],
             "reference": ["rule:99"], "gate": ["PET"]}  # fmt: skip
    found = from_query(asked)
    assert found == PairChoice(tuple(f"rule:{i}" for i in range(4)), "rule:0")
    assert from_query({}) == PairChoice()
    assert read_window("40,80") is not None
    assert [read_window(text) for text in ("", "1", "a,b", "40,-1", "1,2,3")] == [None] * 5


def test_the_scrubber_fuses_with_the_weights_of_its_epoch(folders: Path) -> None:
    """Every epoch of a run gives the image that its own kept weights make of this pair."""
    app = by_link(entry=[f"run:{RUN}", f"best:{RUN}", f"last:{RUN}"], epoch="1")
    run = RunFolder(folders / "runs" / RUN)
    assert kept_epochs(run) == [1, 2, 3]
    images = render_case(FIRST)
    seen = []
    for epoch in (1, 3):
        by_key(app.select_slider, "compare-epoch").set_value(epoch).run()
        assert not app.exception
        how = load_method(checkpoint=run.weights_file(epoch))
        value = scores(fuse_pair(*images, how), ["Qcv"]).values["Qcv"]
        text = words(app)
        assert f"tiny · epoch {epoch}" in text
        assert f"Epoch {epoch}: training loss" in text
        assert f"{value:.0f}" in text
        assert f"epoch={epoch}" in app.code[0].value
        seen.append(value)
    assert seen[0] != seen[1]


def test_an_epoch_can_be_pinned_beside_the_moving_one() -> None:
    """The pin adds the scrubber's epoch as an entry that stays."""
    app = by_link(entry=[f"run:{RUN}", "rule:mean"], epoch="2")
    by_key(app.button, "compare-pin").click().run()
    assert chosen(app).entries == (f"run:{RUN}", "rule:mean", f"epoch:{RUN}@2")
    by_key(app.select_slider, "compare-epoch").set_value(1).run()
    assert "tiny · epoch 1" in words(app)
    assert "tiny · epoch 2" in words(app)


def test_the_last_state_is_the_last_kept_epoch(folders: Path) -> None:
    """The state to go on from fuses as the weights kept after its epoch do."""
    run = RunFolder(folders / "runs" / RUN)
    method, epoch = last_method(run)
    assert epoch == 3
    assert method.sha256 == load_method(checkpoint=run.weights_file(3)).sha256


def test_a_run_without_kept_weights_offers_its_best_and_its_last(tmp_path: Path) -> None:
    """With the setting off no weights are kept, and what cannot be shown is said."""
    config = tiny_config(epochs=2, keep_weights=False)
    list(train(config, tiny_data(config), tmp_path / RUN))
    assert kept_epochs(RunFolder(tmp_path / RUN)) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWF_RUNS", str(tmp_path))
        app = by_link(entry=[f"run:{RUN}", f"last:{RUN}", f"epoch:{RUN}@1", "run:../x"])
        sentences = [warning.value for warning in app.warning]
        offered = by_key(app.multiselect, "compare-entries").options
    assert any("kept no weights of its epochs" in s for s in sentences)
    assert any("kept no weights of epoch 1" in s for s in sentences)
    assert any("There is no training run ../x" in s for s in sentences)
    assert len(sentences) == 3
    assert "tiny · best" in offered
    assert "tiny · last" in offered
    assert by_key(app.select_slider, "compare-epoch").options == ["1", "2"]


def test_a_finished_run_opens_in_compare() -> None:
    """The Train page hands its run over with every epoch, its best, and the mean beside it."""
    app = open_page(start(), "train")
    by_key(app.button, f"train-rail-{RUN}").click().run()
    by_key(app.button, "train-compare").click().run()
    assert not app.exception
    assert chosen(app).entries == (f"run:{RUN}", f"best:{RUN}", "rule:mean")


def test_an_uploaded_image_is_compared_and_a_bad_one_is_refused() -> None:
    """One image fused elsewhere belongs to the pair on the screen, if it has its size."""
    app = open_page(start(), "compare")
    rows, columns = render_case(FIRST)[0].shape
    zone = by_key(app.file_uploader, "compare-upload")
    zone.set_value(("theirs.png", grey_png(rows, columns), "image/png")).run()
    assert chosen(app).entries[-1].startswith("upload:theirs-")
    assert not app.warning
    assert "theirs" in words(app)
    by_key(app.file_uploader, "compare-upload").set_value(
        ("small.png", grey_png(8, 9), "image/png")
    ).run()
    assert "small has 9 × 8 pixels" in app.warning[0].value
    by_key(app.file_uploader, "compare-upload").set_value(
        ("bad.zip", b"PK\x03\x04 no zip", "application/zip")
    ).run()
    assert "bad.zip is not a zip file" in app.error[0].value


def test_images_made_elsewhere_are_matched_by_the_name_of_the_ct(tmp_path: Path) -> None:
    """A zip or a folder gives the image with the CT's name, byte for byte."""
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    files = {"theirs/a.png": encode_png(image), "theirs/b.png": encode_png(image[::-1])}
    zipped = outside.Outside("z", outside._members(zip_of(files), "z.zip"), single=False)
    for path, data in files.items():
        (tmp_path / Path(path).name).write_bytes(data)
    assert np.array_equal(outside.image_for(zipped, "a", (3, 4))[0], image)
    assert np.array_equal(outside.image_for(zipped, "b", (3, 4))[0], image[::-1])
    with pytest.raises(InputError, match="no image named c, the name of the CT on the screen"):
        outside.image_for(zipped, "c", (3, 4))
    with pytest.raises(InputError, match="4 × 3 pixels, but the CT on the screen has 5 × 3"):
        outside.image_for(zipped, "a", (3, 5))
    with pytest.raises(InputError, match="holds two images named a"):
        outside._members(zip_of({"x/a.png": b"1", "y/a.tif": b"2"}), "z.zip")
    with pytest.raises(InputError, match="holds no images"):
        outside._members(zip_of({"readme.txt": b"1"}), "z.zip")


def test_the_best_is_marked_by_direction_and_only_where_there_is_one() -> None:
    """More is better, less is better, or neither; equal values and NaN win nothing."""
    values = {"a": 1.0, "b": 2.0, "c": math.nan}
    assert best_of(values, "up") == {"b"}
    assert best_of(values, "down") == {"a"}
    assert best_of(values, "none") == set()
    assert best_of({"a": 1.0, "b": 1.0}, "up") == set()
    assert best_of({"a": 1.0, "b": 1.0, "c": 0.0}, "up") == {"a", "b"}
    assert gain(2, 1, "up") == gain(1, 2, "down") == "better"
    assert gain(1, 2, "up") == gain(2, 1, "down") == "worse"
    assert gain(1, 1, "up") == gain(2, 1, "none") == gain(math.nan, 1, "up") == ""
    assert [signed(v) for v in (0.25, -0.25, 0.0, 1e-6, math.nan)] == [
        "+0.250", "−0.250", "0", "≈ 0", "–"
    ]  # fmt: skip


def test_the_table_subtracts_the_reference_in_the_right_order() -> None:
    """A column less the reference, with its verdict; titles are escaped; the CSV agrees."""
    image = np.zeros((2, 2), np.uint8)
    sides = [side("<b>", image, Qabf=0.5, Nabf=0.1), side("B", image, Qabf=0.75, Nabf=0.3)]
    html = table_html(sides, sides[0])
    assert "+0.250 better" in html
    assert "+0.200 worse" in html
    assert "<small>best</small> <b>0.750</b>" in html
    assert "<b></th>" not in html
    assert "&lt;b&gt;" in html
    sides[1].scores.values.update(SSIM_Avg=0.6, SSIM_CT=0.9, SSIM_MRI=0.3, PSNR_Avg=20.0)
    html = table_html(sides, sides[0])
    assert "<small>CT 0.900 · MRI 0.300</small>" in html
    assert "Peak signal-to-noise ratio, dB" in html
    assert "20.0 dB" not in html
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(table_csv(sides, sides[1])))}
    assert float(rows["Qabf"]["<b> minus B"]) == pytest.approx(-0.25)
    assert rows["Nabf"]["direction"] == "down"
    assert set(rows) == set(METRICS)


def test_differences_have_a_sign_and_one_scale() -> None:
    """Brighter than the reference is positive, without wrapping round at 8 bits."""
    dark, bright = np.zeros((4, 4), np.uint8), np.full((4, 4), 200, np.uint8)
    first, second = side("first", dark), side("second", bright)
    assert (pair_stage.difference(second, first) == 200).all()
    assert (pair_stage.difference(first, second) == -200).all()
    assert pair_stage.reach_of([pair_stage.difference(first, second)]) == 200
    assert pair_stage.reach_of([np.zeros(4, np.int16)]) == pair_stage.LEAST_REACH
    head = np.ones((4, 4), bool)
    assert "200.0 grey levels apart" in pair_stage.difference_sentence(second, first, head)
    assert "the same image" in pair_stage.difference_sentence(first, first, head)


def test_masks_are_subtracted_band_by_band_where_the_layout_is_the_same() -> None:
    """The numbers are those of the masks; another wavelet or none is answered with a sentence."""
    images = render_case(FIRST)
    results = {
        name: fuse_pair(*images, load_method(checkpoint=name, device="cpu"))
        for name in ("default", "one")
    }
    mean = fuse_pair(*images, load_method(rule="wavelet-max", device="cpu"))
    sides = {n: side(n, pair.fused8, pair.result) for n, pair in results.items()}
    plain = side("plain", mean.fused8)
    same = side("again", sides["one"].fused8, sides["one"].result)
    assert pair_masks.why_not(sides["one"], same) is None
    assert "different subbands" in (pair_masks.why_not(sides["one"], sides["default"]) or "")
    assert "plain has no masks" in (pair_masks.why_not(sides["one"], plain) or "")
    masks = results["one"].result.masks
    assert masks is not None
    whole = np.ones(results["one"].fused8.shape, bool)
    for row, (name, a) in zip(
        pair_masks.measure(masks.ct, masks.mri, whole), masks.ct.items(), strict=True
    ):
        b = dict(masks.mri.items())[name]
        assert row.band == name
        assert row.second - row.first == pytest.approx(float((b - a).mean()), abs=1e-5)
        assert row.apart == pytest.approx(float((b - a).abs().mean()), abs=1e-5)
    assert list(pair_masks.choices(["LL", "LH", "HL", "HH"])) == ["Level 1", "LL", "LH", "HL", "HH"]
    assert pair_masks.reach_of([np.array([0.33, -0.41], np.float32)]) == pytest.approx(0.5)


def test_the_mask_view_shows_one_band_with_both_masks() -> None:
    """A link to one band of two checkpoints of one layout shows its numbers for every band."""
    app = by_link(
        entry=["checkpoint:one", f"best:{RUN}", "rule:max"], look="masks", band="HL"
    )  # fmt: skip
    assert by_key(app.selectbox, "compare-band").value == "HL"
    assert "Mean CT mask" in words(app)
    by_key(app.selectbox, "compare-mask-of").set_value("rule:max").run()
    assert "has no masks" in words(app)
    assert not app.exception
    assert "look=masks&band=HL&other=rule:max" in app.code[0].value
