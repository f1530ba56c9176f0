"""`class_outputs` and `leep_likelihood`: this provider's parts of NCE and LEEP."""

import numpy as np

from protocols.queries import Answer, ClassOutputs, LeepLikelihood
from provider.answers.class_rows import batches, probabilities
from provider.answers.context import Context
from synlearn.validation import leep, nce


def class_outputs(query: ClassOutputs, context: Context) -> Answer:
    """Return sums of probabilities and counts of predictions over all rows of each class."""
    groups = context.models.groups(query.models, context.files)
    rows = [context.dataset.rows_of(name) for name in query.classes]
    shape = (len(query.models), len(rows), query.outputs)
    sums, hard = np.zeros(shape), np.zeros(shape, np.int64)
    for batch in batches(context.dataset, rows, shape[0] * query.outputs):
        for group in groups:
            said = probabilities(group.models, batch.images, query.outputs)
            sums[group.positions] += leep.psi_joint(said, batch.labels, len(rows))
            hard[group.positions] += nce.psi(said, batch.labels, len(rows))
    return {"sums": sums, "hard": hard, "rows": np.array([len(some) for some in rows], np.int64)}


def leep_likelihood(query: LeepLikelihood, context: Context) -> Answer:
    """Return sums of log likelihoods over all rows of each class of each task."""
    groups = context.models.groups(query.models, context.files)
    rows = [context.dataset.rows_of(name) for name in query.classes]
    models, tasks, _, outputs = query.tables.shape
    sums = np.zeros(query.tables.shape[:3])
    for batch in batches(context.dataset, rows, models * (outputs + tasks)):
        for group in groups:
            part = leep.psi_likelihood(
                probabilities(group.models, batch.images, outputs),
                batch.labels,
                len(rows),
                query.tables[group.positions],
                query.tasks,
            )
            sums[group.positions] += part.sums
    return {"sums": sums, "rows": np.array([len(some) for some in rows], np.int64)}
