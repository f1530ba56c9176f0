import numpy as np
import pytest
from hypothesis import given, settings

from synlearn.errors import InputError
from synlearn.scorers.nce import nce
from synlearn.validation.nce import combine, psi
from tests.synlearn.validation.pools import Pool, pool, pools


def parts(data: Pool) -> list[np.ndarray]:
    return [
        psi(data.probabilities[:, rows], data.labels[rows], data.classes)
        for rows in data.providers()
    ]


@settings(deadline=None)
@given(pools)
def test_federated_equals_the_score_of_the_pooled_rows(data: Pool) -> None:
    found = combine(parts(data), data.tasks)
    assert found.shape == (len(data.tasks), len(data.probabilities))
    for task in range(len(data.tasks)):
        rows = data.rows_of(task)
        for model, said in enumerate(data.probabilities):
            expected = nce(said[rows], data.labels[rows])
            assert found[task, model] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(pools)
def test_a_part_counts_each_row_once(data: Pool) -> None:
    part = psi(data.probabilities, data.labels, data.classes)
    assert (part.sum(axis=2) == np.bincount(data.labels, minlength=data.classes)).all()


def test_the_first_of_equal_outputs_is_predicted() -> None:
    said = np.array([[[0.4, 0.2, 0.4], [0.25, 0.5, 0.25]]])
    assert psi(said, np.array([1, 1]), 2).tolist() == [[[0, 0, 0], [1, 1, 0]]]


def test_predictions_that_tell_all_leave_nothing_open() -> None:
    said = np.eye(3)[None, [0, 0, 1, 2]]
    found = combine([psi(said, np.array([1, 1, 0, 2]), 3)], np.array([[0, 1, 2], [2, 0, -1]]))
    assert found.tolist() == [[0.0], [0.0]]


def test_outputs_that_no_model_has_change_nothing() -> None:
    data = pool(3)
    wider = [np.pad(part, ((0, 0), (0, 0), (0, 4))) for part in parts(data)]
    np.testing.assert_array_equal(combine(wider, data.tasks), combine(parts(data), data.tasks))


def test_a_class_without_rows_is_an_error() -> None:
    part = psi(np.full((1, 2, 2), 0.5), np.array([0, 2]), 4)
    with pytest.raises(InputError, match=r"task 1 has class 3, of which no provider has a row"):
        combine([part, part], np.array([[0, 2], [0, 3]]))
