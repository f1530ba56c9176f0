"""A made-up experiment with every part of a report, shaped like the real one."""

import numpy as np
import pytest

from synlearn.evaluation import kendall_tau
from synlearn.evaluation.measurements import (
    Ceiling,
    Measurement,
    Method,
    Metric,
    Role,
    Split,
    Target,
)
from synlearn.evaluation.provenance import MachineFacts
from synlearn.evaluation.report_data import Headline, RankPanel, ReportData, TaskTaus
from synlearn.evaluation.results import Results

MODELS = {"out": 60, "in": 90}
NOISE = {"synlearn": 0.3, "direct_mse": 0.95, "oracle": 2.0}
SEEDS = (0, 1, 2, 3, 4)


def made_up_report(seeds: tuple[int, ...] = SEEDS, models: dict[str, int] = MODELS) -> ReportData:
    """Scores are the truth plus noise, so that taus, panels and measurements fit together."""
    rng = np.random.default_rng(7)
    taus: dict[tuple[str, str], list[list[float]]] = {
        (split, method): [] for split in models for method in NOISE
    }
    panels = []
    for (split, method), by_seed in taus.items():
        for _ in seeds:
            truth = rng.normal(size=(40, models[split]))
            noisy = truth + NOISE[method] * rng.normal(size=truth.shape)
            by_seed.append([kendall_tau(s, t) for s, t in zip(noisy, truth, strict=True)])
    for split, count in models.items():
        for i in range(3):
            truth = rng.normal(size=count)
            scores = {m: truth + n * rng.normal(size=count) for m, n in NOISE.items()}
            panels.append(RankPanel(f"heart · {i} · {7 * i}", split, truth, scores))
    results = Results(
        experiment="dsprites-in-dataset",
        summary="Learned on 503 domains at K = 10; ranks models for each domain from one image.",
        command="synlearn experiment dsprites",
        finished="2025-01-31T12:00:00+00:00",
        seeds=seeds,
        seed_varies="the split of the domains, the zoo and the draws",
        seed_shares="the images",
        methods=(
            Method("synlearn", "SynLearn", Role.METHOD, "The learned metric, one example."),
            Method("direct_mse", "Direct MSE", Role.BASELINE, "Error on the one example."),
            Method("oracle", "Mean over tasks", Role.ORACLE, "One order for all tasks."),
        ),
        metrics=(
            Metric("kendall_tau", "Kendall's tau"),
            Metric("weighted_kendall_tau", "Weighted tau", meaning="More weight on the best."),
        ),
        splits=(
            Split("out", "Unseen domains", "Neither their data nor their models were learned on."),
            Split("in", "Domains of the learning", "New images of the domains that took part."),
        ),
        measurements=tuple(
            Measurement(
                metric,
                method,
                split,
                1,
                {seed: float(np.mean(t)) - drop for seed, t in zip(seeds, by_seed, strict=True)},
            )
            for metric, drop in (("kendall_tau", 0.0), ("weighted_kendall_tau", 0.03))
            for (split, method), by_seed in taus.items()
        ),
        ceilings=tuple(
            Ceiling(split, dict.fromkeys(seeds, 0.78), halves="Even and odd test images.")
            for split in models
        ),
        targets=(
            Target("kendall_tau", "synlearn", "out", 1, 0.74, "a prototype had 0.77"),
            Target("kendall_tau", "synlearn", "in", 1, 0.99),
        ),
        machine=MachineFacts(2, 8 * 2**30, "A processor", "Linux x86_64", "3.11.7"),
        timings={"metric_learning": 61.5, "zoo": 727.0},
        sizes={"domains": 720, "model_file_bytes": 1_400_000},
        settings={"learning_k": 10, "backbone": "small"},
        versions={"numpy": "2.4.6"},
        digests={"mre model": "5e" * 32},
    )
    return ReportData(
        title="Ranking models from one image: dSprites",
        results=results,
        headline=Headline("kendall_tau", "synlearn", "direct_mse", 1),
        task_taus=tuple(
            TaskTaus(split, method, np.array(by_seed).ravel())
            for (split, method), by_seed in taus.items()
            if method != "oracle"
        ),
        task_taus_note="All seeds.",
        panels=tuple(panels),
        panels_note="The domains were picked at random before the run.",
        notes=("The numbers are made up.",),
    )


@pytest.fixture(scope="session")
def report_data() -> ReportData:
    return made_up_report()


@pytest.fixture(scope="session")
def report_of_one_seed() -> ReportData:
    return made_up_report(seeds=(3,))


@pytest.fixture
def results(report_data: ReportData) -> Results:
    return report_data.results
