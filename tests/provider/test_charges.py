import math
from dataclasses import replace

import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import ClassFeatureSums
from protocols.secagg.encoding import Encoding
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import AggregationQuestion
from provider.attempts import Attempt, MemoryAttempts
from provider.charges import charge_for, pay
from provider.masked_rules import Budget
from provider.privacy import epsilon_of
from tests.masked_nodes import ERRORS, TERMS, Q, Table, providers
from tests.protocols.query_examples import A

DELTA = 1e-6


def question(sigma: float | None) -> AggregationQuestion:
    return Table(providers(5), joined=False).question(terms=replace(TERMS, sigma=sigma))


def test_without_noise_there_is_nothing_to_charge() -> None:
    assert charge_for(question(None), ERRORS) is None
    assert pay(None, Budget(1e-9, DELTA), MemoryAttempts()) == 0.0


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
    budget = Budget(epsilon_of([charge.event] * 2, DELTA) * 1.0001, DELTA)
    for number in (1, 2):
        cost = pay(charge, budget, record)
        assert cost == charge.rho
        record.begin(Attempt(Q, number, "squared_error", digest_of(b""), digest_of(b"")))
        record.spend(Q, number, cost, ())
    with pytest.raises(Refused) as caught:
        pay(charge, budget, record)
    assert caught.value.code is Code.BUDGET_SPENT
    assert pay(charge, None, record) == charge.rho
