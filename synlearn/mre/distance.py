"""Distances between task and model embeddings; lower is better.

The paper says "metric distance" only. Its released code has two: minus the cosine for
classification, half the squared Euclidean distance for dSprites.
"""

from typing import Literal

from torch import Tensor
from torch.nn import functional

Distance = Literal["cosine", "negative_cosine", "half_squared_l2", "squared_l2", "l2"]

_RELEASED_FLOOR = 1e-5
_TINY = 1e-12


def distances(tasks: Tensor, models: Tensor, kind: Distance) -> Tensor:
    """Distance of every task to every model.

    Args:
        tasks: (..., n, e).
        models: (..., m, e), the same leading dimensions.
        kind: "cosine", 1 minus the cosine, in [0, 2]; "negative_cosine", -<a, b> / (|a||b| + 1e-5),
            as in the released code; "half_squared_l2", |a - b|^2 / 2; "squared_l2"; "l2".

    Returns:
        (..., n, m).
    """
    if kind == "cosine":
        # Divided after the product: (..., m, e) is large, (..., n, m) is not.
        along = functional.normalize(tasks, dim=-1) @ models.transpose(-1, -2)
        cosine: Tensor = along / models.norm(dim=-1).clamp(min=_TINY)[..., None, :]
        return 1 - cosine
    product: Tensor = tasks @ models.transpose(-1, -2)
    if kind == "negative_cosine":
        lengths: Tensor = tasks.norm(dim=-1)[..., :, None] * models.norm(dim=-1)[..., None, :]
        return -product / (lengths + _RELEASED_FLOOR)
    square = tasks.square().sum(-1)[..., :, None] + models.square().sum(-1)[..., None, :]
    half: Tensor = (square / 2 - product).clamp(min=0)
    if kind == "half_squared_l2":
        return half
    return 2 * half if kind == "squared_l2" else (2 * half).sqrt()
