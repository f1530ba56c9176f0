"""Held-out accuracy is that of heads which are truly fitted without the rows."""

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.stacked_folds import deal, held_out_accuracy


def stack(counts: tuple[int, ...], d: int, models: int = 6) -> tuple[Float64, Labels]:
    random = np.random.default_rng([*counts, d])
    y = np.repeat(np.arange(len(counts)), counts)
    means = (
        random.normal(size=(models, len(counts), d)) * np.linspace(0, 1.5, models)[:, None, None]
    )
    x = np.maximum(random.normal(size=(models, len(y), d)) + means[:, y], 0)
    order = random.permutation(len(y))
    return x[:, order], y[order]


def refitted(x: Float64, y: Labels, penalty: float) -> float:
    """Fit every head: least squares with rows of sqrt(penalty) beside an intercept."""
    n, d = x.shape
    weight = penalty * np.square(x - x.mean(axis=0)).sum() / n
    one_hot, fold = np.eye(y.max() + 1)[y], deal(y, int(np.bincount(y).min()))
    right = []
    for own in range(fold.max() + 1):
        kept = fold != own
        rows = np.hstack([np.ones((kept.sum(), 1)), x[kept]])
        ridge = np.hstack([np.zeros((d, 1)), np.sqrt(weight) * np.eye(d)])
        head, *_ = np.linalg.lstsq(
            np.vstack([rows, ridge]), np.vstack([one_hot[kept], np.zeros((d, y.max() + 1))])
        )
        left = np.hstack([np.ones(((~kept).sum(), 1)), x[~kept]])
        right += ((left @ head).argmax(axis=1) == y[~kept]).tolist()
    return float(np.mean(right))


@pytest.mark.parametrize("counts", [(2, 2, 2), (5, 5, 5, 5, 5), (3, 7, 4), (12, 12)])
@pytest.mark.parametrize("d", [3, 16, 40])
def test_it_is_what_heads_reach_that_are_fitted_without_the_rows(
    counts: tuple[int, ...], d: int
) -> None:
    x, y = stack(counts, d)
    found = held_out_accuracy(x, y, penalty=0.5)
    np.testing.assert_allclose(found, [refitted(own, y, 0.5) for own in x], atol=1e-12)


def test_without_signal_it_is_chance_however_few_rows() -> None:
    """Leaving single rows out would find less than chance here."""
    x = np.random.default_rng(0).normal(size=(4000, 10, 8))
    found = held_out_accuracy(x, np.repeat(np.arange(5), 2))
    assert found.mean() == pytest.approx(0.2, abs=0.01)


def test_one_row_of_a_class_says_nothing() -> None:
    x, y = stack((1, 4), 5)
    assert held_out_accuracy(x, y).tolist() == [0.0] * 6


def test_every_fold_has_every_class() -> None:
    y = np.random.default_rng(0).permutation(np.repeat(np.arange(3), [3, 8, 5]))
    fold = deal(y, 3)
    assert all(set(y[fold == own]) == {0, 1, 2} for own in range(3))


def test_a_fit_that_follows_the_rows_is_refused() -> None:
    x, y = stack((3, 3), 40)
    with pytest.raises(ScoreInputError, match="larger one"):
        held_out_accuracy(x, y, penalty=1e-14)
