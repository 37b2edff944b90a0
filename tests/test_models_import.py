"""Checkpoints from elsewhere: what is refused and what is kept; scores travel in the header."""

import json
import math
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fusion_core.checkpoint import Checkpoint, CheckpointError, list_checkpoints, load, save
from fusion_core.metrics import Scores
from fusion_core.model import PRESETS, FusionConfig, FusionNet
from imaging.errors import InputError
from imaging.pairs import find_pairs
from imaging.write import encode_png
from pipelines import zoo_import
from pipelines.evaluate import PairRecord
from pipelines.methods import MethodError
from pipelines.onnx_export import sample_pair
from pipelines.publish import publish
from pipelines.scores import Score, from_header, scores_of, to_header
from pipelines.statistics import bootstrap_interval
from ui.models import texts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for installed checkpoints."""
    place = tmp_path / "installed"
    place.mkdir()
    monkeypatch.setenv("TWF_CHECKPOINTS", str(place))
    return place


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    """The bytes of an untrained checkpoint."""
    path = tmp_path / "source.safetensors"
    save(path, FusionNet(PRESETS["seed"]), {"summary": "untrained"})
    return path.read_bytes()


def with_header(data: bytes, change: Any) -> bytes:
    """The same file after a change of its header."""
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


def test_a_sound_file_is_read_and_named_after_itself(data: bytes) -> None:
    """The name has letters, digits, - and _ only, whatever the file was called."""
    found = zoo_import.inspect(data, "Dr. Who's model (2).safetensors")
    assert found.name == "Dr-Who-s-model-2"
    assert found.model.parameter_count == 6100


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    """A file that would run code when unpickled is refused, under any name, and does not run."""
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (trap,))

    evil = pickle.dumps(Trap())
    for name in ("model.pth", "model.safetensors"):
        with pytest.raises(CheckpointError, match="pickled PyTorch file"):
            zoo_import.inspect(evil, name)
    assert not trap.exists()


def test_a_flipped_bit_is_found(data: bytes) -> None:
    """The SHA-256 covers every weight."""
    broken = bytearray(data)
    broken[-5] ^= 1
    with pytest.raises(CheckpointError, match="SHA-256"):
        zoo_import.inspect(bytes(broken), "a.safetensors")


def test_settings_that_ask_for_giant_layers_take_no_memory(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file whose settings name 2 billion weights is refused before a model is built."""

    def grow(header: dict[str, Any]) -> None:
        settings = FusionConfig(widths=(4096, 4096), kernel_size=11).to_dict()
        header["__metadata__"]["config"] = json.dumps(settings)

    monkeypatch.setattr(zoo_import, "loads", lambda *_: pytest.fail("a model was built"))
    with pytest.raises(CheckpointError, match="not those that its settings"):
        zoo_import.inspect(with_header(data, grow), "a.safetensors")


def test_settings_of_another_program_are_refused(data: bytes) -> None:
    """An unknown setting is named in the sentence."""

    def spoil(header: dict[str, Any]) -> None:
        header["__metadata__"]["config"] = json.dumps({"attention": 4})

    with pytest.raises(CheckpointError, match="attention"):
        zoo_import.inspect(with_header(data, spoil), "a.safetensors")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """A model that makes NaN from a sound pair is not taken, though its SHA-256 is right."""
    model = FusionNet(PRESETS["seed"])
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    path = tmp_path / "nan.safetensors"
    save(path, model, {})
    with pytest.raises(MethodError, match="not numbers"):
        zoo_import.inspect(path.read_bytes(), "nan.safetensors")


def test_an_import_can_be_kept_renamed_and_deleted(folder: Path, data: bytes) -> None:
    """The bytes stay as they came; each step is seen by name, and nothing is left at the end."""
    path = zoo_import.keep(data, "mine", "from-a-friend.safetensors")
    assert path.read_bytes() == data
    assert zoo_import.imported() == {"mine": path}
    assert json.loads((folder / "mine.imported.json").read_text())["file"].startswith("from-a")
    zoo_import.rename("mine", "yours")
    assert "mine" not in list_checkpoints()
    assert load("yours").sha256 == load(folder / "yours.safetensors").sha256
    zoo_import.delete("yours")
    assert list(folder.iterdir()) == []


def test_what_was_not_imported_stays(folder: Path, data: bytes) -> None:
    """A shipped or published checkpoint can be neither renamed nor deleted, nor written over."""
    (folder / "default.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="was not imported here"):
        zoo_import.delete("default")
    with pytest.raises(InputError, match="was not imported here"):
        zoo_import.rename("default", "other")
    with pytest.raises(InputError, match="There is a checkpoint named default already"):
        zoo_import.keep(data, "default", "x")
    with pytest.raises(InputError, match="letters, digits"):
        zoo_import.keep(data, "../evil", "x")
    assert (folder / "default.safetensors").read_bytes() == data


def record(number: int, name: str, value: float) -> PairRecord:
    return PairRecord(number, 12, name, Scores({"Qabf": value}, {}))


def test_intervals_are_by_image_and_from_six_patients_by_patient() -> None:
    """Two patients give an interval by image and their means; six give one by patient as well."""
    values = np.random.default_rng(0).normal(0.5, 0.1, 12)
    few = [record(i, f"{1 + i % 2}{i:03d}", v) for i, v in enumerate(values)]
    (score,) = scores_of(few)
    assert score.interval == bootstrap_interval(values)
    assert score.patient_interval is None
    assert score.patients == pytest.approx({"1": values[::2].mean(), "2": values[1::2].mean()})
    many = [record(i, f"{1 + i % 6}{i:03d}", v) for i, v in enumerate(values)]
    (score,) = scores_of(many)
    assert score.patient_interval == bootstrap_interval(values.reshape(2, 6).mean(0))


def test_scores_survive_the_header_and_nonsense_gives_none() -> None:
    """What is written is read back; a foreign header is no error, there are no scores then."""
    rows = {"held out": [Score("Qabf", 0.5, 0.1, 3, (0.4, 0.6), {"1": 0.5, "2": 0.4})]}
    text = json.dumps({"scores": to_header(rows)})
    assert from_header(json.loads(text)) == rows
    nonsense: list[dict[str, Any]] = [{}, {"scores": 3}, {"scores": {"a": {"Qabf": {}}}}]
    for odd in (*nonsense, {"scores": {"a": 1}}):
        assert from_header(odd) == {}


def test_a_published_card_has_intervals_and_the_sentence_on_patients(tmp_path: Path) -> None:
    """The Markdown card and the page's table say both, from the one header."""
    for i, name in enumerate(("1001", "1002", "2001")):
        for side, image in zip(("CT", "MRI"), sample_pair(48, 40 + i), strict=True):
            path = tmp_path / "data" / side / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(np.rint(image * 255).astype(np.uint8)))
    pairs = find_pairs(tmp_path / "data")
    made = publish("seed-haar", "again", tmp_path, {"phantoms": pairs}, summary="A test.")
    card = made.with_suffix(".md").read_text()
    assert "95 % interval, by image" in card
    assert "2 patients here" in card
    assert load(made).sha256 == load("seed-haar").sha256
    scores = from_header(load(made).metadata)["phantoms"]
    table = texts.scores_html(scores)
    assert "Patient 1" in table
    assert "by patient" not in table
    assert "2 patients here" in texts.scores_note(scores)


def test_a_card_escapes_what_a_stranger_wrote() -> None:
    """Nothing from a header becomes markup."""
    found = Checkpoint(
        "x",
        FusionNet(PRESETS["seed"]),
        {"training": {"optimizer": "<script>", "loss": {"<b>": "<i>"}}, "data": "nonsense"},
        "0" * 64,
        Path("x"),
    )
    html = texts.facts_html(texts.facts(found))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
