"""The record of every question, written before a row is read.

A `Ledger` belongs to one provider and one job. It makes answers idempotent: the same question
again gets the stored answer and costs nothing; another question under the same id is refused.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of
from provider.costs import FREE, Allow, Cost, Totals, allow_all
from provider.spending import Spending


class State(Enum):
    """What became of a question."""

    OPEN = "open"  # accepted and charged; rows may have been read
    ANSWERED = "answered"  # the answer is stored
    ACKNOWLEDGED = "acknowledged"  # the coordinator has it safe; only its digest is kept
    PURGED = "purged"  # the owner withdrew; only its digest is kept
    REFUSED = "refused"


GONE = (State.ACKNOWLEDGED, State.PURGED)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record.

    Attributes:
        query: The question's id.
        function: Its function.
        body: Digest of its body.
        state: What became of it.
        answer: Digest of the answer, once there is one.
        computed: How many times an answer was computed for it; never above 1.
        cost: What it was charged; `uses` is left out.
        size: Bytes of the answer, once there is one.
        code: Why it was refused, or could not be answered though it was accepted.
        reason: The whole reason, which never leaves the site.
        time: When it was accepted or refused, in milliseconds since 1970.
    """

    query: QueryId
    function: str
    body: Digest
    state: State
    answer: Digest | None
    computed: int
    cost: Cost = FREE
    size: int | None = None
    code: Code | None = None
    reason: str | None = None
    time: int = 0


class Ledger(Protocol):
    """Interface of every ledger; `tests/provider/ledger_contract.py` is what each must pass."""

    def open(
        self,
        query: QueryId,
        body: Digest,
        function: str,
        cost: Cost = FREE,
        allow: Allow = allow_all,
    ) -> bytes | None:
        """Record that a question was accepted, and charge it, before any row is read.

        A question that is on record is not charged again, whether it was answered or not.

        Args:
            query: The question's id.
            body: Digest of its body.
            function: Its function.
            cost: What to charge.
            allow: Asked, with what was spent before, whether it may be charged; nothing else can
                be charged meanwhile.

        Returns:
            The stored answer where this very question was answered before, else None.

        Raises:
            Refused: DIFFERENT_BODY where the id was used for another question;
                ANSWER_GONE where the answer is no longer kept; whatever `allow` raises, and then
                nothing is recorded; NODE_FAULT where it cannot be recorded.
        """
        ...

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        ...

    def refused(self, query: QueryId, body: Digest, function: str, code: Code, reason: str) -> None:
        """Record a refusal; it does not reserve the id.

        An accepted question that could not be answered stays accepted, with the reason.
        """
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        ...

    def purge(self) -> None:
        """Drop all stored answers of the job, since the owner withdraws; their digests stay."""
        ...

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        ...

    def totals(self, function: str = "", uses: Collection[str] = ()) -> Totals:
        """What was spent until now, masked questions included.

        Args:
            function: Whose questions of this job to count in `Totals.function`.
            uses: The names to count in `Totals.uses`.
        """
        ...


@dataclass(slots=True)
class _Record:
    function: str
    body: Digest
    state: State
    cost: Cost
    time: int
    answer: bytes | None = None
    digest: Digest | None = None
    size: int | None = None
    computed: int = 0
    code: Code | None = None
    reason: str | None = None


class MemoryLedger:
    """A ledger that lives as long as its process.

    Args:
        spending: Shared with the record of attempts, so that both count together.
        now: Unix seconds.
    """

    def __init__(
        self, spending: Spending | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self._records: dict[QueryId, _Record] = {}
        self._spending = spending or Spending()
        self._now = now

    def open(
        self,
        query: QueryId,
        body: Digest,
        function: str,
        cost: Cost = FREE,
        allow: Allow = allow_all,
    ) -> bytes | None:
        """Record that a question was accepted; see `Ledger.open`."""
        record = self._records.get(query)
        if record is not None and record.state is not State.REFUSED:
            check_repeat(query, body, record.body, record.state)
            return record.answer
        now = self._time()
        allow(self._spending.totals(function, cost.uses, now))
        self._spending.charge(function, cost, now)
        self._records[query] = _Record(function, body, State.OPEN, cost, now)
        return None

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        record = self._records[query]
        record.digest, record.size = digest_of(answer), len(answer)
        record.computed += 1
        record.code = record.reason = None
        if record.state not in GONE:
            record.state, record.answer = State.ANSWERED, answer

    def refused(self, query: QueryId, body: Digest, function: str, code: Code, reason: str) -> None:
        """Record a refusal; it does not reserve the id."""
        record = self._records.get(query)
        if record is None or record.state is State.REFUSED:
            record = _Record(function, body, State.REFUSED, FREE, self._time())
            self._records[query] = record
        if record.state is State.REFUSED or (record.state is State.OPEN and record.body == body):
            record.code, record.reason = code, reason

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        for query, record in self._records.items():
            if query <= up_to and record.state is State.ANSWERED:
                record.state, record.answer = State.ACKNOWLEDGED, None

    def purge(self) -> None:
        """Drop all stored answers; see `Ledger.purge`."""
        for record in self._records.values():
            if record.state is State.ANSWERED:
                record.state, record.answer = State.PURGED, None

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        return [
            Entry(
                query,
                r.function,
                r.body,
                r.state,
                r.digest,
                r.computed,
                Cost(r.cost.bytes, r.cost.rho, rows=r.cost.rows),
                r.size,
                r.code,
                r.reason,
                r.time,
            )
            for query, r in sorted(self._records.items())
        ]

    def totals(self, function: str = "", uses: Collection[str] = ()) -> Totals:
        """What was spent until now; see `Ledger.totals`."""
        return self._spending.totals(function, uses, self._time())

    def _time(self) -> int:
        return int(self._now() * 1000)


def check_repeat(query: QueryId, body: Digest, recorded: Digest, state: State) -> None:
    """Refuse a known id that comes with another body, or whose answer is no longer kept."""
    if body != recorded:
        raise Refused(
            Code.DIFFERENT_BODY,
            local=f"question {query} came with another body ({body[:12]}, was {recorded[:12]})",
        )
    if state in GONE:
        raise Refused(
            Code.ANSWER_GONE,
            local=f"question {query} was {state.value}; only the digest of its answer is kept",
        )
