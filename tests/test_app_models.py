"""The page Models, driven through app.py: table, card, import, keep, rename, remove."""

from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from fusion_core.checkpoint import list_checkpoints, save
from fusion_core.model import FusionConfig, FusionNet
from tests.app_driver import by_key, open_page, shown, start, words, write_checkpoints
from ui.models import table
from ui.models.entries import Entry


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two untrained models in front of the shipped ones."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    write_checkpoints(folder)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))
    return folder


@pytest.fixture
def foreign(tmp_path: Path) -> bytes:
    """A checkpoint that is not installed."""
    torch.manual_seed(7)
    path = tmp_path / "foreign.safetensors"
    save(path, FusionNet(FusionConfig(widths=(4,))), {"summary": "From a colleague."})
    return path.read_bytes()


def drop(app: AppTest, name: str, data: bytes) -> AppTest:
    """Drop a file into the rail."""
    by_key(app.file_uploader, "models-upload").set_value((name, data, "")).run()
    return app


def test_the_page_opens_with_a_card_of_the_first_model() -> None:
    """Table, facts, hash, masks, limits and both exports stand there, without an error."""
    app = open_page(start(), "models")
    assert not app.error
    text = words(app)
    for part in ("every SHA-256 verified", "At a glance", "Use and limits", "Mask LL3 of the CT"):
        assert part in text
    names = list(app.dataframe[0].value["Name"])
    assert names[0] == "default"
    assert {"one", "seed-haar", "seed-db4-medical"} <= set(names)
    assert by_key(app.button, "models-onnx")


def test_search_narrows_the_table() -> None:
    """Every word counts; where nothing is left, a sentence says so."""
    app = open_page(start(), "models")
    app.text_input(key="models-search").set_value("medical convex").run()
    assert list(app.dataframe[0].value["Name"]) == ["seed-db4-medical"]
    app.text_input(key="models-search").set_value("no such thing").run()
    assert "No model matches" in words(app)


def test_an_import_is_usable_at_once_and_forgotten_on_request(foreign: bytes) -> None:
    """An uploaded model stands in the menu of Fuse and fuses; removed, it is gone again."""
    app = drop(open_page(start(), "models"), "my model.safetensors", foreign)
    assert not app.error
    assert "my-model is checked" in app.success[0].value
    assert "From a colleague." in "\n".join(t.value for t in app.text)
    assert "my-model" not in list_checkpoints()
    by_key(app.button, "models-use").click().run()
    assert shown(app).method.name == "my-model"
    assert shown(app).method.config.widths == (4,)
    open_page(app, "models")
    by_key(app.button, "models-remove").click().run()
    by_key(app.button, "models-remove-yes").click().run()
    assert "my-model" not in list(app.dataframe[0].value["Name"])
    open_page(app, "fuse")
    assert not app.error
    assert shown(app).method.name == "default"


def test_an_import_can_be_saved_and_renamed(foreign: bytes, place: Path) -> None:
    """Saved, the same bytes lie among the checkpoints; renamed, under the new name only."""
    app = drop(open_page(start(), "models"), "mine.safetensors", foreign)
    by_key(app.button, "models-save").click().run()
    assert (place / "mine.safetensors").read_bytes() == foreign
    app.text_input(key="models-name-mine").set_value("default").run()
    by_key(app.button, "models-rename").click().run()
    assert "named default already" in app.error[0].value
    app.text_input(key="models-name-mine").set_value("ours").run()
    by_key(app.button, "models-rename").click().run()
    assert not app.error
    assert {"ours"} == {p.stem for p in place.glob("ou*.safetensors")}
    assert not (place / "mine.safetensors").exists()


def test_a_shipped_model_cannot_be_removed() -> None:
    """Rename, save and remove are offered for imports only."""
    app = open_page(start(), "models")
    assert not [b for b in app.button if b.key in ("models-remove", "models-save")]


def test_a_bad_file_is_one_sentence(foreign: bytes) -> None:
    """A pickle, a cut file and the same model again are told apart; nothing is added."""
    app = drop(open_page(start(), "models"), "evil.safetensors", b"\x80\x04N.")
    assert "can run code when opened" in app.error[0].value
    drop(app, "cut.safetensors", foreign[:-100])
    assert len(app.error) == 1
    assert "damaged or cut short" in app.error[0].value
    drop(app, "good.safetensors", foreign)
    assert not app.error
    drop(app, "again.safetensors", foreign)
    assert "the same model as good" in app.success[0].value
    assert "again" not in list(app.dataframe[0].value["Name"])


def test_a_damaged_installed_file_has_a_line_and_a_reason(place: Path) -> None:
    """A broken file neither hides nor breaks the others."""
    data = (place / "one.safetensors").read_bytes()
    (place / "one.safetensors").write_bytes(data[:-50])
    app = open_page(start(), "models")
    assert "1 cannot be used" in words(app)
    app.text_input(key="models-search").set_value("damaged").run()
    assert "damaged or cut short" in app.error[0].value


def test_the_onnx_check_is_shown_before_the_download() -> None:
    """One click makes the file, tells how far the two programs are apart, and offers it."""
    app = open_page(start(), "models")
    assert not [b for b in app.get("download_button") if "onnx" in b.proto.label]
    by_key(app.button, "models-onnx").click().run()
    assert not app.error
    assert "agrees</b> with this program within" in words(app)
    assert [b for b in app.get("download_button") if "default.onnx" in b.proto.label]


def test_two_tabs_do_not_share_an_import(foreign: bytes) -> None:
    """What one visitor imported is in no other visitor's menu."""
    mine = drop(open_page(start(), "models"), "mine.safetensors", foreign)
    assert "mine" in list(mine.dataframe[0].value["Name"])
    other = open_page(start(), "models")
    assert "mine" not in list(other.dataframe[0].value["Name"])


def test_the_data_set_that_most_models_share_comes_first() -> None:
    """So the table's columns are filled at first sight."""

    class Scored(Entry):
        def __init__(self, *labels: str) -> None:
            object.__setattr__(self, "_labels", labels)

        @property
        def scores(self):  # type: ignore[no-untyped-def]
            return {label: [] for label in self._labels}  # type: ignore[attr-defined]

    assert table.data_sets([Scored("a"), Scored("a", "b"), Scored("b"), Scored("b")]) == ["b", "a"]
