"""Noise of a masked sum: every node adds a little, and the sum carries what was promised.

The distributed discrete Gaussian of Kairouz, Liu and Steinke (ICML 2021, arXiv 2102.06387). The sum
of many nodes' noise is no discrete Gaussian, but close to one; their bounds, below, say what the
difference costs. More honest survivors than were counted on add independent noise to the sum, which
can only protect more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self, cast

from protocols.secagg.discrete_gaussian import (
    LARGEST_VARIANCE,
    SMALLEST_VARIANCE,
    DiscreteGaussianSampler,
)
from protocols.values import Value


class NoiseError(ValueError):
    """Noise that cannot be drawn, or that protects nothing; the sentence says what to change."""


@dataclass(frozen=True, slots=True)
class DiscreteGaussian:
    """Noise whose sum over the honest survivors has at least a given parameter sigma.

    Attributes:
        sigma: Of the sum, in the unit of the values. It is the distribution's parameter: its
            standard deviation, up to less than a millionth where a node's share is above one step.
        threshold: Fewest survivors that give a sum.
        colluders: How many of these are assumed to add no noise, or to tell theirs.

    Raises:
        NoiseError: A field outside its range.
    """

    sigma: float
    threshold: int
    colluders: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise NoiseError(f"sigma has to be finite and above 0, not {self.sigma}")
        if not 0 <= self.colluders < self.threshold:
            raise NoiseError(
                f"{self.colluders} colluders among {self.threshold} survivors leave nobody whose "
                "noise counts: raise the threshold or tolerate fewer colluders"
            )

    @property
    def honest(self) -> int:
        """Survivors whose noise is counted on."""
        return self.threshold - self.colluders

    @property
    def _share_sigma(self) -> float:
        return self.sigma / math.sqrt(self.honest)

    @property
    def finest_step(self) -> float:
        """A power of two below which `share` may refuse; each node's part is 2^22 to 2^23 of it."""
        return math.ldexp(1.0, math.frexp(self._share_sigma)[1] - 23)

    def share(self, step: float) -> DiscreteGaussianSampler:
        """What one node draws from for each entry, in units of `step`.

        Its parameter is sigma^2 / (threshold - colluders), rounded up by less than 2^-18 of it.

        Args:
            step: A power of two.

        Raises:
            NoiseError: The step is too coarse or too fine for this noise.
        """
        variance = Fraction(self.sigma) ** 2 / self.honest / Fraction(step) ** 2
        share = self._share_sigma
        if variance < SMALLEST_VARIANCE:
            raise NoiseError(
                f"each node's share of the noise, {share:.3g}, is below half a step of {step:.3g}, "
                "where no bound on its privacy holds: use a finer step"
            )
        if variance > LARGEST_VARIANCE:
            raise NoiseError(
                f"each node's share of the noise, {share:.3g}, is above 2**24 steps of {step:.3g}: "
                "use a coarser step, which loses nothing under so much noise"
            )
        return DiscreteGaussianSampler.at_least(variance)

    def tail(self, step: float, parties: int) -> int:
        """Units that the noise of `parties` nodes stays within, but for a probability of 2^-40.

        That holds for 2^32 entries together. A discrete Gaussian is sub-Gaussian with its
        own parameter (Canonne et al. 2020), and so is a sum with the sum S of the parameters:
        P(|sum| >= T) <= 2 exp(-T^2 / (2 S)), which is below 2^-72 for T^2 = 102 S.

        Raises:
            NoiseError: As `share`.
        """
        return math.isqrt(math.ceil(102 * parties * self.share(step).variance)) + 1

    def zcdp_rho(
        self, l2_sensitivity: float, dimension: int, step: float, *, on_grid: bool = False
    ) -> float:
        """The rho of zero-concentrated differential privacy that one noisy sum is charged.

        With n honest nodes, each of parameter s^2 >= 1/4, an integer L2 sensitivity D and
        tau = 10 sum_{k=1}^{n-1} exp(-2 pi^2 s^2 k / (k + 1)), the Rényi divergence of order a is at
        most the lesser of a D^2 / (2 n s^2) + tau d and a (D / (sqrt(n) s) + tau sqrt(d))^2 / 2
        (proposition 14 of Kairouz et al.). Both are at most rho * a, for every a >= 1, with the rho
        returned here.

        Args:
            l2_sensitivity: How far one unit of privacy (a row, or a party) can move its party's
                vector, in the unit of the values, as a Euclidean distance.
            dimension: Entries of the vector.
            step: A power of two, the encoding's.
            on_grid: Whether all values are multiples of `step`, as counts are with a step of 1.
                Otherwise rounding may add one step to the distance along every entry.

        Raises:
            NoiseError: The step is too coarse or too fine, or so coarse that adding up several
                nodes' noise would cost more than the noise's own size does.
        """
        if not (math.isfinite(l2_sensitivity) and l2_sensitivity > 0 and dimension > 0):
            raise NoiseError(
                "the sensitivity and the dimension have to be above 0, not "
                f"{l2_sensitivity} and {dimension}"
            )
        variance = float(self.share(step).variance)
        units = l2_sensitivity / step + (0.0 if on_grid else math.sqrt(dimension))
        scaled = units / math.sqrt(self.honest * variance)
        tau = 10 * math.fsum(
            math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in range(1, self.honest)
        )
        gaussian = scaled**2 / 2
        rho = min(
            gaussian + tau * dimension,
            (scaled + tau * math.sqrt(dimension)) ** 2 / 2,
        )
        if rho > 2 * gaussian:
            raise NoiseError(
                f"with a step of {step:.3g} the noise of {self.honest} nodes may be so far from a "
                f"Gaussian that it costs {rho / gaussian:.3g} times as much: use a finer step"
            )
        return rho

    def to_values(self) -> dict[str, Value]:
        """The fields as named values, as a question carries them."""
        return {"sigma": self.sigma, "threshold": self.threshold, "colluders": self.colluders}

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> Self:
        """The noise that `to_values` wrote.

        Raises:
            NoiseError: A value is missing, unknown, of another type or out of range.
        """
        types = {"sigma": float, "threshold": int, "colluders": int}
        if {name: type(value) for name, value in values.items()} != types:
            raise NoiseError("noise has a real sigma, an integer threshold and integer colluders")
        return cls(**cast("dict[str, Any]", dict(values)))
