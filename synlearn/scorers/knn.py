"""Leave-one-out accuracy of nearest neighbours."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labelled, Labels, check_labelled
from synlearn.scorers.pairs import ROUNDING, centred, scaled, unit_rows

Metric = Literal["l2", "cosine"]
Protocol = Literal["leave_one_out", "halves"]
Indices = NDArray[np.intp]

BLOCK = 1 << 22
"""Numbers held at a time, beyond features: 32 MiB."""


def knn(
    features: ArrayLike,
    labels: ArrayLike,
    k: int = 1,
    *,
    metric: Metric = "l2",
    protocol: Protocol = "leave_one_out",
) -> float:
    """Accuracy of k nearest neighbours, each row judged by the others; higher is better.

    score = mean over rows i of [the class most frequent among the k rows nearest to i is y_i]

    Nothing depends on the order of rows, columns or classes:

    - Classes with equally many votes share the point: with the true one among two, the row counts
      1/2, which is the expected accuracy of a coin.
    - Rows as far away as the k-th nearest share the places that are left, so votes are fractions.
      With k = 1 the row counts the true class's share of the nearest ones, again an expectation.
    - Distances are equal where they differ by rounding only. They are found by a matrix product and
      computed anew, as differences, wherever this could decide anything.

    Special cases. n < d: nothing changes. One sample in a class: that row is a miss. Every class
    with one sample: 0. A constant feature: no effect on "l2". Only constant features: every row is
    as near as any, so k = 1 gives chance, the mean of (n_y - 1) / (n - 1); with k > 1 the most
    frequent class wins, and among classes of equal size this never is the row's own, which was left
    out. Labels with a gap, or a class that never occurs: no effect. One class: 1.

    Args:
        features: (n, d) finite real numbers, n > k.
        labels: (n,) whole numbers.
        k: How many neighbours vote, >= 1.
        metric: "l2" for Euclidean distance, "cosine" for 1 - cosine.
        protocol: "leave_one_out", or "halves": the first n // 2 rows vote on the others, in the
            given order, as a proxy of held-out accuracy (this does depend on the order of rows).

    Returns:
        A float in [0, 1].

    Raises:
        ScoreInputError: Unusable arrays, a k below 1 or above the number of voters, or with
            "cosine" a row of zeros.

    Source: the task-aware kNN proxy of Renggli et al., "Which Model to Transfer?", CVPR 2022;
    leave-one-out as in Bolya et al., "Scalable Diverse Model Selection", NeurIPS 2021 (in percent
    there).
    """
    data = check_labelled(features, labels)
    n = len(data.y)
    points = _points(data.x, metric)
    everyone = np.arange(n)
    match protocol:
        case "leave_one_out":
            voters, judged, most = everyone, everyone, n - 1
        case "halves":
            voters, judged, most = everyone[: n // 2], everyone[n // 2 :], n // 2
        case _:
            raise ScoreInputError(f"protocol is {protocol!r}: choose 'leave_one_out' or 'halves'.")
    if not (isinstance(k, int | np.integer) and 1 <= k <= most):
        raise ScoreInputError(f"k is {k}: with {n} rows, choose from 1 to {most} neighbours.")
    hits = 0.0
    step = max(1, BLOCK // len(voters))
    for start in range(0, len(judged), step):
        rows = judged[start : start + step]
        hits += _hits(_votes(points, data, rows, voters, k), data.y[rows], k)
    return hits / len(judged)


def _points(x: Float64, metric: Metric) -> Float64:
    match metric:
        case "l2":
            return scaled(x)
        case "cosine":
            return unit_rows(
                scaled(x), "features: row {row} is zero and has no direction; use metric 'l2'."
            )
        case _:
            raise ScoreInputError(f"metric is {metric!r}: choose 'l2' or 'cosine'.")


def _votes(points: Float64, data: Labelled, rows: Indices, voters: Indices, k: int) -> Float64:
    """(rows, c) votes of the k nearest voters, each row's summing to k."""
    near_row, near_voter = _candidates(points, rows, voters, k)
    distance = _distances(points, rows[near_row], voters[near_voter])
    order = np.lexsort((distance, near_row))
    near_row, near_voter, distance = near_row[order], near_voter[order], distance[order]
    starts = np.searchsorted(near_row, np.arange(len(rows)))
    last = distance[starts + k - 1]  # of the k-th nearest
    slack = ROUNDING * last + np.finfo(np.float64).eps * 4
    nearer = distance < (last - slack)[near_row]
    tied = ~nearer & (distance <= (last + slack)[near_row])
    places = k - np.bincount(near_row[nearer], minlength=len(rows))
    share = places / np.bincount(near_row[tied], minlength=len(rows))
    weight = np.where(nearer, 1.0, np.where(tied, share[near_row], 0.0))
    cell = near_row * data.classes + data.y[voters[near_voter]]
    votes = np.bincount(cell, weight, minlength=len(rows) * data.classes).astype(np.float64)
    return votes.reshape(len(rows), data.classes)


def _candidates(points: Float64, rows: Indices, voters: Indices, k: int) -> tuple[Indices, Indices]:
    """Positions in `rows` and `voters` of all pairs that rounding allows to be among the k nearest.

    The matrix product is fast, but off by a little of the points' squared length.
    """
    middle = centred(points)
    length = np.einsum("ij,ij->i", middle, middle)
    # BLAS does half the work where both factors are one array.
    whole = len(rows) == len(voters) == len(points)
    product = middle @ middle.T if whole else middle[rows] @ middle[voters].T
    product *= -2
    product += length[voters]
    # length[rows] is the same along a row of the product and decides nothing there
    product[rows[:, None] == voters] = np.inf  # nobody votes on itself
    nearest = product.min(axis=1) if k == 1 else np.partition(product, k - 1, axis=1)[:, k - 1]
    allowance = 100 * ROUNDING * (length[rows] + length.max()) + 1e-300
    near_row, near_voter = np.nonzero(product <= (nearest + allowance)[:, None])
    return near_row, near_voter


def _distances(points: Float64, one: Indices, other: Indices) -> Float64:
    """Distances of pairs by their differences: equal rows get equal distances, bit by bit."""
    found = np.empty(len(one))
    for part in _parts(len(one), points.shape[1]):
        difference = points[one[part]] - points[other[part]]
        found[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return found


def _parts(pairs: int, width: int) -> Iterator[slice]:
    step = max(1, BLOCK // width)
    for start in range(0, pairs, step):
        yield slice(start, start + step)


def _hits(votes: Float64, truth: Labels, k: int) -> float:
    own = votes[np.arange(len(truth)), truth]
    if k == 1:
        return float(own.sum())
    winning = votes >= votes.max(axis=1, keepdims=True) - ROUNDING * k
    return float((winning[np.arange(len(truth)), truth] / winning.sum(axis=1)).sum())
