"""The metrics of a fused pair as one readable table, and what they say in two sentences."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from fusion_core.metrics import METRICS, Scores

ARROWS = {"up": "↑ higher is better", "down": "↓ lower is better", "none": "– neither is better"}
SYMBOLS = {"up": "↑", "down": "↓", "none": "–"}


@dataclass(frozen=True)
class Row:
    """One line of the table: a metric, with its values per source where it has them."""

    name: str
    ct: str | None = None
    mri: str | None = None


GROUPS: tuple[tuple[str, tuple[Row, ...]], ...] = (
    (
        "Do both sources survive?",
        (Row("Qabf"), Row("SCD"), Row("Edge_Preservation"), Row("VIF")),
    ),
    (
        "Is it true to the sources?",
        (
            Row("SSIM_Avg", "SSIM_CT", "SSIM_MRI"),
            Row("PSNR_Avg", "PSNR_CT", "PSNR_MRI"),
            Row("MI_Avg", "MI_CT", "MI_MRI"),
            Row("CC"),
        ),
    ),
    ("Is anything false in it?", (Row("Nabf"), Row("Qcv"))),
    ("Contrast and sharpness", (Row("SD"), Row("SF"), Row("AG"), Row("Entropy"))),
)
"""Every metric once, by the question it helps to answer."""


_OTHER = {"CT": "MRI", "MRI": "CT"}


def number(value: float, unit: str = "") -> str:
    """A value with as many digits as it deserves, and its unit; a dash where there is none."""
    if math.isnan(value):
        return "–"
    digits = sum(abs(value) < limit for limit in (100, 10, 1))
    if 0 < abs(value) < 0.0005:  # "0.000" would read as none at all
        digits = min(6, -math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f} {unit}".strip()


def table_html(scores: Scores) -> str:
    """The table: title, direction, fused value, per source, meaning; grouped by question."""
    lines = [
        "<tr><th>Measure</th><th class='n'>Value</th><th class='n'>with CT</th>"
        "<th class='n'>with MRI</th><th>What it says, and how it misleads</th></tr>"
    ]
    for title, rows in GROUPS:
        lines.append(f"<tr class='g'><td colspan='5'>{escape(title)}</td></tr>")
        lines += [_line(row, scores) for row in rows]
    return f"<div class='twf-scroll'><table class='twf'>{''.join(lines)}</table></div>"


def _line(row: Row, scores: Scores) -> str:
    metric = METRICS[row.name]
    value = number(scores.values[row.name], metric.unit)
    sides = (
        "" if side is None else number(scores.values[side], METRICS[side].unit)
        for side in (row.ct, row.mri)
    )
    note = scores.notes.get(row.name)
    text = escape(metric.description) + (f" <small>{escape(note)}</small>" if note else "")
    better = ARROWS[metric.direction]
    return (
        f"<tr><td class='k'>{escape(metric.title)}<br><small>{escape(row.name)}</small></td>"
        f"<td class='n'><b>{escape(value)}</b> "
        f"<abbr title='{better}' aria-label='{better}'>{SYMBOLS[metric.direction]}</abbr></td>"
        + "".join(f"<td class='n'>{escape(side)}</td>" for side in sides)
        + f"<td class='d' title='{escape(metric.reference)}'>{text}</td></tr>"
    )


def reading(values: Mapping[str, float], mean: Mapping[str, float]) -> list[str]:
    """What the numbers say, beside the plain mean of the same two images.

    Args:
        values: metrics of the fused image.
        mean: "Qabf", "SCD" and "Nabf" of the plain mean of the same pair.

    Returns:
        Two or three sentences; one where the image is too small to say anything.
    """
    qabf, scd, nabf = values["Qabf"], values["SCD"], values["Nabf"]
    if any(math.isnan(v) for v in (qabf, scd, nabf)):
        return ["The images are too small or too even for these numbers to say anything."]
    sentences = [
        f"{100 * qabf:.0f} % of the sources' edges survive with their strength and direction "
        f"(plain mean of this pair: {100 * mean['Qabf']:.0f} %); false detail that neither source "
        f"shows amounts to {100 * nabf:.1f} %."
    ]
    weak = _weaker(values)
    sentences.append(
        f"The {weak} is kept less well than the {_OTHER[weak]}; look there first."
        if weak
        else "Neither source is neglected."
    )
    if scd < mean["SCD"] and qabf < mean["Qabf"]:
        sentences.append("On this pair the plain mean does no worse: try another method.")
    return sentences


def _weaker(values: Mapping[str, float]) -> str | None:
    """The source whose similarity and mutual information are both clearly the lower ones."""
    ssim = values["SSIM_CT"] - values["SSIM_MRI"]
    information = values["MI_CT"] - values["MI_MRI"]
    if min(ssim, information) > 0.12:
        return "MRI"
    return "CT" if max(ssim, information) < -0.12 else None
