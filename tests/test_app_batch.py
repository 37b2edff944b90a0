"""The Batch page without a browser: forms, a batch to its end, refusals, deleting."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipelines.batch_folder import BatchFolder, Request, Row, create, list_batches
from pipelines.batch_job import Snapshot
from tests.app_driver import by_key, open_page, start, words, write_checkpoints
from tests.synthetic import write_folder
from tests.training_app import zip_of
from ui.batch import form, pairs, view
from ui.batch.places import batches, batches_folder


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh folder of batches and checkpoints; no batch outlives its test."""
    (tmp_path / "weights").mkdir()
    write_checkpoints(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TWF_BATCHES", str(tmp_path / "batches"))
    yield tmp_path
    batches().stop_all(20)
    batches.clear()


def batch_page() -> AppTest:
    """The Batch page of a new visitor."""
    return open_page(start(), "batch")


def from_folder(app: AppTest, path: Path) -> AppTest:
    """Choose a folder of pairs."""
    by_key(app.button_group, "batch-source").set_value("Folder").run()
    return by_key(app.text_input, "batch-folder").set_value(str(path)).run()


def started(app: AppTest) -> BatchFolder:
    """Press Start, wait for the batch's end, and look again."""
    by_key(app.button, "batch-start").click().run()
    (folder, *_) = list_batches(batches_folder())
    job = batches().job(folder.name)
    assert job is not None
    assert job.wait(60)
    app.run()
    assert not app.exception
    return folder


def test_a_new_visitor_sees_what_to_do(home: Path) -> None:
    """No error, an empty state, the sentence about uploads, and Start waits for pairs."""
    app = batch_page()
    said = words(app)
    assert "No batch yet" in said
    assert "deleted with the batch" in said
    assert by_key(app.button, "batch-start").disabled
    assert not app.error


def test_a_folder_is_fused_and_can_be_run_again_and_deleted(home: Path) -> None:
    """Done with a zip; again passes over all; Delete asks, and nothing stays but the sources."""
    data = write_folder(home / "data")
    app = from_folder(batch_page(), data)
    folder = started(app)
    said = words(app)
    assert "Done: 3 of 3 pairs fused." in said
    assert f"{data} · checkpoint default · metrics" in said
    assert folder.zip.is_file()
    by_key(app.button, "batch-resume").click().run()
    job = batches().job(folder.name)
    assert job is not None
    assert job.wait(60)
    assert "3 of them passed over" in words(app.run())
    by_key(app.button, "batch-delete").click().run()
    assert "Delete this batch for good?" in words(app)
    by_key(app.button, "batch-delete-no").click().run()
    assert folder.path.is_dir()
    by_key(app.button, "batch-delete").click().run()
    by_key(app.button, "batch-delete-yes").click().run()
    assert not folder.path.exists()
    assert len(list(data.rglob("*.png"))) == 6
    assert "No batch yet" in words(app)


def test_an_uploaded_zip_is_fused(home: Path) -> None:
    """The drop zone is empty after the start; a hurt zip is refused in one sentence."""
    source = write_folder(home / "data")
    good = zip_of({f"s/{p.relative_to(source)}": p.read_bytes() for p in source.rglob("*.png")})
    app = batch_page()
    by_key(app.file_uploader, "batch-zip").set_value(("hurt.zip", good[:200], "")).run()
    by_key(app.button, "batch-start").click().run()
    assert "hurt.zip is not a zip file that can be read" in words(app)
    assert list_batches(home / "batches") == []
    by_key(app.file_uploader, "batch-zip").set_value(("set.zip", good, "")).run()
    by_key(app.toggle, "batch-metrics").set_value(False).run()
    folder = started(app)
    assert folder.request().title == "set"
    assert "Done: 3 of 3 pairs fused." in words(app)
    assert by_key(app.button, "batch-start").disabled


def test_bad_choices_are_said_before_the_start(home: Path) -> None:
    """A folder that is none, and masks of a rule that has none."""
    app = from_folder(batch_page(), home / "nowhere")
    assert "is not a folder on this computer" in words(app)
    assert by_key(app.button, "batch-start").disabled
    from_folder(app, write_folder(home / "data"))
    by_key(app.selectbox, "batch-method").set_value("rule:max").run()
    by_key(app.toggle, "batch-masks").set_value(True).run()
    by_key(app.button, "batch-start").click().run()
    assert "The rule max works on pixels and has no masks" in words(app)
    assert list_batches(home / "batches") == []


def test_choices_and_the_batch_survive_a_change_of_page(home: Path) -> None:
    """Back from another page the form is as it was and the same batch is shown."""
    app = from_folder(batch_page(), write_folder(home / "data"))
    by_key(app.toggle, "batch-caption").set_value(True).run()
    started(app)
    open_page(app, "about")
    open_page(app, "batch")
    assert by_key(app.toggle, "batch-caption").value is True
    assert by_key(app.text_input, "batch-folder").value == str(home / "data")
    assert "Done: 3 of 3 pairs fused." in words(app)


def test_an_interrupted_batch_offers_to_be_resumed(home: Path) -> None:
    """After the program's end the page says so, and Resume brings it to its end."""
    data = write_folder(home / "data")
    request = Request("set", "folder", ("rule", "mean"), path=str(data), metrics=False)
    folder = create(home / "batches", request)
    folder.set_status({"state": "running", "message": "Fusing.", "total": 3})
    app = batch_page()
    assert "The program ended while this batch was under way" in words(app)
    by_key(app.button, "batch-resume").click().run()
    job = batches().job(folder.name)
    assert job is not None
    assert job.wait(60)
    assert "Done: 3 of 3 pairs fused." in words(app.run())


def test_of_very_many_rows_the_skipped_ones_are_shown_first() -> None:
    """No more rows than the limit; none of the skipped ones is lost."""
    rows = tuple(
        Row(f"{n}", "skipped" if n % 100 == 7 else "fused", "") for n in range(2 * pairs.MOST_ROWS)
    )
    shown = pairs.shown_rows(rows)
    assert len(shown) == pairs.MOST_ROWS
    assert [row.name for row in shown[:2]] == ["7", "107"]
    assert sum(row.state == "skipped" for row in shown) == 20
    assert shown[20].name == "1999"


def test_tiles_say_speed_and_time_left_only_while_it_works() -> None:
    """A running batch has a speed and an end; one at rest says how long it took."""
    running = Snapshot("x", "running", total=100, fused=40, speed=8.0, remaining=90.0)
    titles = [title for title, _, _ in view.cells(running)]
    assert titles == ["Fused", "Skipped", "Time left", "Speed"]
    rest = Snapshot("x", "done", total=100, fused=99, skipped=1, kept=5, seconds=3.25)
    assert ("Were there already", "5", "") in view.cells(rest)
    assert ("Took", "3.2 s", "") in view.cells(rest)


def test_a_batch_without_a_name_is_called_after_its_source() -> None:
    """The zip's name without suffix, the folder's name, or cases."""
    made = ("rule", "mean")
    assert form._default_title(Request("", "zip", made, upload="head.zip")) == "head"
    assert form._default_title(Request("", "folder", made, path="/a/brains")) == "brains"
    assert form._default_title(Request("", "cases", made)) == "cases"
