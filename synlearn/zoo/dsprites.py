"""Builds the zoo of the SynLearn paper's in-dataset experiment: one model for each dSprites domain.

Each model regresses (posX, posY) from the 800 training instances of its domain. Models are trained
a chunk at a time in worker processes with one thread each (many small operations gain nothing from
more), so that what is built does not depend on how many workers there were. Every finished model is
on disk with its card; a build that was stopped goes on where it was.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from synlearn.datasets.dsprites import (
    ORIENTATIONS,
    SCALES,
    SPLIT_NAME,
    SPLIT_SEED,
    TARGET_NAMES,
    TRAINING_INSTANCES,
    Domain,
    domain_images,
    domain_targets,
    split,
)
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
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.training import OPTIMISER, TrainingPlan, train_stack

CHUNK: Final = 8
"""Models trained together: 8 x 32 images of them still fit the processor's cache."""
ARCHITECTURE: Final = "sprite-cnn"


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """What to build, in full: the same plan gives the same files on the same machine.

    split_seed: chooses each domain's training instances. created: goes into the cards.
    """

    domains: tuple[Domain, ...]
    split_seed: int = SPLIT_SEED
    training: TrainingPlan = field(default_factory=TrainingPlan)
    created: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """Models that are ready. kept: they were on disk before."""

    ids: tuple[ModelId, ...]
    kept: bool


def model_id(domain: Domain) -> ModelId:
    """Return the id of a domain's model, such as `dsprites-612-heart-s3-o12`.

    Sorted ids follow the index of the domain.
    """
    return ModelId(f"dsprites-{domain.index:03d}-{domain.name}")


def build_zoo(root: Path, plan: BuildPlan, workers: int, on_built: Callable[[Built], None]) -> Zoo:
    """Train the plan's models that folder `root` does not hold yet, and index all of the plan.

    workers: processes of one thread each; 1 trains in this process. on_built: told about models as
    they become ready, first about those found on disk.
    Returns the zoo, whose index lists exactly the models of the plan.
    Raises InputError when the folder holds a model of the same id that was trained differently,
    when it cannot be written to, or when a worker was killed from outside.
    """
    entries = _kept(root, plan)
    on_built(Built(tuple(entries), kept=True))
    # Chunks are cut from the whole plan: a build that goes on repeats the sums of an unbroken one.
    chunks = [
        chunk
        for chunk in _chunks(plan.domains)
        if not all(model_id(domain) in entries for domain in chunk)
    ]
    try:
        root.mkdir(parents=True, exist_ok=True)
        for ready in _trained(root, plan, chunks, workers):
            new = tuple(model for model in ready if model not in entries)
            entries |= ready
            write_index(root, entries)
            on_built(Built(new, kept=False))
        write_index(root, entries)
    except OSError as error:
        raise InputError(
            f"Cannot write the zoo {root} ({error.strerror}); make room, or choose another folder. "
            f"Finished models are kept."
        ) from error
    except BrokenProcessPool as error:
        raise InputError(
            f"A worker building the zoo {root} was killed, perhaps for want of memory; run the "
            f"build again with fewer workers. Finished models are kept."
        ) from error
    return Zoo.open(root)


def _chunks(domains: Sequence[Domain]) -> list[tuple[Domain, ...]]:
    return [tuple(domains[start : start + CHUNK]) for start in range(0, len(domains), CHUNK)]


def _kept(root: Path, plan: BuildPlan) -> dict[ModelId, ZooEntry]:
    """Return the digests of the plan's models that are whole on disk."""
    entries: dict[ModelId, ZooEntry] = {}
    for domain in plan.domains:
        finished = finished_model(root, model_id(domain))
        if finished is None:
            continue
        card, entry = finished
        if not _same_recipe(card, plan, domain):
            raise InputError(
                f"{card_path(root, card.id)} describes a model that was trained differently; "
                f"give the build's former options, or another folder."
            )
        entries[card.id] = entry
    return entries


def _same_recipe(card: ModelCard, plan: BuildPlan, domain: Domain) -> bool:
    data, run = card.recipe
    return (
        data == _training_data(plan, domain)
        and run == _training_run(plan, run.loss)
        and card.architecture == ARCHITECTURE
        and card.hyperparameters == architecture(ARCHITECTURE).hyperparameters
    )


def _trained(
    root: Path, plan: BuildPlan, chunks: Sequence[Sequence[Domain]], workers: int
) -> Iterator[dict[ModelId, ZooEntry]]:
    """Train chunk by chunk; yield the digests of each chunk's models once they are on disk."""
    if workers <= 1:
        with one_thread():
            for chunk in chunks:
                yield _train_chunk(root, plan, chunk)
        return
    # A fresh interpreter: a forked one may inherit locks that another thread holds.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=start_worker) as pool:
        waiting = [pool.submit(_train_chunk, root, plan, chunk) for chunk in chunks]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _train_chunk(root: Path, plan: BuildPlan, domains: Sequence[Domain]) -> dict[ModelId, ZooEntry]:
    """Train the models of these domains together and write them with their cards."""
    network = architecture(ARCHITECTURE)
    # Libraries choose kernels by the size of a stack, and kernels differ in rounding: a full stack
    # always, so that a model's bytes do not depend on what else was asked for.
    filled = [domains[place % len(domains)] for place in range(CHUNK)]
    rows = [split(domain, plan.split_seed).training for domain in filled]
    images = np.stack(
        [domain_images(domain)[own] for domain, own in zip(filled, rows, strict=True)]
    )
    targets = np.stack([domain_targets()[own] for own in rows])
    ids = [model_id(domain) for domain in filled]
    trained = train_stack(ids, network, images, targets, plan=plan.training)
    entries: dict[ModelId, ZooEntry] = {}
    for row, domain in enumerate(domains):
        data = to_bytes(ModelFile(network, trained.models.tensors_of(row)))
        card = _card(plan, domain, data, float(trained.losses[row]))
        entries[card.id] = add_model(root, card, data)
    return entries


def _card(plan: BuildPlan, domain: Domain, data: bytes, loss: float) -> ModelCard:
    network = architecture(ARCHITECTURE)
    return ModelCard(
        format=card_format.FORMAT,
        id=model_id(domain),
        license="apache-2.0",
        library_name="synlearn",
        pipeline_tag="image-regression",
        tags=("dsprites", "image-regression", "safetensors", "synlearn"),
        datasets=("dsprites",),
        metrics=("mse",),
        architecture=network.name,
        hyperparameters=dict(network.hyperparameters),
        parameters=network.parameter_count(),
        sha256=digest_of(data),
        file_size=len(data),
        input=InputFormat(shape=network.input_shape, low=0.0, high=1.0, mean=(0.0,), std=(1.0,)),
        outputs=TARGET_NAMES,
        training_data=_training_data(plan, domain),
        training=_training_run(plan, loss),
        versions={name: version(name) for name in ("numpy", "synlearn", "torch")},
        created=plan.created,
    )


def _training_data(plan: BuildPlan, domain: Domain) -> TrainingData:
    return TrainingData(
        dataset="dsprites",
        domain=domain.name,
        domain_index=domain.index,
        latents={
            "shape": domain.shape.name.lower(),
            "scale": SCALES[domain.scale],
            "orientation": ORIENTATIONS[domain.orientation],
        },
        split=SPLIT_NAME,
        split_seed=plan.split_seed,
        instances=TRAINING_INSTANCES,
    )


def _training_run(plan: BuildPlan, loss: float) -> TrainingRun:
    return TrainingRun(
        optimiser=OPTIMISER,
        epochs=plan.training.epochs,
        batch_size=plan.training.batch_size,
        learning_rate=plan.training.learning_rate,
        seed=plan.training.seed,
        loss_function="mean squared error",
        loss=loss,
    )


def zoo_domains(zoo: Zoo) -> dict[int, ModelId]:
    """Return the models of a dSprites zoo by the index of the domain each was trained on.

    Raises InputError when the zoo holds a model that is not of dSprites.
    """
    domains: dict[int, ModelId] = {}
    for model in zoo:
        name = model.split("-")
        if len(name) < 2 or name[0] != "dsprites" or not name[1].isdigit():
            raise InputError(
                f"{zoo.root} holds {model}, which is no dSprites model; give a zoo built with "
                f"`synlearn zoo build dsprites`."
            )
        domains[int(name[1])] = model
    return domains
