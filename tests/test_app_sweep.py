"""Sweeps on the Train page, driven through app.py: form, table, stop, resume, reuse, deletion."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app_driver import by_key, words
from tests.app_driver import write_checkpoints as write
from tests.training_app import fill, pair_files, train_page, until, zip_of
from tests.training_data import tiny_config, tiny_data
from trainer.presets import preset
from trainer.run_folder import RunFolder, list_runs
from trainer.sweep import plan_sweep, sweep
from trainer.sweep_results import RESULTS_MD, results_csv, results_markdown
from ui.training import sweeps_form, sweeps_launch, sweeps_look, sweeps_pace
from ui.training.form import FormResult
from ui.training.places import jobs
from ui.training.sources import SourceChoice, take_upload
from ui.training.sweeps_look import names

HEADS = {"kind": "phantom", "heads": 3, "slices": 1, "size": 32, "seed": 0, "sequence": "T2"}


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Fresh folders for runs and checkpoints; no job outlives its test."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    write(checkpoints)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(checkpoints))
    monkeypatch.setenv("TWF_RUNS", str(tmp_path / "runs"))
    sweeps_pace._recorded.clear()
    sweeps_pace._tried.clear()
    yield tmp_path / "runs"
    jobs().stop_all(20)
    jobs.clear()


def sweep_page(**values: object) -> Any:
    """The form of a new sweep on three tiny heads, checked."""
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.button_group, "train-preset").set_value("seed").run()
    fill(
        app,
        heads=3,
        slices=1,
        side=32,
        size=32,
        batch_size=2,
        metrics_every=0,
        **({"epochs": 1} | values),
    )
    by_key(app.multiselect, "train-sweep-wavelets").set_value(["haar", "db2"])
    by_key(app.text_input, "train-sweep-seeds").set_value("0-1").run()
    return by_key(app.button, "train-check").click().run()


def start_quick(config: Any = None, **choices: Any) -> str:
    """Queue a small sweep without the page."""
    config = config or tiny_config(epochs=2, strips=0)
    choice = SourceChoice("phantom", HEADS)
    return sweeps_launch.start("quick", plan_sweep(config, **choices), choice, "none")


def ended(name: str) -> sweeps_look.SweepView:
    """The sweep once nothing of it is alive."""
    until(lambda: not sweeps_launch.living(name))
    view = sweeps_look.look(name)
    assert view is not None
    return view


def write_done(folder: Path, **choices: Any) -> None:
    """A sweep that the shell has trained."""
    list(sweep(plan_sweep(tiny_config(epochs=1, strips=0), **choices), tiny_data, folder))


def test_a_sweep_goes_from_the_form_to_a_table_equal_to_the_shells(runs: Path) -> None:
    """Four runs become two rows of mean ± sd, and the files are those that the shell writes."""
    app = sweep_page()
    assert "<b>4</b> runs: 2 wavelets × 1 level × 1 loss × 2 seeds, 1 epochs each" in words(app)
    assert "unknown" in words(app)
    by_key(app.text_input, "train-sweep-name").set_value("my sweep").run()
    by_key(app.button, "train-sweep-start").click().run()
    assert not app.error
    (name,) = names()
    assert name.endswith("-my-sweep")
    view = ended(name)
    assert (view.state, view.done) == ("done", 4)
    app.run()
    text = words(app)
    assert text.count("2 of 2") == 2
    assert "twf-best" in text
    assert "6,100" in text
    assert len(app.get("plotly_chart")) == 1
    assert not app.error
    written = (runs / name / RESULTS_MD).read_text(encoding="utf-8")
    assert written == results_markdown(view.rows)
    assert written.count(" ± ") >= 4
    assert (runs / name / "results.csv").read_text(encoding="utf-8") == results_csv(view.results)

    by_key(app.selectbox, "train-choose-sweep").set_value("").run()
    assert "About <b>" not in words(app)
    by_key(app.text_input, "train-sweep-seeds").set_value("0-2").run()
    assert "<b>4</b> of them are done already" in words(app)
    assert "About <b>" in words(app)
    by_key(app.button, "train-sweep-start").click().run()
    second = ended(names()[0] if names()[0] != name else names()[1])
    assert (second.state, second.done) == ("done", 6)
    trained = [seen.run_dir.parent.name for seen in jobs().snapshots()]
    assert trained.count(second.name) == 2


def test_what_is_wrong_in_the_form_is_named_and_nothing_starts() -> None:
    """No wavelet, no level, a loss and seeds that cannot be read: a sentence each, Start is off."""
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.multiselect, "train-sweep-wavelets").set_value([])
    by_key(app.button_group, "train-sweep-levels").set_value([])
    by_key(app.text_input, "train-sweep-seeds").set_value("0, x").run()
    assert [error.value for error in app.error] == [
        "Wavelets: choose at least one.",
        "Levels: choose at least one.",
        "Seeds: 'x' is no whole number or range like 0-4.",
    ]
    assert by_key(app.button, "train-sweep-start").disabled


@pytest.mark.parametrize(
    ("text", "seeds"), [("0, 1 2", (0, 1, 2)), ("3-5,4", (3, 4, 5)), ("7", (7,))]
)
def test_seeds_are_read_as_numbers_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    """Commas, blanks and ranges give every seed once."""
    assert sweeps_form.read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "0-99999999", "1.5"])
def test_text_that_is_no_seed_is_refused(text: str) -> None:
    """Empty, negative, broken and endless lists raise one sentence."""
    with pytest.raises(ValueError, match="Seeds: "):
        sweeps_form.read_seeds(text)


def test_gates_that_a_wavelet_cannot_have_are_off_in_all_runs() -> None:
    """The default preset's bound is dropped with a note where db4 takes part, kept for haar."""
    form = FormResult("", "default", preset("default"), ())
    chosen = sweeps_form.read_combinations(["haar", "db4"], [1], ["standard"], "0")
    plan = sweeps_form.plan_of(form, chosen)
    assert [run.config.model.bounded for run in plan.runs] == [False, False]  # type: ignore[union-attr]
    assert "Bounded is off in all runs" in plan.notes[0]
    alone = sweeps_form.read_combinations(["haar"], [1], ["mse=1, ssim=2"], "0")
    plan = sweeps_form.plan_of(form, alone)
    assert plan.runs[0].config.model.bounded  # type: ignore[union-attr]
    assert plan.runs[0].loss == "mse=1,ssim=2"
    assert plan.notes == ()


def test_too_many_runs_are_refused() -> None:
    """A thousand runs is the limit, named with the number asked for."""
    form = FormResult("", "seed", preset("seed"), ())
    chosen = sweeps_form.read_combinations(["haar", "db2"], [1], ["standard"], "0-599")
    assert "These are 1200 runs" in sweeps_form.plan_of(form, chosen).problems[0]


def test_stop_keeps_what_is_done_and_resume_trains_only_the_rest(runs: Path) -> None:
    """Stopped in its second run, a sweep shows one of three; resumed it ends with three."""
    name = start_quick(tiny_config(epochs=3, strips=0), seeds=(0, 1, 2))
    app = train_page()
    until(lambda: sweeps_look.look(name).done >= 1)  # type: ignore[union-attr]
    sweeps_launch.stop(name)
    view = ended(name)
    assert view.state == "stopped"
    assert 1 <= view.done < 3
    kept = [row.name for row in view.rows if row.state == "done"]
    before = {n: (runs / name / n / "history.jsonl").read_bytes() for n in kept}
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.selectbox, "train-choose-sweep").set_value(name).run()
    assert "and kept; resume it for the others" in words(app)
    by_key(app.button, "train-sweep-resume").click().run()
    assert ended(name).done == 3
    assert {n: (runs / name / n / "history.jsonl").read_bytes() for n in kept} == before


def test_pause_and_stop_reach_every_run_by_the_buttons() -> None:
    """Paused, nothing moves and the page offers Resume; Stop ends all, the waiting ones unbegun."""
    name = start_quick(tiny_config(epochs=100_000, strips=0), seeds=(0, 1, 2))
    until(lambda: jobs().snapshots()[0].epoch >= 1)
    app = train_page()
    assert app.session_state["twf_train_view"] == "Sweep"
    assert "haar, 1 level, standard, seed 0" in words(app)
    by_key(app.button, "train-sweep-pause").click().run()
    until(lambda: sweeps_look.look(name).state == "paused")  # type: ignore[union-attr]
    app.run()
    by_key(app.button, "train-sweep-go-on").click().run()
    until(lambda: sweeps_look.look(name).state == "running")  # type: ignore[union-attr]
    app.run()
    by_key(app.button, "train-sweep-stop").click().run()
    view = ended(name)
    assert [row.state for row in view.rows] == ["stopped", "new", "new"]
    app.run()
    assert by_key(app.button, "train-sweep-resume").label == "Resume"


def test_a_sweep_whose_server_is_gone_is_interrupted_and_goes_on(runs: Path) -> None:
    """Another server knows it from its folder alone; Resume finds settings and images there."""
    name = start_quick(seeds=(0, 1, 2))
    until(lambda: sweeps_look.look(name).done == 1)  # type: ignore[union-attr]
    sweeps_launch.stop(name)
    ended(name)
    RunFolder(runs / name).set_status("running", "Running.", 0)  # as a kill leaves it
    jobs.clear()
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    assert "The sweep was interrupted" in words(app)
    by_key(app.button, "train-sweep-resume").click().run()
    assert not app.error
    assert ended(name).done == 3


def test_a_sweep_of_the_shell_is_listed_and_its_missing_images_are_said(runs: Path) -> None:
    """What the shell has trained is shown; images that were only in memory cannot be resumed."""
    write_done(runs / "20260101-000000-shell", seeds=(0,))
    list(
        sweep(
            plan_sweep(tiny_config(epochs=1, strips=0), wavelets=("db2",)),
            tiny_data,
            runs / "20260101-000000-shell",
        )
    )
    shutil.rmtree(runs / "20260101-000000-shell" / "db2-1-standard-seed0")
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.selectbox, "train-choose-sweep").set_value("20260101-000000-shell").run()
    assert "1 of 2 runs is done and kept" in words(app)
    by_key(app.button, "train-sweep-resume").click().run()
    (error,) = (e.value for e in app.error)
    assert error.startswith("The sweep does not say where its images lie")
    assert jobs().jobs() == []


def test_runs_that_fail_are_told_once_with_their_reason(tmp_path: Path) -> None:
    """Two runs whose images are gone give one sentence that counts them, and Resume."""
    gone = SourceChoice("folder", {"kind": "folder", "path": str(tmp_path / "gone")})
    plan = plan_sweep(tiny_config(epochs=1, strips=0), seeds=(0, 1))
    name = sweeps_launch.start("lost", plan, gone, "none")
    view = ended(name)
    assert (view.state, view.done) == ("failed", 0)
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.selectbox, "train-choose-sweep").set_value(name).run()
    text = words(app)
    assert "0 of 2 runs are done, 2 failed; Resume tries those again." in text
    assert "2 runs, the first haar, 1 level, standard, seed 0:" in text
    by_key(app.button, "train-sweep-resume").click().run()
    assert "The images of this sweep are gone" in app.error[0].value


def test_an_upload_lies_in_the_sweeps_folder_and_goes_with_it(runs: Path) -> None:
    """All runs read the one copy; deleting the sweep, once confirmed, removes it."""
    files = zip_of(pair_files("1001", "2001", "3001"))
    upload = take_upload(files, "set.zip")
    choice = SourceChoice("zip", {"kind": "folder", "path": str(upload.path)}, upload)
    plan = plan_sweep(tiny_config(epochs=1, strips=0), seeds=(0, 1))
    name = sweeps_launch.start("zip", plan, choice, "none")
    upload.folder.cleanup()
    assert ended(name).state == "done"
    assert sorted(p.name for p in (runs / name / "data" / "CT").iterdir())[0] == "1001.png"
    run = list_runs(runs / name)[0]
    assert run.read_json("data.json")["source"] == "upload set.zip"
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.selectbox, "train-choose-sweep").set_value(name).run()
    by_key(app.button, "train-sweep-delete").click().run()
    assert "with its 2 runs for good?" in app.warning[0].value
    by_key(app.button, "train-sweep-delete-no").click().run()
    assert (runs / name).exists()
    by_key(app.button, "train-sweep-delete").click().run()
    by_key(app.button, "train-sweep-delete-yes").click().run()
    assert not (runs / name).exists()
    assert "Deleted zip." in [s.value for s in app.success]


def test_a_run_of_a_sweep_opens_and_leads_back(runs: Path) -> None:
    """Open shows the run with Publish but without Train longer; the way back ends at the sweep."""
    folder = runs / "20260101-000000-mine"
    write_done(folder, seeds=(0, 1))
    app = train_page()
    by_key(app.button_group, "train-view").set_value("Sweep").run()
    by_key(app.selectbox, "train-choose-sweep").set_value(folder.name).run()
    by_key(app.button, "train-sweep-open").click().run()
    assert "mine/haar-1-standard-seed" in words(app)
    labels = [button.label for button in app.button]
    assert "Publish" in labels
    assert "Train on" not in labels
    by_key(app.button, "train-back-to-sweep").click().run()
    assert "2 of 2" in words(app)
    assert not app.error


def test_the_table_of_runs_adds_those_of_sweeps_when_asked(runs: Path) -> None:
    """They stay out of the table of all runs until the switch is on."""
    write_done(runs / "20260101-000000-mine", seeds=(0, 1))
    app = train_page()
    by_key(app.button_group, "train-view").set_value("All runs").run()
    assert not app.dataframe
    by_key(app.toggle, "train-sweeps-too").set_value(True).run()
    found = list(app.dataframe[0].value["Name"])
    assert found == ["mine/haar-1-standard-seed1", "mine/haar-1-standard-seed0"]


def test_a_sweep_that_cannot_be_kept_leaves_nothing(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When its plan cannot be written the sentence says so and no folder stays."""

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweeps_launch, "_begin", full)
    with pytest.raises(ValueError, match="No space left on device; make room"):
        start_quick()
    assert list(runs.iterdir()) == []
    assert jobs().jobs() == []


@pytest.mark.parametrize("name", ["..", "../x", "", "a/b", "20260101-000000-run"])
def test_only_sweeps_are_deleted(runs: Path, name: str) -> None:
    """Paths that lead elsewhere, and folders that hold no sweep, are refused."""
    (runs / "20260101-000000-run").mkdir(parents=True)
    with pytest.raises(ValueError, match="is not the name of a sweep"):
        sweeps_launch.delete(name)
    assert (runs / "20260101-000000-run").exists()


def test_the_time_is_known_from_runs_like_these_or_from_a_few_steps(runs: Path) -> None:
    """Unknown at first; after steps of it, and after a run of it, a positive number of seconds."""
    config = tiny_config(epochs=2, strips=0)
    plan = plan_sweep(config, wavelets=("haar", "db2"))
    assert sweeps_pace.estimate(plan, 10).seconds is None
    sweeps_pace.try_out(plan[:1], tiny_data(config))
    tried = sweeps_pace.estimate(plan, 10)
    assert (tried.known, tried.kinds, tried.whole) == (1, 2, False)
    assert tried.seconds is not None
    assert tried.seconds > 0
    assert sweeps_pace.estimate(plan, 20).seconds == pytest.approx(2 * tried.seconds)
    list(sweep(plan[:1], tiny_data, runs / "20260101-000000-past"))
    sweeps_pace._tried.clear()
    recorded = sweeps_pace.estimate(plan, 10)
    assert (recorded.known, recorded.whole) == (1, True)
