"""How MRE models, alone and fused with direct scores, rank the mixed experiment's test models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.mixed_tasks import MixedTask, example_rows
from synlearn.evaluation.experiments.mixed_ranking import FUSION, SYNLEARN, Scores
from synlearn.evaluation.experiments.mixed_scores import DirectScores
from synlearn.evaluation.experiments.mixed_similarity import Similarities
from synlearn.fusion.fused import METRIC, SMOOTHED, FittedFusion
from synlearn.fusion.smoothing import smoothed
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.classification_scores import mean_scores
from synlearn.scorers.direct import Direct
from synlearn.zoo.class_specification import ClassSpecifications
from synlearn.zoo.feature_cache import planes

Float64 = NDArray[np.float64]

_IMAGES_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Bench:
    """What all MRE models are asked about.

    Attributes:
        pool: The images.
        tasks: Test tasks.
        specifications: Of the test models, in the order of the truth.
        similarities: Of the test models, in the same order, for the same tasks; None where nothing
            is fused.
    """

    pool: MixedPool
    tasks: Sequence[MixedTask]
    specifications: ClassSpecifications
    similarities: Similarities | None


class LearnedScores:
    """Scores of one seed's MRE model, and of its fusion, for the seed's draw of the examples."""

    def __init__(
        self, bench: Bench, model: ClassificationMRE, fusion: FittedFusion | None, seed: int
    ) -> None:
        self._bench, self._model, self._fusion, self._seed = bench, model, fusion, seed
        sets = ClassSets.of(bench.specifications.vectors(model.generator))
        with torch.inference_mode():
            self._projected = model.metric.project_models(sets)

    def metric(self, k: int) -> Float64:
        """Return the metric's scores, (t, m); higher is better."""
        rows = np.stack(
            [example_rows(self._bench.pool, task, k, self._seed) for task in self._bench.tasks]
        )
        distinct, where = np.unique(rows, return_inverse=True)
        images = torch.from_numpy(planes(self._bench.pool.pictures[distinct]))
        with torch.inference_mode():
            each = torch.cat([self._model.backbone(p) for p in images.split(_IMAGES_AT_ONCE)])
        means = each[torch.from_numpy(where.reshape(rows.shape))].mean(dim=2)
        return mean_scores(self._model.metric, means, self._projected)

    def fused(self, k: int, metric: Float64, direct: DirectScores) -> Float64:
        """Return the posterior means, (t, m).

        Args:
            k: Examples of a class.
            metric: (t, m) of `metric`.
            direct: With this seed's draw.
        """
        fusion, alike = self._fusion, self._bench.similarities
        assert fusion is not None and alike is not None  # noqa: S101, PT018  # who asks gave both
        row = direct.seeds.index(self._seed)
        own = {name: direct.of(name, k)[row].astype(np.float64) for name in Direct}
        wanted = fusion.sources
        smooth = smoothed(metric, alike.of(k, self._seed))
        found = []
        for task, prior in enumerate(metric):
            scores: Mapping[str, Float64] = {
                METRIC: prior,
                SMOOTHED: smooth[task],
                **{name: own[name][task] for name in Direct if name in wanted},
            }
            found.append(fusion.fuse(scores, k).mean)
        return np.stack(found)


def learned_methods(
    by_seed: Mapping[int, LearnedScores], direct: DirectScores, *, fused: bool
) -> dict[str, Scores]:
    """Return the metric alone and, where each seed has a fusion, the fused scores, as methods.

    What the metric says is computed once for each K and seed.

    Args:
        by_seed: One for each seed of `direct`.
        direct: Of the same tasks and models.
        fused: Whether all of them have a fusion.
    """

    @cache
    def metric(k: int, seed: int) -> Float64:
        return by_seed[seed].metric(k)

    found: dict[str, Scores] = {SYNLEARN: metric}
    if fused:
        found[FUSION] = lambda k, seed: by_seed[seed].fused(k, metric(k, seed), direct)
    return found
