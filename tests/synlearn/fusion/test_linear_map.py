import numpy as np
import pytest

from synlearn.fusion.linear_map import fit_best, fit_linear, foretold

TASK = np.repeat(np.arange(40), 6)
APART = np.eye(40, dtype=bool)


def rows(seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(40, 3)) * [1.0, 100.0, 0.01] + [5.0, 0.0, 7.0]
    y = 2.0 + (x - [5.0, 0.0, 7.0]) @ [0.5, 0.0, 30.0] + noise * random.normal(size=40)
    return x[TASK], y[TASK]


def test_slopes_are_found_in_any_units() -> None:
    x, y = rows(0, noise=0.0)
    found = fit_linear(x, y, 1e-9)
    np.testing.assert_allclose(found.slopes, [0.5, 0.0, 30.0], atol=1e-6)
    np.testing.assert_allclose(found(x), y)
    assert found(x[0]) == pytest.approx(y[0])


def test_a_penalty_draws_towards_the_mean() -> None:
    x, y = rows(0)
    np.testing.assert_allclose(fit_linear(x, y, 1e12)(x), y.mean(), atol=1e-6)


def test_a_constant_feature_does_no_harm() -> None:
    x, y = rows(1)
    x[:, 1] = 3.0
    assert np.isfinite(fit_linear(x, y, 0.1)(x)).all()


def test_no_row_is_foretold_by_its_own_task_or_one_near_it() -> None:
    """Each task has a level of its own that nothing foretells; near tasks come in pairs."""
    pair = TASK // 2
    random = np.random.default_rng(2)
    level = random.normal(size=20)[pair]
    x = np.eye(20)[pair]  # could copy the level, if it were allowed to
    near = (np.arange(40)[:, None] // 2) == (np.arange(40) // 2)
    blind = foretold(x, level, TASK, near, 1e-6)
    assert np.corrcoef(blind, level)[0, 1] < 0.1
    copied = foretold(x, level, TASK, APART, 1e-6)
    assert np.corrcoef(copied, level)[0, 1] > 0.9


def test_where_all_are_near_the_task_alone_is_new() -> None:
    x, y = rows(3)
    found = foretold(x, y, TASK, np.ones((40, 40), bool), 0.1)
    np.testing.assert_array_equal(found, foretold(x, y, TASK, APART, 0.1))


def test_a_single_task_is_all_there_is() -> None:
    found = foretold(np.ones((4, 1)), np.arange(4.0), np.zeros(4, int), np.ones((1, 1), bool), 1.0)
    assert found.tolist() == [1.5] * 4


def test_the_penalty_is_that_which_foretells_best() -> None:
    x, y = rows(4, noise=0.01)
    sure, said = fit_best(x, y, TASK, APART)
    assert np.abs(said - y).mean() < 0.05
    random = np.random.default_rng(5)
    noise = random.normal(size=40)[TASK]
    vague, _ = fit_best(random.normal(size=(240, 3)), noise, TASK, APART)
    assert np.abs(vague.slopes).max() < 0.2
    assert sure.slopes[0] == pytest.approx(0.5, rel=0.05)
