"""The node's side of MQUERY: everything that may be said against a question, then its rounds."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
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
from provider.answers import Context
from provider.attempts import Attempt, AttemptLedger
from provider.charges import charge_for, pay
from provider.contribution import Rows, check_rows, contribution, wholes_of
from provider.dataset import Dataset
from provider.masked_rules import MaskedRules
from provider.models import ModelCache
from provider.policy import Policy
from provider.rows import RowSplit, row_generator, subject_generator
from provider.session import BlobFetcher
from provider.trust import Trust

if TYPE_CHECKING:
    from provider.privacy import AggregationCharge

Fresh = Callable[[int], bytes]
"""So many random bytes, as `os.urandom`."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """An attempt that passed all checks of its question."""

    question: AggregationQuestion
    query: MaskedQuery
    rows: Rows
    charge: "AggregationCharge | None"


class MaskedAnswers:
    """Takes part in one job's secure aggregations for one provider.

    Nothing of an attempt is kept on disk except that it was made: a node that restarts in the
    middle of one has dropped out of it.

    Args:
        provider: Who takes part.
        job: Which job asks.
        policy: The provider's rules for any question.
        rules: Its terms for masked sums.
        trust: Whom it believes.
        attempts: The record; written before a row is read.
        dataset: The rows.
        secret: 32 bytes that key the drawing of rows; never leaves the node.
        models: Parsed model files, shared by the nodes of a process.
        executor: One thread, in which rounds are computed.
        fresh: Gives the random bytes from which an attempt's secrets are made.
    """

    def __init__(
        self,
        provider: ProviderId,
        job: JobId,
        *,
        policy: Policy,
        rules: MaskedRules,
        trust: Trust,
        attempts: AttemptLedger,
        dataset: Dataset,
        secret: bytes,
        models: ModelCache,
        executor: Executor,
        fresh: Fresh,
    ) -> None:
        self._provider = provider
        self._job = job
        self._policy = policy
        self._rules = rules
        self.trust = trust
        self._attempts = attempts
        self._dataset = dataset
        self._secret = secret
        self._models = models
        self._executor = executor
        self._fresh = fresh
        self._open: OrderedDict[bytes, tuple[_Asked, Participant]] = OrderedDict()

    async def answer(self, query_id: QueryId, body: bytes, blobs: BlobFetcher) -> bytes:
        """Join a job, or take part in a round; the answer is this party's message.

        Raises:
            Refused: The question is not one to answer, or for this party the attempt is over.
        """
        mquery = decode_mquery(body)
        if isinstance(mquery, Join):
            self.trust.join(mquery)
            return b""
        if mquery.round is Round.ADVERTISE and mquery.transcript not in self._open:
            await self._begin(query_id, mquery, blobs)
        participant = self._find(query_id, mquery)
        message = b"" if mquery.round is Round.ADVERTISE else mquery.message
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, participant.answer, mquery.round, message
        )

    async def _begin(self, query_id: QueryId, step: Step, blobs: BlobFetcher) -> None:
        """Check a question, record the attempt, get its files."""
        asked = self._accept(query_id, step)
        question, query = asked.question, asked.query
        self._attempts.begin(
            Attempt(
                question.query,
                question.attempt,
                query.function,
                digest_of(question.body),
                Digest(question.transcript.hex()),
            )
        )
        files = {
            name: await blobs.fetch(Digest(name), self._policy.max_model_bytes)
            for name in query.blobs
        }
        self._make_room(question)
        self._open[question.transcript] = asked, self._participant(asked, files)

    def _make_room(self, question: AggregationQuestion) -> None:
        """End earlier attempts at the question, and the oldest ones where there are too many."""
        for transcript, (other, _) in list(self._open.items()):
            if other.question.query == question.query:
                if other.question.attempt > question.attempt:
                    raise Refused(Code.ATTEMPT_SPENT, local="a later attempt began meanwhile")
                del self._open[transcript]
        while len(self._open) >= self._rules.max_open:
            self._open.popitem(last=False)

    def _accept(self, query_id: QueryId, step: Step) -> _Asked:
        """All checks of a question, before anything is made or read for it."""
        if self._policy.paused:
            raise Refused(Code.PAUSED, local="the node is paused; resume it to answer again")
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
        self._rules.check(query, rows, noisy=question.encoding.noise is not None)
        check_rows(query, rows, self._dataset)
        return _Asked(question, query, rows, charge_for(question, query))

    def _participant(self, asked: _Asked, files: dict[str, bytes]) -> Participant:
        question, query, rows = asked.question, asked.query, asked.rows
        roster = self.trust.grounds().roster

        def values() -> npt.NDArray[np.float64]:
            """Pay first, then look."""
            cost = pay(asked.charge, self._rules.budget, self._attempts)
            exact = asked.charge is None and self._rules.wholes_once
            wholes = wholes_of(query, rows, self._dataset) if exact else ()
            self._attempts.spend(question.query, question.attempt, cost, wholes)
            context = Context(
                dataset=self._dataset,
                files=files,
                models=self._models,
                random=row_generator(self._secret, self._job, question.query, question.attempt),
                split=RowSplit(self._secret),
                random_about=partial(subject_generator, self._secret, self._job),
            )
            return contribution(query, rows, context, question.encoding.bound)

        party = Party(
            self._provider,
            question,
            self.trust.identity,
            roster.identities,
            self._rules.floors(self.trust.federation.counted()),
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
