"""The node's path for one question: gate, then ledger, then data."""

import asyncio
import logging

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.mquery import is_mquery
from protocols.queries import Query, QueryError, decode_query, encode_answer
from protocols.secagg.member import Transport
from provider.aggregation import MaskedAnswers
from provider.answers import answer
from provider.events import MASKED, Watcher, ignore
from provider.gate import Gate, Incoming, Permit, Tell
from provider.ledger import Ledger
from provider.question_files import fetch_all
from provider.question_watch import QuestionWatch
from provider.session_api import BlobFetcher
from provider.workbench import Workbench
from synlearn.logs import logged

log = logging.getLogger(__name__)

MOST_REFUSALS = 10_000
"""Refusals that one job gets on record between two starts of the node."""


class Node:
    """Answers one job's questions for one provider.

    Args:
        provider: Who answers.
        job: Which job asks.
        gate: The provider's rules; asked first.
        ledger: The record; written before a row is read.
        bench: What answers are computed with.
        masked: The node's part in secure aggregations, with whom it trusts. None where there is no
            roster: then it answers no masked question, and any plain one that its policy allows.
        watcher: Told what comes of each question.
    """

    def __init__(
        self,
        provider: ProviderId,
        job: JobId,
        *,
        gate: Gate,
        ledger: Ledger,
        bench: Workbench,
        masked: MaskedAnswers | None = None,
        watcher: Watcher = ignore,
    ) -> None:
        self._provider = provider
        self._job = job
        self._gate = gate
        self._refusals = 0
        self._ledger = ledger
        self._bench = bench
        self._masked = masked
        self._watcher = watcher

    async def answer(self, query_id: QueryId, body: bytes, blobs: BlobFetcher, tell: Tell) -> bytes:
        """Return the answer's body, stored or computed.

        Raises:
            Refused: By the gate, the ledger, or because the answer cannot be computed. Only its
                code leaves the node; the reason goes to the ledger and the local log.
        """
        incoming = Incoming(query_id, digest_of(body))
        watch = QuestionWatch(self._job, self._watcher, asyncio.get_running_loop().time)
        with logged(job=self._job, query=str(query_id), provider=self._provider), watch:
            try:
                answered = await self._answer(incoming, body, blobs, watch.telling(tell), watch)
            except Refused as refusal:
                self._note(incoming, watch.function, refusal)
                raise
            watch.size = len(answered)
            _say_answered(watch)
        return answered

    def acknowledge(self, up_to: QueryId) -> None:
        """The coordinator has everything up to this id safe on disk."""
        try:
            self._ledger.acknowledge(up_to)
        except Refused as refusal:  # the answers stay until the next time
            about = {"job": self._job, "provider": self._provider, "code": refusal.code.name}
            log.warning("acknowledged answers could not be dropped: %s", refusal, extra=about)

    async def _answer(
        self, incoming: Incoming, body: bytes, blobs: BlobFetcher, tell: Tell, watch: QuestionWatch
    ) -> bytes:
        if is_mquery(body):
            watch.function = MASKED
            return await self._answer_masked(incoming.query_id, body, blobs, tell)
        query = decode_query(body)
        watch.function = query.function
        return await self._answer_plain(incoming, query, blobs, tell, watch)

    async def _answer_masked(
        self, query_id: QueryId, body: bytes, blobs: BlobFetcher, tell: Tell
    ) -> bytes:
        if self._masked is None:
            raise Refused(Code.NOT_ALLOWED, local="no roster was set up here for masked questions")
        return await self._masked.answer(query_id, body, blobs, tell)

    async def _answer_plain(
        self, incoming: Incoming, query: Query, blobs: BlobFetcher, tell: Tell, watch: QuestionWatch
    ) -> bytes:
        if self._masked is not None:
            self._masked.trust.check(query.function, query.blobs, Transport.PLAIN)
        permit = await self._gate.admit(incoming, query, self._bench.dataset, tell)
        stored = self._open(incoming, query, permit, watch)
        if stored is not None:
            return stored
        files = await fetch_all(query.blobs, blobs, self._gate.max_model_bytes)
        return await self._bench.run(self._compute, incoming, query, permit, files, watch)

    def _open(
        self, incoming: Incoming, query: Query, permit: Permit, watch: QuestionWatch
    ) -> bytes | None:
        stored = self._ledger.open(
            incoming.query_id, incoming.body, query.function, permit.cost, permit.allow
        )
        watch.stored = stored is not None
        return stored

    def _compute(
        self,
        incoming: Incoming,
        query: Query,
        permit: Permit,
        files: dict[str, bytes],
        watch: QuestionWatch,
    ) -> bytes:
        # A computation outlives its question's deadline; whoever asked again waited here for it.
        stored = self._open(incoming, query, permit, watch)
        if stored is not None:
            return stored
        permit.noted()
        context = self._bench.context(self._job, incoming.query_id, files, limits=permit.limits)
        try:
            body = encode_answer(query, permit.release(query, answer(query, context)))
        except QueryError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
        if permit.cost.bytes and len(body) > permit.cost.bytes:
            raise Refused(
                Code.ANSWER_TOO_LARGE,
                local=f"the answer has {len(body)} bytes; it was charged {permit.cost.bytes}",
            )
        self._ledger.answered(incoming.query_id, body)
        return body

    def _note(self, incoming: Incoming, function: str, refusal: Refused) -> None:
        """Put a refusal on record, unless a flood of them would fill the disk."""
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            if self._refusals % MOST_REFUSALS == 1:
                log.warning(
                    "%d questions were refused; no more of them go on record", self._refusals - 1
                )
            return
        about = {"function": function, "code": refusal.code.name}
        log.warning("refused: %s", refusal, extra=about)
        try:
            self._ledger.refused(
                incoming.query_id, incoming.body, function, refusal.code, refusal.local
            )
        except Refused as fault:
            log.warning("the refusal could not be put on record: %s", fault)


def _say_answered(watch: QuestionWatch) -> None:
    """Log an answer; without end can be asked for one that is stored, or for a round of a sum."""
    again = watch.stored or watch.function == MASKED
    log.log(
        logging.DEBUG if again else logging.INFO,
        "answered again" if watch.stored else "answered",
        extra={
            "function": watch.function,
            "bytes": watch.size,
            "seconds": round(watch.seconds, 3),
        },
    )
