import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synlearn.datasets.stable_draw import stable_order, stable_uniform


@given(purpose=st.text(max_size=20), count=st.integers(1, 300))
def test_an_order_is_the_sorting_of_the_hashed_numbers(purpose: str, count: int) -> None:
    stream = hashlib.shake_256(purpose.encode()).digest(8 * count)
    keys = [int.from_bytes(stream[8 * i : 8 * i + 8], "little") for i in range(count)]
    assert stable_order(purpose, count).tolist() == sorted(range(count), key=keys.__getitem__)


@given(purpose=st.text(max_size=20), count=st.integers(1, 50))
def test_numbers_are_a_prefix_of_longer_draws_and_lie_in_the_unit_interval(
    purpose: str, count: int
) -> None:
    draws = stable_uniform(purpose, count)
    assert ((draws >= 0) & (draws < 1)).all()
    np.testing.assert_array_equal(draws, stable_uniform(purpose, 2 * count)[:count])


def test_numbers_are_uniform_and_purposes_unrelated() -> None:
    one, other = stable_uniform("one", 20_000), stable_uniform("other", 20_000)
    deciles = np.bincount((10 * one).astype(int), minlength=10) / len(one)
    assert np.abs(deciles - 0.1).max() < 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
