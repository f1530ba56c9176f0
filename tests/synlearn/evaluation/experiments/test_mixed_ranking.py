from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from synlearn.datasets.mixed_tasks import MixedTask, Side
from synlearn.evaluation.experiments.mixed_evaluation import paths_by_seed
from synlearn.evaluation.experiments.mixed_ranking import (
    AGNOSTIC,
    CEILING,
    FUSION,
    SYNLEARN,
    evaluate_methods,
    measurements,
)
from synlearn.evaluation.experiments.mixed_report import (
    MixedRun,
    fusion_table,
    mixed_results,
    results_table,
    write_outputs,
)
from synlearn.evaluation.experiments.mixed_scores import DirectScores
from synlearn.evaluation.experiments.mixed_truth import MixedTruth
from synlearn.evaluation.rank_correlation import kendall_tau
from synlearn.evaluation.results_file import read_results
from synlearn.scorers.direct import Direct
from synlearn.zoo.card import ModelId

RANDOM = np.random.default_rng(0)
KS, SEEDS, MODELS = (1, 5), (0, 1, 2), 8
TASKS = [
    MixedTask(f"{side}-{i}", "set", side, (0, 1, 2, 3, 4))
    for side in (Side.SEEN, Side.UNSEEN)
    for i in range(3)
]


def world() -> tuple[DirectScores, MixedTruth]:
    truth = RANDOM.uniform(size=(2, 6, 2, 4, MODELS)).astype(np.float32) + np.arange(MODELS) / 4
    values = RANDOM.normal(size=(2, 3, 6, len(Direct), MODELS)).astype(np.float32)
    values[0, :, :, list(Direct).index(Direct.KNN)] = 0.0  # as at K = 1
    names = tuple(task.name for task in TASKS)
    ids = tuple(ModelId(f"m{i}") for i in range(MODELS))
    return DirectScores(KS, SEEDS, values), MixedTruth(
        KS, names, ids, (truth / truth.max()).astype(np.float32)
    )


def run() -> MixedRun:
    direct, truth = world()
    learned = {
        SYNLEARN: lambda k, seed: truth.mean(k) + 0.3 * RANDOM.normal(size=(6, MODELS)),
        FUSION: lambda k, seed: truth.mean(k),
    }
    return MixedRun(
        qualities=evaluate_methods(direct, truth, learned, lambda: None),
        truth=truth,
        tasks=TASKS,
        seeds=SEEDS,
        seed_varies="the draw",
        seed_shares="the rest",
        command="",
        finished="",
        timings={},
        sizes={},
        settings={},
        digests={},
    )


def test_every_method_is_measured_on_every_side() -> None:
    done = run()
    found = {
        (m.metric, m.method, m.split, m.k): m
        for m in measurements(done.qualities, done.truth, TASKS, SEEDS)
    }
    perfect = found["kendall_tau", FUSION, "unseen", 5]
    assert perfect.by_seed == pytest.approx({0: 1.0, 1: 1.0, 2: 1.0})
    assert found["regret", FUSION, "all", 1].by_seed[0] == 0
    assert found["kendall_tau", Direct.KNN, "all", 1].by_seed == {0: 0, 1: 0, 2: 0}
    all_tasks = found["kendall_tau", SYNLEARN, "all", 1].by_seed[2]
    sides = [found["kendall_tau", SYNLEARN, side, 1].by_seed[2] for side in ("seen", "unseen")]
    assert all_tasks == pytest.approx(np.mean(sides))
    assert 0 < found["kendall_tau", CEILING, "all", 1].by_seed[0] <= 1


def test_the_oracle_does_not_see_its_own_task() -> None:
    done = run()
    true = done.truth.mean(1)
    own = next(q for q in done.qualities if (q.method, q.k) == (AGNOSTIC, 1))
    expected = [kendall_tau(np.delete(true, t, axis=0).mean(axis=0), true[t]) for t in range(6)]
    np.testing.assert_allclose(own.quality.kendall_tau, [expected] * 3)


def test_results_report_and_tables_are_written(tmp_path: Path) -> None:
    done = run()
    results = mixed_results(done)
    write_outputs(results, done, tmp_path / "out")
    assert read_results(tmp_path / "out" / "results.json") == results
    assert "Noise ceiling" in (tmp_path / "out" / "report.html").read_text()
    console = Console(record=True, width=140, file=(tmp_path / "log").open("w"))
    console.print(results_table(results, "all", ks=(5, 20)))
    console.print(fusion_table(results, "all"))
    text = console.export_text()
    assert "K = 5" in text
    assert "K = 20" not in text
    assert "1.000 ± 0.000" in text


def test_a_path_may_name_the_seed() -> None:
    assert paths_by_seed("a/{seed}/mre", (0, 3)) == (Path("a/0/mre"), Path("a/3/mre"))
    assert paths_by_seed("mre", (0, 3)) == (Path("mre"),)
