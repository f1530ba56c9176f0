"""The record of attempts at masked questions: none is ever made twice.

Written before a row is read. Unlike an answer in the ledger, a masked vector is never kept: whoever
could have it sent twice, under two lists of survivors, would learn one party's own. So an attempt
that this node has begun before a restart is over.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId
from provider.costs import FREE, Allow, Cost, allow_all
from provider.spending import Spending


class AttemptState(Enum):
    """How far an attempt has come here."""

    BEGUN = "begun"  # keys were made; no row was read
    SPENT = "spent"  # rows may have been read, and the masked vector may have left


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the record.

    Attributes:
        query: The aggregation's id.
        number: 1 to 3.
        function: What was asked.
        body: Digest of the question that each party computes; the same for all attempts.
        transcript: Digest of the attempt's whole question: parties, rows, bounds.
        state: How far it has come.
        cost: What it was charged once rows were read; `uses` is left out.
    """

    query: QueryId
    number: int
    function: str
    body: Digest
    transcript: Digest
    state: AttemptState = AttemptState.BEGUN
    cost: Cost = FREE


class AttemptLedger(Protocol):
    """The attempts of one provider in one job.

    `tests/provider/attempt_ledger_contract.py` is what each has to pass.
    """

    def begin(self, attempt: Attempt) -> None:
        """Record that an attempt begins, before any key is made for it.

        Raises:
            Refused: ATTEMPT_SPENT where this attempt or a later one at the question was begun;
                DIFFERENT_BODY where an earlier attempt asked for something else.
        """
        ...

    def spend(
        self,
        query: QueryId,
        number: int,
        cost: Cost,
        wholes: Collection[str],
        allow: Allow = allow_all,
    ) -> None:
        """Record that rows are about to be read, and what that costs.

        Args:
            query: The aggregation's id.
            number: Of an attempt that has begun.
            cost: What to charge.
            wholes: Names of the sums over *all* rows of a class that the attempt reveals exactly;
                each of them only once, in all jobs.
            allow: Asked, with what was spent before, plain questions included, whether it may be
                charged; nothing else can be charged meanwhile.

        Raises:
            Refused: ATTEMPT_SPENT where this was done before, or there is no such attempt;
                NOT_ALLOWED where one of `wholes` was revealed before; whatever `allow` raises;
                NODE_FAULT where it cannot be recorded. Nothing is recorded then.
        """
        ...

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order of their ids and numbers."""
        ...


@dataclass(slots=True)
class MemoryAttempts:
    """A record that lives as long as its process.

    Attributes:
        spending: Shared with the ledger of questions, so that both count together.
        now: Unix seconds.
    """

    spending: Spending = field(default_factory=Spending)
    now: Callable[[], float] = time.time
    _attempts: dict[tuple[QueryId, int], Attempt] = field(default_factory=dict)
    _wholes: set[str] = field(default_factory=set)

    def begin(self, attempt: Attempt) -> None:
        """Record that an attempt begins; see `AttemptLedger.begin`."""
        check_begin(attempt, [a for a in self._attempts.values() if a.query == attempt.query])
        self._attempts[attempt.query, attempt.number] = attempt

    def spend(
        self,
        query: QueryId,
        number: int,
        cost: Cost,
        wholes: Collection[str],
        allow: Allow = allow_all,
    ) -> None:
        """Record that rows are about to be read; see `AttemptLedger.spend`."""
        attempt = self._attempts.get((query, number))
        state = attempt.state if attempt else None
        check_spend(query, number, state, self._wholes.intersection(wholes))
        assert attempt is not None  # noqa: S101 - checked just above
        now = int(self.now() * 1000)
        allow(self.spending.totals(attempt.function, cost.uses, now))
        self.spending.charge(attempt.function, cost, now)
        charged = Cost(cost.bytes, cost.rho, rows=cost.rows)
        self._attempts[query, number] = replace(attempt, state=AttemptState.SPENT, cost=charged)
        self._wholes.update(wholes)

    def attempts(self) -> list[Attempt]:
        """All attempts, in the order of their ids and numbers."""
        return [attempt for _, attempt in sorted(self._attempts.items())]


def check_begin(attempt: Attempt, earlier: Collection[Attempt]) -> None:
    """Refuse an attempt that does not come after all `earlier` ones at the same question."""
    for other in earlier:
        if other.number >= attempt.number:
            raise Refused(
                Code.ATTEMPT_SPENT,
                local=f"attempt {attempt.number} at {attempt.query} came after attempt "
                f"{other.number} had begun",
            )
        if other.body != attempt.body:
            raise Refused(
                Code.DIFFERENT_BODY,
                local=f"attempt {attempt.number} at {attempt.query} asks for something else than "
                f"attempt {other.number}",
            )


def check_spend(
    query: QueryId, number: int, state: AttemptState | None, revealed: Collection[str]
) -> None:
    """Refuse to spend what is spent or unknown, or to reveal the same exact sum twice."""
    if state is not AttemptState.BEGUN:
        raise Refused(
            Code.ATTEMPT_SPENT,
            local=f"attempt {number} at {query} " + ("is unknown" if state is None else "is spent"),
        )
    if revealed:
        raise Refused(
            Code.NOT_ALLOWED,
            local=f"the sum over all rows was revealed before, for {min(revealed)}; a second one "
            "would give one party's part by subtraction, so it needs noise",
        )
