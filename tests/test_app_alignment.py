"""The Alignment page and the About page, driven through app.py."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st

from imaging.shift import Shift
from tests.app_driver import by_key, open_page, shown, start, words, write_checkpoints
from ui.about import CITATION, bibtex, installed, references_html
from ui.about_texts import PARTS, REFERENCES
from ui.alignment.figures import information_curves, quality_curves
from ui.alignment.stage import Measure, measures_html
from ui.alignment.work import Qualities


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    write_checkpoints(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))
    # The many refused positions of Qabf belong to the slow browser test.
    monkeypatch.setattr("ui.alignment.work.quality_values", lambda fused, axis: [0.0, 2.0])
    yield
    st.cache_resource.clear()


def at_alignment() -> Any:
    """The Alignment page with a quick rule."""
    app = start()
    by_key(app.selectbox, "method").set_value("rule:wavelet-max").run()
    return open_page(app, "alignment")


def slide(app: Any, axis: str, value: float) -> Any:
    """Move one slider."""
    by_key(app.slider, f"alignment-{axis}").set_value(value).run()
    assert not app.exception
    return app


def press(app: Any, name: str) -> Any:
    """Press one button."""
    by_key(app.button, f"alignment-{name}").click().run()
    assert not app.exception
    return app


def has_button(app: Any, name: str) -> bool:
    """Whether a button is on the page."""
    return any(b.key == f"alignment-{name}" for b in app.button)


def test_a_bundled_pair_fits_and_has_its_curves() -> None:
    """In place there is no warning; both viewers, the table and both charts are there."""
    app = at_alignment()
    assert not app.error
    assert not app.warning
    assert not has_button(app, "use")
    assert len(app.get("bidi_component")) == 2
    assert len(app.get("plotly_chart")) == 2
    for part in ("fits best where it lies", "Mutual information", "Change of the head"):
        assert part in words(app)


def test_a_slider_moves_the_mri_in_px_and_mm_and_zero_brings_it_back() -> None:
    """The page says how far in both units, the change is no longer nothing, and zero undoes it."""
    app = slide(at_alignment(), "right", -4.0)
    assert "4 px (3.6 mm) to the left" in words(app)
    changes = re.findall(r"<td>Change</td>(.*?)</tr>", words(app))[0]
    assert "<td class='n'>0</td>" not in changes.split("</td>")[-2]
    press(app, "zero")
    assert "sliders are at zero" in words(app)
    assert by_key(app.slider, "alignment-right").value == 0


def test_a_kept_motion_is_warned_about_taken_back_and_noted() -> None:
    """Keep a wrong position: every page has it with a note; the page advises the way back."""
    app = at_alignment()
    first = shown(app)
    press(slide(app, "right", 5.0), "keep")
    kept = shown(app)
    np.testing.assert_array_equal(kept.mri01[:, 5:], first.mri01[:, :-5])
    assert any("Moved 5 px (4.5 mm) to the right" in note for note in kept.notes)
    assert by_key(app.slider, "alignment-right").value == 0
    assert "5 px (4.5 mm) to the left" in app.warning[0].value
    open_page(app, "fuse")
    assert "fits the CT better 5 px (4.5 mm) to the left" in words(app)
    press(press(open_page(app, "alignment"), "show"), "use")
    # Two motions that cancel are none at all.
    np.testing.assert_array_equal(shown(app).mri01, first.mri01)
    assert not has_button(app, "undo")
    assert not app.warning


def test_the_mri_can_be_put_back() -> None:
    """Undo gives the very image back, and the way to it goes away."""
    app = at_alignment()
    first = shown(app)
    press(slide(slide(app, "down", 3.0), "turn", 2.0), "keep")
    assert not np.array_equal(shown(app).fused8, first.fused8)
    press(app, "undo")
    assert np.array_equal(shown(app).fused8, first.fused8)
    assert not has_button(app, "undo")


def test_positions_are_kept_over_a_change_of_page_and_dropped_with_the_pair() -> None:
    """Come back and the sliders stand as left; another case starts at zero."""
    app = slide(at_alignment(), "down", 2.5)
    open_page(app, "masks")
    open_page(app, "alignment")
    assert by_key(app.slider, "alignment-down").value == 2.5
    by_key(app.selectbox, "case").set_value("normal").run()
    assert by_key(app.slider, "alignment-down").value == 0
    assert not app.exception


def test_a_pixel_rule_has_no_mask_to_follow() -> None:
    """Without masks the page says so and works otherwise."""
    app = start()
    by_key(app.selectbox, "method").set_value("rule:max").run()
    open_page(app, "alignment")
    assert "no masks to follow" in words(app)
    assert len(app.get("bidi_component")) == 2
    assert not app.error


def test_curves_hold_the_values_and_mark_the_sliders() -> None:
    """The figure's lines are the curves given, and its marks stand at the position."""
    line = [(-1.0, 0.2), (0.0, 0.9), (1.0, 0.3)]
    figure = information_curves(dict.fromkeys(("right", "down", "turn"), line), Shift(1, 0, 0), 0.3)  # type: ignore[dict-item]
    lines = [t for t in figure.data if t.mode == "lines"]
    assert [list(t.y) for t in lines] == [[0.2, 0.9, 0.3]] * 3
    assert [t.x[0] for t in figure.data if t.mode == "markers"] == [1, 0, 0]
    pair = [(1.0, Qualities(0.5, 0.4)), (0.0, Qualities(0.6, 0.6))]
    both = quality_curves(dict.fromkeys(("right", "down", "turn"), pair), Shift())  # type: ignore[dict-item]
    assert [list(t.y) for t in both.data[:2]] == [[0.6, 0.5], [0.6, 0.4]]


def test_the_table_shows_differences_and_dashes() -> None:
    """A number that does not exist is a dash, an unchanged one 0, and signs are shown."""
    html = measures_html(
        [
            Measure("A", "a", "up", 0.5, 0.25),
            Measure("B", "b", "up", float("nan"), 1.0),
            Measure("C", "c", "none", 1.0, 1.0),
        ]
    )
    change = html.split("<td>Change</td>")[1]
    assert re.findall(r">([^<>]+)</td>", change) == ["−0.25", "–", "0"]


def test_about_is_complete() -> None:
    """Method, limits, data by name, licences, references with DOI and the versions are there."""
    app = open_page(start(), "about")
    text = words(app)
    for part in (
        "IDWT", "Not for diagnosis", "Whole Brain Atlas", "patients 2, 20, 32, 33 and 34",
        "Apache-2.0", "doi:10.1109/34.192463", "clipping", installed("torch"),
    ):  # fmt: skip
        assert part in text
    assert "@software{" in app.code[0].value


def test_bibtex_is_made_from_the_citation_file() -> None:
    """Title, version and year are those of CITATION.cff, and every brace is closed."""
    entry = bibtex(CITATION.read_text(encoding="utf-8"))
    assert "Trainable Wavelet Fusion" in entry
    assert "{{The Trainable Wavelet Fusion developers}}" in entry
    assert entry.count("{") == entry.count("}")
    other = bibtex(
        'title: A b\nauthors:\n  - name: X\n  - name: Y\nversion: 9.1\n'
        'date-released: "2031-01-02"\nlicense: MIT\nabstract: C.\n'
    )  # fmt: skip
    assert other.startswith("@software{ab2031,")
    assert "{{X} and {Y}}" in other
    assert "{9.1}" in other


def test_the_parts_are_those_that_are_required() -> None:
    """Every package of requirements.txt that ships code to the user is named with a licence."""
    text = (CITATION.parent / "requirements.txt").read_text(encoding="utf-8")
    required = set(re.findall(r"^([A-Za-z-]+)==", text, re.MULTILINE))
    missing = required - {"setuptools"} - {part.name for part in PARTS}
    assert not missing, f"name {missing} in ui.about_texts.PARTS"
    assert all(p.licence and installed(p.name) != "not installed" for p in PARTS)


def test_every_reference_links_to_its_doi() -> None:
    """Each DOI has the form of one and is a link that opens beside the app."""
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", r.doi) for r in REFERENCES)
    assert references_html().count("https://doi.org/10.") == len(REFERENCES)
