"""The direct scores of a zoo's models for one handful of examples, in one call.

What an experiment or a fused ranking takes as evidence: scores that look at nothing but the
examples' features and the models' own outputs on them. Models of one width are scored together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels, check_labelled
from synlearn.scorers.stacked import (
    accuracies,
    leep_of_many,
    nce_of_many,
    nearest_neighbour,
    ridge_loo_errors,
    squared_errors,
)
from synlearn.scorers.stacked_evidence import logme_of_many
from synlearn.scorers.stacked_folds import held_out_accuracy


class Direct(StrEnum):
    """A direct score; higher is better."""

    RIDGE = "ridge_loo"  # minus the leave-one-out squared error
    RIDGE_ACCURACY = "ridge_loo_accuracy"
    LOGME = "logme"
    LEEP = "leep"
    NCE = "nce"
    KNN = "knn"
    HELD_OUT = "ridge_held_out"  # accuracy, one example of each class left out at a time


OF_FEATURES = (Direct.RIDGE, Direct.RIDGE_ACCURACY, Direct.LOGME, Direct.KNN, Direct.HELD_OUT)


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """What m models make of the same n rows.

    Attributes:
        features: (places, array) for each width: array (p, n, width) of the models at `places`.
        probabilities: (m, n, z) of their own classes; 0 for those a model does not have.
    """

    features: tuple[tuple[NDArray[np.intp], NDArray[np.floating]], ...]
    probabilities: NDArray[np.floating]

    @classmethod
    def of(
        cls,
        features: Sequence[NDArray[np.floating]],
        probabilities: Sequence[NDArray[np.floating]],
    ) -> "ModelOutputs":
        """Stack (n, width) features and (n, classes) probabilities, one of each for each model.

        Raises:
            ScoreInputError: They differ in number or in rows, or there is none.
        """
        rows = {len(array) for array in (*features, *probabilities)}
        if len(features) != len(probabilities) or len(rows) != 1:
            raise ScoreInputError(
                f"{len(features)} feature arrays and {len(probabilities)} of probabilities, with "
                f"{sorted(rows)} rows: give both of every model, for the same rows."
            )
        widths = np.array([array.shape[1] for array in features])
        by_width = [np.flatnonzero(widths == width) for width in np.unique(widths)]
        classes = max(array.shape[1] for array in probabilities)
        padded = np.zeros((len(probabilities), rows.pop(), classes), probabilities[0].dtype)
        for model, array in enumerate(probabilities):
            padded[model, :, : array.shape[1]] = array
        groups = tuple((own, np.stack([features[int(model)] for model in own])) for own in by_width)
        return cls(groups, padded)

    def rows(self, rows: NDArray[np.integer]) -> "ModelOutputs":
        """Return the outputs for some of the rows."""
        features = tuple((places, array[:, rows]) for places, array in self.features)
        return ModelOutputs(features, self.probabilities[:, rows])

    def and_rows(self, more: "ModelOutputs") -> "ModelOutputs":
        """Return the outputs for these rows and, behind them, for more rows of the same models."""
        features = tuple(
            (places, np.concatenate([own, other], axis=1))
            for (places, own), (_, other) in zip(self.features, more.features, strict=True)
        )
        probabilities = np.concatenate([self.probabilities, more.probabilities], axis=1)
        return ModelOutputs(features, probabilities)

    def __len__(self) -> int:
        return len(self.probabilities)


def direct_scores(
    outputs: ModelOutputs, labels: ArrayLike, wanted: Sequence[Direct] = tuple(Direct)
) -> Mapping[Direct, Float64]:
    """Score all models.

    Args:
        outputs: For the n rows.
        labels: (n,) whole numbers, at least two rows.
        wanted: Which scores.

    Returns:
        (m,) for each score, higher is better. `inf` for LogME where a class is a linear function
        of features of rank below n: its evidence has no bound.

    Raises:
        ScoreInputError: Labels do not fit, outputs are not finite, or probabilities do not sum to
            1.
    """
    probabilities = outputs.probabilities.astype(np.float64)
    y = check_labelled(probabilities[0], labels).y
    found = {score: np.empty(len(outputs)) for score in wanted if score in OF_FEATURES}
    for places, features in outputs.features:
        x = features.astype(np.float64)
        if not np.isfinite(x).all():
            raise ScoreInputError("features hold a NaN or an infinity; no score is defined.")
        for score, values in _of_features(x, y, [s for s in wanted if s in found]).items():
            found[score][places] = values
    if Direct.LEEP in wanted or Direct.NCE in wanted:
        sums = probabilities.sum(axis=2, keepdims=True)
        if probabilities.min() < 0 or not np.abs(sums - 1).max() <= 1e-2:  # float16 of 20 classes
            raise ScoreInputError("probabilities must be at least 0 and each row must sum to 1.")
        probabilities /= sums
        if Direct.LEEP in wanted:
            found[Direct.LEEP] = leep_of_many(probabilities, y)
        if Direct.NCE in wanted:
            found[Direct.NCE] = nce_of_many(probabilities, y)
    return {score: found[score] for score in wanted}


def _of_features(x: Float64, y: Labels, wanted: Sequence[Direct]) -> dict[Direct, Float64]:
    found: dict[Direct, Float64] = {}
    if Direct.RIDGE in wanted or Direct.RIDGE_ACCURACY in wanted:
        missed = ridge_loo_errors(x, y)
        found[Direct.RIDGE] = squared_errors(missed)
        found[Direct.RIDGE_ACCURACY] = accuracies(missed, y)
    if Direct.LOGME in wanted:
        found[Direct.LOGME] = logme_of_many(x, y)
    if Direct.KNN in wanted:
        found[Direct.KNN] = nearest_neighbour(x, y)
    if Direct.HELD_OUT in wanted:
        found[Direct.HELD_OUT] = held_out_accuracy(x, y)
    return {score: found[score] for score in wanted}
