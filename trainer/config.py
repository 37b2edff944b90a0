"""Every setting of a training run, with its range and plain words for flags and forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, cast, get_args, get_type_hints

from fusion_core.architectures import ARCHITECTURES as MODELS
from fusion_core.architectures import ModelConfig, from_dict, to_dict
from fusion_core.baseline import ResNetConfig
from fusion_core.losses import LOSSES, STANDARD, FusionLoss
from fusion_core.model import FusionConfig
from fusion_core.wavelets import MODES
from pipelines.extensions import ExtensionFile, is_loaded
from trainer.options import Option as Option
from trainer.options import about, checked, kind_of, number, setting


@dataclass(frozen=True)
class TrainConfig:
    """Everything that defines a training run but its images; the defaults are the published ones.

    ``model`` also takes the name of an architecture or a mapping of its settings, ``loss`` the
    name of a loss.

    Raises:
        ValueError: a value has the wrong type or is out of range; the message names the field.
    """

    model: ModelConfig = field(
        default=MODELS["seed"],
        metadata=about(
            "Architecture, by name; resnet has no wavelet settings.",
            "model",
            choices=tuple(MODELS),
            kind="model",
        ),
    )
    loss: dict[str, float] = field(
        default_factory=lambda: dict(STANDARD),
        metadata=about(
            f"Loss: a name ({', '.join(LOSSES)}) or weights like mse=1,ssim=2,gradient=1.",
            "loss",
            kind="loss",
        ),
    )
    start: str | None = setting(
        None, "Checkpoint whose weights training begins with, by name or path; none begins anew.",
        "schedule",
    )  # fmt: skip
    epochs: int = setting(50, "Times every training pair is seen.", "schedule", 1, 100_000)
    batch_size: int = setting(
        8, "Pairs per step, over all processes together.", "schedule", 1, 4096
    )
    learning_rate: float = setting(1e-3, "Size of the optimizer's steps.", "schedule", 1e-7, 10)
    optimizer: str = setting(
        "adam", "Rule that turns gradients into steps.", "schedule",
        choices=("adam", "adamw", "sgd", "rmsprop"),
    )  # fmt: skip
    weight_decay: float = setting(0.0, "Pull of all weights towards zero.", "schedule", 0, 1)
    momentum: float = setting(0.9, "Momentum of sgd; others ignore it.", "schedule", 0, 0.9999)
    scheduler: str = setting(
        "step",
        "Course of the learning rate: halved in steps, a cosine to zero, one rise and fall, "
        "or constant.",
        "schedule",
        choices=("step", "cosine", "onecycle", "constant"),
    )
    step_epochs: int = setting(
        20, "Epochs between two cuts of the step schedule.", "schedule", 1, 100_000
    )
    step_factor: float = setting(
        0.5, "What the step schedule multiplies the rate by.", "schedule", 1e-4, 1
    )
    warmup_epochs: float = setting(
        0.0, "Epochs over which the rate rises from zero.", "schedule", 0, 1000
    )
    patience: int = setting(
        0, "Epochs without a better validation loss before stopping; 0 never stops early.",
        "schedule", 0, 100_000,
    )  # fmt: skip
    ema_decay: float = setting(
        0.0, "Decay of the running average of weights that is validated and kept; 0 is off.",
        "schedule", 0, 0.99999,
    )  # fmt: skip
    clip_norm: float | None = setting(
        None, "Longest gradient before it is shortened.", "safety", 1e-6, 1e6
    )
    size: int | None = setting(
        256, "Side that every image is brought to, pixels; none keeps images as they are.",
        "data", 16, 4096,
    )  # fmt: skip
    val_fraction: float = setting(
        0.2, "Share of the pairs kept for validation, by whole patients.", "data", 0, 0.9
    )
    held_out: tuple[str, ...] = setting(
        (), "Patients kept for validation, instead of a share.", "data", kind="list"
    )
    patient_pattern: str | None = setting(
        None, "Regular expression whose first group finds the patient in a file name.", "data"
    )
    patient_table: str | None = setting(None, "CSV file with the columns name and patient.", "data")
    crop: int | None = setting(
        None, "Side of a random square crop, pixels.", "augmentation", 16, 4096
    )
    flip: str = setting(
        "none", "Random mirroring: left-right only, or upside down as well.", "augmentation",
        choices=("none", "horizontal", "both"),
    )  # fmt: skip
    rotate: float = setting(0.0, "Largest random turn, degrees; 0 is off.", "augmentation", 0, 180)
    scale: float = setting(
        0.0, "Largest random change of size, as a share; 0 is off.", "augmentation", 0, 0.5
    )
    intensity: float = setting(
        0.0, "Largest random change of brightness of each image alone.", "augmentation", 0, 0.9
    )
    contrast: float = setting(
        0.0, "Largest random bend of contrast of each image alone.", "augmentation", 0, 1
    )
    gamma: float = setting(
        0.0, "Largest random change of gamma of each image alone.", "augmentation", 0, 1
    )
    noise: float = setting(
        0.0, "Largest standard deviation of noise added to each image alone.", "augmentation",
        0, 0.5,
    )  # fmt: skip
    misalign: float = setting(
        0.0, "Largest random shift of the MRI against the CT, pixels.", "augmentation", 0, 64
    )
    dropout: float = setting(
        0.0, "Chance that one of the two images of a pair is black.", "augmentation", 0, 0.9
    )
    mix: float = setting(
        0.0, "Chance that a CT meets the MRI of any training pair instead of its own.",
        "augmentation", 0, 1,
    )  # fmt: skip
    seed: int = setting(
        0, "Number that fixes first weights, split, order and augmentation.", "machine",
        0, 2**31 - 1,
    )  # fmt: skip
    amp: str = setting(
        "none", "Number format of the mask networks; everything else stays float32.", "machine",
        choices=("none", "bf16", "fp16"),
    )  # fmt: skip
    device: str = setting(
        "auto",
        "auto, cpu, cuda, cuda:N or all; auto takes CUDA where there is one, all every GPU of "
        "this machine.",
        "machine",
    )
    compile: str = setting(
        "none",
        "Compile the training step (torch.compile); reduce-overhead adds CUDA graphs. Takes a "
        "minute or two before the first step.",
        "machine",
        choices=("none", "default", "reduce-overhead"),
    )
    threads: int | None = setting(
        None, "CPU threads; none leaves the number to torch. Results repeat for one number.",
        "machine", 1, 1024,
    )  # fmt: skip
    metrics_every: int = setting(
        1, "Epochs between two measurements of all metrics on the validation pairs; 0 never.",
        "machine", 0, 100_000,
    )  # fmt: skip
    strips: int = setting(
        3, "Validation pairs whose masks and fused image are drawn every epoch.", "machine", 0, 16
    )
    keep_weights: bool = setting(
        True,
        "Keep the weights of every epoch, to go back to any in Compare; up to 250 000 values a "
        "model.",
        "machine",
    )
    report_every: int = setting(10, "Steps between two reports.", "machine", 1, 100_000)
    tensorboard: bool = setting(
        False, "Write TensorBoard events into the run's folder as well.", "machine"
    )
    # No option, so that no form can name one: it comes from a command line or a file on disk.
    extensions: ExtensionFile | None = None

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "model", _as_model(self.model))
        set_(self, "extensions", _as_extensions(self.extensions))
        # The names of a file that was not run yet are not known; the engine checks them.
        known = self.extensions is None or is_loaded(self.extensions)
        set_(self, "loss", _as_loss(self.loss, known))
        set_(self, "held_out", _as_words("held_out", self.held_out))
        for option in OPTIONS.values():
            if not option.of_model and option.kind not in ("model", "loss", "list"):
                set_(self, option.name, checked(option, getattr(self, option.name)))
        if self.crop and self.size and self.crop > self.size:
            raise ValueError(f"crop must be at most size ({self.size}), got {self.crop}.")
        _check_device(self.device)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        model = {k: list(v) if isinstance(v, tuple) else v for k, v in to_dict(self.model).items()}
        return values | {
            "model": model,
            "held_out": list(self.held_out),
            "loss": dict(self.loss),
            "extensions": None if self.extensions is None else self.extensions.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainConfig":
        """The inverse of :meth:`to_dict`; settings left out keep their defaults.

        Raises:
            ValueError: a key is unknown or a value is out of range.
        """
        return cls().with_options(values)

    def with_options(self, values: Mapping[str, Any]) -> "TrainConfig":
        """This run with some settings changed.

        Args:
            values: setting -> value. The model's own settings (``wavelet``, ``levels``, ...) may
                stand beside the others; they change the model that is there or is named. Other
                ``widths`` without ``dilations`` of their own have none.

        Raises:
            ValueError: a key is unknown or a value is out of range.
        """
        if unknown := [name for name in values if name not in (*OPTIONS, "extensions")]:
            raise ValueError(
                f"Unknown training settings {', '.join(map(repr, unknown))}; valid ones: "
                f"{', '.join(OPTIONS)}."
            )
        of_model = {n: v for n, v in values.items() if n in OPTIONS and OPTIONS[n].of_model}
        own = {n: v for n, v in values.items() if n not in of_model}
        if of_model:
            valid = {n: checked(OPTIONS[n], v) for n, v in of_model.items()}
            if "widths" in valid:  # dilations are of the layers that the widths replace
                valid.setdefault("dilations", ())
            own["model"] = _changed_model(_as_model(own.get("model", self.model)), valid)
        return replace(self, **own)


def parse_option(name: str, text: str) -> Any:
    """Read a setting's value from text, as on a command line.

    Raises:
        ValueError: the setting is unknown or the text is not a value of its kind.
    """
    if name not in OPTIONS:
        raise ValueError(f"Unknown training setting {name!r}; valid ones: {', '.join(OPTIONS)}.")
    option, text = OPTIONS[name], text.strip()
    if option.optional and text.lower() in ("none", ""):
        return None
    if option.kind == "loss":
        return _as_loss(text)
    if option.kind == "model":
        return _as_model(text)
    if option.kind in ("list", "numbers"):
        words = tuple(part.strip() for part in text.split(",") if part.strip())
        return words if option.kind == "list" else tuple(number(option, w, int) for w in words)
    if option.kind == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{name} must be true or false, got {text!r}.")
        return text.lower() == "true"
    if option.kind in ("int", "float"):
        return checked(option, number(option, text, int if option.kind == "int" else float))
    return checked(option, text)


def _as_model(value: Any) -> ModelConfig:
    if isinstance(value, ModelConfig):
        return value
    if isinstance(value, Mapping):
        return from_dict(value)
    if not isinstance(value, str) or value not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}; got {value!r}.")
    return MODELS[value]


def _changed_model(model: ModelConfig, values: Mapping[str, Any]) -> ModelConfig:
    if not isinstance(model, ResNetConfig):
        return replace(model, **values)
    raise ValueError(
        f"The residual network has no {', '.join(values)}: these settings are for wavelet models; "
        f"leave them out, or choose another model ({', '.join(MODELS)})."
    )


def _as_loss(value: Any, terms_known: bool = True) -> dict[str, float]:
    if isinstance(value, str):
        if value in LOSSES:
            return dict(LOSSES[value])
        try:
            value = {k.strip(): float(v) for k, v in (p.split("=") for p in value.split(","))}
        except ValueError:
            raise ValueError(
                f"loss must be one of {', '.join(LOSSES)} or weights like mse=1,ssim=2; "
                f"got {value!r}."
            ) from None
    if not isinstance(value, Mapping) or not all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in value.values()
    ):
        raise ValueError(f"loss must map terms to weights, got {value!r}.")
    weights = {str(k): float(v) for k, v in value.items()}
    if terms_known:
        FusionLoss(weights)  # names what is wrong
    return weights


def _as_extensions(value: Any) -> ExtensionFile | None:
    if value is None or isinstance(value, ExtensionFile):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"extensions must have a path and a sha256, got {value!r}.")
    return ExtensionFile.from_dict(value)


def _as_words(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{name} must be a list of names, got {value!r}.")
    return tuple(value)


def _check_device(device: str) -> None:
    head, _, number = device.partition(":")
    known = ("auto", "cpu", "cuda", "all")
    if head not in known or (number and (head != "cuda" or not number.isdigit())):
        raise ValueError(f"device must be auto, cpu, cuda, cuda:N or all; got {device!r}.")


_MODEL_HELP: dict[str, tuple[str, float | None, float | None, tuple[str, ...]]] = {
    "wavelet": ("Wavelet of the transform.", None, None, ()),
    "levels": ("Levels of the transform.", 1, 5, ()),
    "mode": ("How images continue beyond their border.", None, None, MODES),
    "mask_inputs": (
        "Bands that the mask networks see: approximations only, or all.", None, None, ("ll", "all")
    ),
    "mask_net": (
        "plain: a stack of convolutions; context: a wider view, where gates are independent.",
        None, None, ("plain", "context"),
    ),
    "widths": ("Channels of the mask networks' hidden layers, like 16,32.", None, None, ()),
    "kernel_size": ("Side of the mask networks' kernels, odd.", 1, 11, ()),
    "dilations": ("Spacing of the kernels' taps, one number per layer, or empty.", None, None, ()),
    "gating": (
        "convex: the two masks of a band sum to one; independent: both are free.",
        None, None, ("convex", "independent"),
    ),
    "shared": ("One mask network for all levels instead of one per level.", None, None, ()),
    "bounded": (
        "Keep the fused image within the sources' range; two-tap wavelets only.", None, None, ()
    ),
    "gate_start": ("Logit at which untrained gates begin.", -10, 10, ()),
}  # fmt: skip


def _options() -> dict[str, Option]:
    found: dict[str, Option] = {}
    hints = get_type_hints(TrainConfig)
    for f in fields(TrainConfig):
        if not (m := f.metadata):
            continue
        kind, optional = kind_of(hints[f.name], m["choices"])
        default = f.default if f.name != "loss" else dict(STANDARD)
        found[f.name] = Option(
            f.name, m["kind"] or kind, default, m["help"], m["group"], m["low"], m["high"],
            m["choices"], optional,
        )  # fmt: skip
        if f.name == "model":
            model_hints = get_type_hints(FusionConfig)
            for g in fields(FusionConfig):
                text, low, high, choices = _MODEL_HELP.get(g.name, (g.name, None, None, ()))
                kind, optional = kind_of(model_hints[g.name], choices)
                found[g.name] = Option(
                    g.name, kind, g.default, text, "model", low, high,
                    choices or cast(tuple[str, ...], get_args(model_hints[g.name]))
                    if kind == "choice" else (),
                    optional, of_model=True,
                )  # fmt: skip
    return found


OPTIONS: dict[str, Option] = _options()
"""Every setting by name: flags and forms are generated from it."""
