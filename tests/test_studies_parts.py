"""What the Studies page is made of, without a screen: work in threads, previews, colour views."""

import threading

import numpy as np
import pytest

from imaging.errors import InputError
from imaging.planes import slice_image
from imaging.register import Cancelled
from imaging.resample import resample
from imaging.transform import identity
from pipelines.demo_study import MOTION
from pipelines.fuse_volume import fuse_slice
from pipelines.methods import load_method
from pipelines.volume_pair import pair_volumes, volume_windows
from tests.study_files import small_study, small_volumes
from ui.studies import taking
from ui.studies.exports import colour_view
from ui.studies.preview import laid
from ui.studies.state import Pick, Studies
from ui.studies.work import Work
from ui.viewer import SEQUENTIAL, Stack
from ui.viewer.component import _state


def test_work_that_is_stopped_keeps_nothing() -> None:
    """A stop is seen by the work, which then has made nothing and is no error."""
    begun = threading.Event()

    def do(progress, stopped):
        begun.set()
        while not stopped():
            progress(0.5)
        raise Cancelled("stopped")

    work = Work("Waiting", do)
    assert begun.wait(20)
    work.stop()
    assert work.wait(20)
    assert work.snapshot().state == "stopped"
    assert work.snapshot().error is None
    assert work.made is None


def test_work_that_fails_hands_over_its_error_and_lets_the_next_begin() -> None:
    """The error of a thread is kept for the screen, and the next work has its turn."""

    def bad(progress, stopped):
        raise InputError("No place in common.")

    failed = Work("Failing", bad)
    assert failed.wait(20)
    assert str(failed.snapshot().error) == "No place in common."
    after = Work("After", lambda progress, stopped: 7)
    assert after.wait(20)
    assert (after.made, after.snapshot().share) == (7, 1.0)


@pytest.mark.parametrize("onto", ["ct", "mri"])
@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_a_preview_is_the_slice_that_resampling_gives(onto: str, plane: str) -> None:
    """One slice laid by a transform equals that slice of the whole volume resampled by it."""
    ct, mri = small_volumes()
    grid, moving = (ct, mri) if onto == "ct" else (mri, ct)
    transform = MOTION if onto == "ct" else MOTION.inverse()
    whole = resample(moving, grid, transform).volume
    found = laid((ct, mri), onto, MOTION, plane, 9)  # type: ignore[arg-type]
    fixed, other = found if onto == "ct" else found[::-1]
    want = slice_image(whole, plane, 9)  # type: ignore[arg-type]
    np.testing.assert_allclose(other.pixels, want.pixels, atol=0.01)
    np.testing.assert_array_equal(fixed.pixels, slice_image(grid, plane, 9).pixels)  # type: ignore[arg-type]


def test_the_bundled_study_lies_as_it_says() -> None:
    """By its known motion the MRI of the demo shows the same head: dark where the CT shows air."""
    ct, mri = small_volumes()
    before, after = (
        laid((ct, mri), "ct", transform, "axial", 11) for transform in (identity(), MOTION)
    )

    def outside(pair) -> float:
        return float((pair[1].pixels[pair[0].pixels < -900] > 150).mean())

    assert outside(after) < 0.03
    assert outside(after) < outside(before) / 2


def test_a_colour_view_runs_from_the_ct_to_the_colours() -> None:
    """At 0 the view is the windowed CT in grey, at 1 the MRI in the viewer's colours."""
    pair = pair_volumes(*small_volumes(), "geometry")
    fused = fuse_slice(pair, "axial", 11, load_method(rule="max"), volume_windows(pair))
    grey = colour_view(fused, 0.0)
    np.testing.assert_array_equal(grey[..., 0], np.rint(fused.ct01 * 255))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    full = colour_view(fused, 1.0)
    levels = np.rint(fused.mri01 * 255).astype(np.uint8)
    np.testing.assert_array_equal(full, SEQUENTIAL[levels][..., :3])


def test_series_are_chosen_by_what_their_files_say() -> None:
    """Own files win over the other zone's; a zone with both modalities can serve both sides."""
    ct, mri = small_study()
    both = taking.take([*ct, *mri])
    assert {s.modality for s in both.study.series} == {"CT", "MR"}
    now = Studies(drops={"mri": both})
    picks = taking.picks_of(now)
    names = {slot: both.study.series[pick.index].modality for slot, pick in picks.items()}
    assert names == {"ct": "CT", "mri": "MR"}
    assert all(pick.zone == "mri" for pick in picks.values())
    own = Studies(drops={"mri": both, "ct": taking.take(ct)}, picks=picks)
    assert taking.picks_of(own)["ct"] == Pick("ct", 0)
    assert taking.wrong_way(Studies(drops={"ct": taking.take(mri)}, picks={"ct": Pick("ct", 0)}))


def test_a_stack_is_checked_on_both_sides() -> None:
    """A slice outside its stack is refused, and only a whole number is taken for a wish."""
    with pytest.raises(ValueError, match="no slice 5"):
        Stack(5, 5)
    assert _state({"slice": {"index": 3, "at": 1}}, None, "side").wish == 3
    assert _state({"slice": {"index": "3"}}, None, "side").wish is None
    assert _state({}, None, "side").wish is None
