"""Alignment of two images by mutual information: several starts, coarse to fine, judged apart.

No single search can be trusted. Descent from where the files place two studies once ran 168 mm
away, and a start from the centres of mass once missed by 83 mm. So several starts are climbed at
low resolution, a measure of its own says which came best, and `register_checks` compares that with
how the images lay before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from imaging.agreement import Agreement, Grey, Judge, grey, shifted
from imaging.errors import InputError
from imaging.image import Image
from imaging.polish import SWEEPS, polish
from imaging.register_checks import Alignment, verdict
from imaging.resample import THREADS, Placed, itk, place, without_padding
from imaging.transform import Matrix, Transform, identity
from imaging.volume import Volume

Kind = Literal["rigid", "affine"]

LEVELS = (32, 64, 128)
"""Samples along the fixed image's longest side, coarse to fine."""

SAMPLES = 60_000
"""Points whose values the search compares at a level; more are drawn at random, with a seed."""

ITERATIONS = 100
"""Most steps of one search."""

SCAN, POLISH = 10, 120
"""What choosing the starts and the small steps count in steps of a search, for the progress."""

STARTS = 3
"""How many of the starts are climbed at the coarsest level."""

ALONG = (-90.0, -60.0, -30.0, 30.0, 60.0, 90.0)
"""Ways along the slices, mm, that are tried from the centres: one study may hold the neck."""

MIN_SEEN = 0.25
"""A start that holds less of both bodies in view is not climbed."""


class Cancelled(Exception):
    """The user stopped the alignment; nothing was changed."""


@dataclass
class _Watch:
    """Counts the steps of all searches and asks whether to go on."""

    progress: Callable[[float], None] | None
    cancelled: Callable[[], bool] | None
    total: int
    done: int = 0

    def step(self, count: int = 1) -> None:
        self.done = min(self.done + count, self.total)
        if self.progress:
            self.progress(self.done / self.total)

    def check(self) -> None:
        if self.cancelled and self.cancelled():
            raise Cancelled("The alignment was stopped; nothing was changed.")


@dataclass(frozen=True, eq=False)
class _Level:
    fixed: Grey
    moving: Grey
    judge: Judge
    step: float


def register(
    fixed: Volume | Image,
    moving: Volume | Image,
    kind: Kind = "rigid",
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Alignment:
    """Find how the moving image lies on the fixed one.

    The same pair gives the same answer, to a millionth of a millimetre: the sampling has a seed.
    Images without a spacing are taken to have pixels of 1 mm, and lie middle on middle.

    Args:
        fixed: the image whose grid counts, usually the CT.
        moving: the image to move, of the same dimension.
        kind: "rigid" turns and moves; "affine" also stretches and shears.
        progress: called with the share done, 0 to 1.
        cancelled: asked between steps.

    Raises:
        InputError: one is an image and the other a volume, or one shows nothing at all.
        Cancelled: `cancelled` said so.
    """
    if isinstance(fixed, Volume) != isinstance(moving, Volume):
        raise InputError("A slice cannot be registered to a volume; choose two of a kind.")
    frame = fixed.origin.frame_of_reference if isinstance(fixed, Volume) else None
    shared = frame is not None and (
        isinstance(moving, Volume) and moving.origin.frame_of_reference == frame
    )
    levels = _levels(fixed, moving)
    watch = _Watch(progress, cancelled, _effort(kind))
    dimension = 3 if isinstance(fixed, Volume) else 2
    still = identity(dimension).about(levels[0].fixed.centre)
    starts = _starts(levels[0], still, watch)
    coarse, middle, fine = levels
    ends = []
    for start in starts:
        # A search that ended worse than it began must not hide its start.
        end = _better(coarse.judge, start, _climb(coarse, start, False, watch))
        ends.append(_polish(coarse, end, coarse.step, False, watch))
    best = max(ends, key=lambda t: _worth(middle.judge(t)))
    best = _better(middle.judge, best, _climb(middle, best, False, watch))
    best = _polish(middle, best, middle.step, False, watch)
    if kind == "affine":
        best = _better(middle.judge, best, _climb(middle, best, True, watch))
        best = _polish(middle, best, middle.step / 2, True, watch)
    best = _polish(fine, best, fine.step / 2, kind == "affine", watch)
    watch.step(watch.total)
    final = Judge(fine.fixed, fine.moving, offset=0.5)
    origin = min(starts, key=lambda t: _apart(t, best))
    return verdict(still, final(still), best, final(best), origin, shared)


def _polish(level: _Level, best: Transform, step: float, stretch: bool, watch: _Watch) -> Transform:
    """The small steps at a level, counted and open to a stop."""
    before = watch.done

    def tick() -> None:
        watch.check()
        watch.step(POLISH // SWEEPS if watch.done - before < POLISH else 0)

    better = polish(level.judge, best, step, step / 8, stretch, tick)
    watch.step(max(0, POLISH - (watch.done - before)))
    return better


def _effort(kind: Kind) -> int:
    stretch = ITERATIONS + POLISH if kind == "affine" else 0
    return SCAN + STARTS * (ITERATIONS + POLISH) + ITERATIONS + 2 * POLISH + stretch


def _levels(fixed: Volume | Image, moving: Volume | Image) -> list[_Level]:
    whole = place(fixed)
    longest = float((whole.size * whole.spacing).max())
    first, second = (_grey(image, longest / LEVELS[-1]) for image in (fixed, moving))
    levels = []
    for samples in reversed(LEVELS):
        spacing = longest / samples
        first, second = first.coarse(spacing), second.coarse(spacing)
        soft = first.softened(), second.softened()
        levels.append(_Level(*soft, Judge(*soft), spacing))
    return levels[::-1]


def _grey(image: Volume | Image, spacing: float) -> Grey:
    """What is compared of one image, no finer than needed, so that large volumes cost little."""
    placed = place(image)
    if isinstance(image, Volume):
        placed = Placed(without_padding(image)[0], placed.affine)
    placed = placed.coarse(spacing)
    if float(np.ptp(placed.values)) == 0:
        raise InputError(f"{image.name} is the same everywhere, so nothing can be aligned.")
    return grey(placed, image.unit)


def _starts(level: _Level, still: Transform, watch: _Watch) -> list[Transform]:
    """The few most promising of many starts, always with the way the files place the images."""
    fixed, moving = level.fixed, level.moving
    centres = shifted(fixed.centre, moving.centre)
    matrices = [centres, shifted(fixed.placed.middle, moving.placed.middle)]
    if still.dimension == 3:
        along = fixed.placed.affine[:-1, 2] / fixed.placed.spacing[2]
        for way in ALONG:
            matrix = centres.copy()
            matrix[:-1, -1] += way * along
            matrices.append(matrix)
    rated = []
    for matrix in matrices:
        watch.check()
        start = Transform(matrix, still.centre)
        rated.append((_worth(level.judge(start)), start))
    watch.step(SCAN)
    chosen = [still] if level.judge(still).overlap > 0 else []
    for _, start in sorted(rated, key=lambda pair: -pair[0]):
        if len(chosen) < STARTS and all(_apart(start, other) > level.step for other in chosen):
            chosen.append(start)
    return chosen


def _worth(agreement: Agreement) -> float:
    """The metric, but nothing for a pair that hardly sees each other."""
    seen = max(agreement.fixed_seen, agreement.moving_seen)
    return agreement.metric if seen >= MIN_SEEN else 0.0


def _better(judge: Judge, old: Transform, new: Transform) -> Transform:
    return new if _worth(judge(new)) >= _worth(judge(old)) else old


def _apart(first: Transform, second: Transform) -> float:
    """Distance between the places where two transforms put the head's middle, mm."""
    ends = (t.points(np.array([first.centre]))[0] for t in (first, second))
    return float(np.linalg.norm(next(ends) - next(ends)))


def _climb(level: _Level, start: Transform, stretch: bool, watch: _Watch) -> Transform:
    """Follow the mutual information uphill from a start; the start where the search fails."""
    sitk = itk()
    watch.check()
    before = watch.done
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(THREADS)
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
    share = SAMPLES / level.fixed.placed.values.size
    if share < 1:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(share, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=level.step / 2,
        minStep=level.step / 200,
        numberOfIterations=ITERATIONS,
        relaxationFactor=0.8,
        gradientMagnitudeTolerance=1e-8,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    model = _model(sitk, start, stretch)
    method.SetInitialTransform(model, inPlace=True)
    # The start itself goes before the search, so that this looks for a small rest from zero.
    method.SetMovingInitialTransform(_as_itk(sitk, start.matrix))

    def step() -> None:
        watch.step()
        if watch.cancelled and watch.cancelled():
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, step)
    try:
        method.Execute(_picture(sitk, level.fixed), _picture(sitk, level.moving))
    except RuntimeError:
        # ITK gives up where too few samples overlap; the start then stands for itself.
        return start
    finally:
        watch.step(ITERATIONS - (watch.done - before))
    watch.check()
    # ITK's sums differ in the last of their digits from run to run; what follows must not.
    return Transform(np.round(start.matrix @ _matrix(model, start.dimension), 9), start.centre)


def _model(sitk: Any, start: Transform, stretch: bool) -> Any:
    if stretch:
        model = sitk.AffineTransform(start.dimension)
    else:
        model = sitk.Euler3DTransform() if start.dimension == 3 else sitk.Euler2DTransform()
    model.SetCenter(start.centre)
    return model


def _as_itk(sitk: Any, matrix: Matrix) -> Any:
    transform = sitk.AffineTransform(len(matrix) - 1)
    transform.SetMatrix(matrix[:-1, :-1].ravel().tolist())
    transform.SetTranslation(matrix[:-1, -1].tolist())
    return transform


def _matrix(model: Any, dimension: int) -> Matrix:
    """The matrix of one of SimpleITK's linear transforms."""
    matrix = np.eye(dimension + 1)
    linear = np.array(model.GetMatrix()).reshape(dimension, dimension)
    centre = np.array(model.GetCenter())
    matrix[:-1, :-1] = linear
    matrix[:-1, -1] = centre + model.GetTranslation() - linear @ centre
    return matrix


def _picture(sitk: Any, level: Grey) -> Any:
    placed = level.placed
    picture = sitk.GetImageFromArray(np.ascontiguousarray(placed.values))
    picture.SetSpacing(placed.spacing.tolist())
    picture.SetOrigin(placed.affine[:-1, -1].tolist())
    picture.SetDirection((placed.affine[:-1, :-1] / placed.spacing).ravel().tolist())
    return picture
