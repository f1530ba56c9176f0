"""What models of a zoo make of the examples, when they are run: the evidence beside the metric."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import InputError
from synlearn.fusion.fused import METRIC, SMOOTHED
from synlearn.fusion.moved import Float32, with_copies
from synlearn.fusion.similarity import gram_directions, similarities
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.standard import Float64
from synlearn.scorers.direct import ModelOutputs, direct_scores
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import compute_responses


@dataclass(frozen=True, slots=True)
class Evidence:
    """m models that were run on the examples.

    Attributes:
        direct: (m,) of each direct score, higher is better.
        similarity: (m, m) how alike they see the examples, in [0, 1].
    """

    direct: Mapping[str, Float64]
    similarity: Float64

    def sources(self, prior: Float64) -> dict[str, Float64]:
        """All that a fusion may weigh, (m,) each: the metric, smoothed as well, and direct scores.

        Args:
            prior: (m,) what the metric says of these models.
        """
        return {METRIC: prior, SMOOTHED: smoothed(prior, self.similarity), **self.direct}


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """Evidence that somebody brings, with the models that it is of."""

    models: tuple[str, ...]
    evidence: Evidence

    def of(self, models: Sequence[str]) -> Evidence:
        """The evidence of these models, in this order.

        Raises:
            InputError: It is of others.
        """
        if sorted(models) != sorted(self.models):
            raise InputError(
                "the evidence is not of the first models by the metric, and of those alone; rank "
                "without it, run the first ones, and rank again."
            )
        places = [self.models.index(model) for model in models]
        direct = {score: values[places] for score, values in self.evidence.direct.items()}
        return Evidence(direct, self.evidence.similarity[np.ix_(places, places)])


def run_models(images: ArrayLike, labels: ArrayLike, zoo: Zoo, models: Sequence[str]) -> Evidence:
    """Run models on labelled examples.

    Args:
        images: (n, 3, h, w) in [0, 1].
        labels: (n,) class of each example; at least two classes.
        zoo: Of the models.
        models: Their ids; each ends in a linear layer and takes such images.

    Raises:
        InputError: A model cannot be run on the images.
        ScoreInputError: A model's outputs cannot be scored.
    """
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    order = np.argsort(numbers, kind="stable")  # class after class, as providers draw them
    outputs = _outputs(np.asarray(images, dtype=np.float32)[order], zoo, models)
    found = direct_scores(outputs.rows(np.arange(len(order))), numbers[order])
    return Evidence(
        {str(score): values for score, values in found.items()},
        similarities(gram_directions(outputs)),
    )


def _outputs(images: Float32, zoo: Zoo, models: Sequence[str]) -> ModelOutputs:
    """What the models make of the examples, and of their moved copies where these are few."""
    pictures = np.clip(np.rint(255 * images.transpose(0, 2, 3, 1)), 0, 255).astype(np.uint8)
    ids = [ModelId(model) for model in models]
    own = dict(compute_responses(zoo, ids, with_copies(pictures)))
    return ModelOutputs.of(
        [own[model].features for model in ids], [own[model].probabilities for model in ids]
    )
