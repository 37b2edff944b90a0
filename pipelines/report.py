"""One page about one fused image: pictures, how it was made, where it comes from, warnings."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from fusion_core.metrics import METRICS, Scores
from fusion_core.provenance import contributions
from imaging.windowing import Window
from imaging.write import encode_png
from pipelines.evaluate import ARROWS
from pipelines.export import DEFINITIONS, NO_HU, PROGRAM, STAMP, method_label
from pipelines.fuse import FusedPair, ct_share, to_8bit
from pipelines.hidden import DIMMED, Region, pair_regions, sentence

SHOWN = ("SSIM_Avg", "Qabf", "SCD", "MI_Avg", "VIF", "Nabf")
"""The metrics of the page: likeness, edges, detail of both, information, artefacts."""

MEANINGS = ". ".join(f"{name.capitalize()}: {text}" for name, text in DEFINITIONS.items()) + "."
MOST_REGIONS = 6
CT_COLOUR, MRI_COLOUR, MARK = "#b06a12", "#2a6fae", "#ffd23f"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image of the page: label, what its grey levels mean, (H, W) uint8."""

    label: str
    caption: str
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class BandRow:
    """CT's share of a band, 0 to 1, by mask, energy and attribution; NaN where undefined."""

    band: str
    mask: float
    energy: float
    attribution: float


@dataclass(frozen=True, eq=False)
class Report:
    """All that the page says, for HTML and PDF alike.

    Attributes:
        title: the heading; by default it tells nothing of the patient.
        place: which slice, or "".
        pictures: CT, MRI, fused.
        aspect: height of a pixel over its width.
        regions: those that the fused image dims, numbered from 1 on the pictures.
        facts: label and words: how the image was made.
        share: CT's share of the whole image by attribution, or None.
        bands: of a method with bands, else empty.
        metrics: title with its arrow, and value.
        warnings: sentences, the regions' first.
    """

    title: str
    place: str
    pictures: tuple[Picture, Picture, Picture]
    aspect: float
    regions: tuple[Region, ...]
    facts: tuple[tuple[str, str], ...]
    share: float | None
    bands: tuple[BandRow, ...]
    metrics: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def make_report(
    pair: FusedPair,
    scores: Scores,
    alignment: str,
    *,
    title: str = "Fused CT and MRI",
    place: str = "",
    grid: str = "the CT's",
    regions: Sequence[Region] | None = None,
) -> Report:
    """Gather what the page says of a fused pair.

    File names are left out: they may hold a patient's name.

    Args:
        pair: a fused pair.
        scores: its metrics; those of :data:`SHOWN` that it holds are printed.
        alignment: one sentence: how the MRI came onto the CT's grid.
        title: the heading.
        place: which slice, such as "Slice 45 of 120".
        grid: whose pixels the fused image has.
        regions: the dimmed ones, if they are already there.
    """
    found = tuple(pair_regions(pair) if regions is None else regions)
    shown = found[:MOST_REGIONS]
    has_mm = pair.ct.spacing is not None
    warnings = [f"{k}. {sentence(region, has_mm)}" for k, region in enumerate(shown, 1)]
    if len(found) > len(shown):
        warnings.append(f"{len(found) - len(shown)} more regions are dimmed, but less.")
    if not found:
        warnings.append(
            f"No bright region was found that the fused image dims by more than {DIMMED:.0%}; "
            "dark findings are not looked for."
        )
    row, column = pair.ct.spacing or (1.0, 1.0)
    return Report(
        title,
        place,
        (
            Picture("CT", window_words(pair.ct.unit, pair.windows[0]), to_8bit(pair.ct01)),
            Picture("MRI", window_words(pair.mri.unit, pair.windows[1]), to_8bit(pair.mri01)),
            Picture("Fused", "0 to 1, no HU", pair.fused8),
        ),
        row / column,
        shown,
        _facts(pair, alignment, grid),
        ct_share(pair.result),
        _bands(pair),
        _metrics(scores),
        (*warnings, *pair.notes),
    )


@dataclass(frozen=True)
class Mark:
    """A circle around a region and the middle of its number, in pixels of the image."""

    number: int
    row: float
    column: float
    radius: float
    label: tuple[float, float]


def marks_of(report: Report, picture: Picture) -> list[Mark]:
    """What is drawn on a picture: its own regions on a source, all of them on the fused image."""
    height, width = picture.image.shape
    found = []
    for number, region in enumerate(report.regions, 1):
        if picture.label not in ("Fused", region.source):
            continue
        # Numbers stand on the side away from the middle, where they cover the least.
        down, right = region.row - height / 2, region.column - width / 2
        away = math.hypot(down, right) or 1.0
        radius = region.radius + 2
        reach = radius + width / 26
        row = min(max(region.row + reach * down / away, width / 30), height - width / 30)
        column = min(max(region.column + reach * right / away, width / 30), width * 29 / 30)
        found.append(Mark(number, region.row, region.column, radius, (row, column)))
    return found


def percent(share: float | None) -> str:
    """A share as whole percent, a dash where it has no value."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.0f} %"


def report_html(report: Report) -> str:
    """The page as one HTML file that needs nothing else; all words are escaped."""
    pictures = "".join(_figure(report, picture) for picture in report.pictures)
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in report.facts)
    metrics = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{escape(value)}</td></tr>"
        for name, value in report.metrics
    )
    warnings = "".join(f"<li>{escape(text)}</li>" for text in report.warnings)
    place = f" · {escape(report.place)}" if report.place else ""
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<header><div><h1>{escape(report.title)}</h1>"
        f"<p class=sub>{escape(PROGRAM)}{place}</p></div>"
        f"<p class=stamp>{escape(STAMP)}</p></header>"
        f"<section class=pictures>{pictures}</section>"
        f"<p class=hu>{escape(NO_HU)}</p>"
        f"<section class=warnings><h2>Please check</h2><ul>{warnings}</ul></section>"
        f"<div class=two><section><h2>How it was made</h2><dl>{facts}</dl></section>"
        f"<section><h2>What came from the CT</h2>{_share_table(report)}"
        f"<h2>Metrics</h2><table>{metrics}</table>"
        "<p class=note>↑ more is better, ↓ less is better. No metric says whether a finding is "
        "visible.</p></section></div>"
        f"<footer>{escape(STAMP)} · {escape(PROGRAM)}</footer></main></body></html>\n"
    )


def _figure(report: Report, picture: Picture) -> str:
    height, width = picture.image.shape
    data = base64.b64encode(encode_png(picture.image)).decode()
    tall = height * report.aspect
    label = escape(picture.label)
    marks = "".join(
        f'<ellipse cx="{m.column + 0.5:.1f}" cy="{(m.row + 0.5) * report.aspect:.1f}" '
        f'rx="{m.radius:.1f}" ry="{m.radius * report.aspect:.1f}"/>'
        f'<text x="{m.label[1] + 0.5:.1f}" y="{(m.label[0] + 0.5) * report.aspect:.1f}" '
        f'font-size="{width / 20:.1f}">{m.number}</text>'
        for m in marks_of(report, picture)
    )
    return (
        f'<figure><svg viewBox="0 0 {width} {tall:.2f}" role=img aria-label="{label}">'
        f'<image href="data:image/png;base64,{data}" width="{width}" height="{tall:.2f}" '
        f'preserveAspectRatio="none"/><g>{marks}</g></svg>'
        f"<figcaption><b>{label}</b> {escape(picture.caption)}</figcaption></figure>"
    )


def _share_table(report: Report) -> str:
    if not report.bands:
        return "<p class=note>This method works on pixels and has no bands to explain.</p>"
    rows = "".join(
        f"<tr><td>{escape(row.band)}</td><td class=bar>{_bar(row.attribution)}</td>"
        f"<td class=n>{percent(row.attribution)}</td><td class=n>{percent(row.mask)}</td>"
        f"<td class=n>{percent(row.energy)}</td></tr>"
        for row in report.bands
    )
    return (
        f"<p>Whole image: <b>{percent(report.share)}</b> from the CT by attribution.</p>"
        "<table><tr><th>Band</th><th class=bar><i class=ct>CT</i> <i class=mri>MRI</i></th>"
        "<th class=n>Attribution</th><th class=n>Mask</th><th class=n>Energy</th></tr>"
        f"{rows}</table>"
        f"<p class=note>CT's share; the rest came from the MRI. {escape(MEANINGS)}</p>"
    )


def _bar(share: float) -> str:
    if math.isnan(share):
        return ""
    return f'<span class=track><span style="width:{100 * share:.1f}%"></span></span>'


def _facts(pair: FusedPair, alignment: str, grid: str) -> tuple[tuple[str, str], ...]:
    height, width = pair.fused8.shape
    size = f"{width} × {height} pixels"
    if pair.ct.spacing is not None:
        row, column = pair.ct.spacing
        size += f" of {column:.4g} × {row:.4g} mm"
    facts = [("Method", method_label(pair.method))]
    if pair.method.sha256 is not None:
        facts.append(("Checkpoint SHA-256", pair.method.sha256))
    if pair.result.ct is not None and pair.result.wavelet is not None:
        levels = pair.result.ct.levels
        plural = "s" if levels > 1 else ""
        facts.append(("Wavelet", f"{pair.result.wavelet}, {levels} level{plural}"))
    facts += [
        ("CT window", window_words(pair.ct.unit, pair.windows[0])),
        ("MRI window", window_words(pair.mri.unit, pair.windows[1])),
        ("Alignment", alignment),
        ("Grid", f"{grid}, {size}"),
    ]
    return tuple(facts)


def _bands(pair: FusedPair) -> tuple[BandRow, ...]:
    if pair.result.masks is None:
        return ()
    rows = contributions(pair.result)
    return tuple(BandRow(r.band, r.mask, r.energy, r.attribution) for r in rows)


def _metrics(scores: Scores) -> tuple[tuple[str, str], ...]:
    rows = []
    for name in SHOWN:
        if name not in scores.values:
            continue
        metric, value = METRICS[name], scores.values[name]
        words = "no value" if math.isnan(value) else f"{value:.3f} {metric.unit}".strip()
        rows.append((f"{metric.title} {ARROWS[metric.direction]}".strip(), words))
    return tuple(rows)


def window_words(unit: str, window: Window | None) -> str:
    """A window in words: "0 to 80 HU"."""
    if window is None:
        return "full range of the file"
    low, high = window.limits
    unit = unit if unit != "grey" else "in the file's own units"
    curve = ", S-shaped" if window.function == "SIGMOID" else ""
    digits = 0 if high - low >= 50 else 2
    return f"{low:.{digits}f} to {high:.{digits}f} {unit}{curve}"


_STYLE = f"""
@page{{size:A4;margin:12mm}}
*{{box-sizing:border-box}}
body{{margin:0;background:#fff;color:#1b242c;font:13px/1.45 system-ui,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}}
main{{max-width:820px;margin:0 auto;padding:28px 24px}}
header{{display:flex;justify-content:space-between;align-items:flex-start;gap:24px;
border-bottom:1px solid #d5dce2;padding-bottom:12px;margin-bottom:16px}}
h1{{font-size:21px;font-weight:600;margin:0}}h2{{font-size:13px;font-weight:600;margin:18px 0 6px}}
.sub{{margin:2px 0 0;color:#5b6873}}
.stamp{{margin:2px 0 0;padding:4px 10px;border:1px solid #a3341f;border-radius:4px;
color:#a3341f;font-weight:600;white-space:nowrap}}
.pictures{{display:grid;grid-template-columns:repeat(3,1fr);gap:12px}}
figure{{margin:0}}svg{{display:block;width:100%;background:#000;border-radius:3px}}
svg g{{fill:none;stroke:{MARK};stroke-width:1.2}}svg text{{fill:{MARK};stroke:#000;
stroke-width:2;paint-order:stroke;font-weight:600;text-anchor:middle;dominant-baseline:central}}
figcaption{{margin-top:5px;color:#5b6873;font-size:12px}}figcaption b{{color:#1b242c}}
.hu{{margin:12px 0 0;font-weight:600}}
.warnings{{margin-top:12px;padding:2px 14px 8px;background:#fff7e0;border-left:3px solid #d9a400;
border-radius:3px}}.warnings h2{{margin-top:8px}}
.warnings ul{{margin:0;padding:0;list-style:none}}.warnings li{{margin:2px 0}}
.two{{display:grid;grid-template-columns:1fr 1fr;gap:28px}}
dl{{margin:0}}dt{{color:#5b6873;font-size:12px}}dd{{margin:0 0 7px;overflow-wrap:anywhere}}
p{{margin:4px 0}}table{{width:100%;border-collapse:collapse}}
td,th{{padding:2px 4px;text-align:left;border-bottom:1px solid #e9edf0}}
th{{font-weight:500;color:#5b6873;font-size:12px}}
.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}.bar{{width:30%}}
.track{{display:block;height:8px;background:{MRI_COLOUR};border-radius:2px;overflow:hidden}}
.ct{{color:{CT_COLOUR}}}.mri{{color:{MRI_COLOUR};float:right}}i{{font-style:normal}}
.track span{{display:block;height:100%;background:{CT_COLOUR}}}
.note{{color:#5b6873;font-size:11.5px}}
footer{{margin-top:20px;padding-top:8px;border-top:1px solid #d5dce2;color:#5b6873;
font-size:11.5px}}
@media print{{main{{padding:0;max-width:none}}*{{print-color-adjust:exact}}}}
@media (max-width:640px){{.two,.pictures{{grid-template-columns:1fr}}}}
"""
