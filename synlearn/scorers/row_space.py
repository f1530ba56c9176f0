"""Wide features as n numbers a row: what many scores of one model share.

Rows of (n, d) features with n < d span at most n dimensions. Written in an orthonormal basis of
their span they keep all inner products and distances, so a score that depends on nothing else takes
the (n, n) coordinates for the features, and its cost no longer grows with d.
"""

from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, check_matrix

if TYPE_CHECKING:
    import torch


def row_coordinates(features: "ArrayLike | torch.Tensor") -> Float64:
    """Coordinates of the rows in an orthonormal basis of their span, from one QR factorisation.

    Args:
        features: (n, d) finite real numbers; a PyTorch tensor is factored on the device it lies on.

    Returns:
        (n, min(n, d)) float64, in the memory of the CPU; lower triangular.

    Raises:
        ScoreInputError: No such matrix.

    >>> np.abs(row_coordinates([[3.0, 0.0, 4.0], [6.0, 0.0, 8.0]])).round(9)
    array([[ 5.,  0.],
           [10.,  0.]])
    """
    if is_tensor(features):
        return _of_tensor(features)
    factor = np.asarray(np.linalg.qr(check_matrix(features, "features").T, mode="r"))
    return np.ascontiguousarray(factor.T)


def is_tensor(features: object) -> "TypeGuard[torch.Tensor]":
    """Whether this is a PyTorch tensor; told without importing PyTorch."""
    return type(features).__module__.partition(".")[0] == "torch" and hasattr(features, "detach")


def to_cpu(features: "ArrayLike | torch.Tensor") -> ArrayLike:
    """Return the array itself, or a tensor's content as an array in the memory of the CPU."""
    if not is_tensor(features):
        return features
    content = features.detach().cpu()
    if content.dtype.itemsize < 4 and content.is_floating_point():
        content = content.float()  # NumPy has no bfloat16
    return np.asarray(content.numpy())


def _of_tensor(features: "torch.Tensor") -> Float64:
    import torch  # noqa: PLC0415 - whoever hands in a tensor has imported it

    if features.ndim != 2 or features.numel() == 0 or features.is_complex():
        return row_coordinates(to_cpu(features))  # which says what is wrong
    rows = features.detach().double()
    if not bool(torch.isfinite(rows).all()):
        raise ScoreInputError("features hold a NaN or an infinity; no score is defined for them.")
    factor = torch.linalg.qr(rows.T, mode="r").R
    return np.ascontiguousarray(factor.T.cpu().numpy(), dtype=np.float64)
