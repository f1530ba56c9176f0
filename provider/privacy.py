"""Privacy spent on answers with noise, counted by Google's dp-accounting.

What happened is data (a `Charge`, of a masked sum or a plain answer); what it costs is worked out
from all of it together, by an accountant that others have checked. Nothing here adds up epsilons of
its own.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dp_accounting import ZCDpEvent
from dp_accounting.mechanism_calibration import ExplicitBracketInterval, calibrate_dp_mechanism
from dp_accounting.rdp import RdpAccountant

from protocols.errors import Code, Refused
from protocols.secagg.encoding import Encoding

_MOST_RHO = 1e4


class Charge(Protocol):
    """Something that costs privacy."""

    @property
    def event(self) -> ZCDpEvent:
        """What happened, for an accountant."""
        ...


@dataclass(frozen=True, slots=True)
class RhoCharge:
    """So much; a stored answer that is sent again is charged nothing.

    Attributes:
        rho: Of zero-concentrated differential privacy, above 0; `provider.noise.rho_of` names it.
    """

    rho: float

    @property
    def event(self) -> ZCDpEvent:
        """The same for an accountant."""
        return ZCDpEvent(rho=self.rho)


@dataclass(frozen=True, slots=True)
class AggregationCharge:
    """One attempt at one masked sum; a retry is another one.

    Attributes:
        encoding: As the question states it, with noise.
        dimension: Entries of the vector.
        l2_sensitivity: How far what is protected (a row, say) can move this provider's vector, as a
            Euclidean distance in the unit of the values.
        on_grid: Whether all values are multiples of the encoding's step, as counts are with a step
            of 1; see `DiscreteGaussian.zcdp_rho`.

    Raises:
        ValueError: The encoding has no noise, or too little to promise anything (NoiseError).
    """

    encoding: Encoding
    dimension: int
    l2_sensitivity: float
    on_grid: bool = False

    def __post_init__(self) -> None:
        _ = self.rho

    @property
    def rho(self) -> float:
        """What zero-concentrated differential privacy charges for it."""
        if self.encoding.noise is None:
            raise ValueError("a sum without noise cannot be charged: its question asks for none")
        return self.encoding.noise.zcdp_rho(
            self.l2_sensitivity, self.dimension, self.encoding.step, on_grid=self.on_grid
        )

    @property
    def event(self) -> ZCDpEvent:
        """The same for an accountant, which only looks at orders of 1 and more."""
        return ZCDpEvent(rho=self.rho)


def epsilon_of(events: Iterable[ZCDpEvent], delta: float) -> float:
    """The epsilon of (epsilon, delta)-differential privacy of all these events together.

    Args:
        events: What happened, in any order.
        delta: Above 0 and below 1; well below one over the number of rows.

    Raises:
        ValueError: `delta` is out of range.
    """
    if not 0 < delta < 1:
        raise ValueError(f"delta has to lie between 0 and 1, not {delta}")
    accountant = RdpAccountant()
    for event in events:
        accountant.compose(event)
    return float(accountant.get_epsilon(delta))


def rho_within(epsilon: float, delta: float) -> float:
    """The rho of one event that costs (epsilon, delta), or a little less.

    Args:
        epsilon: Above 0.
        delta: Above 0 and below 1; see `epsilon_of`.

    Raises:
        ValueError: A number is out of range, or epsilon is so small that the accountant tells it
            apart from nothing for no rho.
    """
    if not (math.isfinite(epsilon) and epsilon > 0):
        raise ValueError(f"epsilon has to be finite and above 0, not {epsilon}")
    least = 1e-7
    if epsilon_of([ZCDpEvent(rho=least)], delta) >= epsilon:
        raise ValueError(
            f"epsilon is {epsilon:.3g}, too small to be accounted for at delta {delta:.3g}; say a "
            "larger one, of more questions together"
        )
    found = calibrate_dp_mechanism(
        RdpAccountant,
        lambda rho: ZCDpEvent(rho=rho),
        epsilon,
        delta,
        ExplicitBracketInterval(least, _MOST_RHO),
        tol=1e-9,
    )
    return float(found)


class PrivacyBudget:
    """What a provider may spend in a job, and what it has spent.

    Args:
        epsilon: Most that all charges together may cost, above 0.
        delta: At which delta; see `epsilon_of`.
        spent: Events of earlier, as a ledger kept them; they count even beyond the budget.

    Raises:
        ValueError: `epsilon` or `delta` is out of range.
    """

    def __init__(self, epsilon: float, delta: float, spent: Iterable[ZCDpEvent] = ()) -> None:
        if not (math.isfinite(epsilon) and epsilon > 0):
            raise ValueError(f"epsilon has to be finite and above 0, not {epsilon}")
        self._epsilon = epsilon
        self._delta = delta
        self._events = tuple(spent)
        self._spent = epsilon_of(self._events, delta)

    @property
    def events(self) -> tuple[ZCDpEvent, ...]:
        """All that was charged, the oldest first."""
        return self._events

    @property
    def spent(self) -> float:
        """The epsilon of `events`, at the budget's delta."""
        return self._spent

    def fits(self, charge: Charge) -> bool:
        """Whether `spend` would accept this charge now."""
        return self._cost_with(charge) <= self._epsilon

    def spend(self, charge: Charge) -> None:
        """Record a charge, before anything that it pays for leaves; a refused one leaves no trace.

        Raises:
            Refused: BUDGET_SPENT where the whole would cost more than the budget.
        """
        cost = self._cost_with(charge)
        if cost > self._epsilon:
            raise Refused(
                Code.BUDGET_SPENT,
                local=f"this answer would raise epsilon from {self._spent:.4g} to {cost:.4g} at "
                f"delta {self._delta:.3g}, and the budget is {self._epsilon:.4g}",
            )
        self._events = (*self._events, charge.event)
        self._spent = cost

    def _cost_with(self, charge: Charge) -> float:
        return epsilon_of((*self._events, charge.event), self._delta)
