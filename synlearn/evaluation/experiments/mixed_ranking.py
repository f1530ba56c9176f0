"""Who ranks the test models of the mixed experiment how well: all methods, every K, both sides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_tasks import MixedTask, Side
from synlearn.evaluation.experiments.mixed_scores import DirectScores
from synlearn.evaluation.experiments.mixed_truth import MixedTruth
from synlearn.evaluation.measurements import Ceiling, Measurement, Method, Role, Split
from synlearn.evaluation.rank_correlation import kendall_tau
from synlearn.evaluation.ranking_quality import QUALITIES, RankingQuality, ranking_quality
from synlearn.scorers.direct import Direct

Float64 = NDArray[np.float64]

SYNLEARN: Final = "synlearn"
FUSION: Final = "fusion"
AGNOSTIC: Final = "task_agnostic"
CEILING: Final = "ceiling"

SPLITS: Final = (
    Split("all", "All test tasks", "The two sides together."),
    Split(Side.SEEN, "Classes seen in learning", "Providers hold these classes; other images."),
    Split(Side.UNSEEN, "Unseen classes", "No provider holds them; CIFAR-10 as a whole is unseen."),
)

LEARNED: Final = (
    Method(SYNLEARN, "SynLearn", Role.METHOD, "The learned metric alone; runs no model."),
    Method(
        FUSION,
        "SynLearn, fused",
        Role.METHOD,
        "The metric and the direct scores, weighed by what they were worth on learning tasks.",
    ),
)
BASELINES: Final = (
    Method(Direct.NCE, "NCE", Role.BASELINE, "Runs every model; counts its hard predictions."),
    Method(Direct.LEEP, "LEEP", Role.BASELINE, "Runs every model; counts its probabilities."),
    Method(Direct.LOGME, "LogME", Role.BASELINE, "Runs every model; evidence of linear heads."),
    Method(
        Direct.RIDGE,
        "Leave-one-out ridge",
        Role.BASELINE,
        "Runs every model; squared error of a ridge head on the example it has not seen.",
    ),
    Method(
        Direct.RIDGE_ACCURACY,
        "Leave-one-out ridge, accuracy",
        Role.BASELINE,
        "The same, counting hits; at K = 1 it has none, and orders nothing.",
    ),
    Method(
        Direct.KNN,
        "Nearest neighbour",
        Role.BASELINE,
        "Runs every model; leave-one-out accuracy. At K = 1 it orders nothing.",
    ),
)
ORACLE: Final = Method(
    AGNOSTIC,
    "Task-agnostic oracle",
    Role.ORACLE,
    "Ranks models by their true mean over the other test tasks; knows nothing of this one.",
)
PERFECT: Final = Method(
    CEILING,
    "Noise ceiling",
    Role.ORACLE,
    "What a scorer that knows the truth without its noise would reach, from two halves of it.",
)
METHODS: Final = (*LEARNED, *BASELINES, ORACLE, PERFECT)

Scores = Callable[[int, int], Float64]
"""Scores of all test models for all test tasks, (t, m), higher is better, given K and seed."""


@dataclass(frozen=True, slots=True)
class MethodQuality:
    """Qualities of one method at one K, arrays (seeds, tasks)."""

    method: str
    k: int
    quality: RankingQuality


def evaluate_methods(
    direct: DirectScores,
    truth: MixedTruth,
    learned: Mapping[str, Scores],
    on_done: Callable[[], None],
) -> list[MethodQuality]:
    """Compare everyone's scores with the truth.

    Args:
        direct: The baselines' scores; their K and seeds are those that are evaluated.
        truth: Of the same tasks and models, for these K at least.
        learned: Further methods by key.
        on_done: Called as each method is done for one K.
    """
    found = []
    for k in direct.ks:
        true = truth.mean(k)
        scores = {
            **{
                key: np.stack([score(k, seed) for seed in direct.seeds])
                for key, score in learned.items()
            },
            **{
                method.key: direct.of(Direct(method.key), k).astype(np.float64)
                for method in BASELINES
            },
            AGNOSTIC: np.broadcast_to(_mean_of_others(true), (len(direct.seeds), *true.shape)),
        }
        for key, values in scores.items():
            found.append(MethodQuality(key, k, ranking_quality(values, true)))
            on_done()
    return found


def measurements(
    qualities: Sequence[MethodQuality],
    truth: MixedTruth,
    tasks: Sequence[MixedTask],
    seeds: Sequence[int],
) -> list[Measurement]:
    """Average over the tasks of each side, seed by seed; with the noise ceiling at every K."""
    highest = [
        Measurement(ceiling.metric, CEILING, ceiling.split, k, ceiling.by_seed)
        for k in sorted({own.k for own in qualities})
        for ceiling in ceilings(truth, tasks, seeds, k)
    ]
    return highest + [
        Measurement(
            name,
            own.method,
            split.key,
            own.k,
            {
                seed: float(own.quality.named(name)[row][_of(split, tasks)].mean())
                for row, seed in enumerate(seeds)
            },
        )
        for own in qualities
        for name in QUALITIES
        for split in SPLITS
    ]


def ceilings(
    truth: MixedTruth, tasks: Sequence[MixedTask], seeds: Sequence[int], k: int
) -> list[Ceiling]:
    """How well the two halves of the truth at K agree, for each side."""
    halves = np.array(
        [kendall_tau(one, other) for one, other in zip(*truth.halves(k), strict=True)]
    )
    return [
        Ceiling(
            split.key,
            {seed: float(halves[_of(split, tasks)].mean()) for seed in seeds},
            halves=f"At K = {k}. Halves share no image; the truth is their mean, for all seeds.",
        )
        for split in SPLITS
    ]


def _mean_of_others(true: Float64) -> Float64:
    found: Float64 = (true.sum(axis=0) - true) / (len(true) - 1)
    return found


def _of(split: Split, tasks: Sequence[MixedTask]) -> NDArray[np.bool_]:
    return np.array([split.key in ("all", task.side) for task in tasks])
