import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_training import (
    ClassificationLearner,
    GatheredClasses,
    LearningPlan,
    Precision,
)
from synlearn.mre.supervision import AttentionRule, attention_labels

CLASSES, MODELS, OUTPUTS, WIDTH = 12, 10, 4, 6
PLAN = LearningPlan(120, batch_tasks=6, batch_models=6, learning_rate=1e-2)


def world() -> tuple[GatheredClasses, ClassSets]:
    """Models know some of twelve classes; a model is good for a task whose classes it knows."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLASSES, WIDTH))
    known = [random.choice(CLASSES, int(random.integers(2, OUTPUTS + 1)), False) for _ in range(10)]
    models = ClassSets.of([centres[own] + 0.05 * random.normal(size=WIDTH) for own in known])
    responses = np.zeros((CLASSES, MODELS, OUTPUTS), np.float32)
    for model, own in enumerate(known):
        responses[:, model, : len(own)] = 1 / len(own)
        responses[own, model, : len(own)] = np.eye(len(own))
    tasks = np.stack([np.sort(random.choice(CLASSES, 3, False)) for _ in range(30)])
    tasks = np.where(np.arange(3) < np.where(np.arange(30) % 5 == 0, 2, 3)[:, None], tasks, -1)
    held = np.array([[len(set(own) & set(task.tolist())) for own in known] for task in tasks])
    feature_task = np.repeat(np.arange(30), 4)
    features = centres[tasks[feature_task]] + 0.1 * random.normal(size=(120, 3, WIDTH))
    gathered = GatheredClasses(
        v_star=-torch.from_numpy(held.astype(np.float64))[None],
        responses=torch.from_numpy(responses),
        task_classes=torch.from_numpy(tasks),
        features=torch.from_numpy(features.astype(np.float32)),
        feature_task=torch.from_numpy(feature_task),
        feature_level=torch.zeros(len(feature_task), dtype=torch.int64),
    )
    return gathered, models


def learner(precision: Precision = "float32") -> ClassificationLearner:
    spec = ClassificationMetricSpec(WIDTH, WIDTH, width=16, hidden=16, members=2)
    metric = ClassificationMetric(spec, torch.Generator().manual_seed(0))
    return ClassificationLearner(metric, weight_decay=1e-4, precision=precision)


def agreement(trained: ClassificationLearner) -> float:
    """Correlation of distance and v_star within tasks."""
    gathered, models = world()
    with torch.no_grad():
        distance = trained.metric.forward(gathered.target_datasets(np.arange(0, 120, 4)), models)
    mean = distance.distance.double().mean(dim=0)
    pairs = zip(mean, gathered.v_star[0], strict=True)
    return float(np.mean([np.corrcoef(one, other)[0, 1] for one, other in pairs]))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_learning_ranks_the_models_of_the_learning_tasks(precision: Precision) -> None:
    gathered, models = world()
    trained = learner(precision)
    first = trained.update(gathered, models, PLAN, 60, np.random.default_rng(0))
    last = trained.update(gathered, models, PLAN, 60, np.random.default_rng(1))
    assert last.metric < first.metric
    assert last.attention < first.attention
    assert agreement(trained) > 0.6 > 2 * abs(agreement(learner()))
    assert trained.done == PLAN.total_updates


def test_attention_falls_on_the_labelled_classes() -> None:
    gathered, models = world()
    trained = learner()
    trained.update(
        gathered, models, replace(PLAN, attention_weight=5.0), 120, np.random.default_rng(0)
    )
    datasets, rows = gathered.target_datasets(np.arange(0, 120, 4)), np.arange(30)
    with torch.no_grad():
        weights = trained.metric.forward(datasets, models).attention.weights[..., 1:].mean(dim=0)
    labels = attention_labels(gathered.responses_of(rows, np.arange(MODELS)), AttentionRule())
    assert float(weights[labels].mean()) > 3 * float(weights[~labels].mean())


def test_a_round_that_is_run_again_does_what_it_would_have_done() -> None:
    gathered, models = world()
    trained = learner()
    trained.update(gathered, models, PLAN, 5, np.random.default_rng(0))
    killed = copy.deepcopy(trained)
    for again in (trained, killed):
        torch.manual_seed(id(again) % 2**32)  # no draw comes from the global generator
        again.update(gathered, models, PLAN, 5, np.random.default_rng(1))
    for one, other in zip(trained.metric.parameters(), killed.metric.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_nobody_answered_teaches_nothing() -> None:
    gathered, models = world()
    unknown = replace(
        gathered,
        v_star=torch.full_like(gathered.v_star, torch.nan),
        responses=torch.full_like(gathered.responses, torch.nan),
    )
    trained = learner()
    before = copy.deepcopy(trained.metric)
    loss = trained.update(unknown, models, PLAN, 3, np.random.default_rng(0))
    assert (loss.metric, loss.attention) == (0, 0)
    for now, then in zip(trained.metric.parameters(), before.parameters(), strict=True):
        assert (now - then).abs().max() < 1e-3  # weight decay alone


def test_responses_are_those_of_the_tasks_classes() -> None:
    gathered, _ = world()
    found = gathered.responses_of(np.array([0, 7]), np.array([3, 1, 2]))
    assert found.shape == (3, 2, 3, OUTPUTS)
    for row, task in enumerate((0, 7)):
        for way, label in enumerate(gathered.task_classes[task].tolist()):
            for place, model in enumerate((3, 1, 2)):
                expected = gathered.responses[label, model] if label >= 0 else torch.zeros(OUTPUTS)
                assert torch.equal(found[place, row, way], expected)


def test_batches_larger_than_what_there_is_take_all() -> None:
    gathered, models = world()
    plan = LearningPlan(2, batch_tasks=1000, batch_models=1000, pairs="across", keep_triplets=50)
    assert learner().update(gathered, models, plan, 2, np.random.default_rng(0)).metric > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 is for CUDA")
def test_float16_with_loss_scaling() -> None:
    gathered, models = world()
    metric = learner().metric
    trained = ClassificationLearner(metric, 1e-4, device="cuda", precision="float16")
    loss = trained.update(gathered, models, PLAN, 60, np.random.default_rng(0))
    assert np.isfinite(loss.metric)
    assert trained.scaler.get_scale() > 0
