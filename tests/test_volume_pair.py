"""Pairs of volumes: which alignment is taken, what is said, and what lies on which grid."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.register import Cancelled
from imaging.transform import rigid
from imaging.volume import Volume, same_grid
from imaging.windowing import PRESETS, Window
from pipelines.volume_pair import SAME_GRID, default_align, pair_volumes, volume_windows
from tests.moved_heads import errors, head, motion

COARSE = ((24, 32, 28), (8.0, 8.0, 8.0))
OTHER = ((30, 26, 26), (7.0, 9.0, 9.0))


@pytest.fixture(scope="module")
def ct() -> Volume:
    """A coarse CT."""
    return head("CT", *COARSE)


def framed(volume: Volume, frame: str, **origin: object) -> Volume:
    """The same volume in a frame of reference."""
    return replace(
        volume,
        origin=replace(volume.origin, frame_of_reference=frame, **origin),  # type: ignore[arg-type]
    )


def test_one_grid_needs_nothing_and_says_so(ct: Volume) -> None:
    """Volumes of one grid are taken as they are, without a search."""
    mri = head("MR", *COARSE)
    pair = pair_volumes(ct, mri)
    assert pair.align == "none"
    assert pair.alignment is None
    assert pair.overlap == 1
    assert SAME_GRID in pair.notes
    assert "nothing was resampled" in pair.how
    assert np.array_equal(pair.mri.voxels, mri.voxels)


def test_the_default_depends_on_grid_and_frame(ct: Volume) -> None:
    """One grid: none; one frame of reference: geometry; otherwise a rigid search."""
    mri = head("MR", *OTHER)
    assert default_align(ct, head("MR", *COARSE)) == "none"
    assert default_align(ct, mri) == "rigid"
    assert default_align(framed(ct, "1.2"), framed(mri, "1.2")) == "geometry"
    assert default_align(framed(ct, "1.2"), framed(mri, "1.3")) == "rigid"


def test_geometry_puts_the_mri_on_the_grid_of_the_ct(ct: Volume) -> None:
    """The MRI gets the CT's shape and affine; interpolation and coverage are told."""
    pair = pair_volumes(ct, head("MR", *OTHER), "geometry")
    assert same_grid(pair.ct, pair.mri)
    assert pair.grid is pair.ct
    assert pair.ct is not None
    assert np.array_equal(pair.ct.voxels, ct.voxels)
    assert "linear interpolation" in " ".join(pair.notes)
    assert 0.8 < pair.overlap <= 1


def test_the_other_way_round_the_ct_is_resampled(ct: Volume) -> None:
    """onto="mri" keeps the MRI's samples and grid and moves the CT, air below -900 outside."""
    mri = head("MR", *OTHER)
    pair = pair_volumes(ct, mri, "geometry", onto="mri", interpolation="nearest")
    assert same_grid(pair.ct, mri)
    assert np.array_equal(pair.mri.voxels, mri.voxels)
    assert pair.ct.unit == "HU"
    assert pair.ct.voxels.min() < -900
    assert "nearest" in pair.how


def test_a_transform_serves_both_directions(ct: Volume) -> None:
    """A known motion, given as a file's transform, lays the heads on each other on either grid."""
    truth = motion(3)
    mri = head("MR", *COARSE, transform=truth)
    still = head("MR", *COARSE, seed=0).voxels
    given = truth.inverse()
    onto_ct = pair_volumes(ct, mri, transform=given)
    assert onto_ct.align == "loaded"
    assert "by the transform of a file" in " ".join(onto_ct.notes)
    centre = np.s_[6:18, 8:24, 7:21]
    before = np.abs(mri.voxels - still)[centre].mean()
    assert np.abs(onto_ct.mri.voxels - still)[centre].mean() < 0.6 * before
    onto_mri = pair_volumes(ct, mri, "manual", onto="mri", transform=given)
    moved = head("CT", *COARSE, transform=truth).voxels
    assert onto_mri.align == "manual"
    before = np.abs(ct.voxels - moved)[centre].mean()
    assert np.abs(onto_mri.ct.voxels - moved)[centre].mean() < 0.6 * before


def test_a_search_is_carried_with_its_verdict() -> None:
    """A rigid search finds a motion, its sentence stands among the notes, progress reaches 1."""
    truth = motion(1, most_deg=8, most_mm=15)
    grid = ((48, 64, 52), (4.0, 4.0, 4.0))
    shares: list[float] = []
    pair = pair_volumes(
        head("CT", *grid), head("MR", *grid, transform=truth, seed=1), "rigid",
        progress=shares.append,
    )  # fmt: skip
    assert pair.alignment is not None
    assert pair.alignment.verdict == "aligned"
    assert pair.alignment.sentence in pair.notes
    assert "(aligned)" in pair.how
    far, turned = errors(truth, pair.transform)
    assert far < 1.5
    assert turned < 1.5
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_search_can_be_stopped(ct: Volume) -> None:
    """A cancelled search ends as Cancelled."""
    with pytest.raises(Cancelled):
        pair_volumes(ct, head("MR", *OTHER), "rigid", cancelled=lambda: True)


def test_none_on_other_grids_needs_equal_shapes(ct: Volume) -> None:
    """Equal shapes are laid voxel on voxel with a note; other shapes are refused with the way."""
    mri = head("MR", COARSE[0], (6.0, 8.0, 8.0))
    pair = pair_volumes(ct, mri, "none")
    assert np.array_equal(pair.mri.voxels, mri.voxels)
    assert same_grid(pair.ct, pair.mri)
    assert "voxel on voxel" in " ".join(pair.notes)
    with pytest.raises(InputError, match=r"28 × 32 × 24 voxels and the MRI 26 × 26 × 30"):
        pair_volumes(ct, head("MR", *OTHER), "none")


def test_swapped_roles_are_refused(ct: Volume) -> None:
    """A CT given as MRI is refused by the header, and by its values where there is no header."""
    mri = head("MR", *COARSE)
    with pytest.raises(InputError, match="exchange the two"):
        pair_volumes(mri, ct)
    with pytest.raises(InputError, match="exchange the two"):
        pair_volumes(replace(ct, modality=None), replace(ct, modality=None, unit="grey"))


def test_patients_and_months_are_told_without_names(ct: Volume) -> None:
    """Other patients and months between the studies become sentences."""
    a = framed(ct, "1", patient="x", study_date=date(2020, 1, 1))
    b = framed(head("MR", *COARSE), "1", patient="y", study_date=date(2020, 7, 1))
    pair = pair_volumes(a, b)
    assert pair.same_patient == "no"
    assert pair.months == pytest.approx(6, abs=0.1)
    told = " ".join(pair.notes)
    assert "different patients" in told
    assert "6 months apart" in told


def test_foreign_frames_are_told_when_geometry_is_asked_for(ct: Volume) -> None:
    """Geometry between two frames of reference is done, with a warning."""
    pair = pair_volumes(framed(ct, "1"), framed(head("MR", *OTHER), "2"), "geometry")
    assert "different frames of reference" in " ".join(pair.notes)


def test_names_of_files_stay_out_of_what_is_written(ct: Volume) -> None:
    """The volumes of a pair are called CT and MRI, in notes too."""
    pair = pair_volumes(
        replace(ct, name="Doe_Jane.nii"), replace(head("MR", *OTHER), name="Doe_MR.nii"),
        "geometry",
    )  # fmt: skip
    assert (pair.ct.name, pair.mri.name) == ("CT", "MRI")
    assert "Doe" not in " ".join((*pair.notes, *pair.ct.notes, *pair.mri.notes, pair.how))


def test_one_window_for_every_slice(ct: Volume) -> None:
    """HU gets the brain preset, MR percentiles of the body; a given window wins."""
    pair = pair_volumes(ct, head("MR", *COARSE))
    windows = volume_windows(pair)
    assert windows[0] == PRESETS["brain"]
    low, high = windows[1].limits
    assert 0 <= low < 200
    assert 500 < high < 800
    mine = Window(10, 20, "LINEAR_EXACT")
    assert volume_windows(pair, mri=mine)[1] is mine


def test_bad_choices_list_the_good_ones(ct: Volume) -> None:
    """Unknown words, and a transform of images, are refused in one sentence."""
    mri = head("MR", *COARSE)
    with pytest.raises(InputError, match="valid: ct, mri"):
        pair_volumes(ct, mri, onto="pet")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="valid: none, geometry, rigid, affine"):
        pair_volumes(ct, mri, "elastic")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="three axes"):
        pair_volumes(ct, mri, transform=rigid((1.0, 2.0), (3.0,)))
