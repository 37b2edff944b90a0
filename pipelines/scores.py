"""Scores of a model on one data set: means with intervals, by image and where possible by patient.

They travel in a checkpoint's header, so that a card needs no data and no second measurement.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imaging.errors import InputError
from imaging.pairs import PairSet
from pipelines.compare import known_patients
from pipelines.evaluate import PairRecord, evaluate_method, summarise
from pipelines.methods import Method
from pipelines.statistics import (
    MIN_PATIENTS,
    Values,
    bootstrap_interval,
    by_patient,
    too_few_patients,
)

Interval = tuple[float, float]


@dataclass(frozen=True)
class Score:
    """One metric over the images of a data set.

    Attributes:
        metric: its name.
        mean: over the images that have a value.
        sd: sample standard deviation, NaN below two images.
        images: images that have a value.
        interval: 95 % bootstrap interval of the mean over images; None where it is not known.
            Slices of one patient resemble each other, so it is narrower than new patients are.
        patients: patient -> mean over the patient's images; empty where the names do not tell.
        patient_interval: the same over patients, each once; None below six patients.
    """

    metric: str
    mean: float
    sd: float
    images: int
    interval: Interval | None = None
    patients: dict[str, float] = field(default_factory=dict)
    patient_interval: Interval | None = None


def measure(label: str, pairs: PairSet, method: Method) -> list[Score]:
    """Score a method on every pair of a data set.

    Raises:
        InputError: a pair cannot be scored.
    """
    records = list(evaluate_method(pairs, method))
    if failed := [record for record in records if record.error]:
        raise InputError(f"{label}: {failed[0].name} cannot be scored: {failed[0].error}")
    return scores_of(records)


def scores_of(records: Sequence[PairRecord]) -> list[Score]:
    """Every metric of records that all have scores."""
    patients = known_patients([record.name for record in records])
    found = []
    for row in summarise(records):
        values = {r.name: r.scores.values[row.metric] for r in records if r.scores and row.count}
        known = np.array([v for v in values.values() if not math.isnan(v)])
        grouped = by_patient(values, patients) if patients else {}
        enough = len(grouped) >= MIN_PATIENTS
        found.append(
            Score(
                row.metric, row.mean, row.sd, row.count, _interval(known), grouped,
                _interval(np.array(list(grouped.values()))) if enough else None,
            )
        )  # fmt: skip
    return found


def patient_note(patients: int) -> str:
    """Why there is no interval by patient, and what stands there instead."""
    return too_few_patients(patients).replace("The differences of", "The means of")


def to_header(scores: Mapping[str, Sequence[Score]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Plain values for a checkpoint's header: label -> metric -> numbers; None is left out."""
    return {label: {s.metric: _plain(s) for s in rows} for label, rows in scores.items()}


def from_header(metadata: Mapping[str, Any]) -> dict[str, list[Score]]:
    """The inverse of :func:`to_header`; a header that says something else gives no scores."""
    try:
        return {
            str(label): [_score(str(metric), values) for metric, values in rows.items()]
            for label, rows in metadata.get("scores", {}).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}  # an imported file may say anything here


def _interval(values: Values) -> Interval | None:
    low, high = bootstrap_interval(values)
    return None if math.isnan(low) else (low, high)


def _plain(score: Score) -> dict[str, Any]:
    plain: dict[str, Any] = {"mean": score.mean, "sd": score.sd, "images": score.images}
    for key in ("interval", "patients", "patient_interval"):
        if value := getattr(score, key):
            plain[key] = value
    return plain


def _score(metric: str, values: Mapping[str, Any]) -> Score:
    return Score(
        metric,
        float(values["mean"]),
        float(values["sd"]),
        int(values["images"]),
        _ends(values.get("interval")),
        {str(k): float(v) for k, v in values.get("patients", {}).items()},
        _ends(values.get("patient_interval")),
    )


def _ends(values: Any) -> Interval | None:
    if values is None:
        return None
    low, high = values
    return float(low), float(high)
