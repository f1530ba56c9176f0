"""The node's path for one question: policy, then ledger, then data."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.mquery import is_mquery
from protocols.queries import Query, QueryError, decode_query, encode_answer
from protocols.secagg.member import Transport
from provider.aggregation import MaskedAnswers
from provider.answers import Context, answer
from provider.dataset import Dataset
from provider.ledger import Ledger
from provider.models import ModelCache
from provider.policy import Policy
from provider.rows import RowSplit, row_generator, subject_generator
from provider.session import BlobFetcher, PendingUntil

log = logging.getLogger(__name__)


class Node:
    """Answers one job's questions for one provider.

    Args:
        provider: Who answers.
        job: Which job asks.
        policy: The provider's rules; asked first.
        ledger: The record; written before a row is read.
        dataset: The rows.
        secret: 32 bytes that key the drawing of rows; never leaves the node.
        models: Parsed model files, shared by the nodes of a process.
        executor: One thread, in which answers are computed.
        masked: The node's part in secure aggregations, with whom it trusts. None where there is no
            roster: then it answers no masked question, and any plain one that its policy allows.
    """

    def __init__(
        self,
        provider: ProviderId,
        job: JobId,
        *,
        policy: Policy,
        ledger: Ledger,
        dataset: Dataset,
        secret: bytes,
        models: ModelCache,
        executor: Executor,
        masked: MaskedAnswers | None = None,
    ) -> None:
        self._provider = provider
        self._job = job
        self._policy = policy
        self._ledger = ledger
        self._dataset = dataset
        self._secret = secret
        self._models = models
        self._executor = executor
        self._masked = masked

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],  # this policy decides at once
    ) -> bytes:
        """Return the answer's body, stored or computed.

        Raises:
            Refused: By the policy, the ledger, or because the answer cannot be computed. Only
                its code leaves the node; the reason goes to the local log.
        """
        try:
            if is_mquery(body):
                return await self._answer_masked(query_id, body, blobs)
            digest = digest_of(body)
            query = self._accept(query_id, digest, body)
            stored = self._ledger.open(query_id, digest, query.function)
            if stored is not None:
                return stored
            files = {
                name: await blobs.fetch(Digest(name), self._policy.max_model_bytes)
                for name in query.blobs
            }
            return await asyncio.get_running_loop().run_in_executor(
                self._executor, self._compute, query_id, digest, query, files
            )
        except Refused as refusal:
            log.warning("%s refused question %s: %s", self._provider, query_id, refusal)
            raise

    def acknowledge(self, up_to: QueryId) -> None:
        """The coordinator has everything up to this id safe on disk."""
        self._ledger.acknowledge(up_to)

    async def _answer_masked(self, query_id: QueryId, body: bytes, blobs: BlobFetcher) -> bytes:
        if self._masked is None:
            raise Refused(Code.NOT_ALLOWED, local="no roster was set up here for masked questions")
        return await self._masked.answer(query_id, body, blobs)

    def _accept(self, query_id: QueryId, digest: Digest, body: bytes) -> Query:
        """Parse the question and ask the policy; a refusal is recorded."""
        function = "unreadable"
        try:
            query = decode_query(body)
            function = query.function
            if self._masked is not None:
                self._masked.trust.check(function, query.blobs, Transport.PLAIN)
            self._policy.check(query, self._dataset.rows, self._dataset.classes)
        except Refused:
            self._ledger.refused(query_id, digest, function)
            raise
        return query

    def _compute(
        self, query_id: QueryId, digest: Digest, query: Query, files: dict[str, bytes]
    ) -> bytes:
        # A computation outlives its question's deadline; whoever asked again waited here for it.
        stored = self._ledger.open(query_id, digest, query.function)
        if stored is not None:
            return stored
        context = Context(
            dataset=self._dataset,
            files=files,
            models=self._models,
            random=row_generator(self._secret, self._job, query_id),
            split=RowSplit(self._secret),
            random_about=partial(subject_generator, self._secret, self._job),
        )
        try:
            body = encode_answer(query, answer(query, context))
        except QueryError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
        self._ledger.answered(query_id, body)
        return body
