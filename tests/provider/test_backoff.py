import pytest

from provider.backoff import Backoff


@pytest.mark.parametrize("failures", [1, 2, 5, 50, 5000])
def test_waits_grow_to_a_bound_and_never_vanish(failures: int) -> None:
    backoff = Backoff(first=0.5, most=10.0)
    shortest, longest = backoff.wait(failures, lambda: 0.0), backoff.wait(failures, lambda: 1.0)
    assert longest == min(10.0, 0.5 * 2 ** (min(failures, 40) - 1))
    assert shortest == longest / 2
