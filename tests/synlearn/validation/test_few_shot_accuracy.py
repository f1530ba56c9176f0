import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

from synlearn.errors import InputError
from synlearn.few_shot_heads import head_accuracy
from synlearn.validation.class_parts import Float64
from synlearn.validation.few_shot_accuracy import combine, gaussians
from synlearn.validation.head_accuracy import psi_statistics
from tests.synlearn.validation.pools import Pool, pools


def centralised(data: Pool) -> Float64:
    whole = psi_statistics(data.features, data.labels, data.classes)
    return combine([whole], data.tasks, (1, 3), draws=2, random=np.random.default_rng(0))


@settings(deadline=None, max_examples=40)
@given(pools)
def test_federated_is_centralised(data: Pool) -> None:
    assume(np.bincount(data.labels).max() > 1)
    parts = [
        psi_statistics(data.features[:, rows], data.labels[rows], data.classes)
        for rows in data.providers()
    ]
    found = combine(parts, data.tasks, (1, 3), draws=2, random=np.random.default_rng(0))
    assert found.shape == (2, len(data.tasks), len(data.features))
    # Sums differ by rounding alone, which moves a synthetic row across a border hardly ever.
    assert np.mean(np.abs(found - centralised(data)) > 1e-9) <= 0.05


@settings(deadline=None, max_examples=40)
@given(pools)
def test_classes_are_described_by_their_mean_and_covariance(data: Pool) -> None:
    counts = np.bincount(data.labels, minlength=data.classes)
    assume(counts.max() > 2)
    found = gaussians([psi_statistics(data.features, data.labels, data.classes)])
    for label in np.flatnonzero(counts > 2):
        own = data.features[:, data.labels == label]
        np.testing.assert_allclose(found.means[:, label], own.mean(axis=1), rtol=1e-9)
        for model, rows in enumerate(own):
            covariance = np.atleast_2d(np.cov(rows.T))
            root = found.roots[model, label]
            size = max(np.trace(covariance), 1e-9)
            np.testing.assert_allclose(root @ root.T, covariance, atol=2e-4 * size)


def test_it_foretells_the_accuracy_of_heads_on_real_rows() -> None:
    """Against 400 draws of real heads, for models whose features tell classes apart by degrees."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 60)
    centres = random.normal(size=(4, 6))
    spreads = np.array([0.4, 1.0, 2.0, 6.0])
    noise = random.normal(size=(4, 240, 6)) * np.linspace(0.2, 1.8, 6)
    features = centres[labels] + spreads[:, None, None] * noise
    tasks = np.array([[0, 1, 2, 3]])
    parts = [psi_statistics(features, labels, 4)]
    found = combine(parts, tasks, (1, 5), draws=60, random=np.random.default_rng(1))[:, 0]
    rows = torch.from_numpy(features).float()
    for place, k in enumerate((1, 5)):
        real = np.zeros(4)
        for _ in range(400):
            order = np.stack([60 * y + random.permutation(60) for y in range(4)])
            classes = torch.arange(4)
            real += head_accuracy(
                rows[:, order[:, :k].ravel()],
                classes.repeat_interleave(k),
                rows[:, order[:, k:].ravel()],
                classes.repeat_interleave(60 - k),
            )
        np.testing.assert_allclose(found[place], real / 400, atol=0.04)


def test_a_model_is_judged_alike_whoever_is_judged_beside_it() -> None:
    random = np.random.default_rng(0)
    labels, tasks = np.repeat(np.arange(5), 4), np.array([[0, 1, 2, -1], [1, 2, 3, 4]])
    features = random.normal(size=(3, 20, 4))
    whole = psi_statistics(features, labels, 5)
    alone = psi_statistics(features[1:2], labels, 5)
    together = combine([whole], tasks, (2,), draws=3, random=np.random.default_rng(0))
    by_itself = combine([alone], tasks, (2,), draws=3, random=np.random.default_rng(0))
    np.testing.assert_allclose(together[..., 1:2], by_itself, atol=1e-9)


def test_a_dead_model_guesses() -> None:
    labels, tasks = np.repeat(np.arange(5), 4), np.array([[0, 1, 2, 3, 4]])
    parts = [psi_statistics(np.full((1, 20, 3), 7.0), labels, 5)]
    found = combine(parts, tasks, (1, 5), draws=40, random=np.random.default_rng(0))
    np.testing.assert_allclose(found, 0.2, atol=0.05)


def test_a_class_of_one_row_spreads_like_the_others() -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 50 + [1] * 50 + [2])
    found = gaussians([psi_statistics(random.normal(size=(1, 101, 3)), labels, 3)])
    covariances = found.roots[0] @ found.roots[0].transpose(0, 2, 1)
    np.testing.assert_allclose(covariances[2], covariances[:2].mean(axis=0), rtol=1e-3, atol=1e-3)


def test_what_cannot_be_judged() -> None:
    ones = [psi_statistics(np.ones((1, 2, 3)), np.array([0, 1]), 3)]
    random = np.random.default_rng(0)
    with pytest.raises(InputError, match="no class has two rows"):
        combine(ones, np.array([[0, 1]]), (1,), draws=1, random=random)
    twos = [psi_statistics(np.ones((1, 4, 3)), np.array([0, 0, 1, 1]), 3)]
    with pytest.raises(InputError, match="class 2, of which no provider has a row"):
        combine(twos, np.array([[0, 2]]), (1,), draws=1, random=random)
