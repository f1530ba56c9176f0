"""Exact answers of neighbouring data sets are never further apart than is stated."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.masked import sensitivity as masked_sensitivity
from protocols.queries import (
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    SquaredError,
    TargetFeatures,
)
from provider.noise import check_noise, rho_of
from provider.noise.mechanism import _clipped
from provider.noise.sensitivity import noised
from tests.protocols.query_examples import EVIDENCE, A, B
from tests.provider.noise.neighbours import (
    CLASSES,
    ROWS,
    RULE,
    TASKS,
    exact,
    neighbours,
    questions,
)

MODELS = (A, B)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e12])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), row=st.integers(0, ROWS - 1))
def test_no_row_moves_an_answer_further_than_stated(scale: float, seed: int, row: int) -> None:
    pair = neighbours(seed, row)
    for query, files in questions(scale, seed):
        one, other = (exact(query, files, data, RULE) for data in pair)
        parts = noised(query, RULE)
        assert math.fsum(part.share for part in parts.values()) == pytest.approx(1, abs=1e-12)
        for name, array in one.items():
            if name not in parts:
                np.testing.assert_array_equal(array, other[name])  # public, so the same
                continue
            moved = np.linalg.norm(
                _clipped(query, name, array, RULE) - _clipped(query, name, other[name], RULE)
            )
            assert moved <= parts[name].sensitivity, (query.function, name)


def test_the_stated_distances() -> None:
    """By hand: class 0 is in all three tasks, two models are asked."""
    tables = np.zeros((2, 3, 3, 4))
    weights, biases = np.zeros((2, 3, 3, 5), np.float32), np.zeros((2, 3, 3), np.float32)
    cases: list[tuple[Query, dict[str, float]]] = [
        (ClassOutputs(MODELS, CLASSES, 4), {"sums": 2.0, "hard": 2.0}),
        (LeepLikelihood(MODELS, CLASSES, TASKS, tables), {"sums": 40 * math.log(2) * 6**0.5}),
        (HeadStatistics(MODELS, CLASSES, 3, True, False), {"sums": 8**0.5, "products": 2.0}),
        (HeadCorrect(MODELS, CLASSES, True, TASKS, weights, biases), {"correct": 6**0.5}),
        (SquaredError(MODELS, 9), {"sums": 0.7 * 2**0.5}),
        (TargetFeatures(A, k=10, draws=9), {"means": 0.6}),
    ]
    for query, expected in cases:
        found = {name: part.sensitivity for name, part in noised(query, RULE).items()}
        assert found == pytest.approx(expected, rel=1e-5)


def test_one_row_can_move_an_answer_nearly_as_far() -> None:
    """With certain models, and a row that both of them change their minds about."""
    far = 0.0
    for seed in range(40):
        pair = neighbours(seed, row=0)
        query, files = questions(3000.0, seed)[0]
        one, other = (exact(query, files, data, RULE)["sums"] for data in pair)
        far = max(far, float(np.linalg.norm(one - other)))
    assert far > 0.99 * math.sqrt(3)  # one of two models may say the same of both rows


def test_masked_sums_rest_on_the_same_distances() -> None:
    query = ClassOutputs(MODELS, CLASSES, 4)
    assert masked_sensitivity(query, 1000.0, 51) == pytest.approx(math.sqrt(8), rel=1e-5)
    assert masked_sensitivity(query, 0.01, 51) == pytest.approx(0.02 * math.sqrt(51))
    unbounded = HeadStatistics(MODELS, CLASSES, 3, False, False)
    assert masked_sensitivity(unbounded, 10.0, 57) == pytest.approx(20 * math.sqrt(57))


@pytest.mark.parametrize("query", [EVIDENCE, HeadStatistics(MODELS, CLASSES, 3, False, True)])
def test_what_no_noise_could_cover_is_refused(query: HeadStatistics) -> None:
    check_noise(query, None)
    with pytest.raises(Refused) as caught:
        check_noise(query, RULE)
    assert caught.value.code is Code.NOT_ALLOWED
    assert "cannot be answered with noise" in caught.value.local


def test_what_is_charged() -> None:
    assert rho_of(SquaredError(MODELS, 9), RULE) == RULE.rho
    assert rho_of(SquaredError(MODELS, 9), None) == 0
    assert rho_of(Describe(), RULE) == 0
