import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from synlearn.errors import InputError
from synlearn.mre.class_sets import ClassSets


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 4))
def test_padding_keeps_every_row_and_adds_zeros(counts: list[int], width: int) -> None:
    random = np.random.default_rng(0)
    matrices = [random.normal(size=(count, width)) for count in counts]
    sets = ClassSets.of(matrices)
    assert sets.values.shape == (len(counts), max(counts), width)
    assert sets.values.dtype == torch.float32
    for matrix, values, present in zip(matrices, sets.values, sets.present, strict=True):
        assert present.tolist() == [i < len(matrix) for i in range(max(counts))]
        np.testing.assert_array_equal(values[present], matrix.astype(np.float32))
        assert not values[~present].any()


def test_some_owners_are_those_owners() -> None:
    sets = ClassSets.of([np.full((n, 2), n) for n in (1, 3, 2)])
    some = sets.select([2, 0, 2])
    assert len(some) == 3
    assert some.present.sum(dim=1).tolist() == [2, 1, 2]
    assert some.values[:, 0, 0].tolist() == [2, 1, 2]


def test_full_sets_have_every_class() -> None:
    assert ClassSets.full(torch.zeros(2, 3, 4)).present.all()


@pytest.mark.parametrize(
    "matrices",
    [
        [],
        [np.zeros((0, 2))],
        [np.zeros(2)],
        [np.zeros((1, 2)), np.zeros((1, 3))],
        [np.zeros((1, 2, 2))],
    ],
    ids=["none", "no class", "a vector", "two widths", "a cube"],
)
def test_what_is_no_set_of_class_vectors_is_refused(matrices: list[np.ndarray]) -> None:
    with pytest.raises(InputError, match="class vectors must be matrices of one width"):
        ClassSets.of(matrices)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(InputError, match="a NaN or an infinity"):
        ClassSets.of([np.zeros((2, 2)), np.array([[0, bad]])])
