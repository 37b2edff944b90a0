"""Named training runs, to begin from."""

from dataclasses import replace

from fusion_core.architectures import ARCHITECTURES as MODELS
from fusion_core.architectures import RESNET
from fusion_core.losses import BALANCED, DEFAULT, FINISH, MEDICAL
from trainer.config import TrainConfig

PRESETS: dict[str, TrainConfig] = {
    "seed": TrainConfig(),
    "medical": TrainConfig(
        model=MODELS["medical"], loss=dict(MEDICAL), batch_size=4, learning_rate=5e-4
    ),
    "default": TrainConfig(
        model=MODELS["default"],
        loss=dict(DEFAULT),
        epochs=200,
        batch_size=1,
        learning_rate=1.5e-3,
        scheduler="cosine",
        warmup_epochs=1.0,
        ema_decay=0.999,
        clip_norm=1.0,
        crop=248,
        flip="both",
        intensity=0.1,
        gamma=0.15,
        mix=0.5,
    ),
    "dilated": TrainConfig(
        model=MODELS["dilated"],
        loss=dict(BALANCED),
        epochs=100,
        batch_size=4,
        learning_rate=3e-3,
        scheduler="cosine",
        warmup_epochs=2.0,
        clip_norm=1.0,
        crop=128,
        flip="both",
    ),
}
PRESETS["default-finish"] = replace(
    PRESETS["default"], loss=dict(FINISH), epochs=40, learning_rate=8e-4, intensity=0.0
)
PRESETS["default-lite"] = replace(PRESETS["dilated"], model=MODELS["default-lite"])
PRESETS[RESNET] = replace(PRESETS["dilated"], model=MODELS[RESNET])
"""``seed``: the published table; ``medical``: its advanced example; ``default`` and then, with its
``start``, ``default-finish``: our own; ``default-lite`` and ``dilated``: plain and quick networks;
``resnet``: the deep baseline, under the loss and schedule of ``dilated``."""


def preset(name: str) -> TrainConfig:
    """The named preset.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"Unknown training preset {name!r}; choose one of {', '.join(PRESETS)}.")
    return PRESETS[name]
