import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.mre.learned_tasks import LearnedTasks
from tests.mre_models import mre_model


def test_a_task_is_the_mean_of_its_examples() -> None:
    model = mre_model()
    images = np.random.default_rng(0).random((3, 1, 16, 16), np.float32)
    feature = model.task_feature(images)
    with torch.no_grad():
        expected = model.backbone(torch.from_numpy(images)).mean(dim=0)
    torch.testing.assert_close(feature.clone(), expected)


@pytest.mark.parametrize("shape", [(0, 1, 16, 16), (3, 3, 16, 16), (3, 16, 16), (1, 1, 1, 16, 16)])
def test_examples_of_another_shape_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="takes images of 1 channel"):
        mre_model().task_feature(np.zeros(shape, np.float32))


def test_a_score_is_minus_the_distance_in_standard_units() -> None:
    model = mre_model()
    random = torch.Generator().manual_seed(1)
    features = torch.randn(2, 6, generator=random)
    specifications = torch.randn(5, 7, generator=random)
    scores = model.member_scores(features, specifications)
    with torch.no_grad():
        distance = model.metric(features, specifications)
    assert scores.shape == (3, 2, 5)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores.mean(axis=2), 0, atol=1e-12)
    np.testing.assert_allclose(scores.std(axis=2), 1, rtol=1e-12)
    for member in range(3):  # an increasing affine map of minus the distance, for each task
        for task in range(2):
            slope, _ = np.polyfit(-distance[member, task].double(), scores[member, task], 1)
            assert slope > 0
            correlation = np.corrcoef(-distance[member, task].double(), scores[member, task])
            assert correlation[0, 1] == pytest.approx(1, abs=1e-9)


def test_one_model_alone_scores_zero() -> None:
    scores = mre_model().member_scores(torch.randn(2, 6), torch.randn(1, 7))
    np.testing.assert_array_equal(scores, 0)


class TestNovelty:
    """Learning tasks at the corners of a grid with step 1; an instance varies by 0.5 in all."""

    learned = LearnedTasks(
        torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)), instance_variance=0.5
    )

    def test_a_learning_task_is_not_novel(self) -> None:
        for mean in self.learned.means:
            assert self.learned.novelty(mean, k=10) == 0

    @pytest.mark.parametrize("k", [1, 5])
    def test_novelty_is_squared_distance_over_what_is_usual(self, k: int) -> None:
        far = torch.tensor([3.0, 6.0])  # three steps from the nearest
        assert self.learned.novelty(far, k) == pytest.approx(9 / (1 + 2 * 0.5 / k), rel=1e-5)

    def test_several_are_averaged(self) -> None:
        both = torch.tensor([[3.0, 6.0], [3.0, 4.0]])
        each = [self.learned.novelty(feature, k=5) for feature in both]
        assert self.learned.mean_novelty(both, k=5) == pytest.approx(sum(each) / 2, rel=1e-5)

    def test_few_examples_excuse_more_distance(self) -> None:
        away = torch.tensor([3.0, 4.3])
        assert self.learned.novelty(away, k=1) < 1 < self.learned.novelty(away, k=1000)

    def test_asking_leaves_it_as_it_was(self) -> None:
        before = self.learned.means.clone()
        self.learned.novelty(torch.zeros(2), k=1)
        assert torch.equal(self.learned.means, before)


def test_samples_of_learning_tasks_are_rarely_called_novel() -> None:
    random = torch.Generator().manual_seed(0)
    width, variance, k = 16, 0.4, 3
    means = torch.randn(60, width, generator=random)
    learned = LearnedTasks(means, instance_variance=variance)
    noise = torch.randn(60, width, generator=random) * (variance / width / k) ** 0.5
    novel = [learned.novelty(mean + shift, k) > 1 for mean, shift in zip(means, noise, strict=True)]
    assert sum(novel) <= 2
