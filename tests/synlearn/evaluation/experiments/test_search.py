"""The whole search experiment in miniature: made-up sets, experts that are hardly trained."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from synlearn.datasets.mixed_pool import MixedPool
from synlearn.evaluation.experiments import mixed_mini, search, search_history
from synlearn.evaluation.experiments.fennec_comparison import DEFAULT, UNSEEN, quality_of
from synlearn.evaluation.experiments.mixed_data import MixedData, prepare_mini
from synlearn.evaluation.experiments.mixed_mini import build_mini
from synlearn.evaluation.experiments.search import SearchPlan, SearchRun, run_search
from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.evaluation.experiments.search_outputs import print_search, write_search
from synlearn.evaluation.experiments.search_report import SearchReport, search_results
from synlearn.evaluation.experiments.search_truth import task_images
from synlearn.evaluation.output import write_output
from synlearn.evaluation.results_file import read_results
from synlearn.fennec import model, task_vectors
from synlearn.fennec.factorisation import factorise
from synlearn.reuse.fine_tuning import FineTuning
from synlearn.strategies.linear_head import LinearHead
from synlearn.zoo.mixed_recipes import Recipe, RecipeRanges, Role, draw_recipes
from tests import mixed

pytest.importorskip("gensim", reason="needs gensim")

K, SEEDS = 2, (0, 1)


def quick(pool: MixedPool, count: int, role: Role, ranges: RecipeRanges) -> list[Recipe]:
    drawn = draw_recipes(pool, min(count, 5), role, ranges)
    return [dataclasses.replace(own, steps=10) for own in drawn]


def ignored(step: str, count: int, total: int) -> None:
    del step, count, total


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MixedData]:
    folder = tmp_path_factory.mktemp("search")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixed_mini, "draw_recipes", quick)
        patch.setattr(mixed_mini, "load_source", lambda name, root: mixed.sources()[name])
        build_mini(
            folder / "mini", Path("data"), workers=1, on_built=lambda _: None, plans=mixed.PLANS
        )
    clock = iter(np.arange(1e6)).__next__
    return folder, prepare_mini(folder / "mini", folder / "run", ignored, clock, ks=(K,))


def quicken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(search_history, "TASKS_PER_SET", 3)
    patch.setattr(task_vectors, "TREES", 3)
    patch.setattr(model, "factorise", partial(factorise, sweeps=5))
    patch.setattr(search, "LinearHead", partial(LinearHead, runs=1, steps=3))


def plan(folder: Path) -> SearchPlan:
    tuning = FineTuning(steps=2, batch=4)
    return SearchPlan(folder, (), SEEDS, K, tuned_tasks=1, tuned_models=3, tuning=tuning, proxies=1)


@pytest.fixture(scope="module")
def run(prepared: tuple[Path, MixedData]) -> SearchRun:
    folder, data = prepared
    (folder / "search").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        quicken(patch)
        return run_search(plan(folder / "search"), data, ignored)


def test_every_strategy_is_measured_in_every_pool(run: SearchRun) -> None:
    assert {own.key for own in run.truths} == {"head", "fine_tuning"}
    assert {pool.key for pool in run.pools} == {"all", "small", "narrow", "experts", "family"}
    (whole,) = [
        own
        for own in run.regrets
        if (own.truth, own.pool, own.strategy) == ("head", "all", "linear")
    ]
    assert whole.absolute.shape == (len(whole.budgets), len(SEEDS), len(run.bench.tasks))
    for own in run.regrets:
        assert (own.absolute >= 0).all()
        assert (np.diff(own.absolute, axis=0) <= 1e-12).all()  # a larger budget never hurts
        assert ((own.absolute == 0) == own.found).mean() > 0.5  # equal models may both be best


def test_a_second_run_measures_nothing_again(
    prepared: tuple[Path, MixedData], run: SearchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    quicken(monkeypatch)
    monkeypatch.setattr("synlearn.evaluation.experiments.search_truth.fine_tune", None)
    monkeypatch.setattr("synlearn.evaluation.experiments.search_history.measured_performance", None)
    monkeypatch.setattr(search, "LinearHead", None)
    folder, data = prepared
    again = run_search(plan(folder / "search"), data, ignored)
    for one, other in zip(run.regrets, again.regrets, strict=True):
        assert np.array_equal(one.absolute, other.absolute)
    for first, second in zip(run.qualities, again.qualities, strict=True):
        assert np.array_equal(first.by_name["pearson"], second.by_name["pearson"])


def test_results_figures_and_tables(run: SearchRun, tmp_path: Path) -> None:
    report = SearchReport("synlearn experiment search", "", SEEDS, {}, {"k": K})
    results = search_results(run, report)
    write_search(results, run, tmp_path, write_output)
    assert read_results(tmp_path / "results.json") == results
    assert len(list(tmp_path.glob("*.png"))) == 9
    console = Console(record=True, width=130)
    print_search(results, run, console)
    text = console.export_text()
    for word in (
        "Hybrid, linear",
        "Fennec, set unseen",
        "Task-agnostic oracle",
        "latent dimension 4",
    ):
        assert word in text


def test_the_set_that_was_never_seen_is_left_out_of_history(run: SearchRun) -> None:
    keys = {own.method for own in run.qualities}
    assert {DEFAULT, UNSEEN, "no_transfer", "no_meta", "no_archi2vec", "proxy_expert 1"} <= keys
    domains = {task.domain for task in run.bench.tasks}
    assert "omniglot" in domains  # which nobody holds here: its scores cannot differ
    by_method = {own.method: own.by_name["pearson"] for own in run.qualities}
    rows = np.array([task.domain == "omniglot" for task in run.bench.tasks])
    assert np.array_equal(by_method[DEFAULT][:, rows], by_method[UNSEEN][:, rows])
    assert not np.array_equal(by_method[DEFAULT], by_method[UNSEEN])


def test_no_image_is_both_trained_and_tested_on(prepared: tuple[Path, MixedData]) -> None:
    bench = SearchBench.of(prepared[1], K)
    for place in range(0, len(bench.tasks), 5):
        own = task_images(bench, place, 0)
        seen = {picture.tobytes() for picture in own.train}
        assert not seen & {picture.tobytes() for picture in own.test}
        assert len(own.train) == len(own.valid) == 5
        assert sorted(set(own.test_labels.tolist())) == list(range(5))


def test_scores_that_say_nothing_correlate_with_nothing() -> None:
    truth = np.random.default_rng(0).random((2, 6))
    scores = np.stack([np.zeros((2, 6)), truth])
    found = quality_of("m", scores, truth).by_name
    assert found["pearson"][0].tolist() == [0, 0]
    assert found["pearson"][1] == pytest.approx(1)
    scores[1, :, 0] = np.inf
    assert np.isfinite(quality_of("m", scores, truth).by_name["pearson"]).all()
