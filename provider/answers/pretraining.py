"""`pretraining_gradient` and `pretraining_update`: this provider's part of the pre-training."""

import numpy as np
import torch
from torch import Tensor

from protocols.queries import Answer, PretrainingGradient, PretrainingUpdate
from provider.answers.context import Context
from provider.models import as_precision, private_copy
from synlearn.mre.backbone import Backbone
from synlearn.mre.pretraining import HingeSum, hinge_gradient, local_update, make_classes


def pretraining_gradient(query: PretrainingGradient, context: Context) -> Answer:
    """Return the gradient of the hinge sum over freshly drawn rows, and the counts."""
    backbone = as_precision(_backbone(query.backbone, context), query.precision)
    part = hinge_gradient(backbone, _batch(query, context), query.margin)
    return {"gradient": part.vector, **_counts(part)}


def pretraining_update(query: PretrainingUpdate, context: Context) -> Answer:
    """Return the change of the parameters after `steps` local steps, and the counts."""
    backbone = private_copy(as_precision(_backbone(query.backbone, context), query.precision))
    batches = (_batch(query, context) for _ in range(query.steps))
    part = local_update(backbone, batches, query.margin, query.learning_rate)
    return {"change": part.vector, **_counts(part)}


def _backbone(digest: str, context: Context) -> Backbone:
    return context.models.backbone(digest, context.files[digest])


def _batch(query: PretrainingGradient | PretrainingUpdate, context: Context) -> Tensor:
    rows = context.draw_rows(query.classes * query.rows_per_class)
    images = torch.from_numpy(context.dataset.images(rows)).to(getattr(torch, query.precision))
    return make_classes(images, query.classes, context.torch_generator())


def _counts(part: HingeSum) -> Answer:
    return {
        "hinge_sum": np.array(part.hinge_sum, np.float64),
        "active": np.array(part.active, np.int64),
        "triplets": np.array(part.triplets, np.int64),
    }
