from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from synlearn.datasets.mixed_tasks import MixedTask, Side
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_ablation_kinds import ABLATIONS, Ablation, chosen
from synlearn.evaluation.experiments.mixed_ablation_report import (
    Trained,
    ablation_results,
    ablation_table,
    growth_figure,
)
from synlearn.evaluation.experiments.mixed_ablations import (
    Ablations,
    LearningSide,
    RankingSide,
    Training,
)
from synlearn.evaluation.results import Results
from synlearn.evaluation.results_file import results_from_json, results_to_json
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_training import LearningPlan

MODELS, CLASSES, IMAGES, OUTPUTS, WIDTH = 12, 8, 6, 3, 4


def world() -> Ablations:
    """Made-up answers of a tiny run."""
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    pictures = random.integers(0, 256, (CLASSES * IMAGES, 32, 32, 3), np.uint8)
    tasks = np.sort(np.array([random.choice(CLASSES, 5, replace=False) for _ in range(9)]), axis=1)
    models = ClassSets.of(
        [random.normal(size=(OUTPUTS, WIDTH)).astype(np.float32) for _ in range(MODELS)]
    )
    learning = LearningSide(
        tasks=tasks,
        score=random.random((2, 9, MODELS)),
        levels=(1, 3),
        responses=random.dirichlet(np.ones(OUTPUTS), (CLASSES, MODELS)).astype(np.float32),
        pictures=pictures,
        labels=np.repeat(np.arange(CLASSES), IMAGES),
        models=models,
        backbone=Backbone(BackboneSpec(channels=3, width=2, features=6)),
    )
    test = RankingSide(
        pictures=pictures[:20],
        examples={k: random.integers(0, 20, (2, 4, 5, k)) for k in (1, 5)},
        truth={k: random.random((4, MODELS)) for k in (1, 5)},
        models=models,
    )
    spec = ClassificationMetricSpec(6, WIDTH, width=8, hidden=8, members=2)
    plan = LearningPlan(total_updates=3, batch_tasks=4, batch_models=6)
    return Ablations(learning, test, Training(spec, plan, 0.01, (1, 4), 2))


def weights(metric: ClassificationMetric) -> torch.Tensor:
    return torch.cat([own.detach().flatten() for own in metric.parameters()])


SMALL = (
    Ablation("default", "As shipped"),
    Ablation("attention-off", "-", attention=False),
    Ablation("pretraining-off", "-", pretrained=False),
    Ablation("across", "-", pairs="across"),
    Ablation("k-5", "-", k=5),
    Ablation("models-7", "-", models=7),
    Ablation("tasks-5", "-", tasks=5),
)


def test_each_ablation_changes_the_training_and_the_seed_repeats_it() -> None:
    own = world()
    default = weights(own.train(SMALL[0], 1))
    torch.testing.assert_close(default, weights(world().train(SMALL[0], 1)))
    for ablation in SMALL[1:]:
        assert not torch.equal(default, weights(own.train(ablation, 1))), ablation.key
    assert not torch.equal(default, weights(own.train(SMALL[0], 2)))


def test_smaller_subsets_lie_within_larger_ones() -> None:
    own = world()
    few, _ = own._gathered(replace(SMALL[0], tasks=3), 4)
    more, _ = own._gathered(replace(SMALL[0], tasks=6), 4)
    few_tasks, more_tasks = (set(map(tuple, g.task_classes.tolist())) for g in (few, more))
    assert few_tasks < more_tasks
    assert len(few.features) == 3 * 2


def test_without_pre_training_the_backbone_is_the_seeds_own() -> None:
    own = world()
    drawn = own.features(SMALL[2], 1)[0]
    assert not np.array_equal(drawn, own.features(SMALL[0], 1)[0])
    assert not np.array_equal(drawn, own.features(SMALL[2], 2)[0])
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: world().train(Ablation("k", "-", k=7), 0), "has 6 images"),
        (lambda: world().train(Ablation("m", "-", models=13), 0), "13 learning models"),
        (lambda: chosen(["no-such"]), "choose from default"),
    ],
)
def test_bad_wishes_are_told(call: Callable[[], object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        call()


def test_the_shipped_list_has_distinct_keys_and_one_default() -> None:
    assert len({one.key for one in ABLATIONS}) == len(ABLATIONS)
    assert chosen(()) == ABLATIONS
    assert chosen(["across"]) == (ABLATIONS[3],)


TASKS = [
    MixedTask(f"{side}-{place}", "mnist", side, (0, 1, 2, 3, 4))
    for side in (Side.SEEN, Side.UNSEEN)
    for place in range(2)
]


def trained(seeds: dict[str, tuple[int, ...]]) -> list[Trained]:
    known = {one.key: one for one in ABLATIONS}
    return [
        Trained(known[key], seed, {1: np.array([0.1, 0.3, 0.5, 0.7]) + seed * gap}, 2.0)
        for gap, (key, own) in enumerate(seeds.items())
        for seed in own
    ]


def report(found: list[Trained]) -> Results:
    return ablation_results(
        found, TASKS, command="c", finished="", models=3, settings={}, digests={}
    )


def test_results_hold_the_seeds_that_all_have() -> None:
    results = report(trained({"default": (0, 1), "across": (0, 1), "models-20": (0,)}))
    assert results.seeds == (0,)
    assert [one.key for one in results.methods] == ["default", "across", "models-20"]
    seen, unseen = (
        results.find("kendall_tau", "default", side, 1)
        for side in Side
        if side in ("seen", "unseen")
    )
    assert seen is not None
    assert unseen is not None
    assert seen.by_seed[0] == pytest.approx(0.2)
    assert unseen.by_seed[0] == pytest.approx(0.6)
    assert results_from_json(results_to_json(results)) == results


def test_table_and_figure_show_the_paired_difference() -> None:
    results = report(trained({"default": (0, 1), "across": (0, 1), "models-20": (0, 1)}))
    assert ablation_table(results, "all").row_count == 3
    gap = results.compare(
        *(
            found
            for key in ("across", "default")
            if (found := results.find("kendall_tau", key, "all", 1))
        )
    )
    assert gap.estimate.mean == pytest.approx(0.5)
    assert len(growth_figure(results, models=240, tasks=900).axes) == 2


def test_there_must_be_a_default() -> None:
    with pytest.raises(InputError, match="default has not been trained"):
        report(trained({"across": (0,)}))
