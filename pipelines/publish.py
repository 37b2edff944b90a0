"""Publish a trained checkpoint: measure it, write the scores into it, and give it a model card."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fusion_core.architectures import KIND, RESNET
from fusion_core.checkpoint import NAME_RULE, SUFFIX, is_name, load, save
from fusion_core.metrics import METRICS
from imaging.errors import InputError
from imaging.pairs import PairSet
from pipelines.methods import load_method
from pipelines.scores import Score, measure, patient_note, to_header

CARD_METRICS = (
    "SSIM_Avg", "PSNR_Avg", "Edge_Preservation", "MI_Avg", "SD", "SCD", "VIF", "Qabf", "Nabf",
    "Qcv",
)  # fmt: skip
"""What a card's table shows; the checkpoint's header holds every metric."""

_ARROWS = {"up": "higher", "down": "lower", "none": "-"}


def publish(
    source: str | Path,
    name: str,
    folder: Path,
    data: Mapping[str, PairSet],
    *,
    summary: str,
    command: str = "",
    use: str | None = None,
) -> Path:
    """Score a checkpoint on labelled data, then write it and its card under a new name.

    Args:
        source: name or path of the checkpoint, usually ``RUN_DIR/best.safetensors``.
        name: new name: letters, digits, ``-`` and ``_``.
        folder: where both files go.
        data: label, such as "held-out patients", to the pairs to score on.
        summary: one or two sentences on what this model is.
        command: the shell command that trained it, for the card.
        use: the card's closing section on use and limits; that of the shipped models if absent.

    Returns:
        The path of the new checkpoint; its card has the suffix ``.md``.

    Raises:
        InputError: the name is not usable, or a data set has no pair that can be scored.
        CheckpointError: the source cannot be read.
    """
    if not is_name(name):
        raise InputError(f"A checkpoint's name has {NAME_RULE}; got {name!r}.")
    found, method = load(source), load_method(source, device="cpu")
    scores = {label: measure(label, pairs, method) for label, pairs in data.items()}
    metadata = found.metadata | {
        "name": name,
        "summary": summary,
        "command": command,
        "scores": to_header(scores),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}{SUFFIX}"
    sha256 = save(path, found.model, metadata)
    card = model_card(metadata, sha256, found.model.parameter_count, scores, use)
    path.with_suffix(".md").write_text(card, encoding="utf-8")
    return path


def model_card(
    metadata: Mapping[str, Any],
    sha256: str,
    parameters: int,
    scores: Mapping[str, Sequence[Score]],
    use: str | None = None,
) -> str:
    """The card of a checkpoint as Markdown.

    Args:
        metadata: the checkpoint's header.
        sha256: its identity.
        parameters: number of trained values.
        scores: label of a data set to its metrics.
        use: the closing section on use and limits; that of the shipped models if absent.
    """
    training, data = metadata.get("training", {}), metadata.get("data", {})
    model = training.get("model", {})
    loss = ", ".join(f"{term} {weight:g}" for term, weight in training.get("loss", {}).items())
    begun = f"; begun with the weights of {training['start']}" if training.get("start") else ""
    rows = [
        *_architecture(model, parameters),
        f"| loss | {loss} |",
        f"| schedule | {training.get('optimizer')}, rate {training.get('learning_rate'):g}, "
        f"{training.get('scheduler')}, batch {training.get('batch_size')}, "
        f"{training.get('epochs')} epochs, seed {training.get('seed')}{begun} |",
        f"| weights taken from | epoch {metadata.get('epoch')}, the lowest {best_by(metadata)} |",
        f"| trained on | {data.get('train_pairs')} pairs of patients "
        f"{', '.join(data.get('train_patients', []))} |",
        _validated(data),
        f"| SHA-256 | `{sha256}` |",
    ]
    text = f"# {metadata['name']}\n\n{metadata['summary']}\n\n| | |\n|---|---|\n"
    text += "\n".join(rows) + "\n"
    for label, rows_here in scores.items():
        text += f"\n## Scores: {label}\n\n{_table(rows_here)}{_by_patient(rows_here)}"
    if metadata.get("command"):
        text += f"\n## Made with\n\n```sh\n{metadata['command']}\n```\n"
    return text + (use or USE)


USE = """
## Use and limits

For research, teaching and the comparison of fusion methods on aligned 8-bit-like brain slices, both
images windowed to [0, 1]. Not for diagnosis: a fused grey value has no Hounsfield unit, and a
finding can be dimmed against its best source. Few patients of one atlas were seen in training;
other anatomy, contrasts and scanners are untested. The training images (Whole Brain Atlas, K. A.
Johnson and J. A. Becker) are not part of this repository.
"""
"""The closing section of a card, where none is given."""


def _architecture(model: Mapping[str, Any], parameters: int) -> list[str]:
    if model.get(KIND) == RESNET:
        return [
            "| architecture | residual encoder-decoder: no wavelet, no masks, nothing to trace |",
            f"| network | {model.get('blocks')} residual blocks at half size, "
            f"{model.get('width')} channels at full size; {parameters:,} parameters |",
        ]
    whole = model.get("mask_inputs") == "all"
    seen = "all bands of both images" if whole else "the approximations of both images"
    wide = " on blocks of 2 × 2 and a coarse branch" if model.get("mask_net") == "context" else ""
    return [
        f"| wavelet, levels, boundary | {model.get('wavelet')}, {model.get('levels')}, "
        f"{model.get('mode')} |",
        f"| masks | {model.get('gating')}{', bounded' if model.get('bounded') else ''}; the "
        f"network sees {seen} |",
        f"| network | hidden widths {model.get('widths')}{wide}; {parameters:,} parameters |",
    ]


def _table(scores: Sequence[Score]) -> str:
    lines = [
        "| metric | mean ± sd | 95 % interval, by image | better | images |",
        "|---|---|---|---|---|",
    ]
    for row in scores:
        if row.metric in CARD_METRICS:
            better = _ARROWS[METRICS[row.metric].direction]
            ends = "-" if row.interval is None else "{:.4g} to {:.4g}".format(*row.interval)
            lines.append(
                f"| {row.metric} | {row.mean:.4g} ± {row.sd:.3g} | {ends} | {better} | "
                f"{row.images} |"
            )
    return "\n".join(lines) + "\n"


def _by_patient(scores: Sequence[Score]) -> str:
    """What may be said by patient: intervals from six patients on, else each patient's mean."""
    shown = [row for row in scores if row.metric in CARD_METRICS and row.patients]
    if not shown:
        return ""
    names = list(shown[0].patients)
    if any(row.patient_interval for row in shown):
        lines = ["| metric | 95 % interval, by patient | patients |", "|---|---|---|"]
        lines += [
            f"| {row.metric} | {row.patient_interval[0]:.4g} to {row.patient_interval[1]:.4g} | "
            f"{len(row.patients)} |"
            for row in shown
            if row.patient_interval
        ]
        return "\n" + "\n".join(lines) + "\n"
    lines = [
        "| metric | " + " | ".join(f"patient {name}" for name in names) + " |",
        "|---|" + "---|" * len(names),
    ]
    lines += [
        f"| {row.metric} | "
        + " | ".join(f"{row.patients[n]:.4g}" if n in row.patients else "-" for n in names)
        + " |"
        for row in shown
    ]
    return f"\n{patient_note(len(names))}\n\n" + "\n".join(lines) + "\n"


def best_by(metadata: Mapping[str, Any]) -> str:
    """What was smallest in the epoch that the weights are from: "validation loss", say."""
    return str(metadata.get("best_by") or "validation loss")


def _validated(data: Mapping[str, Any]) -> str:
    pairs = data.get("val_pairs")
    patients = ", ".join(data.get("val_patients", []))
    return f"| validated on | {f'{pairs} pairs of patients {patients}' if pairs else 'nothing'} |"
