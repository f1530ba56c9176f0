"""The task's side of the metric in few steps, for ranking: `task_transform.py` with maps folded.

For a handful of classes a step costs its call, not its arithmetic. So affine maps that follow each
other are multiplied once, and those with one input stand side by side in one matrix. The same
numbers to rounding, for tasks whose classes are all present.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from synlearn.mre.blocks import Blocks
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.task_transform import layer_norm


@dataclass(frozen=True, slots=True)
class PackedTasks:
    """The folded maps.

    Attributes:
        first: (members, features, width), standardisation and input map; `shift`, (members, 1,
            width), is its bias.
        shift: See there.
        attention: (members, width, 3 * width): query / sqrt(width), key and value.
        last: (members, width, 2 * width): query of the ensembler, and output map.
        bias: (members, 1, width), of the output map.
        blocks: How the building blocks compute.
    """

    first: Tensor
    shift: Tensor
    attention: Tensor
    last: Tensor
    bias: Tensor
    blocks: Blocks

    def transformed(self, means: Tensor) -> tuple[Tensor, Tensor]:
        """Transform n tasks of l classes.

        Args:
            means: (n, l, features), mean feature of each class.

        Returns:
            The ensembler's queries, (members, n, l, width), and phi_mu, (members, n, width).
        """
        (tasks, ways, features), (members, _, width) = means.shape, self.first.shape
        flat = means.reshape(1, tasks * ways, features).expand(members, -1, -1)
        classes = torch.baddbmm(self.shift, flat, self.first)
        sets = torch.bmm(classes, self.attention).view(members * tasks, ways, 3 * width)
        query, key, value = sets.split(width, dim=2)
        weights = torch.bmm(query, key.mT).softmax(dim=2)
        own = classes.view(members * tasks, ways, width)
        each = layer_norm(torch.baddbmm(own, weights, value), self.blocks)
        both = torch.bmm(each.view(members, tasks * ways, width), self.last)
        queries, output = both.view(members, tasks, ways, 2 * width).split(width, dim=3)
        return queries, output.mean(dim=2) + self.bias


def pack_tasks(metric: ClassificationMetric) -> PackedTasks | None:
    """Fold the maps; None where the blocks compute otherwise."""
    blocks, transform, width = metric.spec.blocks, metric.task_transform, metric.spec.width
    if blocks.softmax != "exact":
        return None
    assert metric.task_input.bias is not None  # noqa: S101  # they are made with one
    assert transform.output.bias is not None  # noqa: S101
    first = metric.task_input.weight / metric.task_scale
    own, ensembler = transform.projections, metric.model_transform.projections
    return PackedTasks(
        first,
        metric.task_input.bias - metric.task_mean @ first[:, None],
        torch.cat([own.query.weight / math.sqrt(width), own.key.weight, own.value.weight], dim=2),
        torch.cat([ensembler.query.weight, transform.output.weight], dim=2),
        transform.output.bias,
        blocks,
    )
