"""Buckets: exact, apart from each other, bounded in number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.service import rates
from coordinator.service.rates import Rates


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_an_even_rate() -> None:
    clock = Clock()
    own = Rates(2.0, 3.0, clock)
    assert [own.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert own.take("b") == 0  # another's bucket is full
    clock.now += 0.5
    assert own.take("a") == 0
    assert own.take("a") == pytest.approx(0.5)
    clock.now += 1000
    assert own.take("a", 50) == 0  # costs a whole bucket
    assert own.take("a") == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.1, 5)), max_size=60))
def test_nobody_takes_more_than_the_rate(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    own, taken = Rates(2.0, 5.0, clock), 0.0
    for pause, cost in steps:
        clock.now += pause
        if not own.take("a", cost):
            taken += cost
        assert taken <= 5.0 + 2.0 * clock.now + 1e-6


def test_callers_are_forgotten_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_BUCKETS", 10)
    own = Rates(1.0, 1.0, Clock())
    for caller in range(1000):
        assert own.take(str(caller)) == 0
    assert len(own._buckets) == 10
