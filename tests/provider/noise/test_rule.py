import math

import pytest
from dp_accounting import ZCDpEvent

from protocols.errors import Code, Refused
from provider.charges import check_left
from provider.masked_rules import Budget
from provider.noise import NoiseRule
from provider.privacy import RhoCharge, epsilon_of, rho_within

DELTA = 1e-6


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 8.0])
@pytest.mark.parametrize("questions", [1, 30])
def test_so_many_questions_cost_what_was_asked_for(epsilon: float, questions: int) -> None:
    rule = NoiseRule.of_epsilon(epsilon, DELTA, questions=questions)
    spent = epsilon_of([RhoCharge(rule.rho).event] * questions, DELTA)
    assert 0.999 * epsilon < spent <= epsilon * (1 + 1e-9)


def test_rho_is_near_the_textbook_s() -> None:
    """Bun and Steinke's conversion is an upper bound of epsilon that accountants improve on."""
    rho = rho_within(1.0, DELTA)
    assert rho + 2 * math.sqrt(rho * math.log(1 / DELTA)) > 1.0
    assert rho + 2 * math.sqrt(rho * math.log(1 / DELTA)) < 1.3
    assert epsilon_of([ZCDpEvent(rho)], DELTA) <= 1.0


@pytest.mark.parametrize(
    ("epsilon", "delta", "questions", "why"),
    [
        (0.0, DELTA, 1, "epsilon has to be finite and above 0"),
        (math.nan, DELTA, 1, "epsilon has to be finite and above 0"),
        (1.0, 0.0, 1, "delta has to lie between 0 and 1"),
        (1e-4, DELTA, 1, "too small to be accounted for"),
        (1.0, DELTA, 0, "questions is 0"),
        (0.1, DELTA, 10**6, "rho of a question is"),
    ],
)
def test_what_no_rule_can_be(epsilon: float, delta: float, questions: int, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NoiseRule.of_epsilon(epsilon, delta, questions=questions)


@pytest.mark.parametrize(
    ("rho", "clip"), [(0.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, math.inf)]
)
def test_numbers_out_of_range(rho: float, clip: float) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        NoiseRule(rho, clip)


def test_plain_and_masked_charges_share_one_budget() -> None:
    budget = Budget(1.0, DELTA)
    whole = rho_within(1.0, DELTA)
    check_left(whole, budget, spent=0.0)
    check_left(whole / 4, budget, spent=whole * 0.74)
    with pytest.raises(Refused) as caught:
        check_left(whole / 4, budget, spent=whole * 0.76)
    assert caught.value.code is Code.BUDGET_SPENT
