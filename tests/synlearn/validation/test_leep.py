import numpy as np
import pytest
from hypothesis import given, settings

from protocols.queries import outputs
from synlearn.errors import InputError
from synlearn.scorers.leep import leep
from synlearn.validation.leep import (
    LEAST_LIKELIHOOD,
    LogLikelihoods,
    combine,
    conditional_tables,
    psi_joint,
    psi_likelihood,
)
from tests.synlearn.validation.pools import Pool, pool, pools


def tables_of(data: Pool) -> np.ndarray:
    joints = [
        psi_joint(data.probabilities[:, rows], data.labels[rows], data.classes)
        for rows in data.providers()
    ]
    return conditional_tables(joints, data.tasks)


def second_pass(data: Pool, tables: np.ndarray) -> list[LogLikelihoods]:
    return [
        psi_likelihood(
            data.probabilities[:, rows], data.labels[rows], data.classes, tables, data.tasks
        )
        for rows in data.providers()
    ]


@settings(deadline=None)
@given(pools)
def test_federated_equals_the_score_of_the_pooled_rows(data: Pool) -> None:
    found = combine(second_pass(data, tables_of(data)), data.tasks)
    assert found.shape == (len(data.tasks), len(data.probabilities))
    for task in range(len(data.tasks)):
        rows = data.rows_of(task)
        for model, said in enumerate(data.probabilities):
            expected = leep(said[rows], data.labels[rows])
            assert found[task, model] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(pools)
def test_tables_are_conditional_probabilities(data: Pool) -> None:
    tables = tables_of(data)
    assert (tables >= 0).all()
    assert (tables <= 1).all()
    assert not tables[:, data.tasks < 0].any()
    for model, said in enumerate(data.probabilities):
        for task in range(len(data.tasks)):
            used = said[data.rows_of(task)].sum(axis=0) > 0
            np.testing.assert_allclose(tables[model, task].sum(axis=0), used, atol=1e-12)


def test_what_a_row_can_move_is_bounded_and_no_honest_table_meets_the_bound() -> None:
    """A table that denies a row costs it log 2^-40; one made of its rows leaves each 1/n."""
    said, labels, tasks = np.eye(2)[None], np.array([0, 1]), np.array([[0, 1]])
    denying = np.array([[[[0.0, 1.0], [1.0, 0.0]]]])
    part = psi_likelihood(said, labels, 2, denying, tasks)
    assert part.sums.tolist() == [[[np.log(2.0**-40)] * 2]]
    rare = np.zeros((1, 1000, 2))
    rare[0, :, 0] = np.r_[1e-9, np.ones(999)]
    rare[0, :, 1] = 1 - rare[0, :, 0]
    rare_labels = np.r_[0, np.ones(999, np.int64)]
    tables = conditional_tables([psi_joint(rare, rare_labels, 2)], tasks)
    least = psi_likelihood(rare, rare_labels, 2, tables, tasks).sums[0, 0, 0]
    assert least >= np.log(1 / 1000)


def test_both_ends_have_the_same_least_likelihood() -> None:
    assert outputs.LEAST_LIKELIHOOD == LEAST_LIKELIHOOD


def test_outputs_that_no_model_has_change_nothing() -> None:
    data = pool(5)
    more = ((0, 0), (0, 0), (0, 0), (0, 3))
    wide = Pool(
        np.pad(data.probabilities, more[1:]),
        data.features,
        data.labels,
        data.owners,
        data.classes,
        data.tasks,
    )
    tables = tables_of(data)
    np.testing.assert_array_equal(tables_of(wide), np.pad(tables, more))
    np.testing.assert_allclose(
        combine(second_pass(wide, np.pad(tables, more)), data.tasks),
        combine(second_pass(data, tables), data.tasks),
        atol=1e-12,
    )


def test_a_class_without_rows_is_an_error() -> None:
    nothing = LogLikelihoods(np.zeros((1, 1, 2)), np.array([3, 0]))
    with pytest.raises(InputError, match="task 0 has class 1"):
        combine([nothing], np.array([[0, 1]]))
