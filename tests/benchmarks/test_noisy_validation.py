"""A small run of the benchmark measures what it says."""

import numpy as np
import pytest

from benchmarks.noisy_federation import MiniFederation, exactly, noisily
from benchmarks.noisy_validation import EPSILONS, MINI, as_table, mean_tau, measure
from provider.noise import NoiseRule


def test_many_rows_and_little_noise_give_nearly_the_exact_order() -> None:
    federation = MiniFederation(MINI, 10_000)
    exact = federation.nce(exactly)
    assert exact.shape == (len(federation.tasks), 24)
    assert mean_tau(exact, exact) == pytest.approx(1.0)
    assert mean_tau(federation.nce(noisily(NoiseRule(100.0))), exact) > 0.95


def test_counting_rows_many_times_changes_no_exact_nce() -> None:
    one, many = (MiniFederation(MINI, times) for times in (1, 50))
    np.testing.assert_allclose(one.nce(exactly), many.nce(exactly), atol=1e-12)
    assert many.rows_per_provider_and_class == 50 * one.rows_per_provider_and_class


def test_a_small_run() -> None:
    found = measure((3,), ("nce",), seeds=2)
    assert [cell["epsilon"] for cell in found] == list(EPSILONS)
    assert all(cell["low"] <= cell["tau"] <= cell["high"] for cell in found)  # type: ignore[operator]
    assert as_table(found).row_count == 1
