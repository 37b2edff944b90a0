"""Batches: order, resuming, bad pairs, the zip, contact sheets, the report."""

import json
import threading
import zipfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from fusion_core.model import PRESETS
from imaging.errors import InputError
from imaging.pairs import find_pairs
from imaging.read import read_image
from pipelines import batch
from pipelines.batch import BatchOptions, check_masks, run_batch
from pipelines.batch_ledger import HIDDEN, thumb_path
from pipelines.batch_report import Tally, finish
from pipelines.batch_sheet import PER_PAGE, SIDE, thumbnails, write_sheets
from pipelines.batch_zip import check_own, pack, restore
from pipelines.evaluate import PairRecord
from pipelines.fuse import fuse_pair
from pipelines.methods import Method, MethodError, load_method
from tests.synthetic import picture, write_checkpoint, write_folder, write_png

NAMES = tuple(f"{number:04d}" for number in range(1001, 1009))
QUICK = BatchOptions(metrics=False, resumable=True)


@pytest.fixture(autouse=True)
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one untrained checkpoint named default, found before the shipped ones."""
    write_checkpoint(tmp_path / "weights")
    monkeypatch.setenv("TWF_CHECKPOINTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def run(data: Path, out: Path, options: BatchOptions, method: Method) -> list[PairRecord]:
    """All records of one call."""
    return list(run_batch(find_pairs(data), out, method, options))


def state(records: list[PairRecord]) -> str:
    """A letter per pair: f fused, k kept, s skipped."""
    return "".join("s" if r.error else "k" if r.kept else "f" for r in records)


def test_several_workers_write_what_one_writes(tmp_path: Path) -> None:
    """With three workers records come in the pairs' order, with the same bytes and table."""
    data, method = write_folder(tmp_path / "data", NAMES), load_method()
    one = run(data, tmp_path / "one", BatchOptions(), method)
    three = run(data, tmp_path / "three", BatchOptions(workers=3), method)
    assert [r.name for r in three] == [r.name for r in one] == list(NAMES)
    assert [r.index for r in three] == list(range(1, 9))
    for name in (*(f"{n}.png" for n in NAMES), "metrics.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "three" / name).read_bytes()


def test_workers_leave_the_number_of_threads_as_it_was(tmp_path: Path) -> None:
    """Each worker computes on one thread; afterwards torch has as many as before."""
    data, before = write_folder(tmp_path / "data"), torch.get_num_threads()
    seen = []

    def spy(ct: torch.Tensor, mri: torch.Tensor) -> object:
        seen.append((torch.get_num_threads(), threading.current_thread().name))
        return rule.run(ct, mri)

    rule = load_method(rule="mean")
    torch.set_num_threads(2)
    try:
        run(data, tmp_path / "out", replace(QUICK, workers=2), replace(rule, run=spy))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert {threads for threads, _ in seen} == {1}
    assert all(name.startswith("batch") for _, name in seen)


def test_few_pairs_are_under_way_at_any_time(tmp_path: Path) -> None:
    """With two workers, at most six pairs have begun that the caller has not been given."""
    names = tuple(f"{number}" for number in range(1000, 1030))
    begun = []
    rule = load_method(rule="mean")

    def spy(ct: torch.Tensor, mri: torch.Tensor) -> object:
        begun.append(1)
        return rule.run(ct, mri)

    data = write_folder(tmp_path / "data", names)
    found = run_batch(
        find_pairs(data), tmp_path / "out", replace(rule, run=spy), replace(QUICK, workers=2)
    )
    with closing(found):
        for given, _ in enumerate(found, 1):
            assert len(begun) <= given + 5
            if given == 10:
                break
    assert len(begun) <= 15


def test_a_second_call_passes_over_what_is_there(tmp_path: Path) -> None:
    """Same sources, method and options: nothing is fused again, the table has all its rows."""
    data, out, method = write_folder(tmp_path / "data"), tmp_path / "out", load_method()
    options = BatchOptions(resumable=True, masks=tmp_path / "masks")
    first = run(data, out, options, method)
    table = (out / "metrics.csv").read_bytes()
    written = {p: p.stat().st_mtime_ns for p in out.glob("*.png")}
    second = run(data, out, options, method)
    assert (state(first), state(second)) == ("fff", "kkk")
    assert (out / "metrics.csv").read_bytes() == table
    assert {p: p.stat().st_mtime_ns for p in out.glob("*.png")} == written
    assert [r.notes for r in first] == [r.notes for r in second]
    assert repr([r.scores for r in first]) == repr([r.scores for r in second])


def test_a_stopped_batch_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was done before the stop is kept and the rest is fused, as if it was never stopped."""
    data, out, method = write_folder(tmp_path / "data", NAMES), tmp_path / "out", load_method()
    with closing(run_batch(find_pairs(data), out, method, QUICK)) as found:
        for record in found:
            if record.index == 3:
                break
    assert state(run(data, out, QUICK, method)) == "kkkfffff"
    assert len(list(out.glob("*.png"))) == len(NAMES)


def test_a_line_cut_short_by_a_kill_costs_one_pair(tmp_path: Path) -> None:
    """Half a line at the ledger's end is passed by, and what follows it is read again."""
    data, out, method = write_folder(tmp_path / "data"), tmp_path / "out", load_method()
    run(data, out, QUICK, method)
    ledger = out / HIDDEN / "ledger.jsonl"
    ledger.write_bytes(ledger.read_bytes()[:-40])
    assert state(run(data, out, QUICK, method)) == "kkf"
    assert state(run(data, out, QUICK, method)) == "kkk"


def test_whatever_decides_the_image_makes_it_be_fused_again(tmp_path: Path) -> None:
    """Another source, method, option, salt, or a missing or changed output is done again."""
    data, out, method = write_folder(tmp_path / "data"), tmp_path / "out", load_method()
    run(data, out, QUICK, method)
    write_png(data / "MRI" / "1002.png", picture(32, 40, 99))
    assert state(run(data, out, QUICK, method)) == "kfk"
    (out / "1001.png").unlink()
    assert state(run(data, out, QUICK, method)) == "fkk"
    hurt = bytearray((out / "2001.png").read_bytes())
    hurt[-30] ^= 1  # of the same length
    (out / "2001.png").write_bytes(hurt)
    assert state(run(data, out, QUICK, method)) == "kkf"
    thumb_path(out, "2001").unlink()
    assert state(run(data, out, QUICK, method)) == "kkf"
    for options in (
        replace(QUICK, caption=True), replace(QUICK, salt="x"), replace(QUICK, metrics=True),
        replace(QUICK, masks=tmp_path / "masks"), QUICK,
    ):  # fmt: skip
        assert state(run(data, out, options, method)) == "fff"
    assert state(run(data, out, QUICK, load_method(rule="mean"))) == "fff"
    assert state(run(data, out, replace(QUICK, anew=True), load_method(rule="mean"))) == "fff"


def test_other_weights_of_the_same_name_are_another_method(
    tmp_path: Path, checkpoints: Path
) -> None:
    """A checkpoint that was trained again under its name makes all pairs be fused again."""
    data = write_folder(tmp_path / "data")
    run(data, tmp_path / "out", QUICK, load_method())
    write_checkpoint(checkpoints, "default", PRESETS["seed"])
    assert state(run(data, tmp_path / "out", QUICK, load_method())) == "fff"


def test_a_bad_pair_is_tried_again_and_mended(tmp_path: Path) -> None:
    """A skipped pair is no output: with a good file the next call fuses it."""
    data, out, method = write_folder(tmp_path / "data"), tmp_path / "out", load_method()
    (data / "CT" / "1002.png").write_bytes(b"no image")
    options = replace(QUICK, workers=2)
    assert state(run(data, out, options, method)) == "fsf"
    write_png(data / "CT" / "1002.png", picture(32, 40, 11))
    assert state(run(data, out, options, method)) == "kfk"


def test_a_full_disk_ends_the_batch_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no file can be written any more, no further pair is spent on it."""
    tried = []

    def full(path: Path, data: bytes | str) -> None:
        tried.append(path)
        cause = OSError(28, "No space left on device")
        raise InputError(f"{path} cannot be written (No space left on device).") from cause

    monkeypatch.setattr(batch, "write_file", full)
    data = write_folder(tmp_path / "data", NAMES)
    with pytest.raises(InputError, match="No space left"):
        run(data, tmp_path / "out", QUICK, load_method(rule="mean"))
    assert len(tried) == 1


def test_masks_are_refused_before_anything_is_fused() -> None:
    """A rule on pixels has no masks; a wavelet rule has."""
    with pytest.raises(MethodError, match="no masks"):
        check_masks(load_method(rule="max"))
    check_masks(load_method(rule="wavelet-max"))


def test_thumbnails_show_ct_mri_and_fused(tmp_path: Path) -> None:
    """Three squares side by side; an oblong image keeps its shape inside its square."""
    data = write_folder(tmp_path / "data", ("1",))
    ct, mri = (read_image(data / kind / "1.png") for kind in ("CT", "MRI"))
    pair = fuse_pair(ct, mri, load_method(rule="max"))
    (tmp_path / "t.jpg").write_bytes(thumbnails(pair))
    with Pillow.open(tmp_path / "t.jpg") as image:
        strip = np.asarray(image.convert("L")).astype(float)
    assert strip.shape == (SIDE, 3 * SIDE)
    ct_part, mri_part, fused = np.split(strip, 3, axis=1)
    assert np.abs(np.maximum(ct_part, mri_part) - fused).mean() < 6
    assert np.abs(ct_part - fused).mean() > 6
    assert strip[: SIDE // 12].max() < 20  # 32 × 40: bars above and below


def test_contact_sheets_are_paged_and_old_ones_go(tmp_path: Path) -> None:
    """More pairs than a page holds make another page; pages of a larger batch do not stay."""
    thumb = tmp_path / "t.jpg"
    Pillow.new("L", (3 * SIDE, SIDE), 200).save(thumb)
    many = [(f"pair {n} of a very long name that has no room below its images", thumb)
            for n in range(PER_PAGE + 1)]  # fmt: skip
    pages = list(write_sheets(tmp_path, many, "rule mean"))
    assert [p.name for p in pages] == ["contact-sheet-1.png", "contact-sheet-2.png"]
    with Pillow.open(pages[0]) as first, Pillow.open(pages[1]) as second:
        assert first.text["Warning"] == "Research, not for diagnosis"  # type: ignore[attr-defined]
        bright = [int((np.asarray(page) > 190).sum()) for page in (first, second)]
    assert bright[0] > PER_PAGE * 3 * SIDE * SIDE > PER_PAGE / 2 * bright[1]
    list(write_sheets(tmp_path, many[:3], "rule mean"))
    assert [p.name for p in tmp_path.glob("contact-sheet-*")] == ["contact-sheet-1.png"]


def test_a_pair_named_like_a_contact_sheet_is_skipped(tmp_path: Path) -> None:
    """Its image would be written over; in a folder of its own it is fused."""
    data = write_folder(tmp_path / "data", ("contact-sheet-1", "2"))
    method = load_method(rule="mean")
    assert state(run(data, tmp_path / "out", QUICK, method)) == "fs"
    assert state(run(data, tmp_path / "other", replace(QUICK, images="fused"), method)) == "ff"


def test_the_report_says_what_was_skipped_and_left_out(tmp_path: Path) -> None:
    """Method, counts, every skipped pair with its reason, every file without a partner."""
    data, out, method = write_folder(tmp_path / "data"), tmp_path / "out", load_method()
    (data / "CT" / "1002.png").write_bytes(b"")
    for name in "abcdefg":
        write_png(data / "MRI" / f"{name}.png", picture(8, 8, 1))
    pairs = find_pairs(data)
    records = list(run_batch(pairs, out, method, QUICK))
    files = finish(pairs, out, method, QUICK, records)
    text = (out / "report.txt").read_text()
    assert "Research, not for diagnosis" in text
    assert f"Checkpoint SHA-256: {method.sha256}" in text
    assert "2 of 3 pairs fused; 1 skipped." in text
    assert "1002: 1002.png is empty (0 bytes)" in text
    assert all(f"  {name}.png\n" in text for name in "abcdefg")
    names = [path.relative_to(out).as_posix() for path in files]
    assert {"report.txt", "contact-sheet-1.png", "1001.png", "2001.png"} <= set(names)
    assert "1002.png" not in names
    assert all(path.is_file() for path in files)


def test_a_tally_counts_what_is_left() -> None:
    """Fused, passed over, skipped and not begun add up to all pairs."""
    records = [
        PairRecord(1, 9, "a"), PairRecord(2, 9, "b", kept=True), PairRecord(3, 9, "c", error="No.")
    ]  # fmt: skip
    tally = Tally.of(records, 9)
    assert tally == Tally(9, 2, 1, 1)
    said = tally.sentence()
    assert said.startswith("2 of 9 pairs fused; 1 of them passed over: already there")
    assert said.endswith("1 skipped; 6 not begun.")


def test_a_zip_is_the_same_bytes_twice_and_comes_back_whole(tmp_path: Path) -> None:
    """Packed, unpacked and packed again nothing changes; PNGs are stored as they are."""
    folder = tmp_path / "in"
    write_folder(folder, ("1", "2"))
    (folder / HIDDEN).mkdir()
    (folder / HIDDEN / "ledger.jsonl").write_text("x" * 5000)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    pack(folder, files, tmp_path / "a.zip")
    check_own(tmp_path / "a.zip")
    restore(tmp_path / "a.zip", tmp_path / "back")
    again = [tmp_path / "back" / p.relative_to(folder) for p in files]
    pack(tmp_path / "back", again, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        kinds = {info.filename: info.compress_type for info in archive.infolist()}
    assert kinds["CT/1.png"] == zipfile.ZIP_STORED
    assert kinds[f"{HIDDEN}/ledger.jsonl"] == zipfile.ZIP_DEFLATED


def test_a_foreign_or_hurt_zip_is_not_replaced(tmp_path: Path) -> None:
    """Any other file at the place of the output stays, and restoring goes nowhere outside."""
    with zipfile.ZipFile(tmp_path / "own.zip", "w") as archive:
        archive.writestr("holiday.jpg", b"x")
    (tmp_path / "text.zip").write_text("words")
    for name in ("own.zip", "text.zip"):
        with pytest.raises(InputError, match="not a zip that batch has written"):
            check_own(tmp_path / name)
    with pytest.raises(InputError, match="cannot be taken apart"):
        restore(tmp_path / "text.zip", tmp_path / "x")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../outside.txt", b"x")
        archive.writestr(f"{HIDDEN}/ledger.jsonl", json.dumps({"name": "a"}))
    restore(tmp_path / "bad.zip", tmp_path / "deep" / "folder")
    assert not list(tmp_path.rglob("outside.txt"))
