"""What the coordinator computes by itself: heads, learning, checkpoints, rankings, its start."""

import dataclasses
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.cost_fit import cpu_seconds, shares, slope
from coordinator.checkpoint import RunFolder
from coordinator.grouped_job import GroupedJob, GroupedMetric, Validation
from coordinator.job import Metric as IsolatedSettings
from coordinator.metric_learning import learning_plan, new_learner
from protocols.queries import packed_length
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.packed_metric import PackedMetric
from synlearn.mre.training import Gathered, MetricLearner, UpdatePlan
from synlearn.validation import few_shot_accuracy, head_accuracy
from synlearn.zoo.class_specification import profile_blocks
from synlearn.zoo.picture_anchors import picture_anchors

WAYS: Final = 5
CLASSES: Final = 40
"""Of data, in a whole federation."""
MODELS: Final = 48
MODEL_CLASSES: Final = 10
FEATURES: Final = 64
_UPDATES: Final = 5


def measure_learning() -> dict[str, float]:
    """All constants of the coordinator's own work."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = {
            "synthetic_seconds": _synthetic(),
            "head_seconds": _heads(),
            "checkpoint_seconds": _checkpoints(),
            "ranking_bytes": _ranking(),
            "start_seconds": _start(),
        }
        return found | _updates() | _isolated()


def _sums(models: int, classes: int, width: int) -> head_accuracy.FeatureSums:
    """Of made-up features, 20 rows of each class."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(models, classes, 20, width))
    products = np.einsum("mkni,mknj->mkij", rows, rows)
    upper = np.triu_indices(width)
    packed = products[:, :, upper[0], upper[1]]
    assert packed.shape[2] == packed_length(width)
    return head_accuracy.FeatureSums(rows.sum(axis=2), packed, np.full(classes, 20))


def _tasks(count: int, classes: int) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    random = np.random.default_rng(1)
    return np.stack([random.choice(classes, WAYS, replace=False) for _ in range(count)])


def _synthetic() -> float:
    """Few-shot heads of few tasks, and of more."""
    settings, models, counts, took = Validation(), 4, (10, 40), []
    most = max(settings.examples) + few_shot_accuracy.JUDGED
    sums = _sums(models, CLASSES, settings.width)
    for count in counts:
        tasks = _tasks(count, CLASSES)
        took.append(
            cpu_seconds(
                lambda tasks=tasks: few_shot_accuracy.combine(  # type: ignore[misc]
                    [sums],
                    tasks,
                    settings.examples,
                    draws=settings.draws,
                    random=np.random.default_rng(0),
                )
            )
        )
    numbers = settings.draws * len(settings.examples) * WAYS * most * settings.width * models
    return slope([count * numbers for count in counts], took)


def _heads() -> float:
    """Heads of narrow features and of wide ones, for few tasks and more."""
    sizes, took = [], []
    for width, count in ((32, 40), (64, 40), (64, 80)):
        sums, tasks = _sums(4, CLASSES, width), _tasks(count, CLASSES)
        sizes.append((1.0, 4 * count * float(width) ** 3))
        took.append(
            cpu_seconds(lambda sums=sums, tasks=tasks: head_accuracy.solve_heads([sums], tasks))  # type: ignore[misc]
        )
    return shares(sizes, took)[1]


def _checkpoints() -> float:
    """Small and large ones, each on disk before the next."""
    sizes, took = (2**20, 2**23, 2**25), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(Path(scratch))
        for size in sizes:
            tensors = {f"part-{part}": torch.rand(size // 32) for part in range(8)}
            took.append(cpu_seconds(lambda tensors=tensors: folder.save(tensors)))  # type: ignore[misc]
    return slope(sizes, took)


def _specifications(models: int, kinds: tuple[int, ...]) -> ClassSets:
    return ClassSets.full(torch.randn(models, MODEL_CLASSES, sum(kinds)))


def _ranking() -> float:
    """Of few models laid out for ranking, and of more; padding included."""
    settings, counts, sizes = GroupedMetric(), (400, 1200), []
    spec = ClassificationMetricSpec(
        FEATURES, 32, width=settings.width, hidden=settings.hidden, members=settings.members
    )
    metric = ClassificationMetric(spec, torch.Generator().manual_seed(0)).eval()
    for count in counts:
        models = ClassSets.full(torch.randn(count, MODEL_CLASSES, 32))
        with torch.inference_mode():
            packed = PackedMetric.of(metric, metric.project_models(models))
        assert packed is not None
        tensors = [
            getattr(packed.models, part.name)
            for part in dataclasses.fields(packed.models)
            if isinstance(getattr(packed.models, part.name), torch.Tensor)
        ]
        sizes.append(sum(each.numel() * each.element_size() for each in tensors))
    return slope([count * MODEL_CLASSES * settings.members for count in counts], sizes)


def _start() -> float:
    """A process of the coordinator, and one of nodes: the mean."""
    took = []
    for module in ("coordinator.launch", "provider.embedded"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return sum(took) / len(took)


def _gathered(tasks: int, models: int) -> GatheredClasses:
    """Made-up answers about some tasks."""
    levels = len(Validation().levels)
    responses = torch.rand(CLASSES, models, MODEL_CLASSES)
    return GatheredClasses(
        v_star=torch.rand(levels, tasks, models, dtype=torch.float64),
        responses=responses / responses.sum(dim=2, keepdim=True),
        task_classes=torch.from_numpy(_tasks(tasks, CLASSES)),
        features=torch.nn.functional.normalize(torch.randn(tasks, WAYS, FEATURES), dim=2),
        feature_task=torch.arange(tasks),
        feature_level=torch.zeros(tasks, dtype=torch.int64),
    )


def _updates() -> dict[str, float]:
    """Steps on small batches and on whole ones, of the metric of a job's default shape."""
    anchors, took, sizes = picture_anchors(), [], []
    kinds = (len(anchors.names), *profile_blocks(anchors))  # of the default, `profiled`
    for batch_tasks, batch_models in ((4, 12), (16, 12), (16, 48)):
        metric = GroupedMetric(batch_tasks=batch_tasks, batch_models=batch_models, device="cpu")
        job = GroupedJob(name="cost", zoo=Path("zoo"), providers=None, metric=metric)  # type: ignore[arg-type]
        learner = new_learner(job, kinds, 0)
        gathered, models = _gathered(4 * batch_tasks, MODELS), _specifications(MODELS, kinds)
        plan, random = learning_plan(job), np.random.default_rng(0)
        seconds = cpu_seconds(
            lambda own=(learner, gathered, models, plan, random): own[0].update(  # type: ignore[misc]
                own[1], own[2], own[3], _UPDATES, own[4]
            )
        )
        took.append(seconds / _UPDATES)
        sizes.append((1.0, metric.members * batch_tasks * batch_models))
    step, update = shares(sizes, took)
    return {"step_seconds": step, "update_seconds": update}


def _isolated() -> dict[str, float]:
    """The same for isolated closures."""
    took, sizes, tasks, models = [], [], 64, 64
    own, draws = IsolatedSettings(), np.random.default_rng(0)
    for batch_tasks, batch_models in ((8, 16), (32, 16), (32, 64)):
        spec = MetricSpec(FEATURES, 256, own.hidden, own.embedding, own.members, "half_squared_l2")
        learner = MetricLearner(Metric(spec, torch.Generator().manual_seed(0)), own.weight_decay)
        gathered = Gathered(tasks, models, FEATURES)
        every = np.arange(tasks), np.arange(models)
        gathered.add_validation(*every, draws.random((tasks, models)), np.ones(tasks))
        for task in range(tasks):
            gathered.add_features(task, draws.random((2, FEATURES), np.float32))
        plan = UpdatePlan(
            _UPDATES, 10**6, batch_tasks, batch_models, own.margin, "within", own.learning_rate
        )
        specifications, random = torch.randn(models, 256), np.random.default_rng(0)
        seconds = cpu_seconds(
            lambda arguments=(gathered, specifications, plan, random), own=learner: own.update(  # type: ignore[misc]
                *arguments
            )
        )
        took.append(seconds / _UPDATES)
        sizes.append((1.0, own.members * batch_tasks * batch_models))
    step, update = shares(sizes, took)
    return {"isolated_step_seconds": step, "isolated_seconds": update}
