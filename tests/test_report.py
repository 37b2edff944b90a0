"""The one-page report: what it says, what it never says, HTML and PDF."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fusion_core.model import PRESETS, FusionConfig
from imaging.image import Image
from imaging.windowing import preset
from pipelines.export import NO_HU
from pipelines.fuse import FusedPair, fuse_pair, scores
from pipelines.hidden import Region
from pipelines.methods import load_method
from pipelines.report import SHOWN, Report, make_report, marks_of, report_html
from pipelines.report_pdf import report_pdf
from tests.synthetic import picture, write_checkpoint

REGION = Region("CT", 10.0, 20.0, 44.0, 0.5, 0.2, 4.0)


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    write_checkpoint(folder, "default", PRESETS["seed"])
    write_checkpoint(folder, "deep", FusionConfig(levels=4, mask_inputs="all", widths=(4,)))
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))


def fused(checkpoint: str | None = None, rule: str | None = None) -> FusedPair:
    """A synthetic pair in HU, from files that are named after a patient."""
    hu = picture(48, 48, 1).astype(np.float32) - 60
    ct = Image(hu, (-60, 195), "HU", (0.5, 0.4), "CT", "Doe_Jane_1950.dcm", ("A <note> & more.",))
    mri = Image(picture(48, 48, 2).astype(np.float32), (0, 255), name="Doe_Jane_mr.dcm")
    return fuse_pair(ct, mri, load_method(checkpoint, rule), preset("brain"))


def made(pair: FusedPair | None = None, **options: object) -> Report:
    """The report of a pair."""
    pair = pair or fused()
    return make_report(pair, scores(pair, SHOWN), "Same grid, none needed.", **options)  # type: ignore[arg-type]


class _Words(HTMLParser):
    """Text and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.tags, self.links = "", [], []  # type: ignore[var-annotated]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words += data + "\n"


def test_the_page_says_how_the_image_was_made() -> None:
    """Checkpoint with its whole hash, windows, alignment, wavelet and both warnings are there."""
    pair = fused()
    words = _Words(report_html(made(pair, place="Slice 3 of 9"))).words
    assert pair.method.sha256 is not None
    for part in (
        pair.method.sha256, f"checkpoint default {pair.method.short_hash}", "0 to 80 HU",
        "Same grid, none needed.", "haar, 1 level", "Slice 3 of 9", NO_HU,
        "Research, not for diagnosis", "48 × 48 pixels of 0.4 × 0.5 mm",
    ):  # fmt: skip
        assert part in words


def test_shares_and_metrics_are_those_of_the_pair() -> None:
    """Every band's shares and every shown metric appear with the numbers measured elsewhere."""
    from fusion_core.provenance import contributions

    pair = fused()
    report = made(pair)
    for row, band in zip(report.bands, contributions(pair.result), strict=True):
        assert (row.band, row.mask, row.energy) == (band.band, band.mask, band.energy)
    measured = scores(pair, SHOWN).values
    words = _Words(report_html(report)).words
    assert len(report.metrics) == len(SHOWN)
    assert all(f"{measured[name]:.3f}" in words for name in SHOWN)


def test_file_names_do_not_reach_the_page() -> None:
    """Names of files, which may be a patient's, are nowhere in what HTML and PDF are made of."""
    report = made()
    assert "Doe" not in report_html(report)
    assert "Doe" not in repr(report)


def test_words_are_escaped_and_nothing_is_loaded() -> None:
    """Markup in notes, title and place stays text; the file links to no other."""
    page = _Words(report_html(made(title="<script>x</script>", place='"><img src=x>')))
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert "A <note> & more." in page.words
    assert page.links
    assert all(link.startswith("data:image/png;base64,") for link in page.links)


def test_regions_are_numbered_in_words_and_pictures() -> None:
    """A CT region is circled on CT and fused image, not on the MRI, and named first."""
    report = made(regions=[REGION])
    assert report.warnings[0].startswith("1. A bright region of the CT (44 mm², row 10, column 20)")
    drawn = {p.label: len(marks_of(report, p)) for p in report.pictures}
    assert drawn == {"CT": 1, "MRI": 0, "Fused": 1}
    html = report_html(report)
    assert html.count("<ellipse") == 2
    assert 'cx="20.5" cy="13.1" rx="6.0" ry="7.5"' in html


def test_more_regions_than_fit_are_counted() -> None:
    """Of nine regions six are shown and three are counted; none at all is said, with its limit."""
    report = made(regions=[REGION] * 9)
    assert len(report.regions) == 6
    assert "3 more regions are dimmed, but less." in report.warnings
    assert "dark findings are not looked for" in made(regions=[]).warnings[0]


def test_marks_stay_on_the_picture() -> None:
    """Numbers of regions at the corners are drawn inside the picture."""
    corners = [replace(REGION, row=r, column=c) for r in (0.0, 47.0) for c in (0.0, 47.0)]
    report = made(regions=corners)
    for mark in marks_of(report, report.pictures[2]):
        assert all(0 < at < 48 for at in mark.label)


def test_a_pixel_rule_says_that_it_has_no_bands() -> None:
    """Without masks there is a sentence and no table of bands, in both formats."""
    report = made(fused(rule="max"))
    assert report.bands == ()
    assert "has no bands to explain" in report_html(report)
    assert report_pdf(report).startswith(b"%PDF")


def test_the_pdf_is_one_page_and_the_same_each_time() -> None:
    """Equal reports give equal bytes of one A4 page without a date."""
    report = made(regions=[REGION])
    data = report_pdf(report)
    assert data == report_pdf(report)
    assert len(re.findall(rb"/Type /Page\b", data)) == 1
    assert re.search(rb"/MediaBox \[ 0 0 595\.\d+ 841\.\d+ \]", data)
    assert b"CreationDate" not in data


def test_a_full_page_still_fits() -> None:
    """13 bands, a tall picture and 40 notes: no text of the PDF lies below its footer."""
    from matplotlib.figure import Figure

    report = replace(made(fused("deep")), aspect=2.0)
    assert len(report.bands) == 13
    lowest: list[float] = []
    plain = Figure.text

    def noted(self: Figure, x: float, y: float, *rest: object, **options: object) -> object:
        lowest.append(y)
        return plain(self, x, y, *rest, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "text", noted)
        report_pdf(replace(report, warnings=(*report.warnings, *["A note. " * 12] * 40)))
    *body, footer = lowest
    assert min(body) > footer + 0.01


def test_a_dollar_in_a_note_is_no_formula() -> None:
    """Words with dollar signs, braces and backslashes are drawn as they are."""
    report = replace(made(), warnings=(r"Costs $5 and $\frac{$ {x_1^",), place="a $b$ c")
    assert report_pdf(report).startswith(b"%PDF")
