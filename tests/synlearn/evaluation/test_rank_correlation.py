"""Rank correlations against SciPy's golden values, the O(n^2) definitions, and their properties."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synlearn.errors import InputError, ScoreInputError
from synlearn.evaluation import kendall_tau, pearson, weighted_kendall_tau

GOLDEN = dict(np.load(Path(__file__).parents[2] / "golden" / "ranking_metrics.npz"))
CASES = sorted({key.split(".")[0] for key in GOLDEN})
METRICS = {
    "kendall_tau_b": kendall_tau,
    "weighted_tau_rank_truth": weighted_kendall_tau,
    "weighted_tau_rank_score": lambda s, t: weighted_kendall_tau(s, t, rank_by="scores"),
    "weighted_tau_default": lambda s, t: weighted_kendall_tau(s, t, rank_by="both"),
    "pearson": pearson,
}
# SciPy's weighted tau of a NaN is a number that means nothing.
NONSENSE = {("nan_score", name) for name in METRICS}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", CASES)
def test_golden_values(case: str, metric: str) -> None:
    scores, truth = GOLDEN[f"{case}.score"], GOLDEN[f"{case}.truth"]
    for variant in (metric, f"{metric}_bruteforce"):
        want = GOLDEN.get(f"{case}.{variant}")
        if want is None:
            continue
        if np.isnan(want) or (case, metric) in NONSENSE:
            with pytest.raises(ScoreInputError):
                METRICS[metric](scores, truth)
        else:
            assert METRICS[metric](scores, truth) == pytest.approx(float(want), rel=1e-9, abs=1e-11)


def weighted_tau_by_definition(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """Vigna's definition: weighted agreement over all pairs, normalised like a cosine."""
    x = np.sign(scores[:, None] - scores[None])
    y = np.sign(truth[:, None] - truth[None])
    pair = weights[:, None] + weights[None]
    np.fill_diagonal(pair, 0.0)
    norm = np.sqrt((pair * x * x).sum() * (pair * y * y).sum())
    return float((pair * x * y).sum() / norm)


@st.composite
def rankable(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Two vectors with ties, neither constant."""
    n = draw(st.integers(2, 30))
    numbers = st.lists(st.integers(-6, 6), min_size=n, max_size=n).filter(
        lambda values: len(set(values)) > 1
    )
    return np.array(draw(numbers), float), np.array(draw(numbers), float)


@given(rankable())
def test_tau_is_its_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = pair
    plain = weighted_tau_by_definition(scores, truth, np.ones(len(scores)))
    assert kendall_tau(scores, truth) == pytest.approx(plain, abs=1e-12)


@given(rankable())
def test_weighted_tau_is_its_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = pair
    rank = np.empty(len(scores))
    rank[np.lexsort((-scores, -truth))] = np.arange(len(scores))
    wanted = weighted_tau_by_definition(scores, truth, 1 / (rank + 1))
    assert weighted_kendall_tau(scores, truth) == pytest.approx(wanted, abs=1e-12)


@given(rankable())
def test_symmetry_and_sign(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = pair
    assert kendall_tau(scores, truth) == pytest.approx(kendall_tau(truth, scores), abs=1e-12)
    assert kendall_tau(-scores, truth) == pytest.approx(-kendall_tau(scores, truth), abs=1e-12)
    assert weighted_kendall_tau(scores, truth) == pytest.approx(
        weighted_kendall_tau(truth, scores, rank_by="scores"), abs=1e-12
    )
    assert pearson(scores, scores) == pytest.approx(1.0)


@given(rankable())
def test_only_the_order_matters(pair: tuple[np.ndarray, np.ndarray]) -> None:
    scores, truth = pair
    assert kendall_tau(np.exp(scores), truth) == kendall_tau(scores, truth)
    assert weighted_kendall_tau(np.exp(scores), truth) == pytest.approx(
        weighted_kendall_tau(scores, truth), abs=1e-12
    )


def test_a_swap_at_the_top_costs_more_than_one_at_the_bottom() -> None:
    truth = np.arange(10.0)
    top, bottom = truth.copy(), truth.copy()
    top[[8, 9]], bottom[[0, 1]] = top[[9, 8]], bottom[[1, 0]]
    assert kendall_tau(top, truth) == kendall_tau(bottom, truth)
    assert weighted_kendall_tau(top, truth) < weighted_kendall_tau(bottom, truth)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_pearson_survives_extreme_scales(scale: float) -> None:
    x, y = np.array([1.0, 2.0, 4.0]), np.array([3.0, 1.0, 5.0])
    assert pearson(scale * x, y) == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-12)


@pytest.mark.parametrize(
    ("scores", "truth", "sentence"),
    [
        ([1, 2, 3], [1, 2], "scores has 3 models and truth has 2"),
        ([1], [2], "at least two models"),
        ([], [], "at least two models"),
        ([1, float("nan")], [1, 2], "scores is NaN at index 1"),
        ([1, 2], [float("nan"), 2], "truth is NaN at index 0"),
        ([1, 1, 1], [1, 2, 3], "scores equal 1"),
        ([1, 2, 3], [0, 0, 0], "truth equal 0"),
        ([[1, 2]], [[1, 2]], "scores has shape (1, 2)"),
        (["a", "b"], [1, 2], "scores is not an array of real numbers"),
        ([1j, 2], [1, 2], "scores is not an array of real numbers"),
    ],
)
@pytest.mark.parametrize("metric", [kendall_tau, weighted_kendall_tau, pearson])
def test_undefined_is_an_error_never_nan(
    metric: Callable[[Any, Any], float], scores: object, truth: object, sentence: str
) -> None:
    with pytest.raises(ScoreInputError) as caught:
        metric(scores, truth)
    assert sentence in str(caught.value)
    assert isinstance(caught.value, InputError)


def test_pearson_refuses_infinities() -> None:
    with pytest.raises(ScoreInputError, match="infinity"):
        pearson([1, 2, np.inf], [1, 2, 3])


def test_unknown_rank_by() -> None:
    with pytest.raises(ScoreInputError, match="'truth', 'scores' or 'both'"):
        weighted_kendall_tau([1, 2], [1, 2], rank_by="models")  # type: ignore[arg-type]
