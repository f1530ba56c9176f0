"""The default ranking of a zoo: the metric as a prior, every model's direct scores as evidence."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.ranking import posterior_ranking
from synlearn.fusion.regression import Float64
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.ranking import Ranking
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import compute_responses


def rank_with_evidence(
    model: ClassificationMRE,
    fusion: FittedFusion,
    images: ArrayLike,
    labels: ArrayLike | None,
    zoo: Zoo,
) -> Ranking:
    """Rank all models of a zoo by the posterior of their reusability; runs every model.

    Args:
        model: The metric.
        fusion: Fitted for it.
        images: (n, 3, h, w) in [0, 1].
        labels: (n,) class of each example; at least two classes.
        zoo: Models that end in a linear layer and take such images.

    Returns:
        Scores and intervals in units of the zoo's standard deviation of reusability; ties and
        groups as in `posterior_ranking`.

    Raises:
        InputError: As `ClassificationMRE.rank`; or a model cannot be run on the images.
        ScoreInputError: A model's outputs cannot be scored.
    """
    prior = model.rank(images, labels, zoo)
    assert labels is not None  # noqa: S101  # the metric has refused otherwise
    by_id = {row.model: row.score for row in prior}
    projected = model.project(zoo)
    scores: dict[str, Float64] = {METRIC: np.array([by_id[name] for name in projected.ids])}
    wanted = [score for score in Direct if score in fusion.sources]
    scores |= _evidence(images, labels, zoo, projected.ids, wanted)
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    fused = fusion.fuse(scores, float(counts.min()))
    return posterior_ranking(
        fused,
        list(projected.ids),
        warning=prior.warning,
        provenance={**prior.provenance, "fusion": " ".join(fusion.sources)},
    )


def _evidence(
    images: ArrayLike, labels: ArrayLike, zoo: Zoo, ids: tuple[str, ...], wanted: list[Direct]
) -> Mapping[str, Float64]:
    values = np.asarray(images, dtype=np.float32).transpose(0, 2, 3, 1)
    pictures = np.clip(np.rint(255 * values), 0, 255).astype(np.uint8)
    responses = dict(compute_responses(zoo, list(zoo), pictures))
    own = {str(model): found for model, found in responses.items()}
    outputs = ModelOutputs.of(
        [own[name].features for name in ids], [own[name].probabilities for name in ids]
    )
    _, numbers = np.unique(np.asarray(labels), return_inverse=True)
    found = direct_scores(outputs, numbers, wanted)
    return {str(score): found[score] for score in wanted}
