"""The Masks page: several checkpoints under one cursor, masks in numbers, files; no browser."""

import csv
import io
import math
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_core.checkpoint import save
from fusion_core.mask_measures import measure
from fusion_core.model import PRESETS, FusionNet
from pipelines.cases import CASES, render_case
from pipelines.fuse import fuse_pair
from pipelines.methods import load_method
from tests.app_driver import by_key, open_page, start, words
from tests.app_driver import write_checkpoints as write
from ui.caches import Fused
from ui.mask_choice import Compared, band_name, compared, masks_to_show, measures_of
from ui.mask_export import measures_csv, numbers_npz, pictures_zip
from ui.mask_table import histogram_image, in_words, measure_table, sharpness_chart, verdict


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    torch.manual_seed(1)
    save(tmp_path / "two.safetensors", FusionNet(PRESETS["medical"]), {})
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path))


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> list[Compared]:
    """One pair by a model of three levels and two gates, and by a convex one of one level."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write(folder)
    images = render_case(next(iter(CASES.values())))
    found = []
    for name in ("default", "one"):
        how = load_method(checkpoint=folder / f"{name}.safetensors", device="cpu")
        found.append(compared(Fused(fuse_pair(*images, how), f"test-{name}")))
    return found


def test_three_checkpoints_stand_side_by_side() -> None:
    """Two further checkpoints join the one of the rail in one viewer, each with a verdict."""
    app = open_page(start(), "masks")
    assert "default: the claim" in words(app)
    by_key(app.multiselect, "masks-compare").set_value(["one", "two"]).run()
    assert not app.error
    text = words(app)
    assert "The masks of default, one, two" in text
    assert "In one, two both masks add up to 1" in text
    for name in ("default", "one", "two"):
        assert f"{name}: the claim" in text
    assert len(app.get("bidi_component")) == 1
    levels = by_key(app.button_group, "masks-level")
    assert levels.value == "Level 1 (2 px)"
    levels.set_value("Level 3 (8 px)").run()
    assert "No masks at this level: one, two." in words(app)
    assert not app.error


def test_a_damaged_checkpoint_is_one_sentence_and_the_rest_stays(tmp_path: Path) -> None:
    """A checkpoint that cannot be read is named; the masks of the others remain."""
    app = open_page(start(), "masks")
    (tmp_path / "one.safetensors").write_bytes(b"damaged")
    by_key(app.multiselect, "masks-compare").set_value(["one"]).run()
    assert len(app.error) == 1
    assert "one.safetensors" in app.error[0].value
    assert "The 10 CT and 10 MRI masks" in words(app)


def test_only_chosen_subbands_are_shown_and_none_is_no_error() -> None:
    """Kinds without a mask at a level give a sentence, an empty choice gives all."""
    app = open_page(start(), "masks")
    by_key(app.button_group, "masks-level").set_value("Level 1 (2 px)").run()
    by_key(app.button_group, "masks-kinds").set_value(["LL"]).run()
    assert "There is no such mask at this level" in words(app)
    by_key(app.button_group, "masks-kinds").set_value([]).run()
    assert len(app.get("bidi_component")) == 1
    assert not app.error


def test_nine_masks_at_most_are_shown(methods: list[Compared]) -> None:
    """Three methods of one level have twelve masks: HH is left out; fewer kinds all fit."""
    three = [methods[1]] * 3
    shown, left_out = masks_to_show(three, "CT", 1, ("LL", "LH", "HL", "HH"))
    assert (len(shown), left_out) == (9, ["HH"])
    shown, left_out = masks_to_show(three, "CT", 1, ("HH", "LL"))
    assert ([s.band for s in shown[:2]], left_out) == (["LL", "HH"], [])
    shown, _ = masks_to_show(methods, "MRI", 1, ("LL", "LH", "HL", "HH"))
    assert [s.band for s in shown] == ["LH1", "HL1", "HH1", "LL", "LH", "HL", "HH"]
    assert np.array_equal(shown[0].values, methods[0].masks.mri.details[0].lh[0, 0].numpy())


def test_bands_are_named_as_their_own_decomposition_names_them() -> None:
    """LL is at the coarsest level alone, and one level has plain names."""
    assert band_name("LL", 1, 1) == "LL"
    assert band_name("LH", 1, 1) == "LH"
    assert band_name("LH", 1, 3) == "LH1"
    assert band_name("LL", 3, 3) == "LL3"
    assert band_name("LL", 1, 3) is None
    assert band_name("HH", 2, 1) is None


def test_measures_count_the_head_alone(methods: list[Compared]) -> None:
    """The mean of a finest mask is its mean over coefficients inside the head."""
    owner = methods[1]
    found = measures_of(owner, "CT")
    assert [m.band for m in found] == ["LL", "LH", "HL", "HH"]
    mask = owner.masks.ct.ll[0, 0].numpy()
    head = owner.fused.pair.head[1::2, 1::2]
    assert found[0].mean == pytest.approx(float(mask[head].mean()), abs=1e-6)
    assert found[0].mean != pytest.approx(float(mask.mean()), abs=1e-5)


def test_the_table_shows_every_mask_with_its_histogram() -> None:
    """Rows hold histogram, numbers to two decimals and words; an even mask has a dash."""
    rng = np.random.default_rng(0)
    rows = (measure("LL", np.full((16, 16), 0.5)), measure("<b>", rng.random((64, 64)).round()))
    html = measure_table({"a<b": rows, "c": rows}, "CT", {"a<b": True, "c": False})
    assert html.count("data:image/svg+xml") == 4
    assert "a&lt;b" in html
    assert "even: the same everywhere" in html
    assert "decided, fine detail" in html
    assert "nan" not in html
    assert in_words(measure("LL", np.ones((4, 4)), np.zeros((4, 4), bool))) == "nothing to count"


def test_histograms_have_a_bar_per_filled_bin() -> None:
    """Two values make two bars, the fuller one at full height."""
    import base64

    image = histogram_image(measure("LL", np.array([[0.0, 1.0], [1.0, 1.0]])), "CT", True)
    found = re.search(r"base64,([\w+/=]+)", image)
    assert found is not None
    heights = re.findall(r"height='([\d.]+)' fill", base64.b64decode(found[1]).decode())
    assert [float(h) for h in heights] == [10.0, 30.0]


def test_the_verdict_names_the_numbers(methods: list[Compared]) -> None:
    """The sentence holds the method, the verdict and the sharpness that decide it."""
    y, x = np.mgrid[:64, :64]
    smooth = measure("LL", 0.5 + 0.4 * np.sin(x / 15) * np.cos(y / 15))
    sharp = [measure(name, ((x // 9 + y // 7) % 2).astype(float)) for name in ("LH", "HL")]
    found, text = verdict("m", [smooth, *sharp])
    assert found == "holds"
    assert text.startswith("m: the claim holds. LL has sharpness 0.0")
    assert verdict("m", [replace(sharp[0], band="LL"), replace(smooth, band="LH")])[0] == "fails"
    found, text = verdict("m", [measure("LL", np.full((9, 9), 0.5)), *sharp])
    assert found == "open"
    assert "Even masks have no sharpness: LL." in text


def test_the_chart_leaves_out_what_has_no_sharpness() -> None:
    """An even mask has a row but no mark."""
    rows = (measure("LL", np.full((9, 9), 0.5)), measure("LH", np.eye(32)))
    (marks,) = sharpness_chart({"m": rows}).data
    assert marks.x[0] is None
    assert marks.x[1] == pytest.approx(rows[1].sharpness)
    assert not math.isnan(rows[1].sharpness)


def test_masks_leave_as_pictures_numbers_and_a_table(methods: list[Compared]) -> None:
    """PNG, NPZ and CSV hold every mask of both methods; the exact values come back."""
    with zipfile.ZipFile(io.BytesIO(pictures_zip(methods))) as archive:
        names = archive.namelist()
    assert len(names) == 20 + 4
    assert "default/mri_LH2.png" in names
    assert "one/LL.png" in names
    arrays = np.load(io.BytesIO(numbers_npz(methods)))
    assert len(arrays.files) == 1 + 20 + 8
    expected = methods[0].masks.mri.details[1].lh[0, 0].numpy()
    assert np.array_equal(arrays["default/mri_LH2"], expected)
    assert "Research, not for diagnosis" in str(arrays["about"])
    head, *rest = measures_csv(methods).splitlines()
    assert "Research, not for diagnosis" in head
    rows = list(csv.DictReader(rest))
    assert len(rows) == 20 + 8
    assert float(rows[0]["mean"]) == pytest.approx(measures_of(methods[0], "CT")[0].mean)
