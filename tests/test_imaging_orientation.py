"""Which side of the patient is where, from direction cosines; and what a pair must be told."""

import math

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from imaging.image import Image
from imaging.orientation import edge_letters, left_right_note
from imaging.read import read_image
from pipelines.cases import CASES, render_case
from pipelines.fuse import fuse_pair
from pipelines.methods import load_method
from tests.synthetic import picture
from ui.stage import letters

AXIAL = ("R", "L", "A", "P")
MIRRORED = ("L", "R", "A", "P")


@pytest.mark.parametrize(
    ("cosines", "expected"),
    [
        ((1, 0, 0, 0, 1, 0), AXIAL),
        ((-1, 0, 0, 0, 1, 0), MIRRORED),
        ((0, 1, 0, 0, 0, -1), ("A", "P", "H", "F")),
        ((1, 0, 0, 0, 0, -1), ("R", "L", "H", "F")),
        ((0, -1, 0, -1, 0, 0), ("P", "A", "L", "R")),
    ],
)
def test_letters_follow_the_patient_axes(cosines, expected) -> None:
    """x grows to the patient's left, y to the back, z to the head; the right edge is the row's."""
    assert edge_letters([float(c) for c in cosines]) == expected


def test_a_tilted_slice_has_second_letters() -> None:
    """A gantry tilt of 10 degrees leaves the letters, 30 degrees adds the second one."""
    for degrees, bottom in ((10, "P"), (30, "PF")):
        tilt = math.radians(degrees)
        found = edge_letters([1, 0, 0, 0, math.cos(tilt), -math.sin(tilt)])
        assert found is not None
        assert found[3] == bottom


@pytest.mark.parametrize(
    "cosines",
    [(1, 0, 0), (1, 0, 0, 1, 0, 0), (2, 0, 0, 0, 1, 0), (math.nan, 0, 0, 0, 1, 0), (0,) * 6],
)
def test_impossible_directions_give_no_letters(cosines) -> None:
    """Anything but two perpendicular unit vectors is unknown, never a guess."""
    assert edge_letters([float(c) for c in cosines]) is None


def test_a_mirrored_pair_is_told() -> None:
    """Equal or unknown sides say nothing; mirrored ones and half-known ones get a sentence."""
    assert left_right_note(AXIAL, AXIAL) is None
    assert left_right_note(None, None) is None
    told = left_right_note(AXIAL, MIRRORED)
    assert told is not None
    assert "mirrored left to right" in told
    assert "turned or mirrored" in str(left_right_note(AXIAL, ("A", "P", "H", "F")))
    assert str(left_right_note(None, AXIAL)).startswith("Only the MRI's file says")


@pytest.mark.parametrize(
    ("ct", "mri", "shown", "notes"),
    [(AXIAL, AXIAL, AXIAL, 0), (AXIAL, MIRRORED, None, 1), (AXIAL, None, None, 1)],
)
def test_letters_are_shown_where_both_files_agree(ct, mri, shown, notes) -> None:
    """A fused pair has letters only where they are true of both; otherwise a note."""
    images = (
        Image(picture(24, 24, k).astype(np.float32), (0, 255), orientation=edges)
        for k, edges in ((1, ct), (2, mri))
    )
    pair = fuse_pair(*images, load_method(rule="mean"))
    assert letters(pair) == shown
    assert len([note for note in pair.notes if "mirrored" in note]) == notes


def test_the_bundled_cases_lie_as_radiologists_look() -> None:
    """A synthetic pair has the patient's right at the left, face up."""
    case = next(iter(CASES.values()))
    assert [image.orientation for image in render_case(case)] == [AXIAL, AXIAL]


def test_a_dicom_file_brings_its_letters() -> None:
    """pydicom's own axial CT has R at its left and A at its top; a PNG-like image has none."""
    image = read_image(str(get_testdata_file("CT_small.dcm", download=False)))
    assert image.orientation == AXIAL
    assert Image(np.zeros((2, 2), np.float32), (0, 1)).orientation is None
