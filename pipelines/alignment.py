"""Does the MRI lie on the CT? What moving it changes, and where it would fit best."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion_core.shared_information import Spread, mutual_information, smoothed, spread
from imaging.image import Image
from imaging.shift import Shift, describe, move
from imaging.windowing import apply_window, default_window
from pipelines.fuse import HEAD_LEVEL, FusedPair, to_8bit

Axis = Literal["right", "down", "turn"]
AXES: tuple[Axis, Axis, Axis] = ("right", "down", "turn")

GRID = 256
"""Longest side, in pixels, of the grid on which images are compared."""

SMALLEST = 48
"""Shortest side of that grid from which a comparison says anything."""

EVERY = 2
"""Only every second pixel of every second row is counted: after the blur the others repeat it."""

FARTHER = 2.0
"""Root mean square way of the head, in pixels of the grid, from which the user is told."""

GAIN = 0.03
"""Relative gain of mutual information from which the user is told."""

LOSS = -0.01
"""A half of the image may lose this much; where one loses more, the two do not move as one."""

_STEPS = ((4.0, 4.0, 2.0), (2.0, 2.0, 1.0), (1.0, 1.0, 0.5), (0.5, 0.5, 0.25))
"""Steps of the search: pixels right, pixels down, degrees."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two images made ready to be compared at many positions.

    Attributes:
        ct: the CT's samples.
        mri: (h, w), the blurred MRI on the comparing grid.
        inside: (h, w), the head.
        scale: pixels of the comparing grid per pixel of the images, across and down.
        spacing: (row, column) of the comparing grid in mm, None where unknown.
    """

    ct: Spread
    mri: NDArray[np.float32]
    inside: NDArray[np.bool_]
    scale: tuple[float, float]
    spacing: tuple[float, float] | None

    def information(self, shift: Shift) -> float:
        """Mutual information of the CT and the moved MRI, in bits.

        Args:
            shift: in pixels of the images.
        """
        return mutual_information(self.ct, self.moved(shift.scaled(*self.scale)))

    def moved(self, shift: Shift) -> Spread:
        """The MRI's samples after a motion in pixels of the comparing grid."""
        return spread(move(self.mri, shift, self.spacing, every=EVERY, linear=True))


@dataclass(frozen=True)
class Check:
    """Where the MRI would fit best.

    Attributes:
        shift: the motion of the MRI, in pixels of the images.
        gain: by what part the mutual information grows, 0.05 is 5 %.
        distance: root mean square way of the head's pixels, in pixels of the comparing grid.
        halves: the same gain for the left, right, upper and lower half of the image alone.
    """

    shift: Shift
    gain: float
    distance: float
    halves: tuple[float, float, float, float]

    @property
    def tells(self) -> bool:
        """Whether this is clear enough to tell the user: far, worth it, and so everywhere."""
        return self.distance >= FARTHER and self.gain >= GAIN and min(self.halves) >= LOSS


def compare(ct: Image, mri: Image) -> Comparison | None:
    """Make two images of one grid ready, each in its default window.

    The windows chosen for fusing have no say: otherwise a narrow one could hide a misfit.

    Returns:
        None where the images are too small to be compared.
    """
    rows, columns = ct.shape
    factor = min(1.0, GRID / max(rows, columns))
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    if min(size) < SMALLEST:
        return None
    grey = [apply_window(image, default_window(image)) for image in (ct, mri)]
    if factor < 1:
        grey = [_reduced(image, size) for image in grey]
    inside = np.maximum(*grey) > HEAD_LEVEL
    scale = (size[0] / columns, size[1] / rows)
    spacing = ct.spacing and (ct.spacing[0] / scale[1], ct.spacing[1] / scale[0])
    fixed = smoothed(grey[0])[::EVERY, ::EVERY]
    return Comparison(spread(fixed), smoothed(grey[1]), inside, scale, spacing)


def check(pair: Comparison) -> Check:
    """Climb from the position as loaded to the nearest maximum of mutual information.

    Every step tries both senses of the two directions and of the turn, and halves where none is
    better; so it finds what a hand would find by nudging, up to about 12 pixels away.
    """

    def value(position: Sequence[float]) -> float:
        return mutual_information(pair.ct, pair.moved(Shift(*position)))

    here: tuple[float, ...] = (0.0, 0.0, 0.0)
    start = best = value(here)
    for steps in _STEPS:
        better = True
        while better:
            better = False
            for near in _neighbours(here, steps):
                found = value(near)
                if found > best:
                    here, best, better = near, found, True
                    break
    shift = Shift(*here)
    across, down = pair.scale
    return Check(
        shift.scaled(1 / across, 1 / down),
        _gain(start, best),
        shift.distance(pair.inside, pair.spacing),
        _by_halves(pair, shift),
    )


def warning(found: Check, spacing: tuple[float, float] | None) -> str:
    """The sentence for a check that tells something; empty where there is nothing to tell."""
    if not found.tells:
        return ""
    return (
        f"The MRI fits the CT better {describe(found.shift, spacing)}: mutual information grows "
        f"by {100 * found.gain:.0f} %."
    )


def curve(pair: Comparison, axis: Axis, at: Shift, values: Sequence[float]) -> list[float]:
    """Mutual information in bits along one axis, the other two held.

    Args:
        pair: the images.
        axis: which one to vary.
        at: the position whose other two values hold.
        values: of that axis, in pixels of the images or degrees.
    """
    return [pair.information(replace(at, **{axis: value})) for value in values]


def fuse_moved(pair: FusedPair, shift: Shift) -> FusedPair:
    """Fuse a pair again with its MRI moved; windows and method stay.

    Raises:
        MethodError: the memory does not suffice.
    """
    if not shift:
        return pair
    mri = replace(pair.mri, pixels=move(pair.mri.pixels, shift, pair.mri.spacing))
    mri01 = apply_window(mri, pair.windows[1])
    result = pair.method.fuse(pair.ct01, mri01)
    fused8 = to_8bit(result.fused[0, 0].numpy())
    return replace(pair, mri=mri, mri01=mri01, result=result, fused8=fused8)


def reach(shape: tuple[int, int]) -> float:
    """How far the screens let an image be moved, in whole pixels: 20 of 256."""
    return float(max(4, round(max(shape) * 20 / 256)))


TURN = 15.0
"""How far the screens let an image be turned, in degrees."""


def _reduced(image: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)


def _neighbours(here: tuple[float, ...], steps: tuple[float, ...]) -> list[tuple[float, ...]]:
    return [
        tuple(v + sign * step if i == axis else v for i, v in enumerate(here))
        for axis, step in enumerate(steps)
        for sign in (1, -1)
    ]


def _gain(before: float, after: float) -> float:
    return after / before - 1 if before > 1e-6 else 0.0


def _by_halves(pair: Comparison, shift: Shift) -> tuple[float, float, float, float]:
    rows, columns = pair.ct.lower.shape
    left = np.zeros((rows, columns), dtype=bool)
    left[:, : columns // 2] = True
    upper = np.zeros((rows, columns), dtype=bool)
    upper[: rows // 2] = True
    loaded, moved = pair.moved(Shift()), pair.moved(shift)
    gains = []
    for half in (left, ~left, upper, ~upper):
        ct = pair.ct.where(half)
        before, after = (mutual_information(ct, mri.where(half)) for mri in (loaded, moved))
        gains.append(_gain(before, after))
    return gains[0], gains[1], gains[2], gains[3]
