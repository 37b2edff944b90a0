"""What a card says, made from a checkpoint: facts, scores with intervals, use and limits."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fusion_core.checkpoint import Checkpoint
from fusion_core.metrics import METRICS, Metric
from fusion_core.model import FusionConfig
from pipelines.publish import CARD_METRICS, USE, best_by
from pipelines.scores import Interval, Score, patient_note
from pipelines.statistics import MIN_PATIENTS

_BETTER = {"up": "higher", "down": "lower", "none": "–"}
_USE_HEADING = "## Use and limits"


def facts(checkpoint: Checkpoint) -> dict[str, str]:
    """How the model is built and how it was trained; what the header does not say is left out."""
    config, model = checkpoint.model.config, checkpoint.model
    training, data = _part(checkpoint, "training"), _part(checkpoint, "data")
    found = {"Model": config.summary, "Parameters": f"{model.parameter_count:,}"}
    if isinstance(config, FusionConfig):
        seen = "all subbands" if config.mask_inputs == "all" else "the approximations (LL)"
        bound = "; bounded, so no pixel is clipped" if config.bounded else ""
        wide = ", on blocks and a coarse branch" if config.mask_net == "context" else ""
        found["Mask network"] = (
            f"sees {seen} of both images; widths {list(config.widths)}{wide}{bound}"
        )
        found["Beyond the border"] = config.mode
    if isinstance(loss := training.get("loss"), Mapping) and loss:
        found["Loss"] = ", ".join(f"{term} {weight}" for term, weight in loss.items())
        found["Loss"] = found["Loss"].replace(".0", "")
    if training.get("optimizer"):
        found["Schedule"] = (
            f"{training['optimizer']}, rate {training.get('learning_rate')}, "
            f"{training.get('scheduler')}, batch {training.get('batch_size')}, "
            f"{training.get('epochs')} epochs, seed {training.get('seed')}"
        )
    for title, key in (("Trained on", "train"), ("Validated on", "val")):
        if pairs := data.get(f"{key}_pairs"):
            patients = ", ".join(map(str, data.get(f"{key}_patients", []))) or "unknown"
            found[title] = f"{pairs} pairs of patients {patients}"
    if checkpoint.metadata.get("epoch"):
        best = best_by(checkpoint.metadata)
        found["Weights from"] = f"epoch {checkpoint.metadata['epoch']}, the lowest {best}"
    return found


def facts_html(values: Mapping[str, str]) -> str:
    """Two columns: a name and a fact."""
    rows = "".join(
        f"<tr><td class='d'>{escape(name)}</td><td>{escape(text)}</td></tr>"
        for name, text in values.items()
    )
    return f"<table class='twf'>{rows}</table>"


def scores_html(scores: Sequence[Score]) -> str:
    """A row per metric: mean, spread, intervals by image and, from six patients on, by patient."""
    shown = [score for score in scores if score.metric in CARD_METRICS]
    patients = any(score.patient_interval for score in shown)
    head = "<th>Metric</th><th class='n'>Mean ± sd</th><th class='n'>95 % interval, by image</th>"
    head += "<th class='n'>95 % interval, by patient</th>" if patients else ""
    names = [] if patients else _patients(shown)
    head += "".join(f"<th class='n'>Patient {escape(name)}</th>" for name in names)
    rows = []
    for score in shown:
        metric, places = METRICS[score.metric], _places(score.mean)
        cells = [
            f"<td class='k'>{escape(_title(metric))} "
            f"<small>{_BETTER[metric.direction]}</small></td>",
            f"<td class='n'>{score.mean:.{places}f} ± {score.sd:.{places}f}</td>",
            f"<td class='n'>{_ends(score.interval, places)}</td>",
        ]
        if patients:
            cells.append(f"<td class='n'>{_ends(score.patient_interval, places)}</td>")
        cells += [
            f"<td class='n'>{score.patients[n]:.{places}f}</td>"
            if n in score.patients
            else "<td></td>"
            for n in names
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f"<div class='twf-scroll'><table class='twf'><tr>{head}</tr>{''.join(rows)}</table></div>"
    )


def scores_note(scores: Sequence[Score]) -> str:
    """What the intervals mean and what may not be concluded from them."""
    shown = [score for score in scores if score.metric in CARD_METRICS]
    images = max((score.images for score in shown), default=0)
    if not any(score.interval for score in shown):
        return f"Over {images} images. This file was published without intervals."
    by_image = (
        f"Bootstrap over {images} images; slices of one patient resemble each other, so new "
        "patients will scatter more than these intervals."
    )
    names = _patients(shown)
    if names and not any(score.patient_interval for score in shown):
        return f"{by_image} {patient_note(len(names))}"
    return by_image


def use_and_limits(card: str | None) -> str:
    """The section of a card file, else the general one, as Markdown without its heading."""
    text = card if card and _USE_HEADING in card else USE
    return text.partition(_USE_HEADING)[2].strip()


def _patients(scores: Sequence[Score]) -> list[str]:
    names = list(dict.fromkeys(name for score in scores for name in score.patients))
    return names if len(names) < MIN_PATIENTS else []


def _title(metric: Metric) -> str:
    return f"{metric.title}, {metric.unit}" if metric.unit == "dB" else metric.title


def _places(mean: float) -> int:
    """Decimals that leave about four digits."""
    return next((places for places, end in ((4, 1), (3, 10), (2, 100)) if abs(mean) < end), 1)


def _ends(interval: Interval | None, places: int) -> str:
    if interval is None:
        return "–"
    return f"{interval[0]:.{places}f} to {interval[1]:.{places}f}"


def _part(checkpoint: Checkpoint, key: str) -> Mapping[str, Any]:
    found = checkpoint.metadata.get(key)
    return found if isinstance(found, Mapping) else {}
