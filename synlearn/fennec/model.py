"""Fennec itself: fitted on a history once, then a vector product for each new task."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fennec.factorisation import Factors, Penalties, factorise
from synlearn.fennec.meta_features import MetaRegression, task_features
from synlearn.fennec.performance import History
from synlearn.fennec.task_vectors import TaskVectors

Float64 = NDArray[np.float64]

ALPHA: Final = 0.5
"""Weight of the meta phase, as in the paper."""


@dataclass(frozen=True, slots=True)
class FennecSettings:
    """How to fit it.

    Attributes:
        rank: Latent dimension (k).
        penalties: Of the factors.
        alpha: Weight of the meta phase, 0 to 1: 0 is "without meta", 1 "without transfer".
    """

    rank: int = 8
    penalties: Penalties = field(default_factory=Penalties)
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha is {self.alpha}; it weighs two phases and lies in 0..1.")


@dataclass(frozen=True, slots=True)
class NewTask:
    """What is known of t new tasks without a single label.

    Attributes:
        proxies: (t, f), the history's proxy network's mean feature of each task's inputs.
        classes: (t,) how many classes.
        samples: (t,) how many instances.
    """

    proxies: Float64
    classes: NDArray[np.int64]
    samples: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fennec:
    """A fitted recommender.

    Attributes:
        models: m ids, those of the history.
        factors: Theirs and the historical tasks'.
        vectors: From a proxy's features to a task's vector.
        meta: The regression of the meta phase.
        features: (m, p) meta features of the models.
        proxy: Stands for the proxy network.
        alpha: Weight of the meta phase.
    """

    models: tuple[str, ...]
    factors: Factors
    vectors: TaskVectors
    meta: MetaRegression
    features: Float64
    proxy: str
    alpha: float

    def scores(self, tasks: NewTask) -> Float64:
        """Return the merged scores, (t, m), equation 10; an expected performance, higher is better.

        No model is run, and no label looked at.
        """
        parts = []
        if self.alpha < 1:
            parts.append((1 - self.alpha) * self.transfer_scores(tasks.proxies))
        if self.alpha > 0:
            parts.append(self.alpha * self.meta_scores(tasks, self.features))
        found: Float64 = np.sum(parts, axis=0)
        return found

    def transfer_scores(self, proxies: Float64) -> Float64:
        """Return equation 7, m_i . d_t, (t, m), for proxy features (t, f)."""
        found: Float64 = self.vectors.of(proxies) @ self.factors.models.T
        return found

    def meta_scores(self, tasks: NewTask, features: Float64) -> Float64:
        """Return equation 9, (t, models), for any models by their features, (models, p).

        Also for models without a history: of those it is all that Fennec can say.
        """
        described = task_features(tasks.classes, tasks.samples)
        return np.stack([self.meta.scores(features, row) for row in described])


def fit_fennec(
    history: History, features: Float64, settings: FennecSettings, seed: int = 0
) -> Fennec:
    """Fit Fennec; everything here is offline, before any new task is known.

    Args:
        history: Of m models on n tasks.
        features: (m, p) meta features of the models, in the history's order.
        settings: See there.
        seed: Of first factors and of the random forest.

    Raises:
        InputError: There is not one row of features for each model.
    """
    performance = history.performance
    if len(features) != len(performance.models):
        raise InputError(
            f"{len(features)} rows of meta features for {len(performance.models)} models; give one "
            "for each model of the history."
        )
    random = np.random.default_rng(seed)
    factors = factorise(performance.values, settings.rank, settings.penalties, random)
    return Fennec(
        models=performance.models,
        factors=factors,
        vectors=TaskVectors.fit(history.proxies, factors.tasks, seed),
        meta=MetaRegression.fit(
            performance, features, task_features(history.classes, history.samples)
        ),
        features=features,
        proxy=history.proxy,
        alpha=settings.alpha,
    )
