"""From the experiment's numbers to `results.json` and `report.html`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from coordinator.job import Job
from synlearn.datasets.dsprites import Domain
from synlearn.datasets.stable_draw import stable_order
from synlearn.evaluation.experiments.dsprites import (
    AGNOSTIC,
    DIRECT,
    DRAWS,
    SYNLEARN,
    SideResult,
)
from synlearn.evaluation.measurements import (
    Ceiling,
    Measurement,
    Method,
    Metric,
    Role,
    Split,
    Target,
)
from synlearn.evaluation.provenance import machine_facts, package_versions
from synlearn.evaluation.report import write_report
from synlearn.evaluation.report_data import Headline, RankPanel, ReportData, TaskTaus
from synlearn.evaluation.results import Results
from synlearn.evaluation.results_file import write_results
from synlearn.mre.storage import mre_digest
from synlearn.settings import as_table
from synlearn.zoo.catalog import Zoo

PAPER_DOMAINS = 720
PANELS = 3


@dataclass(frozen=True, slots=True)
class SeedResult:
    """Results of one seed; `sides` has "out" and "in"."""

    seed: int
    sides: Mapping[str, SideResult]


@dataclass(frozen=True, slots=True)
class Experiment:
    """What was run.

    Attributes:
        out: Its folder, with a folder `seed-<seed>` for each run.
        job: The job file's settings.
        zoo: Source models.
        timings: Seconds for each part.
        command: What to type to repeat it.
        finished: ISO 8601 time.
    """

    out: Path
    job: Job
    zoo: Zoo
    timings: Mapping[str, float]
    command: str
    finished: str


def write_outputs(experiment: Experiment, results: Sequence[SeedResult]) -> None:
    """Write `results.json` and `report.html` into the experiment's folder."""
    numbers = _results(experiment, results)
    out = experiment.out
    write_results(numbers, out / "results.json")
    write_report(_report(numbers, results), out / "report.html")


def _results(experiment: Experiment, results: Sequence[SeedResult]) -> Results:
    out, job, zoo = experiment.out, experiment.job, experiment.zoo
    domains, providers = len(zoo), job.providers.count
    model_bytes = sum(f.stat().st_size for f in (out / f"seed-{results[0].seed}" / "mre").iterdir())
    return Results(
        experiment="dsprites-in-dataset",
        summary=(
            f"{providers} providers with one dSprites domain each answered questions about "
            f"{providers} models; what was learned from them ranks the {domains - providers} "
            f"models of unseen domains for each unseen domain, from K of its images."
        ),
        command=experiment.command,
        finished=experiment.finished,
        seeds=tuple(result.seed for result in results),
        seed_varies=(
            "which domains are learned from, every draw and start of the pre-training and the "
            "metric learning, and the rows that providers draw"
        ),
        seed_shares="the images, the zoo, and each domain's split into training and testing rows",
        methods=(
            Method(SYNLEARN, "SynLearn", Role.METHOD, "The learned metric; runs no model."),
            Method(
                DIRECT,
                "Direct MSE",
                Role.BASELINE,
                "Runs every model on the K examples and ranks by mean squared error.",
            ),
            Method(
                AGNOSTIC,
                "Task-agnostic oracle",
                Role.ORACLE,
                "Ranks the models by their true mean over all test domains, the same for each.",
            ),
        ),
        metrics=(
            Metric("kendall_tau", "Kendall's tau"),
            Metric(
                "weighted_kendall_tau",
                "Weighted tau",
                meaning="Vigna's weighted tau, ranks taken from the truth: top models count most.",
            ),
        ),
        splits=(
            Split("out", "Unseen domains", "Domains and models that no provider held."),
            Split("in", "Domains learned from", "Testing rows of the providers' own domains."),
        ),
        measurements=tuple(_measurements(results)),
        ceilings=tuple(
            Ceiling(
                side,
                {r.seed: float(r.sides[side].tau_half.mean()) for r in results},
                halves="Each half is 100 of the 200 truth rows.",
            )
            for side in ("out", "in")
        ),
        targets=_targets(domains),
        timings=dict(experiment.timings),
        sizes={
            "domains": domains,
            "providers": providers,
            "target_datasets_per_domain_and_k": DRAWS,
            "mre_model_bytes": model_bytes,
        },
        settings=_flat(as_table(job) | {"zoo": job.zoo.name}),
        versions=package_versions(),
        digests={
            "zoo": zoo.digest,
            **{
                f"mre model, seed {r.seed}": mre_digest(out / f"seed-{r.seed}" / "mre")
                for r in results
            },
        },
        machine=machine_facts(),
    )


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with their sections' names before theirs, as in "learning.k"."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": item for key, item in value.items()}
        else:
            flat[name] = value
    return flat


def _measurements(results: Sequence[SeedResult]) -> list[Measurement]:
    return [
        Measurement(
            metric,
            method,
            side,
            k,
            {r.seed: float(r.sides[side].taus[metric, method, k].mean()) for r in results},
        )
        for side in ("out", "in")
        for metric, method, k in results[0].sides[side].taus
    ]


def _targets(domains: int) -> tuple[Target, ...]:
    if domains != PAPER_DOMAINS:
        return ()
    return (Target("kendall_tau", SYNLEARN, "out", 1, 0.74, "an early prototype had 0.77"),)


def _report(numbers: Results, results: Sequence[SeedResult]) -> ReportData:
    first = results[0]
    return ReportData(
        title="Ranking models from one image: dSprites",
        results=numbers,
        headline=Headline("kendall_tau", SYNLEARN, DIRECT, k=1),
        task_taus=tuple(
            TaskTaus(
                side,
                method,
                np.concatenate([r.sides[side].taus["kendall_tau", method, 1] for r in results]),
            )
            for side in ("out", "in")
            for method in (SYNLEARN, DIRECT)
        ),
        task_taus_note="Every domain of every seed, at K = 1.",
        panels=tuple(panel for side in ("in", "out") for panel in _panels(side, first.sides[side])),
        panels_note=(
            "Three domains a side (shape, scale, orientation), drawn before the run; "
            f"seed {first.seed}, one image each."
        ),
        notes=(
            "Orientation 39 is a full turn, so it repeats orientation 0; and squares and ellipses "
            "look the same after a quarter or half turn. Some unseen domains therefore look like "
            "one that was learned from, as in the paper's protocol. Their models are unseen.",
        ),
    )


def _panels(side: str, result: SideResult) -> list[RankPanel]:
    order = stable_order(f"synlearn/dsprites/figure-4/v1/{side}", len(result.domains))
    return [
        RankPanel(
            _title(Domain(int(result.domains[row]))),
            side,
            truth=result.truth[row],
            scores={method: scores[row] for method, scores in result.scores.items()},
        )
        for row in order[:PANELS]
    ]


def _title(domain: Domain) -> str:
    return f"{domain.shape.name.lower()} · {domain.scale} · {domain.orientation}"
