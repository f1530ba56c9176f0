"""The coordinator's side of MQUERY: a sum over several providers, and nobody's own part."""

import time
from collections.abc import Callable, Mapping

import numpy as np

from coordinator.aggregation_attempt import Attempt, Sessions
from coordinator.aggregation_events import AggregationFailed, AttemptEnded, Dropped, MaskedSum
from coordinator.aggregation_question import (
    RowsByParty,
    Terms,
    digest_of_asked,
    question_of,
)
from coordinator.joining import JobTrust
from coordinator.kept_sums import KeptSums
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.masked import MaskedQuery, vector_of
from protocols.secagg.rounds import Round

__all__ = ["Aggregations", "Terms"]

_LEAST = 2
"""Parties of a sum: of fewer, it would hide nobody."""

_MAY_CHANGE = frozenset(
    {
        Code.ATTEMPT_SPENT,
        Code.DEADLINE_PASSED,
        Code.NODE_FAULT,
        Code.SURVIVORS_DIFFER,
        Code.TOO_FEW_HOLDERS,
        Code.TOO_FEW_PARTIES,
        Code.TRANSCRIPT_DIFFERS,
    }
)
"""Refusals that are about one attempt; after any other, a party is not asked again."""


class Aggregations:
    """Asks masked questions over the open sessions.

    Args:
        sessions: The session server.
        trust: Roster, manifest and signing key of the job.
        deadline: Seconds for each round; whoever has not answered by then has dropped out.
        on_attempt: Told how each attempt ended.
        kept: Where sums are kept until the next checkpoint; None to keep none.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        sessions: Sessions,
        trust: JobTrust,
        *,
        deadline: float,
        on_attempt: Callable[[AttemptEnded], None] = lambda _: None,
        kept: KeptSums | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sessions = sessions
        self._trust = trust
        self._deadline = deadline
        self._on_attempt = on_attempt
        self._kept = kept
        self._clock = clock
        self._begun: set[QueryId] = set()

    def ask(
        self,
        query_id: QueryId,
        query: MaskedQuery,
        rows: RowsByParty,
        terms: Terms,
        *,
        again: Callable[[frozenset[ProviderId]], RowsByParty] | None = None,
    ) -> MaskedSum:
        """Ask for the sum of the parties' answers; up to three attempts, each over other rows.

        A later attempt goes to those who are connected then, and did not refuse for good. A sum
        that was made and kept stands, whoever is there now.

        Args:
            query_id: The aggregation's id; `protocols.mquery.IDS` ids from here on are taken.
            query: What each party computes.
            rows: Who is asked, and how many rows each of them adds to each class slot of the query
                (`protocols.masked.slots_of`).
            terms: How the sum is made.
            again: Gives the rows of a later attempt from who is left for it, where others can take
                the place of a party that is gone; by default all keep their rows.

        Raises:
            AggregationFailed: There is no sum. An id is good for one try in a process; after that,
                all parties are said to have left with ATTEMPT_SPENT.
            ValueError: The sum cannot be encoded, or an argument is out of range.
            SessionsStopped: As the session server has it.
        """
        asked = digest_of_asked(query, terms)
        kept = self._kept.get(query_id, asked) if self._kept else None
        if kept is None:
            kept = self._attempts(query_id, query, rows, terms, again)
            if self._kept:
                self._kept.keep(query_id, asked, kept)
        return kept

    def renew(self, trust: JobTrust) -> None:
        """Ask under another roster and manifest of the job from now on; not during a question."""
        self._trust = trust

    def acknowledge(self, up_to: QueryId) -> None:
        """Everything up to this id is in a checkpoint on disk; its sums need not be kept."""
        self._begun = {query for query in self._begun if query > up_to}
        if self._kept:
            self._kept.forget(up_to)

    def _attempts(
        self,
        query_id: QueryId,
        query: MaskedQuery,
        rows: RowsByParty,
        terms: Terms,
        again: Callable[[frozenset[ProviderId]], RowsByParty] | None,
    ) -> MaskedSum:
        if query_id in self._begun:  # by a phase that has begun again: parties or rows are others
            spent = Dropped(Round.ADVERTISE, Code.ATTEMPT_SPENT.sentence, Code.ATTEMPT_SPENT)
            raise AggregationFailed(query_id, query.function, "", dict.fromkeys(rows, spent))
        self._begun.add(query_id)
        left: Mapping[ProviderId, Dropped] = {}
        reason = ""
        for number in range(1, self._trust.manifest.max_attempts + 1):
            if number > 1:
                present = self._sessions.connected() & frozenset(rows)
                present -= {party for party, drop in left.items() if _for_good(drop)}
                rows = again(present) if again else {party: rows[party] for party in present}
            if len(rows) < _LEAST:
                reason += f" For attempt {number} there are {len(rows)} parties."
                break
            question = question_of(self._trust.manifest, query_id, number, query, rows, terms)
            attempt = Attempt(
                self._sessions,
                question,
                self._trust.roster.identities,
                self._trust.identity,
                deadline=self._deadline,
                clock=self._clock,
            )
            result, ended = attempt.run(query.function)
            self._on_attempt(ended)
            left = ended.dropped
            if result is not None:
                answer = vector_of(query).unflatten(result.total, question.encoding.bound)
                row_of = dict(zip(question.parties, question.rows, strict=True))
                summed = np.sum([row_of[party] for party in result.survivors], axis=0)
                return MaskedSum(answer, summed, result.survivors, left, number)
            reason = ended.failure
        raise AggregationFailed(query_id, query.function, reason.strip(), left)


def _for_good(drop: Dropped) -> bool:
    return drop.code is not None and drop.code not in _MAY_CHANGE
