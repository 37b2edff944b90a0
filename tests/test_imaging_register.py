"""Registration: known motions come back, and what cannot be trusted is said."""

from dataclasses import replace

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.register import Cancelled, register
from imaging.register_checks import Alignment
from imaging.transform import Transform, identity, rigid
from imaging.volume import Origin, Volume
from tests.moved_heads import errors, head, motion, slice_of

CT_GRID = ((40, 64, 64), (5.5, 3.8, 3.8))
MR_GRID = ((34, 88, 80), (7.0, 3.0, 3.0))


@pytest.fixture(scope="module")
def ct() -> Volume:
    """The fixed head."""
    return head("CT", *CT_GRID, seed=1)


def moved_mr(truth: Transform, **options: object) -> Volume:
    """The head in MR, moved, on a grid of its own with thick slices."""
    return head("MR", *MR_GRID, transform=truth, seed=2, **options)  # type: ignore[arg-type]


def check(found: Alignment, truth: Transform, mm: float = 1.5, degrees: float = 1.5) -> None:
    """Assert that a motion was found and is believed."""
    apart, turned = errors(truth, found.transform)
    assert found.verdict == "aligned", found.sentence
    assert apart < mm
    assert turned < degrees


def test_a_moved_head_comes_back_the_same_each_time(ct: Volume) -> None:
    """A motion of up to 15 degrees and 30 mm is found to 1.5 mm and 1.5 degrees, repeatably."""
    truth = motion(0)
    moving = moved_mr(truth)
    shares: list[float] = []
    found = register(ct, moving, progress=shares.append)
    check(found, truth)
    assert found.metric_end > found.metric_start
    assert found.overlap > 0.9
    assert "rose from" in found.sentence
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    again = register(ct, moving)
    assert np.allclose(again.transform.matrix, found.transform.matrix, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_motions_of_many_seeds_come_back(ct: Volume, seed: int) -> None:
    """Each of eight motions is found to 1.5 mm and 1.5 degrees."""
    truth = motion(seed)
    check(register(ct, moved_mr(truth)), truth)


@pytest.mark.slow
def test_two_scanners_may_count_from_different_places(ct: Volume) -> None:
    """A head whose file places it 400 mm away, seen nowhere at the start, is still found."""
    truth = rigid((400.0, -50.0, 120.0), (0.0, 4.0, 6.0))
    found = register(ct, moved_mr(truth, middle=(400.0, -50.0, 120.0)))
    check(found, truth)
    assert found.metric_start == 1.0


def test_a_pair_in_place_stays_where_its_files_put_it(ct: Volume) -> None:
    """Where nothing is gained the transform is the identity, and the sentence says why."""
    frame = Origin(frame_of_reference="1.2.3")
    fixed, moving = (replace(v, origin=frame) for v in (ct, moved_mr(identity())))
    found = register(fixed, moving)
    assert found.verdict == "no better", found.sentence
    assert np.array_equal(found.transform.matrix, np.eye(4))
    assert not found.warned
    assert "share one frame of reference" in found.sentence


def test_a_head_half_out_of_view_is_warned_about(ct: Volume) -> None:
    """Where the other scan holds under 60 % of the head, the verdict is little overlap."""
    truth = rigid((10.0, 0.0, 115.0), (0.0, 0.0, 8.0))
    found = register(ct, moved_mr(truth))
    assert found.verdict in ("little overlap", "runaway"), found.sentence
    assert found.warned
    assert found.overlap < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shift", "turn"),
    [
        ((0.0, 0.0, -120.0), (0.0, 0.0, -6.0)),
        ((-8.0, 12.0, 130.0), (4.0, 0.0, 5.0)),
        ((95.0, 0.0, 60.0), (0.0, 3.0, 0.0)),
        ((0.0, -130.0, 0.0), (0.0, 0.0, 4.0)),
    ],
)
def test_wherever_the_head_leaves_the_view_a_warning_stands(
    ct: Volume, shift: tuple[float, float, float], turn: tuple[float, float, float]
) -> None:
    """Moved out at the top, the bottom, a side or the front: warned, or right all the same."""
    truth = rigid(shift, turn)
    found = register(ct, moved_mr(truth))
    apart, turned = errors(truth, found.transform)
    assert found.warned or (apart < 1.5 and turned < 1.5), (found.verdict, apart, turned)


@pytest.mark.slow
def test_noise_does_not_align(ct: Volume) -> None:
    """A volume that shows nothing of the head is not called aligned."""
    noise = np.random.default_rng(3).normal(100, 30, ct.shape).astype(np.float32)
    found = register(ct, Volume(noise, ct.affine, (0, 200), name="noise"))
    assert found.verdict != "aligned", found.sentence
    assert not found.used


@pytest.mark.slow
def test_affine_finds_a_stretch() -> None:
    """A head stretched by 6 % along one axis and turned is found to 2 mm."""
    fixed = head("CT", *CT_GRID, seed=4)
    stretch = np.diag((1.0, 1.06, 1.0, 1.0))
    truth = Transform(motion(5, 8, 12).matrix @ stretch)
    found = register(fixed, moved_mr(truth), "affine")
    assert errors(truth, found.transform)[0] < 2
    low, high = found.transform.scales
    assert 1.03 < high < 1.09
    assert low > 0.97


def test_a_slice_turned_in_its_plane_comes_back() -> None:
    """In two dimensions a turn of 9 degrees and a way of 11 mm are found to 1 mm and 1 degree."""
    grid = ((1, 128, 128), (5.0, 1.8, 1.8))
    turn = rigid((9.0, -6.0, 0.0), (0.0, 0.0, 9.0))
    fixed = slice_of(head("CT", *grid, seed=1), 0)
    moving = slice_of(head("MR", (1, 150, 140), (5.0, 1.6, 1.5), turn, seed=2), 0)
    found = register(fixed, moving)
    assert found.verdict == "aligned", found.sentence
    disc = np.random.default_rng(0).uniform(-60, 60, (50, 2))
    right = turn.inverse().points(np.column_stack((disc, np.zeros(50))))[:, :2]
    assert np.linalg.norm(found.transform.points(disc) - right, axis=1).mean() < 1
    assert found.rotation_deg == pytest.approx(9.0, abs=1.0)


def test_a_stop_ends_the_search(ct: Volume) -> None:
    """Once the caller says stop, the search raises and returns nothing."""
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 20

    with pytest.raises(Cancelled, match="stopped"):
        register(ct, moved_mr(motion(2)), cancelled=stop)
    assert len(asked) < 30


def test_what_cannot_be_aligned_gets_a_sentence(ct: Volume) -> None:
    """A slice with a volume, and an empty volume, are refused in one sentence."""
    with pytest.raises(InputError, match="cannot be registered to a volume"):
        register(ct, slice_of(ct, 20))
    empty = Volume(np.zeros((4, 8, 8), np.float32), np.eye(4), (0, 0), name="empty")
    with pytest.raises(InputError, match="same everywhere"):
        register(ct, empty)
