"""How noisy the answers to one function are to be."""

import math
from dataclasses import dataclass
from typing import Self

from provider.answers.limits import RowLimits

LEAST_RHO, MOST_RHO = 1e-6, 100.0


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """What one question may tell about a row, and to what size its part is clipped.

    Attributes:
        rho: Of zero-concentrated differential privacy, for each question; 1e-6 to 100.
        clip: For `squared_error`, most that one row adds to a model's sum, over all its targets.
            For `pretraining_gradient` and `pretraining_update`, greatest length of the whole
            vector. Other functions have bounds of their own.

    Raises:
        ValueError: A number is out of range; the sentence says which.
    """

    rho: float
    clip: float = 1.0

    def __post_init__(self) -> None:
        if not LEAST_RHO <= self.rho <= MOST_RHO:
            raise ValueError(
                f"rho of a question is {self.rho:.3g}; it must lie in [{LEAST_RHO:g}, "
                f"{MOST_RHO:g}], so choose another epsilon or number of questions"
            )
        if not (math.isfinite(self.clip) and 1e-6 <= self.clip <= 1e6):
            raise ValueError(f"clip is {self.clip:.3g}; it must lie in [1e-6, 1e6]")

    @classmethod
    def of_epsilon(
        cls, epsilon: float, delta: float, *, questions: int = 1, clip: float = 1.0
    ) -> Self:
        """The rule under which so many questions together cost (epsilon, delta).

        Args:
            epsilon: Above 0.
            delta: Above 0 and below 1; well below one over the number of rows.
            questions: How many of equal cost; their rhos add up.
            clip: See above.

        Raises:
            ValueError: A number is out of range, or epsilon is too small to be accounted for.
        """
        from provider.privacy import rho_within  # noqa: PLC0415 - a second, for noise alone

        if questions < 1:
            raise ValueError(f"questions is {questions}; it must be at least 1")
        return cls(rho_within(epsilon, delta) / questions, clip)

    @property
    def limits(self) -> RowLimits:
        """What answers must keep to, so that the noise covers every row: `Context.limits`."""
        return RowLimits(squared_error=self.clip)
