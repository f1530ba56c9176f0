"""A joint Gaussian model of reusability and of everything that speaks about it.

For one task, let row 0 of X (q, m) be the true reusability of m candidate models, and the other
rows what q - 1 *sources* say of them: the learned metric and direct scores. Each row is centred
over the models. The model, a linear model of coregionalisation of two terms, is

    cov(X_am, X_bn) = shared_ab * kernel_mn + own_ab * 1[m = n].

`kernel` says which candidates go together. Along its leading directions many models rise and fall
together, so the examples show such a direction more clearly than they show one model's own part;
and whatever a source gets wrong about one model it tends to get wrong about its like. With q = 2
and a kernel of zero the model is plain regression to the mean.

In the kernel's eigenvectors, eigenvalues s_i, the coordinates are independent of each other,

    x_i ~ N(0, s_i * shared + own)    (q numbers each),

so the likelihood, and the reusability given the sources, have closed forms.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Float64 = NDArray[np.float64]

JITTER = 1e-6
"""Added to the variances of every coordinate: sources may be linear functions of each other."""


ROUNDING = 1e-12
"""Eigenvalues below this part of the trace are zeros."""


@dataclass(frozen=True, slots=True)
class Directions:
    """The kernel's eigenvectors among candidate models, the constant one left out.

    Attributes:
        strengths: (m - 1,) eigenvalues of the kernel centred over the models, >= 0, rising.
        vectors: (m, m - 1), orthonormal, each summing to zero.
    """

    strengths: Float64
    vectors: Float64

    @classmethod
    def of(cls, kernel: Float64) -> "Directions":
        """Decompose a symmetric, positive semi-definite (m, m) kernel, m >= 2."""
        centred = kernel - kernel.mean(axis=0)
        centred = centred - centred.mean(axis=1, keepdims=True)
        # The constant vector, which has eigenvalue 0, is moved above all others.
        above = 1 + 2 * max(float(np.trace(centred)), 0.0)
        strengths, vectors = np.linalg.eigh((centred + centred.T) / 2 + above / len(kernel))
        kept = np.where(strengths > ROUNDING * above, strengths, 0.0)
        return cls(kept[:-1], vectors[:, :-1])


@dataclass(frozen=True, slots=True)
class Covariances:
    """The model's parameters, (q, q) each, positive semi-definite.

    Attributes:
        shared: Along the kernel.
        own: Of each model for itself.
    """

    shared: Float64
    own: Float64

    def along(self, strengths: Float64) -> Float64:
        """Covariance of the coordinates in each direction, (m - 1, q, q)."""
        return strengths[:, None, None] * self.shared + self.own + JITTER * np.eye(len(self.own))


@dataclass(frozen=True, slots=True)
class Posterior:
    """What the sources leave to be known about the candidates' reusability, centred over them.

    Attributes:
        mean: (m,).
        covariance: (m, m).
    """

    mean: Float64
    covariance: Float64

    def difference_variance(self, model: int) -> Float64:
        """Variance of each candidate's reusability minus that of `model`, (m,)."""
        own = np.diag(self.covariance)
        found: Float64 = own + own[model] - 2 * self.covariance[model]
        return np.maximum(found, 0.0)


def posterior(fitted: Covariances, directions: Directions, sources: Float64) -> Posterior:
    """Reusability given the sources, in closed form.

    Args:
        fitted: Of q = 1 + sources rows.
        directions: Among the m candidates.
        sources: (q - 1, m), each centred over the candidates and scaled as in fitting.
    """
    blocks = fitted.along(directions.strengths)
    weights = np.linalg.solve(blocks[:, 1:, 1:], blocks[:, 1:, :1])[:, :, 0]  # (m - 1, q - 1)
    seen = (sources @ directions.vectors).T
    left = blocks[:, 0, 0] - (weights * blocks[:, 1:, 0]).sum(axis=1)
    mean = directions.vectors @ (weights * seen).sum(axis=1)
    return Posterior(mean, (directions.vectors * np.maximum(left, 0.0)) @ directions.vectors.T)


@dataclass(frozen=True, slots=True)
class Moments:
    """All that the likelihood needs of tasks that share their candidates.

    Attributes:
        strengths: (d,) of the candidates' directions.
        products: (d, q, q) sum over tasks of x_i x_i'.
        tasks: How many were added up.
    """

    strengths: Float64
    products: Float64
    tasks: float

    @classmethod
    def of(cls, directions: Directions, rows: Float64) -> "Moments":
        """Take (tasks, q, m) rows."""
        seen = rows @ directions.vectors  # (t, q, d)
        return cls(directions.strengths, np.einsum("tad,tbd->dab", seen, seen), len(rows))


def fit(moments: Iterable[Moments], *, start: Covariances | None = None) -> Covariances:
    """Maximise the likelihood of the reusability given the sources.

    That is p(v | sources), not p(v, sources): how sources depend on each other is modelled only as
    far as it matters for v, so that leaving a source out needs another fit. Kernels of zero leave
    `shared` at zero. Found by L-BFGS on triangular factors of the two matrices, from half
    of all variance in each.

    Args:
        moments: Of one group of tasks or more, each with its candidates.
        start: Where to begin instead.
    """
    groups = list(moments)
    strengths = np.concatenate([group.strengths for group in groups])
    products = np.concatenate([group.products for group in groups])
    counts = np.concatenate([np.full(len(g.strengths), g.tasks) for g in groups])
    q = products.shape[1]
    lower = np.tril_indices(q)
    if start is None:
        whole = products.sum(axis=0) / counts.sum()
        scale = float((counts * strengths).sum() / counts.sum())
        start = Covariances(whole / 2 / scale if scale > 0 else 0 * whole, whole / 2)

    def unpacked(flat: Float64) -> tuple[Float64, Float64]:
        both = np.zeros((2, q, q))
        both[0][lower], both[1][lower] = np.split(flat, 2)
        return both[0], both[1]

    def cost(flat: Float64) -> tuple[float, Float64]:
        shared, own = unpacked(flat)
        blocks = Covariances(shared @ shared.T, own @ own.T).along(strengths)
        joint, slope = _half_deviance(blocks, products, counts)
        sources, inner = _half_deviance(blocks[:, 1:, 1:], products[:, 1:, 1:], counts)
        slope[:, 1:, 1:] -= inner
        by_shared = 2 * np.einsum("d,dab->ab", strengths, slope) @ shared
        by_own = 2 * slope.sum(axis=0) @ own
        gradient = np.concatenate([by_shared[lower], by_own[lower]])
        total = counts.sum()
        return (joint - sources) / total, gradient / total

    ridge = JITTER * np.eye(q)
    first = np.concatenate(
        [np.linalg.cholesky(part + ridge)[lower] for part in (start.shared, start.own)]
    )
    found = minimize(cost, first, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    shared, own = unpacked(found.x)
    along = shared @ shared.T if strengths.any() else np.zeros((q, q))
    return Covariances(along, own @ own.T)


def _half_deviance(blocks: Float64, products: Float64, counts: Float64) -> tuple[float, Float64]:
    """Minus the log-likelihood of N(0, block), constants left out, and its slope by each block."""
    inverse = np.linalg.inv(blocks)
    _, log_det = np.linalg.slogdet(blocks)
    seen = inverse @ products @ inverse
    value = 0.5 * float(counts @ log_det + np.einsum("dab,dba->", inverse, products))
    return value, 0.5 * (counts[:, None, None] * inverse - seen)
