"""Classification in small, from what is shipped: images, experts, a job, rankings, a report.

    <out>/zoo/               the experts, with their specifications
    <out>/pool.safetensors   what the providers hold, each its share, and the test images
    <out>/job/               the run; its MRE model is in job/mre
    <out>/results.json, report.html

Every part is kept and is not done again when the command is repeated.
"""

import dataclasses
import datetime
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from coordinator.grouped_job import GroupedJob
from coordinator.launch import run_embedded
from synlearn.datasets.mixed_pool_file import read_pool, write_pool
from synlearn.evaluation.experiments.mixed_data import MixedData, prepare_mini
from synlearn.evaluation.experiments.mixed_evaluation import shown_to
from synlearn.evaluation.experiments.mixed_learned import Bench, LearnedScores, learned_methods
from synlearn.evaluation.experiments.mixed_ranking import evaluate_methods
from synlearn.evaluation.experiments.mixed_report import (
    MixedRun,
    mixed_results,
    results_table,
    write_outputs,
)
from synlearn.evaluation.experiments.mixed_scores import DirectScores, measure_scores
from synlearn.evaluation.experiments.mixed_similarity import (
    Draws,
    Similarities,
    measure_similarities,
)
from synlearn.evaluation.results import Results
from synlearn.fusion.storage import load_fusion
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.scorers.direct import ModelOutputs
from synlearn.step_bars import StepBars

DRAWS: Final = (0, 1, 2)
"""Draws of the examples that every test task is ranked from."""


@dataclass(frozen=True, slots=True)
class MiniPlan:
    """What to do.

    Attributes:
        mini: Folder of the shipped images and experts.
        job: The job; its zoo, pool and manifest are those of this experiment.
        out: Folder of everything that is made.
        workers: Local processes.
        command: What was typed, for the results file.
    """

    mini: Path
    job: GroupedJob
    out: Path
    workers: int
    command: str


def run_mini(plan: MiniPlan, console: Console) -> Results:
    """Run it; `results.json` and `report.html` are in `plan.out` when this returns.

    Raises:
        InputError: What is shipped is missing or damaged, or the folder cannot be used.
    """
    began = time.monotonic()
    with StepBars(console) as steps:
        data = prepare_mini(plan.mini, plan.out, steps, time.monotonic, workers=plan.workers)
    prepared = time.monotonic()
    _run_job(plan, data, console)
    learned = time.monotonic()
    torch.set_num_threads(plan.job.threads)
    with StepBars(console) as steps:
        run = _evaluate(plan, data, steps)
    seconds = {
        **data.seconds,
        "preparation": round(prepared - began, 1),
        "job": round(learned - prepared, 1),
        "evaluation": round(time.monotonic() - learned, 1),
    }
    results = mixed_results(dataclasses.replace(run, timings=seconds))
    write_outputs(results, run, plan.out)
    return results


def summary_tables(results: Results) -> list[Table]:
    """Return what a reader wants to see first: tau by method and K, on each side."""
    return [results_table(results, split.key) for split in results.splits if split.key != "all"]


def _run_job(plan: MiniPlan, data: MixedData, console: Console) -> None:
    folder, pool = plan.out / "job", plan.out / "pool.safetensors"
    last = "fusion.json" if plan.job.fusion.folds else "mre.json"
    if (folder / "mre" / last).exists():
        return
    if read_pool(pool, data.split.digest) is None:
        write_pool(pool, data.pool, data.split.digest)
    providers = dataclasses.replace(plan.job.providers, pool=pool, split=plan.mini / "split.json")
    job = dataclasses.replace(plan.job, zoo=data.zoo.root, providers=providers)
    resume = (folder / "job.json").exists()
    finished = run_embedded(job, folder, resume=resume, workers=plan.workers, console=console)
    console.print(f"{finished.cost}, {finished.seconds:.0f} s", highlight=False)


def _evaluate(plan: MiniPlan, data: MixedData, steps: StepBars) -> MixedRun:
    folder = plan.out / "job" / "mre"
    model = ClassificationMRE.load(folder)
    fusion = load_fusion(folder) if plan.job.fusion.folds else None
    ks = data.truth.ks
    responses = [data.responses[model] for model in data.test]
    outputs = ModelOutputs.of(
        [own.features for own in responses], [own.probabilities for own in responses]
    )
    direct = _direct(plan.out, data, ks, outputs, steps)
    specifications = data.specifications.select(data.test)
    alike = _similarities(plan.out, data, ks, outputs, steps) if fusion is not None else None
    bench = Bench(data.pool, data.tasks, specifications, alike)
    scores = {seed: LearnedScores(bench, model, fusion, seed) for seed in DRAWS}
    learned = learned_methods(scores, direct, fused=fusion is not None)
    qualities = evaluate_methods(direct, data.truth, learned, lambda: None)
    return MixedRun(
        qualities=qualities,
        truth=data.truth,
        tasks=data.tasks,
        seeds=DRAWS,
        seed_varies="the draw of the examples of each test task",
        seed_shares="images, experts, the job and its MRE model, truth",
        command=plan.command,
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        timings={},
        sizes={"providers": len(data.split.providers), "learning models": len(data.learning)},
        settings={"job": plan.job.id, "learning tasks": model.provenance.tasks},
        digests={"zoo": data.zoo.digest, "split": data.split.digest, "mre": model.digest},
    )


def _direct(
    out: Path, data: MixedData, ks: tuple[int, ...], outputs: ModelOutputs, steps: StepBars
) -> DirectScores:
    total = len(ks) * len(DRAWS) * len(data.tasks)
    return measure_scores(
        out / "direct-scores.safetensors",
        data.pool,
        data.tasks,
        outputs,
        np.asarray(data.test_rows),
        ks=ks,
        seeds=DRAWS,
        source=_source(data),
        on_done=lambda count: steps("direct scores", count, total),
    )


def _similarities(
    out: Path, data: MixedData, ks: tuple[int, ...], outputs: ModelOutputs, steps: StepBars
) -> Similarities:
    total = len(ks) * len(DRAWS) * len(data.tasks)
    return measure_similarities(
        out / "similarities.safetensors",
        Draws(data.pool, data.tasks, ks, DRAWS, np.asarray(data.test_rows), outputs),
        lambda pictures: shown_to(data, pictures),
        _source(data),
        lambda count: steps("similarities", count, total),
    )


def _source(data: MixedData) -> str:
    return "".join(data.zoo.model_digest(model) for model in data.test) + data.split.digest
