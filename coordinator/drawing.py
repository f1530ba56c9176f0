"""What a job of grouped closures draws, from its seed alone: the same whenever it is drawn."""

from collections.abc import Iterator

import numpy as np

from coordinator.grouped_job import GroupedJob
from coordinator.holdings import Counts, Holdings
from coordinator.target_datasets import Batch, Pairs, batches, draw_pairs
from synlearn.class_tasks import ClassEnvironment

TARGETS = 2
"""Keeps these draws apart from the environment's (0), the updates' (1) and others of the seed."""


def environment_of(job: GroupedJob, holdings: Holdings, models: int) -> ClassEnvironment:
    """Draws tasks of classes with enough holders.

    Args:
        job: Whose tasks they are.
        holdings: Who has which classes.
        models: How many there are to learn with.

    Raises:
        InputError: The providers hold too few classes.
    """
    holders = job.providers.min_parties_per_class + job.providers.dropouts
    return ClassEnvironment(
        holdings.classes,
        holdings.drawable(holders, job.learning.k_most),
        job.learning.ways,
        models,
        job.seed,
    )


def target_batches(
    job: GroupedJob, holdings: Holdings, tasks: Counts, round_index: int
) -> tuple[Pairs, Iterator[Batch]]:
    """The target datasets of a round's tasks, and the masked questions for them.

    Args:
        job: How many there are of each task, and how large.
        holdings: Who has which classes.
        tasks: (t, w) positions of classes.
        round_index: Which round of learning.
    """
    settings = job.learning
    random = np.random.default_rng([job.seed, TARGETS, round_index])
    pairs = draw_pairs(
        tasks,
        draws=settings.draws,
        least=settings.k_least,
        most=settings.k_most,
        random=random,
    )
    return pairs, batches(pairs, holdings, job.pretraining.features, random)
