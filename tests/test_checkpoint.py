"""Checkpoints: round trip, strictness, and one sentence for every bad file."""

import json
import os
import pickle
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fusion_core import FusionConfig, FusionNet, checkpoint
from fusion_core.checkpoint import CheckpointError, convert_state_dict, load, save
from fusion_core.model import PRESETS


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "mine.safetensors"
    save(path, FusionNet(PRESETS["deep-2"]), {"epochs": 3, "note": "für Ärzte"})
    return path


def test_round_trip(saved: Path) -> None:
    """Weights, settings and metadata come back, and the model fuses the same."""
    net = FusionNet(PRESETS["deep-2"])
    path = saved.with_name("again.safetensors")
    sha256 = save(path, net, {"a": [1, 2]})
    found = load(path)
    assert (found.name, found.sha256, found.metadata) == ("again", sha256, {"a": [1, 2]})
    assert found.model.config == net.config
    pair = torch.rand(2, 1, 1, 20, 20)
    assert torch.equal(found.model(*pair).fused, net(*pair).fused)
    assert load(saved).metadata["note"] == "für Ärzte"
    assert not list(saved.parent.glob(".*")), "no temporary file stays"


def test_names_are_looked_up(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is found in $TWF_CHECKPOINTS; an unknown one lists what exists."""
    monkeypatch.setenv("TWF_CHECKPOINTS", str(saved.parent))
    assert load("mine").path == saved
    with pytest.raises(CheckpointError, match=r"Unknown checkpoint 'nope'; the ones here: .*mine"):
        load("nope")
    with pytest.raises(CheckpointError, match="no checkpoint file"):
        load("gone.safetensors")


def test_the_identity_covers_settings_and_weights() -> None:
    """The SHA-256 changes with one weight and with one setting."""
    net = FusionNet(FusionConfig())
    state = net.state_dict()
    before = checkpoint.fingerprint("{}", state)
    assert before != checkpoint.fingerprint('{"mode": "zero"}', state)
    state["mask_nets.0.layers.0.bias"][0] += 1
    assert before != checkpoint.fingerprint("{}", state)


def test_files_without_a_later_setting_still_load(saved: Path) -> None:
    """A file from before a setting existed is whole, and takes that setting's default."""
    data = saved.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    settings = json.loads(header["__metadata__"]["config"])
    del settings["bounded"]
    text = json.dumps(settings)
    header["__metadata__"]["config"] = text
    header["__metadata__"]["sha256"] = checkpoint.fingerprint(text, load(saved).model.state_dict())
    packed = json.dumps(header).encode()
    saved.write_bytes(struct.pack("<Q", len(packed)) + packed + data[8 + size :])
    assert load(saved).model.config.bounded is False


class Bomb:
    """Unpickling it would write a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (os.mkdir, (str(self.target),))


def _flip_last(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _foreign_config(data: bytes) -> bytes:
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"]["config"] = json.dumps({"levels": 3})
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[8 + size :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "is empty"),
        (lambda data: data[:200], "cut short"),
        (lambda data: data[:-40], "damaged or cut short"),
        (_flip_last, "SHA-256"),
        (_foreign_config, "does not fit this program"),
        (lambda data: b"hello, I am a text file, not a model", "not a safetensors file"),
        (lambda data: struct.pack("<Q", 2**60) + data, "not a safetensors file"),
        (lambda data: struct.pack("<Q", 4) + b"true" + data, "not a safetensors file"),
    ],
)
def test_bad_files_get_one_sentence(saved: Path, damage, message) -> None:
    """Damaged and foreign files are refused, named, and never raise anything else."""
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(CheckpointError, match=message) as caught:
        load(saved)
    assert str(caught.value).startswith("mine.safetensors")


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    """A valid safetensors file without our header is foreign."""
    path = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="another program"):
        load(path)


@pytest.mark.parametrize("legacy", [True, False])
def test_pickled_files_never_run_code(tmp_path: Path, legacy: bool) -> None:
    """A pickled checkpoint is refused, by load and by the converter, without running it."""
    target = tmp_path / "ran"
    path = tmp_path / "evil.safetensors"
    if legacy:
        path.write_bytes(pickle.dumps(Bomb(target)))
    else:
        torch.save({"mask_net.0.weight": Bomb(target)}, path)
    with pytest.raises(CheckpointError, match="can run code when opened"):
        load(path)
    with pytest.raises(CheckpointError, match="not a plain PyTorch state dict"):
        convert_state_dict(path)
    assert not target.exists()


def _published(net: FusionNet) -> dict[str, torch.Tensor]:
    return {
        name.replace("mask_nets.0.layers", "mask_net"): value
        for name, value in net.state_dict().items()
    }


def test_published_state_dicts_convert(tmp_path: Path) -> None:
    """mask_net.0/2/4 weights, with or without wavelet filters beside them, load as seed."""
    net = FusionNet(PRESETS["seed"])
    path = tmp_path / "published.pth"
    torch.save({**_published(net), "dwt.h0_col": torch.zeros(1, 1, 2, 1)}, path)
    converted = convert_state_dict(path)
    pair = torch.rand(2, 1, 1, 16, 16)
    assert torch.equal(converted(*pair).fused, net(*pair).fused)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("mask_net.2.bias"), "has no mask_net.2.bias"),
        (lambda s: s.update({"head.weight": torch.zeros(1)}), "unexpected entries: head.weight"),
        (lambda s: s.update({"mask_net.0.bias": torch.zeros(5)}), "layers of other sizes"),
    ],
)
def test_other_state_dicts_are_refused(tmp_path: Path, change, message) -> None:
    """A state dict with missing, foreign or misshapen entries is named."""
    state = _published(FusionNet(PRESETS["seed"]))
    change(state)
    torch.save(state, tmp_path / "p.pth")
    with pytest.raises(CheckpointError, match=message):
        convert_state_dict(tmp_path / "p.pth")
    torch.save(torch.zeros(3), tmp_path / "t.pth")
    with pytest.raises(CheckpointError, match="holds a Tensor"):
        convert_state_dict(tmp_path / "t.pth")


@pytest.mark.parametrize("name", ["seed-bior2.2", "a", "A_b-3", "x" * 60])
def test_what_a_checkpoint_can_be_called(name: str) -> None:
    """Wavelets have dots in their names."""
    assert checkpoint.is_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "a.", "a..b", "../a", "a/b", "a b", "x" * 61]
)
def test_what_no_checkpoint_can_be_called(name: str) -> None:
    """A name is never a path, nor hidden, nor empty."""
    assert not checkpoint.is_name(name)


def test_all_shipped_checkpoints_verify() -> None:
    """Every file in checkpoints/ loads, is named in a card and states its data and scores."""
    folder = Path(__file__).parent.parent / "checkpoints"
    shipped = sorted(folder.glob("*.safetensors"))
    names = {p.stem for p in shipped}
    wavelets = ["haar", "db1", "db2", "db4", "db8", "bior2.2", "bior4.4", "coif2", "coif4"]
    assert {
        "default",
        "default-lite",
        "seed-db4-medical",
        *(f"seed-{w}" for w in wavelets),
    } <= names
    for path in shipped:
        found = load(path)
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        assert found.sha256[:12] in card
        assert found.metadata["data"]
        assert found.metadata["scores"]
