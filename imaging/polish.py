"""The last steps of an alignment: small turns and ways, tried one by one.

Descent on mutual information stops early along valleys and leans toward places where less of the
body is in view. Trying each small motion on the measure that also judges brings what is left, on
synthetic heads, from 2 or 3 mm to about half of one (benchmarks/registration.py).
"""

from collections.abc import Callable

import numpy as np

from imaging.agreement import Judge
from imaging.transform import Matrix, Transform, rigid

SWEEPS = 24
"""Most rounds through all motions; six or eight are usual."""


def polish(
    judge: Judge,
    start: Transform,
    step: float,
    smallest: float,
    stretch: bool = False,
    tick: Callable[[], None] = lambda: None,
) -> Transform:
    """Climb by single motions until none of the smallest size helps.

    Args:
        judge: the measure to climb.
        start: where to begin.
        step: size of the first motions, mm at the edge of the head.
        smallest: size at which to end, mm.
        stretch: also stretch and shear.
        tick: called after each round.
    """
    radius = _radius(judge)
    best, worth = start, judge(start).metric
    # Each motion is tried first in the way that last helped.
    ways = [1.0] * len(_motions(start, step, radius, stretch))
    for _ in range(SWEEPS):
        if step < smallest:
            break
        better = False
        for number, way in enumerate(ways):
            for sign in (way, -way):
                motion = _motions(best, sign * step, radius, stretch)[number]
                tried = Transform(best.matrix @ motion, best.centre)
                value = judge(tried).metric
                if value > worth:
                    best, worth, better, ways[number] = tried, value, True, sign
                    break
        step = step if better else step / 2
        tick()
    return best


def _radius(judge: Judge) -> float:
    """Mean distance of the fixed body from its middle, mm."""
    placed = judge.fixed.placed
    points = judge.fixed.body_points @ placed.affine[:-1, :-1].T + placed.affine[:-1, -1]
    reach = float(np.linalg.norm(points - judge.fixed.centre, axis=1).mean())
    return max(reach, float(placed.spacing.max()))


def _motions(at: Transform, step: float, radius: float, stretch: bool) -> list[Matrix]:
    """The single motions, each moving the edge of the head by about a step."""
    size = at.dimension
    still = (0.0,) * size
    turns = 3 if size == 3 else 1
    angle = float(np.degrees(step / radius))
    ways = [rigid(tuple(row), (0.0,) * turns, at.centre).matrix for row in step * np.eye(size)]
    ways += [rigid(still, tuple(row), at.centre).matrix for row in angle * np.eye(turns)]
    if not stretch:
        return ways
    middle = np.array(at.centre)
    for first in range(size):
        for second in range(first, size):
            matrix = np.eye(size + 1)
            matrix[first, second] += step / radius
            matrix[:-1, -1] = middle - matrix[:-1, :-1] @ middle
            ways.append(matrix)
    return ways
