import math

import pytest
from dp_accounting import GaussianDpEvent, ZCDpEvent
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant
from scipy import optimize, stats

from protocols.errors import Code, Refused
from protocols.secagg.encoding import Encoding
from protocols.secagg.noise import DiscreteGaussian, NoiseError
from provider.privacy import AggregationCharge, PrivacyBudget, epsilon_of

DELTA = 1e-6


def charge(sigma: float = 10.0) -> AggregationCharge:
    noise = DiscreteGaussian(sigma, threshold=10, colluders=2)
    return AggregationCharge(
        Encoding.choose(5.0, 12, noise=noise), dimension=64, l2_sensitivity=1.0
    )


def gaussian_epsilon(multiplier: float, times: int) -> float:
    """The exact epsilon of a Gaussian mechanism used so often (Balle and Wang, ICML 2018)."""
    distance = math.sqrt(times) / multiplier

    def excess(epsilon: float) -> float:
        gone = stats.norm.cdf(distance / 2 - epsilon / distance)
        kept = stats.norm.cdf(-distance / 2 - epsilon / distance)
        return float(gone - math.exp(epsilon) * kept - DELTA)

    return float(optimize.brentq(excess, 0, 100))


def test_a_charge_is_that_of_a_gaussian_of_the_sum_and_a_little_for_rounding() -> None:
    event = charge(10.0).event
    assert isinstance(event, ZCDpEvent)
    assert event.xi == 0
    assert 1 / 200 < event.rho < 1.001 / 200


@pytest.mark.parametrize("times", [1, 10, 100])
def test_epsilon_is_at_least_the_exact_one_and_near_it(times: int) -> None:
    exact = gaussian_epsilon(10.0, times)
    ours = epsilon_of([charge(10.0).event] * times, DELTA)
    assert exact < ours < 1.25 * exact


def test_epsilon_agrees_with_the_accountants_of_other_notions() -> None:
    ours = epsilon_of([charge(10.0).event] * 20, DELTA)
    gaussian = GaussianDpEvent(10.0)
    assert ours == pytest.approx(RdpAccountant().compose(gaussian, 20).get_epsilon(DELTA), rel=2e-3)
    assert ours > PLDAccountant().compose(gaussian, 20).get_epsilon(DELTA)


def test_nothing_costs_nothing() -> None:
    assert epsilon_of([], DELTA) == 0
    assert PrivacyBudget(1.0, DELTA).spent == 0


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-6, math.nan])
def test_delta_lies_between_0_and_1(delta: float) -> None:
    with pytest.raises(ValueError, match="delta has to lie between 0 and 1"):
        epsilon_of([], delta)
    with pytest.raises(ValueError, match="delta has to lie between 0 and 1"):
        PrivacyBudget(1.0, delta)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_a_budget_is_finite_and_above_0(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon has to be finite and above 0"):
        PrivacyBudget(epsilon, DELTA)


def test_charges_are_taken_until_the_next_would_not_fit() -> None:
    budget = PrivacyBudget(1.5, DELTA)
    costs = []
    while budget.fits(charge()):
        budget.spend(charge())
        costs.append(budget.spent)
    assert costs == sorted(costs)
    assert costs == [
        epsilon_of([charge().event] * count, DELTA) for count in range(1, len(costs) + 1)
    ]
    assert len(costs) > 2
    assert costs[-1] <= 1.5 < epsilon_of([charge().event] * (len(costs) + 1), DELTA)


def test_a_refused_charge_leaves_no_trace() -> None:
    budget = PrivacyBudget(1.0, DELTA)
    budget.spend(charge(10.0))
    before = budget.events, budget.spent
    with pytest.raises(Refused) as caught:
        budget.spend(charge(1.0))
    assert caught.value.code is Code.BUDGET_SPENT
    assert "the budget is 1" in caught.value.local
    assert (budget.events, budget.spent) == before
    budget.spend(charge(30.0))  # a smaller one still fits
    assert budget.events == (charge(10.0).event, charge(30.0).event)


def test_a_budget_goes_on_from_the_events_that_a_ledger_kept() -> None:
    first = PrivacyBudget(1.0, DELTA)
    first.spend(charge())
    again = PrivacyBudget(1.0, DELTA, first.events)
    assert again.spent == first.spent
    assert again.events == first.events
    tightened = PrivacyBudget(0.01, DELTA, first.events)
    assert tightened.spent == first.spent
    assert not tightened.fits(charge(1000.0))


def test_a_sum_without_noise_has_no_price() -> None:
    with pytest.raises(ValueError, match="without noise"):
        AggregationCharge(Encoding.choose(5.0, 12), dimension=64, l2_sensitivity=1.0)


def test_noise_too_coarse_for_its_vector_has_no_price() -> None:
    noise = DiscreteGaussian(2.0, threshold=10, colluders=0)
    encoding = Encoding.choose(5.0, 12, step=1.0, noise=noise)
    with pytest.raises(NoiseError, match="use a finer step"):
        AggregationCharge(encoding, dimension=10**6, l2_sensitivity=1.0, on_grid=True)
