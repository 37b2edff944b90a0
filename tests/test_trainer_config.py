"""Training settings: round trips, presets of the published table, and errors in words."""

import json

import pytest

from fusion_core.losses import MEDICAL, STANDARD
from fusion_core.model import FusionConfig
from trainer.config import OPTIONS, TrainConfig, parse_option
from trainer.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_json(name: str) -> None:
    """A preset written as JSON and read back is the same preset."""
    config = preset(name)
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_seed_preset_is_the_published_table() -> None:
    """Batch 8, Adam 1e-3, 50 epochs, StepLR 20 / 0.5, haar, 1:2:1, 256x256, 6,100 parameters."""
    c = preset("seed")
    table = (c.batch_size, c.learning_rate, c.epochs, c.optimizer, c.size)
    assert table == (8, 1e-3, 50, "adam", 256)
    assert (c.scheduler, c.step_epochs, c.step_factor) == ("step", 20, 0.5)
    assert (c.model, c.loss) == (FusionConfig(), STANDARD)


def test_the_medical_preset_is_the_advanced_example() -> None:
    """db4, two levels, batch 4, learning rate 5e-4, and its own loss."""
    c = preset("medical")
    assert (c.model.wavelet, c.model.levels, c.batch_size, c.learning_rate) == ("db4", 2, 4, 5e-4)
    assert c.loss == MEDICAL


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs must be 1 to 100000, got 0"),
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate must be 1e-07 to 10"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"optimizer": "newton"}, "optimizer must be one of adam, adamw, sgd, rmsprop"),
        ({"loss": {"mse": -1}}, "weight of loss term 'mse' is -1"),
        ({"loss": "nice"}, "loss must be one of standard, medical, default"),
        ({"loss": {"nice": 1}}, "unknown loss term 'nice'; valid terms: mse"),
        ({"model": "huge"}, "model must be one of seed"),
        ({"wavelet": "dmey"}, "dmey is not invertible"),
        ({"levels": 6}, "levels must be 1 to 5, got 6"),
        ({"held_out": "21"}, "held_out must be a list of names"),
        ({"crop": 512}, r"crop must be at most size \(256\), got 512"),
        ({"device": "tpu"}, "device must be auto, cpu, cuda, cuda:N or all"),
        ({"speed": 9}, "Unknown training settings 'speed'; valid ones: model"),
    ],
)
def test_a_wrong_setting_is_named_with_its_range(changes: dict[str, object], words: str) -> None:
    """The message names the field and what it may hold."""
    with pytest.raises(ValueError, match=words):
        TrainConfig().with_options(changes)


def test_an_unknown_preset_lists_the_known_ones() -> None:
    """The message lists seed, medical and default."""
    with pytest.raises(ValueError, match="seed, medical, default"):
        preset("best")


def test_model_settings_stand_beside_the_others() -> None:
    """A wavelet changes the model that is there; a named model is changed, not the one before."""
    config = preset("medical").with_options({"wavelet": "db2"})
    assert (config.model.wavelet, config.model.levels) == ("db2", 2)
    assert config.with_options({"model": "seed", "levels": 2}).model == FusionConfig(levels=2)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epochs", "7", 7),
        ("learning_rate", "2e-3", 0.002),
        ("crop", "none", None),
        ("widths", "8,16", (8, 16)),
        ("held_out", "20, 41", ("20", "41")),
        ("shared", "true", True),
        ("loss", "mse=1,ssim=2.5", {"mse": 1.0, "ssim": 2.5}),
        ("loss", "medical", MEDICAL),
        ("gate_start", "1", 1.0),
    ],
)
def test_text_becomes_a_value(name: str, text: str, value: object) -> None:
    """Every kind of setting can be written on a command line."""
    assert parse_option(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"), [("epochs", "many"), ("epochs", "none"), ("shared", "yes"), ("nice", "1")]
)
def test_wrong_text_is_refused(name: str, text: str) -> None:
    """What is no value of the setting's kind raises, naming the setting."""
    with pytest.raises(ValueError, match=name):
        parse_option(name, text)


def test_every_setting_has_plain_words_and_numbers_a_range() -> None:
    """Flags and forms find a help text everywhere and a range for every number."""
    for option in OPTIONS.values():
        assert option.help.endswith("."), option.name
        if option.kind in ("int", "float"):
            assert option.range_text, option.name
