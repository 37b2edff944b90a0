"""Score a method, or a folder of images fused elsewhere, on every pair of a data folder."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import METRICS, Scores, evaluate
from imaging.errors import InputError
from imaging.image import Image
from imaging.pairs import SUFFIXES, Pair, PairSet, match_grid
from imaging.read import read_image
from imaging.windowing import apply_window, default_window
from pipelines.fuse import fuse_pair, scores, to_8bit
from pipelines.methods import Method, MethodError

ARROWS = {"up": "↑", "down": "↓", "none": " "}

PairError = (InputError, MethodError, ValueError, OSError, MemoryError)
"""What one unusable pair may raise; it is reported and the next one follows."""


@dataclass(frozen=True)
class PairRecord:
    """What became of one pair of a folder.

    Attributes:
        index: from 1.
        total: number of pairs.
        name: file name without suffix.
        scores: the metrics; None where they were not asked for or the pair failed.
        notes: what the user must be told about the pair.
        error: one sentence where the pair failed, else None.
        path: the fused image that was written, if one was.
        kept: it was there already, made by the same method from the same images.
    """

    index: int
    total: int
    name: str
    scores: Scores | None = None
    notes: tuple[str, ...] = ()
    error: str | None = None
    path: Path | None = None
    kept: bool = False


@dataclass(frozen=True)
class Summary:
    """Mean and spread of one metric over images.

    Attributes:
        metric: its name.
        mean: over the images that have a value; NaN if none has.
        sd: sample standard deviation, NaN below two values.
        count: images that have a value.
    """

    metric: str
    mean: float
    sd: float
    count: int


def evaluate_method(
    pairs: PairSet, method: Method, names: Sequence[str] | None = None
) -> Iterator[PairRecord]:
    """Fuse and score every pair in turn, one in memory at a time.

    Args:
        pairs: from :func:`imaging.pairs.find_pairs`.
        method: what fuses.
        names: metrics; all of them where None.
    """
    total = len(pairs.pairs)
    for index, pair in enumerate(pairs.pairs, 1):
        try:
            ct, mri = read_image(pair.ct), read_image(pair.mri)
            fused = fuse_pair(ct, mri, method)
            yield PairRecord(index, total, pair.name, scores(fused, names), fused.notes)
        except PairError as error:
            yield failed(index, total, pair.name, error)


def evaluate_folder(
    pairs: PairSet, fused: Path, names: Sequence[str] | None = None
) -> Iterator[PairRecord]:
    """Score images fused elsewhere; only pairs whose fused image is there are counted.

    Args:
        pairs: from :func:`imaging.pairs.find_pairs`.
        fused: folder of images with the pairs' names.
        names: metrics; all of them where None.

    Raises:
        InputError: the folder is missing or holds no image of any pair.
    """
    files = fused_files(fused)
    present = with_fused(pairs, fused).pairs if pairs.pairs else ()
    for index, pair in enumerate(present, 1):
        try:
            values, notes = _score_file(pair, files[pair.name], names)
            yield PairRecord(index, len(present), pair.name, values, notes)
        except PairError as error:
            yield failed(index, len(present), pair.name, error)


def fused_files(folder: Path) -> dict[str, Path]:
    """Image files of a folder by name without suffix.

    Raises:
        InputError: the folder is missing.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    files = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    return {p.stem: p for p in files if p.suffix.lower() in SUFFIXES}


def with_fused(pairs: PairSet, fused: Path) -> PairSet:
    """The pairs that have a fused image in a folder.

    Raises:
        InputError: the folder is missing or holds no image of any pair.
    """
    files = fused_files(fused)
    present = tuple(pair for pair in pairs.pairs if pair.name in files)
    if not present:
        raise InputError(
            f"{fused} holds no image with the name of a pair, such as {pairs.pairs[0].name}.png."
        )
    return replace(pairs, pairs=present)


def missing_fused(pairs: PairSet, fused: Path) -> list[str]:
    """Names of the pairs that have no fused image in a folder.

    Raises:
        InputError: the folder is missing.
    """
    files = fused_files(fused)
    return [pair.name for pair in pairs.pairs if pair.name not in files]


def failed(index: int, total: int, name: str, error: BaseException) -> PairRecord:
    """The record of a pair that could not be used."""
    if isinstance(error, OSError) and error.strerror:
        what = f"{Path(str(error.filename or name)).name}: {error.strerror}."
    elif isinstance(error, MemoryError):
        what = f"The memory does not suffice for {name}; use smaller images."
    else:
        what = " ".join(str(error).split())
    return PairRecord(index, total, name, error=what)


def summarise(records: Sequence[PairRecord]) -> list[Summary]:
    """Mean and spread per metric over the records that have scores."""
    scored = [r.scores.values for r in records if r.scores is not None]
    found = []
    for metric in scored[0] if scored else ():
        values = [v[metric] for v in scored if not math.isnan(v[metric])]
        mean = fmean(values) if values else math.nan
        found.append(
            Summary(metric, mean, stdev(values) if len(values) > 1 else math.nan, len(values))
        )
    return found


def summary_table(records: Sequence[PairRecord]) -> str:
    """Mean ± sd per metric as text, each with the direction in which it is better."""
    lines = [f"{'metric':<20}{'mean':>12} ± {'sd':<12}{'images':>6}"]
    for row in summarise(records):
        arrow = ARROWS[METRICS[row.metric].direction]
        mean, sd = _number(row.mean), _number(row.sd)
        lines.append(f"{row.metric + ' ' + arrow:<20}{mean:>12} ± {sd:<12}{row.count:>6}")
    lines.append("↑ more is better, ↓ less is better; sd over images, not over patients")
    return "\n".join(lines)


def csv_header(names: Sequence[str] | None = None) -> str:
    """First line of a metrics file: ``name``, then the metrics."""
    return _csv_line(["name", *(names or METRICS)])


def csv_row(record: PairRecord) -> str:
    """A line of a metrics file; a metric without a value is ``nan``.

    Raises:
        ValueError: the record has no scores.
    """
    if record.scores is None:
        raise ValueError(f"The record of {record.name} has no scores.")
    values = record.scores.values.values()
    return _csv_line([record.name, *(f"{value:.6f}" for value in values)])


def _score_file(
    pair: Pair, path: Path, names: Sequence[str] | None
) -> tuple[Scores, tuple[str, ...]]:
    """The metrics, and what reading has changed in the three images."""
    ct = read_image(pair.ct)
    mri, notice = match_grid(ct, read_image(pair.mri))
    image = read_image(path)
    if image.shape != ct.shape:
        raise InputError(
            f"{path.name} has {image.shape[1]} × {image.shape[0]} pixels, but its CT has "
            f"{ct.shape[1]} × {ct.shape[0]}: a fused image must have the size of its CT."
        )
    notes = [f"CT: {note}" for note in ct.notes]
    notes += [note if note == notice else f"MRI: {note}" for note in mri.notes]
    notes += [f"Fused image: {note}" for note in image.notes]
    scores = evaluate(_as_fused(image), _windowed(ct), _windowed(mri), names)
    return scores, tuple(notes)


def _windowed(image: Image) -> NDArray[np.float32]:
    return apply_window(image, default_window(image))


def _as_fused(image: Image) -> NDArray[np.uint8]:
    return to_8bit(apply_window(image, None))


def _csv_line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue()


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
