"""From a posterior to a ranking: intervals, ties, groups that the evidence cannot separate."""

from collections.abc import Mapping, Sequence
from typing import Final

from scipy.special import ndtri

from synlearn.fusion.coregionalisation import Posterior
from synlearn.ranking import RankedModel, Ranking

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
    order = sorted(range(len(models)), key=lambda i: (-fused.mean[i], models[i]))
    groups = tiers(fused, order, separation)
    reach = float(ndtri(0.5 + confidence / 2))
    rows = tuple(
        RankedModel(
            model=models[i],
            score=float(fused.mean[i]),
            low=float(fused.mean[i] - reach * fused.covariance[i, i] ** 0.5),
            high=float(fused.mean[i] + reach * fused.covariance[i, i] ** 0.5),
            rank=1 + int((fused.mean > fused.mean[i]).sum()),
            tied_with_best=not _separate(fused, order[0], i, separation),
            tier=group,
        )
        for i, group in zip(order, groups, strict=True)
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
    leader, group = order[0], 1
    found = []
    for model in order:
        if _separate(fused, leader, model, separation):
            leader, group = model, group + 1
        found.append(group)
    return found


def _separate(fused: Posterior, better: int, worse: int, separation: float) -> bool:
    """Whether one is better than the other with at least this probability."""
    gap = float(fused.mean[better] - fused.mean[worse])
    spread = float(fused.difference_variance(better)[worse]) ** 0.5
    return gap > 0 and gap >= float(ndtri(separation)) * spread
