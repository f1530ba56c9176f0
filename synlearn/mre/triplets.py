"""Triplets of equation 2 by index: pairs of (task, model) cells of which one is better.

A table of all pairs of cells is quadratic in a batch; here memory is linear in the triplets kept.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Pairs = Literal["within", "across"]
Normalisation = Literal["kept", "active", "all_pairs"]

_RELEASED_COUNT = 1e-5


@dataclass(frozen=True, slots=True)
class Triplets:
    """Which cell of a (tasks, models) table is to be nearer than which.

    Attributes:
        better: (n,) int64 flat indices of cells.
        worse: (n,) int64, cells with worse reusability.
        found: How many triplets there are in all; n, or more when only some were kept.
    """

    better: Tensor
    worse: Tensor
    found: int

    def __len__(self) -> int:
        return len(self.better)


def choose_triplets(
    v_star: Tensor,
    pairs: Pairs,
    *,
    keep: int | None = None,
    random: np.random.Generator | None = None,
) -> Triplets:
    """Find the triplets of a table, or draw some of them, uniformly and without replacement.

    Cells are sorted; the k-th triplet in the order of its better cell then follows from cumulative
    counts, so none but the kept ones are ever made.

    Args:
        v_star: (tasks, models) true reusability, lower is better; NaN where it is not known.
        pairs: "within" compares models for the same task; "across" also compares over tasks, as
            equation 2 has it.
        keep: Most triplets to return; None for all.
        random: Source of the draw; needed with `keep`.
    """
    values = v_star.detach().cpu().numpy().astype(np.float64)
    flat = values.ravel()
    cells = np.flatnonzero(~np.isnan(flat))
    group = cells // values.shape[1] if pairs == "within" else np.zeros(len(cells), np.int64)
    order = np.lexsort((flat[cells], group))
    cells, group = cells[order], group[order]
    first_worse, end = _runs(flat[cells], group)
    counts = end - first_worse
    total = int(counts.sum())
    if keep is None or keep >= total:
        ranks = np.arange(total)
    else:
        assert random is not None, "a draw needs a source"  # noqa: S101  # our own mistake
        ranks = _draw(total, keep, random)
    upto = np.cumsum(counts)
    position = np.searchsorted(upto, ranks, side="right")
    offset = ranks - (upto[position] - counts[position])
    better, worse = cells[position], cells[first_worse[position] + offset]
    return Triplets(torch.from_numpy(better), torch.from_numpy(worse), total)


def hinges(distance: Tensor, triplets: Triplets, margin: float) -> Tensor:
    """[d(better) - d(worse) + margin]_+ of each triplet.

    Args:
        distance: (..., tasks, models); leading dimensions are independent members.
        triplets: Cells of that table.
        margin: gamma.

    Returns:
        (..., n).
    """
    flat = distance.flatten(-2)
    better, worse = triplets.better.to(flat.device), triplets.worse.to(flat.device)
    return (flat.index_select(-1, better) - flat.index_select(-1, worse) + margin).clamp(min=0)


def metric_loss(
    distance: Tensor, triplets: Triplets, margin: float, normalisation: Normalisation = "kept"
) -> Tensor:
    """Triplet loss of equation 2 over chosen triplets.

    Args:
        distance: (..., tasks, models).
        triplets: Cells of that table.
        margin: gamma.
        normalisation: What the sum of hinges is divided by: the triplets "kept", so that its size
            depends neither on ties nor on the batch; those "active", above zero (+ 1e-5), as
            released; or "all_pairs" of cells, as equation 2 has it. The sum of a draw stands for
            that of all triplets.

    Returns:
        (...), one loss for each leading index; 0 where there is no triplet.
    """
    each = hinges(distance, triplets, margin)
    total = each.sum(dim=-1)
    if normalisation == "active":
        return total / ((each > 0).sum(dim=-1).to(total.dtype) + _RELEASED_COUNT)
    mean = total / max(len(triplets), 1)
    if normalisation == "kept":
        return mean
    cells = distance.shape[-2] * distance.shape[-1]
    return mean * (triplets.found / cells**2)


def _runs(
    values: npt.NDArray[np.float64], group: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each sorted cell: where strictly worse cells of its group begin, and where they end."""
    count = len(values)
    positions = np.arange(count)
    new_group = np.ones(count + 1, bool)
    new_group[1:-1] = group[1:] != group[:-1]
    new_value = new_group.copy()
    new_value[1:-1] |= values[1:] != values[:-1]

    def following(starts: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        marks = np.flatnonzero(starts)
        return marks[np.searchsorted(marks, positions, side="right")]

    return following(new_value), following(new_group)


def _draw(total: int, keep: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """`keep` different ranks below `total`, in memory linear in `keep`."""
    return np.sort(random.choice(total, keep, replace=False, shuffle=False))
