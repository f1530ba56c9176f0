from dataclasses import replace

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.fusion.cross_fitting import (
    Evidence,
    KnownAccuracies,
    deal_models,
    held_out_blocks,
)
from synlearn.fusion.fused import METRIC, SMOOTHED
from synlearn.fusion.similarity import from_triangle
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.task_traits import task_traits
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import gathered_classes, learned_classes
from synlearn.mre.classification_training import GatheredClasses

RANDOM = np.random.default_rng(0)
CLASSES, MODELS, WIDTH = 12, 9, 4
TASKS = np.array([[0, 1, 2], [1, 2, 3], [4, 5, 6], [3, 4, 5], [7, 8, 9], [9, 10, 11], [6, 7, 8]])
OWN = np.array([[0, 1, 2], [4, 5, 6], [9, 10, 11]])
SETS = ClassSets.of([RANDOM.normal(size=(2, 5)) for _ in range(MODELS)])
GATHERED = GatheredClasses(
    v_star=torch.arange(2 * 7 * MODELS, dtype=torch.float64).reshape(2, 7, MODELS),
    responses=torch.arange(CLASSES * MODELS * 2, dtype=torch.float32).reshape(CLASSES, MODELS, 2),
    task_classes=torch.from_numpy(TASKS),
    features=torch.arange(14 * 3 * WIDTH, dtype=torch.float32).reshape(14, 3, WIDTH),
    feature_task=torch.arange(7).repeat_interleave(2),
    feature_level=torch.arange(14) % 2,
)
BLOCKS = deal_models(MODELS, 3, 64, np.random.default_rng(1))
EVIDENCE = Evidence(
    tasks=OWN,
    v_star=RANDOM.normal(size=(2, 3, MODELS)),
    levels=(1, 5),
    task=np.repeat(np.arange(3), 4),
    k=np.tile([1, 1, 4, 4], 3),
    means=RANDOM.normal(size=(12, 3, WIDTH)).astype(np.float32),
    scores={"leep": RANDOM.normal(size=(12, MODELS))},
    blocks=BLOCKS,
    similarity=tuple(RANDOM.uniform(size=(12, 3)).astype(np.float32) for _ in BLOCKS),
)


class Trainer:
    """Notes what metrics are trained on; they are untrained."""

    def __init__(self) -> None:
        self.seen: list[tuple[GatheredClasses, ClassSets, int]] = []

    def __call__(
        self, gathered: GatheredClasses, models: ClassSets, fold: int
    ) -> ClassificationMetric:
        self.seen.append((gathered, models, fold))
        spec = ClassificationMetricSpec(WIDTH, 5, width=4, hidden=4, members=2)
        return ClassificationMetric(spec, torch.Generator().manual_seed(fold)).eval()


def test_no_metric_sees_the_models_and_tasks_that_it_is_asked_about() -> None:
    trainer = Trainer()
    groups = [
        own.tasks for own in held_out_blocks(GATHERED, SETS, EVIDENCE, folds=3, train=trainer)
    ]
    assert [fold for _, _, fold in trainer.seen] == [0, 1, 2]
    held_models: list[int] = []
    for (gathered, models, _), group, own in zip(trainer.seen, groups, OWN, strict=True):
        kept = [task for task in TASKS.tolist() if len(set(task) & set(own.tolist())) < 2]
        assert gathered.task_classes.tolist() == kept
        assert len(gathered.features) == len(gathered.feature_level) == 2 * len(kept)
        for row, task in enumerate(gathered.feature_task.tolist()):
            original = TASKS.tolist().index(kept[task])
            assert torch.equal(gathered.features[row], GATHERED.features[2 * original + row % 2])
        first = GATHERED.v_star[0, TASKS.tolist().index(kept[0])].tolist()
        others = [first.index(value) for value in gathered.v_star[0, 0].tolist()]
        assert torch.equal(models.values, SETS.values[others])
        assert torch.equal(gathered.responses, GATHERED.responses[:, others])
        held = np.setdiff1d(np.arange(MODELS), others)
        held_models += held.tolist()
        rows = np.flatnonzero(EVIDENCE.task == OWN.tolist().index(own.tolist()))
        np.testing.assert_array_equal(
            group.scores["leep"], EVIDENCE.scores["leep"][np.ix_(rows, held)]
        )
        level = (group.k > 2).astype(int)
        np.testing.assert_array_equal(
            group.v_star, EVIDENCE.v_star[level, EVIDENCE.task[rows]][:, held]
        )
        assert group.scores[METRIC].shape == group.v_star.shape == (4, 3)
        similarity = from_triangle(EVIDENCE.similarity[len(held_models) // 3 - 1][rows], 3)
        np.testing.assert_array_equal(
            group.scores[SMOOTHED], smoothed(group.scores[METRIC], similarity)
        )
    assert sorted(held_models) == list(range(MODELS))


def test_more_folds_than_tasks_are_refused() -> None:
    with pytest.raises(InputError, match="4 folds of 3 tasks"):
        held_out_blocks(GATHERED, SETS, EVIDENCE, folds=4, train=Trainer())


def test_every_model_is_in_one_block_and_each_fold_has_as_many() -> None:
    blocks = deal_models(100, 3, 20, np.random.default_rng(0))
    assert [len(block) for block in blocks] == [17] * 4 + [16] * 2
    assert sorted(np.concatenate(blocks).tolist()) == list(range(100))
    assert all((np.diff(block) > 0).all() for block in blocks)
    again = deal_models(100, 3, 20, np.random.default_rng(1))
    assert blocks[0].tolist() != again[0].tolist()


def test_large_folds_are_several_blocks_of_one_metric() -> None:
    blocks = deal_models(MODELS, 2, 3, np.random.default_rng(1))
    pairs = [len(block) * (len(block) - 1) // 2 for block in blocks]
    similarity = tuple(np.zeros((12, count), np.float32) for count in pairs)
    trainer = Trainer()
    groups = held_out_blocks(
        GATHERED,
        SETS,
        replace(EVIDENCE, blocks=blocks, similarity=similarity),
        folds=2,
        train=trainer,
    )
    assert [len(models) for _, models, _ in trainer.seen] == [MODELS - 5, MODELS - 4]
    sizes = [len(blocks[number]) for number in (0, 2, 1, 3)]
    assert [group.tasks.v_star.shape[1] for group in groups] == sizes


@pytest.mark.parametrize(("models", "folds"), [(9, 5), (9, 1), (3, 2)])
def test_too_few_models_for_the_folds_are_refused(models: int, folds: int) -> None:
    with pytest.raises(InputError, match="each needs two"):
        deal_models(models, folds, 64, np.random.default_rng(0))


def test_where_every_task_is_much_like_a_held_one_all_are_kept() -> None:
    few = torch.tensor([0, 1])
    gathered = GatheredClasses(
        GATHERED.v_star[:, few],
        GATHERED.responses,
        GATHERED.task_classes[few],
        GATHERED.features[:4],
        GATHERED.feature_task[:4],
        GATHERED.feature_level[:4],
    )
    trainer = Trainer()
    held_out_blocks(gathered, SETS, EVIDENCE, folds=3, train=trainer)
    assert [len(seen.task_classes) for seen, _, _ in trainer.seen] == [2, 2, 2]


def test_accuracies_are_of_the_same_rows_and_models() -> None:
    """A task's own classes do not tell how hard it is."""
    learned = learned_classes(GATHERED)
    logits = {k: RANDOM.normal(size=(3, MODELS)) for k in (1, 4)}
    known = KnownAccuracies(
        logits, learned, gathered_classes(GATHERED), np.arange(CLASSES, dtype=float)
    )
    found = held_out_blocks(GATHERED, SETS, EVIDENCE, folds=3, train=Trainer(), known=known)
    for block, models, own in zip(found, BLOCKS, range(3), strict=True):
        accuracies = block.accuracies
        assert accuracies is not None
        assert accuracies.k.tolist() == [1, 1, 4, 4]
        assert accuracies.task.tolist() == [own] * 4
        for row, k in enumerate(accuracies.k.tolist()):
            np.testing.assert_array_equal(accuracies.logits[row], logits[k][own, models])
        assert accuracies.scores is block.tasks.scores
        assert accuracies.unrest.shape == (4, 2)
        assert np.isfinite(accuracies.unrest).all()
        rows = np.flatnonzero(EVIDENCE.task == own)
        mask = np.isin(np.arange(CLASSES), OWN[own])[None].repeat(4, axis=0)
        means = torch.from_numpy(EVIDENCE.means[rows])
        expected = task_traits(means, learned.means, known.difficulty, mask)
        np.testing.assert_array_equal(accuracies.traits, expected)
