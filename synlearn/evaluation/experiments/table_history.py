"""What Fennec makes of a published table of accuracies: completion, and targets left out.

A table has no images, so nothing can be a proxy. A target that is left out is known by the
accuracies of a few models on it, or by nothing at all: then its vector is the mean of all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.evaluation.rank_correlation import pearson
from synlearn.fennec.factorisation import Penalties, choose_rank, factorise, place_task
from synlearn.fennec.meta_features import MetaRegression, task_features
from synlearn.fennec.performance import PerformanceMatrix

Float64 = NDArray[np.float64]

HIDDEN: Final = 0.3
KNOWN: Final = 3
RANKS: Final = (1, 2, 3, 4)
"""To choose from, on the entries that are shown, by hiding some of them once more."""
PENALTIES: Final = Penalties(0.01, 0.01)
PRIOR: Final = 0.1
"""Weight of the mean task vector beside the known entries, each of which weighs 1."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Pearson correlation of predictions of hidden entries with the truth.

    Attributes:
        overall: Over all hidden entries; how hard a target is counts.
        within: Of what is left when each target's mean of the shown entries is subtracted.
        rank: Chosen on the shown entries.
    """

    overall: dict[str, float]
    within: dict[str, float]
    rank: int


def complete(accuracy: Float64, seed: int) -> Completion:
    """Hide 30 % of the entries, and predict them from the others.

    Args:
        accuracy: (m, n); NaN where unknown.
        seed: Of what is hidden, and of first factors.

    Returns:
        For "fennec", the factors' product; "model_mean", a model's mean over shown entries; and
        "additive", that plus how far the target's mean lies from the overall one.
    """
    random = np.random.default_rng(seed)
    shown = _shown(accuracy, random)
    rank = choose_rank(shown, RANKS, PENALTIES, random)
    model, target = (np.nanmean(shown, axis=axis) for axis in (1, 0))
    predicted = {
        "fennec": factorise(shown, rank, PENALTIES, random).product,
        "model_mean": np.broadcast_to(model[:, None], shown.shape),
        "additive": model[:, None] + target - np.nanmean(shown),
    }
    rows, columns = np.nonzero(np.isnan(shown) & ~np.isnan(accuracy))
    truth, level = accuracy[rows, columns], target[columns]
    return Completion(
        {name: pearson(own[rows, columns], truth) for name, own in predicted.items()},
        {
            name: pearson(own[rows, columns] - _level(name, level), truth - level)
            for name, own in predicted.items()
        },
        rank,
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for one target that is left out of the history.

    Attributes:
        asked: (q,) positions of the models that are predicted: all but the known ones.
        scores: By method, (q,), higher is better.
    """

    asked: NDArray[np.intp]
    scores: dict[str, Float64]


def leave_out(
    accuracy: Float64, target: int, features: Float64 | None, known: Sequence[int], seed: int
) -> LeftOut:
    """Predict accuracies on one target from all other targets and `known` models' own on it.

    Args:
        accuracy: (m, n); NaN where unknown.
        target: Its column, not looked at but for the known models.
        features: (m, p) meta features of the models, for the meta phase; None to do without.
        known: Positions of models whose accuracy on the target is known; may be empty.
        seed: Of first factors.

    Returns:
        For "fennec_transfer", "fennec_meta" and "fennec" (their mean), the last two with features
        only; and "model_mean".
    """
    random = np.random.default_rng(seed)
    history = np.delete(accuracy, target, axis=1)
    rank = choose_rank(history, RANKS, PENALTIES, random)
    factors = factorise(history, rank, PENALTIES, random)
    prior = factors.tasks.mean(axis=0)
    vector = place_task(factors.models, known, accuracy[list(known), target], prior, PRIOR)
    able = ~np.isnan(accuracy[:, target])
    able[list(known)] = False
    asked = np.flatnonzero(able)
    scores = {
        "fennec_transfer": (factors.models @ vector)[asked],
        "model_mean": np.nanmean(history, axis=1)[asked],
    }
    if features is not None:
        scores["fennec_meta"] = _meta(history, features)[asked]
        scores["fennec"] = 0.5 * (scores["fennec_transfer"] + scores["fennec_meta"])
    return LeftOut(asked, scores)


def _meta(history: Float64, features: Float64) -> Float64:
    """The meta phase; nothing is known of the targets' sizes, which do not change its order."""
    models, targets = history.shape
    matrix = PerformanceMatrix(
        tuple(map(str, range(models))), tuple(map(str, range(targets))), history
    )
    alike = task_features(np.ones(targets), np.ones(targets))
    return MetaRegression.fit(matrix, features, alike).scores(features, alike[0])


def _shown(accuracy: Float64, random: np.random.Generator) -> Float64:
    """Hide entries, but leave at least one of each model and two of each target."""
    known = np.argwhere(~np.isnan(accuracy))
    wanted = round(HIDDEN * len(known))
    shown = accuracy.copy()
    for row, column in known[random.permutation(len(known))]:
        if not wanted:
            break
        left = ~np.isnan(shown)
        if left[row].sum() > 1 and left[:, column].sum() > 2:
            shown[row, column] = np.nan
            wanted -= 1
    return shown


def _level(name: str, level: Float64) -> Float64:
    """What a prediction has to be freed from: a model's mean knows nothing of targets."""
    return np.zeros_like(level) if name == "model_mean" else level
