"""Builds the zoo of the SynLearn paper's in-dataset experiment: one model for each dSprites domain.

Each model regresses (posX, posY) from the 800 training instances of its domain. Models are trained
a chunk at a time in worker processes with one thread each (many small operations gain nothing from
more), so that what is built does not depend on how many workers there were. Every finished model is
on disk with its card; a build that was stopped goes on where it was.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import torch

from synlearn.datasets.dsprites import (
    INSTANCES,
    ORIENTATIONS,
    SCALES,
    SPLIT_NAME,
    TARGET_NAMES,
    TRAINING_INSTANCES,
    Domain,
    domain_images,
    domain_targets,
    split,
)
from synlearn.errors import InputError
from synlearn.zoo import card as cards
from synlearn.zoo.architectures import architecture
from synlearn.zoo.card import InputFormat, ModelCard, ModelId, TrainingData, TrainingRun
from synlearn.zoo.catalog import (
    Zoo,
    ZooEntry,
    add_model,
    digest_of,
    finished_model,
    write_index,
)
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
    split_seed: int = 0
    training: TrainingPlan = TrainingPlan()
    created: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """Models newly on disk. losses: mean squared error of each on its training instances."""

    ids: tuple[ModelId, ...]
    losses: tuple[float, ...]
    kept: bool


def model_id(domain: Domain) -> ModelId:
    """Return the id of a domain's model, such as `dsprites-612-heart-s3-o12`.

    Sorted ids follow the index of the domain.
    """
    return ModelId(f"dsprites-{domain.index:03d}-{domain.name}")


def build_zoo(
    root: Path, plan: BuildPlan, workers: int, on_built: Callable[[Built], None]
) -> Zoo:
    """Train the models of the plan that are not in folder `root` yet, and index them all.

    workers: processes, of one thread each. on_built: told about models as they get done, first
    about those found finished (`kept`).
    Raises InputError when the folder holds a zoo of another plan.
    """
    root.mkdir(parents=True, exist_ok=True)
    entries = _kept_entries(root, plan)
    on_built(_kept(root, entries))
    missing = [domain for domain in plan.domains if model_id(domain) not in entries]
    # Chunks are cut from the whole plan, so that a resumed build repeats the sums of a whole one.
    chunks = [
        chunk
        for chunk in _chunks(plan.domains)
        if any(domain in missing for domain in chunk)
    ]
    for done in _trained(root, plan, chunks, workers):
        entries |= done.entries
        write_index(root, entries)
        on_built(Built(tuple(done.entries), done.losses, kept=False))
    write_index(root, entries)
    return Zoo.open(root)
