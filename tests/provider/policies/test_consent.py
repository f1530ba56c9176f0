import pytest

from protocols.errors import Code, Refused
from protocols.secagg.member import Transport
from provider.costs import Allow, Cost, Spent, Totals, allow_all
from provider.policies.consent import ConsentLimits, all_of
from tests.protocols.test_job_plan import PLAN

LIMITS = ConsentLimits(PLAN)


def code(allow: Allow, spent: Spent) -> Code | None:
    try:
        allow(Totals(function=spent))
    except Refused as refused:
        return refused.code
    return None


def test_a_job_never_asks_more_than_its_plan_said() -> None:
    allow = LIMITS.allow("class_outputs", Cost(1000))
    assert code(allow, Spent(2, 4000)) is None
    assert code(allow, Spent(3, 0)) is Code.BUDGET_SPENT
    assert code(allow, Spent(0, 4001)) is Code.BUDGET_SPENT


def test_noise_of_masked_sums_is_part_of_the_plan() -> None:
    allow = LIMITS.allow("class_feature_sums", Cost(8, rho=0.025))
    assert code(allow, Spent(rho=0.1)) is None
    assert code(allow, Spent(rho=0.101)) is Code.BUDGET_SPENT
    plain = LIMITS.allow("class_outputs", Cost(8, rho=1.0))
    assert code(plain, Spent(rho=5.0)) is None, "the provider's own noise is its policy's matter"


def test_what_the_plan_does_not_name_is_refused() -> None:
    assert code(LIMITS.allow("describe", Cost()), Spent()) is Code.NOT_ALLOWED
    LIMITS.check("class_outputs", Transport.PLAIN)
    for function, transport in (
        ("describe", Transport.PLAIN),
        ("class_outputs", Transport.MASKED),
    ):
        with pytest.raises(Refused) as caught:
            LIMITS.check(function, transport)
        assert caught.value.code is Code.NOT_ALLOWED


def test_the_strictest_of_all_decides() -> None:
    both = all_of(allow_all, LIMITS.allow("class_outputs", Cost()))
    assert code(both, Spent(2)) is None
    assert code(both, Spent(3)) is Code.BUDGET_SPENT
