"""Every kind of model that a checkpoint may hold, by its settings."""

from collections.abc import Mapping
from typing import Any

from fusion_core.baseline import ResNetConfig, ResNetFusion
from fusion_core.model import PRESETS, FusionConfig, FusionNet

ModelConfig = FusionConfig | ResNetConfig
FusionModel = FusionNet | ResNetFusion

RESNET = "resnet"
KIND = "architecture"
"""Key of the settings that names a kind other than the wavelet model."""

ARCHITECTURES: dict[str, ModelConfig] = {**PRESETS, RESNET: ResNetConfig()}
"""Named settings: the wavelet models, and the deep baseline of 83,697 parameters."""


def build(config: ModelConfig) -> FusionModel:
    """An untrained model of these settings."""
    return ResNetFusion(config) if isinstance(config, ResNetConfig) else FusionNet(config)


def to_dict(config: ModelConfig) -> dict[str, Any]:
    """Plain values from which :func:`from_dict` makes the same settings."""
    values = config.to_dict()
    return {KIND: RESNET, **values} if isinstance(config, ResNetConfig) else values


def from_dict(values: Mapping[str, Any]) -> ModelConfig:
    """Settings of any kind of model.

    Raises:
        ValueError: the kind or a key is unknown, or a value is out of range.
    """
    rest = {key: value for key, value in values.items() if key != KIND}
    kind = values.get(KIND)
    if kind is None:
        return FusionConfig.from_dict(rest)
    if kind != RESNET:
        raise ValueError(f"Unknown {KIND} {kind!r}; the ones here: {RESNET}, or none for wavelets.")
    return ResNetConfig.from_dict(rest)
