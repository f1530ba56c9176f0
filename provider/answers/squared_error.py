"""`squared_error`: the provider's part of a model's mean squared error."""

import numpy as np

from protocols.errors import Code, Refused
from protocols.queries import Answer, SquaredError
from provider.answers.context import Context
from synlearn.validation.squared_error import psi


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
    part = psi(models, dataset.images(rows), dataset.values(rows))
    if not np.isfinite(part.sums).all():
        raise Refused(Code.MODEL_UNUSABLE, local="a model's predictions are not finite")
    return {"sums": part.sums, "count": np.array(part.count, np.int64)}
