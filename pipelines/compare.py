"""Compare methods on the same pairs: scores, differences to a reference, ranks and statistics."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import METRICS, Scores
from imaging.errors import InputError
from imaging.pairs import PairSet
from imaging.patients import patients_of
from pipelines.evaluate import (
    PairRecord,
    Summary,
    evaluate_folder,
    evaluate_method,
    fused_files,
    summarise,
)
from pipelines.methods import Method
from pipelines.rank import STANDARD_METRICS, MeanRank, mean_rank
from pipelines.statistics import (
    ALPHA,
    MIN_PATIENTS,
    Paired,
    by_patient,
    holm,
    least_p,
    paired,
    too_few_patients,
)

SHOWN = (
    "SSIM_Avg", "PSNR_Avg", "Edge_Preservation", "MI_Avg", "SD", "SCD", "VIF", "Qabf", "Nabf",
    "Qcv",
)  # fmt: skip
"""The metrics of summary tables; per-image files hold all of them."""


@dataclass(frozen=True)
class Entry:
    """One column of a comparison.

    Attributes:
        name: unique within the comparison.
        title: for charts and tables.
        method: what fuses; None for images fused elsewhere.
        folder: images fused elsewhere; None for a method.
    """

    name: str
    title: str
    method: Method | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Step:
    """Progress of a comparison: one image of one entry.

    Attributes:
        done, total: over all entries.
        entry: name of the entry.
        record: what became of the image.
    """

    done: int
    total: int
    entry: str
    record: PairRecord


@dataclass(frozen=True)
class Difference:
    """A method against the reference in one metric.

    Attributes:
        metric, method: what is compared.
        images: over images, which are not independent where patients have several.
        p_images: its p after Holm's correction over all methods and metrics of the comparison.
        per_patient: patient -> mean difference.
        patients: over patients; None where their number is too small or unknown.
        p_patients: its p after the same correction, NaN where there is none.
    """

    metric: str
    method: str
    images: Paired
    p_images: float
    per_patient: dict[str, float]
    patients: Paired | None
    p_patients: float

    @property
    def better(self) -> bool | None:
        """Whether the mean moved in the metric's good direction; None where it has none."""
        direction = METRICS[self.metric].direction
        if direction == "none" or math.isnan(self.images.mean) or self.images.mean == 0:
            return None
        return (self.images.mean > 0) == (direction == "up")


@dataclass(frozen=True)
class Comparison:
    """Scores of several methods on the same images.

    Attributes:
        titles: name -> title, in the order of the entries.
        reference: the name that all differences are taken to.
        scores: name -> image -> metric -> value; the images that all entries have.
        patients: image -> patient; empty where the names do not tell.
        dropped: sentences about images or entries that were left out.
    """

    titles: dict[str, str]
    reference: str
    scores: dict[str, dict[str, dict[str, float]]]
    patients: dict[str, str]
    dropped: tuple[str, ...] = ()

    @property
    def images(self) -> list[str]:
        """Names of the images, the same for every entry."""
        return list(self.scores[self.reference])

    @property
    def shown(self) -> list[str]:
        """The metrics of summary tables that were measured."""
        return [name for name in SHOWN if name in self.summaries[self.reference]]

    @property
    def others(self) -> list[str]:
        """Every entry but the reference."""
        return [name for name in self.scores if name != self.reference]

    @property
    def patient_names(self) -> list[str]:
        """The patients, each once."""
        return sorted(set(self.patients.values()))

    @property
    def patient_note(self) -> str:
        """What may be said by patient."""
        if not self.patients:
            return (
                "The file names do not tell the patients, so nothing is said by patient; give a "
                "pattern or a table of patients."
            )
        count = len(self.patient_names)
        if count < MIN_PATIENTS:
            return too_few_patients(count)
        once = f"{count} patients: intervals and tests by patient take each patient once."
        if self.can_pass:
            return once
        return (
            f"{once} They are too few for {self._tests} tests at once: after Holm's correction no "
            f"p can fall below {least_p(count, self._tests):.2g}, however clear a difference is. "
            "Look at the intervals, and at whether all patients agree (effect 1 or −1)."
        )

    @property
    def can_pass(self) -> bool:
        """Whether any difference by patient could be significant with so many patients at all."""
        return least_p(len(self.patient_names), self._tests) < ALPHA

    @property
    def _tests(self) -> int:
        return sum(not math.isnan(d.p_patients) for d in self.differences)

    def values(self, name: str, metric: str) -> NDArray[np.float64]:
        """One metric of one entry, in the order of :attr:`images`."""
        return np.array([row[metric] for row in self.scores[name].values()], dtype=np.float64)

    @cached_property
    def summaries(self) -> dict[str, dict[str, Summary]]:
        """Name -> metric -> mean and spread over images."""
        found = {}
        for name, table in self.scores.items():
            rows = [
                PairRecord(i, len(table), image, Scores(dict(values), {}))
                for i, (image, values) in enumerate(table.items(), 1)
            ]
            found[name] = {row.metric: row for row in summarise(rows)}
        return found

    @cached_property
    def differences(self) -> list[Difference]:
        """Every other entry against the reference, in every shown metric."""
        found = [self._difference(name, metric) for name in self.others for metric in self.shown]
        images = holm([d.images.p for d in found])
        patients = holm([math.nan if d.patients is None else d.patients.p for d in found])
        return [
            replace(d, p_images=p, p_patients=q)
            for d, p, q in zip(found, images, patients, strict=True)
        ]

    def ranks(self, metrics: Sequence[str] = STANDARD_METRICS) -> list[MeanRank]:
        """Mean rank of every entry, best first."""
        return mean_rank(self.scores, metrics)

    def best(self, metric: str) -> set[str]:
        """The entries of best mean; none where the metric has no good direction."""
        direction = METRICS[metric].direction
        means = {name: rows[metric].mean for name, rows in self.summaries.items()}
        known = {name: mean for name, mean in means.items() if not math.isnan(mean)}
        if direction == "none" or not known:
            return set()
        top = max(known.values()) if direction == "up" else min(known.values())
        return {name for name, mean in known.items() if math.isclose(mean, top, rel_tol=1e-9)}

    def worst(self, name: str, metric: str, count: int = 6) -> list[tuple[str, float]]:
        """Images where an entry loses most to the reference, the worst first.

        Returns:
            Image and difference (entry less reference); only images where it loses.

        Raises:
            ValueError: the metric has no good direction.
        """
        direction = METRICS[metric].direction
        if direction == "none":
            raise ValueError(f"{metric} has no good direction, so nothing loses in it.")
        sign = 1.0 if direction == "up" else -1.0
        delta = self.values(name, metric) - self.values(self.reference, metric)
        lost = [
            (image, float(d))
            for image, d in zip(self.images, delta, strict=True)
            if not math.isnan(d) and sign * d < 0
        ]
        return sorted(lost, key=lambda item: sign * item[1])[:count]

    def pareto(self, first: str, second: str) -> set[str]:
        """Entries that no other one beats in both metrics at once, by their means.

        Raises:
            ValueError: a metric has no good direction.
        """
        points = {}
        for name, rows in self.summaries.items():
            point = []
            for metric in (first, second):
                direction = METRICS[metric].direction
                if direction == "none":
                    raise ValueError(f"{metric} has no good direction, so it has no front.")
                point.append(rows[metric].mean * (1 if direction == "up" else -1))
            points[name] = point
        return {
            name
            for name, (x, y) in points.items()
            if not any(u >= x and v >= y and (u > x or v > y) for u, v in points.values())
        }

    def _difference(self, name: str, metric: str) -> Difference:
        delta = dict(
            zip(
                self.images,
                self.values(name, metric) - self.values(self.reference, metric),
                strict=True,
            )
        )
        grouped = by_patient(delta, self.patients) if self.patients else {}
        enough = len(grouped) >= MIN_PATIENTS
        patients = paired(list(grouped.values())) if enough else None
        images = paired(list(delta.values()))
        return Difference(metric, name, images, images.p, grouped, patients, math.nan)


def compare(
    pairs: PairSet, entries: Sequence[Entry], names: Sequence[str] | None = None
) -> Iterator[Step]:
    """Score every entry on every pair, one image in memory at a time.

    Args:
        pairs: the data.
        entries: what is compared, each with its own name.
        names: metrics; all of them where None.

    Yields:
        A step per image and entry; :func:`conclude` makes a comparison of them.

    Raises:
        InputError: a folder of outside images is missing or holds none of the pairs.
    """
    present = {
        e.name: len(pairs.pairs)
        if e.folder is None
        else sum(p.name in fused_files(e.folder) for p in pairs.pairs)
        for e in entries
    }
    done, total = 0, sum(present.values())
    for entry in entries:
        if entry.method is not None:
            records = evaluate_method(pairs, entry.method, names)
        elif entry.folder is not None:
            records = evaluate_folder(pairs, entry.folder, names)
        else:
            raise ValueError(f"{entry.name} has neither a method nor a folder of images.")
        for record in records:
            done += 1
            yield Step(done, total, entry.name, record)


def conclude(
    entries: Sequence[Entry],
    steps: Sequence[Step],
    reference: str | None = None,
    pattern: str | None = None,
    table: str | Path | None = None,
) -> Comparison:
    """Make a comparison of the images that every entry has.

    Args:
        entries: as given to :func:`compare`.
        steps: what it yielded.
        reference: name of the entry that differences are taken to; the first one if absent.
        pattern: regular expression that finds the patient in a file name.
        table: CSV file with the columns name and patient.

    Raises:
        InputError: no image has scores of all entries, or the reference is unknown.
    """
    names = [entry.name for entry in entries]
    chosen = reference or names[0]
    if chosen not in names:
        raise InputError(f"The reference {chosen!r} is not compared; choose one of {names}.")
    scores: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    dropped = []
    for step in steps:
        if step.record.scores is not None:
            scores[step.entry][step.record.name] = step.record.scores.values
        else:
            dropped.append(f"{step.entry}, {step.record.name}: {step.record.error}")
    common = set.intersection(*(set(table_) for table_ in scores.values()))
    if not common:
        raise InputError(
            "No image has scores of all methods: "
            + "; ".join(f"{name} has {len(table_)}" for name, table_ in scores.items())
            + "."
        )
    for name, table_ in scores.items():
        if extra := len(table_) - len(common):
            dropped.append(f"{extra} images of {name} are left out: another method lacks them.")
    images = sorted(common)
    return Comparison(
        {entry.name: entry.title for entry in entries},
        chosen,
        {name: {image: scores[name][image] for image in images} for name in names},
        known_patients(images, pattern, table),
        tuple(dropped),
    )


def known_patients(
    images: Sequence[str], pattern: str | None = None, table: str | Path | None = None
) -> dict[str, str]:
    """Image -> patient, empty where nothing tells them.

    Raises:
        InputError: the pattern or the table cannot be used.
    """
    try:
        found, _ = patients_of(images, pattern, table)
    except ValueError as error:
        raise InputError(str(error)) from error
    told = pattern is not None or table is not None or found != tuple(images)
    return dict(zip(images, found, strict=True)) if told else {}


def from_tables(
    tables: Mapping[str, Mapping[str, Mapping[str, float]]],
    reference: str,
    pattern: str | None = None,
) -> Comparison:
    """A comparison of scores that were measured before, by entry, image and metric."""
    common = sorted(set.intersection(*(set(t) for t in tables.values())))
    if not common or reference not in tables:
        raise InputError("The tables need a common image, and the reference among them.")
    return Comparison(
        {name: name for name in tables},
        reference,
        {name: {i: dict(t[i]) for i in common} for name, t in tables.items()},
        known_patients(common, pattern),
    )
