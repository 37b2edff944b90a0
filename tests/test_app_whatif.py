"""The What-if screen, driven through app.py: what stands there before and after a change."""

from pathlib import Path

import pytest

from tests.app_driver import by_key, open_page, shown, start, words, write_checkpoints
from ui.whatif.numbers import comparison_html


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_checkpoints(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


def test_the_screen_holds_one_viewer_and_every_measure() -> None:
    """A viewer with the sliders, the measures of both images, and what each control means."""
    app = open_page(start(), "whatif")
    assert not app.error
    assert len(app.get("bidi_component")) == 1
    text = words(app)
    for part in ("What it does to the measures", "As learned", "All CT", "The CT part", "Swap"):
        assert part in text
    assert "Nothing is altered" in text
    values = [v for v in text.split("</td>") if ">same<" in v]
    # Untouched, every measure equals the learned one's.
    assert len(values) == 14


def test_a_third_image_can_show_the_change() -> None:
    """The toggle redraws the viewer with the change and raises nothing."""
    app = open_page(start(), "whatif")
    by_key(app.toggle, "whatif-change").set_value(True).run()
    assert not app.error
    assert not app.exception
    assert len(app.get("bidi_component")) == 1


def test_a_pixel_rule_is_sent_elsewhere() -> None:
    """A rule without subbands has nothing to scale; one sentence says so."""
    app = start()
    by_key(app.selectbox, "method").set_value("rule:max").run()
    open_page(app, "whatif")
    assert shown(app).result.masks is None
    assert "no subbands to show" in words(app)
    assert len(app.get("bidi_component")) == 0


def test_a_wavelet_rule_has_sliders_as_well() -> None:
    """Rules on bands can be altered like learned methods."""
    app = start()
    by_key(app.selectbox, "method").set_value("rule:mean").run()
    open_page(app, "whatif")
    assert not app.error
    assert len(app.get("bidi_component")) == 1


def test_the_comparison_names_direction_and_difference() -> None:
    """A fall of an upward measure is worse, with its sign; missing values are dashes."""
    from fusion_core.metrics import METRICS

    learned = dict.fromkeys(METRICS, 0.5)
    altered = learned | {"Qabf": 0.25, "Nabf": 0.25, "VIF": float("nan")}
    html = comparison_html(learned, altered)
    assert "−0.250" in html
    assert html.count("<b>worse</b>") == 1
    assert html.count("<b>better</b>") == 1
    assert "nan" not in html.lower()
