import copy

import numpy as np
import pytest
import torch

from synlearn.mre.losses import triplet_loss
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.training import Gathered, MetricLearner, UpdatePlan

PLAN = UpdatePlan(
    updates=40,
    total_updates=120,
    batch_tasks=4,
    batch_models=3,
    margin=0.5,
    pairs="within",
    learning_rate=1e-2,
)
SPECIFICATIONS = torch.randn(5, 7, generator=torch.Generator().manual_seed(3))


def gathered(tasks: int = 6, models: int = 5, width: int = 4) -> Gathered:
    """Answers of two rounds about tasks whose best models are near them in the first dimension."""
    random = np.random.default_rng(0)
    found = Gathered(tasks, models, width)
    centres = random.normal(size=(tasks, width))
    errors = np.abs(centres[:, :1] - SPECIFICATIONS[:, 0].numpy()) + 0.1
    for _ in range(2):
        found.add_validation(np.arange(tasks), np.arange(models), errors * 8, np.full(tasks, 8.0))
        for task in range(tasks):
            means = centres[task] + 0.1 * random.normal(size=(3, width))
            found.add_features(task, means.astype(np.float32))
    return found


def learner(seed: int = 0) -> MetricLearner:
    spec = MetricSpec(4, 7, hidden=16, embedding=8, members=2)
    return MetricLearner(Metric(spec, torch.Generator().manual_seed(seed)), weight_decay=1e-4)


def loss(trained: MetricLearner, found: Gathered) -> float:
    with torch.no_grad():
        distance = trained.metric(found.mean_features(), SPECIFICATIONS)
        return float(triplet_loss(distance, found.v_star(), PLAN.margin, PLAN.pairs).mean())


def test_errors_of_pairs_drawn_again_add_up() -> None:
    found = Gathered(tasks=3, models=4, width=2)
    sums, counts = np.zeros((3, 4)), np.zeros((3, 4))
    random = np.random.default_rng(0)
    for tasks, models in ([[0, 2], [1, 3]], [[2], [0, 1, 3]], [[0, 1], [3]]):
        part = random.random((len(tasks), len(models)))
        part.flags.writeable = False  # as it comes over the wire
        rows = random.integers(1, 9, len(tasks)).astype(np.float64)
        found.add_validation(np.array(tasks), np.array(models), part, rows)
        for i, task in enumerate(tasks):
            for j, model in enumerate(models):
                sums[task, model] += part[i, j]
                counts[task, model] += rows[i]
    with np.errstate(invalid="ignore"):
        expected = sums / counts
    np.testing.assert_allclose(found.v_star().numpy(), expected)
    assert np.isnan(expected).sum() == 6


def test_features_are_averaged_by_task() -> None:
    found = Gathered(tasks=4, models=2, width=2)
    found.add_features(3, np.array([[1, 2], [3, 4]], np.float32))
    found.add_features(1, np.array([[5, 6]], np.float32))
    found.add_features(3, np.array([[5, 0]], np.float32))
    assert found.mean_features().tolist() == [[5, 6], [3, 2]]  # tasks 1 and 3


@pytest.mark.parametrize("k", [1, 10])
def test_instance_variance_is_that_of_the_instances(k: int) -> None:
    random = np.random.default_rng(0)
    found = Gathered(tasks=20, models=2, width=3)
    spread = np.array([0.3, 0.1, 0.2])
    for task in range(20):
        instances = 5 * random.normal(size=3) + spread * random.normal(size=(200, k, 3))
        found.add_features(task, instances.mean(axis=1).astype(np.float32))
    assert found.instance_variance(k) == pytest.approx((spread**2).sum(), rel=0.05)


def test_instance_variance_of_single_draws_is_the_largest_possible() -> None:
    found = Gathered(tasks=2, models=2, width=3)
    for task in range(2):
        found.add_features(task, np.ones((1, 3), np.float32))
    assert found.instance_variance(10) == 1.0


def test_learning_ranks_the_models_of_the_learning_tasks() -> None:
    found, trained = gathered(), learner()
    losses = [
        trained.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(index))
        for index in range(3)
    ]
    assert losses[2] < 0.5 * losses[0]
    assert loss(trained, found) < 0.1
    assert trained.done == PLAN.total_updates


def test_a_round_that_is_run_again_does_what_it_would_have_done() -> None:
    found, trained = gathered(), learner()
    trained.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(0))
    killed = copy.deepcopy(trained)
    for again in (trained, killed):
        torch.manual_seed(hash(id(again)) % 2**32)  # no draw comes from the global generator
        again.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(1))
    for one, other in zip(trained.metric.parameters(), killed.metric.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_last_step_is_almost_none() -> None:
    found, trained = gathered(), learner()
    trained.done = PLAN.total_updates - 1
    before = copy.deepcopy(trained.metric)
    plan = UpdatePlan(1, PLAN.total_updates, 4, 3, 0.5, "within", PLAN.learning_rate)
    trained.update(found, SPECIFICATIONS, plan, np.random.default_rng(0))
    for now, then in zip(trained.metric.parameters(), before.parameters(), strict=True):
        assert (now - then).abs().max() < 1e-5


def test_statistics_are_taken_once() -> None:
    """Else what the metric learned in earlier rounds would shift under it."""
    found, trained = gathered(), learner()
    trained.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(0))
    mean = trained.metric.task_mean.clone()
    torch.testing.assert_close(mean, found.features.mean(dim=0))
    torch.testing.assert_close(trained.metric.model_mean, SPECIFICATIONS.mean(dim=0))
    found.add_features(0, np.full((3, 4), 100, np.float32))
    trained.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(1))
    assert torch.equal(trained.metric.task_mean, mean)


def test_batches_larger_than_what_there_is_take_all() -> None:
    plan = UpdatePlan(2, 2, 1000, 1000, 0.5, "across", 1e-3)
    assert learner().update(gathered(), SPECIFICATIONS, plan, np.random.default_rng(0)) > 0


def test_pairs_that_nobody_validated_teach_nothing() -> None:
    found, trained = gathered(), learner()
    found.counts.zero_()
    before = copy.deepcopy(trained.metric)
    assert trained.update(found, SPECIFICATIONS, PLAN, np.random.default_rng(0)) == 0
    for now, then in zip(trained.metric.parameters(), before.parameters(), strict=True):
        assert (now - then).abs().max() < 1e-3  # weight decay alone
