"""Scores that public packages from PyPI compute as well, to be timed in the same run.

Of the packages, scikit-learn is used where it is installed. The repositories of the scores'
authors are not packages; their stored times are in tests/golden/reference_timings.json.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PublicScore = Callable[[Floats, Ints], float]


def public_scores() -> Mapping[str, tuple[str, PublicScore]]:
    """By the name of our score: the package's name for it, and the call; empty if not installed."""
    if find_spec("sklearn") is None:
        return {}
    return {
        "knn": ("scikit-learn NearestNeighbors", _knn),
        "ridge_loo": ("scikit-learn RidgeClassifierCV", _ridge),
        "fda": ("scikit-learn LDA, eigen", _fda),
    }


def _knn(x: Floats, y: Ints) -> float:
    nearest = (
        import_module("sklearn.neighbors").NearestNeighbors(n_neighbors=1, algorithm="brute").fit(x)
    )
    found = nearest.kneighbors(return_distance=False)[:, 0]
    return float((y[found] == y).mean())


def _ridge(x: Floats, y: Ints) -> float:
    classifier = import_module("sklearn.linear_model").RidgeClassifierCV
    strength = float(((x - x.mean(axis=0)) ** 2).sum() / len(x))
    fit = classifier(alphas=[strength], store_cv_results=True).fit(x, y)
    return -float(fit.cv_results_.mean())


def _fda(x: Floats, y: Ints) -> float:
    analysis = import_module("sklearn.discriminant_analysis").LinearDiscriminantAnalysis
    fit = analysis(solver="eigen").fit(x, y)
    return float(fit.predict_proba(x)[np.arange(len(y)), y].mean())
