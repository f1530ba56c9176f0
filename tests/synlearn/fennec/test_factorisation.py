import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import decomposition

from synlearn.errors import InputError
from synlearn.fennec.factorisation import Penalties, choose_rank, factorise, place_task

Float64 = NDArray[np.float64]
FREE = Penalties(0.0, 0.0)


def low_rank(models: int, tasks: int, rank: int, seed: int = 0) -> Float64:
    random = np.random.default_rng(seed)
    found: Float64 = random.random((models, rank)) @ random.random((rank, tasks))
    return found


def test_it_descends_to_where_scikit_learn_descends() -> None:
    random = np.random.default_rng(1)
    values = low_rank(30, 12, 3) + 0.05 * random.random((30, 12))
    start = random.random((30, 3)), random.random((12, 3))
    penalties = Penalties(0.1, 0.2)
    ours = factorise(values, 3, penalties, random, sweeps=5000, tolerance=1e-13, start=start)
    theirs = decomposition.NMF(
        3, init="custom", alpha_W=0.1 / 12, alpha_H=0.2 / 30, l1_ratio=0, max_iter=5000, tol=1e-10
    )
    models = theirs.fit_transform(values, W=start[0].copy(), H=start[1].T.copy())
    tasks = theirs.components_.T
    objective = np.square(values - models @ tasks.T).sum()
    objective += 0.1 * np.square(models).sum() + 0.2 * np.square(tasks).sum()
    assert ours.objective[-1] == pytest.approx(objective, rel=1e-5)
    assert np.abs(ours.product - models @ tasks.T).max() < 5e-3


def test_the_objective_is_equation_4_and_never_rises() -> None:
    values = low_rank(9, 7, 3)
    values[2, 3] = np.nan
    found = factorise(values, 2, Penalties(0.3, 0.7), np.random.default_rng(0))
    left = np.nan_to_num(values - found.product)
    lengths = 0.3 * np.square(found.models).sum() + 0.7 * np.square(found.tasks).sum()
    assert found.objective[-1] == pytest.approx(np.square(left).sum() + lengths)
    assert (np.diff(found.objective) <= 1e-12).all()
    assert found.models.min() >= 0
    assert found.tasks.min() >= 0


def test_hidden_entries_of_a_low_rank_matrix_are_found_again() -> None:
    values = low_rank(40, 25, 2)
    hidden = np.random.default_rng(3).random(values.shape) < 0.3
    shown = np.where(hidden, np.nan, values)
    found = factorise(
        shown, 2, Penalties(1e-4, 1e-4), np.random.default_rng(0), sweeps=4000, tolerance=1e-12
    )
    assert np.abs(found.product - values)[hidden].max() < 0.05 * values.max()


def test_what_is_unknown_has_no_influence() -> None:
    values = low_rank(6, 5, 2)
    values[1, 2] = np.nan
    one = factorise(values, 2, FREE, np.random.default_rng(0), sweeps=20)
    values[1, 2] = np.float64("nan")
    other = factorise(values.copy(), 2, FREE, np.random.default_rng(0), sweeps=20)
    assert np.array_equal(one.product, other.product)


def test_a_new_task_is_placed_where_its_entries_say() -> None:
    models = np.random.default_rng(0).random((8, 3))
    vector = np.array([0.2, 0.0, 0.9])
    found = place_task(models, range(8), models @ vector, np.ones(3), 1e-9)
    assert found == pytest.approx(vector, abs=1e-6)
    assert place_task(models, [], [], vector, 0.1) == pytest.approx(vector)
    near = place_task(models, [0], [0.0], vector, 1e6)  # a strong belief is hardly moved
    assert near == pytest.approx(vector, abs=1e-4)


def test_the_rank_of_the_matrix_is_chosen() -> None:
    values = low_rank(40, 30, 3)
    assert choose_rank(values, (1, 2, 3), Penalties(1e-4, 1e-4), np.random.default_rng(0)) == 3


@pytest.mark.parametrize(
    ("values", "rank", "words"),
    [
        (np.ones((2, 2)), 0, "at least 1"),
        (np.array([[1.0, -0.1]]), 1, "at least 0"),
        (np.array([[1.0, np.inf]]), 1, "finite"),
    ],
)
def test_what_cannot_be_factorised_is_refused(values: Float64, rank: int, words: str) -> None:
    with pytest.raises(InputError, match=words):
        factorise(values, rank, FREE, np.random.default_rng(0))


def test_how_a_matrix_lies_in_memory_does_not_count() -> None:
    values = low_rank(7, 9, 3)
    found = [
        factorise(own, 3, FREE, np.random.default_rng(0), sweeps=50).product
        for own in (values, np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2])
    ]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
