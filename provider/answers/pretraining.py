"""`pretraining_gradient` and `pretraining_update`: this provider's part of the pre-training."""

import numpy as np
import torch
from torch import Tensor

from protocols.queries import Answer, PretrainingGradient, PretrainingUpdate
from provider.answers.context import Context
from provider.rows import classes_for_training
from synlearn.mre.pretraining import HingeSum, make_classes


def pretraining_gradient(query: PretrainingGradient, context: Context) -> Answer:
    """Return the gradient of the hinge sum over freshly drawn rows, and the counts."""
    data = context.files[query.backbone]
    rows = _batch(query, context)
    part = context.models.hinge_gradient(query.backbone, data, rows, query.margin)
    return {"gradient": part.vector, **_counts(part)}


def pretraining_update(query: PretrainingUpdate, context: Context) -> Answer:
    """Return the change of the parameters after `steps` local steps, and the counts."""
    data = context.files[query.backbone]
    batches = (_batch(query, context) for _ in range(query.steps))
    part = context.models.local_update(
        query.backbone, data, batches, query.margin, query.learning_rate
    )
    return {"change": part.vector, **_counts(part)}


def _batch(query: PretrainingGradient | PretrainingUpdate, context: Context) -> Tensor:
    """Freshly drawn rows, (classes, rows, channels, h, w); of real classes where there are two."""
    dtype = getattr(torch, query.precision)
    real = classes_for_training(context.dataset.classes, query.rows_per_class)
    if not real:
        rows = context.draw_rows(query.classes * query.rows_per_class)
        images = torch.from_numpy(context.dataset.images(rows)).to(dtype)
        return make_classes(images, query.classes, context.torch_generator())
    count = min(query.classes, len(real))
    drawn = [real[i] for i in context.random.choice(len(real), size=count, replace=False)]
    rows = np.concatenate([context.draw_rows_of(name, query.rows_per_class) for name in drawn])
    images = torch.from_numpy(context.dataset.images(rows)).to(dtype)
    grouped: Tensor = images.unflatten(0, (count, query.rows_per_class))
    return grouped


def _counts(part: HingeSum) -> Answer:
    return {
        "hinge_sum": np.array(part.hinge_sum, np.float64),
        "active": np.array(part.active, np.int64),
        "triplets": np.array(part.triplets, np.int64),
    }
