"""A study: candidates cross-validated by patient, the best of a short protocol trained in full.

Every candidate is trained once per patient left out and per seed, as an ordinary run in a folder
of its own, and scored on that patient alone; so every image of the data is scored by models that
never saw its patient. Runs that are done are passed over, so a study that was stopped goes on
where it was.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion_core.checkpoint import load
from fusion_core.metrics import METRICS, evaluate
from pipelines.compare import Comparison
from pipelines.fuse import HEAD_LEVEL, to_8bit
from pipelines.rank import mean_rank
from trainer.config import TrainConfig
from trainer.control import Control
from trainer.data import CTMRIDataset
from trainer.loop import train
from trainer.reports import Finished, Report
from trainer.run_folder import RunFolder
from trainer.sources import ArraySource, PairSource, Picture
from trainer.study_plan import Plan, PlanError, Stage

SCORES = "held_out.json"
CLIPPED = "clipped"
"""Extra column: share of head pixels that leave [0, 1] by more than half a grey level."""

Scores = dict[str, dict[str, float]]
"""Image -> metric -> value."""


@dataclass(frozen=True)
class Fold:
    """One run of a study.

    Attributes:
        stage, candidate, patient, seed: what it is; the patient is left out of its training.
        config: its settings.
        path: its run folder.
    """

    stage: Stage
    candidate: str
    patient: str
    seed: int
    config: TrainConfig
    path: Path


@dataclass(frozen=True)
class StudyReport:
    """One run of a study is over.

    Attributes:
        index, total: its number within the stage, from 1, and how many there are.
        fold: which one.
        trained: whether it was trained now; False where it was done before.
        error: one sentence where it failed.
    """

    index: int
    total: int
    fold: Fold
    trained: bool
    error: str | None = None


@dataclass(frozen=True)
class Standing:
    """A candidate after a stage.

    Attributes:
        candidate: its name.
        rank: mean over images and metrics of its rank among all candidates, 1 is best.
        means: metric -> mean over images (and seeds).
        seed_sd: metric -> standard deviation over seeds of these means; empty with one seed.
        parameters: of its model.
        seconds: median time of an epoch.
    """

    candidate: str
    rank: float
    means: dict[str, float]
    seed_sd: dict[str, float] = field(default_factory=dict)
    parameters: int = 0
    seconds: float = math.nan


@dataclass(frozen=True)
class Study:
    """A plan on its data, in a folder.

    Args:
        plan: what is trained.
        source: the pairs; their patients are left out in turn.
        out: folder of all runs.

    Raises:
        PlanError: the data have fewer than two patients.
    """

    plan: Plan
    source: PairSource
    out: Path

    def __post_init__(self) -> None:
        if len(self.patients) < 2:
            raise PlanError("Leaving one patient out needs at least two; name them by a pattern.")

    @property
    def patients(self) -> list[str]:
        """Every patient once, shorter names first."""
        return sorted(set(self.source.patients), key=lambda p: (len(p), p))

    @cached_property
    def _pairs(self) -> list[tuple[Picture, Picture]]:
        return [self.source.read(i) for i in range(len(self.source.names))]

    def folds(self, stage: Stage, names: Sequence[str]) -> list[Fold]:
        """The runs of a stage, in the order of the candidates."""
        found = []
        for name in names:
            for patient in self.patients:
                for seed in self.plan.seeds:
                    # Nothing is validated: the patient left out must not choose the epoch.
                    config = self.plan.candidates[name].with_options(
                        {**self.plan.stages[stage], "seed": seed, "val_fraction": 0.0,
                         "held_out": (), "metrics_every": 0, "strips": 0,
                         "keep_weights": False}
                    )  # fmt: skip
                    path = self.out / stage / name / f"without-{patient}-seed{seed}"
                    found.append(Fold(stage, name, patient, seed, config, path))
        return found

    def run(
        self, stage: Stage, names: Sequence[str], control: Control | None = None
    ) -> Iterator[StudyReport]:
        """Train and score every run of a stage that is not done.

        Args:
            stage: short or full.
            names: the candidates.
            control: stops between and within runs; what is done stays.
        """
        control = control or Control()
        todo = self.folds(stage, names)
        for index, fold in enumerate(todo, 1):
            if (fold.path / SCORES).is_file():
                yield StudyReport(index, len(todo), fold, False)
                continue
            if control.stopped:
                return
            run = RunFolder(fold.path)
            reports: list[Report] = list(
                train(fold.config, self._without(fold), fold.path, run.begun, control)
            )
            last = reports[-1]
            if isinstance(last, Finished) and last.reason not in ("failed", "stopped"):
                self._score(fold)
                yield StudyReport(index, len(todo), fold, True)
            else:
                why = last.message if isinstance(last, Finished) else "it ended without a word"
                yield StudyReport(index, len(todo), fold, True, why)

    def scores(self, stage: Stage, name: str) -> Scores:
        """Held-out scores of a candidate, mean over seeds; empty while a run is missing."""
        rows: dict[str, list[Mapping[str, float]]] = {}
        for fold in self.folds(stage, [name]):
            if (done := _read(fold)) is None:
                return {}
            for image, values in done["images"].items():
                rows.setdefault(image, []).append(values)
        return {
            image: {m: float(np.mean([row[m] for row in found])) for m in found[0]}
            for image, found in rows.items()
        }

    def standings(self, stage: Stage, names: Sequence[str]) -> list[Standing]:
        """The candidates whose runs are all scored, best mean rank first.

        Ranks are taken image by image among the candidates, after a mean over seeds.
        """
        tables = {name: table for name in names if (table := self.scores(stage, name))}
        if not tables:
            return []
        ranks = {r.method: r.overall for r in mean_rank(tables, self.plan.metrics)}
        found = []
        for name, table in tables.items():
            done = [d for fold in self.folds(stage, [name]) if (d := _read(fold)) is not None]
            seconds = float(np.median([d["seconds"] for d in done]))
            found.append(
                Standing(
                    name, ranks[name], _means(list(table.values())), _seed_sd(done),
                    done[0]["parameters"], seconds,
                )
            )  # fmt: skip
        return sorted(found, key=lambda s: s.rank)

    def comparison(self, stage: Stage, names: Sequence[str]) -> Comparison:
        """The held-out scores of a stage; the best candidate is the reference."""
        order = [s.candidate for s in self.standings(stage, names)]
        plain = {
            name: {
                image: {m: v for m, v in row.items() if m in METRICS}
                for image, row in self.scores(stage, name).items()
            }
            for name in order
        }
        patients = dict(zip(self.source.names, self.source.patients, strict=True))
        return Comparison({name: name for name in order}, order[0], plain, patients)

    def _without(self, fold: Fold) -> CTMRIDataset:
        kept = [i for i, p in enumerate(self.source.patients) if p != fold.patient]
        names, patients = self.source.names, self.source.patients
        subset = ArraySource(
            [self._pairs[i] for i in kept], [names[i] for i in kept], [patients[i] for i in kept]
        )
        return CTMRIDataset(subset, fold.config)

    def _score(self, fold: Fold) -> None:
        """Score a run on the patient that it never saw, and keep the numbers beside the run."""
        run = RunFolder(fold.path)
        model = load(run.best).model
        images: dict[str, dict[str, float | None]] = {}
        for i, patient in enumerate(self.source.patients):
            if patient != fold.patient:
                continue
            ct, mri = self._pairs[i]
            with torch.inference_mode():
                fused = model(torch.from_numpy(ct), torch.from_numpy(mri)).fused[0, 0].numpy()
            values = evaluate(to_8bit(fused), ct, mri).values
            beyond = np.abs(fused - np.clip(fused, 0, 1)) > 0.5 / 255
            values[CLIPPED] = float(beyond[np.maximum(ct, mri) > HEAD_LEVEL].mean())
            images[self.source.names[i]] = {
                m: None if math.isnan(v) else v for m, v in values.items()
            }
        seconds = [line["seconds"] for line in run.history() if line.get("kind") == "epoch"]
        content = {
            "parameters": model.parameter_count,
            "seconds": float(np.median(seconds)) if seconds else 0.0,
            "seed": fold.seed,
            "images": images,
        }
        temporary = fold.path / f".{SCORES}.tmp"
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        temporary.replace(fold.path / SCORES)


def _read(fold: Fold) -> dict[str, Any] | None:
    """A run's scores, missing values as NaN; None while it is not done."""
    path = fold.path / SCORES
    if not path.is_file():
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    content["images"] = {
        image: {m: math.nan if v is None else float(v) for m, v in values.items()}
        for image, values in content["images"].items()
    }
    return content


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the images that have it; NaN if none has."""
    found = {}
    for metric in rows[0]:
        values = [row[metric] for row in rows if not math.isnan(row[metric])]
        found[metric] = float(np.mean(values)) if values else math.nan
    return found


def _seed_sd(done: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Spread over seeds of each metric's mean over all images; empty with one seed."""
    by_seed: dict[int, list[Mapping[str, float]]] = {}
    for run in done:
        by_seed.setdefault(run["seed"], []).extend(run["images"].values())
    means = [_means(rows) for rows in by_seed.values()]
    if len(means) < 2:
        return {}
    return {m: float(np.std([row[m] for row in means], ddof=1)) for m in means[0]}
