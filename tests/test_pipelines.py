"""Fusing one pair, methods, batches and evaluation of folders."""

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from fusion_core.checkpoint import CheckpointError
from fusion_core.metrics import METRICS
from fusion_core.model import PRESETS, FusionNet
from imaging.errors import InputError
from imaging.image import Image
from imaging.pairs import find_pairs
from imaging.read import read_image
from imaging.windowing import Window
from pipelines.batch import BatchOptions, run_batch
from pipelines.evaluate import evaluate_folder, evaluate_method, summarise, summary_table
from pipelines.fuse import ct_share, fuse_pair, scores, to_8bit
from pipelines.methods import Method, MethodError, choose_device, list_methods, load_method
from tests.synthetic import picture, write_checkpoint, write_folder, write_png


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one untrained checkpoint named default, found before the shipped ones."""
    folder = tmp_path / "weights"
    write_checkpoint(folder)
    write_checkpoint(folder, "convex", PRESETS["seed"])
    monkeypatch.setenv("TWF_CHECKPOINTS", str(folder))
    return folder


def image(array: np.ndarray, **facts: object) -> Image:
    """An 8-bit grey image of that array."""
    return Image(array.astype(np.float32), (0.0, 255.0), **facts)  # type: ignore[arg-type]


def pair(height: int = 32, width: int = 40) -> tuple[Image, Image]:
    """A synthetic CT and MRI."""
    return image(picture(height, width, 1), name="a.png"), image(picture(height, width, 2))


def method_of(fuse: Callable[..., object]) -> Method:
    """A method around a plain function."""
    cpu = torch.device("cpu")
    return Method("own", "Own", "checkpoint", "0" * 64, None, {}, cpu, fuse)  # type: ignore[arg-type]


def test_without_a_name_the_default_checkpoint_is_loaded() -> None:
    """load_method() gives the checkpoint named default with its hash, settings and title."""
    method = load_method()
    assert (method.name, method.kind, method.title) == ("default", "checkpoint", "A test model")
    assert method.config == PRESETS["deep-1"]
    assert method.sha256 is not None
    assert method.short_hash == method.sha256[:12]


def test_a_method_takes_arrays_and_tensors_alike() -> None:
    """Arrays (H, W), and tensors (H, W) and (B, 1, H, W), give the same fused image."""
    method = load_method()
    ct, mri = (picture(32, 40, seed) / np.float32(255) for seed in (1, 2))
    flat = method.fuse(ct, mri).fused
    as_tensor = method.fuse(torch.from_numpy(ct), torch.from_numpy(mri)).fused
    batched = method.fuse(np.stack([ct, ct])[:, None], np.stack([mri, mri])[:, None]).fused
    assert flat.shape == (1, 1, 32, 40)
    assert torch.equal(flat, as_tensor)
    assert torch.allclose(batched, flat.expand(2, 1, 32, 40), atol=1e-6)
    assert not flat.requires_grad


def test_a_rule_has_no_hash_and_computes_what_it_says() -> None:
    """The rule max gives the pixelwise maximum, without sha256 or settings."""
    method = load_method(rule="max")
    ct, mri = (picture(8, 9, seed) / np.float32(255) for seed in (1, 2))
    assert (method.kind, method.sha256, method.config) == ("rule", None, None)
    assert np.array_equal(method.fuse(ct, mri).fused[0, 0].numpy(), np.maximum(ct, mri))


def test_unknown_names_list_the_valid_ones() -> None:
    """Unknown rule, checkpoint and device are refused with the valid names."""
    with pytest.raises(MethodError, match=r"Unknown fusion rule 'maxx'; choose one of mean, max"):
        load_method(rule="maxx")
    with pytest.raises(CheckpointError, match=r"Unknown checkpoint 'nope'; .*default, convex"):
        load_method("nope")
    with pytest.raises(MethodError, match="choose auto, cpu, cuda"):
        load_method(device="tpu")
    with pytest.raises(MethodError, match="not both"):
        load_method("default", "max")


def test_cuda_is_refused_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for CUDA on a machine without it says so; auto falls back to the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(MethodError, match="no CUDA GPU that PyTorch can use"):
        choose_device("cuda")
    assert choose_device("auto") == torch.device("cpu")


def test_a_missing_second_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuda:1 on a machine with one GPU says how many there are."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(MethodError, match=r"only 1 CUDA GPU"):
        choose_device("cuda:1")
    assert choose_device("auto") == torch.device("cuda")


def test_the_menu_shows_default_first_then_rules() -> None:
    """list_methods names checkpoints with their files, then every rule."""
    found = list_methods()
    assert found[0].name == "default"
    assert found[0].path is not None
    assert {"mean", "max", "laplacian"} <= {m.name for m in found if m.kind == "rule"}


def test_weights_that_make_nan_are_refused() -> None:
    """A checkpoint whose output is not finite is named as unusable instead of being shown."""
    model = FusionNet(PRESETS["seed"])
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(MethodError, match="own made values that are not numbers"):
        method_of(model).fuse(np.ones((8, 8), np.float32), np.ones((8, 8), np.float32))


def test_lack_of_memory_is_one_sentence() -> None:
    """An allocator's failure becomes a sentence with the size; other errors pass through."""

    def starve(ct: object, mri: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes")

    def break_down(ct: object, mri: object) -> None:
        raise RuntimeError("something else")

    black = np.zeros((4, 6), np.float32)
    with pytest.raises(MethodError, match=r"does not suffice to fuse 4 × 6 pixels"):
        method_of(starve).fuse(black, black)
    with pytest.raises(RuntimeError, match="something else"):
        method_of(break_down).fuse(black, black)


def test_the_shown_image_is_the_result_clamped_and_rounded() -> None:
    """fused8 is round(255 clamp(fused)), on the CT's grid."""
    fused = fuse_pair(*pair(), load_method(rule="sum"))
    exact = fused.ct01.astype(np.float64) + fused.mri01
    assert exact.max() > 1
    assert np.abs(fused.fused8 - np.clip(exact, 0, 1) * 255).max() <= 0.5 + 1e-3
    assert fused.name == "a"
    assert any("clipped" in note for note in fused.notes)


def test_rounding_to_8_bits_is_to_nearest() -> None:
    """-0.1, 0.4/255, 0.6/255 and 1.2 become 0, 0, 1 and 255."""
    values = np.array([[-0.1, 0.4 / 255, 0.6 / 255, 1.2]])
    assert to_8bit(values).tolist() == [[0, 0, 1, 255]]


def test_a_window_decides_what_is_fused() -> None:
    """With a window on the CT its values are mapped by it; the pair remembers the window."""
    hu = Image(np.linspace(-1000, 1000, 64, dtype=np.float32).reshape(8, 8), (-1000, 1000), "HU")
    mri = image(picture(8, 8, 2))
    window = Window(0, 100, "LINEAR_EXACT")
    fused = fuse_pair(hu, mri, load_method(rule="max"), window_ct=window)
    assert np.allclose(fused.ct01, np.clip((hu.pixels + 50) / 100, 0, 1), atol=1e-6)
    assert fused.windows[0] == window
    preset = fuse_pair(hu, mri, load_method(rule="max")).windows[0]
    assert preset is not None
    assert (preset.center, preset.width) == (40, 80)


def test_a_different_size_is_resampled_with_a_visible_notice() -> None:
    """An MRI of half the size comes onto the CT's grid, and a note states it."""
    ct, _ = pair(32, 40)
    fused = fuse_pair(ct, image(picture(16, 20, 2)), load_method())
    assert fused.mri01.shape == fused.fused8.shape == (32, 40)
    assert any("16" in note and "32" in note for note in fused.notes)


def test_other_proportions_are_refused() -> None:
    """Without a spacing, aspect ratios that differ by more than a tenth are an error."""
    with pytest.raises(InputError):
        fuse_pair(image(picture(32, 40, 1)), image(picture(40, 32, 2)), load_method())


def test_notes_of_the_files_are_carried_on() -> None:
    """What reading changed is told with the source's name; swapped modalities are told too."""
    ct = image(picture(32, 32, 1), notes=("Colours became grey.",), modality="MR")
    notes = fuse_pair(ct, image(picture(32, 32, 2)), load_method(rule="mean")).notes
    assert "CT: Colours became grey." in notes
    assert any("swapped" in note for note in notes)


def test_an_even_image_and_twins_are_told() -> None:
    """A constant CT, and twice the same image, each give a note."""
    black, other = image(np.zeros((20, 20))), image(picture(20, 20, 2))
    rule = load_method(rule="mean")
    assert any("even grey" in note for note in fuse_pair(black, other, rule).notes)
    assert any("same image" in note for note in fuse_pair(other, other, rule).notes)


@pytest.mark.parametrize("name", ["default", "max", "dwt-pca", "laplacian"])
def test_a_single_pixel_is_fused(name: str) -> None:
    """1 x 1 is fused; metrics that need a larger image are NaN with the size they need."""
    method = load_method() if name == "default" else load_method(rule=name)
    fused = fuse_pair(image(np.array([[10]])), image(np.array([[200]])), method)
    found = scores(fused)
    assert fused.fused8.shape == (1, 1)
    assert set(found.values) == set(METRICS)
    assert math.isnan(found.values["SSIM_Avg"])
    assert "at least" in found.notes["SSIM_Avg"]
    assert any("1 × 1" in note for note in fused.notes)


def test_a_very_long_image_is_fused_and_scored() -> None:
    """20000 x 10 pixels pass through the default model and the metrics."""
    ct, mri = image(picture(10, 20000, 1)), image(picture(10, 20000, 2))
    fused = fuse_pair(ct, mri, load_method())
    assert fused.fused8.shape == (10, 20000)
    found = scores(fused)
    assert not math.isnan(found.values["SSIM_Avg"])
    assert math.isnan(found.values["VIF"])


def test_the_share_of_ct_is_half_for_the_mean_of_twins() -> None:
    """For two equal images and the mean rule CT's share is 1/2; a pixel rule has none."""
    twin = image(picture(16, 16, 1))
    share = ct_share(fuse_pair(twin, twin, load_method(rule="mean")).result)
    assert share == pytest.approx(0.5)
    black = image(np.zeros((16, 16)))
    assert ct_share(fuse_pair(twin, black, load_method()).result) == pytest.approx(1.0)
    assert ct_share(fuse_pair(twin, twin, load_method(rule="max")).result) is None


def test_a_batch_writes_every_name_and_a_line_each(tmp_path: Path) -> None:
    """Fused files have the sources' names; metrics.csv has name, all metrics, a row per pair."""
    pairs = find_pairs(write_folder(tmp_path / "data"))
    records = list(run_batch(pairs, tmp_path / "out", load_method()))
    assert [r.name for r in records] == ["1001", "1002", "2001"]
    assert [(r.index, r.total, r.error) for r in records] == [(k, 3, None) for k in (1, 2, 3)]
    with (tmp_path / "out" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", *METRICS]
    assert records[1].scores is not None
    assert float(rows[1]["Qabf"]) == pytest.approx(records[1].scores.values["Qabf"], abs=1e-6)
    written = read_image(tmp_path / "out" / "1002.png").pixels
    ct, mri = (read_image(tmp_path / "data" / kind / "1002.png") for kind in ("CT", "MRI"))
    assert np.array_equal(written, fuse_pair(ct, mri, load_method()).fused8)


def test_a_broken_pair_is_skipped_and_the_rest_is_fused(tmp_path: Path) -> None:
    """One unreadable file gives one record with a sentence; the other pairs are written."""
    data = write_folder(tmp_path / "data")
    (data / "MRI" / "1002.png").write_text("not an image")
    records = list(run_batch(find_pairs(data), tmp_path / "out", load_method(rule="mean")))
    assert [r.error is None for r in records] == [True, False, True]
    assert "1002.png" in (records[1].error or "")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "1001.png", "2001.png", "metrics.csv"
    ]  # fmt: skip


def test_a_batch_without_metrics_writes_masks_where_asked(tmp_path: Path) -> None:
    """With metrics off there is no CSV; masks lie in one folder per pair."""
    pairs = find_pairs(write_folder(tmp_path / "data", ("1001",)))
    options = BatchOptions(masks=tmp_path / "masks", metrics=False)
    assert [r.scores for r in run_batch(pairs, tmp_path / "out", load_method(), options)] == [None]
    assert not (tmp_path / "out" / "metrics.csv").exists()
    assert len(list((tmp_path / "masks" / "1001").iterdir())) == 8


def test_a_batch_never_writes_over_its_sources(tmp_path: Path) -> None:
    """The source folders, and a file, are refused as output."""
    data = write_folder(tmp_path / "data")
    pairs, method = find_pairs(data), load_method(rule="mean")
    with pytest.raises(InputError, match="overwritten"):
        next(run_batch(pairs, data / "CT", method))
    with pytest.raises(InputError, match="is a file"):
        next(run_batch(pairs, data / "CT" / "1001.png", method))
    pixels = load_method(rule="max")
    with pytest.raises(MethodError, match="has no masks"):
        next(run_batch(pairs, tmp_path / "o", pixels, BatchOptions(masks=tmp_path / "m")))


def test_evaluating_a_method_equals_evaluating_what_it_wrote(tmp_path: Path) -> None:
    """Scores of a method and of its written images are the same to six digits."""
    pairs = find_pairs(write_folder(tmp_path / "data"))
    method = load_method()
    list(run_batch(pairs, tmp_path / "out", method))
    direct = list(evaluate_method(pairs, method))
    from_files = list(evaluate_folder(pairs, tmp_path / "out"))
    for one, other in zip(direct, from_files, strict=True):
        assert one.scores is not None
        assert other.scores is not None
        assert one.scores.values == pytest.approx(other.scores.values, nan_ok=True)


def test_only_the_fused_images_that_exist_are_scored(tmp_path: Path) -> None:
    """Missing fused images are left out, one of another size is an error of that image alone."""
    pairs = find_pairs(write_folder(tmp_path / "data"))
    write_png(tmp_path / "fused" / "1001.png", picture(32, 40, 3))
    write_png(tmp_path / "fused" / "2001.png", picture(31, 40, 3))
    records = list(evaluate_folder(pairs, tmp_path / "fused"))
    assert [r.name for r in records] == ["1001", "2001"]
    assert records[0].scores is not None
    assert "31" in (records[1].error or "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image with the name of a pair"):
        next(evaluate_folder(pairs, tmp_path / "empty"))


def test_mean_and_spread_are_those_of_the_images(tmp_path: Path) -> None:
    """The summary holds mean and sample standard deviation, and the table shows the direction."""
    pairs = find_pairs(write_folder(tmp_path / "data"))
    records = list(evaluate_method(pairs, load_method(rule="mean"), ["Qabf", "Nabf"]))
    values = [r.scores.values["Qabf"] for r in records if r.scores]
    first = summarise(records)[0]
    assert (first.metric, first.count) == ("Qabf", 3)
    assert first.mean == pytest.approx(np.mean(values))
    assert first.sd == pytest.approx(np.std(values, ddof=1))
    table = summary_table(records)
    assert "Qabf ↑" in table
    assert "Nabf ↓" in table
