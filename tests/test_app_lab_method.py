"""The fusion's half of the laboratory, driven through the app without a browser."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.app_driver import ROOT, TIMEOUT, by_key, own_images, png_pair, upload, words
from tests.app_driver import write_checkpoints as write
from ui.lab.lesson_texts import LESSON
from ui.lab.shell import slug
from ui.lab.views import METHOD


@pytest.fixture(scope="module", autouse=True)
def _checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWF_CHECKPOINTS", str(folder))
        patch.setenv("TWF_RUNS", str(folder / "runs"))
        yield


def lab(view: str, **query: str) -> AppTest:
    """The laboratory opened by its address."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=TIMEOUT)
    app.query_params["view"] = view
    for key, value in query.items():
        app.query_params[key] = value
    app.run()
    app.switch_page("pages/lab.py").run()
    assert not app.exception
    return app


@pytest.mark.parametrize("title", list(METHOD))
def test_every_view_opens_without_an_error(title: str) -> None:
    """Each view of the fusion opens by its address, shows its parts and its literature."""
    app = lab(slug(title))
    assert not app.error
    assert "doi:10." in words(app)


def test_the_steps_go_on_and_stop_at_the_end() -> None:
    """Next goes through every step of the method, and is closed at the last one."""
    app = lab("step-by-step")
    assert "1. Two images on one grid" in words(app)
    assert by_key(app.button, "steps-previous").disabled
    for _ in range(6):
        by_key(app.button, "steps-next").click().run()
        assert not app.exception
        assert not app.error
    assert "7. Check the sum" in words(app)
    assert "largest difference is" in words(app)
    assert by_key(app.button, "steps-next").disabled
    by_key(app.selectbox, "steps-menu").select_index(3).run()
    assert "4. Masks" in words(app)


def test_every_lesson_step_opens_by_its_address() -> None:
    """``?step=`` opens that step with its title, its idea and a speaker note."""
    for number in (1, 4, len(LESSON)):
        text = words(lab("lesson", step=str(number)))
        step = LESSON[number - 1]
        assert f"<h2>{step.title}</h2>" in text
        assert f"{number} of {len(LESSON)}" in text
        assert step.note[:40] in text


def test_the_lesson_goes_through_all_steps() -> None:
    """Next walks through all ten steps without an error and keeps the address in step."""
    app = lab("lesson")
    for number in range(2, len(LESSON) + 1):
        by_key(app.button, "lesson-next").click().run()
        assert not app.exception
        assert not app.error
        assert app.query_params["step"] == str(number)
        assert LESSON[number - 1].title in words(app)


def test_the_quiz_answers_only_when_asked() -> None:
    """No answer is shown at first; a wrong one names the right band, a right one says so."""
    app = lab("lesson", step=str(len(LESSON)))
    assert not app.success
    assert not app.warning
    radio = by_key(app.radio, "lesson-answer-1")
    radio.set_value("LL").run()
    assert "it is HL" in app.warning[0].value
    by_key(app.radio, "lesson-answer-1").set_value("HL").run()
    assert app.success[0].value.startswith("Right.")


def test_a_rule_on_pixels_is_told_in_one_sentence() -> None:
    """With Maximum chosen the views say what to choose; the lesson goes on with a wavelet rule."""
    app = lab("step-by-step")
    by_key(app.selectbox, "method").set_value("rule:max").run()
    assert "works on pixels" in app.info[0].value
    by_key(app.button_group, "lab-view").set_value("Lesson").run()
    assert not app.exception
    assert not app.info
    assert LESSON[0].title in words(app)


def test_a_rule_has_nothing_to_train() -> None:
    """Before and after training says so for a wavelet rule."""
    app = lab("before-and-after-training")
    by_key(app.selectbox, "method").set_value("rule:wavelet-max").run()
    assert "nothing to train" in app.info[0].value
    assert not app.exception


def test_times_of_a_preset_reach_the_sliders() -> None:
    """FLAIR sets all three times and turns the inversion on; T1w turns it off again."""
    app = lab("mr-contrast")
    by_key(app.button, "mr-FLAIR").click().run()
    assert by_key(app.slider, "mr-te").value == 120
    assert by_key(app.toggle, "mr-invert").value is True
    assert "nulls CSF" in words(app)
    by_key(app.button, "mr-T1w").click().run()
    assert by_key(app.slider, "mr-tr").value == 500
    assert by_key(app.toggle, "mr-invert").value is False
    assert "T1-weighted" in words(app)
    assert not app.exception


def test_own_images_can_be_painted_on() -> None:
    """An uploaded pair opens the painter with its three scores."""
    app = lab("paint-a-mask")
    own_images(app)
    ct, mri = png_pair(64)
    upload(app, "ct", "a.png", ct)
    upload(app, "mri", "b.png", mri)
    assert not app.exception
    assert not app.error
    assert "<th class='n'>Yours</th>" in words(app)
