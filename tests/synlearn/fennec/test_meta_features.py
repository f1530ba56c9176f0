import numpy as np
import pytest
from sklearn import linear_model

from synlearn.fennec.meta_features import (
    MetaRegression,
    indicators,
    model_features,
    task_features,
)
from synlearn.fennec.performance import PerformanceMatrix


def matrix(models: int, tasks: int, seed: int = 0) -> PerformanceMatrix:
    random = np.random.default_rng(seed)
    values = random.random((models, tasks))
    values[random.random(values.shape) < 0.2] = np.nan
    values[:, 0] = values[0] = 0.5
    names = [
        tuple(f"{what}{n}" for n in range(count)) for what, count in (("m", models), ("t", tasks))
    ]
    return PerformanceMatrix(names[0], names[1], values)


def test_the_regression_is_scikit_learns() -> None:
    random = np.random.default_rng(1)
    performance, models, tasks = matrix(12, 9), random.random((12, 3)), random.random((9, 2))
    own = MetaRegression.fit(performance, models, tasks)
    rows, columns = np.nonzero(performance.known)
    x = np.concatenate([models[rows], tasks[columns]], axis=1)
    theirs = linear_model.LinearRegression().fit(x, performance.values[rows, columns])
    asked = np.concatenate([models, np.repeat(tasks[:1], 12, axis=0)], axis=1)
    assert own.scores(models, tasks[0]) == pytest.approx(theirs.predict(asked))


def test_its_order_is_the_same_for_all_tasks() -> None:
    random = np.random.default_rng(2)
    models, tasks = random.random((12, 3)), random.random((9, 2))
    own = MetaRegression.fit(matrix(12, 9), models, tasks)
    orders = {tuple(own.scores(models, task).argsort().tolist()) for task in tasks}
    assert len(orders) == 1


def test_features_that_never_vary_do_no_harm() -> None:
    models = np.concatenate([np.full((12, 1), 3.0), np.arange(12.0)[:, None]], axis=1)
    found = MetaRegression.fit(matrix(12, 9), models, np.ones((9, 2)))
    assert np.isfinite(found.scores(models, np.ones(2))).all()
    assert found.model_weights[0] == 0


def test_counts_enter_as_logarithms() -> None:
    found = model_features([1000, 100_000], [10, 1], np.eye(2))
    assert found.tolist() == [[3, 1, 1, 0], [5, 0, 0, 1]]
    assert task_features([10], [100]).tolist() == [[1, 2]]
    assert indicators(["b", "a", "b"]).tolist() == [[0, 1], [1, 0], [0, 1]]
