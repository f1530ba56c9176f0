"""`target_features`: target datasets of an isolated closure, as the metric model sees them."""

import numpy as np
import torch

from protocols.queries import Answer, TargetFeatures
from provider.answers.context import Context
from synlearn.mre.task_transform import mean_features


def target_features(query: TargetFeatures, context: Context) -> Answer:
    """Return, for each draw of K different rows, the mean of their `g_mu` features."""
    backbone = context.models.backbone(query.backbone, context.files[query.backbone])
    draws = np.stack([context.draw_rows(query.k) for _ in range(query.draws)])
    distinct, positions = np.unique(draws, return_inverse=True)
    images = torch.from_numpy(context.dataset.images(distinct))
    means = mean_features(backbone, images, positions.reshape(draws.shape), bounded=context.bounded)
    return {"means": means.numpy()}
