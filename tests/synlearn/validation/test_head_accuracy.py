import numpy as np
import pytest
from hypothesis import given, settings

from synlearn.errors import InputError
from synlearn.validation.head_accuracy import (
    CorrectCounts,
    FeatureSums,
    Heads,
    combine,
    psi_correct,
    psi_statistics,
    solve_heads,
)
from tests.synlearn.validation.pools import Pool, pool, pools


def statistics(data: Pool) -> list[FeatureSums]:
    return [
        psi_statistics(data.features[:, rows], data.labels[rows], data.classes)
        for rows in data.providers()
    ]


def counts(data: Pool, heads: Heads) -> list[CorrectCounts]:
    return [
        psi_correct(data.features[:, rows], data.labels[rows], data.classes, heads, data.tasks)
        for rows in data.providers()
    ]


def ridge(
    x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted ridge regression as one stacked least squares problem, intercept not penalised."""
    mean = np.average(x, axis=0, weights=weight)
    spread = np.average(((x - mean) ** 2).sum(axis=1), weights=weight)
    root = np.sqrt(weight)[:, None]
    design = np.block(
        [
            [root * x, root],
            [np.sqrt(penalty * spread) * np.eye(x.shape[1]), np.zeros((x.shape[1], 1))],
        ]
    )
    target = np.vstack([root * y, np.zeros((x.shape[1], y.shape[1]))])
    solution = np.linalg.lstsq(design, target, rcond=None)[0]
    return solution[:-1].T, solution[-1]


@settings(deadline=None)
@given(pools)
@pytest.mark.parametrize("balanced", [False, True])
def test_heads_of_summed_parts_are_ridge_regressions_on_the_pooled_rows(
    balanced: bool, data: Pool
) -> None:
    heads = solve_heads(statistics(data), data.tasks, penalty=0.3, balanced=balanced)
    for task, classes in enumerate(data.tasks):
        rows = data.rows_of(task)
        names = classes[classes >= 0]
        if len(rows) < 2:
            continue  # one row has no spread: the next test's business
        one_hot = (data.labels[rows, None] == names).astype(np.float64)
        share = one_hot.sum(axis=0)
        weight = one_hot @ (share.mean() / share) if balanced else np.ones(len(rows))
        for model, features in enumerate(data.features):
            weights, bias = ridge(features[rows], one_hot, weight, 0.3)
            np.testing.assert_allclose(heads.weights[model, task, : len(names)], weights, atol=1e-9)
            np.testing.assert_allclose(heads.biases[model, task, : len(names)], bias, atol=1e-9)


def test_heads_without_spread_say_the_most_frequent_class() -> None:
    features, labels = np.full((1, 5, 3), 7.1), np.array([1, 1, 0, 1, 0])
    heads = solve_heads([psi_statistics(features, labels, 2)], np.array([[0, 1]]), balanced=False)
    np.testing.assert_allclose(heads.weights, 0, atol=1e-12)
    np.testing.assert_allclose(heads.biases, [[[0.4, 0.6]]], atol=1e-12)


@settings(deadline=None)
@given(pools)
@pytest.mark.parametrize("balanced", [False, True])
def test_federated_accuracy_is_that_on_the_pooled_rows(balanced: bool, data: Pool) -> None:
    heads = solve_heads(statistics(data), data.tasks)
    found = combine(counts(data, heads), data.tasks, balanced=balanced)
    assert found.shape == (len(data.tasks), len(data.features))
    for task, classes in enumerate(data.tasks):
        rows = data.rows_of(task)
        names = classes[classes >= 0]
        truth = data.labels[rows]
        for model, features in enumerate(data.features):
            weights, bias = heads.weights[model, task], heads.biases[model, task]
            scores = features[rows] @ weights[: len(names)].T + bias[: len(names)]
            right = names[scores.argmax(axis=1)] == truth
            expected = (
                np.mean([right[truth == name].mean() for name in names])
                if balanced
                else right.mean()
            )
            assert found[task, model] == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(pools)
def test_neither_scale_nor_shift_of_the_features_changes_what_a_head_says(data: Pool) -> None:
    moved = Pool(
        data.probabilities,
        64 * data.features + 16,
        data.labels,
        data.owners,
        data.classes,
        data.tasks,
    )
    one, other = (
        solve_heads(statistics(data), data.tasks),
        solve_heads(statistics(moved), data.tasks),
    )
    for heads, source in ((one, data), (other, moved)):
        assert np.isfinite(heads.weights).all()
        assert np.isfinite(source.features).all()
    np.testing.assert_allclose(
        np.einsum("mtwd,mnd->mntw", one.weights, data.features) + one.biases[:, None],
        np.einsum("mtwd,mnd->mntw", other.weights, moved.features) + other.biases[:, None],
        atol=1e-7,
    )


def test_features_filled_up_with_zeros_change_nothing() -> None:
    data = pool(8)
    wide = Pool(
        data.probabilities,
        np.pad(data.features, ((0, 0), (0, 0), (0, 4))),
        data.labels,
        data.owners,
        data.classes,
        data.tasks,
    )
    heads = solve_heads(statistics(data), data.tasks)
    wider = solve_heads(statistics(wide), data.tasks)
    width = data.features.shape[2]
    np.testing.assert_allclose(wider.weights[..., :width], heads.weights, atol=1e-12)
    np.testing.assert_allclose(wider.weights[..., width:], 0, atol=1e-12)


@settings(deadline=None)
@given(pools)
def test_rounded_heads_are_the_nearest_in_float32_and_round_to_themselves(data: Pool) -> None:
    heads = solve_heads(statistics(data), data.tasks)
    rounded = heads.rounded()
    assert rounded.weights.dtype == rounded.biases.dtype == np.float32
    np.testing.assert_allclose(rounded.weights, heads.weights, rtol=2**-24, atol=1e-44)
    again = rounded.rounded()
    assert again.weights.tobytes() == rounded.weights.tobytes()
    for one, other in zip(counts(data, rounded), counts(data, again), strict=True):
        assert (one.correct == other.correct).all()


def test_the_first_of_equal_scores_counts() -> None:
    heads = Heads(np.zeros((1, 1, 3, 2)), np.zeros((1, 1, 3)))
    part = psi_correct(np.ones((1, 3, 2)), np.arange(3), 3, heads, np.array([[2, 0, 1]]))
    assert part.correct.tolist() == [[[1, 0, 0]]]
    assert combine([part], np.array([[2, 0, 1]])) == pytest.approx(1 / 3)


def test_what_stands_behind_a_tasks_last_class_is_never_said() -> None:
    heads = Heads(np.zeros((1, 1, 3, 2)), np.array([[[-2.0, -1.0, 9.0]]]))
    tasks = np.array([[0, 1, -1]])
    part = psi_correct(np.ones((1, 2, 2)), np.array([0, 1]), 2, heads, tasks)
    assert part.correct.tolist() == [[[0, 1, 0]]]


def test_a_class_without_rows_is_an_error() -> None:
    part = psi_statistics(np.ones((1, 2, 2)), np.array([0, 0]), 2)
    with pytest.raises(InputError, match="task 0 has class 1"):
        solve_heads([part], np.array([[0, 1]]))
    with pytest.raises(InputError, match="task 0 has class 1"):
        combine([CorrectCounts(np.zeros((1, 1, 2), np.int64), part.rows)], np.array([[0, 1]]))


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan, np.inf])
def test_a_penalty_that_is_none_is_an_error(penalty: float) -> None:
    part = psi_statistics(np.ones((1, 2, 2)), np.array([0, 1]), 2)
    with pytest.raises(InputError, match="penalty is"):
        solve_heads([part], np.array([[0, 1]]), penalty)
