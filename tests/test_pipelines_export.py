"""What leaves the program: stamps, captions, masks, JSON, whole files."""

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from fusion_core.model import PRESETS, FusionConfig
from imaging.errors import InputError
from imaging.image import Image
from imaging.read import read_image
from pipelines import export
from pipelines.fuse import FusedPair, fuse_pair, scores
from pipelines.methods import MethodError, load_method
from tests.synthetic import picture, write_checkpoint


@pytest.fixture(autouse=True)
def _checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "weights"
    write_checkpoint(folder)
    write_checkpoint(folder, "convex", PRESETS["seed"])
    two = FusionConfig(levels=2, gating="independent", mask_inputs="all", widths=(4,))
    write_checkpoint(folder, "two", two)
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))


def fused(checkpoint: str | None = None, rule: str | None = None, size: int = 32) -> FusedPair:
    """A synthetic pair fused by the named method."""
    ct, mri = (Image(picture(size, size, k).astype(np.float32), (0, 255)) for k in (1, 2))
    return fuse_pair(ct, mri, load_method(checkpoint, rule))


def opened(data: bytes) -> PIL.Image.Image:
    """The PNG as Pillow sees it."""
    image = PIL.Image.open(io.BytesIO(data))
    image.load()
    return image


def test_an_exported_image_carries_its_stamp() -> None:
    """The PNG's text holds warning, checkpoint with hash and CT share; its pixels are fused8."""
    pair = fused()
    image = opened(export.stamped_png(pair))
    assert np.array_equal(np.asarray(image), pair.fused8)
    text = image.text  # type: ignore[attr-defined]
    assert text["Warning"] == "Research, not for diagnosis"
    assert text["Method"] == f"checkpoint default {pair.method.short_hash}"
    assert text["Checkpoint SHA-256"] == pair.method.sha256
    assert text["CT share"].endswith("% by attribution")


def test_a_rule_is_stamped_without_a_hash() -> None:
    """A pixel rule's stamp names the rule and says that the share is unknown."""
    text = opened(export.stamped_png(fused(rule="max"))).text  # type: ignore[attr-defined]
    assert text["Method"] == "rule max"
    assert text["CT share"] == "unknown (pixel rule)"
    assert "Checkpoint SHA-256" not in text


def test_exports_repeat_byte_for_byte() -> None:
    """The same pair and method give the same file."""
    assert export.stamped_png(fused(), caption=True) == export.stamped_png(fused(), caption=True)


@pytest.mark.parametrize("size", [1, 32, 200, 600])
def test_a_caption_stands_below_the_image_and_covers_nothing(size: int) -> None:
    """The strip adds rows with bright letters; the image above keeps every pixel."""
    pair = fused(rule="mean", size=size)
    picture_with_strip = np.asarray(opened(export.stamped_png(pair, caption=True)))
    assert np.array_equal(picture_with_strip[:size, :size], pair.fused8)
    strip = picture_with_strip[size:]
    assert strip.shape[0] >= 15
    assert picture_with_strip.shape[1] == max(size, 160)
    assert strip.max() >= 150
    assert strip[:, -3:].max() == 0, "words run out of the strip"


def test_convex_masks_are_written_once_and_independent_ones_for_both(tmp_path: Path) -> None:
    """Convex gating writes LL..HH; independent gating 2 (3J + 1) files with the source's name."""
    names = [p.name for p in export.write_masks(fused("convex"), tmp_path / "a")]
    assert names == ["LL.png", "LH.png", "HL.png", "HH.png"]
    names = [p.name for p in export.write_masks(fused("two"), tmp_path / "b")]
    assert len(names) == 14
    assert names[0] == "ct_LL2.png"
    assert "mri_HH1.png" in names


def test_a_mask_file_holds_the_mask(tmp_path: Path) -> None:
    """A mask PNG is the mask in its own resolution, 255 standing for 1, with the stamp."""
    pair = fused("convex")
    export.write_masks(pair, tmp_path)
    image = opened((tmp_path / "LH.png").read_bytes())
    assert pair.result.masks is not None
    mask = dict(pair.result.masks.ct.items())["LH"][0, 0].numpy()
    assert image.size == (16, 16)
    assert np.abs(np.asarray(image) / 255 - mask).max() <= 0.5 / 255 + 1e-6
    assert image.text["Warning"] == export.STAMP  # type: ignore[attr-defined]


def test_the_gates_of_a_rule_tell_whether_they_are_convex() -> None:
    """The mean's gates sum to one and are written once; the sum's do not."""
    assert list(export.mask_images(fused(rule="mean"))) == ["LL", "LH", "HL", "HH"]
    assert len(export.mask_images(fused(rule="sum"))) == 8


def test_a_pixel_rule_has_neither_masks_nor_provenance() -> None:
    """Both are refused with the name of the rule and what to use instead."""
    pair = fused(rule="laplacian")
    with pytest.raises(MethodError, match="laplacian works on pixels and has no masks"):
        export.mask_images(pair)
    with pytest.raises(MethodError, match="laplacian works on pixels"):
        export.provenance(pair)


def test_metrics_json_is_strict_and_says_why_a_value_is_missing() -> None:
    """NaN is null with a note; unit and direction stand beside every value."""
    pair = fused(rule="mean", size=4)
    values = json.loads(export.metrics_json(pair, scores(pair)), parse_constant=pytest.fail)
    assert values["metrics"]["SSIM_Avg"]["value"] is None
    assert "at least" in values["metrics"]["SSIM_Avg"]["note"]
    assert values["metrics"]["PSNR_Avg"]["unit"] == "dB"
    assert values["metrics"]["Nabf"]["better"] == "down"
    assert values["method"] == {"kind": "rule", "name": "mean", "sha256": None, "config": None}


@pytest.mark.parametrize(("name", "bands"), [("convex", 4), ("default", 4), ("two", 7)])
def test_provenance_lists_every_band_and_adds_up(name: str, bands: int) -> None:
    """3J + 1 bands with three shares in [0, 1], energies that sum to one, a tiny residual."""
    values = json.loads(export.provenance_json(fused(name)), parse_constant=pytest.fail)
    assert len(values["bands"]) == bands
    for row in values["bands"]:
        assert all(0 <= row[kind] <= 1 for kind in export.DEFINITIONS)
    assert sum(row["raw"] for row in values["energies"]["ct"]) == pytest.approx(1)
    assert values["largest_residual"] <= 1e-5
    assert 0 <= values["ct_share"] <= 1
    assert values["method"]["config"]["levels"] == values["levels"]


def test_the_table_shows_what_the_json_holds() -> None:
    """The printed provenance has a line per band with the shares in percent."""
    values = export.provenance(fused("convex"))
    lines = export.provenance_table(values).splitlines()
    assert lines[1].split() == [
        "LL", *(f"{100 * values['bands'][0][kind]:.1f}" for kind in export.DEFINITIONS)
    ]  # fmt: skip


def test_the_spacing_of_the_ct_travels_with_the_image() -> None:
    """A CT with 0.8 mm pixels gives a PNG that says so."""
    ct = Image(picture(16, 16, 1).astype(np.float32), (0, 255), spacing=(0.8, 0.8))
    mri = Image(picture(16, 16, 2).astype(np.float32), (0, 255))
    data = export.stamped_png(fuse_pair(ct, mri, load_method(rule="mean")))
    assert read_image(data).spacing == pytest.approx((0.8, 0.8), rel=1e-3)


def test_files_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed write leaves the old file and no temporary one, and gives one sentence."""
    target = tmp_path / "new" / "x.txt"
    export.write_file(target, "old")

    def fail(self: Path, other: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"x\.txt cannot be written \(No space left on device\)"):
        export.write_file(target, "new")
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    """Writing to the name of a folder is refused."""
    with pytest.raises(InputError, match="is a folder"):
        export.write_file(tmp_path, "x")
