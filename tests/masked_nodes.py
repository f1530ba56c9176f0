"""Nodes that take part in secure aggregations, each with rows, keys and records of its own; and a
table at which the test plays the coordinator, without a network."""

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch

from coordinator.aggregation_question import Terms, question_of
from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.masked import MASKED, MaskedQuery
from protocols.mquery import Join, SignedQuestion, Step, round_id
from protocols.queries import QUERIES, SUM_QUERIES, SquaredError
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import JobManifest, SignedManifest, sign_manifest
from protocols.secagg.member import Member
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.roster import Roster, SignedRoster, sign_roster
from protocols.secagg.rounds import Round
from protocols.secagg.server import Server, Sum
from provider.aggregation import Fresh, MaskedAnswers
from provider.answers import Context
from provider.attempts import AttemptLedger, MemoryAttempts
from provider.contribution import Rows, contribution
from provider.dataset import Dataset
from provider.gate import FixedGate
from provider.ledger import Ledger, MemoryLedger
from provider.masked_rules import MaskedRules
from provider.models import ModelCache
from provider.node import Node
from provider.policy import OpenPolicy, Policy
from provider.rows import RowSplit, row_generator, subject_generator
from provider.session import PendingUntil
from provider.spending import Spending
from provider.trust import Federation, MemoryTrust, Trust, TrustStore
from provider.workbench import Workbench
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.models import model_file
from tests.session_harness import JOB
from tests.sprites import Sprites

Q = QueryId(2, 5, 0)
JOIN = QueryId(0, 0, 1)
MODELS = {digest_of(data): data for data in map(model_file, "abc")}
torch.manual_seed(0)
BACKBONE = save_backbone(Backbone(BackboneSpec(width=2, features=6)))
FILES = {**MODELS, digest_of(BACKBONE): BACKBONE}
ERRORS = SquaredError(tuple(MODELS), rows=5)
TERMS = Terms(bound=64.0)
NOW = 1_000_000_000
FUNCTIONS = frozenset(QUERIES) | frozenset(MASKED)
MASKED_HERE = frozenset(SUM_QUERIES) | {"squared_error", "class_outputs"}
_EXECUTOR = ThreadPoolExecutor(1, thread_name_prefix="answers of tests")


def names(count: int) -> list[ProviderId]:
    return [ProviderId(f"p{place:02d}") for place in range(count)]


def member(name: ProviderId, key: str = "") -> Member:
    public = identity_of(key or name).public
    return Member(name, public, plain=FUNCTIONS - MASKED_HERE, masked=MASKED_HERE)


def roster_of(members: Sequence[ProviderId]) -> Roster:
    return Roster.first(map(member, members), [COORDINATOR.public])


def manifest_of(roster: Roster, job: JobId = JOB) -> JobManifest:
    return JobManifest(
        job=job,
        coordinator=COORDINATOR.public,
        roster=roster.digest,
        participants=tuple(roster.by_name),
        functions=FUNCTIONS,
        models=frozenset(FILES),
    )


class Provider:
    """What outlives a provider's node: rows, keys and records."""

    def __init__(
        self,
        name: ProviderId,
        place: int = 0,
        *,
        dataset: Dataset | None = None,
        rules: MaskedRules = MaskedRules(),  # noqa: B008 - frozen
        policy: Policy = OpenPolicy(),  # noqa: B008 - frozen
        ledger: Ledger | None = None,
        attempts: AttemptLedger | None = None,
        store: TrustStore | None = None,
        fresh: Fresh = os.urandom,
    ) -> None:
        self.name = name
        self.dataset = dataset or Sprites(Shape.ELLIPSE, 20, seed=place)
        self.gate = FixedGate(policy, rules)
        self.secret = hashlib.sha256(f"secret of {name}".encode()).digest()
        spending = Spending()
        self.ledger = ledger or MemoryLedger(spending)
        self.attempts = attempts or MemoryAttempts(spending)
        self.store = store or MemoryTrust()
        self.fresh = fresh
        self.models = ModelCache()
        self.now = NOW

    def masked(self) -> MaskedAnswers:
        """The part of the node that answers masked questions, as it comes up."""
        federation = Federation(AUTHORITY.public, self.store, now=lambda: self.now)
        return MaskedAnswers(
            self.name,
            JOB,
            gate=self.gate,
            trust=Trust(self.name, JOB, identity_of(self.name), federation),
            attempts=self.attempts,
            bench=Workbench(self.dataset, self.secret, self.models, _EXECUTOR),
            fresh=self.fresh,
        )

    def node(self) -> Node:
        """The node as it comes up; what an earlier one had in memory is gone."""
        return Node(
            self.name,
            JOB,
            gate=self.gate,
            ledger=self.ledger,
            bench=Workbench(self.dataset, self.secret, self.models, _EXECUTOR),
            masked=self.masked(),
        )

    def vector(
        self, query: MaskedQuery, rows: Rows, attempt: int = 1, query_id: QueryId = Q
    ) -> npt.NDArray[np.float64]:
        """What the provider adds to a sum, worked out beside the node."""
        context = Context(
            dataset=self.dataset,
            files={str(digest): data for digest, data in FILES.items()},
            models=ModelCache(),
            random=row_generator(self.secret, JOB, query_id, attempt),
            split=RowSplit(self.secret),
            random_about=partial(subject_generator, self.secret, JOB),
        )
        return contribution(query, rows, context, TERMS.bound)


def providers(count: int, rules: MaskedRules = MaskedRules()) -> list[Provider]:  # noqa: B008
    """So many providers, all with the same rules."""
    return [Provider(name, place, rules=rules) for place, name in enumerate(names(count))]


def expected(
    providers: Sequence[Provider], attempt: int = 1, query_id: QueryId = Q
) -> npt.NDArray[np.float64]:
    """The sum of the providers' vectors for `ERRORS`, in the clear: three errors and a count."""
    rows = np.array([ERRORS.rows], np.int64)
    vectors = [provider.vector(ERRORS, rows, attempt, query_id) for provider in providers]
    total: npt.NDArray[np.float64] = np.sum(vectors, axis=0)
    return total


def altered(question: AggregationQuestion, changes: Mapping[str, object]) -> AggregationQuestion:
    """The question with other fields."""
    return replace(question, **changes)  # type: ignore[arg-type]


class Blobs:
    """Serves model files."""

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        """The file of this digest."""
        if digest not in FILES:
            raise Refused(Code.FILE_UNAVAILABLE)
        return FILES[digest]


def no_delay(pending: PendingUntil) -> None:
    raise AssertionError(f"nothing to wait for: {pending}")


class Table:
    """Nodes, and whatever the test tells them in the coordinator's name."""

    def __init__(self, seats: Sequence[Provider], *, joined: bool = True) -> None:
        self.providers = {provider.name: provider for provider in seats}
        self.roster = roster_of(list(self.providers))
        self.links: tuple[SignedRoster, ...] = (sign_roster(self.roster, AUTHORITY),)
        self.manifest = manifest_of(self.roster)
        self.nodes = {name: provider.node() for name, provider in self.providers.items()}
        if joined:
            for name in self.nodes:
                assert self.join(name) == b""

    def restart(self, name: ProviderId) -> None:
        """A new node in place of one that died."""
        self.nodes[name] = self.providers[name].node()

    def tell(self, name: ProviderId, query_id: QueryId, body: bytes) -> bytes | Code:
        """The node's answer, or the code of its refusal."""
        try:
            return asyncio.run(self.nodes[name].answer(query_id, body, Blobs(), no_delay))
        except Refused as refused:
            return refused.code

    def join(
        self,
        name: ProviderId,
        *,
        links: Sequence[SignedRoster] | None = None,
        manifest: JobManifest | SignedManifest | None = None,
    ) -> bytes | Code:
        """Hand a node roster and manifest, the table's own unless told otherwise."""
        signed = manifest or self.manifest
        if isinstance(signed, JobManifest):
            signed = sign_manifest(signed, COORDINATOR)
        body = Join(self.links if links is None else tuple(links), signed).encode()
        return self.tell(name, JOIN, body)

    def question(
        self,
        *,
        attempt: int = 1,
        parties: Sequence[ProviderId] = (),
        query: MaskedQuery = ERRORS,
        query_id: QueryId = Q,
        rows: Mapping[ProviderId, Sequence[int]] | None = None,
        terms: Terms = TERMS,
        **changes: object,
    ) -> AggregationQuestion:
        """An honest question, apart from `changes`."""
        asked = rows or dict.fromkeys(parties or self.providers, (ERRORS.rows,))
        return altered(question_of(self.manifest, query_id, attempt, query, asked, terms), changes)

    def advertise(
        self, name: ProviderId, question: AggregationQuestion, signer: Identity = COORDINATOR
    ) -> bytes | Code:
        """Open an attempt at one node."""
        message = SignedQuestion.by(signer, question.encode()).encode()
        return self.step(name, question, Round.ADVERTISE, message)

    def step(
        self, name: ProviderId, question: AggregationQuestion, round_: Round, message: bytes
    ) -> bytes | Code:
        """Open a round at one node."""
        query_id = round_id(question.query, question.attempt, round_)
        return self.tell(name, query_id, Step(round_, question.transcript, message).encode())

    def open(self, question: AggregationQuestion) -> tuple[Server, dict[ProviderId, bytes]]:
        """Run ADVERTISE with everybody; the server, and what opens SHARE."""
        server = Server(question, self.roster.identities)
        for name in question.parties:
            self.hear(server, name, self.advertise(name, question))
        return server, server.close()

    def round(
        self,
        server: Server,
        question: AggregationQuestion,
        messages: Mapping[ProviderId, bytes],
    ) -> None:
        """Run one round with everybody in `messages`, but do not close it."""
        for name, message in messages.items():
            self.hear(server, name, self.step(name, question, server.round, message))

    def hear(self, server: Server, name: ProviderId, reply: bytes | Code) -> None:
        """Let the server have a node's message."""
        assert isinstance(reply, bytes), (name, reply)
        server.receive(name, reply)

    def until(
        self, round_: Round, question: AggregationQuestion
    ) -> tuple[Server, dict[ProviderId, bytes]]:
        """Run honestly up to a round; the server, and what opens that round."""
        server, messages = self.open(question)
        while server.round is not round_:
            self.round(server, question, messages)
            messages = server.close()
        return server, messages

    def run(self, question: AggregationQuestion) -> Sum:
        """Run honestly to the end."""
        server, messages = self.until(Round.UNMASK, question)
        self.round(server, question, messages)
        return server.finish()
