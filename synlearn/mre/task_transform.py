"""From a target dataset to what the metric compares: the task's side of the MRE model.

For isolated closures the paper takes an instance-wise average (SynLearn, section 4.2).
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from synlearn.mre.backbone import Backbone

_IMAGES = 64
"""Images that pass through the backbone at a time: its activations dwarf its features."""


def mean_features(backbone: Backbone, images: Tensor, draws: npt.NDArray[np.integer]) -> Tensor:
    """Mean of the features of each target dataset.

    Args:
        backbone: `g_mu`.
        images: (n, channels, h, w), each image once.
        draws: (s, k) which of the images make up each dataset.

    Returns:
        (s, features) float32; every row lies within the unit ball.
    """
    index = torch.from_numpy(np.asarray(draws, np.int64))
    with torch.inference_mode():
        features = torch.cat([backbone(part) for part in images.split(_IMAGES)]).float()
        return functional.embedding_bag(index, features, mode="mean")  # no (s, k, features) array
