"""`class_outputs` and `leep_likelihood`: this provider's parts of NCE and LEEP."""

import numpy as np

from protocols.queries import Answer, ClassOutputs, LeepLikelihood
from provider.answers.class_rows import check_outputs, probabilities
from provider.answers.context import Context
from provider.answers.shown import show
from synlearn.validation import leep, nce


def class_outputs(query: ClassOutputs, context: Context) -> Answer:
    """Return sums of probabilities and counts of predictions over all rows of each class."""
    groups = context.models.groups(query.models, context.files)
    check_outputs(groups, query.outputs)
    rows = [context.dataset.rows_of(name) for name in query.classes]
    shown = show("outputs", groups, context, query.classes)
    shape = (len(query.models), len(rows), query.outputs)
    sums, hard = np.zeros(shape), np.zeros(shape, np.int64)
    for batch in shown.batches(rows, shape[0] * query.outputs):
        for place, group in enumerate(groups):
            logits = shown.of(place, batch)
            said = probabilities(logits, query.outputs, bounded=context.bounded)
            sums[group.positions] += leep.psi_joint(said, batch.labels, len(rows))
            hard[group.positions] += nce.psi(said, batch.labels, len(rows))
    return {"sums": sums, "hard": hard, "rows": np.array([len(some) for some in rows], np.int64)}


def leep_likelihood(query: LeepLikelihood, context: Context) -> Answer:
    """Return sums of log likelihoods over all rows of each class of each task."""
    groups = context.models.groups(query.models, context.files)
    check_outputs(groups, query.tables.shape[3])
    rows = [context.dataset.rows_of(name) for name in query.classes]
    shown = show("outputs", groups, context, query.classes)
    models, tasks, _, outputs = query.tables.shape
    sums = np.zeros(query.tables.shape[:3])
    for batch in shown.batches(rows, models * (outputs + tasks)):
        for place, group in enumerate(groups):
            part = leep.psi_likelihood(
                probabilities(shown.of(place, batch), outputs, bounded=context.bounded),
                batch.labels,
                len(rows),
                query.tables[group.positions],
                query.tasks,
            )
            sums[group.positions] += part.sums
    return {"sums": sums, "rows": np.array([len(some) for some in rows], np.int64)}
