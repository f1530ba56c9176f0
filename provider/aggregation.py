"""The node's side of MQUERY: everything that may be said against a question, then its rounds."""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.masked import MaskedQuery, bound_of, decode_masked, slots_of, vector_of
from protocols.mquery import Join, SignedQuestion, Step, decode_mquery, round_id
from protocols.queries import QueryError
from protocols.secagg.member import Transport
from protocols.secagg.participant import Participant
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.states import Party
from provider.answers.limits import RowLimits
from provider.attempts import Attempt, AttemptLedger
from provider.charges import charge_for
from provider.contribution import Rows, check_rows, contribution, wholes_of
from provider.gate import Gate, Incoming, MaskedPart, Permit, Tell
from provider.masked_rules import MaskedRules
from provider.question_files import fetch_all
from provider.session import BlobFetcher
from provider.trust import Trust
from provider.workbench import Workbench

if TYPE_CHECKING:
    from provider.privacy import AggregationCharge

log = logging.getLogger(__name__)

Fresh = Callable[[int], bytes]
"""So many random bytes, as `os.urandom`."""
MOST_IDLE = 10_000
"""Attempts that one job may begin and leave between two starts of the node: each is on record, and
none is paid for before rows are read."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attempt that passed all checks of its question."""

    question: AggregationQuestion
    query: MaskedQuery
    rows: Rows
    charge: "AggregationCharge | None"
    terms: MaskedRules

    @property
    def part(self) -> MaskedPart:
        """What this provider gives."""
        return MaskedPart(
            length=self.question.length,
            bytes=self.question.length * self.question.encoding.width // 8,
            rho=self.charge.rho if self.charge else 0.0,
            rows=int(self.rows.sum()),
        )


class MaskedAnswers:
    """Takes part in one job's secure aggregations for one provider.

    Nothing of an attempt is kept on disk except that it was made: a node that restarts in the
    middle of one has dropped out of it.

    Args:
        provider: Who takes part.
        job: Which job asks.
        gate: The provider's rules.
        trust: Whom it believes.
        attempts: The record; written before a row is read.
        bench: What a part is computed with.
        fresh: Gives the random bytes from which an attempt's secrets are made.
    """

    def __init__(
        self,
        provider: ProviderId,
        job: JobId,
        *,
        gate: Gate,
        trust: Trust,
        attempts: AttemptLedger,
        bench: Workbench,
        fresh: Fresh,
    ) -> None:
        self._provider = provider
        self._job = job
        self._gate = gate
        self.trust = trust
        self._attempts = attempts
        self._bench = bench
        self._fresh = fresh
        self._idle = 0
        self._open: OrderedDict[bytes, tuple[_Asked, Participant]] = OrderedDict()

    async def answer(self, query_id: QueryId, body: bytes, blobs: BlobFetcher, tell: Tell) -> bytes:
        """Join a job, or take part in a round; the answer is this party's message.

        Raises:
            Refused: The question is not one to answer, or for this party the attempt is over.
        """
        mquery = decode_mquery(body)
        if isinstance(mquery, Join):
            self.trust.join(mquery)
            return b""
        if mquery.round is Round.ADVERTISE and mquery.transcript not in self._open:
            await self._begin(query_id, mquery, blobs, tell)
        participant = self._find(query_id, mquery)
        message = b"" if mquery.round is Round.ADVERTISE else mquery.message
        return await self._bench.run(participant.answer, mquery.round, message)

    async def _begin(self, query_id: QueryId, step: Step, blobs: BlobFetcher, tell: Tell) -> None:
        """Check a question, record the attempt, get its files."""
        asked = self._accept(query_id, step)
        question, query = asked.question, asked.query
        body = digest_of(question.body)
        permit = await self._gate.admit_masked(
            Incoming(question.query, body), query, asked.part, self._bench.dataset, tell
        )
        if self._idle >= MOST_IDLE:
            raise Refused(
                Code.BUDGET_SPENT, local=f"{self._idle} attempts of this job came to nothing"
            )
        self._idle += 1
        self._attempts.begin(
            Attempt(
                question.query,
                question.attempt,
                query.function,
                body,
                Digest(question.transcript.hex()),
            )
        )
        log.info("takes part in a masked sum", extra=_about(question, query))
        files = await fetch_all(query.blobs, blobs, self._gate.max_model_bytes)
        self._make_room(question, asked.terms.max_open)
        self._open[question.transcript] = asked, self._participant(asked, permit, files)

    def _make_room(self, question: AggregationQuestion, most: int) -> None:
        """End earlier attempts at the question, and the oldest ones where there are too many."""
        for transcript, (other, _) in list(self._open.items()):
            if other.question.query == question.query:
                if other.question.attempt > question.attempt:
                    raise Refused(Code.ATTEMPT_SPENT, local="a later attempt began meanwhile")
                del self._open[transcript]
        while len(self._open) >= most:
            self._open.popitem(last=False)

    def _accept(self, query_id: QueryId, step: Step) -> _Asked:
        """All checks of a question, before anything is made or read for it."""
        terms = self._gate.terms()
        manifest = self.trust.grounds().manifest
        signed = SignedQuestion.decode(step.message)
        if not signed.holds_for(manifest.coordinator):
            raise Refused(
                Code.QUESTION_NOT_SIGNED,
                local="the question does not bear the signature of the manifest's coordinator",
            )
        question = AggregationQuestion.decode(signed.body)
        if question.transcript != step.transcript or query_id != round_id(
            question.query, question.attempt, Round.ADVERTISE
        ):
            raise Refused(Code.BAD_PARAMETERS, local="the question came under another's name")
        if question.job != self._job or question.manifest != manifest.digest:
            raise Refused(
                Code.MANIFEST_NOT_TRUSTED,
                local=f"the question is for job {question.job} under manifest "
                f"{question.manifest[:12]}; here it is {self._job} under {manifest.digest[:12]}",
            )
        manifest.check_aggregation(
            question.parties, attempt=question.attempt, length=question.length
        )
        if self._provider not in question.parties:
            raise Refused(Code.BAD_PARAMETERS, local="this provider is not among the parties")
        query = decode_masked(question.body)
        self.trust.check(query.function, query.blobs, Transport.MASKED)
        rows: Rows = question.rows[question.index(self._provider)]
        _check_vector(question, query, rows)
        terms.check(query, rows, noisy=question.encoding.noise is not None)
        check_rows(query, rows, self._bench.dataset)
        return _Asked(question, query, rows, charge_for(question, query), terms)

    def _participant(self, asked: _Asked, permit: Permit, files: dict[str, bytes]) -> Participant:
        question, query, rows = asked.question, asked.query, asked.rows
        roster = self.trust.grounds().roster

        def values() -> npt.NDArray[np.float64]:
            """Pay first, then look."""
            exact = asked.charge is None and asked.terms.wholes_once
            wholes = wholes_of(query, rows, self._bench.dataset) if exact else ()
            self._attempts.spend(
                question.query, question.attempt, permit.cost, wholes, permit.allow
            )
            self._idle -= 1
            log.info("adds its part to a masked sum", extra=_about(question, query))
            permit.noted()
            # Noise covers what a row can move; the bound of errors is the question's own.
            limits = RowLimits(squared_error=math.inf) if asked.charge else None
            context = self._bench.context(
                self._job, question.query, files, attempt=question.attempt, limits=limits
            )
            return contribution(query, rows, context, question.encoding.bound)

        party = Party(
            self._provider,
            question,
            self.trust.identity,
            roster.identities,
            asked.terms.floors(self.trust.federation.counted(), query.function),
            self.trust.federation.verify,
        )
        return Participant(party, self._fresh(32), values)

    def _find(self, query_id: QueryId, step: Step) -> Participant:
        found = self._open.get(step.transcript)
        if found is None:
            raise Refused(
                Code.ATTEMPT_SPENT,
                local=f"{query_id} is for an attempt that never began here, or is over",
            )
        question, participant = found[0].question, found[1]
        if query_id != round_id(question.query, question.attempt, step.round):
            raise Refused(Code.BAD_PARAMETERS, local="the round came under another's name")
        return participant


def _about(question: AggregationQuestion, query: MaskedQuery) -> dict[str, object]:
    """An attempt in a log line, under the id that the ledger has for it."""
    return {
        "query": question.query,
        "function": query.function,
        "attempt": question.attempt,
    }


def _check_vector(question: AggregationQuestion, query: MaskedQuery, rows: Rows) -> None:
    """Check that the question's slots, length and bound are those of what it asks."""
    layout, bound = vector_of(query), question.encoding.bound
    try:
        if question.slots != slots_of(query):
            raise QueryError("the class slots are not those of the function")
        layout.shapes(question.length)
        layout.check_bound(bound)
        least = bound_of(query, int(rows.max(initial=0)))
        if least is not None and bound < least:
            raise QueryError(f"a bound of {bound}; entries may be as large as {least}")
    except QueryError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"{query.function}: {error}") from error
