"""Intervals, tests and effect sizes against scipy and hand-made numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from pipelines.compare import Comparison
from pipelines.statistics import (
    bootstrap_interval,
    by_patient,
    holm,
    least_p,
    paired,
    rank_biserial,
    wilcoxon,
)


def test_the_bootstrap_interval_agrees_with_scipy() -> None:
    """The percentile interval of a mean is that of scipy.stats.bootstrap within its noise."""
    d = np.random.default_rng(1).normal(0.3, 1, 60)
    low, high = bootstrap_interval(d)
    oracle = stats.bootstrap(
        (d,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert low == pytest.approx(oracle.low, abs=0.02)
    assert high == pytest.approx(oracle.high, abs=0.02)
    assert low < d.mean() < high


def test_the_signed_rank_test_agrees_with_scipy_and_a_hand_made_case() -> None:
    """Six positive differences have p = 2 / 2^6; a shuffled sample has scipy's p."""
    assert wilcoxon(np.array([1.0, 2, 3, 4, 5, 6])) == pytest.approx(2 / 64)
    d = np.random.default_rng(3).normal(0.2, 1, 25)
    assert wilcoxon(d) == pytest.approx(stats.wilcoxon(d).pvalue)
    assert wilcoxon(np.zeros(5)) == 1.0
    assert math.isnan(wilcoxon(np.array([1.0])))


def test_the_rank_biserial_correlation_of_a_hand_made_case() -> None:
    """Ranks 1 to 4 with the smallest one negative give (9 - 1) / 10; zeros do not count."""
    assert rank_biserial(np.array([-1.0, 2, 3, 4, 0])) == pytest.approx(0.8)
    assert rank_biserial(np.array([-1.0, -2])) == -1
    assert rank_biserial(np.zeros(3)) == 0


def test_holm_of_a_hand_made_case() -> None:
    """Sorted p-values are multiplied by 4, 3, 2, 1 and never fall; a missing one stays so."""
    found = holm([0.01, 0.04, math.nan, 0.03, 0.005])
    assert found[:2] == pytest.approx([0.03, 0.06])
    assert math.isnan(found[2])
    assert found[3:] == pytest.approx([0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_no_p_is_smaller_than_the_least_one() -> None:
    """Six of one sign, the clearest there can be, reach 2 / 2^6; Holm over ten leaves ten of it."""
    clearest = wilcoxon(np.arange(1.0, 7.0))
    assert least_p(6, 1) == clearest
    assert min(holm([clearest] * 10)) == pytest.approx(least_p(6, 10))
    assert least_p(6, 60) == 1
    assert least_p(12, 60) < 0.05


def test_paired_leaves_missing_values_out() -> None:
    """A NaN does not count, and Cohen's dz is the mean over the standard deviation."""
    found = paired([1.0, math.nan, 3.0])
    assert (found.count, found.mean) == (2, 2.0)
    assert found.dz == pytest.approx(2 / math.sqrt(2))
    assert paired([math.nan]).count == 0


def test_patients_are_means_of_their_images() -> None:
    """Each patient counts once, whatever the number of slices."""
    values = {"a1": 1.0, "a2": 3.0, "b1": 5.0, "b2": math.nan}
    patients = {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    assert by_patient(values, patients) == {"a": 2.0, "b": 5.0}


def comparison_of(gains: dict[str, list[float]]) -> Comparison:
    """Two methods whose Qabf differs by the given gain on every image of every patient."""
    images = {f"{p}_{i}": g for p, found in gains.items() for i, g in enumerate(found)}
    base = {image: {"Qabf": 0.6} for image in images}
    other = {image: {"Qabf": 0.6 + gain} for image, gain in images.items()}
    patients = {image: image.split("_")[0] for image in images}
    return Comparison(
        {"base": "Base", "new": "New"}, "base", {"base": base, "new": other}, patients
    )


def test_many_alike_slices_of_few_patients_prove_nothing() -> None:
    """Twelve patients of twenty alike slices: p < .05 by image, not by patient, and both shown."""
    generator = np.random.default_rng(5)
    shifts = np.array(
        [0.03, 0.028, 0.02, 0.015, 0.012, 0.01, 0.008, -0.004, -0.01, -0.013, -0.02, -0.026]
    )
    gains = {f"p{k}": list(s + generator.normal(0, 0.002, 20)) for k, s in enumerate(shifts)}
    (found,) = comparison_of(gains).differences
    assert found.p_images < 0.05
    assert found.patients is not None
    assert found.p_patients > 0.05
    assert found.patients.count == 12
    assert found.patients.low < 0 < found.patients.high


def test_below_six_patients_only_their_differences_are_given() -> None:
    """Five patients have no interval and no p, and the sentence says so; six have both."""
    five = comparison_of({f"p{k}": [0.01 + k / 1000] * 3 for k in range(5)})
    (found,) = five.differences
    assert found.patients is None
    assert math.isnan(found.p_patients)
    assert len(found.per_patient) == 5
    assert "5 patients" in five.patient_note
    assert "no p-value" in five.patient_note
    (six,) = comparison_of({f"p{k}": [0.01 + k / 1000] * 3 for k in range(6)}).differences
    assert six.patients is not None
    assert six.p_patients == pytest.approx(2 / 64)


def test_a_test_that_can_never_pass_is_said_to_be_so() -> None:
    """Six agreeing patients and two tests: no p by patient can fall below .05, and that is said."""
    one = comparison_of({f"p{k}": [0.01 + k / 1000] * 3 for k in range(6)})
    assert one.can_pass
    assert one.patient_note.endswith("take each patient once.")
    scores = dict(one.scores) | {"third": one.scores["new"]}
    two = Comparison({n: n for n in scores}, "base", scores, one.patients)
    assert not two.can_pass
    assert all(d.p_patients >= 0.05 for d in two.differences)
    assert "too few for 2 tests at once" in two.patient_note
    assert "no p can fall below 0.062" in two.patient_note
