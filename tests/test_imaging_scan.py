"""Folders, uploads and zips become a list of series; what is odd or hostile gets a sentence."""

import io
import os
import stat
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from imaging.archive_scan import MAX_ENTRIES
from imaging.errors import InputError
from imaging.scan import scan
from imaging.study import read_series
from tests.series_files import encoded, series, slice_file, solid, uploads, zipped


def test_two_series_in_one_folder_come_apart(tmp_path: Path) -> None:
    """CT and MR of one folder are two series with modality, body part, plane and spacing."""
    mr = series(solid(5), Modality="MR", SeriesInstanceUID="1.2.77")
    for name, data in uploads(series(solid())) + uploads(mr, "m"):
        (tmp_path / name).write_bytes(data)
    study = scan(tmp_path)
    assert [s.title for s in study.series] == [
        "CT head axial, 8 slices of 10 × 12, 1.5 × 2 × 3 mm",
        "MR head axial, 5 slices of 10 × 12, 1.5 × 2 × 3 mm",
    ]
    assert (study.patients, study.notes, study.set_aside) == (1, (), ())
    np.testing.assert_array_equal(read_series(study.of("MR")[0]).voxels, solid(5))


def test_orientation_and_size_split_a_series() -> None:
    """Coronal slices and slices of another size under one identifier are series of their own."""
    coronal = [
        slice_file(solid()[k], (0, 3.0 * k, 0), ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
        for k in range(5)
    ]
    small = [slice_file(np.ones((6, 6), np.int16), (0, 0, 3.0 * k)) for k in range(4)]
    study = scan(uploads([*series(solid()), *coronal, *small]))
    assert [(s.plane, s.shape) for s in study.series] == [
        ("axial", (8, 12, 10)), ("coronal", (5, 12, 10)), ("axial", (4, 6, 6)),
    ]  # fmt: skip


def test_localizers_and_other_objects_are_set_aside_by_kind() -> None:
    """A scout, a turned picture among slices, a report and a text are named, not stacked."""
    scout = slice_file(solid()[0], (0, 0, 0), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    turned = slice_file(solid()[0], (0, 0, 1), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    report = slice_file(solid()[0], (0, 0, 2), Modality="SR", PixelData=None, Rows=None)
    contours = slice_file(solid()[0], (0, 0, 2), Modality="RTSTRUCT", PixelData=None, Rows=None)
    files = uploads([*series(solid(10)), scout, turned, report, contours])
    study = scan([*files, ("readme.txt", b"hello")])
    reasons = " ".join(aside.reason for aside in study.set_aside)
    for words in (
        "1 localizer was set aside", "1 image was set aside for another orientation",
        "a structured report", "radiotherapy contours (RTSTRUCT)", "readme.txt was set aside: text",
    ):  # fmt: skip
        assert words in reasons
    assert [s.shape for s in study.series] == [(10, 12, 10)]


def test_two_patients_in_one_zip_are_noticed_and_never_named() -> None:
    """Series of two patients stay apart, with a sentence that holds neither name nor number."""
    second = series(solid(), PatientID="ID-9", PatientName="Roe^Richard")
    study = scan(("both.zip", zipped(uploads(series(solid())) + uploads(second, "x"))))
    assert study.patients == 2
    assert len(study.series) == 2
    text = repr(study) + " ".join(study.sentences())
    assert "2 patients" in text
    assert not any(word in text for word in ("Jane", "Roe", "4711", "ID-9", "1950"))
    assert not any("2020" in sentence for sentence in study.sentences())


def test_a_zip_gives_what_the_folder_gives(tmp_path: Path) -> None:
    """A zip as bytes or as a path, with folders inside, reads like its files."""
    data = zipped([(f"study/a/{name}", data) for name, data in uploads(series(solid()))])
    path = tmp_path / "study.zip"
    path.write_bytes(data)
    for source in (("study.zip", data), path):
        study = scan(source)
        np.testing.assert_array_equal(read_series(study.series[0]).voxels, solid())


def hostile(name: str, mode: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, b"x")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["../evil.dcm", "/etc/evil", "a/../../b", "..\\evil", "C:/evil"])
def test_a_path_traversal_is_refused(name: str) -> None:
    """An entry that points outside refuses the zip as a whole."""
    with pytest.raises(InputError, match="points outside the zip's own folder"):
        scan(("bad.zip", hostile(name)))


def test_links_and_encryption_are_refused() -> None:
    """A link and an encrypted entry get a sentence each."""
    with pytest.raises(InputError, match="is a link, not a file"):
        scan(("bad.zip", hostile("a", stat.S_IFLNK | 0o777)))
    data = bytearray(hostile("a"))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="encrypted; pack it without a password"):
        scan(("bad.zip", bytes(data)))


def test_ten_thousand_entries_are_refused() -> None:
    """A zip of 10,000 entries is answered with the limit, before any is opened."""
    data = zipped([(f"{k}", b"") for k in range(10_000)])
    with pytest.raises(InputError, match=f"10000 entries, more than the limit of {MAX_ENTRIES}"):
        scan(("many.zip", data))


def test_a_declared_bomb_is_refused_in_little_memory() -> None:
    """300 MB of zeros packed into 300 kB are refused by what they declare."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("big.dcm", "w") as file,
    ):
        for _ in range(300):
            file.write(bytes(10**6))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"unpacks to 286 MiB, more than the limit of 256"):
            scan(("bomb.zip", buffer.getvalue()))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_that_lies_about_its_size_stops_there() -> None:
    """An entry that declares 1000 bytes and holds 50 MB is set aside in little memory."""
    data = bytearray(zipped([("big.dcm", bytes(50_000_000))]))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = data.rindex(mark) + at
        data[start : start + 4] = (1000).to_bytes(4, "little")
    tracemalloc.start()
    try:
        study = scan(("bomb.zip", bytes(data)))
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert study.series == ()
    assert "another size than it declares" in study.set_aside[0].reason


def test_damaged_and_nested_zips_get_a_sentence() -> None:
    """A cut zip is refused; a zip inside a zip is set aside."""
    good = zipped(uploads(series(solid(2))))
    with pytest.raises(InputError, match=r"^cut\.zip is a damaged zip file"):
        scan(("cut.zip", good[:-40]))
    study = scan(("outer.zip", zipped([("inner.zip", good)])))
    assert "a zip inside the zip" in study.set_aside[0].reason
    assert study.notes == ("Nothing here can be read as a volume.",)


def test_a_file_that_declares_65535_squared_is_set_aside() -> None:
    """One absurd header is answered with a sentence and does not hide the series beside it."""
    huge = slice_file(solid()[0], (0, 0, 0), Rows=65535, Columns=65535)
    study = scan([("huge.dcm", encoded(huge)), *uploads(series(solid()))])
    assert "huge.dcm declares 65535 × 65535 pixels" in study.set_aside[0].reason
    assert len(study.series) == 1


def test_headers_cut_anywhere_are_answered() -> None:
    """A file cut or damaged at random is listed or set aside, whatever it holds."""
    rng = np.random.default_rng(6)
    whole = encoded(series(solid(1))[0])
    for _ in range(60):
        data = bytearray(whole[: rng.integers(140, len(whole))])
        for at in rng.integers(132, len(data), 4):
            data[at] = rng.integers(256)
        study = scan(("d.dcm", bytes(data)))
        for found in study.series:
            try:
                read_series(found)
            except InputError:
                continue


def test_missing_paths_and_empty_folders_are_refused(tmp_path: Path) -> None:
    """Nothing to read is said; hidden files and links do not count."""
    with pytest.raises(InputError, match="does not exist"):
        scan(tmp_path / "nowhere")
    (tmp_path / ".hidden").write_bytes(b"x")
    os.symlink("/etc/hostname", tmp_path / "link")
    with pytest.raises(InputError, match="There is no file to read"):
        scan(tmp_path)


def test_a_short_acquisition_is_told() -> None:
    """Where the files say how many images there were, missing ones at the end are counted."""
    study = scan(uploads(series(solid(), ImagesInAcquisition=12)))
    assert "12 images belong to this acquisition; 8 are here" in study.series[0].notes[-1]


def test_slices_without_places_are_stacked_with_a_warning() -> None:
    """Files without positions keep the order of their numbers, and say so."""
    files: list[Dataset] = series(solid(3), ImagePositionPatient=None, ImageOrientationPatient=None)
    for ds in files:
        ds.SOPInstanceUID = f"1.2.5.{ds.InstanceNumber}"
    study = scan(uploads(files))
    volume = read_series(study.series[0])
    np.testing.assert_array_equal(volume.voxels, solid(3))
    assert study.series[0].spacing is None
    assert any("do not say where the slices lie" in note for note in volume.notes)
