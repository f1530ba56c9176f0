"""How high a rank correlation can get when the truth itself is measured with noise.

A true reusability is an average over a finite number of draws (test rows, few-shot heads), so even
a scorer that knows the noiseless value does not reach tau = 1 against it. Two independent halves of
the draws tell how far it can get:

1. tau_half, Kendall's tau between the two halves, gives their correlation r = sin(pi/2 tau_half);
2. Spearman-Brown gives the reliability of the full average, R = 2 r / (1 + r), which is the squared
   correlation of the full average with the noiseless truth;
3. back on the scale of tau, a perfect scorer reaches 2/pi asin(sqrt(R)).

Steps 1 and 3 (Greiner's relation) are exact where values over models are jointly normal and a good
approximation otherwise; step 2 needs halves of equal size and noise that is independent between
them.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.evaluation.rank_correlation import FloatArray, kendall_tau


@dataclass(frozen=True, slots=True)
class NoiseCeiling:
    """What a perfect scorer reaches against a noisy truth.

    Attributes:
        tau_half: Kendall's tau between two independent halves of the draws, in [-1, 1].
        reliability: R in [0, 1], squared correlation of the full truth with the noiseless one.
        tau: the ceiling in [0, 1]: Kendall's tau of a perfect scorer against the full truth.
    """

    tau_half: float
    reliability: float
    tau: float


def noise_ceiling(tau_half: float) -> NoiseCeiling:
    """Get the ceiling from tau_half, which may be a mean over tasks.

    Halves that do not agree at all (tau_half <= 0) mean a truth of pure noise: the ceiling is 0.

    Raises:
        ScoreInputError: if tau_half is not in [-1, 1].

    >>> round(noise_ceiling(0.77).tau, 3)
    0.883
    """
    if not -1.0 <= tau_half <= 1.0:  # false for NaN as well
        raise ScoreInputError(f"tau_half is {tau_half}: Kendall's tau lies between -1 and 1.")
    r = max(0.0, math.sin(math.pi / 2 * tau_half))
    reliability = 2 * r / (1 + r)
    return NoiseCeiling(tau_half, reliability, 2 / math.pi * math.asin(math.sqrt(reliability)))


def split_half_tau(half_a: ArrayLike, half_b: ArrayLike) -> float:
    """Kendall's tau between the truths that two disjoint halves of the draws give for one task.

    Args:
        half_a: (models,) the truth from the first half, or (draws, models) to be averaged here.
        half_b: the same for the second half, with as many draws.

    Raises:
        ScoreInputError: if the halves differ in shape, or where tau is undefined.

    >>> split_half_tau([[0.9, 0.5, 0.2], [0.8, 0.4, 0.3]], [[0.7, 0.6, 0.1], [0.9, 0.8, 0.2]])
    1.0
    """
    a, b = _draws("half_a", half_a), _draws("half_b", half_b)
    if a.shape != b.shape:
        raise ScoreInputError(
            f"half_a has shape {a.shape} and half_b {b.shape}: halves need equally many draws."
        )
    return kendall_tau(a.mean(axis=0), b.mean(axis=0))


def random_halves(draws: ArrayLike, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Deal the draws of one task into two random halves of equal size, leaving one out if odd.

    Args:
        draws: (draws, models) at least two draws of the quantity whose mean is the truth.
        rng: decides who goes where.

    Returns:
        Two arrays (draws // 2, models), as `split_half_tau` takes them.

    Raises:
        ScoreInputError: for fewer than two draws.
    """
    values = _draws("draws", draws)
    half = len(values) // 2
    if half == 0:
        raise ScoreInputError("draws has one row: a split into halves needs at least two draws.")
    order = rng.permutation(len(values))
    return values[order[:half]], values[order[half : 2 * half]]


def _draws(name: str, values: ArrayLike) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or 0 in array.shape:
        raise ScoreInputError(
            f"{name} has shape {array.shape}: pass (models,) or (draws, models), neither empty."
        )
    return array
