import numpy as np
import pytest
import torch
from torch.nn import functional

from synlearn.mre.compared import unrest
from synlearn.mre.example_spread import PRIOR, moved_means, scatter
from synlearn.mre.learned_tasks import LearnedTasks

LEARNED = LearnedTasks(torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 0, 0]]), instance_variance=0.4)


def instances(k: int, spread: float, classes: int = 4) -> torch.Tensor:
    """(classes, k, 3) of length 1."""
    random = torch.Generator().manual_seed(k)
    centres = torch.randn(classes, 1, 3, generator=random)
    noise = spread * torch.randn(classes, k, 3, generator=random)
    return functional.normalize(centres + noise, dim=2)


@pytest.mark.parametrize("k", [2, 5, 40])
def test_the_scatter_of_single_examples_follows_from_their_means(k: int) -> None:
    rows = instances(k, 0.7)
    means = rows.mean(dim=1, keepdim=True)
    within = float((rows - means).square().sum())
    found = float(scatter(means.squeeze(1)[None], np.full((1, 4), k), LEARNED)[0])
    assert found == pytest.approx((PRIOR * 0.4 + within) / (PRIOR + 4 * (k - 1)), rel=1e-4)


def test_from_one_example_all_is_known_from_learning() -> None:
    means = instances(1, 0.3).mean(dim=1)
    assert float(scatter(means[None], np.ones((1, 4), int), LEARNED)[0]) == pytest.approx(0.4)


def test_means_move_as_far_as_their_number_of_examples_lets_them() -> None:
    means = instances(1, 0.3).mean(dim=1)[None].expand(2, -1, -1)
    counts = np.array([[1] * 4, [1, 1, 4, 4]])
    moved = moved_means(means, counts, LEARNED, 4000)
    away = (moved - means).square().sum(dim=3).mean(dim=0)
    own = scatter(means, counts, LEARNED)
    np.testing.assert_allclose(away[0], [float(own[0])] * 4, rtol=0.1)
    np.testing.assert_allclose(away[1], own[1] / torch.tensor([1, 1, 4, 4]), rtol=0.1)


def test_they_move_where_learned_classes_differ_and_always_alike() -> None:
    means = instances(2, 0.3).mean(dim=1)[None]
    counts = np.full((1, 4), 2)
    moved = moved_means(means, counts, LEARNED)
    assert torch.equal(moved, moved_means(means, counts, LEARNED))
    assert float((moved - means)[..., 1:].abs().max()) < 1e-6
    assert float((moved - means)[..., 0].abs().min()) > 0


class TestUnrest:
    distances = np.random.default_rng(0).normal(size=(3, 2, 50))

    def test_it_is_the_deviation_of_moved_scores(self) -> None:
        base = self.distances.mean(axis=0)
        noise = np.random.default_rng(1).normal(size=(4000, 2, 10))
        probed = np.arange(0, 50, 5)
        moved = base[:, probed] + np.array([0.1, 0.3])[:, None] * noise
        found = unrest(self.distances, moved, probed)
        expected = np.log(np.array([0.1, 0.3]) / base.std(axis=1)) + np.log(0.9) / 2
        np.testing.assert_allclose(found[:, 0], expected, atol=0.02)

    def test_what_moves_all_models_alike_does_not_count(self) -> None:
        base = self.distances.mean(axis=0)
        shift = np.random.default_rng(1).normal(size=(8, 2, 1))
        found = unrest(self.distances, base + shift, np.arange(50))
        assert (found[:, 0] < -6).all()

    def test_members_that_agree_have_no_disagreement(self) -> None:
        one = np.repeat(self.distances[:1], 3, axis=0) * np.array([1.0, 2.0, 5.0])[:, None, None]
        found = unrest(one, one.mean(axis=0)[None], np.arange(50))
        assert (found[:, 1] < -6).all()
        assert (unrest(self.distances, self.distances, np.arange(50))[:, 1] > -1).all()
