"""`head_statistics` and `head_correct`: this provider's parts of a re-trained head's accuracy."""

import numpy as np

from protocols.queries import Answer, HeadCorrect, HeadStatistics, packed_length
from provider.answers.class_rows import vectors
from provider.answers.context import Context
from provider.answers.shown import show
from provider.dataset import Indices
from synlearn.validation.head_accuracy import Heads, psi_correct, psi_statistics


def head_statistics(query: HeadStatistics, context: Context) -> Answer:
    """Return sums of features and of their products over the rows of each class, or half A."""
    groups = context.models.groups(query.models, context.files)
    if query.halved:
        rows = [learn for learn, _ in _halves(query.classes, context)]
    else:
        rows = [context.dataset.rows_of(name) for name in query.classes]
    shown = show("features", groups, context, query.classes)
    sides = (len(query.models), len(rows))
    sums = np.zeros((*sides, query.width))
    products = np.zeros((*sides, packed_length(query.width)))
    for batch in shown.batches(rows, len(query.models) * query.width):
        for place, group in enumerate(groups):
            found = vectors(
                shown.of(place, batch),
                query.width,
                unit_length=query.unit_length,
                bounded=context.bounded,
            )
            part = psi_statistics(found, batch.labels, len(rows))
            sums[group.positions] += part.sums
            products[group.positions] += part.products
    return {"sums": sums, "products": products, "rows": _count(rows)}


def head_correct(query: HeadCorrect, context: Context) -> Answer:
    """Return how often the heads are right about the half B of each class."""
    groups = context.models.groups(query.models, context.files)
    rows = [test for _, test in _halves(query.classes, context)]
    shown = show("features", groups, context, query.classes)
    models, tasks, ways, width = query.weights.shape
    correct = np.zeros((models, tasks, ways), np.int64)
    for batch in shown.batches(rows, models * (width + tasks * ways)):
        for place, group in enumerate(groups):
            found = vectors(
                shown.of(place, batch),
                width,
                unit_length=query.unit_length,
                bounded=context.bounded,
            )
            heads = Heads(query.weights[group.positions], query.biases[group.positions])
            part = psi_correct(found, batch.labels, len(rows), heads, query.tasks)
            correct[group.positions] += part.correct
    return {"correct": correct, "rows": _count(rows)}


def _halves(classes: tuple[str, ...], context: Context) -> list[tuple[Indices, Indices]]:
    return [context.split.halves(name, context.dataset.rows_of(name)) for name in classes]


def _count(rows: list[Indices]) -> Indices:
    return np.array([len(some) for some in rows], np.int64)
