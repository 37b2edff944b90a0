"""DICOM series become volumes: order, gaps, tilt, rescaling, several frames."""

import math
from collections.abc import Sequence as Many
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from imaging.body import body_mask, default_window, percentile_window
from imaging.errors import InputError
from imaging.roles import given_as, months_apart, relation_notes, same_patient
from imaging.scan import scan
from imaging.study import read_series
from imaging.volume import Volume, same_grid
from imaging.windowing import PRESETS, Window
from tests.series_files import encoded, series, slice_file, solid, uploads


def volume_of(datasets: Many[Dataset]) -> Volume:
    """The one volume of some files."""
    study = scan(uploads(list(datasets)))
    assert len(study.series) == 1, study.sentences()
    return read_series(study.series[0])


def test_slices_are_sorted_by_position_and_placed_in_millimetres() -> None:
    """Files in any order become one stack from feet to head whose affine gives LPS millimetres."""
    volume = volume_of(series(solid()))
    np.testing.assert_array_equal(volume.voxels, solid())
    assert volume.spacing == pytest.approx((3.0, 2.0, 1.5))
    np.testing.assert_allclose(volume.affine @ (9, 11, 7, 1), (-20 + 13.5, -30 + 22, 61, 1))
    assert (volume.modality, volume.body_part, volume.notes) == ("CT", "HEAD", ())


def test_descending_numbers_do_not_matter() -> None:
    """The order comes from the positions, not from (0020,0013) Instance Number."""
    files = series(solid())
    for number, ds in enumerate(reversed(files)):
        ds.InstanceNumber = number
    np.testing.assert_array_equal(volume_of(files).voxels, solid())


def test_a_missing_slice_is_filled_and_named() -> None:
    """A gap of one slice is interpolated, said, and the geometry stays."""
    files = series(solid())
    volume = volume_of(files[:3] + files[4:])
    np.testing.assert_allclose(volume.voxels, solid(), atol=1e-3)
    assert same_grid(volume, volume_of(files))
    assert any("1 slice is missing (after slice 3)" in note for note in volume.notes)


def test_a_wide_gap_is_refused_with_its_size() -> None:
    """Where more than five slices in a row are missing nothing is invented."""
    files = series(solid(20))
    study = scan(uploads(files[:6] + files[13:]))
    assert "7 slices in a row are missing after slice 6 of 13" in str(study.series[0].problem)
    with pytest.raises(InputError, match=r"a gap of 24\.0 mm"):
        read_series(study.series[0])


def test_repeated_slices_are_dropped_with_a_note() -> None:
    """A slice at a place that is taken, and a copy of a file, are left out and counted."""
    files = series(solid())
    again = slice_file(solid()[2], (-20, -30, 46), InstanceNumber=99)
    volume = volume_of([*files, again, files[5]])
    np.testing.assert_array_equal(volume.voxels, solid())
    assert any("1 slice at a place" in note for note in volume.notes)
    study = scan(uploads([*files, files[5]]))
    assert any("1 image that is a copy" in note for note in study.series[0].notes)


def test_two_passes_over_the_same_places_are_two_series() -> None:
    """Echoes or phases in one series come apart by their numbers."""
    first, second = series(solid()), series(solid() + 1000)
    for number, ds in enumerate(second):
        ds.InstanceNumber, ds.SOPInstanceUID = 100 + number, f"1.9.{number}"
    study = scan(uploads([*first, *second]))
    assert [s.shape for s in study.series] == [(8, 12, 10)] * 2
    read = [read_series(s).voxels for s in study.series]
    np.testing.assert_array_equal(read[0], solid())
    np.testing.assert_array_equal(read[1], solid() + 1000.0)


def test_uneven_distances_become_a_regular_grid() -> None:
    """Slices 3, 3, 3, 3, 4 mm apart are interpolated onto 3 mm, with their true places."""
    heights = [0, 3, 6, 9, 12, 16]
    files = [slice_file(np.full((4, 4), 10 * mm, np.int16), (0, 0, mm)) for mm in heights]
    volume = volume_of(files)
    np.testing.assert_allclose(volume.voxels[:, 0, 0], [0, 30, 60, 90, 120, 150], atol=1e-3)
    assert any("varies from 3 to 4 mm" in note for note in volume.notes)


@pytest.mark.parametrize("degrees", [-12.0, 20.0])
def test_gantry_tilt_is_detected_and_undone(degrees: float) -> None:
    """Slices whose positions lean against their normal are moved to where they belong."""
    lean = 3.0 * math.tan(math.radians(degrees))
    files = []
    for k in range(9):
        y = -30 + lean * k
        rows = y + 2.0 * np.arange(40)
        # A value that depends on the place in the patient alone: 5 per mm in y.
        pixels = np.repeat((5 * rows)[:, None], 6, axis=1)
        files.append(slice_file(np.rint(pixels * 10).astype(np.int16), (0, y, 3.0 * k)))
    volume = volume_of(files)
    assert any(f"tilted by {abs(degrees):.1f}°" in note for note in volume.notes)
    np.testing.assert_allclose(volume.affine[:3, 2], (0, 0, 3), atol=1e-6)
    y = volume.affine[1, 3] + 2.0 * np.arange(volume.shape[1])
    for k in range(9):
        inside = (y > -30 + lean * k + 2) & (y < -30 + lean * k + 76)
        assert inside.sum() > 30
        np.testing.assert_allclose(volume.voxels[k, inside, 2], 50 * y[inside], atol=0.6)


def test_rescaling_is_per_slice_and_padding_has_no_say() -> None:
    """Every slice has its own slope; padding becomes the lowest value and is named."""
    stored = np.full((3, 4, 5), 100, np.int16)
    stored[:, 0, 0] = -2000
    files = series(stored, PixelPaddingValue=-2000, RescaleIntercept=-50, RescaleSlope=1)
    files[1].RescaleSlope = 2
    volume = volume_of(files)
    assert volume.unit == "HU"
    np.testing.assert_array_equal(volume.voxels[:, 1, 1], [50, 150, 50])
    assert volume.voxels[0, 0, 0] == volume.padding == 50
    assert any("3 padding samples" in note for note in volume.notes)


def test_monochrome1_is_inverted_with_its_window() -> None:
    """White as 0 shows as the inverse over the whole volume."""
    volume = volume_of(
        series(solid(), PhotometricInterpretation="MONOCHROME1", WindowCenter=300, WindowWidth=200)
    )
    np.testing.assert_array_equal(volume.voxels, solid().max() - solid().astype(np.float32))
    assert volume.window == Window(float(solid().max()) - 300 + 1, 200)


def test_a_grey_level_table_becomes_a_window() -> None:
    """A (0028,3010) VOI LUT Sequence without window tags gives the window that it spans."""
    item = Dataset()
    item.LUTDescriptor = [1000, -100, 16]
    levels = np.clip((np.arange(1000) - 200) * 160, 0, 64000).astype(np.uint16)
    item.add_new(0x00283006, "OW", levels.tobytes())
    item["LUTDescriptor"].VR = "SS"
    volume = volume_of(series(solid(), VOILUTSequence=Sequence([item])))
    assert volume.window is not None
    low, high = volume.window.limits
    assert (low, high) == (pytest.approx(101, abs=5), pytest.approx(496, abs=5))
    assert any("VOI LUT" in note for note in volume.notes)


def test_an_enhanced_file_takes_each_frames_own_place_and_slope() -> None:
    """Frames of one enhanced file are sorted by their functional groups."""
    order = [3, 0, 2, 1]
    ds = slice_file(solid()[0], (0, 0, 0), PixelSpacing=None, ImagePositionPatient=None)
    ds.NumberOfFrames, ds.PixelData = 4, solid(4)[order].tobytes()
    ds.ImageOrientationPatient = None
    measures, plane = Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [2.0, 1.5], 3.0
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for k in order:
        place, transform, item = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient = [0, 0, 3.0 * k]
        transform.RescaleSlope, transform.RescaleIntercept = k + 1, -1
        item.PlanePositionSequence = Sequence([place])
        item.PixelValueTransformationSequence = Sequence([transform])
        groups.append(item)
    ds.PerFrameFunctionalGroupsSequence = Sequence(groups)
    volume = volume_of([ds])
    slopes = np.arange(1, 5)[:, None, None]
    np.testing.assert_array_equal(volume.voxels, solid(4) * slopes - 1.0)
    assert volume.spacing == pytest.approx((3, 2, 1.5))


def test_a_truncated_file_in_a_series_is_named() -> None:
    """A cut slice makes the reading fail with the sentence of that file."""
    files = [(f"s{k}.dcm", encoded(ds)) for k, ds in enumerate(series(solid()))]
    files[4] = ("s4.dcm", files[4][1][:-50])
    study = scan(files)
    with pytest.raises(InputError, match=r"^s4\.dcm is truncated"):
        read_series(study.series[0])


def test_progress_reaches_one() -> None:
    """Reading tells the share that is done, rising to 1."""
    told: list[float] = []
    read_series(scan(uploads(series(solid()))).series[0], progress=told.append)
    assert told == pytest.approx([k / 8 for k in range(1, 9)])


def test_ct_given_as_mr_gets_a_sentence() -> None:
    """What the header says, or plain HU without a header, contradicts the wrong role."""
    ct = volume_of(series(solid(), RescaleIntercept=0, RescaleSlope=1))
    with pytest.raises(InputError, match="is a CT by its own header but was given as the MR"):
        given_as(ct, "MR")
    assert given_as(ct, "CT") is ct
    mr = volume_of(series(solid(), Modality="MR"))
    with pytest.raises(InputError, match="is an MR by its own header"):
        given_as(mr, "CT")
    bare = np.full((4, 8, 8), -1000, np.float32)
    bare[:, 2:6, 2:6] = 40
    bare[:, 2, 2:6] = 900
    unnamed = Volume(bare, np.eye(4), (-1000, 900))
    assert given_as(unnamed, "CT").unit == "HU"
    with pytest.raises(InputError, match="values are those of a CT"):
        given_as(unnamed, "MR")
    shifted = Volume(bare + 1024, np.eye(4), (24, 1924))
    assert "do not look like HU" in given_as(shifted, "CT").notes[0]


def test_the_same_patient_is_told_without_a_name() -> None:
    """Identity is a salted hash; months apart are counted; nothing readable is kept."""
    one = volume_of(series(solid())).origin
    later = volume_of(series(solid(), StudyDate="20200715")).origin
    other = volume_of(series(solid(), PatientID="ID-9")).origin
    assert (same_patient(one, later), same_patient(one, other)) == ("yes", "no")
    assert months_apart(one, later) == pytest.approx(6, abs=0.1)
    assert any("6 months apart" in note for note in relation_notes(one, later))
    assert "different patients" in relation_notes(one, other)[0]
    assert not any(word in repr(one) for word in ("Jane", "4711", "1950"))


def test_windows_ignore_air_and_padding() -> None:
    """MR percentiles come from inside the body; a CT starts with the preset of its region."""
    rng = np.random.default_rng(5)
    voxels = np.abs(rng.normal(0, 8, (6, 40, 40))).astype(np.float32)
    voxels[:, 10:30, 10:30] = rng.uniform(200, 400, (6, 20, 20)).astype(np.float32)
    voxels[:, :3] = -30
    mr = Volume(voxels, np.eye(4), (-30, 400), modality="MR", padding=-30.0)
    mask = body_mask(mr)
    assert mask[:, 10:30, 10:30].all()
    assert mask.mean() < 0.27
    low, high = percentile_window(mr).limits
    assert 180 < low < 215
    assert 390 < high < 401
    head = Volume(voxels, np.eye(4), (-30, 400), unit="HU", modality="CT", body_part="HEAD")
    leg = Volume(voxels, np.eye(4), (-30, 400), unit="HU", modality="CT", body_part="EXTREMITY")
    assert default_window(head) == PRESETS["brain"]
    assert default_window(leg) == PRESETS["soft tissue"]


def test_a_real_pair_of_series(shared: Path) -> None:
    """59 CT and 59 MR slices of a thigh are two volumes of one frame of reference."""
    study = scan(shared / "cases" / "paired" / "sts_001")
    ct, mr = (read_series(study.of(modality)[0]) for modality in ("CT", "MR"))
    assert (ct.shape, mr.shape) == ((59, 202, 198), (59, 158, 174))
    assert ct.unit == "HU"
    assert ct.value_range == (-1000.0, 1397.0)
    assert ct.origin.frame_of_reference == mr.origin.frame_of_reference
    assert same_patient(ct.origin, mr.origin) == "yes"
    assert ct.spacing == pytest.approx((3.27, 0.976562, 0.976562))
    muscle = float(np.median(mr.voxels[29, 70:90, 80:100]))
    low, high = percentile_window(mr).limits  # fat is bright in T1, and muscle is no background
    assert low + 0.1 * (high - low) < muscle < high
