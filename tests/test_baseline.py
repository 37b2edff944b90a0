"""The residual network as a model, in a checkpoint and under training."""

from pathlib import Path

import pytest
import torch

from fusion_core.architectures import ARCHITECTURES, build, from_dict, to_dict
from fusion_core.baseline import ResNetConfig, ResNetFusion
from fusion_core.checkpoint import CheckpointError, load, save
from trainer.config import TrainConfig
from trainer.presets import preset


def test_the_baseline_is_small_enough_to_compare() -> None:
    """It has fewer than 100,000 values, most of them in its residual blocks."""
    model = build(ARCHITECTURES["resnet"])
    assert isinstance(model, ResNetFusion)
    assert model.parameter_count == 83_697


@pytest.mark.parametrize("shape", [(1, 1), (33, 47), (1, 20, 30), (3, 1, 16, 10)], ids=str)
def test_it_has_the_interface_of_the_wavelet_model(shape: tuple[int, ...]) -> None:
    """Any accepted shape gives a fused image of the same size and no masks."""
    ct, mri = torch.rand(2, *shape)
    result = build(ResNetConfig(width=4, blocks=1))(ct, mri)
    assert tuple(result.fused.shape[-2:]) == shape[-2:]
    assert result.fused.dim() == 4
    assert result.masks is None


def test_a_checkpoint_holds_it_and_gives_it_back(tmp_path: Path) -> None:
    """Weights, kind and settings survive the file; the images are equal bit for bit."""
    model = build(ResNetConfig(width=6, blocks=2)).eval()
    save(tmp_path / "deep.safetensors", model, {"title": "Deep"})
    again = load(tmp_path / "deep.safetensors").model
    assert again.config == model.config
    ct, mri = torch.rand(2, 1, 1, 24, 24)
    assert torch.equal(model(ct, mri).fused, again(ct, mri).fused)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "unet"}, "Unknown architecture 'unet'"),
        ({"architecture": "resnet", "levels": 2}, "Unknown model settings levels"),
        ({"architecture": "resnet", "width": 0}, "width must be a whole number"),
        ({"architecture": "resnet", "kernel_size": 4}, "kernel_size must be odd"),
    ],
)
def test_foreign_settings_are_refused(values: dict[str, object], message: str) -> None:
    """A kind or a value that is not known ends in a sentence that names it."""
    with pytest.raises(ValueError, match=message):
        from_dict(values)


def test_weights_of_another_kind_do_not_load(tmp_path: Path) -> None:
    """A file whose settings name the wrong kind of model is refused."""
    path = tmp_path / "wrong.safetensors"
    save(path, build(ResNetConfig(width=6)), {})
    data = path.read_bytes().replace(
        b'\\"architecture\\": \\"resnet\\"', b'\\"architecture\\": \\"resmet\\"'
    )
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="does not fit this program"):
        load(path)


def test_settings_travel_as_plain_values() -> None:
    """Every named architecture equals what its plain values make."""
    for config in ARCHITECTURES.values():
        assert from_dict(to_dict(config)) == config


def test_a_training_run_can_name_it() -> None:
    """The preset trains it under the loss of `dilated`; wavelet settings are refused."""
    run = preset("resnet")
    assert run.loss == preset("dilated").loss
    assert TrainConfig.from_dict(run.to_dict()) == run
    with pytest.raises(ValueError, match=r"The residual network has no wavelet"):
        run.with_options({"wavelet": "db4"})
