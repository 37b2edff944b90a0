"""Publishing a run's best weights: measured on its validation pairs, with a model card."""

import tempfile
from pathlib import Path

import numpy as np

from fusion_core.checkpoint import SUFFIX, list_checkpoints
from imaging.errors import InputError
from imaging.pairs import PairSet, find_pairs
from imaging.write import encode_png
from pipelines.publish import publish
from trainer.config import TrainConfig
from trainer.run_folder import RunFolder
from trainer.sources import PairSource, source_from
from ui.training.places import published_folder
from ui.training.sources import DATA

MOST_SCORED = 64
"""Pairs that a card's scores are measured on, at most; evenly spaced ones of more."""


def publish_run(folder: RunFolder, name: str, notes: str) -> Path:
    """Score the best weights of a run and put them among the checkpoints.

    Args:
        folder: the run.
        name: of the new checkpoint; none may have it yet.
        notes: what this model is, for the card.

    Returns:
        The checkpoint's path; its card lies beside it.

    Raises:
        ValueError: name, images or folder cannot be used; one sentence.
    """
    if name in list_checkpoints():
        raise InputError(f"There is a checkpoint named {name} already; choose another name.")
    if not name:
        raise InputError("Give the checkpoint a name: letters, digits, - and _.")
    data = folder.read_json("data.json")
    config = folder.config()
    held = set(data.get("val_patients", []))
    label = "validation pairs of other patients" if held else "training pairs (none were held out)"
    source = _source(folder, data, config)
    with tempfile.TemporaryDirectory(prefix="fusion-publish-") as temporary:
        pairs = _pairs(source, held, Path(temporary))
        try:
            return publish(
                folder.best, name, published_folder(), {f"{label}, {source.title}": pairs},
                summary=notes.strip() or f"Trained in the app as {folder.name}.",
                use=LIMITS,
            )  # fmt: skip
        except OSError as error:
            path = published_folder() / f"{name}{SUFFIX}"
            path.unlink(missing_ok=True)
            raise InputError(
                f"{name} cannot be written among the checkpoints: {error.strerror or error}."
            ) from error


LIMITS = """
## Use and limits

For research, teaching and the comparison of fusion methods on aligned pairs like those it was
trained on, both images windowed to [0, 1]. Not for diagnosis: a fused grey value has no Hounsfield
unit, and a finding can be dimmed against its best source. Other anatomy, contrasts and scanners are
untested. The training images are not part of this file.
"""


def _source(folder: RunFolder, data: dict[str, object], config: TrainConfig) -> PairSource:
    own = folder.path / DATA
    origin = data.get("origin")
    if own.is_dir():
        origin = {"kind": "folder", "path": str(own)}
    if not isinstance(origin, dict):
        raise InputError("This run does not say where its images lie, so it cannot be measured.")
    return source_from(origin, config.patient_pattern, config.patient_table)


def _pairs(source: PairSource, held: set[str], temporary: Path) -> PairSet:
    """The pairs to score on, as files."""
    chosen = [i for i, patient in enumerate(source.patients) if not held or patient in held]
    if not chosen:
        raise InputError("None of the run's validation patients is among its images any more.")
    if len(chosen) > MOST_SCORED:
        chosen = [chosen[int(i)] for i in np.linspace(0, len(chosen) - 1, MOST_SCORED)]
    if source.origin["kind"] == "folder":
        names = {source.names[i] for i in chosen}
        found = find_pairs(source.origin["path"])
        return PairSet(tuple(pair for pair in found.pairs if pair.name in names))
    for i in chosen:
        for side, image in zip(("CT", "MRI"), source.read(i), strict=True):
            path = temporary / side / f"{source.names[i]}.png"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_png(image))
    return find_pairs(temporary)
