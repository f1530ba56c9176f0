import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.linear_model import Ridge

from synlearn.errors import InputError
from synlearn.reuse.folds import check_labels, cross_validated, folds_of, left_out
from synlearn.reuse.head import train_head


def blobs(each: int = 12, classes: int = 3, apart: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), each)
    centres = apart * random.normal(size=(classes, 6))
    return centres[labels] + random.normal(size=(len(labels), 6)), labels


def test_the_head_is_a_ridge_regression_of_one_hot_classes() -> None:
    """scikit-learn's, with the penalty that `solve_heads` documents."""
    features, labels = blobs()
    head, _ = train_head(features, labels)
    penalty = np.square(features - features.mean(axis=0)).sum(axis=1).mean()
    other = Ridge(alpha=penalty).fit(features, np.eye(3)[labels])
    np.testing.assert_allclose(head.weights / head.factor, other.coef_, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(head.biases / head.factor, other.intercept_, rtol=1e-4, atol=1e-6)
    error = np.square(other.predict(features) - np.eye(3)[labels]).mean()
    assert head.error == pytest.approx(error, rel=1e-6)


def test_cross_validation_is_what_heads_on_other_examples_say() -> None:
    features, labels = blobs(apart=0.4)
    _, found = train_head(features, labels, seed=3)
    assert found is not None
    folds = folds_of(labels, 10, 3)
    right = 0
    for learned, tested in left_out(folds):
        own = features[learned]
        penalty = np.square(own - own.mean(axis=0)).sum(axis=1).mean()
        counts = np.bincount(labels[learned])
        weights = counts.mean() / counts[labels[learned]]
        mean = (weights[:, None] * own).sum(axis=0) / weights.sum()
        penalty = (weights * np.square(own - mean).sum(axis=1)).sum() / weights.sum()
        other = Ridge(alpha=penalty).fit(own, np.eye(3)[labels[learned]], weights)
        right += int((other.predict(features[tested]).argmax(axis=1) == labels[tested]).sum())
    assert (found.right, found.examples, found.folds) == (right, 36, 10)


@pytest.mark.parametrize(("hits", "count"), [(0, 9), (5, 9), (9, 9), (71, 100)])
def test_the_interval_is_the_exact_binomial_one(hits: int, count: int) -> None:
    found = cross_validated(np.arange(count) < hits, 3)
    expected = binomtest(hits, count).proportion_ci(method="exact")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.accuracy == hits / count


def test_each_example_is_left_out_once_and_classes_are_spread() -> None:
    labels = np.repeat([0, 1, 2], [5, 9, 20])
    folds = folds_of(labels, 10, 0)
    assert folds.max() + 1 == 5
    for label in range(3):
        sizes = np.bincount(folds[labels == label], minlength=5)
        assert sizes.max() - sizes.min() <= 1
    assert (folds != folds_of(labels, 10, 1)).any()
    rows = np.concatenate([tested for _, tested in left_out(folds)])
    assert sorted(rows.tolist()) == list(range(34))


def test_a_class_with_one_example_cannot_be_left_out() -> None:
    features, labels = blobs(each=2)
    _, found = train_head(features[1:], labels[1:])
    assert found is None


def test_probabilities_say_how_often_the_head_is_right() -> None:
    """Mean probability of the chosen class, of new examples, near the share of right ones."""
    random = np.random.default_rng(1)
    labels = np.repeat(np.arange(3), 60)
    centres = random.normal(size=(3, 8))
    features = centres[labels] + random.normal(size=(180, 8))
    head, _ = train_head(features, labels)
    truth = random.integers(0, 3, 2000)
    logits = head.logits(centres[truth] + random.normal(size=(2000, 8)))
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    sure = (odds / odds.sum(axis=1, keepdims=True)).max(axis=1).mean()
    assert sure == pytest.approx((logits.argmax(axis=1) == truth).mean(), abs=0.06)


def test_labels_that_are_no_classes() -> None:
    with pytest.raises(InputError, match="a folder of images for each class"):
        check_labels(None, 3)
    with pytest.raises(InputError, match="at least two classes"):
        check_labels(np.zeros(3, np.int64), 3)
    np.testing.assert_array_equal(check_labels(np.array([7, 2, 7]), 3), [1, 0, 1])
