"""Builds the mixed zoo: small classifiers of the sets' expert classes (see `mixed_recipes.py`).

Experts that share a network and a length of training are trained eight at a time in worker
processes with one thread each. Every finished expert is on disk with its card; a build that was
stopped goes on where it was.
"""

import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np

from synlearn.datasets.mixed_pool import MixedPool
from synlearn.errors import InputError
from synlearn.threads import one_thread
from synlearn.worker_process import start_worker
from synlearn.zoo import card as card_format
from synlearn.zoo.architectures import architecture
from synlearn.zoo.card import ModelCard, ModelId, TrainingData, TrainingRun
from synlearn.zoo.catalog import (
    Zoo,
    ZooEntry,
    add_model,
    card_path,
    digest_of,
    finished_model,
    write_index,
)
from synlearn.zoo.classifier_training import (
    BATCH,
    LEARNING_RATE,
    OPTIMISER,
    TrainingSet,
    train_classifiers,
)
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.mixed_recipes import MOST_CLASSES, NETWORKS, Augmentation, Recipe, training_rows

ARCHITECTURE: Final = "picture-cnn"
CHUNK: Final = 8
_OPEN: Final = frozenset({"omniglot", "fashion_mnist", "sign_digits"})
SPLIT_NAME: Final = "synlearn/mixed/v1"


@dataclass(frozen=True, slots=True)
class _Job:
    """Experts that are trained together, in full; those `missing` are written.

    How many share a stack can move the last bits of their sums, so a finished expert is trained
    once more beside the new ones, but never replaced.
    """

    missing: frozenset[ModelId]
    recipes: tuple[Recipe, ...]
    sets: tuple[TrainingSet, ...]
    outputs: tuple[tuple[str, ...], ...]
    root: Path
    seed: int
    split_seed: int


def build_mixed_zoo(
    root: Path,
    pool: MixedPool,
    recipes: Sequence[Recipe],
    *,
    workers: int,
    on_built: Callable[[int], None],
    seed: int = 0,
    split_seed: int = 0,
) -> Zoo:
    """Train the experts that folder `root` does not hold yet, and index all of them.

    Args:
        root: The zoo's folder.
        pool: The images.
        recipes: The experts.
        workers: Processes of one thread each; 1 trains in this process.
        on_built: Told how many experts more are ready, first about those found on disk.
        seed: Of initial weights and the order of images.
        split_seed: Of the pool's manifest; goes into the cards.

    Raises:
        InputError: The folder holds an expert of the same id that was trained differently, or
            cannot be written to, or a worker was killed from outside.
    """
    entries: dict[ModelId, ZooEntry] = {}
    for recipe in recipes:
        finished = finished_model(root, recipe.model)
        if finished is not None:
            if finished[0].training_data != _training_data(recipe, pool, split_seed):
                raise InputError(
                    f"{card_path(root, recipe.model)} describes an expert that was trained "
                    "differently; give the build's former options, or another folder."
                )
            entries[recipe.model] = finished[1]
    on_built(len(entries))
    # Chunks are cut from the whole plan: a build that goes on repeats the sums of an unbroken one.
    chunks = [chunk for chunk in _chunks(recipes) if not all(own.model in entries for own in chunk)]
    missing = frozenset(recipe.model for recipe in recipes) - entries.keys()
    jobs = (_job(chunk, missing, pool, root, seeds=(seed, split_seed)) for chunk in chunks)
    try:
        root.mkdir(parents=True, exist_ok=True)
        for ready in _trained(jobs, workers):
            on_built(len(ready))
            entries |= ready
            write_index(root, entries)
        write_index(root, entries)
    except OSError as error:
        raise InputError(
            f"Cannot write the zoo {root} ({error.strerror}); make room, or choose another folder. "
            "Finished models are kept."
        ) from error
    except BrokenProcessPool as error:
        raise InputError(
            f"A worker building the zoo {root} was killed, perhaps for want of memory; run the "
            "build again with fewer workers. Finished models are kept."
        ) from error
    return Zoo.open(root)


def _chunks(recipes: Sequence[Recipe]) -> list[tuple[Recipe, ...]]:
    """Group experts by what has to be alike in a stack; the longest training comes first.

    Roles stay apart, so that more experts of one role leave the stacks of the other as they are.
    """
    alike: dict[tuple[int, str, str], list[Recipe]] = {}
    for recipe in recipes:
        alike.setdefault((-recipe.steps, recipe.network, recipe.role), []).append(recipe)
    return [
        tuple(alike[key][start : start + CHUNK])
        for key in sorted(alike)
        for start in range(0, len(alike[key]), CHUNK)
    ]


def _job(
    recipes: tuple[Recipe, ...],
    missing: frozenset[ModelId],
    pool: MixedPool,
    root: Path,
    *,
    seeds: tuple[int, int],
) -> _Job:
    sets, outputs = [], []
    for recipe in recipes:
        rows = training_rows(pool, recipe)
        sets.append(
            TrainingSet(
                recipe.model,
                pool.pictures[rows],
                np.searchsorted(np.array(recipe.classes), pool.labels[rows]),
                len(recipe.classes),
                shift=recipe.augmentation is not Augmentation.NONE,
                flip=recipe.augmentation is Augmentation.SHIFT_FLIP,
            )
        )
        outputs.append(tuple(pool.classes[label].full_name for label in recipe.classes))
    return _Job(missing, recipes, tuple(sets), tuple(outputs), root, *seeds)


def _trained(jobs: Iterator[_Job], workers: int) -> Iterator[dict[ModelId, ZooEntry]]:
    if workers <= 1:
        with one_thread():
            yield from map(_train, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=start_worker) as processes:
        waiting = [processes.submit(_train, job) for job in jobs]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            processes.shutdown(cancel_futures=True)


def _train(job: _Job) -> dict[ModelId, ZooEntry]:
    """Train these experts together and write those that are missing, with their cards."""
    hyperparameters = NETWORKS[job.recipes[0].network]
    network = architecture(ARCHITECTURE, {**hyperparameters, "classes": MOST_CLASSES})
    trained = train_classifiers(job.sets, network, steps=job.recipes[0].steps, seed=job.seed)
    entries: dict[ModelId, ZooEntry] = {}
    for row, (recipe, outputs) in enumerate(zip(job.recipes, job.outputs, strict=True)):
        if recipe.model not in job.missing:
            continue
        tensors = trained.models.tensors_of(row)
        for name in ("head.weight", "head.bias"):
            tensors[name] = tensors[name][: len(outputs)].contiguous()
        own = architecture(ARCHITECTURE, {**hyperparameters, "classes": len(outputs)})
        data = to_bytes(ModelFile(own, tensors))
        card = ModelCard(
            format=card_format.FORMAT,
            id=recipe.model,
            license=_license(outputs),
            library_name="synlearn",
            pipeline_tag="image-classification",
            tags=("image-classification", "mixed", "safetensors", "synlearn", str(recipe.role)),
            datasets=tuple(sorted({name.split("/")[0] for name in outputs})),
            metrics=("accuracy",),
            architecture=own.name,
            hyperparameters=dict(own.hyperparameters),
            parameters=own.parameter_count(),
            sha256=digest_of(data),
            file_size=len(data),
            input=InputFormat(own.input_shape, 0.0, 1.0, mean=(0.0,) * 3, std=(1.0,) * 3),
            outputs=outputs,
            training_data=_described(recipe, outputs, len(job.sets[row].labels), job.split_seed),
            training=TrainingRun(
                optimiser=OPTIMISER,
                epochs=ceil(recipe.steps * BATCH / len(job.sets[row].labels)),
                batch_size=BATCH,
                learning_rate=LEARNING_RATE,
                seed=job.seed,
                loss_function="cross-entropy",
                loss=float(trained.losses[row]),
            ),
            versions={name: version(name) for name in ("numpy", "synlearn", "torch")},
            created=None,
        )
        entries[card.id] = add_model(job.root, card, data)
    return entries


def _license(outputs: Sequence[str]) -> str:
    """Return ours where all of an expert's sets have open licences; CIFAR's authors state none."""
    sets = {name.split("/")[0] for name in outputs}
    return "apache-2.0" if sets <= _OPEN else "other"


def _training_data(recipe: Recipe, pool: MixedPool, split_seed: int) -> TrainingData:
    outputs = tuple(pool.classes[label].full_name for label in recipe.classes)
    return _described(recipe, outputs, len(training_rows(pool, recipe)), split_seed)


def _described(
    recipe: Recipe, outputs: tuple[str, ...], instances: int, split_seed: int
) -> TrainingData:
    return TrainingData(
        dataset="mixed",
        domain=json.dumps(outputs),
        domain_index=int(recipe.model.split("-")[2]),
        latents={
            "role": str(recipe.role),
            "network": recipe.network,
            "steps": float(recipe.steps),
            "images_per_class": float(recipe.images_per_class),
            "augmentation": str(recipe.augmentation),
        },
        split=SPLIT_NAME,
        split_seed=split_seed,
        instances=instances,
    )
