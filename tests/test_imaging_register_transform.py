"""Transforms in mm and degrees, their files, and resampling by geometry."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.resample import INTERPOLATIONS, itk, resample, resample_image
from imaging.tfm import MAX_BYTES, decode_tfm, encode_tfm
from imaging.transform import Transform, identity, rigid
from imaging.volume import Origin, Volume
from tests.moved_heads import head, motion, slice_of

sitk = itk()
POINTS = np.random.default_rng(0).uniform(-90, 90, (40, 3))


def ramp(shape: tuple[int, int, int], affine: np.ndarray, name: str = "ramp") -> Volume:
    """A volume whose value is 2 x - 3 y + 0.5 z, exact under linear interpolation."""
    axes = [np.arange(float(n)) for n in shape]
    index = np.stack([*np.meshgrid(*axes, indexing="ij")][::-1], -1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    voxels = (points @ (2.0, -3.0, 0.5)).astype(np.float32)
    return Volume(voxels, affine, (float(voxels.min()), float(voxels.max())), name=name)


def test_a_motion_is_told_as_it_was_made() -> None:
    """Shift and turn of a rigid motion are read back, for volumes and images."""
    made = rigid((3.0, -4.0, 12.0), (5.0, -2.0, 9.0), (10.0, 20.0, -30.0))
    assert made.shift_mm == pytest.approx((3.0, -4.0, 12.0))
    assert made.turn_deg == pytest.approx((5.0, -2.0, 9.0))
    assert made.translation_mm == pytest.approx(13.0)
    assert made.scales == pytest.approx((1.0, 1.0))
    flat = rigid((1.0, 2.0), (-170.0,), (5.0, 5.0))
    assert flat.turn_deg == pytest.approx((-170.0,))
    assert rigid((0, 0, 0), (0, 180.0, 0)).rotation_deg == pytest.approx(180.0)


def test_the_words_name_directions_of_the_patient() -> None:
    """The sentence says how far, where to and how much turned."""
    words = rigid((-3.0, 0.0, 4.0), (0.0, 0.0, 2.5)).describe()
    assert words == (
        "moved 5.0 mm (3.0 mm to the patient's right, 4.0 mm to the head) and turned 2.5°"
    )
    assert identity().describe() == "not moved"
    assert "down" in rigid((0.0, 2.0), (0.0,)).describe()


def test_there_and_back_is_nothing() -> None:
    """A transform and its inverse leave every point where it was."""
    made = motion(3)
    assert np.allclose(made.inverse().points(made.points(POINTS)), POINTS, atol=1e-9)


def test_a_nudge_moves_the_image_that_far() -> None:
    """A nudge adds its shift, turns about the centre only, and the opposite one undoes it."""
    base = motion(4)
    moved = base.nudged((1.0, -2.0, 0.5), (0.0, 0.0, 0.0))
    marked = base.inverse().points(POINTS)
    assert np.allclose(moved.inverse().points(POINTS) - marked, (1.0, -2.0, 0.5))
    turned = base.nudged((0.0, 0.0, 0.0), (0.0, 0.0, 7.0))
    assert turned.points(np.array([base.centre])) == pytest.approx(
        base.points(np.array([base.centre]))
    )
    back = turned.nudged((0.0, 0.0, 0.0), (0.0, 0.0, -7.0))
    assert np.allclose(back.matrix, base.matrix)
    with pytest.raises(ValueError, match="needs 3 lengths"):
        base.nudged((1.0, 2.0), (0.0,))


@pytest.mark.parametrize("made", [motion(1), rigid((3.0, -2.0), (11.0,), (40.0, 50.0))])
def test_simpleitk_reads_what_we_write(made: Transform, tmp_path: Path) -> None:
    """A saved transform moves points in SimpleITK as here, and is read back equal."""
    file = tmp_path / "x.tfm"
    file.write_bytes(encode_tfm(made))
    theirs = sitk.ReadTransform(str(file))
    for point in POINTS[:5, : made.dimension]:
        assert theirs.TransformPoint(point.tolist()) == pytest.approx(made.points(point[None])[0])
    again = decode_tfm(file.read_bytes())
    assert np.allclose(again.matrix, made.matrix)
    assert again.centre == pytest.approx(made.centre)


def test_we_read_what_simpleitk_writes(tmp_path: Path) -> None:
    """Euler, versor, similarity, translation and chains of them mean here what they mean there."""
    euler = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, -0.3, (4.0, 5.0, 6.0))
    versor = sitk.VersorRigid3DTransform((0, 0, 1), 0.3, (3, 2, 1), (9, 8, 7))
    alike = sitk.Similarity3DTransform(1.1, (0, 1, 0), 0.2, (1, 2, 3), (0, 5, 0))
    shift = sitk.TranslationTransform(3, (7, -8, 9))
    chain = sitk.CompositeTransform([euler, shift, alike])
    for number, theirs in enumerate((euler, versor, alike, shift, chain)):
        file = tmp_path / f"{number}.tfm"
        sitk.WriteTransform(theirs, str(file))
        ours = decode_tfm(file.read_bytes())
        expected = [theirs.TransformPoint(p.tolist()) for p in POINTS]
        assert np.allclose(ours.points(POINTS), expected)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"hello", "no ITK transform file"),
        (b"#Insight Transform File V1.0\n", "holds no transform"),
        (b"#Insight Transform File V1.0\n" + b" " * MAX_BYTES, "too much"),
        (
            b"#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\n"
            b"Parameters: 0\n",
            "not a rigid or affine",
        ),
        (
            b"#Insight Transform File V1.0\nTransform: Euler3DTransform_double_3_3\n"
            b"Parameters: 0 0 nan 0 0 0\nFixedParameters: 0 0 0\n",
            "damaged",
        ),
        (
            b"#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\n"
            b"Parameters: 0 0 0 0 0 0 0 0 0 0 0 0\nFixedParameters: 0 0 0\n",
            "cannot be inverted",
        ),
    ],
)  # fmt: skip
def test_other_files_get_a_sentence(data: bytes, why: str) -> None:
    """What is no invertible linear transform is refused with the reason."""
    with pytest.raises(InputError, match=why):
        decode_tfm(data, "a.tfm")


def test_one_grid_needs_no_alignment() -> None:
    """On one grid the volume comes back as it is, and the notice says so."""
    volume = ramp((4, 6, 5), np.diag((1.0, 2.0, 3.0, 1.0)))
    done = resample(volume, volume)
    assert done.volume is volume
    assert done.overlap == 1.0
    assert "no alignment is needed" in done.notice


def test_values_follow_the_geometry() -> None:
    """Onto a turned, sheared and mirrored grid, a ramp in mm keeps its value at every place."""
    moving = ramp((60, 60, 60), np.diag((1.5, 1.5, 1.5, 1.0)) @ shift(-30, -30, -30))
    made = rigid((4.0, -3.0, 2.0), (8.0, 0.0, 20.0))
    affine = np.diag((-2.0, 1.7, 2.5, 1.0))
    affine[1, 2] = 0.4  # gantry tilt
    affine[:3, 3] = 18, -15, -20
    onto = ramp((14, 18, 17), affine)
    done = resample(moving, onto, made)
    index = np.stack(
        np.meshgrid(*(np.arange(float(n)) for n in onto.shape), indexing="ij")[::-1], -1
    )
    where = made.points((index @ affine[:3, :3].T + affine[:3, 3]).reshape(-1, 3))
    expected = (where @ (2.0, -3.0, 0.5)).reshape(onto.shape)
    assert np.allclose(done.volume.voxels, expected, atol=1e-3)
    assert np.array_equal(done.volume.affine, affine)
    assert done.overlap == 1.0
    assert "turned" in done.notice


def shift(x: float, y: float, z: float) -> np.ndarray:
    """The matrix of a shift in index units."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def test_a_coarser_grid_gets_averages() -> None:
    """Onto slices five times as thick, five slices are averaged and none is skipped."""
    stripes = np.zeros((20, 4, 4), np.float32)
    stripes[::5] = 100.0
    thin = Volume(stripes, np.eye(4), (0, 100))
    affine = np.diag((1.0, 1.0, 5.0, 1.0))
    affine[2, 3] = 2.0
    done = resample(thin, Volume(np.zeros((4, 4, 4), np.float32), affine, (0, 1)))
    assert np.allclose(done.volume.voxels, 20.0, atol=1e-4)


def test_half_a_field_of_view_is_said() -> None:
    """What the moving volume does not hold gets its lowest value, and the share is told."""
    moving = replace(
        ramp((10, 10, 10), np.eye(4), "the MRI"), origin=Origin(patient="p", series="s")
    )
    onto = replace(ramp((10, 10, 10), shift(0, 5, 0), "the CT"), origin=Origin(None, None, "1.2"))
    done = resample(moving, onto)
    assert done.overlap == pytest.approx(0.5)
    assert done.volume.notes == (done.notice,)
    assert "covers 50 %" in done.notice
    assert np.all(done.volume.voxels[:, 5:] == moving.voxels.min())
    assert done.volume.origin == Origin("p", None, "1.2", "s")
    with pytest.raises(InputError, match="no place in common"):
        resample(moving, ramp((10, 10, 10), shift(0, 50, 0)))


def test_padding_does_not_bleed() -> None:
    """Padding becomes the lowest real value, so nothing between it and the body appears."""
    voxels = np.full((8, 8, 8), 40.0, np.float32)
    voxels[:, :, :3] = -3024
    voxels[:, :, 3] = -1000
    padded = Volume(voxels, np.eye(4), (-3024, 40), unit="HU", padding=-3024)
    done = resample(padded, ramp((8, 8, 8), shift(0.5, 0, 0)))
    assert done.volume.voxels.min() == -1000
    assert done.volume.padding is None


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_no_interpolation_leaves_the_range(name: str) -> None:
    """Values stay within the moving volume's, and thin volumes of two slices work."""
    rng = np.random.default_rng(1)
    for shape in ((9, 9, 9), (2, 9, 9)):
        voxels = rng.integers(0, 2, shape).astype(np.float32)
        onto = ramp(shape, shift(0.3, 0.4, 0.2))
        done = resample(Volume(voxels, np.eye(4), (0, 1)), onto, None, name)  # type: ignore[arg-type]
        assert 0 <= done.volume.voxels.min() < done.volume.voxels.max() <= 1
        assert name != "nearest" or set(np.unique(done.volume.voxels)) == {0, 1}


def test_an_image_is_moved_on_the_screen() -> None:
    """A shift of 6 mm to the right on 2 mm pixels moves an image by three columns."""
    image = slice_of(head("MR", (1, 64, 64), (5.0, 2.0, 2.0)), 0)
    image = replace(image, spacing=(2.0, 2.0))
    moved = resample_image(image, image, rigid((6.0, 0.0), (0.0,)))
    assert np.allclose(moved.pixels[:, 3:], image.pixels[:, :-3], atol=1e-3)
    assert "to the right" in moved.notes[-1]


def test_a_matrix_that_is_none_is_refused() -> None:
    """Singular, infinite and projective matrices are no transforms."""
    for matrix in (np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(5)):
        with pytest.raises(ValueError, match="Transform needs"):
            Transform(matrix)
