"""The accuracy of few-shot heads that learning knows of, freed of what makes it look too good.

`few_shot_accuracy` judges heads on synthetic rows: Gaussians that were fitted to a class's rows.
Real rows are harder. How much harder is learned from counts on real rows, which providers' evidence
holds: `ridge_held_out`, from K examples of each class, is the accuracy of heads with K - 1 of them
on rows that they have not seen. So, by logistic regression over all tasks and models,

    logit(accuracy at K) = a + b logit(synthetic accuracy at K) + c log K.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from synlearn.errors import InputError

Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]

EDGE: Final = 0.005
"""Accuracies are kept this far from 0 and 1, where a logit has no bound."""
_STEPS: Final = 25
_CLOSE: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Correction:
    """a, b and c of the module's formula."""

    intercept: float
    slope: float
    growth: float

    def logits(self, synthetic: Float64, k: Float64 | float) -> Float64:
        """Logit of the accuracy on real rows.

        Args:
            synthetic: (...) logit of the accuracy on synthetic rows.
            k: Examples of a class, of a shape that broadcasts.
        """
        found: Float64 = self.intercept + self.slope * synthetic + self.growth * np.log(k)
        return found


def synthetic_logits(v_star: Float64, levels: Sequence[int], k: float) -> Float64:
    """Logit of synthetic accuracy at K, linear in log K between and beyond the nearest two levels.

    Args:
        v_star: (levels, ...) accuracies.
        levels: Rising numbers of examples that they are for.
        k: At least 1.
    """
    known = logit(np.clip(v_star, EDGE, 1 - EDGE))
    if len(levels) == 1:
        return np.asarray(known[0], np.float64)
    high = int(np.clip(np.searchsorted(levels, k), 1, len(levels) - 1))
    low, at = high - 1, np.log(levels)
    share = (np.log(k) - at[low]) / (at[high] - at[low])
    found: Float64 = (1 - share) * known[low] + share * known[high]
    return found


def fit_correction(synthetic: Float64, k: Indices, right: Float64) -> Correction:
    """Fit by maximum (quasi-)likelihood.

    Args:
        synthetic: (n,) logit of synthetic accuracies at K.
        k: (n,) examples of a class behind them.
        right: (n,) shares of real rows that heads with as many were right on.

    Raises:
        InputError: There is nothing to fit on.
    """
    if not len(k):
        raise InputError("there is no accuracy on real rows to correct synthetic ones by.")
    columns = [np.ones(len(k)), synthetic]
    if len(np.unique(k)) > 1:
        columns.append(np.log(k))
    x = np.stack(columns, axis=1)
    found = np.zeros(x.shape[1])
    found[1] = 1.0
    for _ in range(_STEPS):
        p = np.clip(expit(x @ found), EDGE, 1 - EDGE)
        weight = p * (1 - p)
        normal = x.T @ (weight[:, None] * x) + _CLOSE * np.eye(len(found))
        step = np.linalg.solve(normal, x.T @ (right - p))
        found += step
        if np.abs(step).max() < _CLOSE:
            break
    growth = float(found[2]) if len(found) > 2 else 0.0
    return Correction(float(found[0]), float(found[1]), growth)


def accuracy_logits(
    v_star: Float64,
    levels: Sequence[int],
    held_out: Mapping[int, Float64],
) -> tuple[dict[int, Float64], Correction]:
    """Logits of accuracies at the numbers of examples that evidence is for, by K.

    Args:
        v_star: (levels, t, m) synthetic accuracies of t tasks and m models.
        levels: Numbers of examples that they are for.
        held_out: By K, (t, m) accuracy on held-out rows, mean over target datasets of the task;
            NaN where a task has none at this K.

    Raises:
        InputError: No K is above 1, so that nothing was held out.
    """
    synthetic, k, right = [np.empty(0)], [np.empty(0, np.int64)], [np.empty(0)]
    for own, shares in held_out.items():
        known = ~np.isnan(shares)
        if own < 2 or not known.any():
            continue
        synthetic.append(synthetic_logits(v_star, levels, own - 1)[known])
        k.append(np.full(int(known.sum()), own - 1))
        right.append(shares[known])
    found = fit_correction(np.concatenate(synthetic), np.concatenate(k), np.concatenate(right))
    return {
        own: found.logits(synthetic_logits(v_star, levels, own), own) for own in held_out
    }, found
