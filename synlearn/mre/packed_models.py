"""A zoo's classes laid out for ranking: the ensembler of `model_transform.py`, without its padding.

The same numbers to rounding, several times sooner. What makes it so:

- Models stand in *blocks* with about the same number of classes in all, class after class, so that
  one product of a few queries with long rows gives all logits, and no model is padded to the
  largest.
- "None of them" is one more class of each model, and a column of ones beside the values collects
  the softmax's denominator. The weighted sums over classes are bags of an `embedding_bag`.
- The weights sum to 1, so the first affine map's bias (and the running normalisation) is added to
  the values once for a zoo; and relu(s / t) = relu(s) / t, so that only the pooled classes are
  divided.
- Logits of an ordinary size need no shift before the exponential. Where they are larger, nothing
  is returned, and the caller goes the general way.

It has no gradient worth taking and keeps no weights: learning goes through `ModelTransform`.
"""

import math
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from synlearn.mre.model_transform import ModelTransform, ProjectedModels

_BLOCK: Final = 40
"""Models of a block: its values stay in the processor's cache while all queries pass."""

_ALIGNED: Final = 8
"""Rows of a block are a multiple of this: vector loads that straddle no line."""

_KEPT: Final = 8
"""Layouts of bags, for so many numbers of tasks."""

LARGEST_LOGIT: Final = 60.0
"""exp(60) times any value that a float32 metric makes, and sums of it, are finite; exp(-60) too is
far from where float32 loses digits."""


@dataclass(frozen=True, slots=True)
class _Bags:
    """Which rows are summed for n tasks of l classes, all int32.

    Attributes:
        rows: Row of the values of each weight.
        models: Where the bag of each place begins among the weights.
        ways: The sums over classes that are pooled, the l classes of a task side by side.
        pools: Where each pool begins.
    """

    rows: Tensor
    models: Tensor
    ways: Tensor
    pools: Tensor


@dataclass(frozen=True, slots=True)
class PackedModels:
    """m models in blocks; places that no model takes hold "none of them" alone.

    Attributes:
        keys: (members, blocks, width, rows), divided by sqrt(width).
        values: (members * blocks * rows, width + 1), after all that comes before the relu; the
            last column is 1, and 0 in rows that belong to no class.
        starts: (blocks, places) int32, the first row of each place in its block.
        head: (members, width + 1, width), the last affine map, its bias as the last row.
        places: (m,) int64, where each model stands among blocks * places.
    """

    keys: Tensor
    values: Tensor
    starts: Tensor
    head: Tensor
    places: Tensor
    _bags: dict[tuple[int, int], _Bags] = field(default_factory=dict, repr=False)

    def embeddings(self, queries: Tensor) -> Tensor | None:
        """Represent every place for every task.

        Args:
            queries: (members, n, l, width), of the classes of n tasks.

        Returns:
            (members, n, blocks * places, width); None where a logit is too large for this way.
        """
        members, tasks, ways, width = queries.shape
        blocks, places = self.starts.shape
        logits = queries.flatten(1, 2)[:, None] @ self.keys  # (members, blocks, n * l, rows)
        low, high = logits.aminmax()
        if not (low > -LARGEST_LOGIT and high < LARGEST_LOGIT):  # so written, NaN goes there, too
            return None
        bags = self._bags_of(tasks, ways)
        summed = functional.embedding_bag(
            bags.rows,
            self.values,
            bags.models,
            mode="sum",
            per_sample_weights=logits.exp_().view(-1),
        ).relu_()  # (members * blocks * n * l * places, width + 1)
        total = summed[:, -1].view(members * blocks, tasks, ways, places)
        pooled = functional.embedding_bag(
            bags.ways,
            summed,
            bags.pools,
            mode="sum",
            per_sample_weights=(1 / ways / total).mT.reshape(-1),
        )  # the column of ones is 1 again
        embedded = pooled.view(members, -1, width + 1) @ self.head
        by_task = embedded.view(members, blocks, tasks, places, width).transpose(1, 2)
        return by_task.reshape(members, tasks, blocks * places, width)

    def _bags_of(self, tasks: int, ways: int) -> _Bags:
        """Make them, or find them: a few are kept, of as many classes as the latest."""
        known = self._bags.get((tasks, ways))
        if known is not None:
            return known
        if len(self._bags) == _KEPT or any(kept != ways for _, kept in self._bags):
            self._bags.clear()
        (members, blocks, _, rows), places = self.keys.shape, self.starts.shape[1]
        groups, asked = members * blocks, tasks * ways
        row = torch.arange(groups * rows, dtype=torch.int32).view(groups, 1, rows)
        first = torch.arange(0, groups * asked * rows, rows, dtype=torch.int32)
        count = groups * asked * places
        place = torch.arange(count, dtype=torch.int32).view(groups * tasks, ways, places)
        bags = _Bags(
            row.expand(groups, asked, rows).reshape(-1),
            (first.view(members, blocks, asked, 1) + self.starts[:, None]).reshape(-1),
            place.mT.reshape(-1),
            torch.arange(0, count, ways, dtype=torch.int32),
        )
        self._bags[tasks, ways] = bags
        return bags


def pack_models(transform: ModelTransform, models: ProjectedModels) -> PackedModels | None:
    """Lay projected models out for ranking; None where the blocks compute otherwise."""
    if not _packable(transform):
        return None
    members, count, _, width = models.keys.shape
    blocks = -(-count // _BLOCK)
    places = -(-count // blocks)
    spare = blocks * places - count

    def with_none(none: Tensor, own: Tensor) -> Tensor:
        """(members, blocks * places, 1 + c, width), "none of them" first."""
        padded = functional.pad(own, (0, 0, 0, 0, 0, spare))
        return torch.cat([none.expand(members, blocks * places, 1, width), padded], dim=2)

    learned = transform.blocks.none_of_them == "learned"
    zero = models.keys.new_zeros(members, 1, 1, width)
    keys = with_none(transform.none_key[:, None] if learned else zero, models.keys)
    values = with_none(transform.none_value if learned else zero, models.values)
    values = transform.normalised(values + transform.first_bias)
    present = functional.pad(functional.pad(models.present, (0, 0, 0, spare)), (1, 0), value=True)

    sizes = present.sum(dim=1)
    place = _dealt(sizes, blocks)
    held = torch.empty_like(sizes).index_copy_(0, place, sizes).view(blocks, places)
    starts = held.cumsum(dim=1) - held
    rows = _ALIGNED * -(-int(held.sum(dim=1).max()) // _ALIGNED)
    begin = place // places * rows + starts.flatten()[place]  # of each model among all rows
    target = (begin[:, None] + present.cumsum(dim=1) - 1)[present]

    def laid_out(own: Tensor) -> Tensor:
        empty = own.new_zeros(members, blocks * rows, own.shape[-1])
        return empty.index_copy_(1, target, own[:, present])

    assert transform.second.bias is not None  # noqa: S101  # it is made with one
    return PackedModels(
        (laid_out(keys) / math.sqrt(width)).unflatten(1, (blocks, rows)).mT.contiguous(),
        laid_out(functional.pad(values, (0, 1), value=1.0)).flatten(0, 1),
        starts.int(),
        torch.cat([transform.second.weight, transform.second.bias], dim=1),
        place[:count],
    )


def _packable(transform: ModelTransform) -> bool:
    """Whether weights sum to 1, and everything after them is the same for all batches."""
    blocks = transform.blocks
    return (
        blocks.logits == "inner_product"
        and blocks.softmax == "exact"
        and blocks.pooling == "present"
        and (blocks.normalisation == "none" or not transform.training)
    )


def _dealt(sizes: Tensor, blocks: int) -> Tensor:
    """Deal models to blocks, the largest first and back and forth: (m,) block * places + place.

    So the blocks' totals differ by little, and little of their rows is empty.
    """
    turn = torch.arange(len(sizes))
    lap, step = turn // blocks, turn % blocks
    block = torch.where(lap % 2 == 0, step, blocks - 1 - step)
    order = sizes.argsort(descending=True, stable=True)
    return torch.empty_like(turn).index_copy_(0, order, block * (len(sizes) // blocks) + lap)
