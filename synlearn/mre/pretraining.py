"""Feature pre-training of `g_mu` with an objective that decomposes over providers.

SynLearn, Algorithm 1, lines 2-6: each provider's part of the objective sees only its own rows.
For provider d it is a sum of hinges over triplets (anchor, other row of its class, row of another
class); the coordinator minimises the mean over all providers' active hinges,

    L = sum_d hinge_sum_d / sum_d active_d,

so that both parts travel and nothing else. The authors' released code averages at each provider
instead, which does not decompose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from synlearn.mre.backbone import Backbone
from synlearn.mre.views import apply_views, draw_views

Vector = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class HingeSum:
    """One provider's part: a vector over the backbone's parameters, and what it sums over.

    Attributes:
        vector: (p,) gradient of the hinge sum, or change of the parameters.
        hinge_sum: Sum of all hinges.
        active: How many hinges are above zero.
        triplets: How many triplets there were.
    """

    vector: Vector
    hinge_sum: float
    active: int
    triplets: int


@dataclass(frozen=True, slots=True)
class Combined:
    """All providers' parts together: a step direction and the objective's value.

    Attributes:
        vector: (p,) float64, gradient of the mean active hinge, or mean change.
        loss: Mean active hinge; 0 where none is active.
        active_share: Active hinges over triplets, in [0, 1].
    """

    vector: npt.NDArray[np.float64]
    loss: float
    active_share: float


def make_classes(images: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Split rows of one domain into `classes` pseudo-classes, each under a view of its own.

    Args:
        images: (classes * rows, channels, h, w), values in [0, 1].
        classes: Number of views.
        generator: Source of the views.

    Returns:
        (classes, rows, channels, h, w).
    """
    rows = images.shape[0] // classes
    views = draw_views(classes, generator).repeat_interleave(rows, dim=0)
    grouped: Tensor = apply_views(images, views).unflatten(0, (classes, rows))
    return grouped


def hinges(features: Tensor, margin: float) -> Tensor:
    """Hinges of every triplet, 0 where the triple is none.

    hinge(a, p, n) = max(0, |f_a - f_p|^2 - |f_a - f_n|^2 + margin), p another row of a's class,
    n a row of another class.

    Args:
        features: (classes, rows, width).
        margin: Not below 0.

    Returns:
        (classes * rows, classes * rows, classes * rows), indexed by a, p, n.
    """
    classes, rows = features.shape[:2]
    flat = features.flatten(0, 1)
    square = (flat**2).sum(dim=1)
    distance = square[:, None] + square[None, :] - 2 * flat @ flat.T
    label = torch.arange(classes).repeat_interleave(rows)
    same = label[:, None] == label[None, :]
    positive = same & ~torch.eye(classes * rows, dtype=torch.bool)
    triple = positive[:, :, None] & ~same[:, None, :]
    gap = distance[:, :, None] - distance[:, None, :] + margin
    return torch.where(triple, gap.clamp(min=0), torch.zeros((), dtype=gap.dtype))


def triplet_count(classes: int, rows: int) -> int:
    """Number of triplets among `classes` classes of `rows` rows each."""
    return classes * rows * (rows - 1) * (classes - 1) * rows


def hinge_gradient(backbone: Backbone, grouped: Tensor, margin: float) -> HingeSum:
    """Gradient of one provider's hinge sum with respect to all backbone parameters.

    Args:
        backbone: At the parameters where the gradient is wanted.
        grouped: (classes, rows, channels, h, w).
        margin: Of the hinge.
    """
    parameters = list(backbone.parameters())
    classes, rows = grouped.shape[:2]
    features = backbone(grouped.flatten(0, 1)).unflatten(0, (classes, rows))
    each = hinges(features, margin)
    total = each.sum()
    gradients = torch.autograd.grad(total, parameters)
    return HingeSum(
        vector=torch.cat([gradient.flatten() for gradient in gradients]).numpy(),
        # One row for which the backbone gives no number leaves the others' hinges countable.
        hinge_sum=float(each.detach().nan_to_num(nan=0.0, posinf=0.0).sum()),
        active=int((each > 0).sum()),
        triplets=triplet_count(classes, rows),
    )


def local_update(
    backbone: Backbone, batches: Iterable[Tensor], margin: float, learning_rate: float
) -> HingeSum:
    """Take one plain gradient step on the mean active hinge for each batch; return the change.

    Args:
        backbone: Where to start; changed in place.
        batches: Each (classes, rows, channels, h, w); one is in memory at a time.
        margin: Of the hinge.
        learning_rate: Of the local steps.
    """
    start = flatten_parameters(backbone)
    hinge_sum, active, triplets = 0.0, 0, 0
    for batch in batches:
        part = hinge_gradient(backbone, batch, margin)
        step = torch.from_numpy(part.vector) * (learning_rate / max(part.active, 1))
        set_parameters(backbone, flatten_parameters(backbone) - step)
        hinge_sum += part.hinge_sum
        active += part.active
        triplets += part.triplets
    change = (flatten_parameters(backbone) - start).numpy()
    return HingeSum(change, hinge_sum, active, triplets)


def combine_gradients(parts: Sequence[HingeSum]) -> Combined:
    """Sum the providers' gradients and counts, in float64 and in the order given."""
    vector = np.zeros(parts[0].vector.shape, np.float64)
    for part in parts:
        vector += part.vector
    return _mean(parts, vector / max(sum(part.active for part in parts), 1))


def combine_updates(parts: Sequence[HingeSum]) -> Combined:
    """Average the providers' changes, weighted by their triplets; the vector is *minus* that.

    Negated, so that an optimiser may treat it as a gradient (Reddi et al., "Adaptive federated
    optimization", ICLR 2021).
    """
    vector = np.zeros(parts[0].vector.shape, np.float64)
    for part in parts:
        vector -= part.vector.astype(np.float64) * part.triplets
    return _mean(parts, vector / max(sum(part.triplets for part in parts), 1))


def flatten_parameters(backbone: Backbone) -> Tensor:
    """All parameters as one detached vector, in the order of the backbone's modules."""
    return torch.cat([parameter.detach().flatten() for parameter in backbone.parameters()])


def set_gradients(backbone: Backbone, vector: Tensor) -> None:
    """Write one vector, in the order of the backbone's modules, into the parameters' gradients."""
    sizes = [parameter.numel() for parameter in backbone.parameters()]
    for parameter, part in zip(backbone.parameters(), vector.split(sizes), strict=True):
        parameter.grad = part.view_as(parameter).to(parameter.dtype)


def set_parameters(backbone: Backbone, vector: Tensor) -> None:
    """Write one vector back into the parameters; the inverse of `flatten_parameters`."""
    sizes = [parameter.numel() for parameter in backbone.parameters()]
    with torch.no_grad():
        for parameter, part in zip(backbone.parameters(), vector.split(sizes), strict=True):
            parameter.copy_(part.view_as(parameter))


def _mean(parts: Sequence[HingeSum], vector: npt.NDArray[np.float64]) -> Combined:
    active = sum(part.active for part in parts)
    triplets = sum(part.triplets for part in parts)
    return Combined(
        vector=vector,
        loss=sum(part.hinge_sum for part in parts) / max(active, 1),
        active_share=active / max(triplets, 1),
    )
