"""The lesson: its steps, numbers, quiz and references, without a browser."""

import numpy as np
import pytest

from fusion_core.wavelets import analyse
from pipelines.fuse import to_8bit
from pipelines.methods import load_method
from tests.lab_parts import images, network, parts_by
from ui.lab import lesson_later, lesson_numbers
from ui.lab.lesson import asked_step
from ui.lab.lesson_texts import LESSON
from ui.lab.references import REFERENCES, reference_html
from ui.lab.views import VIEWS


@pytest.mark.parametrize(
    ("text", "at"),
    [(None, 0), ("1", 0), ("4", 3), ("10", 9), ("99", 9), ("0", 0), ("-2", 0), ("x", 0), ("²", 0)],
)
def test_an_address_opens_a_step(text: str | None, at: int) -> None:
    """``?step=`` counts from one; anything else opens the first or the last step."""
    assert asked_step(text) == at


def test_the_lesson_has_eight_to_ten_steps_of_one_idea() -> None:
    """Titles are short and differ, the idea has two sentences, each step has a note."""
    assert 8 <= len(LESSON) <= 10
    assert len({step.title for step in LESSON}) == len(LESSON)
    for step in LESSON:
        assert len(step.title) <= 34
        assert len(step.idea) <= 180
        assert step.idea.count(". ") == 1
        assert len(step.note) > 80


def test_all_patterns_together_are_the_image() -> None:
    """The sum of all patterns has no error; fewer patterns hold less energy."""
    image = images()[0].pixels.astype(np.float64)
    whole = lesson_numbers.largest_patterns(image, "db2", 1.0)
    np.testing.assert_allclose(whole.image, image, atol=1e-12)
    assert whole.energy == pytest.approx(1)
    few = lesson_numbers.largest_patterns(image, "db2", 0.01)
    assert few.kept == round(0.01 * few.count)
    assert few.energy < 1
    np.testing.assert_allclose(few.image + few.missing, image, atol=1e-12)


def test_two_numbers_choose_between_the_sources() -> None:
    """Masks of one give the CT, of zero the MRI, of a half the mean."""
    parts = parts_by(network("seed"))
    ct, mri = parts.pair.ct01, parts.pair.mri01
    for share in (0.0, 0.5, 1.0):
        fused = lesson_numbers.fuse_constant(parts, share, share)
        np.testing.assert_allclose(fused, share * ct + (1 - share) * mri, atol=1e-5)


def test_the_quiz_has_right_answers() -> None:
    """What each question takes away is that band: muting it again changes nothing more."""
    image = to_8bit(images((64, 64))[0].pixels) / np.float64(255)
    assert set(lesson_later.QUESTIONS) <= set(lesson_later.ANSWERS)
    for band in lesson_later.QUESTIONS:
        poor = lesson_numbers.muted(image, band)
        bands = dict(analyse(lesson_numbers.tensor(poor), "haar", 1).items())
        assert float(bands[band].abs().max()) < 1e-12
        assert sum(float(b.abs().max()) > 1e-3 for b in bands.values()) == 3


def test_long_filters_ring_and_haar_does_not() -> None:
    """Without fine details db8 leaves the range of a hard edge, haar's block means never do."""
    edge = np.zeros((64, 64))
    edge[:, 27:] = 1
    assert lesson_numbers.without_fine_details(edge, "db8").min() < -0.02
    assert lesson_numbers.without_fine_details(edge, "haar").min() > -1e-9


def test_a_moved_mri_costs_edges() -> None:
    """Fusing with an MRI moved by eight pixels lowers Qabf against the images where they belong."""
    parts = parts_by(load_method(rule="wavelet-max"), (64, 64))
    still = lesson_later.registration_quality(parts, 0)
    assert lesson_later.registration_quality(parts, 8) < still


def test_every_reference_has_a_doi_and_every_view_cites_known_ones() -> None:
    """DOIs look like DOIs and differ, and no view names a publication that is not listed."""
    dois = [reference.doi for reference in REFERENCES.values()]
    assert all(doi.startswith("10.") and "/" in doi for doi in dois)
    assert len(set(dois)) == len(dois)
    for view in VIEWS.values():
        assert set(view.references) <= set(REFERENCES)


def test_a_reference_is_escaped_and_linked() -> None:
    """The line holds the authors as text and one link to the DOI."""
    html = reference_html(REFERENCES["xydeas"])
    assert "Petrović" in html
    assert "href='https://doi.org/10.1049/el:20000267'" in html
