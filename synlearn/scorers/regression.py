"""Many models scored for one regression task at once."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.batch import Cell, ScoreTable, Undefined
from synlearn.scorers.etran import etran_regression
from synlearn.scorers.logme_regression import logme_regression

REGRESSION_SCORES: Mapping[str, Callable[[ArrayLike, ArrayLike], float]] = MappingProxyType(
    {"logme_regression": logme_regression, "etran_regression": etran_regression}
)


def score_regression(
    features: Sequence[ArrayLike], targets: ArrayLike, scores: Sequence[str]
) -> ScoreTable:
    """Score many models for one task with values to predict; higher is better.

    Args:
        features: (n, d) of each model, of any width.
        targets: (n,) or (n, t).
        scores: Names from `REGRESSION_SCORES`; each runs with its defaults.

    Returns:
        A table with a row for each model, in order; undefined scores with their reason.

    Raises:
        ScoreInputError: A score is unknown.
    """
    for name in scores:
        if name not in REGRESSION_SCORES:
            known = ", ".join(REGRESSION_SCORES)
            raise ScoreInputError(f"no regression score is named {name!r}; choose from {known}.")
    rows = tuple(
        tuple(_cell(REGRESSION_SCORES[name], x, targets) for name in scores) for x in features
    )
    return ScoreTable(tuple(scores), rows)


def _cell(score: Callable[[ArrayLike, ArrayLike], float], x: ArrayLike, y: ArrayLike) -> Cell:
    try:
        return score(x, y)
    except ScoreInputError as error:
        return Undefined(str(error))
