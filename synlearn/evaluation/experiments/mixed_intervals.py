"""Intervals of accuracies on the mixed experiment's test tasks, by each way to give them.

The truth at K is the mean accuracy of K-shot heads on images that nobody has seen
(`mixed_truth.py`); intervals are those that `synlearn rank` gives, by its three modes. Nothing here
is learned: what intervals rest on comes with the MRE model.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from synlearn.datasets.mixed_tasks import example_rows
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_learned import Bench
from synlearn.evaluation.experiments.mixed_scores import DirectScores
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.believing import Learned, Prior, believe, first
from synlearn.fusion.standard import standardised
from synlearn.fusion.task_traits import task_traits
from synlearn.fusion.zoo_evidence import Evidence
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.classification_scores import member_distances
from synlearn.mre.compared import standard, unrest
from synlearn.mre.example_spread import moved_means
from synlearn.ranker import EVIDENCE, Ranker
from synlearn.ranking_beliefs import Beliefs
from synlearn.ranking_odds import best_probability, cannot_separate
from synlearn.scorers.direct import Direct
from synlearn.zoo.feature_cache import planes

Float64 = NDArray[np.float64]

METRIC_ALONE: Final = "metric_alone"
DEFAULT: Final = "default"
EVERYTHING: Final = "evidence_for_all"
CONSTANT: Final = "constant"
"""Keys of the ways to give intervals."""

MODES: Final[Mapping[str, int | None]] = {METRIC_ALONE: 0, DEFAULT: EVIDENCE, EVERYTHING: None}

_IMAGES_AT_ONCE: Final = 64


@dataclass(frozen=True, slots=True)
class Intervals:
    """What one way says of m models for t tasks, from one draw of examples.

    Attributes:
        low, high, score: (t, m) accuracies.
        odds: (t, m) probability of being the best; None for a constant.
        tied: (t, m) which models are said not to be separable from the first; None likewise.
        run: (t, m) which models were run.
    """

    low: Float64
    high: Float64
    score: Float64
    odds: Float64 | None
    tied: NDArray[np.bool_] | None
    run: NDArray[np.bool_]


class IntervalMaker:
    """Gives intervals for the draws of one seed, by one MRE model.

    Raises:
        InputError: The model comes without a map to accuracies.
    """

    def __init__(self, bench: Bench, ranker: Ranker, direct: DirectScores, seed: int) -> None:
        if not isinstance(ranker.model, ClassificationMRE) or ranker.fusion is None:
            raise InputError("an MRE model for classification with a fusion is needed.")
        if ranker.accuracy is None:
            raise InputError(
                "the MRE model has no map to accuracies, so it has no intervals of them; learn it "
                "again from evidence with ridge_held_out."
            )
        self._bench, self._direct, self._seed = bench, direct, seed
        self._model, self.accuracy = ranker.model, ranker.accuracy
        self._learned = Learned(ranker.fusion, ranker.accuracy)
        sets = ClassSets.of(bench.specifications.vectors(ranker.model.generator))
        with torch.inference_mode():
            self._projected = ranker.model.metric.project_models(sets)

    def intervals(self, k: int, modes: Mapping[str, int | None]) -> dict[str, Intervals]:
        """Return those of each mode: how many of the first models are run, None for all."""
        found: dict[str, list[tuple[Beliefs, NDArray[np.bool_]]]] = {mode: [] for mode in modes}
        for task, prior in enumerate(self._priors(k)):
            for mode, count in modes.items():
                chosen = first(prior.scores, count)
                evidence = self._evidence(k, task, chosen) if len(chosen) else None
                run = np.zeros(len(prior.scores), np.bool_)
                run[chosen] = True
                found[mode].append((believe(prior, self._learned, chosen, evidence), run))
        return {mode: _stacked(own) for mode, own in found.items()}

    def constant(self, k: int, shape: tuple[int, int]) -> Intervals:
        """The same interval for all: what as many learning tasks and models lie in."""
        low, high = constant_at(self.accuracy, k)
        every = np.ones(shape)
        return Intervals(
            low=low * every,
            high=high * every,
            score=(low + high) / 2 * every,
            odds=None,
            tied=None,
            run=np.zeros(shape, np.bool_),
        )

    def _priors(self, k: int) -> Iterator[Prior]:
        bench, model = self._bench, self._model
        rows = np.stack([example_rows(bench.pool, task, k, self._seed) for task in bench.tasks])
        distinct, where = np.unique(rows, return_inverse=True)
        images = torch.from_numpy(planes(bench.pool.pictures[distinct]))
        with torch.inference_mode():
            each = torch.cat([model.backbone(part) for part in images.split(_IMAGES_AT_ONCE)])
        means = each[torch.from_numpy(where.reshape(rows.shape))].mean(dim=2)
        counts = np.full(rows.shape[:2], k)
        distances = member_distances(model.metric, means, self._projected)
        moved = np.stack(
            [
                member_distances(model.metric, other, self._projected).mean(axis=0)
                for other in moved_means(means, counts, model.learned)
            ]
        )
        scores = standardised(standard(distances).mean(axis=0))
        traits = task_traits(means, model.learned.means, self.accuracy.difficulty)
        restless = unrest(distances, moved, np.arange(scores.shape[1]))
        for place in range(len(scores)):
            yield Prior(scores[place], traits[place], restless[place], k)

    def _evidence(self, k: int, task: int, chosen: NDArray[np.intp]) -> Evidence:
        row, alike = self._direct.seeds.index(self._seed), self._bench.similarities
        assert alike is not None  # noqa: S101  # who asks gave them
        direct = {
            str(score): self._direct.of(score, k)[row, task, chosen].astype(np.float64)
            for score in Direct
        }
        return Evidence(direct, alike.of_task(k, self._seed, task)[np.ix_(chosen, chosen)])


def constant_at(accuracy: AccuracyMap, k: int) -> tuple[float, float]:
    """The task-agnostic interval at K."""
    low, high, share = accuracy.place(k)
    ends = (1 - share) * np.array(accuracy.constant[low]) + share * np.array(
        accuracy.constant[high]
    )
    return float(ends[0]), float(ends[1])


def all_intervals(
    makers: Mapping[int, IntervalMaker],
    truth: Mapping[int, Float64],
    on_done: Callable[[int], None],
) -> dict[tuple[str, int, int], Intervals]:
    """Return the intervals of every way, by way, K and seed.

    Args:
        makers: By seed.
        truth: By K, (t, m).
        on_done: Told how many pairs of K and seed more are done.
    """
    found: dict[tuple[str, int, int], Intervals] = {}
    for k, true in truth.items():
        for seed, maker in makers.items():
            for mode, own in maker.intervals(k, MODES).items():
                found[mode, k, seed] = own
            found[CONSTANT, k, seed] = maker.constant(k, true.shape)
            on_done(1)
    return found


def _stacked(found: Sequence[tuple[Beliefs, NDArray[np.bool_]]]) -> Intervals:
    ends = [own.interval() for own, _ in found]
    return Intervals(
        low=np.stack([low for low, _ in ends]),
        high=np.stack([high for _, high in ends]),
        score=expit(np.stack([own.mean for own, _ in found])),
        odds=np.stack([best_probability(own.mean, own.own) for own, _ in found]),
        tied=np.stack([_tied(own, run) for own, run in found]),
        run=np.stack([run for _, run in found]),
    )


def _tied(own: Beliefs, run: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With the model that a ranking puts first: the best of those that were run, if any were."""
    candidates = np.flatnonzero(run) if run.any() else np.arange(len(own.mean))
    best = int(candidates[own.mean[candidates].argmax()])
    return cannot_separate(own.mean, own.own, best)
