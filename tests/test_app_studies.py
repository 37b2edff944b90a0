"""The Studies page, driven through app.py with real DICOM uploads."""

import io
import zipfile
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pipelines.fuse_volume import fuse_slice
from pipelines.methods import load_method
from pipelines.volume_pair import volume_windows
from tests.app_driver import (
    by_key,
    open_page,
    own_images,
    shown,
    start,
    upload,
    words,
    write_checkpoints,
)
from tests.series_files import zipped
from tests.study_files import dicom_files, small_study, small_volumes
from ui.studies.state import Studies

LONG = 120


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoints(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


def studies() -> AppTest:
    return open_page(start(), "studies")


def held(app: AppTest) -> Studies:
    found: Studies = app.session_state["twf_studies"]
    return found


def drop(app: AppTest, slot: str, files: list[tuple[str, bytes]]) -> AppTest:
    """Drop files into a zone, in place of the ones before."""
    zone = by_key(app.file_uploader, f"studies-{slot}-")
    zone.set_value([(name, data, "") for name, data in files]).run()
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    by_key(app.button, key).click().run()
    assert not app.exception
    return app


def finished(app: AppTest) -> AppTest:
    """Wait for the work in the background, which a quick one has left by now; show its result."""
    if work := held(app).works:
        assert work.wait(LONG)
    app.run()
    assert not app.exception
    return app


def both(app: AppTest, **elements: object) -> AppTest:
    ct, mri = small_study(**elements)
    return drop(drop(app, "ct", [("ct.zip", zipped(ct))]), "mri", mri)


def viewed(app: AppTest, way: str = "geometry") -> AppTest:
    """A small study laid by geometry, in the third step."""
    finished(press(both(app), "studies-continue"))
    app.radio(key="studies-way").set_value(way).run()
    finished(press(app, "studies-align"))
    return press(app, "studies-to-view")


def test_a_new_visitor_is_told_what_to_do() -> None:
    """The first screen asks for two series, offers the demo and says where files stay."""
    app = studies()
    text = words(app)
    assert "gone when this tab is closed" in text
    assert by_key(app.button, "studies-demo").label == "Open the demo study"
    assert [b.disabled for b in app.button if b.key.startswith("studies-step")] == [
        False, True, True,
    ]  # fmt: skip
    assert not app.error


def test_two_series_are_found_checked_and_said_to_belong_together() -> None:
    """A zip and loose files become one CT and one MR series with their facts, without a name."""
    app = both(studies())
    text = words(app)
    for fact in (
        "CT head",
        "MR head",
        "axial",
        "80 × 80",
        "2.88 × 2.88 × 5.2",
        "Same patient: yes",
    ):
        assert fact in text
    assert "Doe" not in text
    assert "4711" not in text
    assert not by_key(app.button, "studies-continue").disabled


def test_from_upload_to_a_registered_scrolled_and_fused_volume() -> None:
    """Rigid is suggested and done, a slice is what the library fuses, the volume agrees with it."""
    app = finished(press(both(studies()), "studies-continue"))
    assert app.radio(key="studies-way").value == "rigid"
    assert "no common frame of reference" in words(app)
    finished(press(app, "studies-align"))
    pair = held(app).pair
    assert pair is not None
    assert pair.alignment is not None
    assert pair.alignment.verdict == "aligned"
    assert escape(pair.alignment.sentence) in words(app)
    press(app, "studies-to-view")
    app.slider(key="studies-slice").set_value(9).run()
    how = load_method(checkpoint="default")
    windows = volume_windows(pair)
    kept = app.session_state["twf_studies_slices"]
    (now,) = [f for key, f in kept.items() if key[1:3] == ("axial", 8)]
    np.testing.assert_array_equal(now.fused8, fuse_slice(pair, "axial", 8, how, windows).fused8)
    finished(press(app, "studies-fuse"))
    fused = held(app).fused
    assert fused is not None
    by_key(app.button_group, "studies-scope").set_value("Whole volume").run()
    entries = [entry.label for entry in app.get("download_button")]
    assert "DICOM series (ZIP), de-identified" in entries
    assert "Volume (NIfTI)" in entries
    shown8 = fused.picture("axial", 8)
    assert np.abs(shown8.astype(int) - now.fused8).max() <= 1
    assert "What the fused volume hides" in words(app)
    assert by_key(app.button, "studies-fuse").disabled


def test_a_scrolled_volume_is_not_fused_again() -> None:
    """Once the whole volume is fused, turning to another slice fuses nothing."""
    app = finished(press(viewed(studies()), "studies-fuse"))
    before = list(app.session_state["twf_studies_slices"])
    app.slider(key="studies-slice").set_value(4).run()
    assert list(app.session_state["twf_studies_slices"]) == before
    app.segmented_control(key="studies-plane").set_value("coronal").run()
    assert list(app.session_state["twf_studies_slices"]) == before
    assert not app.exception


def test_series_given_the_wrong_way_round_are_said_and_exchanged() -> None:
    """CT given as MR: the sentence says it, Continue is closed, one button puts it right."""
    ct, mri = small_study()
    app = drop(drop(studies(), "ct", mri), "mri", ct)
    assert "given as CT says it is an MRI" in app.warning[0].value
    assert by_key(app.button, "studies-continue").disabled
    press(app, "studies-swap")
    assert not app.warning
    now = held(app)
    assert [now.series(slot).modality for slot in ("ct", "mri")] == ["CT", "MR"]
    assert not by_key(app.button, "studies-continue").disabled


def test_one_zip_may_hold_both_studies() -> None:
    """A zip with a CT and an MR series in the CT zone fills both sides."""
    ct, mri = small_study()
    app = drop(studies(), "ct", [("both.zip", zipped(ct + mri))])
    now = held(app)
    assert [now.series(slot).modality for slot in ("ct", "mri")] == ["CT", "MR"]
    assert not by_key(app.button, "studies-continue").disabled


def test_another_patient_is_said_without_a_name() -> None:
    """Series of two patients: a warning stands before anything is done, and no name."""
    app = both(studies(), PatientID="ID-9999", PatientName="Roe^Richard", StudyDate="20210615")
    assert "Same patient: no" in app.warning[0].value
    assert "17 months apart" in app.warning[0].value
    assert "Roe" not in words(app)


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(12):
            archive.writestr(f"slice{k}.dcm", bytes(200 * 2**20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "sentence"),
    [
        ("bomb.zip", bomb, "unpacks to"),
        ("way.zip", lambda: zipped([("../../etc/x.dcm", b"x")]), "points outside"),
        ("cut.zip", lambda: zipped([("a.dcm", b"x" * 999)])[:60], "damaged zip"),
        ("empty.zip", lambda: zipped([]), "no file"),
    ],
)
def test_a_bad_upload_is_one_sentence_and_nothing_is_lost(
    name: str, make: Any, sentence: str
) -> None:
    """The zip is refused with one sentence, and the CT that was there stays in use."""
    ct, _ = small_study()
    app = drop(studies(), "ct", ct)
    before = held(app).drops["ct"]
    drop(app, "ct", [(name, make())])
    (error,) = app.error
    assert sentence in error.value
    assert "still in use" in error.value
    assert held(app).drops["ct"] is before


def test_files_that_are_no_images_are_set_aside_in_words() -> None:
    """A text file among the slices is named as what it is, and the series is still found."""
    ct, _ = small_study()
    app = drop(studies(), "ct", [*ct, ("readme.txt", b"only words\n" * 20)])
    assert "readme.txt was set aside" in words(app)
    assert held(app).series("ct").shape == (22, 80, 80)


def test_new_files_let_go_of_what_was_made_of_the_old_ones() -> None:
    """After another CT was dropped neither the pair nor the fused slices of the old one remain."""
    app = viewed(studies())
    press(app, "studies-step-series")
    ct, _ = small_study()
    drop(app, "ct", ct[:15])
    now = held(app)
    assert now.pair is None
    assert now.volumes is None
    assert now.series("ct").shape[0] == 15


def test_the_hand_moves_the_mri_further() -> None:
    """A nudge of 5 mm becomes part of the pair's transform, and undo lays both as loaded."""
    app = viewed(studies())
    press(app, "studies-step-align")
    app.number_input(key="studies-nudge-2").set_value(5.0).run()
    assert held(app).transform.shift_mm[2] == pytest.approx(5.0)
    finished(press(app, "studies-use"))
    pair = held(app).pair
    assert pair.align == "manual"
    assert pair.transform.shift_mm == pytest.approx((0, 0, 5))
    finished(press(app, "studies-undo"))
    assert held(app).pair.transform.describe() == "not moved"


def test_volumes_without_a_common_place_are_one_sentence() -> None:
    """Laid by geometry far apart: the sentence says what to do, and the volumes stay."""
    far = small_volumes()[1]
    moved = far.affine.copy()
    moved[2, 3] += 3000
    ct, mri = small_study()[0], dicom_files(replace(far, affine=moved))
    app = drop(drop(studies(), "ct", ct), "mri", mri)
    finished(press(app, "studies-continue"))
    app.radio(key="studies-way").set_value("geometry").run()
    finished(press(app, "studies-align"))
    assert "no place in common" in app.error[0].value
    assert held(app).volumes is not None


def test_the_shown_slice_becomes_the_pair_of_the_other_pages() -> None:
    """Look closer takes slice, windows and notes along, and the way back finds the study."""
    app = viewed(studies())
    app.slider(key="studies-slice").set_value(12).run()
    press(app, "studies-open-provenance")
    pair = shown(app)
    assert pair.ct.name == "axial-slice-12-ct"
    assert pair.ct.shape == (80, 80)
    assert any("resampled onto the grid of CT" in note for note in pair.notes)
    open_page(app, "studies")
    assert held(app).step == "view"
    assert app.slider(key="studies-slice").value == 12


def test_a_pack_of_volumes_on_the_fuse_page_is_shown_the_way() -> None:
    """A zip in the zone of a single image points to the Studies page, and the pair stays."""
    app = own_images(start())
    before = shown(app).name
    upload(app, "ct", "study.zip", zipped(small_study()[0]))
    assert "open it on the page Studies" in app.error[0].value
    assert shown(app).name == before
