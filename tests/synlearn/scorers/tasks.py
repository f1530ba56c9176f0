"""Made-up tasks and properties that every score by classes has."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Score = Callable[[Array, Ints], float]


def task(n: int, d: int, classes: int, seed: int, *, signal: float = 1.0) -> tuple[Array, Ints]:
    """Gaussian classes with equal scatter; the first `classes` rows show every class once."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    x = rng.normal(size=(n, d)) + signal * rng.normal(size=(classes, d))[y]
    return x, y.astype(np.int64)


# every inheriting class runs the same property, which is the point of a contract
inherited = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.differing_executors]
)


class ClassScoreContract:
    """Properties of a score by classes; a subclass names the score.

    `translation` and `scale` say whether a shift or a common factor of the features matters.
    """

    tolerance = 1e-9
    translation = True
    scale = False

    @staticmethod
    def score(x: Array, y: Ints) -> float:
        raise NotImplementedError

    @inherited
    @given(seed=st.integers(0, 10**6), n=st.integers(12, 40), d=st.sampled_from([2, 5, 60]))
    def test_order_of_rows_names_of_classes_and_order_of_features_do_not_matter(
        self, seed: int, n: int, d: int
    ) -> None:
        if d >= n and not self.defined_for_wide():
            return
        x, y = task(n, d, 3, seed)
        want = self.score(x, y)
        rng = np.random.default_rng(seed)
        rows, columns = rng.permutation(n), rng.permutation(d)
        names = np.array([-7, 1000, 12])[rng.permutation(3)]
        assert np.isfinite(want)
        got = self.score(x[rows][:, columns], names[y[rows]])
        assert got == pytest.approx(want, rel=self.tolerance, abs=self.tolerance)

    @inherited
    @given(seed=st.integers(0, 10**6), factor=st.sampled_from([1e-3, 7.0, 1e4]))
    def test_what_shift_and_scale_leave(self, seed: int, factor: float) -> None:
        x, y = task(40, 6, 4, seed)
        want = self.score(x, y)
        if self.translation:
            moved = self.score(x + 3 * np.arange(6), y)
            assert moved == pytest.approx(want, rel=1e-7, abs=1e-9)
        if self.scale:
            assert self.score(factor * x, y) == pytest.approx(want, rel=1e-7, abs=1e-9)

    def defined_for_wide(self) -> bool:
        return True

    def test_the_callers_arrays_are_left_alone(self) -> None:
        x, y = task(30, 5, 3, 0)
        kept = x.copy(), y.copy()
        self.score(x, y)
        np.testing.assert_array_equal(x, kept[0])
        np.testing.assert_array_equal(y, kept[1])

    @pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
    def test_values_that_no_score_survives(self, bad: float) -> None:
        x, y = task(30, 5, 3, 0)
        x[3, 2] = bad
        with pytest.raises(ScoreInputError):
            self.score(x, y)

    def test_shapes_that_do_not_match(self) -> None:
        x, y = task(30, 5, 3, 0)
        with pytest.raises(ScoreInputError, match="labels"):
            self.score(x, y[:-1])
        with pytest.raises(ScoreInputError, match="whole numbers"):
            self.score(x, y + 0.5)  # type: ignore[arg-type]
        with pytest.raises(ScoreInputError, match="matrix"):
            self.score(x[:, 0], y)
        with pytest.raises(ScoreInputError, match="matrix"):
            self.score(x[:0], y[:0])
