"""Questions of tests under a budget that holds so many of them."""

from pathlib import Path

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from provider.costs import Cost, Totals
from provider.ledger import Ledger
from provider.verification import verify
from tests.identities import identity_of
from tests.provider.journals import ALICE

JOB, BODY = JobId("job"), digest_of(b"body")
BUDGET = 20


def at_most(totals: Totals) -> None:
    if totals.ever.questions + 1 > BUDGET:
        raise Refused(Code.BUDGET_SPENT, local="the budget is spent")


def ask(ledger: Ledger, first: int, count: int) -> int:
    """How many of `count` questions from `first` on were let in."""
    let_in = 0
    for step in range(first, first + count):
        try:
            ledger.open(QueryId(0, step, 0), BODY, "describe", Cost(1), at_most)
            let_in += 1
        except Refused as refusal:
            if refusal.code is not Code.BUDGET_SPENT:
                raise
    return let_in


def clean(path: Path) -> bool:
    return verify(path, ALICE, identity_of(ALICE).public) == []
