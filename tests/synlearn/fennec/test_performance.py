import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fennec.performance import History, PerformanceMatrix, performance_of_scores

Float64 = NDArray[np.float64]
NAN = np.nan


def history() -> History:
    performance = PerformanceMatrix(("a", "b"), ("s", "t"), np.array([[0.1, 0.2], [NAN, 0.4]]))
    return History(
        performance, np.array([[1.0, 2.0], [3.0, 4.0]]), "proxy", np.array([5, 6]), np.array([7, 8])
    )


@pytest.mark.parametrize(
    ("models", "tasks", "values", "words"),
    [
        (("a",), ("t", "u"), [[0.1]], "a row for each model"),
        (("a", "a"), ("t",), [[0.1], [0.2]], "names a model twice"),
        (("a", "b"), ("t",), [[-0.1], [0.2]], "at least 0"),
        (("a", "b"), ("t",), [[np.inf], [0.2]], "finite"),
        (("a", "b"), ("t",), [[NAN], [0.2]], "Nothing is known of model a"),
        (("a",), ("t", "u"), [[NAN, 0.2]], "Nothing is known of task t"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(
    models: tuple[str, ...], tasks: tuple[str, ...], values: list[list[float]], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        PerformanceMatrix(models, tasks, np.array(values))


def test_scores_of_each_task_are_brought_between_its_worst_and_best() -> None:
    scores = [[-9.0, 4.0, NAN], [-1.0, 4.0, 3.0], [-5.0, 4.0, np.inf], [-1.0, 4.0, 1.0]]
    found = performance_of_scores("abcd", "tuv", scores)
    assert found.values[:, 0].tolist() == [0.0, 1.0, 0.5, 1.0]
    assert found.values[:, 1].tolist() == [0.5] * 4
    assert found.known[:, 2].tolist() == [False, True, False, True]


def test_parts_of_a_history() -> None:
    own = history().only_tasks([False, True])
    assert own.performance.tasks == ("t",)
    assert own.proxies.tolist() == [[3.0, 4.0]]
    assert (own.classes.tolist(), own.samples.tolist()) == ([6], [8])
    turned = history().only_models(["b", "a"])
    assert turned.performance.models == ("b", "a")
    assert turned.performance.values[1].tolist() == [0.1, 0.2]
    with pytest.raises(InputError, match="knows nothing of model z"):
        history().only_models(["z"])


@pytest.mark.parametrize(
    ("proxies", "classes"),
    [(np.ones((1, 2)), [5, 6]), (np.ones((2, 2)), [5]), (np.ones(2), [5, 6])],
)
def test_a_history_that_does_not_fit_is_refused(proxies: Float64, classes: list[int]) -> None:
    with pytest.raises(InputError, match="one row and one number for each task"):
        History(history().performance, proxies, "p", np.array(classes), np.array([7, 8]))
