"""What each part of the method is worth, and how it grows with learning models and tasks.

    ./run benchmark mixed_ablations JOB.toml --learned RUN --mixed runs/mixed --seeds 3

Trains the metric again, in one place, on what a finished run of JOB.toml gathered: without a part,
with fewer models, with fewer tasks. Test tasks are only measured on. Every training is kept in the
folder of `--out`; a second call goes on where the first one stopped.
"""

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.console import Console
from safetensors.torch import load_file

from coordinator.class_answers import ClassAnswers
from coordinator.grouped_job import GroupedJob
from coordinator.job import read_job
from coordinator.metric_learning import learning_plan
from coordinator.named_tensors import unprefixed
from protocols.ids import ProviderId
from protocols.queries.describe import unpack_names
from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_split import read_split
from synlearn.datasets.mixed_tasks import example_rows
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
    features_of,
)
from synlearn.evaluation.experiments.mixed_data import MixedData, MixedPlan, prepare_mixed
from synlearn.evaluation.experiments.mixed_metric_space import (
    SpacePoints,
    set_agreement,
    space_figure,
    space_points,
)
from synlearn.evaluation.output import write_output
from synlearn.evaluation.plot_style import render
from synlearn.evaluation.results_file import write_results
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.storage import load_mre
from synlearn.zoo.class_specification import Generator

Float64: TypeAlias = npt.NDArray[np.float64]
KS = (1, 5, 10)
DRAWS = 3
"""Of the examples of each test task; the same for every training."""
TASK_K, IMAGES_SHOWN, MODELS_SHOWN = 5, 400, 40  # of the picture


def learning_side(
    run: Path, job: GroupedJob, data: MixedData, model: ClassificationMRE
) -> LearningSide:
    """Read what a run gathered."""
    tensors = load_file(run / "checkpoint.safetensors")
    classes = unpack_names(tensors["holdings.classes"].numpy())
    answers = ClassAnswers.none(
        classes=len(classes),
        models=tensors["answers.score"].shape[2],
        outputs=tensors["answers.outputs.soft"].shape[2],
        ways=job.learning.ways,
        width=job.pretraining.features,
        levels=len(job.validation.levels),
    )
    answers.restore(unprefixed("answers.", tensors))
    providers = map(ProviderId, unpack_names(tensors["holdings.providers"].numpy()))
    place = {name: i for i, name in enumerate(classes)}
    rows = data.pool.rows(Part.PROVIDER)
    names = [data.pool.classes[label].full_name for label in data.pool.labels[rows]]
    return LearningSide(
        tasks=answers.tasks,
        score=answers.score,
        levels=job.validation.levels,
        responses=answers.gathered(job.metric.attention_labels, providers).responses.numpy(),
        pictures=data.pool.pictures[rows],
        labels=np.array([place[name] for name in names], np.int64),
        models=ClassSets.of(data.specifications.select(data.learning).vectors(model.generator)),
        backbone=model.backbone,
    )


def ranking_side(data: MixedData, generator: Generator) -> RankingSide:
    """Draw the examples of the test tasks."""
    rows = {
        k: np.array([[example_rows(data.pool, task, k, draw) for task in data.tasks]
                     for draw in range(DRAWS)])
        for k in KS
    }  # fmt: skip
    distinct = np.unique(np.concatenate([own.ravel() for own in rows.values()]))
    return RankingSide(
        pictures=data.pool.pictures[distinct],
        examples={k: np.searchsorted(distinct, own) for k, own in rows.items()},
        truth={k: data.truth.mean(k) for k in KS},
        models=ClassSets.of(data.specifications.select(data.test).vectors(generator)),
    )


def training(job: GroupedJob, spec: ClassificationMetricSpec) -> Training:
    """Say how the run learned."""
    learning = job.learning
    ks = (learning.k_least, learning.k_most)
    return Training(spec, learning_plan(job), job.metric.weight_decay, ks, learning.draws)


def picture(data: MixedData, model: ClassificationMRE) -> SpacePoints:
    """Place test tasks, some of their images, and some test models, in the space of the metric."""
    random = np.random.default_rng(0)
    rows = np.array([example_rows(data.pool, task, TASK_K, 0) for task in data.tasks])
    distinct, where = np.unique(rows, return_inverse=True)
    features = features_of(model.backbone, data.pool.pictures[distinct])
    shown = np.sort(random.choice(len(distinct), min(IMAGES_SHOWN, len(distinct)), replace=False))
    sets = [data.pool.classes[label].domain for label in data.pool.labels[distinct[shown]]]
    models = random.choice(data.test, min(MODELS_SHOWN, len(data.test)), replace=False).tolist()
    vectors = data.specifications.select(models).vectors(model.generator)
    means = features[where.reshape(rows.shape)].mean(axis=2)
    return space_points(
        model.metric,
        tasks=(torch.from_numpy(means), [task.domain for task in data.tasks]),
        images=(torch.from_numpy(features[shown]), sets),
        classes=(
            ClassSets.of(vectors),
            [out.partition("/")[0] for name in models for out in data.zoo.card(name).outputs],
        ),
    )


def keep(path: Path, taus: Mapping[int, Float64], seconds: float) -> None:
    """Write one training's measurement."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"taus": {k: own.round(6).tolist() for k, own in taus.items()}, "seconds": seconds}
    write_atomically(path, json.dumps(content).encode())


def kept(folder: Path, seeds: int) -> Iterator[Trained]:
    """Yield what has been trained."""
    for seed in range(seeds):
        for ablation in ABLATIONS:
            path = folder / f"{ablation.key}-{seed}.json"
            if path.exists():
                content = json.loads(path.read_bytes())
                taus = {int(k): np.array(own) for k, own in content["taus"].items()}
                yield Trained(ablation, seed, taus, content["seconds"])


def main(  # noqa: PLR0917 - a command's parameters are its options
    job_file: Annotated[Path, typer.Argument(help="The job of the run.")],
    learned: Annotated[Path, typer.Option(help="Folder of the finished run.")],
    mixed: Annotated[Path, typer.Option(help="Folder of the mixed experiment.")],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("runs/ablations"),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each kind.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="Train only this kind now; may be repeated.")
    ] = None,
    train: Annotated[bool, typer.Option(help="Or only lay out what is there.")] = True,
) -> None:
    """Train and measure what is missing; write results.json, growth.png, metric-space.png."""
    torch.set_num_threads(1)
    job, model = read_job(job_file), load_mre(learned / "mre")
    if not isinstance(job, GroupedJob) or not isinstance(model, ClassificationMRE):
        raise SystemExit("give a job of grouped closures, and its run")
    data = prepare_mixed(
        MixedPlan(mixed, read_split(job.providers.places[1]), None), lambda *_: None, time.monotonic
    )
    learning = learning_side(learned, job, data, model)
    settings = training(job, model.metric.spec)
    if train:
        ablations = Ablations(learning, ranking_side(data, model.generator), settings)
        train_missing(ablations, chosen(only or ()), seeds, out / "trainings")
    results = ablation_results(
        list(kept(out / "trainings", seeds)),
        data.tasks,
        command="./run benchmark mixed_ablations " + shlex.join(sys.argv[1:]),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        models=len(data.test),
        settings={"updates": settings.plan.total_updates, "draws_of_examples": DRAWS},
        digests={
            "split": data.split.digest,
            "checkpoint": sha256((learned / "checkpoint.safetensors").read_bytes()).hexdigest(),
        },
    )
    write_results(results, out / "results.json")
    figure = growth_figure(results, models=len(learning.models), tasks=len(learning.tasks))
    write_output(out / "growth.png", render(figure, ".png"))
    points = picture(data, model)
    write_output(out / "metric-space.png", render(space_figure(points), ".png"))
    for split in results.splits:
        Console(width=120).print(ablation_table(results, split.key))
    for kind in ("image", "task"):
        share, chance = set_agreement(points, kind)
        Console().print(
            f"The nearest class of a model to a test {kind} is of the same set in {share:.0%}; "
            f"by chance, {chance:.0%}."
        )


def train_missing(
    ablations: Ablations, kinds: Sequence[Ablation], seeds: int, folder: Path
) -> None:
    """Train and measure what is not kept yet, seed by seed."""
    for seed in range(seeds):
        for ablation in kinds:
            path = folder / f"{ablation.key}-{seed}.json"
            if path.exists():
                continue
            began = time.monotonic()
            taus = ablations.taus(ablations.train(ablation, seed), ablation, seed)
            seconds = time.monotonic() - began
            keep(path, taus, seconds)
            means = ", ".join(f"{own.mean():.3f} at K = {k}" for k, own in taus.items())
            Console().print(f"{ablation.label}, seed {seed}: tau {means}; {seconds:.0f} s")


if __name__ == "__main__":
    typer.run(main)
