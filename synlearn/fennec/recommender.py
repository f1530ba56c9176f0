"""Fennec for a zoo: a history, the candidates' meta features and a proxy, ready for new tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.fennec.archi2vec import Archi2Vec, Archi2VecSettings, clusters, distinct_graphs
from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.meta_features import indicators, model_features
from synlearn.fennec.model import Fennec, FennecSettings, NewTask, fit_fennec
from synlearn.fennec.performance import History
from synlearn.fennec.proxy import Proxy

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CLUSTERS = 8
"""Of architectures, at most."""


class Described(Protocol):
    """What the meta phase looks at in a model."""

    @property
    def model(self) -> str:
        """Its id."""
        ...

    @property
    def parameters(self) -> int:
        """Trained numbers."""
        ...

    @property
    def layers(self) -> int:
        """Layers that have any."""
        ...


@dataclass(frozen=True, slots=True)
class Recommender:
    """A fitted Fennec that is asked with images.

    Attributes:
        fennec: Fitted on the history of some models.
        features: Meta features by model id: of those, and of further candidates.
        proxy: The history's.
    """

    fennec: Fennec
    features: Mapping[str, Float64]
    proxy: Proxy

    @classmethod
    def fit(
        cls,
        history: History,
        features: Mapping[str, Float64],
        proxy: Proxy,
        settings: FennecSettings = FennecSettings(),  # noqa: B008  # frozen
        seed: int = 0,
    ) -> Self:
        """Fit Fennec on the history of models that `features` has rows for.

        Raises:
            InputError: The history was made with another proxy, or a model of it is not described.
        """
        if proxy.name != history.proxy:
            raise InputError(
                f"The history was made with the proxy {history.proxy[:20]}..., not with this one "
                f"({proxy.name[:20]}...); give the MRE model of the same run."
            )
        missing = [model for model in history.performance.models if model not in features]
        if missing:
            raise InputError(
                f"The history has model {missing[0]}, which the zoo lacks; give the zoo it is of."
            )
        rows = np.stack([features[model] for model in history.performance.models])
        return cls(fit_fennec(history, rows, settings, seed), features, proxy)

    def scores(self, models: Sequence[Described], images: Float32, classes: int) -> Float64:
        """Score candidates for one task, (m,): expected performance, higher is better.

        One pass of the proxy network; then the time does not depend on how many images there are.

        Args:
            models: Candidates; of those without a history the meta phase alone speaks.
            images: (n, channels, h, w) in [0, 1], without labels.
            classes: How many classes the task has.

        Raises:
            InputError: A candidate is not described.
        """
        task = NewTask(
            self.proxy.features(images)[None], np.array([classes]), np.array([len(images)])
        )
        merged = dict(zip(self.fennec.models, self.fennec.scores(task)[0].tolist(), strict=True))
        missing = [own.model for own in models if own.model not in self.features]
        if missing:
            raise InputError(f"Nothing is known of candidate {missing[0]}; describe it first.")
        new = [own.model for own in models if own.model not in merged]
        if new:
            rows = np.stack([self.features[model] for model in new])
            merged |= zip(new, self.fennec.meta_scores(task, rows)[0].tolist(), strict=True)
        return np.array([merged[own.model] for own in models])


def described(
    models: Sequence[Described],
    graphs: Sequence[ArchitectureGraph] | None,
    seed: int = 0,
    settings: Archi2VecSettings = Archi2VecSettings(),  # noqa: B008  # frozen
) -> dict[str, Float64]:
    """Meta features of models by id, all of one length.

    Architectures enter as indicators of their clusters, as in the paper: k-means of archi2vec's
    vectors.

    Args:
        models: The models.
        graphs: Their architectures, in that order; None to leave architectures out.
        seed: Of archi2vec and of k-means.
        settings: Of archi2vec.

    Raises:
        InputError: An optional package is missing.
    """
    architecture = None if graphs is None else _clustered(graphs, seed, settings)
    rows = model_features(
        [own.parameters for own in models], [own.layers for own in models], architecture
    )
    return {own.model: row for own, row in zip(models, rows, strict=True)}


def _clustered(
    graphs: Sequence[ArchitectureGraph], seed: int, settings: Archi2VecSettings
) -> Float64:
    """(m, clusters): which cluster of architectures each model's belongs to."""
    distinct, names = distinct_graphs(graphs, settings.depth)
    if len(distinct) == 1:
        return np.ones((len(graphs), 1))
    embedded = Archi2Vec.fit(distinct, settings, seed)
    cluster = dict(zip(embedded.names, clusters(embedded.vectors, CLUSTERS, seed), strict=True))
    return indicators([int(cluster[name]) for name in names])
