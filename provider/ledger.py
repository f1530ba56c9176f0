"""The record of every question, written before a row is read.

A `Ledger` belongs to one provider and one job. It makes answers idempotent: the same question
again gets the stored answer and costs nothing; another question under the same id is refused.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of


class State(Enum):
    """What became of a question."""

    OPEN = "open"  # accepted; rows may have been read
    ANSWERED = "answered"  # the answer is stored
    ACKNOWLEDGED = "acknowledged"  # the coordinator has it safe; only its digest is kept
    REFUSED = "refused"


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
    """

    query: QueryId
    function: str
    body: Digest
    state: State
    answer: Digest | None
    computed: int


class Ledger(Protocol):
    """Interface of every ledger; `tests/provider/ledger_contract.py` is what each must pass."""

    def open(self, query: QueryId, body: Digest, function: str) -> bytes | None:
        """Record that a question was accepted, before any row is read.

        Returns:
            The stored answer where this very question was answered before, else None.

        Raises:
            Refused: DIFFERENT_BODY where the id was used for another question;
                ANSWER_GONE where the answer was acknowledged and is no longer kept.
        """
        ...

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        ...

    def refused(self, query: QueryId, body: Digest, function: str) -> None:
        """Record a refusal; it does not reserve the id."""
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        ...

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        ...


@dataclass(slots=True)
class _Record:
    function: str
    body: Digest
    state: State
    answer: bytes | None = None
    digest: Digest | None = None
    computed: int = 0


class MemoryLedger:
    """A ledger that lives as long as its process."""

    def __init__(self) -> None:
        self._records: dict[QueryId, _Record] = {}

    def open(self, query: QueryId, body: Digest, function: str) -> bytes | None:
        """Record that a question was accepted; see `Ledger.open`."""
        record = self._records.get(query)
        if record is None or record.state is State.REFUSED:
            self._records[query] = _Record(function, body, State.OPEN)
            return None
        check_repeat(query, body, record.body, record.state)
        return record.answer

    def answered(self, query: QueryId, answer: bytes) -> None:
        """Store the answer of an open question."""
        record = self._records[query]
        record.state, record.answer = State.ANSWERED, answer
        record.digest = digest_of(answer)
        record.computed += 1

    def refused(self, query: QueryId, body: Digest, function: str) -> None:
        """Record a refusal; it does not reserve the id."""
        self._records.setdefault(query, _Record(function, body, State.REFUSED))

    def acknowledge(self, up_to: QueryId) -> None:
        """Drop the stored answers up to this id; their digests stay."""
        for query, record in self._records.items():
            if query <= up_to and record.state is State.ANSWERED:
                record.state, record.answer = State.ACKNOWLEDGED, None

    def entries(self) -> list[Entry]:
        """All entries in the order of their ids."""
        return [
            Entry(query, record.function, record.body, record.state, record.digest, record.computed)
            for query, record in sorted(self._records.items())
        ]


def check_repeat(query: QueryId, body: Digest, recorded: Digest, state: State) -> None:
    """Refuse a known id that comes with another body, or whose answer is no longer kept."""
    if body != recorded:
        raise Refused(
            Code.DIFFERENT_BODY,
            local=f"question {query} came with another body ({body[:12]}, was {recorded[:12]})",
        )
    if state is State.ACKNOWLEDGED:
        raise Refused(
            Code.ANSWER_GONE,
            local=f"question {query} was acknowledged; only the digest of its answer is kept",
        )
