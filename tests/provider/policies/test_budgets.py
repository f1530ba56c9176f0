import pytest

from protocols.errors import Code, Refused
from provider.costs import Cost, Spent, Totals
from provider.policies.budgets import allow_within, epsilon_after
from provider.policies.rules import Rules
from tests.owner_policies import policy


def rules(text: str) -> Rules:
    return policy(text, profile="open").rules


def refused(rules: Rules, totals: Totals, cost: Cost, function: str = "head_correct") -> str | None:
    """Why a question is refused; None if it is not."""
    try:
        allow_within(rules, function, cost)(totals)
    except Refused as refusal:
        return refusal.local if refusal.code is Code.BUDGET_SPENT else refusal.code.name
    return None


@pytest.mark.parametrize("where", ["day", "job"])
def test_questions_and_bytes_run_out(where: str) -> None:
    limited = rules(f"[budgets.{where}]\nquestions = 3\nbytes = 100")

    def after(questions: int, spent: int) -> Totals:
        used = Spent(questions, spent)
        return Totals(today=used, ever=used) if where == "day" else Totals(job=used)

    assert refused(limited, after(2, 60), Cost(40)) is None
    assert "[budgets." in (refused(limited, after(3, 0), Cost()) or "")
    assert "bytes" in (refused(limited, after(0, 61), Cost(40)) or "")


def test_questions_of_a_function_in_a_job() -> None:
    limited = rules("[functions.head_correct]\nmax_questions = 2")
    assert refused(limited, Totals(function=Spent(1)), Cost()) is None
    assert refused(limited, Totals(function=Spent(2)), Cost()) is not None
    assert refused(limited, Totals(function=Spent(2)), Cost(), "describe") is None


def test_heads_on_a_row_run_out_whatever_the_job() -> None:
    limited = rules("[functions.head_correct]\nheads_per_row = 10")
    cost = Cost(uses={"ant": 4, "bee": 6})
    assert refused(limited, Totals(uses={"ant": 6, "bee": 4}), cost) is None
    assert refused(limited, Totals(uses={"ant": 6, "bee": 5}), cost) is not None
    assert refused(limited, Totals(uses={"ant": 7}), cost) is not None


def test_privacy_is_composed_over_all_that_was_charged() -> None:
    limited = rules("[privacy]\nepsilon_job = 1.0\nepsilon_ever = 1.5")
    rho = 0.005
    count = 0
    while epsilon_after(count * rho, rho, 1e-6) <= 1.0:
        count += 1
    before = Totals(job=Spent(rho=(count - 1) * rho), ever=Spent(rho=(count - 1) * rho))
    spent = Totals(job=Spent(rho=count * rho), ever=Spent(rho=count * rho))
    assert count > 1
    assert refused(limited, before, Cost(rho=rho)) is None
    assert "epsilon_job" in (refused(limited, spent, Cost(rho=rho)) or "")
    assert refused(limited, spent, Cost()) is None, "exact answers have no epsilon"
    assert "epsilon_ever" in (refused(limited, Totals(ever=Spent(rho=0.05)), Cost(rho=rho)) or "")


def test_no_limit_without_one() -> None:
    much = Spent(10**9, 10**15, 100.0)
    assert refused(rules(""), Totals(much, much, much, much), Cost(10**9, 1.0)) is None
