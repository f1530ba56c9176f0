"""Clip, round to a grid, add discrete Gaussian noise, and make an allowed answer of it again."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.queries import Answer, PretrainingGradient, PretrainingUpdate, Query
from protocols.secagg.keys import KEY_BYTES, ByteStream
from protocols.secagg.noise import DiscreteGaussian
from provider.noise.post_processing import allowed
from provider.noise.rule import NoiseRule
from provider.noise.sensitivity import Noised, noised

Float64 = npt.NDArray[np.float64]
RandomBytes = Callable[[int], bytes]
"""So many random bytes that nobody can foresee, as `os.urandom`."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Noise of one array.

    Attributes:
        noise: Of one node alone; sigma is in the unit of the values.
        step: A power of two; values are rounded to its multiples before noise is added, so that
            no floating-point rounding of noise tells about them.
    """

    noise: DiscreteGaussian
    step: float

    @classmethod
    def of(cls, sensitivity: float, entries: int, rho: float) -> "Grid":
        """The least noise that costs no more than `rho`.

        Args:
            sensitivity: How far one row can move the array, as a Euclidean distance.
            entries: Of the array. Rounding may part neighbours by one step more along each.
            rho: Above 0.
        """
        step = _alone(sensitivity / math.sqrt(2 * rho)).finest_step
        distance = sensitivity + step * math.sqrt(entries)
        return cls(_alone(distance / math.sqrt(2 * rho) * (1 + 2.0**-40)), step)

    def rho(self, sensitivity: float, entries: int) -> float:
        """What the noise really costs, by the discrete Gaussian's own bound."""
        return self.noise.zcdp_rho(sensitivity, entries, self.step)

    def release(self, values: Float64, random: ByteStream) -> Float64:
        """The values with noise, of their shape; multiples of the step."""
        units = np.rint(values / self.step).astype(np.int64)
        drawn = self.noise.share(self.step).sample(values.size, random)
        return (units + drawn.reshape(values.shape)).astype(np.float64) * np.float64(self.step)


def noisy_answer(
    query: Query, answer: Answer, rule: NoiseRule, random_bytes: RandomBytes
) -> Answer:
    """What may leave instead of an exact answer.

    Draw once for each question and keep the result: noise that is drawn again can be averaged out.

    Args:
        query: The question.
        answer: Exact, computed within `rule.limits`.
        rule: How noisy it is to be.
        random_bytes: As `os.urandom`.

    Returns:
        An answer that `check_answer` accepts. Numbers of rows, and all of `describe`, are as they
        were; every other number is a function of noisy ones.

    Raises:
        Refused: NOT_ALLOWED, as `check_noise`; MODEL_UNUSABLE, the answer was computed without
            limits and holds what is no number.
    """
    parts = noised(query, rule)
    seed = random_bytes(KEY_BYTES)
    noisy = {
        name: _noisy(name, _clipped(query, name, answer[name], rule), part, rule.rho, seed)
        for name, part in parts.items()
    }
    public = {name: array for name, array in answer.items() if name not in parts}
    return allowed(query, noisy, public, rule)


def _noisy(name: str, values: Float64, part: Noised, rho: float, seed: bytes) -> Float64:
    if not np.isfinite(values).all():
        raise Refused(
            Code.MODEL_UNUSABLE, local=f"'{name}' is no number: it was computed without row limits"
        )
    grid = Grid.of(part.sensitivity, values.size, rho * part.share)
    return grid.release(values, ByteStream(seed, f"plain-noise/v1|{name}"))


def _clipped(query: Query, name: str, array: npt.NDArray[np.generic], rule: NoiseRule) -> Float64:
    """The array in float64; of the vectors of pre-training, no longer than the rule allows."""
    values = array.astype(np.float64)
    if not isinstance(query, PretrainingGradient | PretrainingUpdate) or not array.ndim:
        return values
    # A vector with what is no number has no direction: it counts as none.
    if not np.isfinite(values).all():
        return np.zeros_like(values)
    length = float(np.linalg.norm(values))
    return values * min(1.0, rule.clip / length) if length else values


def _alone(sigma: float) -> DiscreteGaussian:
    return DiscreteGaussian(sigma, threshold=1, colluders=0)
