"""The dSprites experiment from one command: zoo, jobs over several seeds, truth, report.

Every part is kept in the experiment's folder and is not done again when the command is repeated.
"""

import dataclasses
import datetime
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from coordinator.experiment_report import Experiment, SeedResult, write_outputs
from coordinator.job import Job
from coordinator.launch import run_embedded
from synlearn.datasets.dsprites import SPLIT_SEED, draw_domains
from synlearn.evaluation.experiments.dsprites import evaluate_side
from synlearn.evaluation.experiments.error_table import ErrorTable, error_table
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.step_bars import StepBars
from synlearn.tasks import split_domains
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import BuildPlan, build_zoo
from synlearn.zoo.specification import specifications_of

KS = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """What to do.

    Attributes:
        out: Folder of everything.
        job: The job; `seed` and the split's seed are set for each run.
        domains: How many of the 720 domains there are models of.
        seeds: One run each.
        workers: Local processes.
        command: What was typed, for the results file.
    """

    out: Path
    job: Job
    domains: int
    seeds: tuple[int, ...]
    workers: int
    command: str


def run_dsprites(plan: ExperimentPlan, console: Console) -> None:
    """Run the experiment; `results.json` and `report.html` are in `plan.out` when this returns."""
    plan.out.mkdir(parents=True, exist_ok=True)
    timings = _Timings(plan.out / "timings.json")
    with timings.measure("zoo"):
        zoo = _zoo(plan, console)
    for seed in plan.seeds:
        with timings.measure(f"job_seed_{seed}"):
            _job(plan, seed, console)
    with timings.measure("truth"):
        table = _truth(plan, zoo, console)
    with timings.measure("evaluation"):
        results = [_evaluate(plan, seed, zoo, table, console) for seed in plan.seeds]
    finished = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    experiment = Experiment(plan.out, plan.job, zoo, timings.seconds, plan.command, finished)
    write_outputs(experiment, results)
    console.print(f"Report: {plan.out / 'report.html'}   Numbers: {plan.out / 'results.json'}")


def _zoo(plan: ExperimentPlan, console: Console) -> Zoo:
    with StepBars(console) as step:
        return build_zoo(
            plan.job.zoo,
            BuildPlan(draw_domains(plan.domains, seed=0)),
            plan.workers,
            lambda built: step("source models", len(built.ids), plan.domains),
        )


def _job(plan: ExperimentPlan, seed: int, console: Console) -> None:
    out = run_folder(plan.out, seed)
    if (out / "mre" / "mre.json").exists():
        return
    providers = dataclasses.replace(plan.job.providers, split_seed=seed)
    job = dataclasses.replace(plan.job, seed=seed, providers=providers)
    resume = (out / "job.json").exists()
    run_embedded(job, out, resume=resume, workers=plan.workers, console=console)


def run_folder(out: Path, seed: int) -> Path:
    """Where the run of one seed is."""
    return out / f"seed-{seed}"


def _truth(plan: ExperimentPlan, zoo: Zoo, console: Console) -> ErrorTable:
    with StepBars(console) as step:
        return error_table(
            zoo,
            plan.out / "errors.safetensors",
            split_seed=SPLIT_SEED,
            workers=plan.workers,
            on_domain=lambda: step("true errors", 1, len(zoo)),
        )


def _evaluate(
    plan: ExperimentPlan, seed: int, zoo: Zoo, table: ErrorTable, console: Console
) -> SeedResult:
    model = IsolatedMRE.load(run_folder(plan.out, seed) / "mre")
    specifications = specifications_of(zoo).vectors
    split = split_domains(len(zoo), plan.job.providers.count, seed)
    sides = (("out", split.out_of_distribution, KS), ("in", split.in_distribution, KS[:1]))
    torch.set_num_threads(plan.job.threads)
    with StepBars(console) as step:
        results = {
            name: evaluate_side(
                model,
                table,
                specifications,
                np.asarray(positions),
                ks=ks,
                split_seed=SPLIT_SEED,
                on_domain=lambda: step(f"ranking, seed {seed}", 1, len(zoo)),
            )
            for name, positions, ks in sides
        }
    return SeedResult(seed, results)


class _Timings:
    """Seconds spent on each part, added up over interrupted runs of the command."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def measure(self, part: str) -> "_Stopwatch":
        return _Stopwatch(self, part)

    def add(self, part: str, seconds: float) -> None:
        self.seconds[part] = round(self.seconds.get(part, 0.0) + seconds, 1)
        self._path.write_text(json.dumps(self.seconds, indent=2))


class _Stopwatch:
    def __init__(self, timings: _Timings, part: str) -> None:
        self._timings, self._part = timings, part

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._timings.add(self._part, time.monotonic() - self._began)
