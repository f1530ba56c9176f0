"""Is a federated metric as good as a centralised one? The same job with all data in one place.

    python -m benchmarks.centralised_twin JOB.toml --mre RUN/mre --mixed FOLDER --seeds 3

The twin pools all providers' images: it draws batches, halves and target datasets from all rows of
a class alike, and sums nothing under masks. All that is random differs from seed to seed; so should
the federated tau lie where that of one further run of the twin would. Both rank models that neither
has seen.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import stdtrit

from coordinator.grouped_job import GroupedJob
from coordinator.grouped_state import GroupedState, Sizes, initial_grouped_state
from coordinator.holdings import Holdings
from coordinator.job import read_job
from coordinator.metric_learning import update_learner
from coordinator.output_sums import Outputs
from protocols.ids import ProviderId
from protocols.queries import feature_signs
from synlearn.class_tasks import ClassEnvironment
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_split import read_split
from synlearn.datasets.mixed_tasks import WAYS, example_rows
from synlearn.evaluation.experiments.mixed_data import (
    MixedData,
    MixedPlan,
    learning_responses,
    prepare_mixed,
)
from synlearn.evaluation.rank_correlation import kendall_tau
from synlearn.mre.backbone import Backbone
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.classification_scores import mean_scores
from synlearn.mre.levels import draw_instances, nearest_level
from synlearn.mre.pretraining import combine_gradients, hinge_gradient, set_gradients
from synlearn.mre.storage import load_mre
from synlearn.validation import few_shot_accuracy, head_accuracy
from synlearn.zoo.class_specification import Generator
from synlearn.zoo.feature_cache import planes

Float64: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]
KS = (1, 5)
DRAWS = 3


@dataclasses.dataclass(frozen=True)
class Pooled:
    """All providers' images in one place.

    Attributes:
        pictures: (n, 3, 32, 32) float32.
        labels: (n,) positions in `classes`.
        classes: Full names, sorted.
        features: (m, n, width) of the learning models, projected as the providers project them.
        soft, hard: As in `coordinator.output_sums.Outputs`.
        specifications: Of the learning models.
        kinds: Numbers of each kind in one of their class vectors.
    """

    pictures: npt.NDArray[np.float32]
    labels: Indices
    classes: tuple[str, ...]
    features: npt.NDArray[np.float32]
    soft: Float64
    hard: Indices
    specifications: ClassSets
    kinds: tuple[int, ...]

    def rows(self, label: int) -> Indices:
        """Of one class."""
        return np.flatnonzero(self.labels == label)


def pool_all(job: GroupedJob, plan: MixedPlan, data: MixedData) -> Pooled:
    """Bring it together."""
    rows = data.pool.rows(Part.PROVIDER)
    responses = list(learning_responses(plan, data, rows, lambda *_: None).values())
    names = [data.pool.classes[label].full_name for label in data.pool.labels[rows]]
    classes, labels = np.unique(names, return_inverse=True)
    outputs, width = max(own.probabilities.shape[1] for own in responses), job.validation.width
    soft = np.zeros((len(classes), len(responses), outputs))
    hard = np.zeros(soft.shape, np.int64)
    features = np.zeros((len(responses), len(rows), width), np.float32)
    for model, own in enumerate(responses):
        raw, said = own.features.astype(np.float64), own.probabilities.astype(np.float64)
        size = min(width, raw.shape[1])
        features[model, :, :size] = (
            raw @ feature_signs(raw.shape[1], width) if raw.shape[1] > width else raw
        )
        np.add.at(soft[:, model, : said.shape[1]], labels, said)
        np.add.at(hard[:, model], (labels, said.argmax(axis=1)), 1)
    generator = Generator(job.metric.specification)
    vectors = data.specifications.select(data.learning).vectors(generator)
    return Pooled(
        planes(data.pool.pictures[rows]),
        labels.astype(np.int64),
        tuple(classes.tolist()),
        features,
        soft,
        hard,
        ClassSets.of(vectors),
        data.specifications.blocks(generator),
    )


def pretrain(job: GroupedJob, state: GroupedState, pooled: Pooled, batches: int) -> None:
    """As many batches a round as there are providers, each of classes of one set."""
    settings, random = job.pretraining, np.random.default_rng([job.seed, 10])
    images = torch.from_numpy(pooled.pictures)
    sets: dict[str, list[int]] = {}
    for label, name in enumerate(pooled.classes):
        sets.setdefault(name.partition("/")[0], []).append(label)
    own = [sets[name.partition("/")[0]] for name in pooled.classes]
    for step in range(settings.rounds):
        parts = []
        for _ in range(batches):
            among = own[int(random.integers(len(own)))]  # sets as often as they have classes
            chosen = random.choice(among, settings.classes, replace=False)
            rows = np.stack(
                [random.choice(pooled.rows(label), settings.rows_per_class, replace=False)
                 for label in chosen]
            )  # fmt: skip
            parts.append(hinge_gradient(state.backbone, images[rows], settings.margin))
        set_gradients(state.backbone, torch.from_numpy(combine_gradients(parts).vector))
        rate = settings.learning_rate * (1 + np.cos(np.pi * step / settings.rounds)) / 2
        for group in state.backbone_optimiser.param_groups:
            group["lr"] = float(rate)
        state.backbone_optimiser.step()


def reusability(job: GroupedJob, pooled: Pooled, tasks: Indices, step: int) -> Float64:
    """Expected accuracy of few-shot heads, (levels, t, m), from all rows of a class."""
    settings, many = job.validation, len(pooled.classes)
    found = np.empty((len(settings.examples), len(tasks), len(pooled.features)))
    for start in range(0, len(pooled.features), settings.models_per_question):
        part = slice(start, start + settings.models_per_question)
        features = pooled.features[part].astype(np.float64)
        found[:, :, part] = few_shot_accuracy.combine(
            [head_accuracy.psi_statistics(features, pooled.labels, many)],
            tasks,
            settings.examples,
            draws=settings.draws,
            random=np.random.default_rng([job.seed, 12, step]),
        )
    return found


def learn(job: GroupedJob, pooled: Pooled, providers: int) -> tuple[Backbone, ClassificationMetric]:
    """The whole job, in one place."""
    holdings = Holdings.of(
        {ProviderId("all"): {name: len(pooled.rows(i)) for i, name in enumerate(pooled.classes)}}
    )
    sizes = Sizes(3, len(pooled.features), pooled.soft.shape[2], pooled.kinds)
    state = initial_grouped_state(job, holdings, sizes)
    pretrain(job, state, pooled, providers)
    with torch.inference_mode():
        images = torch.from_numpy(pooled.pictures)
        features = torch.cat([state.backbone(part) for part in images.split(64)]).numpy()
    settings, answers = job.learning, state.answers
    every = np.arange(len(pooled.features))
    (alone,) = holdings.providers
    own = Outputs(pooled.soft, pooled.hard)
    answers.outputs.add(alone, np.arange(len(pooled.classes)), every, own)
    environment = ClassEnvironment(
        pooled.classes, tuple(range(len(pooled.classes))), settings.ways, len(every), job.seed
    )
    random = np.random.default_rng([job.seed, 11])
    for step in range(settings.rounds):
        tasks = environment.sample(step, settings.tasks_per_round, len(every)).tasks
        first = len(answers.tasks)
        answers.add_tasks(tasks, every, reusability(job, pooled, tasks, step))
        task = np.repeat(np.arange(len(tasks)), settings.draws)
        instances = draw_instances(settings.k_least, settings.k_most, len(task), random)
        targets = _targets(pooled, features, tasks[task], instances, random)
        level = nearest_level(instances, job.validation.levels)
        answers.add_target_datasets(first + task, level, targets)
        gathered = state.gathered(job.metric.attention_labels)
        update_learner(job, state.learner, gathered, pooled.specifications, step)
    return state.backbone, state.learner.metric


def _targets(
    pooled: Pooled,
    features: npt.NDArray[np.float32],
    tasks: Indices,
    instances: Indices,
    random: np.random.Generator,
) -> Float64:
    """Means of K rows of each class of each target dataset, whose task and K are given."""
    found = [
        [
            features[random.choice(pooled.rows(label), k, replace=False)].mean(axis=0)
            for label in task
        ]
        for task, k in zip(tasks, instances, strict=True)
    ]
    return np.array(found, np.float64)


def quality(
    backbone: Backbone, metric: ClassificationMetric, data: MixedData, generator: Generator
) -> dict[int, float]:
    """Mean tau over the test tasks and a few draws of examples, by K."""
    vectors = data.specifications.select(data.test).vectors(generator)
    with torch.inference_mode():
        models = metric.project_models(ClassSets.of(vectors))
        found = {}
        for k in KS:
            taus = []
            for draw in range(DRAWS):
                rows = np.stack([example_rows(data.pool, task, k, draw) for task in data.tasks])
                distinct, where = np.unique(rows, return_inverse=True)
                images = torch.from_numpy(planes(data.pool.pictures[distinct]))
                each = torch.cat([backbone(part) for part in images.split(64)])
                means = each[where.reshape(len(data.tasks), WAYS, k)].mean(dim=2)
                scores = mean_scores(metric, means, models)
                taus += [
                    kendall_tau(one, true)
                    for one, true in zip(scores, data.truth.mean(k), strict=True)
                ]
            found[k] = float(np.mean(taus))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--mre", type=Path, action="append", default=[])
    parser.add_argument("--mixed", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    job = read_job(options.job)
    if not isinstance(job, GroupedJob):
        raise SystemExit("give a job of grouped closures")
    split = read_split(job.providers.places[1])
    plan = MixedPlan(options.mixed, split, data=None)
    data = prepare_mixed(plan, lambda *_: None, time.monotonic)
    generator = Generator(job.metric.specification)
    found: dict[str, object] = {}
    for path in options.mre:
        model = load_mre(path)
        assert isinstance(model, ClassificationMRE)
        found[f"federated {path}"] = quality(model.backbone, model.metric, data, generator)
        print(json.dumps(found), flush=True)
    twins: list[dict[int, float]] = []
    pooled = pool_all(job, plan, data) if options.seeds else None
    for seed in range(1, options.seeds + 1):
        assert pooled is not None
        began = time.monotonic()
        own = dataclasses.replace(job, seed=seed)
        twins.append(quality(*learn(own, pooled, len(split.providers)), data, generator))
        found["centralised"] = {k: [twin[k] for twin in twins] for k in KS}
        print(json.dumps(found), f"{time.monotonic() - began:.0f} s", flush=True)
    if len(twins) > 1:
        found["a further run's, 95 %"] = {k: _next([twin[k] for twin in twins]) for k in KS}
        print(json.dumps(found))


def _next(taus: Sequence[float]) -> tuple[float, float]:
    """Where the tau of one further run lies, with 95 % confidence."""
    mean, count = float(np.mean(taus)), len(taus)
    half = stdtrit(count - 1, 0.975) * float(np.std(taus, ddof=1)) * (1 + 1 / count) ** 0.5
    return mean - half, mean + half


if __name__ == "__main__":
    main()
