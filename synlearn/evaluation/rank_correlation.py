"""How well scores order models: Kendall's tau-b, Vigna's weighted tau, Pearson's correlation.

Each function takes one number a model from a scorer and one from the truth, with larger meaning
better on both sides, so negate distances and errors first. Each returns a float in [-1, 1], where
1 is the same order, and raises `ScoreInputError` where the quantity is undefined: a constant
vector (which orders nothing), fewer than two models, a NaN, shapes that differ.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from synlearn.errors import ScoreInputError

FloatArray = NDArray[np.float64]
RankBy = Literal["truth", "scores", "both"]


def kendall_tau(scores: ArrayLike, truth: ArrayLike) -> float:
    """Kendall's tau-b: agreeing minus disagreeing pairs of models; higher is better.

    Without ties, tau = 2 p - 1 where p is the fraction of pairs that the scores put in the right
    order. A pair tied on one side counts for neither, and the denominator is corrected for it.

    Args:
        scores: (models,) real numbers, higher is better; infinities are allowed, NaN is not.
        truth: (models,) true reusability, higher is better, such as accuracy or a negated error.

    Raises:
        ScoreInputError: where tau is undefined, see the module's docstring.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 1945.

    >>> round(kendall_tau([2, 3, 1], [0.9, 0.8, 0.1]), 4)
    0.3333
    """
    x, y = (_order(values) for values in _checked(scores, truth))
    # The asymptotic method skips an exact p-value that nobody reads; tau itself is the same.
    # With two models, that p-value divides by zero.
    method = "asymptotic" if len(x) > 2 else "auto"
    return _bounded(stats.kendalltau(x, y, method=method).statistic)


def weighted_kendall_tau(
    scores: ArrayLike, truth: ArrayLike, *, rank_by: RankBy = "truth"
) -> float:
    """Vigna's weighted tau, which cares most about the best models; higher is better.

    An exchange between the models of rank r and s, counted from zero for the best, weighs
    1/(r+1) + 1/(s+1): the additive hyperbolic weigher. Ranks come from the vector that `rank_by`
    names; the other vector breaks its ties. By default they come from the truth, so that each
    scorer is measured with the same weights. The SynLearn paper does not say which it used;
    `scipy.stats.weightedtau` defaults to "both".

    Args:
        scores: (models,) real numbers, higher is better; infinities are allowed, NaN is not.
        truth: (models,) true reusability, higher is better.
        rank_by: "truth", "scores", or "both" for the mean of the two.

    Raises:
        ScoreInputError: where tau is undefined, see the module's docstring.

    Source: Vigna, "A weighted correlation index for rankings with ties", WWW 2015.

    >>> round(weighted_kendall_tau([2, 3, 1], [0.9, 0.8, 0.1]), 4)
    0.1818
    """
    x, y = (_order(values) for values in _checked(scores, truth))
    match rank_by:
        case "truth":
            value = stats.weightedtau(y, x, rank=None).statistic
        case "scores":
            value = stats.weightedtau(x, y, rank=None).statistic
        case "both":
            value = stats.weightedtau(x, y, rank=True).statistic
        case _:
            raise ScoreInputError(f"rank_by is {rank_by!r}: choose 'truth', 'scores' or 'both'.")
    return _bounded(value)


def pearson(scores: ArrayLike, truth: ArrayLike) -> float:
    """Pearson's linear correlation; higher is better.

    Args:
        scores: (models,) finite real numbers, higher is better.
        truth: (models,) finite real numbers, higher is better.

    Raises:
        ScoreInputError: where it is undefined, see the module's docstring, and for infinities.

    >>> round(pearson([1, 2, 3], [10, 20, 60]), 4)
    0.9449
    """
    x, y = _checked(scores, truth)
    return _bounded(float(_unit("scores", x) @ _unit("truth", y)))


def _order(values: FloatArray) -> NDArray[np.int64]:
    """The same order in small whole numbers, so that infinities are numbers like any other."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _unit(name: str, values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise ScoreInputError(
            f"{name} holds an infinity, for which a linear correlation is undefined: "
            "drop that model or use a rank correlation."
        )
    # A power of two keeps huge values from overflowing and, being exact, distinct ones distinct.
    _, exponent = np.frexp(np.abs(values).max())
    scaled: FloatArray = np.ldexp(values, -exponent)
    centred: FloatArray = scaled - scaled.mean()
    unit: FloatArray = centred / np.linalg.norm(centred)
    return unit


def _checked(scores: ArrayLike, truth: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = _vector("scores", scores), _vector("truth", truth)
    if x.shape != y.shape:
        raise ScoreInputError(
            f"scores has {x.size} models and truth has {y.size}: pass one number a model in both."
        )
    if x.size < 2:
        raise ScoreInputError(
            f"A ranking of {x.size} model(s) cannot be right or wrong: pass at least two models."
        )
    for name, values in (("scores", x), ("truth", y)):
        if (values == values[0]).all():
            raise ScoreInputError(
                f"All {values.size} values of {name} equal {values[0]:g}, which orders nothing: "
                "leave this task out or break the tie before measuring a correlation."
            )
    return x, y


def _vector(name: str, values: ArrayLike) -> FloatArray:
    try:
        vector = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ScoreInputError(
            f"{name} is not an array of real numbers ({error}): pass one number a model."
        ) from error
    if vector.ndim != 1:
        raise ScoreInputError(
            f"{name} has shape {vector.shape}: pass a vector with one number a model."
        )
    if np.isnan(vector).any():
        raise ScoreInputError(
            f"{name} is NaN at index {int(np.isnan(vector).argmax())}: "
            "leave that model out or find out why its score failed."
        )
    return vector


def _bounded(value: float) -> float:
    """Undo rounding that leaves [-1, 1] by an ulp or two."""
    return float(min(1.0, max(-1.0, value)))
