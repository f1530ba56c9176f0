"""Everything that the mixed experiment needs before a job begins, made once and kept.

<folder>/pool.safetensors    all images, small
<folder>/zoo/                experts, their cards, their specifications
<folder>/features/           what experts compute for images, by digests
<folder>/truth.safetensors   true reusability of test models for test tasks
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import Indices, MixedPool, build_pool
from synlearn.datasets.mixed_pool_file import read_pool, write_pool
from synlearn.datasets.mixed_sources import load_source
from synlearn.datasets.mixed_split import MixedSplit
from synlearn.datasets.mixed_tasks import MixedTask, evaluation_tasks
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_mini import KS as MINI_KS
from synlearn.evaluation.experiments.mixed_mini import open_mini
from synlearn.evaluation.experiments.mixed_truth import FeatureTable, MixedTruth, measure_truth
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import ClassSpecifications, class_specifications_of
from synlearn.zoo.feature_cache import FeatureCache, Responses
from synlearn.zoo.mixed import build_mixed_zoo
from synlearn.zoo.mixed_recipes import Role, draw_recipes
from synlearn.zoo.picture_anchors import picture_anchors

KS: Final = (1, 2, 5, 10, 15, 20)
TEST_PARTS: Final = (Part.EXAMPLES, Part.TRUTH_A, Part.TRUTH_B)

OnStep = Callable[[str, int, int], None]
"""Told a step's name, how many parts of it more are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class MixedPlan:
    """What to prepare.

    Attributes:
        folder: Of everything.
        split: The manifest.
        data: Folder of the original sets (`mixed_sources.py`); None where the pool is there.
        learning, test: How many experts of each role.
        first_test, task_seed: Number of the first test expert, and seed of the test tasks: others
            give a test that nobody has looked at.
        workers: Processes of one thread each.
        ks: Numbers of examples that the truth is measured for.
    """

    folder: Path
    split: MixedSplit
    data: Path | None
    learning: int = 240
    test: int = 120
    workers: int = 1
    ks: tuple[int, ...] = KS
    first_test: int = 0
    task_seed: int = 0


@dataclass(frozen=True, slots=True)
class MixedData:
    """The experiment's data.

    Attributes:
        pool: The images.
        split: The manifest.
        zoo: All experts.
        specifications: Of all of them, in the zoo's order.
        learning, test: Ids of the experts of each role, sorted.
        tasks: Test tasks, (t,).
        test_rows: (r,) rows of the pool that test models were shown, rising.
        responses: Test models' responses to these.
        truth: Their true reusability for the test tasks.
        seconds: Spent on each step, added up over runs.
    """

    pool: MixedPool
    split: MixedSplit
    zoo: Zoo
    specifications: ClassSpecifications
    learning: tuple[ModelId, ...]
    test: tuple[ModelId, ...]
    tasks: tuple[MixedTask, ...]
    test_rows: Indices
    responses: dict[ModelId, Responses]
    truth: MixedTruth
    seconds: dict[str, float]


def prepare_mixed(plan: MixedPlan, on_step: OnStep, clock: Callable[[], float]) -> MixedData:
    """Make, or read, all of it; a run that was stopped goes on where it was.

    clock: Seconds, rising.

    Raises:
        InputError: Data is missing or another than the manifest's, or the folder cannot be used.
    """
    timings = _Timings(plan.folder / "preparation.json", clock)
    with timings("images"):
        pool = mixed_pool(plan)
    recipes = (
        *draw_recipes(pool, plan.learning, Role.LEARNING),
        *draw_recipes(pool, plan.test, Role.TEST, first=plan.first_test),
    )
    with timings("zoo"):
        zoo = build_mixed_zoo(
            plan.folder / "zoo",
            pool,
            recipes,
            workers=plan.workers,
            on_built=lambda count: on_step("experts", count, len(recipes)),
            split_seed=plan.split.seed,
        )
    return _measured(plan, pool, zoo, on_step, timings)


def prepare_mini(
    mini: Path,
    folder: Path,
    on_step: OnStep,
    clock: Callable[[], float],
    *,
    workers: int = 1,
    ks: tuple[int, ...] = MINI_KS,
) -> MixedData:
    """Make the same of the mini experiment that is shipped (`mixed_mini.py`).

    Raises:
        InputError: A part of it is missing or damaged, or the folder cannot be used.
    """
    timings = _Timings(folder / "preparation.json", clock)
    with timings("images"):
        split, pool, zoo = open_mini(mini, folder / "zoo")
    return _measured(
        MixedPlan(folder, split, None, ks=ks, workers=workers), pool, zoo, on_step, timings
    )


def _measured(
    plan: MixedPlan, pool: MixedPool, zoo: Zoo, on_step: OnStep, timings: "_Timings"
) -> MixedData:
    learning, test = (
        tuple(model for model in zoo if model.startswith(f"mixed-{role}-"))
        for role in (Role.LEARNING, Role.TEST)
    )
    with timings("specifications"):
        specifications = class_specifications_of(zoo)
    rows = np.flatnonzero(np.isin(pool.parts, [part.value for part in TEST_PARTS]))
    with timings("features"):
        cache = FeatureCache.of(plan.folder / "features", pool.pictures[rows])
        responses = cache.responses(zoo, test, lambda count: on_step("features", count, len(test)))
    tasks = tuple(evaluation_tasks(pool, plan.task_seed))
    with timings("truth"):
        digests = "".join((cache.digest, *(zoo.model_digest(model) for model in test)))
        truth = measure_truth(
            plan.folder / "truth.safetensors",
            pool,
            tasks,
            FeatureTable(responses, rows),
            ks=plan.ks,
            source=hashlib.sha256(digests.encode()).hexdigest(),
            workers=plan.workers,
            on_done=lambda count: on_step("truth", count, len(plan.ks) * len(tasks)),
        )
    return MixedData(
        pool,
        plan.split,
        zoo,
        specifications,
        learning,
        test,
        tasks,
        rows,
        responses,
        truth,
        timings.seconds,
    )


def mixed_pool(plan: MixedPlan) -> MixedPool:
    """Return the images, from the folder or from the original sets.

    Raises:
        InputError: Neither is there, or the data is another than the manifest's.
    """
    path = plan.folder / "pool.safetensors"
    pool = read_pool(path, plan.split.digest)
    if pool is not None:
        return pool
    if plan.data is None:
        raise InputError(f"{path} is not there; say where the image sets are, and it will be made.")
    root = plan.data
    sources = {domain.name: load_source(domain.name, root) for domain in plan.split.domains}
    pool = build_pool(plan.split, sources, picture_anchors().pictures)
    plan.folder.mkdir(parents=True, exist_ok=True)
    write_pool(path, pool, plan.split.digest)
    return pool


def learning_responses(
    plan: MixedPlan, data: MixedData, rows: Indices, on_step: OnStep
) -> dict[ModelId, Responses]:
    """Return the learning models' responses to some rows of the pool, kept like the others.

    For looking at learning from the middle: a job asks the providers instead.
    """
    cache = FeatureCache.of(plan.folder / "features", data.pool.pictures[rows])
    return cache.responses(
        data.zoo,
        data.learning,
        lambda count: on_step("features", count, len(data.learning)),
    )


class _Timings:
    """Seconds of each step, added up over interrupted runs."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        self.seconds: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def __call__(self, step: str) -> "_Stopwatch":
        return _Stopwatch(self, step)

    def now(self) -> float:
        return self._clock()

    def add(self, step: str, seconds: float) -> None:
        self.seconds[step] = round(self.seconds.get(step, 0.0) + seconds, 2)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, json.dumps(self.seconds, indent=1).encode())


class _Stopwatch:
    def __init__(self, timings: _Timings, step: str) -> None:
        self._timings, self._step = timings, step

    def __enter__(self) -> None:
        self._began = self._timings.now()

    def __exit__(self, *_: object) -> None:
        self._timings.add(self._step, self._timings.now() - self._began)
