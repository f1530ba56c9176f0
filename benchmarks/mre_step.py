"""Measures the metric for classification at the paper's scale: ``python -m benchmarks.mre_step``.

A step of learning on 5 tasks of 5 classes and 100 models of 20 classes, 640 wide; the same on a GPU
in float16 where there is one. Prints a table, writes ``<out>/results.json``. For ranking see
`ranking_speed.py`.
"""

import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain, write_record
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_training import (
    ClassificationLearner,
    GatheredClasses,
    LearningPlan,
    Precision,
)

TASKS, WAYS, MODELS, CLASSES, WIDTH = 5, 5, 100, 20, 640
ANCHORS = 126
DATA_CLASSES = 64


def answers(random: np.random.Generator) -> GatheredClasses:
    """Made-up answers of providers about `TASKS` tasks."""
    shares = random.dirichlet(np.ones(CLASSES), (DATA_CLASSES, MODELS)).astype(np.float32)
    tasks = np.stack([random.choice(DATA_CLASSES, WAYS, replace=False) for _ in range(TASKS)])
    features = random.normal(size=(TASKS, WAYS, WIDTH)).astype(np.float32)
    return GatheredClasses(
        v_star=torch.from_numpy(random.random((1, TASKS, MODELS))),
        responses=torch.from_numpy(shares),
        task_classes=torch.from_numpy(tasks),
        features=torch.from_numpy(features / np.linalg.norm(features, axis=-1, keepdims=True)),
        feature_task=torch.arange(TASKS),
        feature_level=torch.zeros(TASKS, dtype=torch.int64),
    )


def specifications(models: int, width: int, random: np.random.Generator) -> ClassSets:
    """Made-up vectors of `models` models of `CLASSES` classes."""
    values = random.normal(size=(models, CLASSES, width)).astype(np.float32)
    return ClassSets.full(torch.from_numpy(values))


def step_seconds(device: str, precision: Precision, repeats: int) -> dict[str, Plain]:
    """Time of one update, and the memory that it needed at most."""
    random = np.random.default_rng(0)
    spec = ClassificationMetricSpec(WIDTH, ANCHORS, width=WIDTH, hidden=WIDTH, members=1)
    metric = ClassificationMetric(spec, torch.Generator().manual_seed(0))
    learner = ClassificationLearner(metric, 1e-2, device, precision)
    plan = LearningPlan(1000, batch_tasks=TASKS, batch_models=MODELS, pairs="across")
    gathered, models = answers(random), specifications(MODELS, ANCHORS, random)

    def step() -> None:
        learner.update(gathered, models, plan, 1, random)
        if device == "cuda":
            torch.cuda.synchronize()

    step()  # what is made once: statistics, Adam's moments
    found: dict[str, Plain] = {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "precision": precision,
        "seconds": best(step, repeats),
        "parameters": sum(parameter.numel() for parameter in metric.parameters()),
    }
    if device == "cuda":
        found["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20
    else:
        found["process_peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return found


def best(action: Callable[[], object], repeats: int) -> float:
    """Least seconds of several runs."""
    found = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        found = min(found, time.perf_counter() - start)
    return found


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/mre_step"),
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the best one counts.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the CPU.")] = 1,
) -> None:
    """Measure a step of learning at the paper's scale."""
    torch.set_num_threads(threads)
    steps = [step_seconds("cpu", "float32", repeats), step_seconds("cpu", "bfloat16", repeats)]
    if torch.cuda.is_available():
        steps.append(step_seconds("cuda", "float32", repeats))
        steps.append(step_seconds("cuda", "float16", repeats))

    table = Table("step of learning", "precision", "milliseconds")
    for row in steps:
        milliseconds = f"{1e3 * float(row['seconds']):.0f}"
        table.add_row(str(row["device"]), str(row["precision"]), milliseconds)
    Console().print(table)
    write_record(out, "mre_step", {"threads": threads, "steps": steps})


if __name__ == "__main__":
    typer.run(main)
