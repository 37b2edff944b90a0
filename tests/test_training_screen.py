"""What the Train page stands on: safe unpacking, renaming, resuming, records, charts."""

import io
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from imaging import archive
from imaging.errors import InputError
from tests.training_app import PAIR, pair_files, until, write_pairs, zip_of
from tests.training_data import tiny_config, tiny_data
from trainer.config import OPTIONS
from trainer.data import CTMRIDataset, open_folder
from trainer.loop import train
from trainer.presets import PRESETS
from trainer.run_folder import RunFolder
from trainer.sources import PhantomSource
from ui.training import curves, data_report, fields, history, launch, manage, pictures
from ui.training.places import jobs
from ui.training.sources import SourceChoice, data_maker, take_upload


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh folder of runs; no job outlives its test."""
    monkeypatch.setenv("TWF_RUNS", str(tmp_path / "runs"))
    yield tmp_path / "runs"
    jobs().stop_all(20)
    jobs.clear()


def unpack(data: bytes, target: Path) -> int:
    return archive.unpack_pairs(io.BytesIO(data), "set.zip", target)


@pytest.mark.parametrize("root", ["", "my set/"])
def test_a_zip_unpacks_its_two_folders_only(tmp_path: Path, root: str) -> None:
    """CT/ and MRI/ come out, at the top or inside one folder; other files stay packed."""
    extra = {f"{root}readme.txt": b"x", f"__MACOSX/{root}CT/a.png": b"x", f"{root}CT/.hidden": b"x"}
    count = unpack(zip_of(pair_files("a", "b", root=root) | extra), tmp_path / "out")
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert count == 4
    assert found == {"out/CT/a.png", "out/CT/b.png", "out/MRI/a.png", "out/MRI/b.png"}


@pytest.mark.parametrize(
    "name", ["../CT/x.png", "/CT/x.png", "CT/../../CT/x.png", "C:/CT/x.png", "..\\CT\\x.png"]
)
def test_a_path_that_leaves_the_folder_refuses_the_whole_zip(tmp_path: Path, name: str) -> None:
    """Nothing is written anywhere, and the entry is named."""
    with pytest.raises(InputError, match="points outside"):
        unpack(zip_of(pair_files("a") | {name: b"x"}), tmp_path / "out")
    assert list(tmp_path.rglob("*")) == []


def test_links_bombs_and_foreign_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link, too many files, too many bytes, twice the same name, no zip: a sentence each."""
    link = zipfile.ZipInfo("CT/a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(link, "/etc/passwd")
        file.writestr("MRI/a.png", PAIR[1])
    with pytest.raises(InputError, match="is a link"):
        unpack(buffer.getvalue(), tmp_path / "out")
    good = zip_of(pair_files("a"))
    with pytest.raises(InputError, match="is not a zip file"):
        unpack(good[:-30], tmp_path / "out")
    with pytest.raises(InputError, match="several folders"):
        unpack(zip_of(pair_files("a", root="x/") | pair_files("b", root="y/")), tmp_path / "out")
    with pytest.raises(InputError, match="needs the folders CT/ and MRI/"):
        unpack(zip_of({"a.png": PAIR[0]}), tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(archive, "MAX_TOTAL", 100)
        with pytest.raises(InputError, match="unpacks to"):
            unpack(good, tmp_path / "out")
    monkeypatch.setattr(archive, "MAX_FILES", 1)
    with pytest.raises(InputError, match="holds 2 files"):
        unpack(good, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_upload_lives_in_its_run_and_goes_with_it(runs: Path) -> None:
    """The zip's images are copied into the run, survive renaming and resuming, and are deleted."""
    names = ("1001", "2001", "3001", "4001")
    upload = take_upload(zip_of(pair_files(*names)), "set.zip")
    unpacked = upload.path
    choice = SourceChoice("zip", {"kind": "folder", "path": str(unpacked)}, upload)
    job = launch.start("up", tiny_config(epochs=2), choice)
    assert job.wait(60)
    assert job.snapshot().state == "done", job.snapshot().message
    name = job.snapshot().name
    assert sorted(p.stem for p in (runs / name / "data" / "CT").iterdir()) == list(names)
    del choice, upload
    assert not unpacked.exists()
    renamed = manage.rename(name, "other name")
    assert renamed == f"{name[:16]}other-name"
    origin = RunFolder(runs / renamed).read_json("data.json")["origin"]
    assert origin["path"] == str((runs / renamed / "data").resolve())
    again = launch.resume(renamed, epochs=3)
    assert again.wait(60)
    assert (again.snapshot().state, again.snapshot().epoch) == ("done", 3)
    manage.delete(renamed)
    assert list(runs.iterdir()) == []


def test_images_that_are_gone_stop_a_resume_in_words(runs: Path, tmp_path: Path) -> None:
    """A missing folder is named at once; changed images fail the job with the reason."""
    folder = write_pairs(tmp_path / "data", "1001", "2001", "3001")
    config = tiny_config(epochs=1)
    name = "20260101-000000-a"
    list(train(config, open_folder(folder, config), runs / name))
    (folder / "CT" / "3001.png").unlink()
    job = launch.resume(name, epochs=2)
    assert job.wait(30)
    assert "The images are not those" in job.snapshot().message
    view = history.look(name)
    assert view is not None
    assert view.state == "failed"
    folder.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="images of this run are gone"):
        launch.resume(name)


def test_a_run_that_trains_is_neither_renamed_nor_deleted(runs: Path) -> None:
    """Both are refused in words while it is alive, and names never leave the runs' folder."""
    config = tiny_config(epochs=100_000)
    job = jobs().submit(config, lambda: tiny_data(config), runs / "20260101-000000-a")
    until(lambda: job.snapshot().epoch >= 1)
    for act in (manage.delete, lambda name: manage.rename(name, "b")):
        with pytest.raises(InputError, match="is training; stop it before"):
            act("20260101-000000-a")
    for name in ("..", "../x", ""):
        with pytest.raises(InputError, match="is not the name of a run"):
            manage.delete(name)
    (runs / "no-run").mkdir()
    with pytest.raises(InputError, match="is not the folder of a run"):
        manage.delete("no-run")


def test_presets_come_back_from_the_form_unchanged() -> None:
    """What the form shows for a preset builds exactly that preset."""
    for name, config in PRESETS.items():
        assert fields.build(name, fields.start_values(name)) == (config, [])


def test_the_form_names_every_wrong_value_and_what_does_not_fit_together() -> None:
    """Empty, outside, unknown loss term; a crop above the size."""
    raw = fields.start_values("seed")
    bad = raw | {"epochs": None, "loss": fields.OWN_WEIGHTS, "own_loss": "nice=1", "levels": 9}
    config, wrong = fields.build("seed", bad)
    assert config is None
    assert len(wrong) == 3
    assert "Levels must be 1 to 5, got 9." in wrong
    assert any(w.startswith("Loss") and "nice" in w for w in wrong)
    assert any("Epochs is empty; give a value (1 to 100000)." in w for w in wrong)
    _, wrong = fields.build("seed", raw | {"crop": 512})
    assert wrong == ["crop must be at most size (256), got 512."]
    assert set(raw) == set(OPTIONS)


def test_the_newest_of_a_live_run_follows_what_came_before(runs: Path) -> None:
    """A resumed run's view holds the epochs of both parts, each once, in order."""
    config = tiny_config(epochs=2)
    name = "20260101-000000-a"
    list(train(config, tiny_data(config), runs / name))
    longer = config.with_options({"epochs": 100_000})
    job = jobs().submit(longer, lambda: tiny_data(longer), runs / name, resume=True)
    until(lambda: job.snapshot().epoch >= 5)
    job.pause()
    until(lambda: job.snapshot().state == "paused")
    view = history.look(name)
    assert view is not None
    assert view.alive
    assert [r["epoch"] for r in view.epochs_seen] == list(range(1, view.epoch + 1))
    assert view.remaining is not None
    assert 0 < view.share < 1


def test_charts_show_the_records(runs: Path) -> None:
    """The loss chart holds training and validation of every epoch; the strip has all masks."""
    config = tiny_config(epochs=3, levels=2, gating="independent")
    name = "20260101-000000-a"
    list(train(config, tiny_data(config), runs / name))
    view = history.look(name)
    assert view is not None
    lines = {trace.name: trace for trace in curves.loss_figure(view).data}
    assert list(lines["training"].x) == [1, 2, 3]
    assert list(lines["validation"].y) == [r["val_total"] for r in view.epochs_seen]
    assert len(curves.terms_figure(view).data) == 2 * len(config.loss)
    assert len(curves.stability_figure(view).data[0].y) == 2
    assert len(curves.overlay_figure([view, view], "val_total").data) == 2
    assert pictures.epochs_drawn(view.path) == [1, 2, 3]
    strip = pictures.read_strip(view.path, 3, config, 0)
    assert strip is not None
    assert list(strip.masks) == ["CT", "MRI"]
    assert list(strip.masks["MRI"]) == ["LL2", "LH2", "HL2", "HH2", "LH1", "HL1", "HH1"]


def test_stability_counts_from_the_last_large_change() -> None:
    """Stable since the first epoch after which nothing moved more than the limit."""
    changes = [None, 0.1, 0.001, 0.01, 0.001, 0.0005]
    records = [{"epoch": i + 1, "mask_change": c} for i, c in enumerate(changes)]
    assert curves.stable_since(records) == 5
    assert curves.stable_since(records[:4]) is None


def test_the_report_warns_of_what_can_mislead() -> None:
    """No validation, enlargement, and near-duplicates across the split are each said."""
    source = PhantomSource(1, 2, 32)
    data = CTMRIDataset(source, tiny_config(size=64))
    texts = " ".join(text for _, text in data_report.findings(data.report, 64))
    assert "no validation pairs" in texts
    assert "enlarged to 64 pixels" in texts
    html = data_report.contact_sheet(data)
    assert html.count("<img") == 2
    report = replace(data.report, val=1, near_duplicates=(("a", "b", 0.97),))
    for synthetic, advice in ((False, "one patient under two names"), (True, "by real images")):
        warnings = [text for kind, text in data_report.findings(report, 32, synthetic)]
        assert len(warnings) == 1
        assert "correlation 0.970: validation may flatter. " in warnings[0]
        assert warnings[0].endswith(f"{advice}.")


def test_a_file_lost_between_check_and_start_fails_the_job_in_words(
    runs: Path, tmp_path: Path
) -> None:
    """The data maker reads files anew, so what is gone by then is told by the job."""
    folder = write_pairs(tmp_path / "data", "1001", "2001")
    choice = SourceChoice("folder", {"kind": "folder", "path": str(folder)})
    config = tiny_config(epochs=1)
    make = data_maker(choice, config, runs / "a", None)
    for path in (folder / "MRI").iterdir():
        path.unlink()
    job = jobs().submit(config, make, runs / "a")
    assert job.wait(30)
    assert job.snapshot().state == "failed"
    assert "holds no pair" in job.snapshot().message
    view = history.look("a")
    assert view is not None
    assert "holds no pair" in view.message
