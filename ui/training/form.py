"""The guided form of a new run: a preset, what matters most, and everything else folded away."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from trainer.config import OPTIONS, TrainConfig
from ui.training import fields, state
from ui.training.places import Device, devices

PRESET_TEXT = {
    "default": "Our best, its first part: two gates per band from a network with a wide view. The "
    "second part is another run with the loss default-finish and the first one's weights.",
    "seed": "The published table: haar, one level, convex masks, loss 1 : 2 : 1, 50 epochs.",
    "medical": "The published advanced example: db4, two levels, five loss terms, smaller steps.",
}
"""What each preset is for, the recommended one first."""

MAIN = (
    "epochs", "batch_size", "learning_rate", "wavelet", "levels", "loss", "size", "val_fraction",
    "seed",
)  # fmt: skip
"""What is shown unfolded."""

TABS = {
    "Model": ("model",),
    "Schedule": ("schedule", "safety", "loss"),
    "Split": ("data",),
    "Augmentation": ("augmentation",),
    "Machine": ("machine",),
}
"""Folded tabs: title -> groups of settings."""

TAB_TEXT = {
    "Model": "The architecture fills in its own settings; change any of them below it.",
    "Schedule": "How the weights move, and when to stop.",
    "Split": "Validation never shares a patient with training.",
    "Augmentation": (
        "The first four change both images together, the others each image alone; "
        "mixed pairs bring a CT the MRI of another pair."
    ),
    "Machine": "Speed, precision, and what is measured and drawn on the way.",
}


@dataclass(frozen=True)
class FormResult:
    """What the form says.

    Attributes:
        name: of the run, as typed.
        preset: it began with.
        config: None where something is wrong.
        problems: one sentence per wrong value.
    """

    name: str
    preset: str
    config: TrainConfig | None
    problems: tuple[str, ...]


def settings_form(
    patients: tuple[str, ...] = (), without: tuple[str, ...] = (), named: str = "train-name"
) -> FormResult:
    """Draw the form.

    Args:
        patients: those of the checked images, to choose from.
        without: settings that keep the preset's value and are not shown.
        named: key of the field for the name.
    """
    preset = _preset()
    raw: dict[str, Any] = {}
    model = str(_value(preset, "model", fields.start_values(preset)["model"]))
    start = fields.start_values(preset, model)
    left, right = st.columns([3, 4])
    with left:
        state.prepare(named, "")
        name = st.text_input(
            "Name", key=named, placeholder=preset, max_chars=60,
            help="Names the folder, after date and time.",
        )  # fmt: skip
        state.kept(named, name)
    with right:
        raw["device"] = _device(preset)
    raw |= {setting: start[setting] for setting in without if setting in start}
    columns = st.columns(3)
    for i, setting in enumerate(setting for setting in MAIN if setting not in without):
        with columns[i % 3]:
            raw[setting] = _field(preset, model, setting, start[setting])
    if raw["loss"] == fields.OWN_WEIGHTS:
        raw["own_loss"] = _own_loss(preset)
    with st.expander("All settings", icon=":material/tune:"):
        _advanced(preset, model, start, raw, patients)
    config, problems = fields.build(preset, raw)
    return FormResult(name.strip() or preset, preset, config, tuple(problems))


def _preset() -> str:
    state.prepare("train-preset", next(iter(PRESET_TEXT)))
    chosen = st.segmented_control(
        "Start from", list(PRESET_TEXT), key="train-preset", required=True, width="stretch",
        format_func=str.capitalize,
        help="Fills in every field below. What you change is kept for each preset.",
    )  # fmt: skip
    preset = str(state.kept("train-preset", chosen or next(iter(PRESET_TEXT))))
    st.caption(PRESET_TEXT[preset])
    return preset


def device_choices(found: Sequence[Device]) -> dict[str, str]:
    """What a run can be trained on, setting -> label; all GPUs together where there are several."""
    choices = {device.name: device.label for device in found}
    gpus = [device for device in found if device.name.startswith("cuda")]
    if len(gpus) > 1:
        choices["all"] = f"All {len(gpus)} GPUs, one process on each"
    return choices


def _device(preset: str) -> str:
    found = device_choices(devices())
    key = f"train-{preset}-device"
    state.prepare(key, next(iter(found)))
    return str(
        state.kept(
            key,
            st.selectbox(
                "Device", list(found), key=key, format_func=lambda name: found[name],
                help="Where it trains. One run at a time on each; others wait in the queue. On "
                "all GPUs each step's batch is shared out, and the result is that of one up to "
                "rounding."
                if "all" in found
                else "Where it trains. One run at a time on each; others wait in the queue.",
            ),
        )
    )  # fmt: skip


def _key(preset: str, model: str | None, setting: str) -> str:
    """Fields of the model belong to one architecture: another one brings its own values."""
    owner = f"-{model}" if OPTIONS[setting].of_model and model else ""
    return f"train-{preset}{owner}-{setting}"


def _value(preset: str, setting: str, otherwise: Any) -> Any:
    """What a field holds that is drawn further down."""
    key = _key(preset, None, setting)
    return st.session_state.get(key, state.values().get(key, otherwise))


def _field(
    preset: str, model: str | None, setting: str, start: Any, choices: tuple[str, ...] = ()
) -> Any:
    key = _key(preset, model, setting)
    state.prepare(key, start)
    return state.kept(key, fields.draw(OPTIONS[setting], key, choices))


def _own_loss(preset: str) -> str:
    key = f"train-{preset}-own_loss"
    state.prepare(key, "mse=1, ssim=2, gradient=1")
    text = st.text_input("Loss weights", key=key, help=fields.own_loss_help())
    return str(state.kept(key, text))


def _advanced(
    preset: str,
    model: str | None,
    start: dict[str, Any],
    raw: dict[str, Any],
    patients: tuple[str, ...],
) -> None:
    for tab, (title, groups) in zip(st.tabs(list(TABS)), TABS.items(), strict=True):
        with tab:
            st.caption(TAB_TEXT[title])
            rest = [
                name
                for name, option in OPTIONS.items()
                if option.group in groups and name not in raw
            ]
            columns = st.columns(3)
            for i, name in enumerate(rest):
                choices: tuple[str, ...] = ()
                if OPTIONS[name].kind == "list":
                    taken = start[name] + list(_value(preset, name, []) or [])
                    choices = tuple(dict.fromkeys((*patients, *taken)))
                with columns[i % 3]:
                    raw[name] = _field(preset, model, name, start[name], choices)
