import math
from dataclasses import replace

import pytest

from protocols.errors import Code, Refused
from protocols.ids import QueryId, digest_of
from protocols.queries import ClassFeatureSums
from protocols.secagg.encoding import Encoding
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import AggregationQuestion
from provider.attempts import Attempt, MemoryAttempts
from provider.charges import charge_for, within
from provider.costs import Cost, Totals
from provider.ledger import MemoryLedger
from provider.masked_rules import Budget
from provider.privacy import epsilon_of
from provider.spending import Spending
from tests.masked_nodes import ERRORS, TERMS, Q, Table, providers
from tests.protocols.query_examples import A

DELTA = 1e-6


def question(sigma: float | None) -> AggregationQuestion:
    return Table(providers(5), joined=False).question(terms=replace(TERMS, sigma=sigma))


def test_without_noise_there_is_nothing_to_charge() -> None:
    assert charge_for(question(None), ERRORS) is None
    within(0.0, Budget(1e-9, DELTA))(Totals())


def test_more_noise_costs_less() -> None:
    charges = [charge_for(question(sigma), ERRORS) for sigma in (64.0, 128.0)]
    rhos = [charge.rho for charge in charges if charge]
    assert rhos[0] == pytest.approx(4 * rhos[1], rel=1e-3)
    # The Gaussian mechanism: rho = sensitivity^2 / (2 sigma^2), for a vector of 4 within +-64.
    assert rhos[0] == pytest.approx((2 * 64 * math.sqrt(4)) ** 2 / (2 * 64.0**2), rel=1e-3)


def test_noise_too_little_to_promise_anything() -> None:
    """So coarse a step that the sum of several nodes' noise is far from a Gaussian."""
    query = ClassFeatureSums(A, ("ant",) * 100, 64)
    noise = DiscreteGaussian(sigma=0.867, threshold=4, colluders=1)
    asked = replace(
        question(None), length=6400, encoding=Encoding(bound=1.0, step=1.0, width=32, noise=noise)
    )
    with pytest.raises(Refused, match="finer step") as caught:
        charge_for(asked, query)
    assert caught.value.code is Code.NOT_ALLOWED


def test_the_budget_is_of_all_attempts_together() -> None:
    charge = charge_for(question(64.0), ERRORS)
    assert charge is not None
    record = MemoryAttempts()
    allow = within(charge.rho, Budget(epsilon_of([charge.event] * 2, DELTA) * 1.0001, DELTA))
    for number in (1, 2, 3):
        record.begin(Attempt(Q, number, "squared_error", digest_of(b""), digest_of(b"")))
    cost = Cost(rho=charge.rho)
    for number in (1, 2):
        record.spend(Q, number, cost, (), allow)
    with pytest.raises(Refused) as caught:
        record.spend(Q, 3, cost, (), allow)
    assert caught.value.code is Code.BUDGET_SPENT
    record.spend(Q, 3, cost, (), within(charge.rho, None))


def test_plain_questions_with_noise_spend_the_same_budget() -> None:
    charge = charge_for(question(64.0), ERRORS)
    assert charge is not None
    spending = Spending()
    ledger, record = MemoryLedger(spending), MemoryAttempts(spending)
    allow = within(charge.rho, Budget(epsilon_of([charge.event] * 2, DELTA) * 1.0001, DELTA))
    ledger.open(QueryId(0, 0, 0), digest_of(b""), "squared_error", Cost(rho=1.5 * charge.rho))
    record.begin(Attempt(Q, 1, "squared_error", digest_of(b""), digest_of(b"")))
    with pytest.raises(Refused) as caught:
        record.spend(Q, 1, Cost(rho=charge.rho), (), allow)
    assert caught.value.code is Code.BUDGET_SPENT
