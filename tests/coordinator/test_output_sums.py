import numpy as np
import pytest

from coordinator.output_sums import Outputs, OutputSums
from protocols.ids import ProviderId

ANT, BEE = ProviderId("ant"), ProviderId("bee")
CLASSES, MODELS, OUTPUTS = 4, 3, 2


def said(classes: int, models: int, seed: int) -> Outputs:
    random = np.random.default_rng(seed)
    shape = (classes, models, OUTPUTS)
    return Outputs(random.random(shape), random.integers(0, 9, shape))


@pytest.fixture
def sums() -> OutputSums:
    """Ant holds classes 0 and 2, bee 2 and 3; ant was asked about models 0 and 2."""
    made = OutputSums(CLASSES, MODELS, OUTPUTS)
    made.add(ANT, np.array([0, 2]), np.array([0, 2]), said(2, 2, 0))
    made.add(BEE, np.array([2, 3]), np.array([1]), said(2, 1, 1))
    return made


def test_nobody_is_asked_again(sums: OutputSums) -> None:
    every = np.arange(MODELS)
    assert sums.unknown(ANT, np.array([0, 2]), every).tolist() == [1]
    assert sums.unknown(BEE, np.array([2, 3]), every).tolist() == [0, 2]
    assert sums.unknown(ProviderId("new"), np.array([1]), every).tolist() == [0, 1, 2]


def test_who_comes_back_with_other_classes_is_asked_anew(sums: OutputSums) -> None:
    assert sums.unknown(ANT, np.array([0, 1]), np.arange(MODELS)).tolist() == [0, 1, 2]
    sums.add(ANT, np.array([0, 1]), np.array([1]), said(2, 1, 5))
    assert not sums.total([ANT]).soft[2].any()


def test_the_total_is_of_those_named(sums: OutputSums) -> None:
    ant, bee = said(2, 2, 0), said(2, 1, 1)
    expected = np.zeros((CLASSES, MODELS, OUTPUTS))
    expected[[[0], [2]], [[0, 2]]] = ant.soft
    np.testing.assert_array_equal(sums.total([ANT, ProviderId("none")]).soft, expected)
    expected[[2, 3], 1] += bee.soft[:, 0]
    np.testing.assert_array_equal(sums.total([BEE, ANT]).soft, expected)
    assert sums.total([BEE, ANT]).hard.sum() == ant.hard.sum() + bee.hard.sum()


def test_sums_are_kept_as_tensors(sums: OutputSums) -> None:
    for own in (sums, OutputSums(CLASSES, MODELS, OUTPUTS)):
        other = OutputSums(CLASSES, MODELS, OUTPUTS)
        other.restore(own.tensors())
        for one, two in zip(own.total([ANT, BEE]), other.total([ANT, BEE]), strict=True):
            np.testing.assert_array_equal(one, two)
    with pytest.raises(ValueError, match="'soft' has shape"):
        OutputSums(CLASSES, MODELS + 1, OUTPUTS).restore(sums.tensors())
