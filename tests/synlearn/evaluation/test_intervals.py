"""Intervals against SciPy's t-tests, and by their coverage in a simulation."""

import numpy as np
import pytest
from scipy import stats

from synlearn.errors import ScoreInputError
from synlearn.evaluation import Estimate, mean_interval, paired_difference
from synlearn.evaluation.intervals import student_t


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_equals_the_interval_of_a_t_test(confidence: float) -> None:
    values = np.random.default_rng(0).normal(size=5)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    found = mean_interval(values, confidence=confidence)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.mean == pytest.approx(values.mean())
    assert found.runs == 5


def test_covers_the_mean_as_often_as_it_says() -> None:
    runs = np.random.default_rng(0).normal(loc=0.7, size=(4000, 5))
    found = [mean_interval(row) for row in runs]
    covered = np.mean([e.low <= 0.7 <= e.high for e in found if e.low is not None and e.high])
    assert covered == pytest.approx(0.95, abs=0.012)  # three standard errors


def test_a_paired_difference_equals_a_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=5)
    a, b = shared + 0.1 * rng.normal(size=5) + 0.3, shared + 0.1 * rng.normal(size=5)
    wanted = stats.ttest_rel(a, b).confidence_interval(0.95)
    found = paired_difference(dict(enumerate(a)), dict(reversed(list(enumerate(b)))))
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.excludes_zero
    assert not Estimate(0.1, -0.1, 0.3, 5).excludes_zero


def test_one_run_has_no_interval() -> None:
    found = mean_interval([0.5])
    assert (found.mean, found.low, found.high) == (0.5, None, None)
    assert not found.excludes_zero


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, np.nan], [np.inf]])
def test_bad_runs(values: list[float]) -> None:
    with pytest.raises(ScoreInputError):
        mean_interval(values)


def test_other_seeds_cannot_be_paired() -> None:
    with pytest.raises(ScoreInputError, match="same seeds"):
        paired_difference({0: 1.0}, {1: 1.0})


@pytest.mark.parametrize(("degrees", "confidence"), [(0, 0.95), (4, 0.0), (4, 1.0), (4, np.nan)])
def test_no_such_quantile(degrees: int, confidence: float) -> None:
    with pytest.raises(ScoreInputError):
        student_t(degrees, confidence)
