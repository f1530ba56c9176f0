"""Intervals in the experiment are those that a ranking gives, and are judged as they should be."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from benchmarks.untrained_mre import made_up_accuracy, made_up_fusion
from synlearn.datasets.mixed_tasks import MixedTask, Side, example_rows
from synlearn.errors import InputError
from synlearn.evaluation.experiments import mixed_data
from synlearn.evaluation.experiments.mixed_data import MixedData, MixedPlan, prepare_mixed
from synlearn.evaluation.experiments.mixed_evaluation import EvaluationPlan
from synlearn.evaluation.experiments.mixed_interval_run import measure_intervals
from synlearn.evaluation.experiments.mixed_intervals import (
    CONSTANT,
    DEFAULT,
    EVERYTHING,
    METRIC_ALONE,
    Intervals,
)
from synlearn.evaluation.experiments.mixed_intervals_report import (
    BIAS,
    COVERAGE,
    FIRST,
    LOSS,
    MISCOVERAGE,
    RIGHT,
    SAID,
    TIED,
    WIDTH,
    IntervalRun,
    interval_results,
    interval_table,
    write_interval_outputs,
)
from synlearn.evaluation.results_file import read_results
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.storage import save_fusion
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.storage import save_mre
from synlearn.ranker import EVIDENCE, Ranker
from synlearn.zoo.catalog import Zoo, ZooEntry, card_path, digest_of
from synlearn.zoo.class_specification import Generator
from synlearn.zoo.feature_cache import planes
from synlearn.zoo.mixed_recipes import Recipe, Role, draw_recipes
from tests import mixed
from tests.mre_models import classification_mre

KS, SEEDS = (1, 2), (0, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> MixedData:
    """Six hardly trained experts to rank."""

    def quick(pool: object, count: int, role: Role, first: int = 0) -> tuple[Recipe, ...]:
        drawn = draw_recipes(mixed.pool(), count, role, first=first)
        return tuple(dataclasses.replace(own, steps=10) for own in drawn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed_data, "draw_recipes", quick)
        patch.setattr(mixed_data, "load_source", lambda name, root: mixed.sources()[name])
        folder = tmp_path_factory.mktemp("intervals") / "mixed"
        plan = MixedPlan(folder, mixed.split(), Path("data"), learning=1, test=6, ks=KS)
        found = prepare_mixed(plan, lambda *_: None, lambda: 0.0)
    return replace(found, tasks=found.tasks[::9])


@pytest.fixture(scope="module")
def mre(data: MixedData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MRE model of random weights, with a fusion and a map to accuracies."""
    generator = Generator.PROFILED
    width = data.specifications.vectors(generator)[0].shape[1]
    untrained = classification_mre()
    spec = replace(untrained.metric.spec, model_features=width)
    model = replace(
        untrained,
        metric=ClassificationMetric(spec, torch.Generator().manual_seed(0)).eval(),
        provenance=replace(untrained.provenance, anchors=data.specifications.source(generator)),
    )
    folder = tmp_path_factory.mktemp("mre") / "mre"
    save_mre(model, folder)
    save_fusion(made_up_fusion(2), folder)
    save_accuracy(made_up_accuracy(2, 5, len(model.learned.means)), folder)
    return folder


@pytest.fixture(scope="module")
def run(data: MixedData, mre: Path) -> IntervalRun:
    folder = data.zoo.root.parent
    truth = replace(data.truth, accuracy=data.truth.accuracy[:, ::9])
    asked = EvaluationPlan(folder, (mre,), SEEDS, KS)
    return measure_intervals(
        asked, replace(data, truth=truth), lambda *_: None, lambda: 0.0, "2026-01-01"
    )


def test_intervals_are_those_of_a_ranking(data: MixedData, mre: Path, run: IntervalRun) -> None:
    """For the same examples and candidates, by each mode."""
    root = data.zoo.root
    entries = {
        model: ZooEntry(
            data.zoo.model_digest(model), digest_of(card_path(root, model).read_bytes())
        )
        for model in data.test
    }
    candidates = Zoo(root, entries, "the test models")
    ranker = Ranker.load(mre)
    assert hasattr(ranker.model, "project")
    ranker.model.project(candidates, data.specifications.select(data.test))
    modes = {METRIC_ALONE: 0, DEFAULT: EVIDENCE, EVERYTHING: None}
    for place in (0, len(data.tasks) - 1):
        rows = example_rows(data.pool, data.tasks[place], 2, 1)
        images = planes(data.pool.pictures[rows.ravel()])
        labels = np.repeat(np.arange(5), 2)
        for mode, evidence in modes.items():
            found = run.intervals[mode, 2, 1]
            ranking = ranker.rank(images, labels, candidates, evidence=evidence)
            for row in ranking:
                model = data.test.index(row.model)
                assert row.low == pytest.approx(found.low[place, model], abs=1e-3)
                assert row.high == pytest.approx(found.high[place, model], abs=1e-3)
                assert found.odds is not None
                assert row.best_probability == pytest.approx(found.odds[place, model], abs=1e-2)
                assert row.was_run == found.run[place, model]


def test_a_model_without_a_map_is_refused(data: MixedData, mre: Path, tmp_path: Path) -> None:
    bare = tmp_path / "mre"
    bare.mkdir()
    for name in ("mre.json", "backbone.safetensors", "metric.safetensors", "fusion.json"):
        (bare / name).write_bytes((mre / name).read_bytes())
    asked = EvaluationPlan(data.zoo.root.parent, (bare,), SEEDS, KS)
    with pytest.raises(InputError, match="no map to accuracies"):
        measure_intervals(asked, data, lambda *_: None, lambda: 0.0, "")


TASKS = [
    MixedTask(f"{side}-{i}", "set", side, (0, 1, 2, 3, 4))
    for side in (Side.SEEN, Side.UNSEEN)
    for i in range(2)
]
TRUE = np.array([[0.5, 0.6, 0.9], [0.4, 0.3, 0.8], [0.5, 0.6, 0.7], [0.2, 0.1, 0.3]])


def made_up() -> IntervalRun:
    """Too narrow for the first model everywhere; the second one alone is run."""
    score = TRUE + 0.1
    margin = np.array([0.05, 0.2, 0.2])
    own = Intervals(
        low=score - margin,
        high=score + margin,
        score=score,
        odds=np.tile([0.1, 0.2, 0.7], (4, 1)),
        tied=np.tile([True, False, False], (4, 1)),
        run=np.tile([False, True, False], (4, 1)),
    )
    fixed = Intervals(
        np.full((4, 3), 0.2), np.full((4, 3), 0.8), np.full((4, 3), 0.5), None, None, own.run
    )
    modes = {METRIC_ALONE: own, DEFAULT: own, EVERYTHING: own, CONSTANT: fixed}
    return IntervalRun(
        intervals={(mode, 1, seed): it for mode, it in modes.items() for seed in (0, 1)},
        truth={1: TRUE},
        tasks=TASKS,
        images=np.array([1, 5, 0, 5]),
        seeds=(0, 1),
        seed_varies="the draw",
        command="",
        finished="",
        timings={},
        sizes={},
        settings={},
        digests={},
    )


@pytest.mark.parametrize(
    ("metric", "method", "value"),
    [
        (COVERAGE, DEFAULT, 2 / 3),
        (COVERAGE, FIRST, 1.0),
        (COVERAGE, CONSTANT, 10 / 12),
        (MISCOVERAGE, DEFAULT, 0.9 - 2 / 3),
        (WIDTH, DEFAULT, 0.3),
        (WIDTH, FIRST, 0.4),
        (LOSS, DEFAULT, 0.3 + 20 * 0.05 / 3),
        (BIAS, DEFAULT, 0.1),
        (SAID, DEFAULT, 0.7),
        (RIGHT, DEFAULT, 1.0),
        (TIED, DEFAULT, 0.0),
    ],
)
def test_numbers_are_what_they_are_called(metric: str, method: str, value: float) -> None:
    found = interval_results(made_up()).find(metric, method, "all", 1)
    assert found is not None
    assert found.by_seed == pytest.approx({0: value, 1: value})


def test_tasks_of_too_few_images_are_told_apart() -> None:
    results = interval_results(made_up())
    apart = [
        results.find(COVERAGE, CONSTANT, split, 1) for split in ("different", "filled", "seen")
    ]
    assert [None if own is None else own.by_seed[0] for own in apart] == pytest.approx(
        [7 / 9, 1.0, 5 / 6]
    )
    assert {target.split for target in results.targets} == {"all", "different"}


def test_a_miss_is_said(tmp_path: Path) -> None:
    results = interval_results(made_up())
    write_interval_outputs(results, tmp_path / "out")
    assert read_results(tmp_path / "out" / "results.json") == results
    assert (tmp_path / "out" / "intervals.png").stat().st_size > 1000
    console = Console(record=True, width=140, file=(tmp_path / "log").open("w"))
    console.print(interval_table(results, "all"))
    text = console.export_text()
    assert "0.667 ± 0.000 (miss)" in text
    assert "0.833 ± 0.000 (miss)" not in text  # a yardstick promises nothing
    met = {target.method: results.is_met(target) for target in results.targets}
    assert met == {METRIC_ALONE: False, DEFAULT: False, FIRST: False, EVERYTHING: False}
