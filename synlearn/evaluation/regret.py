"""What is lost by fine-tuning only the picked models: regret, absolute and relative.

A strategy picks B models of a pool for a task; all B are fine-tuned and the best one is kept. The
oracle is the best model of the pool.

Source: Renggli et al., "Which Model to Transfer? Finding the Needle in the Growing Haystack", CVPR
2022, equations 1 and 2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError

FloatArray = NDArray[np.float64]
Picks = NDArray[np.intp]


def regret(accuracies: ArrayLike, picks: ArrayLike) -> float:
    """Equation 1: accuracy of the oracle minus that of the picks; lower is better, 0 is perfect.

        regret = max_m E[t(m)] - E[max_{m in picks} t(m)]

    t(m) is the test accuracy of fine-tuning model m. Expectations are means over runs: the oracle
    knows each model's mean, the strategy keeps the best model of each run. So with several runs a
    strategy may do better than the oracle, and regret be negative.

    Args:
        accuracies: (models,) accuracies of one run, or (runs, models), all in [0, 1].
        picks: (B,) indices of the models picked, all different, in any order; or (runs, B) for a
            strategy that picks anew for each run.

    Returns:
        A float in [-1, 1]; in [0, 1] for a single run.

    Raises:
        ScoreInputError: Accuracies or picks are not of that form, or their runs differ in number.

    >>> round(regret([0.7, 0.9, 0.85], picks=[2, 0]), 3)
    0.05
    """
    oracle, strategy = _oracle_and_strategy(accuracies, picks)
    return oracle - strategy


def relative_regret(accuracies: ArrayLike, picks: ArrayLike) -> float:
    """Equation 2 of oracle and picks: the share of the picks' errors that the oracle avoids.

        relative regret = (oracle - s) / (1 - min(oracle, s))

    with s = E[max_{m in picks} t(m)]. Lower is better, 0 is perfect. See `regret` for arguments.

    Returns:
        A float, at most 1; in [0, 1] for a single run.

    Raises:
        ScoreInputError: As `regret`; or both are 1, where it is 0/0.

    >>> round(relative_regret([0.7, 0.9, 0.85], picks=[2, 0]), 3)
    0.333
    """
    return relative_delta(*_oracle_and_strategy(accuracies, picks))


def relative_delta(first: float, second: float) -> float:
    """Equation 2: how much better the first of two accuracies is, relative to the errors left.

        delta = (first - second) / (1 - min(first, second))

    Returns:
        A float in [-1, 1]; above 0 where the first is better.

    Raises:
        ScoreInputError: One is not in [0, 1], or both are 1, where it is 0/0.
    """
    if not (0 <= first <= 1 and 0 <= second <= 1):  # false for NaN as well
        raise ScoreInputError(f"accuracies are {first} and {second}: they must lie in [0, 1].")
    if first == second == 1:
        raise ScoreInputError("both accuracies are 1, so there are no errors to be relative to.")
    return (first - second) / (1 - min(first, second))


def top_picks(scores: ArrayLike, budget: int) -> Picks:
    """The models with the highest scores, best first; of equals, the one that comes first.

    Args:
        scores: (models,) numbers, higher is better; no NaN.
        budget: B, from 1 to the number of models.

    Raises:
        ScoreInputError: Scores or budget are not of that form.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or np.isnan(values).any():
        raise ScoreInputError(f"scores of shape {values.shape}: give (models,), without NaN.")
    if not 1 <= budget <= len(values):
        raise ScoreInputError(f"budget is {budget}: pick from 1 to {len(values)} models.")
    return np.argsort(-values, kind="stable")[:budget]


def hybrid_picks(agnostic: ArrayLike, scores: ArrayLike, budget: int) -> Picks:
    """The best model by a task-agnostic score, then the best others by a score for this task.

    Args:
        agnostic: (models,) such as accuracy on ImageNet, higher is better; no NaN.
        scores: (models,) for this task, higher is better; no NaN.
        budget: B, from 1 to the number of models.

    Raises:
        ScoreInputError: The arrays or the budget are not of that form.
    """
    first = top_picks(agnostic, 1)
    order = top_picks(scores, np.size(scores))
    if np.shape(agnostic) != np.shape(scores) or not 1 <= budget <= len(order):
        raise ScoreInputError(
            f"{np.size(agnostic)} task-agnostic scores, {len(order)} scores and budget {budget}: "
            "give two scores for each model and a budget from 1 to their number."
        )
    return np.concatenate([first, order[order != first[0]]])[:budget]


def _oracle_and_strategy(accuracies: ArrayLike, picks: ArrayLike) -> tuple[float, float]:
    runs = np.asarray(accuracies, dtype=np.float64)
    runs = runs[None] if runs.ndim == 1 else runs
    if runs.ndim != 2 or runs.size == 0:
        raise ScoreInputError(
            f"accuracies have shape {runs.shape}: give (models,) or (runs, models), neither empty."
        )
    if not ((runs >= 0) & (runs <= 1)).all():
        raise ScoreInputError("accuracies must lie in [0, 1]; divide percentages by 100.")
    chosen = _chosen(picks, *runs.shape)
    best = np.take_along_axis(runs, np.broadcast_to(chosen, (len(runs), chosen.shape[1])), axis=1)
    return float(runs.mean(axis=0).max()), float(best.max(axis=1).mean())


def _chosen(picks: ArrayLike, runs: int, models: int) -> Picks:
    given = np.asarray(picks)
    given = given[None] if given.ndim == 1 else given
    if given.ndim != 2 or given.size == 0 or len(given) not in (1, runs):
        raise ScoreInputError(
            f"picks have shape {np.shape(picks)} for {runs} runs: give (B,) or (runs, B), B >= 1."
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= models:
        raise ScoreInputError(
            f"picks must be whole numbers from 0 to {models - 1}, the indices of models."
        )
    if (np.diff(np.sort(given, axis=1), axis=1) == 0).any():
        raise ScoreInputError("picks name a model twice; a budget is spent on different models.")
    return given.astype(np.intp)
