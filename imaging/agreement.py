"""How well two images agree as they lie: shared information and how much of the body is in view.

The search for an alignment climbs a sampled estimate of its own; what is said here is computed
apart from it, on a whole grid, so that it can judge what the search brings.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imaging.resample import Placed, inside, sample
from imaging.transform import Matrix, Transform

BINS = 40
MARGIN = 0.06
"""Air that is looked at around the fixed body, as a share of the grid's longest side."""

HU_RANGE = (-500.0, 800.0)
"""Where CT tells tissues apart; all below is air, all above is dense bone or metal."""

BODY_HU = -300.0
BODY_SHARE = 0.15
"""The body is brighter than this share of the way from the dark to the bright end."""


@dataclass(frozen=True, eq=False)
class Grey:
    """One of the two images at some resolution, with what is needed to compare it.

    Attributes:
        placed: samples cut to the range that matters, scaled to [0, 1].
        floor: value above which a sample belongs to the body.
    """

    placed: Placed
    floor: float

    @cached_property
    def body(self) -> NDArray[np.bool_]:
        """Samples of the body."""
        return self.placed.values > self.floor

    @cached_property
    def body_points(self) -> NDArray[np.float64]:
        """Up to 20,000 indices (x, y[, z]) of the body; the grid's middle if there is none."""
        found = np.argwhere(self.body)[:, ::-1]
        if not len(found):
            return np.asarray(((self.placed.size - 1) / 2)[None], np.float64)
        return found[:: max(1, len(found) // 20_000)].astype(np.float64)

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """Middle of the body's mass, mm."""
        middle = self.body_points.mean(0)
        return np.asarray((self.placed.affine @ (*middle, 1))[:-1], np.float64)

    def coarse(self, spacing: float) -> "Grey":
        """The same at about a spacing in mm, by averaging; axes that are coarser stay."""
        return Grey(self.placed.coarse(spacing), self.floor)

    def softened(self) -> "Grey":
        """The same with neighbours weighed 1, 2, 1 along each axis.

        Interpolation softens noise except where two grids fall on each other; unsoftened samples
        would make mutual information prefer that place, however wrong it is (Pluim, Maintz and
        Viergever 2000, doi:10.1006/cviu.1999.0816).
        """
        return Grey(Placed(_softened(self.placed.values), self.placed.affine), self.floor)


def _softened(values: NDArray[np.float32]) -> NDArray[np.float32]:
    for axis in range(values.ndim):
        before = np.take(values, [0, *range(values.shape[axis] - 1)], axis)
        after = np.take(values, [*range(1, values.shape[axis]), -1], axis)
        values = 0.25 * (before + after) + 0.5 * values
    return np.asarray(values, np.float32)


def grey(placed: Placed, unit: str) -> Grey:
    """Cut samples to the range that matters and find the body.

    Args:
        placed: samples in true units, without padding.
        unit: "HU" has a range of its own; others are cut at their percentiles.
    """
    values = placed.values
    if unit == "HU":
        low, high = HU_RANGE
        floor = (BODY_HU - low) / (high - low)
    else:
        low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
        floor = BODY_SHARE
        if high <= low:
            low, high = float(values.min()), float(values.max())
    span = np.float32(max(high - low, 1e-6))
    return Grey(Placed(np.clip((values - np.float32(low)) / span, 0, 1), placed.affine), floor)


@dataclass(frozen=True)
class Agreement:
    """How two images agree under one transform.

    Attributes:
        metric: normalised mutual information where both have samples: 1 where neither tells
            anything of the other, 2 where each tells the other wholly.
        fixed_seen: share of the fixed body in the moving field of view, 0 to 1.
        moving_seen: share of the moving body in the fixed field of view, 0 to 1.

    Reference: Studholme, Hill and Hawkes 1999, doi:10.1016/S0031-3203(98)00091-0.
    """

    metric: float
    fixed_seen: float
    moving_seen: float

    @property
    def overlap(self) -> float:
        """The smaller of both shares."""
        return min(self.fixed_seen, self.moving_seen)


class Judge:
    """Compares one pair at one resolution under many transforms.

    Args:
        fixed: the image whose grid is compared.
        moving: the other.
        offset: where between the fixed samples to compare, in samples; two judges with different
            offsets share no point.
    """

    def __init__(self, fixed: Grey, moving: Grey, offset: float = 0.0) -> None:
        self.fixed, self.moving = fixed, moving
        origin, shape = self._box()
        affine = fixed.placed.affine.copy()
        affine[:-1, -1] = (affine @ (*(origin + offset), 1))[:-1]
        self.affine, self.shape = affine, shape
        self.levels = _levels(sample(fixed.placed, affine, shape, 0.0))

    def _box(self) -> tuple[NDArray[np.intp], tuple[int, ...]]:
        """Corner (x, y[, z]) and shape of the part of the fixed grid that is looked at."""
        points = self.fixed.body_points
        margin = MARGIN * float((self.fixed.placed.size * self.fixed.placed.spacing).max())
        reach = np.ceil(margin / self.fixed.placed.spacing)
        low = np.maximum(points.min(0) - reach, 0).astype(np.intp)
        high = np.minimum(points.max(0) + reach, self.fixed.placed.size - 1).astype(np.intp)
        return low, tuple(int(n) for n in (high - low + 1)[::-1])

    def __call__(self, transform: Transform) -> Agreement:
        """How the pair agrees under a transform from fixed to moving."""
        link = transform.matrix @ self.affine
        moved = sample(self.moving.placed, link, self.shape, -1.0)
        held = moved >= 0  # samples lie in [0, 1]; outside the field of view it is -1
        whole = transform.matrix @ self.fixed.placed.affine
        fixed_seen = inside(whole, self.fixed.body_points, self.moving.placed).mean()
        back = np.linalg.inv(transform.matrix) @ self.moving.placed.affine
        moving_seen = inside(back, self.moving.body_points, self.fixed.placed).mean()
        metric = shared_information(self.levels[held], _levels(moved[held]))
        return Agreement(metric, float(fixed_seen), float(moving_seen))


def shared_information(first: NDArray[np.intp], second: NDArray[np.intp]) -> float:
    """Normalised mutual information of two lists of levels below BINS; 1 for fewer than 100."""
    if first.size < 100:
        return 1.0
    joint = np.bincount(first * BINS + second, minlength=BINS * BINS).reshape(BINS, BINS)
    share = joint / first.size
    both = _entropy(share.ravel())
    return (_entropy(share.sum(0)) + _entropy(share.sum(1))) / both if both > 0 else 1.0


def _entropy(share: NDArray[np.float64]) -> float:
    present = share[share > 0]
    return float(-(present * np.log(present)).sum())


def _levels(values: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.minimum(values * BINS, BINS - 1).astype(np.intp)


def shifted(first: NDArray[np.float64], second: NDArray[np.float64]) -> Matrix:
    """The matrix that carries one point of the fixed image to another of the moving one."""
    matrix = np.eye(len(first) + 1)
    matrix[:-1, -1] = second - first
    return matrix
