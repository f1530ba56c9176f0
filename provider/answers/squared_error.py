"""`squared_error`: the provider's part of a model's mean squared error."""

import numpy as np

from protocols.errors import Code, Refused
from protocols.queries import Answer, SquaredError
from provider.answers.context import Context
from provider.answers.shown import show
from provider.model_api import ModelGroup
from synlearn.validation.squared_error import psi

_IMAGES = 240
"""Images at a time: a multiple of those that a stack looks at together, so that the sums do not
depend on where a batch ends."""


def squared_error(query: SquaredError, context: Context) -> Answer:
    """Return each model's sum of squared errors over the same freshly drawn rows."""
    models = context.models.stack(query.models, context.files)
    dataset = context.dataset
    outputs = models.architecture.outputs
    if outputs != dataset.targets:
        raise Refused(
            Code.MODEL_UNUSABLE,
            local=f"the models give {outputs} values; the rows have {dataset.targets}",
        )
    rows = context.draw_rows(query.rows)
    group = ModelGroup(np.arange(len(models)), models)
    # Tables are of all rows; a few rows are cheaper to look at again.
    shown = show(
        "outputs", [group], context, tuple(dataset.classes), make=2 * len(rows) >= dataset.rows
    )
    said = np.concatenate(
        [shown.of(0, batch) for batch in shown.batches([rows], 1, _IMAGES)], axis=1
    )
    most = context.limits.squared_error if context.limits else None
    part = psi(said, dataset.values(rows), most)
    if not np.isfinite(part.sums).all():
        raise Refused(Code.MODEL_UNUSABLE, local="a model's predictions are not finite")
    return {"sums": part.sums, "count": np.array(part.count, np.int64)}
