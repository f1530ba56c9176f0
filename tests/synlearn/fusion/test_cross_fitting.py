import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.fusion.cross_fitting import Evidence, held_out_tasks
from synlearn.fusion.fused import METRIC
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
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
EVIDENCE = Evidence(
    tasks=OWN,
    v_star=RANDOM.normal(size=(2, 3, MODELS)),
    levels=(1, 5),
    task=np.repeat(np.arange(3), 4),
    k=np.tile([1, 1, 4, 4], 3),
    means=RANDOM.normal(size=(12, 3, WIDTH)).astype(np.float32),
    scores={"leep": RANDOM.normal(size=(12, MODELS))},
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
    groups = held_out_tasks(
        GATHERED, SETS, EVIDENCE, folds=3, train=trainer, random=np.random.default_rng(0)
    )
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
    assert sorted(held_models) == list(range(MODELS))


@pytest.mark.parametrize("folds", [4, 5])
def test_too_many_folds(folds: int) -> None:
    with pytest.raises(InputError, match="use fewer folds"):
        held_out_tasks(
            GATHERED, SETS, EVIDENCE, folds=folds, train=Trainer(), random=np.random.default_rng(0)
        )


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
    held_out_tasks(
        gathered, SETS, EVIDENCE, folds=3, train=trainer, random=np.random.default_rng(0)
    )
    assert [len(seen.task_classes) for seen, _, _ in trainer.seen] == [2, 2, 2]
