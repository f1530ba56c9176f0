"""Costs are found again in measurements that are made of them."""

import os
import time

import numpy as np
import pytest

from benchmarks.cost_fit import cpu_seconds, process_seconds, shares, slope


def test_a_slope_is_not_moved_by_one_measurement_that_was_disturbed() -> None:
    assert slope([10, 20, 30, 40, 50], [3.0, 5.0, 7.0, 90.0, 11.0]) == pytest.approx(0.2)
    assert slope([1, 2], [5.0, 4.0]) == 0.0
    with pytest.raises(ValueError, match="two sizes"):
        slope([3, 3], [1.0, 2.0])


def test_shares_are_those_that_the_measurements_were_made_of() -> None:
    random = np.random.default_rng(0)
    amounts = random.uniform(1, 1000, (12, 3)) * [1.0, 1e3, 1e6]
    costs = np.array([2.0, 3e-4, 5e-8])
    noise = random.uniform(0.97, 1.03, 12)
    found = shares(amounts.tolist(), (amounts @ costs * noise).tolist())
    assert found == pytest.approx(costs.tolist(), rel=0.25)


def test_no_share_is_below_nothing() -> None:
    assert min(shares([[1, 1], [1, 2], [1, 3]], [3.0, 2.0, 1.0])) >= 0.0


def test_time_is_that_of_the_processor() -> None:
    assert cpu_seconds(lambda: time.sleep(0.05), repeats=1) < 0.04
    assert process_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.5)
