"""Features of a handful of examples, one each."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone


def features_of(backbone: Backbone, images: ArrayLike) -> Tensor:
    """Features of single examples, (n, f) float32.

    Args:
        backbone: `g_mu`.
        images: (n, channels, h, w) in [0, 1], n >= 1.

    Raises:
        InputError: The images have another shape than the backbone takes.
    """
    examples = np.ascontiguousarray(images, np.float32)  # may be a view backwards
    channels = backbone.spec.channels
    if examples.ndim != 4 or len(examples) == 0 or examples.shape[1] != channels:
        raise InputError(
            f"the MRE model takes images of {channels} channel(s), shaped (k, {channels}, "
            f"height, width) with k >= 1, not {examples.shape}; convert the images first."
        )
    with torch.inference_mode():
        features: Tensor = backbone(torch.from_numpy(examples)).float()
    return features
