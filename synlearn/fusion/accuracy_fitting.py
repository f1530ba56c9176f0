"""Learning the map from posteriors to accuracies, on tasks and models that the metric has not seen.

Everything that an interval rests on is judged on *other* tasks: a task's level and spread are
foretold by maps that were fitted without it, and without every task that shares more than half of
its classes. What these miss gives the errors; the share of accuracies within them, the reach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from synlearn.errors import InputError
from synlearn.fusion.accuracy import AccuracyMap, ModeMap, TaskView
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.fusion.linear_map import fit_best
from synlearn.fusion.stand_ins import with_stand_ins
from synlearn.fusion.standard import Float64, bounded, standardised

Indices = NDArray[np.int64]

_LEAST_SPREAD: Final = 1e-3
"""Of logits among the candidates: below it, all are equally good but for rounding."""
_LARGEST_MISS: Final = 20.0
"""Of a task's level, in logits, on average (from 1e-9 to 1 - 1e-9 are 41), and of a logarithm."""
_TOO_FEW: Final = "there are too few learning tasks to learn accuracies from."


def fit_accuracy(
    groups: Sequence[HeldOutAccuracies],
    tasks: Indices,
    fusion: FittedFusion,
    direct: Sequence[str],
    *,
    difficulty: Float64,
    provenance: Mapping[str, str | int | float],
    confidence: float,
) -> AccuracyMap:
    """Fit the map for each K apart, on all tasks; see `stand_ins.py` for those that end below it.

    Args:
        groups: Such as one for each block of models.
        tasks: (t, w) classes of the tasks that rows are of.
        fusion: Whose posteriors are to be mapped.
        direct: Names of the direct scores whose means tell of a task's level.
        difficulty: Of the learned classes, behind the rows' traits.
        provenance: Kept with the result.
        confidence: Of intervals.

    Raises:
        InputError: There is no row, or there are so few tasks that what some say of others is wild.
    """
    ks = sorted({int(k) for group in groups for k in group.k})
    if not ks:
        raise InputError("there is no learning task to learn accuracies from.")
    near = near_tasks(tasks)
    metric, evidence, correlation, constant = {}, {}, {}, {}
    for k in ks:
        own = with_stand_ins(groups, k, direct)
        metric[k] = _fit(own, near, [_alone(group, fusion, k) for group in own], (), confidence)
        evidence[k] = _fit(
            own, near, [_fused(group, fusion, k) for group in own], direct, confidence
        )
        correlation[k] = _correlation([group.at(k) for group in groups], direct)
        every = expit(np.concatenate([group.logits.ravel() for group in own]))
        tail = (1 - confidence) / 2
        constant[k] = (float(np.quantile(every, tail)), float(np.quantile(every, 1 - tail)))
    return AccuracyMap(
        ways=tasks.shape[1],
        difficulty=difficulty,
        direct=tuple(direct),
        correlation=correlation,
        metric=metric,
        evidence=evidence,
        constant=constant,
        confidence=confidence,
        provenance=dict(provenance),
    )


def near_tasks(tasks: Indices) -> NDArray[np.bool_]:
    """Which tasks share more than half of their classes, (t, t); each with itself.

    >>> near_tasks(np.array([[0, 1, 2], [1, 2, 3], [3, 4, 5]])).tolist()
    [[True, True, False], [True, True, False], [False, False, True]]
    """
    shared = (tasks[:, None, :, None] == tasks[None, :, None, :]).any(axis=3).sum(axis=2)
    return np.asarray(2 * shared > tasks.shape[1])


def _alone(group: HeldOutAccuracies, fusion: FittedFusion, k: int) -> Float64:
    alone = fusion.at(k).alone
    found: Float64 = alone.weights[0] * standardised(group.scores[METRIC])
    return found


def _fused(group: HeldOutAccuracies, fusion: FittedFusion, k: int) -> Float64:
    known = np.stack([standardised(group.scores[name]) for name in fusion.sources])
    found: Float64 = np.einsum("q,qnm->nm", fusion.at(k).weights, known)
    return found


def _fit(
    groups: Sequence[HeldOutAccuracies],
    near: NDArray[np.bool_],
    means: Sequence[Float64],
    direct: Sequence[str],
    confidence: float,
) -> ModeMap:
    """Fit one mode at one K.

    Args:
        groups: Rows at this K.
        near: See `near_tasks`.
        means: (n, m) posterior means of each group's candidates.
        direct: Scores whose means tell of the level; none where no model was run.
        confidence: Of intervals.
    """
    views = [_view(group, direct) for group in groups]
    features = np.concatenate([view.features for view in views])
    unrest = np.concatenate([view.unrest for view in views])
    task = np.concatenate([group.task for group in groups])
    levels = np.concatenate([group.logits.mean(axis=1) for group in groups])
    spreads = np.concatenate([group.logits.std(axis=1) for group in groups])
    level, foretold = fit_best(features, levels, task, near)
    spread, narrow = fit_best(features, np.log(np.maximum(spreads, _LEAST_SPREAD)), task, near)
    shared = float(np.sqrt(np.square(levels - foretold).mean()))
    deviation = _scale(narrow)
    if shared > _LARGEST_MISS or deviation is None:
        raise InputError(_TOO_FEW)
    first = np.cumsum([0, *(len(group.k) for group in groups)])
    rows = [slice(*ends) for ends in pairwise(first.tolist())]
    missed = [
        (group.logits - group.logits.mean(axis=1, keepdims=True)) / deviation[own, None] - mean
        for group, mean, own in zip(groups, means, rows, strict=True)
    ]
    errors = np.concatenate([np.square(own).mean(axis=1) for own in missed])
    own_map, own_logs = fit_best(unrest, np.log(np.maximum(errors, 1e-12)) / 2, task, near)
    # A mean of logarithms is below the logarithm of the mean.
    own_scale = _scale(own_logs)
    if own_scale is None:
        raise InputError(_TOO_FEW)
    rise = float(np.log(np.mean(errors / np.square(own_scale))) / 2)
    own_map = replace(own_map, intercept=own_map.intercept + rise)
    own_deviation = deviation * own_scale * np.exp(rise)
    misses = np.concatenate(
        [
            (
                np.abs(group.logits - foretold[own, None] - deviation[own, None] * mean)
                / np.hypot(own_deviation[own], shared)[:, None]
            ).ravel()
            for group, mean, own in zip(groups, means, rows, strict=True)
        ]
    )
    return ModeMap(level, spread, own_map, shared, float(np.quantile(misses, confidence)))


def _scale(logs: Float64) -> Float64 | None:
    """What they are logarithms of; None where one is wild."""
    return np.exp(logs) if np.abs(logs).max() < _LARGEST_MISS else None


def _view(group: HeldOutAccuracies, direct: Sequence[str]) -> TaskView:
    if not direct:
        return TaskView(group.traits, group.unrest)
    means = [bounded(group.scores[name]).mean(axis=1) for name in direct]
    return TaskView(group.traits, group.unrest, np.stack(means, axis=1))


def _correlation(groups: Sequence[HeldOutAccuracies], direct: Sequence[str]) -> Float64:
    """Of each direct score with the metric, over all candidates."""
    metric = np.concatenate([standardised(group.scores[METRIC]).ravel() for group in groups])
    found = []
    for name in direct:
        own = np.concatenate([standardised(group.scores[name]).ravel() for group in groups])
        length = np.linalg.norm(own) * np.linalg.norm(metric)
        found.append(float(own @ metric / length) if length > 0 else 0.0)
    return np.array(found)
