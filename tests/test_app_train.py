"""The Train page, driven through app.py: form, start, runs, and what must be confirmed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusion_core.checkpoint import list_checkpoints, load
from tests.app_driver import by_key, words
from tests.app_driver import write_checkpoints as write
from tests.training_app import check_heads, fill, train_page, until, write_pairs
from tests.training_data import tiny_config, tiny_data
from trainer.config import OPTIONS
from trainer.loop import train
from trainer.run_folder import RunFolder, list_runs
from ui.training import runs_table
from ui.training.places import jobs


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fresh folders for runs and checkpoints; no job outlives its test."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    write(checkpoints)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(checkpoints))
    monkeypatch.setenv("TWF_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    jobs().stop_all(20)
    jobs.clear()


@pytest.fixture
def ticked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of runs whose lines count as ticked in the table, which only a browser can draw."""
    chosen: list[str] = []
    draw = runs_table.pick

    def pick(lines: Any) -> Any:
        draw(lines)
        return [line for line in lines if line.name in chosen]

    monkeypatch.setattr(runs_table, "pick", pick)
    return chosen


def make_run(path: Path, epochs: int = 2) -> RunFolder:
    """A finished tiny run."""
    config = tiny_config(epochs=epochs)
    list(train(config, tiny_data(config), path))
    return RunFolder(path)


def view(app: Any, name: str) -> Any:
    """Turn to a part of the page."""
    return by_key(app.button_group, "train-view").set_value(name).run()


def test_every_setting_has_a_field_with_its_help() -> None:
    """The form holds a field for each of the trainer's settings, each with plain words."""
    app = train_page()
    kinds = (app.number_input, app.selectbox, app.text_input, app.multiselect, app.toggle)
    fields = {w.key.rpartition("-")[2]: w for kind in kinds for w in kind if w.key}
    assert set(OPTIONS) <= set(fields)
    for name, option in OPTIONS.items():
        if name != "device":
            assert fields[name].help.startswith(option.help)
    assert "Range: 1 to 100000." in fields["epochs"].help
    assert not app.error


def test_a_value_out_of_range_is_named_and_nothing_starts() -> None:
    """Two wrong values give two sentences with label, range and value; Start is off."""
    app = fill(train_page(), epochs=0, size=8)
    texts = [error.value for error in app.error]
    assert texts == [
        "Epochs must be 1 to 100000, got 0.",
        "Image size, px must be 16 to 4096 or none, got 8.",
    ]
    assert by_key(app.button, "train-start").disabled


def test_a_tiny_run_goes_from_the_form_to_done(runs: Path) -> None:
    """Report, Start, training, done: the run has the form's settings and the page shows it."""
    app = check_heads(train_page())
    text = words(app)
    assert "to train on" in text
    assert "to validate" in text
    by_key(app.text_input, "train-name").set_value("my first").run()
    by_key(app.button, "train-start").click().run()
    job = until(lambda: jobs().jobs())[0]
    assert job.wait(60)
    assert job.snapshot().state == "done", job.snapshot().message
    (folder,) = list_runs(runs)
    assert folder.name.endswith("-my-first")
    config = folder.config()
    assert (config.epochs, config.size, config.batch_size, config.crop) == (2, 32, 2, 32)
    app.run()
    text = words(app)
    assert "Done: 2 epochs" in text
    assert "my-first" in text
    assert len(app.get("plotly_chart")) >= 4
    assert not app.error


def test_a_second_start_waits_in_the_queue(runs: Path) -> None:
    """While one run trains, the next one on its device is queued and the page says so."""
    app = check_heads(train_page())
    fill(app, epochs=100_000)
    by_key(app.button, "train-start").click().run()
    until(lambda: jobs().jobs()[0].snapshot().state == "running")
    view(app, "New run")
    assert "waits in the queue behind 1 run" in words(app)
    by_key(app.button, "train-start").click().run()
    assert [s.state for s in jobs().snapshots()] == ["running", "queued"]
    assert "Waiting for one run on this device." in words(app)


def test_pause_resume_and_stop_by_the_buttons(runs: Path) -> None:
    """The page's buttons reach the job, and a stopped run offers to go on."""
    app = check_heads(train_page())
    fill(app, epochs=100_000)
    by_key(app.button, "train-start").click().run()
    job = jobs().jobs()[0]
    until(lambda: job.snapshot().epoch >= 1)
    app.run()
    by_key(app.button, "train-pause").click().run()
    until(lambda: job.snapshot().state == "paused")
    app.run()
    by_key(app.button, "train-go-on").click().run()
    until(lambda: job.snapshot().state == "running")
    app.run()
    by_key(app.button, "train-stop").click().run()
    assert job.wait(20)
    app.run()
    by_key(app.button, "train-resume").click().run()
    until(lambda: len(jobs().jobs()) == 2 and jobs().jobs()[1].snapshot().state == "running")


def test_an_interrupted_run_offers_to_go_on(runs: Path) -> None:
    """A run whose process is gone is shown as interrupted, with Resume."""
    folder = make_run(runs / "20260101-000000-lost")
    folder.set_status("running", "Running.", 2)
    app = view(train_page(), "Run")
    assert "Interrupted" in words(app)
    assert "interrupted after 2 epochs" in words(app)
    assert by_key(app.button, "train-resume").label == "Resume"


def test_delete_needs_confirmation(runs: Path, ticked: list[str]) -> None:
    """Delete asks first; Keep keeps the run, only the second button removes its folder."""
    first, second = (make_run(runs / f"20260101-00000{i}-{n}", 1) for i, n in enumerate("ab"))
    app = view(train_page(), "All runs")
    ticked.append(first.name)
    app.run()
    by_key(app.button, "train-runs-delete").click().run()
    assert first.path.exists()
    assert "for good?" in app.warning[0].value
    by_key(app.button, "train-delete-no").click().run()
    assert first.path.exists()
    assert not app.warning
    by_key(app.button, "train-runs-delete").click().run()
    by_key(app.button, "train-delete-yes").click().run()
    assert not first.path.exists()
    assert second.path.exists()
    assert "Deleted a." in [s.value for s in app.success]


def test_the_filter_leaves_what_matches(runs: Path) -> None:
    """Words of the filter must all be somewhere in a run's line."""
    for i, name in enumerate(("alpha", "beta")):
        make_run(runs / f"20260101-00000{i}-{name}", 1)
    app = view(train_page(), "All runs")
    assert list(app.dataframe[0].value["Name"]) == ["beta", "alpha"]
    by_key(app.text_input, "train-filter").set_value("alp haar").run()
    assert list(app.dataframe[0].value["Name"]) == ["alpha"]
    by_key(app.text_input, "train-filter").set_value("gamma").run()
    assert "No run matches" in words(app)


def test_best_weights_are_published_and_found(runs: Path, tmp_path: Path) -> None:
    """Publish writes weights with measured scores and a card where checkpoints are looked up."""
    from trainer.data import open_folder

    names = ("1001", "2001", "3001")
    config = tiny_config(epochs=1)
    data = open_folder(write_pairs(tmp_path / "data", *names), config)
    list(train(config, data, runs / "20260101-000000-a"))
    app = view(train_page(), "Run")
    by_key(app.text_input, "train-publish-name").set_value("default")
    next(b for b in app.button if b.label == "Publish").click().run()
    assert "There is a checkpoint named default already" in app.error[0].value
    by_key(app.text_input, "train-publish-name").set_value("mine")
    by_key(app.text_area, "train-publish-notes").set_value("A small test.")
    next(b for b in app.button if b.label == "Publish").click().run()
    assert not app.error
    assert "mine" in list_checkpoints()
    scores = load("mine").metadata["scores"]
    assert "Qabf" in next(iter(scores.values()))
    card = list_checkpoints()["mine"].with_suffix(".md").read_text(encoding="utf-8")
    assert "A small test." in card
    assert "Brain Atlas" not in card
    by_key(app.button, "train-open").click().run()
    assert app.session_state["twf_choice"].method == "checkpoint:mine"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    """A wrong path, and a folder without pairs, each give one sentence and no report."""
    app = train_page()
    by_key(app.button_group, "train-source").set_value("folder").run()
    by_key(app.text_input, "train-folder").set_value(str(tmp_path / "nowhere")).run()
    assert "is not a folder on this computer" in app.error[0].value
    (tmp_path / "empty").mkdir()
    by_key(app.text_input, "train-folder").set_value(str(tmp_path / "empty")).run()
    by_key(app.button, "train-check").click().run()
    assert app.error[0].value.endswith("named as their partners.")
    assert by_key(app.button, "train-start").disabled


def test_one_pair_and_a_broken_one_are_told_before_training(tmp_path: Path) -> None:
    """The report names the missing validation pairs, the file alone and the damaged one."""
    folder = write_pairs(tmp_path / "data", "1001", "2001")
    (folder / "CT" / "2001.png").write_bytes((folder / "CT" / "2001.png").read_bytes()[:200])
    (folder / "CT" / "9009.png").write_bytes(b"x")
    app = train_page()
    by_key(app.button_group, "train-source").set_value("folder").run()
    by_key(app.text_input, "train-folder").set_value(str(folder)).run()
    by_key(app.button, "train-check").click().run()
    text = words(app)
    assert "There are no validation pairs (there is only one patient)" in text
    assert "Without a partner, left out: CT/9009.png." in text
    assert "2001 is left out" in text
    assert not by_key(app.button, "train-start").disabled


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_said_at_start(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run begins; the reason stands below Start."""
    import shutil

    app = check_heads(train_page())
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 2**20))
        by_key(app.button, "train-start").click().run()
    assert "is full: 1 MiB are left" in app.error[0].value
    runs.rmdir()
    runs.write_text("in the way")
    by_key(app.button, "train-start").click().run()
    assert "Runs cannot be kept in" in app.error[0].value
    assert jobs().jobs() == []
