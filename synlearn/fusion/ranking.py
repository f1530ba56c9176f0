"""From a posterior to a ranking: intervals, ties, groups that the evidence cannot separate."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from synlearn.fusion.regression import Posterior
from synlearn.ranked_models import RankedModels, best_first
from synlearn.ranking import Ranking

SEPARATION: Final = 0.9
"""One model is said to be better than another from this probability on."""


def posterior_ranking(
    fused: Posterior,
    models: Sequence[str],
    *,
    warning: str = "",
    confidence: float = 0.95,
    separation: float = SEPARATION,
    provenance: Mapping[str, str | int] | None = None,
) -> Ranking:
    """Rank by the posterior mean of reusability.

    Scores are in units of the candidates' standard deviation of reusability, zero being their mean.
    The interval holds a model's reusability with probability `confidence`. A model is tied with the
    best unless the best is better than it with probability `separation`; models that are, form
    groups in the same way.

    Args:
        fused: Of m models.
        models: Their ids.
        warning: Sentence for a task outside what was learned, else empty.
        confidence: Of intervals, in (0, 1).
        separation: In (0.5, 1).
        provenance: See `Ranking`.
    """
    order = best_first(models, fused.mean)
    margin = float(ndtri(0.5 + confidence / 2)) * fused.variance**0.5
    rows = RankedModels(
        models=[models[place] for place in order.tolist()],
        scores=fused.mean[order],
        margins=np.full(len(models), margin),
        tied=~_worse_than(fused, int(order[0]), separation)[order],
        tiers=np.array(tiers(fused, order.tolist(), separation)),
    )
    return Ranking(rows, warning, confidence, dict(provenance or {}))


def tiers(fused: Posterior, order: Sequence[int], separation: float) -> list[int]:
    """Groups of models that the evidence cannot separate, best first: 1, 1, 1, 2, 2, ...

    A group begins with the best model left, and ends before the first model that this one is
    better than with probability `separation`.

    Args:
        fused: Of all models.
        order: Their indices, best first.
        separation: In (0.5, 1).
    """
    found: list[int] = []
    group, worse = 0, np.ones(len(order), np.bool_)
    for model in order:
        if worse[model]:
            group, worse = group + 1, _worse_than(fused, model, separation)
        found.append(group)
    return found


def _worse_than(fused: Posterior, better: int, separation: float) -> NDArray[np.bool_]:
    """Which models this one is better than with at least this probability, (m,)."""
    gap = fused.mean[better] - fused.mean
    spread = (2 * fused.variance) ** 0.5
    found: NDArray[np.bool_] = (gap > 0) & (gap >= float(ndtri(separation)) * spread)
    return found
