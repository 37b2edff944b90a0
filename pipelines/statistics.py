"""Paired statistics of scores: intervals, tests and effect sizes, by image and by patient.

Slices of one patient look alike, so they are not independent observations. Numbers by image are
given because papers give them; what may be concluded is decided by patient.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL, ALPHA = 0.95, 0.05
RESAMPLES = 10_000
MIN_PATIENTS = 6
"""Below this many patients no test by patient is made: six signs alone reach p = .03 at best."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """What paired differences say, taken one per unit (an image or a patient).

    Attributes:
        count: units with a value on both sides.
        mean: of the differences.
        low, high: 95 % bootstrap interval of that mean.
        p: two-sided Wilcoxon signed-rank test; NaN below two units.
        effect: matched-pairs rank-biserial correlation, -1 to 1: the share of the rank sum that
            favours the method less the share that favours the reference.
        dz: Cohen's d of paired differences, their mean over their standard deviation.
    """

    count: int
    mean: float
    low: float
    high: float
    p: float
    effect: float
    dz: float


def paired(differences: Sequence[float] | Values, seed: int = 0) -> Paired:
    """Describe paired differences; missing values (NaN) are left out.

    Args:
        differences: method less reference, one per unit.
        seed: of the bootstrap.
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[~np.isnan(d)]
    if not len(d):
        return Paired(0, *(math.nan,) * 6)
    low, high = bootstrap_interval(d, seed)
    sd = float(d.std(ddof=1)) if len(d) > 1 else math.nan
    dz = float(d.mean()) / sd if sd > 0 else math.nan
    return Paired(len(d), float(d.mean()), low, high, wilcoxon(d), rank_biserial(d), dz)


def bootstrap_interval(
    differences: Values, seed: int = 0, level: float = LEVEL, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Percentile interval of the mean under resampling of the units with replacement.

    Returns:
        Lower and upper end; NaN below two units.

    Reference: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993,
    doi:10.1201/9780429246593.
    """
    n = len(differences)
    if n < 2:
        return math.nan, math.nan
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    step = max(1, 2_000_000 // n)  # bounds the memory, whatever the number of units
    for start in range(0, resamples, step):
        chosen = generator.integers(0, n, (min(step, resamples - start), n))
        means[start : start + len(chosen)] = differences[chosen].mean(1)
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def wilcoxon(differences: Values) -> float:
    """Two-sided p of the signed-rank test; 1 where all differences are zero, NaN below two.

    Zero differences are dropped (Wilcoxon's treatment); the p is exact for up to 50 untied ones.

    Reference: F. Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1(6),
    1945, doi:10.2307/3001968.
    """
    if len(differences) < 2:
        return math.nan
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="wilcox").pvalue)


def least_p(units: int, tests: int) -> float:
    """The smallest p that the signed-rank test can reach at all, after Holm's correction.

    Args:
        units: untied differences; all of one sign give 2 / 2^units.
        tests: how many p-values are corrected together.
    """
    return min(1.0, tests * 2.0 ** (1 - units))


def rank_biserial(differences: Values) -> float:
    """Share of the rank sum of positive differences less that of negative ones; 0 if all are zero.

    Reference: D. Kerby, "The simple difference formula", Comprehensive Psychology 3, 2014,
    doi:10.2466/11.IT.3.1.
    """
    d = differences[differences != 0]
    if not len(d):
        return 0.0
    ranks = stats.rankdata(np.abs(d))
    return float((ranks[d > 0].sum() - ranks[d < 0].sum()) / ranks.sum())


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method; NaN stays and does not count.

    Reference: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
    Journal of Statistics 6(2), 1979, https://www.jstor.org/stable/4615733.
    """
    adjusted = list(p_values)
    known = sorted((p, i) for i, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = largest
    return adjusted


def by_patient(values: Mapping[str, float], patients: Mapping[str, str]) -> dict[str, float]:
    """Mean value of each patient, in the order of their names; missing values are left out.

    Args:
        values: image -> value.
        patients: image -> patient.
    """
    gathered: dict[str, list[float]] = {}
    for image, value in values.items():
        if not math.isnan(value):
            gathered.setdefault(patients[image], []).append(value)
    return {patient: float(np.mean(gathered[patient])) for patient in sorted(gathered)}


def too_few_patients(count: int) -> str:
    """Why there is no interval or p-value by patient."""
    have = "1 patient" if count == 1 else f"{count} patients"
    return (
        f"No interval and no p-value by patient: {have} here, and below {MIN_PATIENTS} they would "
        "say more than the data can. The differences of each patient are shown instead."
    )
