"""What is known of a zoo's models for one task, from the metric and from those that were run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from synlearn.fusion.accuracy import AccuracyMap, TaskView
from synlearn.fusion.fused import FittedFusion
from synlearn.fusion.shortlist import among_all
from synlearn.fusion.standard import Float64
from synlearn.fusion.zoo_evidence import Evidence
from synlearn.ranking import CONFIDENCE
from synlearn.ranking_beliefs import Beliefs

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Prior:
    """One task, as the metric sees it beside m models.

    Attributes:
        scores: (m,) higher is better, in units of their deviation over the models.
        traits: (traits,), see `task_traits`.
        unrest: (2,), see `unrest`.
        k: Examples of a class.
    """

    scores: Float64
    traits: Float64
    unrest: Float64
    k: float


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned about scores.

    Attributes:
        fusion: What direct scores are worth beside the metric.
        accuracy: From scores to accuracies; None where it cannot be used for the task.
    """

    fusion: FittedFusion
    accuracy: AccuracyMap | None


def first(scores: Float64, count: int | None) -> Indices:
    """Places of the `count` best models, rising; all for None."""
    order = np.argsort(-scores, kind="stable")
    found: Indices = np.sort(order[:count])
    return found


def believe(prior: Prior, learned: Learned, chosen: Indices, evidence: Evidence | None) -> Beliefs:
    """Join what is known of all models.

    Args:
        prior: Of the task.
        learned: What was learned about scores.
        chosen: Places of the models that were run, rising.
        evidence: Of these; None where there is none.

    Raises:
        InputError: A source of the fusion has no scores, or one is not a number.
    """
    weights = learned.fusion.at(prior.k)
    mean = weights.alone.weights[0] * prior.scores
    own = np.full(len(mean), weights.alone.variance**0.5)
    run, those = np.zeros(len(mean), np.bool_), prior.scores[chosen]
    if evidence is not None:
        run[chosen] = True
        fused = learned.fusion.fuse(evidence.sources(those), prior.k, those)
        mean[chosen], own[chosen] = fused.mean, fused.variance**0.5
    accuracy = learned.accuracy
    if accuracy is None:
        reach = float(ndtri(0.5 + CONFIDENCE / 2))
        return Beliefs(mean, own, shared=0.0, reach=reach, logistic=False)
    direct = None
    if evidence is not None:
        sources = np.stack([those, *(evidence.direct[name] for name in accuracy.direct)])
        known = np.concatenate([[1.0], accuracy.correlation_at(prior.k)])
        direct = among_all(sources, those, known).mean[1:]
    view = TaskView(prior.traits, prior.unrest, direct)
    return accuracy.beliefs(view, mean, run, prior.k)
