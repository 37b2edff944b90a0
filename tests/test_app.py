"""The screens, driven through app.py."""

from pathlib import Path

import numpy as np
import pytest

from imaging.windowing import Window
from tests.app_driver import by_key, open_page, own_images, png_pair, shown, start, upload, words
from tests.app_driver import write_checkpoints as write


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


def viewers(app: object) -> int:
    """How many image viewers a screen holds."""
    return len(app.get("bidi_component"))  # type: ignore[attr-defined]


def test_first_screen_holds_a_fused_image() -> None:
    """A new visitor sees a bundled pair fused by `default`, its parts and its scores."""
    app = start()
    pair = shown(app)
    assert pair.method.name == "default"
    assert pair.fused8.shape == (256, 256)
    assert pair.fused8.std() > 20
    assert viewers(app) == 1
    text = words(app)
    assert "Research, not for diagnosis" in text
    for title in ("CT part", "MRI part", "Clipping", "Edges kept", "All measures"):
        assert title in text
    assert not app.error


def test_choosing_another_case_changes_the_image() -> None:
    """Each bundled case has a fused image of its own."""
    app = start()
    first = shown(app).fused8
    by_key(app.selectbox, "case").set_value("bleed").run()
    assert shown(app).name.startswith("bleed")
    assert not np.array_equal(first, shown(app).fused8)


def test_a_change_of_method_is_kept_on_every_page() -> None:
    """The method chosen on Fuse is the one whose masks are shown."""
    app = start()
    by_key(app.selectbox, "method").set_value("checkpoint:one").run()
    assert shown(app).method.name == "one"
    open_page(app, "masks")
    assert by_key(app.selectbox, "method").value == "checkpoint:one"
    assert "The 4 masks" in words(app)


def test_a_level_typed_in_changes_the_fused_image() -> None:
    """Level and width are the window that is fused with."""
    app = start()
    before = shown(app).fused8
    levels = [n for n in app.number_input if str(n.key).endswith("level")]
    levels[0].set_value(70.0).run()
    assert shown(app).windows[0] == Window(70.0, 110.0, "LINEAR_EXACT")
    assert not np.array_equal(before, shown(app).fused8)
    open_page(app, "masks")
    assert shown(app).windows[0].center == 70.0


def test_hu_presets_are_offered_for_hu_only() -> None:
    """The CT of the phantom is in HU and offers a bone window; the MRI does not."""
    app = start()
    ct, mri = (by_key(app.selectbox, prefix) for prefix in ("ct-", "mri-"))
    assert any(option.startswith("Bone") for option in ct.options)
    assert not any(option.startswith("Bone") for option in mri.options)
    ct.set_value(next(option for option in ct.options if option.startswith("Bone"))).run()
    assert shown(app).windows[0].width == 2800


def test_swap_exchanges_the_images_and_back() -> None:
    """Swapping twice gives the first fused image again."""
    app = start()
    first = shown(app)
    swap = next(b for b in app.button if b.label.startswith("Swap"))
    swap.click().run()
    assert np.array_equal(shown(app).ct01, first.mri01)
    assert np.array_equal(shown(app).mri01, first.ct01)
    next(b for b in app.button if b.label.startswith("Swap")).click().run()
    assert np.array_equal(shown(app).fused8, first.fused8)


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ("checkpoint:one", "The 4 masks"),
        ("checkpoint:default", "The 10 CT and 10 MRI masks"),
        ("rule:wavelet-max", "The 4 masks"),
        ("rule:dwt-pca", "The 7 masks"),
        ("rule:fitted-gates", "The 4 CT and 4 MRI masks"),
    ],
)
def test_masks_page_shows_every_mask(method: str, sentence: str) -> None:
    """J levels have 3J + 1 masks, twice as many with independent gates."""
    app = start()
    by_key(app.selectbox, "method").set_value(method).run()
    open_page(app, "masks")
    assert sentence in words(app)
    assert viewers(app) == 1
    assert not app.error
    assert any(b.key == "masks-gate" for b in app.button_group) == ("CT and" in sentence)


@pytest.mark.parametrize("rule", ["max", "laplacian"])
def test_rules_without_masks_say_so_in_one_sentence(rule: str) -> None:
    """A pixel rule has no masks: both pages say so and nothing fails."""
    app = start()
    by_key(app.selectbox, "method").set_value(f"rule:{rule}").run()
    assert "works on pixels" in words(app)
    open_page(app, "masks")
    assert len(app.info) == 1
    assert "no masks" in app.info[0].value
    assert not app.error


def test_about_names_limits_versions_and_device() -> None:
    """The About page says what the program is not, and what runs it."""
    text = words(open_page(start(), "about"))
    for part in ("not for diagnosis", "torch", "CPU", "How to cite", "synthetic heads"):
        assert part in text


def test_a_broken_checkpoint_leaves_the_last_result() -> None:
    """A damaged checkpoint gives one sentence, and the last good image stays."""
    import os

    app = start()
    before = shown(app)
    (Path(os.environ["TWF_CHECKPOINTS"]) / "one.safetensors").write_bytes(b"damaged")
    by_key(app.selectbox, "method").set_value("checkpoint:one").run()
    assert len(app.error) == 1
    assert "one.safetensors" in app.error[0].value
    assert shown(app) is before
    assert viewers(app) == 1


def test_an_unexpected_error_is_one_plain_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, no path and no type of an error reaches the page."""
    app = start()

    def fail(*_: object) -> None:
        raise ZeroDivisionError("/secret/place")

    monkeypatch.setattr("ui.quality_panel.reading", fail)
    app.run()
    assert not app.exception
    assert len(app.error) == 1
    assert "reload the page" in app.error[0].value
    assert "secret" not in words(app)


def test_own_images_survive_a_change_of_page() -> None:
    """An uploaded pair is still on the screen after going to Masks and back."""
    ct, mri = png_pair()
    app = own_images(start())
    upload(app, "ct", "a_ct.png", ct)
    upload(app, "mri", "a_mr.png", mri)
    fused = shown(app).fused8
    open_page(app, "masks")
    assert np.array_equal(shown(app).fused8, fused)
    open_page(app, "fuse")
    assert shown(app).name == "a_ct"
    assert np.array_equal(shown(app).fused8, fused)
