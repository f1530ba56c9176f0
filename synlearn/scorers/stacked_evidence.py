"""LogME of many models at once, for features of one width stacked as (m, n, d)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.evidence import REACH, STEP, evidence_profile, refined_evidence
from synlearn.scorers.inputs import Float64, Labels
from synlearn.scorers.logme import logme
from synlearn.scorers.spectrum import SAFE_RATIO

ROUNDING_RATIO: Final = 1e-13
"""Eigenvalues of a Gram matrix below this part of the largest are zeros."""

SMALL_RESIDUAL: Final = 1e-6
"""A target of which less than this lies outside the features' span needs more digits."""


def logme_of_many(features: Float64, labels: Labels) -> Float64:
    """`logme` of each model, (m,); infinite where the evidence has no bound.

    A model whose Gram matrix leaves its rank in doubt is scored by `logme` itself.

    Args:
        features: (m, n, d) finite numbers.
        labels: (n,) classes 0..c-1, every one of them there.
    """
    largest = np.abs(features).max(axis=(1, 2), keepdims=True)
    x = features / np.where(largest > 0, largest, 1.0)
    spectra = _Spectra.of(x, np.eye(int(labels.max()) + 1)[labels])
    found = np.empty(len(x))
    for model in np.flatnonzero(spectra.doubtful):
        found[model] = _one(features[model], labels)
    sure = np.flatnonzero(~spectra.doubtful)
    if len(sure):
        found[sure] = _maximum_evidence(spectra.select(sure)).mean(axis=1)
    return found


def _one(features: Float64, labels: Labels) -> float:
    try:
        return logme(features, labels)
    except ScoreInputError:  # a class is a linear function of features of rank below n
        return float("inf")


@dataclass(frozen=True, slots=True)
class _Spectra:
    """The targets along the row axes of m models' features; zeros where a rank is below r.

    squares (m, r), power (m, r, c), residual (m, c): as in `LinearTask`. full (m,): rank n.
    doubtful (m,): rounding may decide the rank, or a residual.
    """

    n: int
    squares: Float64
    power: Float64
    residual: Float64
    full: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]

    @classmethod
    def of(cls, x: Float64, y: Float64) -> "_Spectra":
        n, d = x.shape[1:]
        across = x.transpose(0, 2, 1)
        squares, axes = np.linalg.eigh(x @ across if n <= d else across @ x)
        top = squares[:, -1:]
        zero = squares <= np.maximum(ROUNDING_RATIO * top, np.finfo(float).tiny)
        squares = np.where(zero, 0.0, squares)
        coordinates = axes.transpose(0, 2, 1) @ (y if n <= d else across @ y)
        power = coordinates**2
        if n > d:
            power /= np.where(zero, 1.0, squares)[:, :, None]
        power[zero] = 0.0
        total = (y**2).sum(axis=0)
        full = ~zero.any(axis=1) & (n <= d)
        residual = np.maximum(total - power.sum(axis=1), 0.0) * ~full[:, None]
        doubtful = (~zero & (squares <= SAFE_RATIO * top)).any(axis=1)
        doubtful |= ~full & (residual < SMALL_RESIDUAL * total).any(axis=1)
        return cls(n, squares, power, residual, full, doubtful)

    def select(self, models: NDArray[np.intp]) -> "_Spectra":
        return _Spectra(
            self.n,
            self.squares[models],
            self.power[models],
            self.residual[models],
            self.full[models],
            self.doubtful[models],
        )


def _maximum_evidence(spectra: _Spectra) -> Float64:
    """Return `maximum_evidence` of each model and target, (m, c)."""
    n, squares, power, residual = spectra.n, spectra.squares, spectra.power, spectra.residual
    best = evidence_profile(n, residual + power.sum(axis=1), np.zeros((len(squares), 1)))
    full = spectra.full
    if full.any():  # the limit t = 0
        noiseless = (power[full] / squares[full][:, :, None]).sum(axis=1)
        log_det = np.log(squares[full]).sum(axis=1)[:, None]
        best[full] = np.maximum(best[full], evidence_profile(n, noiseless, log_det))
    low, high = _search_range(spectra)
    steps = max(int(np.ceil((high - low).max() / STEP)) + 1, 3)
    grid = np.linspace(low, high, steps, axis=1)  # (m, g) log t, no wider apart than STEP
    ratio = squares[:, None] / np.exp(grid)[:, :, None]  # (m, g, r)
    misfit = residual[:, None] + (1 / (1 + ratio)) @ power
    values = evidence_profile(n, misfit, np.log1p(ratio).sum(axis=2)[:, :, None])  # (m, g, c)
    edge = np.full_like(values[:, :1], -np.inf)
    higher_than_before = values > np.concatenate((edge, values[:, :-1]), axis=1)
    not_below_next = values >= np.concatenate((values[:, 1:], edge), axis=1)
    model, place, target = np.nonzero(higher_than_before & not_below_next)
    refined = refined_evidence(
        n, squares[model], power[model, :, target], residual[model, target], grid[model, place]
    )
    np.maximum.at(best, (model, target), refined)
    return best


def _search_range(spectra: _Spectra) -> tuple[Float64, Float64]:
    """Ends of log t between which an interior maximum of each model may lie, (m,) each."""
    squares = np.where(spectra.squares > 0, spectra.squares, np.inf)
    rank = (spectra.squares > 0).sum(axis=1)
    smallest = np.where(rank > 0, squares.min(axis=1), 1.0)
    low = smallest / REACH
    slope = (spectra.power / squares[:, :, None]).sum(axis=1)
    free = np.maximum(spectra.n - rank, 1)[:, None]
    small = rank[:, None] * spectra.residual / (free * np.maximum(slope, 1e-200))
    narrow = ~spectra.full & (rank > 0)
    low[narrow] = np.minimum(low[narrow], small[narrow].min(axis=1) / 10)
    high = np.where(rank > 0, spectra.squares.max(axis=1), 1.0) * REACH
    return np.log(low), np.log(high)
