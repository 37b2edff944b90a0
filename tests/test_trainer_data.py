"""Training data: patients, splits that never share one, seeded augmentation, reports."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from imaging.write import encode_png
from tests.training_data import tiny_config, tiny_data, tiny_source
from trainer.augment import epoch_order
from trainer.config import TrainConfig
from trainer.data import CTMRIDataset, fit, open_folder, split_by_patient
from trainer.sources import ArraySource, PhantomSource, patients_of, source_from

SWITCHES: dict[str, object] = {
    "flip": "both", "crop": 24, "rotate": 20.0, "scale": 0.2, "intensity": 0.3, "contrast": 0.5,
    "gamma": 0.5, "noise": 0.1, "misalign": 3.0, "dropout": 0.9,
    "mix": 0.9,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Six pairs of two patients, one unpaired file, one damaged one."""
    source = tiny_source(2, 3)
    for kind in ("CT", "MRI"):
        (tmp_path / kind).mkdir()
    for i, name in enumerate(source.names):
        for kind, image in zip(("CT", "MRI"), source.read(i), strict=True):
            (tmp_path / kind / f"{name}.png").write_bytes(encode_png(image))
    (tmp_path / "CT" / "9001.png").write_bytes((tmp_path / "CT" / "1000.png").read_bytes())
    damaged = tmp_path / "MRI" / "2002.png"
    damaged.write_bytes(damaged.read_bytes()[:200])
    return tmp_path


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.9])
def test_a_split_never_shares_a_patient(seed: int, fraction: float) -> None:
    """Every patient is on one side, no pair is lost, and both sides hold some."""
    rng = np.random.default_rng(seed)
    patients = [str(p) for p in rng.integers(0, rng.integers(2, 12), 60)]
    train, val, note = split_by_patient(patients, fraction, (), seed)
    assert not {patients[i] for i in train} & {patients[i] for i in val}
    assert sorted(train + val) == list(range(60))
    assert train
    assert val
    assert note is None


def test_held_out_patients_are_the_validation_set() -> None:
    """The named patients alone are held out; an unknown one is refused with the known ones."""
    train, val, _ = split_by_patient(["a", "b", "a", "c"], 0.2, ["a"], 0)
    assert (train, val) == ([1, 3], [0, 2])
    with pytest.raises(ValueError, match="unknown patients z; the ones here: a, b"):
        split_by_patient(["a", "b"], 0.2, ["z"], 0)
    with pytest.raises(ValueError, match="leave at least one"):
        split_by_patient(["a", "b"], 0.2, ["a", "b"], 0)


def test_patients_come_from_names_of_four_or_five_digits() -> None:
    """2005 is slice 5 of patient 2 and 41022 slice 22 of patient 41; other names are all alone."""
    assert patients_of(["2005", "41022"])[0] == ("2", "41")
    found, note = patients_of(["2005", "scan_b"])
    assert found == ("2005", "scan_b")
    assert "own patient" in note


def test_patients_come_from_a_pattern_or_a_table(tmp_path: Path) -> None:
    """A regular expression's first group, or a CSV; what they leave open is named."""
    names = ["p7_s1", "p7_s2", "p9_s1"]
    assert patients_of(names, pattern=r"p(\d+)_")[0] == ("7", "7", "9")
    with pytest.raises(ValueError, match="finds no patient in x1"):
        patients_of(["p7_", "x1"], pattern=r"p(\d+)_")
    with pytest.raises(ValueError, match="not a regular expression"):
        patients_of(names, pattern="(")
    table = tmp_path / "who.csv"
    table.write_text("name,patient\np7_s1,A\np7_s2.png,A\np9_s1,B\n")
    assert patients_of(names, table=table)[0] == ("A", "A", "B")
    with pytest.raises(ValueError, match=r"who\.csv names no patient for new"):
        patients_of([*names, "new"], table=table)


def test_a_folder_is_read_and_reported(folder: Path) -> None:
    """Pairs, patients, sizes, the unpaired and the damaged file are all named."""
    data = open_folder(folder, tiny_config(held_out=["1"]))
    report = data.report
    assert (report.pairs, report.train, report.val) == (5, 2, 3)
    assert report.patients == {"1": 3, "2": 2}
    assert report.sizes == {"32 x 32": 5}
    assert report.unpaired == ("CT/9001.png",)
    assert list(report.skipped) == ["2002"]
    assert "2002.png" in report.skipped["2002"]
    ct, mri = data[0]
    expected = tiny_source(2, 3).read(0)
    assert torch.equal(ct[0], torch.from_numpy(expected[0]))
    assert torch.equal(mri[0], torch.from_numpy(expected[1]))
    again = CTMRIDataset(source_from(data.origin), tiny_config(held_out=["1"]))
    assert again.report.fingerprint == report.fingerprint


def test_the_fingerprint_sees_one_grey_level() -> None:
    """Changing one pixel of one image changes the fingerprint."""
    images = [np.zeros((16, 16), np.uint8) for _ in range(4)]
    pairs = [(images[0], images[1]), (images[2], images[3])]
    config = tiny_config(size=None)
    before = CTMRIDataset(ArraySource(pairs), config).report.fingerprint
    images[3][5, 5] = 1
    assert CTMRIDataset(ArraySource(pairs), config).report.fingerprint != before


def test_near_duplicates_across_the_split_are_named() -> None:
    """A pair that stands on both sides under two patients is found, an unlike one is not."""
    source = tiny_source(3, 1)
    pairs = [source.read(i) for i in range(3)]
    data = CTMRIDataset(
        ArraySource([*pairs, pairs[0]], ["a", "b", "c", "copy"], ["1", "2", "3", "4"]),
        tiny_config(held_out=["4"]),
    )
    assert [(a, b) for a, b, _ in data.report.near_duplicates] == [("a", "copy")]


@pytest.mark.parametrize("name", SWITCHES)
def test_each_augmentation_changes_images_and_repeats(name: str) -> None:
    """Switched on alone it changes the batch; the same epoch gives it again, another does not."""
    data = tiny_data(tiny_config(**{name: SWITCHES[name]}))
    plain = data.batch([0, 1, 2, 3])
    first, again = (data.training_batch([0, 1, 2, 3], 0) for _ in range(2))
    later = data.training_batch([0, 1, 2, 3], 1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    for other in (plain, later):
        assert any(a.shape != b.shape or not torch.equal(a, b) for a, b in zip(first, other, strict=True))  # noqa: E501  # fmt: skip
    for image in first:
        assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_an_images_augmentation_does_not_depend_on_its_batch() -> None:
    """Image 3 comes out the same alone as among others, so any order and sharding agree."""
    data = tiny_data(tiny_config(**SWITCHES))
    together = data.training_batch([1, 3, 5], 2)
    alone = data.training_batch([3], 2)
    assert all(torch.allclose(t[1:2], a, atol=1e-6) for t, a in zip(together, alone, strict=True))


def test_moves_touch_both_images_alike_and_misalignment_the_mri_alone() -> None:
    """With equal images, flips, crops, turns and scales keep them equal; misalign parts them."""
    image = tiny_source(1, 1).read(0)[0]
    source = ArraySource([(image, image)] * 2)
    moves = {k: SWITCHES[k] for k in ("flip", "crop", "rotate", "scale")}
    ct, mri = CTMRIDataset(source, tiny_config(**moves)).training_batch([0, 1], 0)
    assert torch.equal(ct, mri)
    data = CTMRIDataset(source, tiny_config(misalign=3.0))
    ct, mri = data.training_batch([0, 1], 0)
    assert torch.allclose(ct, data.batch([0, 1])[0], atol=1e-5)
    assert not torch.allclose(mri, ct, atol=1e-2)


def test_mixed_pairs_keep_their_ct_and_meet_training_mris_alone() -> None:
    """The share is the chance asked for, every training MRI is met, a held-out one never."""
    shades = [np.full((16, 16), 10 * i, np.uint8) for i in range(8)]
    names = [f"p{i}" for i in range(8)]
    source = ArraySource([(shade, shade) for shade in shades], names, ["a", "b"] * 4)
    data = CTMRIDataset(source, tiny_config(size=None, held_out=["b"], mix=0.5))
    met = []
    for epoch in range(200):
        ct, mri = data.training_batch(data.train, epoch)
        assert torch.equal(ct, data.batch(data.train)[0])
        met.append((mri[:, 0, 0, 0] * 25.5).round().int().tolist())
    assert {i for row in met for i in row} == set(data.train) == {0, 2, 4, 6}
    others = np.mean([i != own for row in met for i, own in zip(row, data.train, strict=True)])
    assert 0.3 < others < 0.45  # a half, of which a quarter meet themselves


def test_black_stays_black_in_grey_changes() -> None:
    """Brightness, contrast and gamma leave zero at zero."""
    source = ArraySource([(np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8))])
    config = tiny_config(size=None, intensity=0.5, contrast=1.0, gamma=1.0)
    ct, mri = CTMRIDataset(source, config).training_batch([0], 0)
    assert float(ct.abs().max() + mri.abs().max()) == 0


def test_an_epoch_sees_every_image_once_in_its_own_order() -> None:
    """Orders are permutations that the seed and the epoch fix."""
    assert sorted(epoch_order(0, 0, 50)) == list(range(50))
    assert epoch_order(0, 0, 50) == epoch_order(0, 0, 50)
    assert epoch_order(0, 0, 50) != epoch_order(0, 1, 50)
    assert epoch_order(0, 0, 50) != epoch_order(1, 0, 50)


def test_other_shapes_are_fitted_without_stretching() -> None:
    """A 20x40 white image fills the middle half of a 32x32 square; the rest is black."""
    square = fit(np.ones((20, 40), np.float32), 32)
    assert square.shape == (32, 32)
    assert float(square[8:24].min()) == 1
    assert float(square[:8].max()) == float(square[24:].max()) == 0


def test_mixed_sizes_need_a_size() -> None:
    """Without a size, images of two sizes are refused with both named."""
    pairs = [(np.zeros((s, s), np.uint8),) * 2 for s in (16, 20)]
    with pytest.raises(ValueError, match="16 x 16, 20 x 20"):
        CTMRIDataset(ArraySource(pairs), tiny_config(size=None))


def test_pixels_that_are_no_numbers_are_left_out_and_named() -> None:
    """A NaN skips its pair; if none is left, the error says so."""
    bad = np.full((16, 16), np.nan, np.float32)
    good = np.zeros((16, 16), np.float32)
    config: TrainConfig = tiny_config(size=None)
    data = CTMRIDataset(ArraySource([(good, good), (good, bad)]), config)
    assert "not numbers" in data.report.skipped["pair0001"]
    with pytest.raises(ValueError, match="No pair of the 1 pairs in memory can be used"):
        CTMRIDataset(ArraySource([(good, bad)]), config)


def test_synthetic_heads_are_a_source_like_any_other() -> None:
    """Two heads of two slices are two patients; images are in [0, 1] and the origin makes them."""
    source = PhantomSource(2, 2, size=32)
    data = CTMRIDataset(source, tiny_config())
    assert data.report.pairs == 4
    assert len(data.report.patients) == 2
    ct, mri = data[1]
    assert 0.5 < float(ct.max()) <= 1
    assert 0.2 < float(mri.max()) <= 1
    again = CTMRIDataset(source_from(data.origin), tiny_config())
    assert again.report.fingerprint == data.report.fingerprint


def test_real_atlas_slices_split_by_patient_without_near_duplicates(shared: Path) -> None:
    """113 pairs of six patients; no slice of a validation patient resembles a training slice."""
    report = open_folder(shared / "data" / "aanlib" / "train", TrainConfig()).report
    assert (report.pairs, len(report.patients)) == (113, 6)
    assert report.near_duplicates == ()
