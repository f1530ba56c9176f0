"""A Gaussian mixture fitted by expectation-maximisation, for the scores that cluster features."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from synlearn.scorers.inputs import Float64, Labels

RIDGE = 1e-6  # on each covariance, in units of the mean variance of the columns
TOLERANCE, MOST_STEPS = 1e-3, 100  # of the mean log-likelihood
MOST_MOVES = 300  # of the k-means centres
NO_SHARE = 1e-20  # of the largest share in a Gaussian: rows below it do not move its covariance


@dataclass(frozen=True, slots=True)
class Mixture:
    """k Gaussians in d dimensions.

    Attributes:
        log_weights: (k,) logarithms of the mixing weights.
        means: (k, d).
        factors: (k, d, d) lower Cholesky factors of the covariances.
    """

    log_weights: Float64
    means: Float64
    factors: Float64

    def responsibilities(self, x: Float64) -> tuple[Float64, float]:
        """Return each row's posterior over the Gaussians, (n, k), and the mean log-likelihood."""
        joint = np.empty((len(x), len(self.means)))
        for c, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            white = solve_triangular(factor, (x - mean).T, lower=True, check_finite=False)
            joint[:, c] = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum()
        joint += self.log_weights - 0.5 * x.shape[1] * np.log(2 * np.pi)
        top = joint.max(axis=1, keepdims=True)
        joint = np.exp(joint - top)
        total = joint.sum(axis=1, keepdims=True)
        return joint / total, float((top + np.log(total)).mean())

    @classmethod
    def given(cls, x: Float64, share: Float64) -> "Mixture":
        """Fit the Gaussians to rows that belong to them in (n, k) shares."""
        size = share.sum(axis=0) + 10 * np.finfo(np.float64).eps  # no Gaussian is ever empty
        means = share.T @ x / size[:, None]
        d = x.shape[1]
        ridge = RIDGE * float(x.var(axis=0).mean()) * np.eye(d)
        factors = np.empty((len(size), d, d))
        for c, mean in enumerate(means):
            own = share[:, c] > NO_SHARE * share[:, c].max()
            moved = x[own] - mean
            factors[c] = np.linalg.cholesky((share[own, c] * moved.T) @ moved / size[c] + ridge)
        return cls(np.log(size / size.sum()), means, factors)


def fit_mixture(x: Float64, components: int, rng: np.random.Generator) -> tuple[Mixture, Float64]:
    """Fit a mixture with full covariances to (n, d) rows that are not all equal.

    It starts from one run of k-means and stops when a step raises the mean log-likelihood by less
    than 1e-3, at the latest after 100 steps. Every covariance carries a ridge of 1e-6 of the mean
    variance, so that Gaussians on one row are proper. A step takes time O(n k d^2), and memory
    O(n d + k d^2).

    Returns:
        The mixture, and each row's posterior over its Gaussians, (n, components).
    """
    mixture = Mixture.given(x, np.eye(components)[_k_means(x, components, rng)])
    posterior, likelihood = mixture.responsibilities(x)
    for _ in range(MOST_STEPS):
        before = likelihood
        mixture = Mixture.given(x, posterior)
        posterior, likelihood = mixture.responsibilities(x)
        if abs(likelihood - before) < TOLERANCE:
            break
    return mixture, posterior


def _k_means(x: Float64, k: int, rng: np.random.Generator) -> Labels:
    """Assign rows to k centres: greedy k-means++ start, then Lloyd's steps until none changes."""
    squares = (x**2).sum(axis=1)
    centres = x[_spread_rows(x, squares, k, rng)]
    nearest = np.full(len(x), -1)
    for _ in range(MOST_MOVES):
        found = ((centres**2).sum(axis=1) - 2 * x @ centres.T).argmin(axis=1)
        if (found == nearest).all():
            break
        nearest = found
        sums = np.eye(k)[nearest].T @ x
        counts = np.bincount(nearest, minlength=k)
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
    return nearest


def _spread_rows(x: Float64, squares: Float64, k: int, rng: np.random.Generator) -> list[int]:
    """Choose k rows, each the best of a few drawn with odds of their squared distance so far."""
    chosen = [int(rng.integers(len(x)))]
    closest = _distances(x, squares, chosen)[0]
    for _ in range(k - 1):
        total = float(closest.sum())
        odds = closest / total if total > 0 else np.full(len(x), 1 / len(x))
        drawn = rng.choice(len(x), size=2 + int(np.log(k)), p=odds).tolist()
        left = np.minimum(closest, _distances(x, squares, drawn))
        best = int(left.sum(axis=1).argmin())
        chosen.append(drawn[best])
        closest = left[best]
    return chosen


def _distances(x: Float64, squares: Float64, rows: list[int]) -> Float64:
    """Squared distances of all rows from the given ones, (len(rows), n)."""
    distance: Float64 = squares[rows][:, None] - 2 * x[rows] @ x.T + squares
    return np.maximum(distance, 0.0)
