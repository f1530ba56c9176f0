"""Rows at one K for tasks whose evidence ends below it.

A provider with few rows of a class answers about few examples alone. So at a large K there are
tasks of large sets and no others, and a map that is learned on these is wrong about the rest. Such
a task is stood in for by its own target datasets at the nearest K that it has: with its accuracies
at K, which learning knows for every task, and with direct scores moved by what they differ by from
one K to the other, on average, where tasks have both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.fusion.standard import Float64, bounded


def with_stand_ins(
    groups: Sequence[HeldOutAccuracies], k: int, direct: Sequence[str]
) -> list[HeldOutAccuracies]:
    """Return all groups' rows at K, and stand-ins for tasks that have none there.

    Args:
        groups: Such as one for each block of models.
        k: One of theirs.
        direct: Names of the direct scores that are moved.
    """
    others = {int(own) for group in groups for own in group.k} - {k}
    nearest_first = sorted(others, key=lambda other: (abs(np.log(other / k)), other))
    here = _by_task(groups, k, direct)
    moves = {other: _move(_by_task(groups, other, direct), here, direct) for other in nearest_first}
    found = []
    for group in groups:
        parts = [group.at(k)]
        for other in nearest_first:
            known = np.concatenate([part.task for part in parts])
            rows = group.at(other)
            parts.append(moves[other].applied(rows.where(~np.isin(rows.task, known)), k))
        found.append(HeldOutAccuracies.joined(parts))
    return [group for group in found if len(group.k)]


@dataclass(frozen=True, slots=True)
class _Move:
    """What is added to rows at one K, so that they look like rows at another.

    Attributes:
        direct: By name, to a direct score.
        unrest: (2,).
    """

    direct: Mapping[str, float]
    unrest: Float64

    def applied(self, rows: HeldOutAccuracies, k: int) -> HeldOutAccuracies:
        moved = {name: bounded(rows.scores[name]) + by for name, by in self.direct.items()}
        return replace(
            rows,
            k=np.full_like(rows.k, k),
            scores={**rows.scores, **moved},
            unrest=rows.unrest + self.unrest,
        )


def _move(
    before: Mapping[int, Float64], after: Mapping[int, Float64], direct: Sequence[str]
) -> _Move:
    """From one K to the other, a mean over the tasks that have both; nothing where none has."""
    moves = [after[task] - before[task] for task in before.keys() & after.keys()]
    mean = np.mean(moves, axis=0) if moves else np.zeros(len(direct) + 2)
    scores, unrest = mean[: len(direct)], mean[len(direct) :]
    return _Move(dict(zip(direct, scores.tolist(), strict=True)), unrest)


def _by_task(
    groups: Sequence[HeldOutAccuracies], k: int, direct: Sequence[str]
) -> dict[int, Float64]:
    """Of each task with rows at K, (direct + 2,): means of its direct scores, and its unrest."""
    found: dict[int, list[Float64]] = {}
    for rows in (group.at(k) for group in groups):
        scores = [bounded(rows.scores[name]).mean(axis=1) for name in direct]
        for task, *own in zip(rows.task.tolist(), *scores, *rows.unrest.T, strict=True):
            found.setdefault(task, []).append(np.array(own))
    return {task: np.mean(own, axis=0) for task, own in found.items()}
