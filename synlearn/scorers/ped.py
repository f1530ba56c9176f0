"""PED: potential energy descent, the features scored where fine-tuning might move them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from synlearn.errors import ScoreInputError
from synlearn.scorers.classes import check_magnitude
from synlearn.scorers.inputs import Float64, check_labelled, check_matrix
from synlearn.scorers.logme import logme
from synlearn.scorers.sfda import sfda

Then = Literal["sfda", "logme", "logme_fixed_point"]

LEAST_DEVIATION = 1e-3
"""Features that vary less on general images are divided by this."""

COINCIDE = 1e-12
"""Class means closer than this part of the largest standardised feature are one point."""


def ped(
    features: ArrayLike,
    labels: ArrayLike,
    general_features: ArrayLike,
    *,
    then: Then = "sfda",
    nsigma: float = 0.6,
    time_step: float = 0.1,
    exit_ratio: float = 0.5,
    most_steps: int = 6,
) -> float:
    """Score of features after overlapping classes have pushed each other apart; higher is better.

    Features are standardised by the mean and deviation of `general_features`, z = (x - m) / s with
    s >= 1e-3. Each class is a ball around its mean mu_a, with radius r_a = sqrt(sum over features
    of its variance). Where two balls overlap they repel, and in each step each class moves by

        sum over b of (mu_a - mu_b) / |mu_a - mu_b| * min(time_step^2 / 2, 1) * F_ab,
        F_ab = max(0, nsigma (r_a + r_b) - |mu_a - mu_b|)

    with all its rows, so radii stay. Steps end after `most_steps`, or before the first step whose
    sum of absolute movements is at most `exit_ratio` times that of step 1. The features where they
    are then, back in their own units, are scored.

    Special cases. n < d: the movement needs nothing but class means; "sfda" then rounds to 1 for
    most models, since its classes are separable, while "logme" does not. One sample in a class: a
    ball of radius 0. A constant feature: no effect on the movement. No overlap, as for constant
    features: nothing moves, and the score is that of the features as they are. Labels with a gap,
    or a class that never occurs: no effect. One class: nothing moves; "sfda" is undefined.

    Args:
        features: (n, d) finite real numbers.
        labels: (n,) whole numbers.
        general_features: (m, d) outputs of the same model on images of its source domain, such as
            the validation set of ImageNet.
        then: What scores the moved features: "sfda" (the authors' default), "logme", or
            "logme_fixed_point" with the authors' schedule of LogME.
        nsigma: Size of the balls in radii; the authors use 0.3 and 0.6.
        time_step: Duration of a step.
        exit_ratio: See above.
        most_steps: See above; 0 scores the features as they are.

    Returns:
        A float in the range of `sfda` or `logme`.

    Raises:
        ScoreInputError: Unusable arrays, means of overlapping classes that coincide, so that no
            direction leads them apart, or features for which the score is undefined.

    Source: Li et al., "Exploring Model Transferability through the Lens of Potential Energy", ICCV
    2023.
    """
    moved = descend(
        features,
        labels,
        general_features,
        nsigma=nsigma,
        time_step=time_step,
        exit_ratio=exit_ratio,
        most_steps=most_steps,
    )
    match then:
        case "sfda":
            return sfda(moved.features, labels)
        case "logme":
            return logme(moved.features, labels)
        case "logme_fixed_point":
            return logme(moved.features, labels, schedule="fixed_point")
        case _:
            raise ScoreInputError(f"then is {then!r}: choose sfda, logme or logme_fixed_point.")


@dataclass(frozen=True, slots=True)
class Descent:
    """Features after their classes have pushed each other apart.

    Attributes:
        features: (n, d), in the units of the features that were given.
        steps: Steps made.
        changes: Sum of absolute movements of the class means, standardised, of each step that was
            made or rejected.
    """

    features: Float64
    steps: int
    changes: tuple[float, ...]


def descend(
    features: ArrayLike,
    labels: ArrayLike,
    general_features: ArrayLike,
    *,
    nsigma: float = 0.6,
    time_step: float = 0.1,
    exit_ratio: float = 0.5,
    most_steps: int = 6,
) -> Descent:
    """Move features as `ped` does, to be scored by anything; arguments and errors as there."""
    data = check_labelled(features, labels)
    general = check_matrix(general_features, "general_features")
    check_magnitude(data.x, "features")
    check_magnitude(general, "general_features")
    if general.shape[1] != data.x.shape[1]:
        raise ScoreInputError(
            f"general_features have {general.shape[1]} columns and features {data.x.shape[1]}; "
            "both must come from one layer of one model."
        )
    if not (np.isfinite([nsigma, time_step, exit_ratio]).all() and nsigma >= 0 and most_steps >= 0):
        raise ScoreInputError(
            f"nsigma is {nsigma}, time_step {time_step}, exit_ratio {exit_ratio} and most_steps "
            f"{most_steps}; all must be finite, nsigma and most_steps not below 0."
        )
    deviation = np.maximum(general.std(axis=0), LEAST_DEVIATION)
    z = (data.x - general.mean(axis=0)) / deviation
    members = np.zeros((data.classes, len(z)))
    members[data.y, np.arange(len(z))] = 1 / data.counts[data.y]
    start = members @ z
    radii = np.sqrt((members @ (z - start[data.y]) ** 2).sum(axis=1))
    reach = nsigma * (radii[:, None] + radii)
    np.fill_diagonal(reach, 0.0)
    mobility = min(time_step**2 / 2, 1.0)
    means, changes, steps = start, [], 0
    while steps < most_steps:
        movement = mobility * _repulsion(means, reach, COINCIDE * float(np.abs(z).max()))
        changes.append(float(np.abs(movement).sum()))
        if changes[-1] == 0 or changes[-1] <= exit_ratio * changes[0]:
            break
        means = means + movement
        steps += 1
    moved = data.x + ((means - start) * deviation)[data.y]
    return Descent(moved, steps, tuple(changes))


def _repulsion(means: Float64, reach: Float64, same: float) -> Float64:
    """(c, d) sum over the other classes of overlap times direction away from them."""
    distance = cdist(means, means)
    overlap = np.maximum(reach - distance, 0.0)
    overlap[overlap <= same] = 0.0
    stuck: NDArray[np.bool_] = (overlap > 0) & (distance <= same)
    if stuck.any():
        one, other = np.argwhere(stuck)[0]
        raise ScoreInputError(
            f"the means of classes {one} and {other} (in rising order of labels) coincide, so no "
            "direction leads them apart."
        )
    push = np.divide(overlap, distance, out=np.zeros_like(overlap), where=overlap > 0)
    middle = means - means.mean(axis=0)
    found: Float64 = push.sum(axis=1)[:, None] * middle - push @ middle
    return found
