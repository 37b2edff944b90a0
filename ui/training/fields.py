"""One form field per training setting, made of what trainer.config knows about it."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from fusion_core.architectures import ARCHITECTURES as MODELS
from fusion_core.baseline import ResNetConfig
from fusion_core.losses import LOSSES, TERMS
from fusion_core.wavelets import NAMED_WAVELETS
from trainer.config import OPTIONS, Option, TrainConfig, parse_option
from trainer.options import checked
from trainer.presets import PRESETS

LABELS = {
    "model": "Architecture",
    "start": "First weights",
    "mask_net": "Mask network",
    "batch_size": "Batch size",
    "size": "Image size, px",
    "val_fraction": "Validation share",
    "held_out": "Validation patients",
    "patient_pattern": "Patient pattern",
    "patient_table": "Patient table",
    "ema_decay": "EMA decay",
    "amp": "Number format",
    "patience": "Patience, epochs",
    "clip_norm": "Gradient clipping",
    "misalign": "Misalignment, px",
    "mix": "Mixed pairs, share",
    "dropout": "Modality dropout",
    "intensity": "Brightness",
    "mode": "Boundary",
    "gate_start": "Gate start, logit",
    "metrics_every": "Metrics every",
    "strips": "Pairs drawn",
    "keep_weights": "Keep every epoch",
    "report_every": "Report every",
    "threads": "CPU threads",
    "tensorboard": "TensorBoard events",
    "compile": "Compile the step",
}
"""Labels that say more than the setting's name."""

OWN_WEIGHTS = "own weights"


def label_of(name: str) -> str:
    """What a form calls a setting."""
    return LABELS.get(name, name.replace("_", " ").capitalize())


def help_of(option: Option) -> str:
    """Plain explanation and range of a setting."""
    parts = [option.help]
    if option.range_text and not option.choices:
        parts.append(f"Range: {option.range_text}.")
    elif option.optional:
        parts.append("Leave it empty for none.")
    return " ".join(parts)


def start_values(preset: str, model: str | None = None) -> dict[str, Any]:
    """What a form shows before anything is changed, as its widgets hold it.

    Args:
        preset: name of a training preset.
        model: name of an architecture that replaces the preset's.
    """
    config = PRESETS[preset]
    architecture = MODELS[model] if model else config.model
    shown: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        # The residual network has none of the wavelet models' settings.
        value = (
            getattr(architecture, name, option.default)
            if option.of_model
            else getattr(config, name)
        )
        if option.kind == "model":
            value = model or name_of(value, MODELS)
        elif option.kind == "loss":
            value = name_of(value, LOSSES)
        elif option.kind == "numbers":
            value = ", ".join(map(str, value))
        elif option.kind == "list":
            value = list(value)
        elif option.kind == "text" and value is None:
            value = ""
        shown[name] = value
    return shown


def name_of(value: Any, table: Mapping[str, Any]) -> str:
    """The name under which a value stands in a table."""
    return next(name for name, known in table.items() if known == value)


def build(preset: str, raw: Mapping[str, Any]) -> tuple[TrainConfig | None, list[str]]:
    """The settings that a form's values mean, or one sentence per value that is wrong.

    Args:
        preset: what the form began with.
        raw: setting -> value as its widget holds it; "own_loss" the weights where the loss is
            :data:`OWN_WEIGHTS`.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, value in raw.items():
        if name == "own_loss":
            continue
        option = OPTIONS[name]
        try:
            if option.kind == "loss" and value == OWN_WEIGHTS:
                value = raw.get("own_loss", "")
            values[name] = _read(option, value)
        except ValueError as error:
            wrong.append(named(option, str(error)))
    if isinstance(MODELS.get(str(values.get("model"))), ResNetConfig):
        values = {name: value for name, value in values.items() if not OPTIONS[name].of_model}
    if not wrong:
        try:
            return PRESETS[preset].with_options(values), []
        except ValueError as error:
            wrong.append(str(error))
    return None, wrong


def named(option: Option, sentence: str) -> str:
    """A sentence about a setting, with the form's label in place of the setting's name."""
    label = label_of(option.name)
    return (
        label + sentence.removeprefix(option.name)
        if sentence.startswith(option.name)
        else (f"{label}: {sentence}")
    )


def _read(option: Option, value: Any) -> Any:
    if option.kind in ("model", "list"):
        return value
    if option.kind in ("loss", "numbers"):
        return parse_option(option.name, str(value))
    if option.kind == "text":
        return (value or "").strip() or (None if option.optional else "")
    if value is None and not option.optional:
        raise ValueError(f"{option.name} is empty; give a value ({option.range_text}).")
    return checked(option, value)


def draw(
    option: Option, key: str, choices: Sequence[str] | None = None, disabled: bool = False
) -> Any:
    """Show the field of one setting; its value lies in the session under ``key`` already.

    Args:
        option: the setting.
        key: widget key.
        choices: words to choose from where the setting itself does not limit them.
        disabled: greyed out.
    """
    label, text = label_of(option.name), help_of(option)
    if option.kind in ("int", "float"):
        whole = option.kind == "int"
        return st.number_input(
            label, value=None if option.optional else "min", step=_step(option), key=key,
            format="%d" if whole else "%g", help=text, disabled=disabled,
            placeholder="none" if option.optional else "",
        )  # fmt: skip
    if option.kind == "bool":
        return st.toggle(label, key=key, help=text, disabled=disabled)
    if option.kind == "list":
        return st.multiselect(
            label, list(choices or ()), key=key, help=text, accept_new_options=True,
            placeholder="by the share above", disabled=disabled,
        )  # fmt: skip
    words = choices or option.choices or _words(option)
    if words:
        return st.selectbox(label, list(words), key=key, help=text, disabled=disabled)
    return st.text_input(label, key=key, help=text, disabled=disabled)


def _words(option: Option) -> tuple[str, ...]:
    if option.kind == "model":
        return tuple(MODELS)
    if option.kind == "loss":
        return (*LOSSES, OWN_WEIGHTS)
    return NAMED_WAVELETS if option.name == "wavelet" else ()


def own_loss_help() -> str:
    """How weights are written, and which terms there are."""
    return f"Weights like mse=1, ssim=2. Terms: {', '.join(TERMS)}."


def _step(option: Option) -> float:
    if option.kind == "int":
        return 1
    small = {"learning_rate": 1e-4, "weight_decay": 1e-4, "momentum": 0.01, "ema_decay": 0.001}
    return small.get(option.name, 1.0 if (option.high or 0) > 10 else 0.05)
