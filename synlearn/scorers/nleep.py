"""N-LEEP: LEEP of clusters of the features, for models without source classes."""

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labelled, check_labelled
from synlearn.scorers.leep import empirical_predictions
from synlearn.scorers.mixture import fit_mixture
from synlearn.scorers.spectrum import centred

COMPONENTS_PER_CLASS = 5


def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    components: int | None = None,
    energy: float = 0.8,
    log: bool = True,
    seed: int = 0,
) -> float:
    """LEEP with the clusters of the features as source classes; higher is better.

    The features are reduced to the fewest principal components that hold more than a share
    `energy` of their variance; a Gaussian mixture with full covariances is fitted to these; with
    r[i, v] its posterior over Gaussian v on row i, and P(y, v) = (1/n) sum over rows of label y of
    r[i, v],

        N-LEEP = (1/n) sum_i log( sum_v P(y_i, v) / P(v) * r[i, v] ).

    Args:
        features: (n, d) values.
        labels: (n,) whole numbers.
        components: Number of Gaussians, at most n; five for each class unless given.
        energy: In (0, 1]; 1 keeps every direction, as some authors do.
        log: False gives the mean probability, in (0, 1], that one public implementation reports.
        seed: Of the mixture's start. Other seeds move the score by 1 to 40 per cent: compare models
            at one seed, or average several.

    Returns:
        A value in [-H(y), 0], where H(y) is the entropy of the labels in nats; the same for any
        order of rows, for any names of the labels, and, to the precision at which the mixture
        stops, for a rotation or common scale of the features.

    Special cases: n < d is a regular case; memory is O(n d). With as many Gaussians as rows every
    row is its own cluster and the score is 0 for all models: few rows ask for fewer `components`
    than the default. A class of one row counts as any other. A constant feature changes nothing. A
    label that never occurs, or a gap in the numbering, changes nothing.

    Raises:
        ScoreInputError: Input does not fit; fewer rows than Gaussians; or no feature varies.

    Source: Li, Jia, Sang, Zhu, Green, Wang and Gong, "Ranking Neural Checkpoints", CVPR 2021.

    >>> nleep([[-9.0], [-8.0], [9.0], [8.0]], [0, 0, 1, 1], components=2)
    0.0
    """
    data = check_labelled(features, labels)
    count = COMPONENTS_PER_CLASS * data.classes if components is None else components
    if not 0 < energy <= 1:
        raise ScoreInputError(f"energy is a share of the variance in (0, 1], not {energy}.")
    if not 1 <= count <= len(data.y):
        raise ScoreInputError(
            f"N-LEEP cannot fit {count} Gaussians to {len(data.y)} rows; pass components between "
            "1 and the number of rows."
        )
    order = _order_of_values(data.x)
    reduced = principal_components(data.x[order], energy)
    _, posterior = fit_mixture(reduced, count, np.random.default_rng(seed))
    return score_of_clusters(Labelled(posterior, data.y[order], data.counts, data.names), log=log)


def score_of_clusters(clusters: Labelled, *, log: bool) -> float:
    """Score (n, k) posteriors over clusters, rows summing to 1; without the log as `nleep` says."""
    predicted = np.minimum(empirical_predictions(clusters), 1.0)
    return float((np.log(predicted) if log else predicted).mean())


def _order_of_values(x: Float64) -> list[int]:
    """Return an order of the rows that depends on their values only.

    The mixture draws its start by row number; in this order a permutation of the input changes
    nothing, not even a rounding.
    """
    x = x + 0.0  # -0.0 and 0.0 are one value
    return sorted(range(len(x)), key=lambda i: x[i].tobytes())


def principal_components(x: Float64, energy: float) -> Float64:
    """Return the (n, p) principal components that hold more than `energy` of the variance.

    The features' largest deviation from their mean is the unit. The smaller Gram matrix is precise
    enough: what its square root loses is below 1e-7 of the largest component.

    Raises:
        ScoreInputError: No feature varies.
    """
    moved = centred(x / (np.abs(x).max() or 1.0))
    largest = float(np.abs(moved).max())
    if largest == 0:
        raise ScoreInputError("no feature varies between the rows, so there is nothing to cluster.")
    moved /= largest
    n, d = moved.shape
    variances, axes = np.linalg.eigh(moved @ moved.T if n <= d else moved.T @ moved)
    variances, axes = np.maximum(variances[::-1], 0.0), axes[:, ::-1]
    share = np.cumsum(variances) / variances.sum()
    kept = min(int(np.searchsorted(share, energy, side="right")) + 1, n - 1, d)
    axes = axes[:, :kept]
    components: Float64 = axes * np.sqrt(variances[:kept]) if n <= d else moved @ axes
    return components
