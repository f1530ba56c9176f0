"""A coordinator and its providers over real sessions, whose nodes die when the test says so."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from coordinator.admission import TokenAdmission
from coordinator.aggregation import Aggregations
from coordinator.blobs import MemoryBlobs
from coordinator.joining import JobTrust, join
from coordinator.session_server import Question, SessionServer
from protocols.ids import ProviderId, QueryId
from protocols.mquery import Step, decode_mquery, is_mquery
from protocols.secagg.roster import sign_roster
from provider.blobs import BlobCache
from provider.session import BlobFetcher, Connections, NodeSession, PendingUntil
from tests.identities import AUTHORITY, COORDINATOR
from tests.masked_nodes import ERRORS, FILES, Provider, manifest_of, roster_of
from tests.session_harness import AT_ONCE, JOB, QUICK, SOON, TOKEN, in_node_loop

if TYPE_CHECKING:
    from concurrent.futures import Future

    from coordinator.aggregation_events import AttemptEnded
    from provider.node import Node

Hook = Callable[[Step], Awaitable[None]]


async def _nothing(_: Step) -> None:
    return


class Session:
    """A provider's node on its session.

    Attributes:
        before: Runs before the node has seen what opens a round.
        after: Runs once the node has computed its message, before that is sent.
        replies: The node's messages.
    """

    def __init__(self, provider: Provider, port: int) -> None:
        self.provider = provider
        self.before: Hook = _nothing
        self.after: Hook = _nothing
        self.replies: list[tuple[Step, bytes]] = []
        self._port = port
        self._node: Node | None = None
        self._running: Future[None] | None = None

    def start(self) -> None:
        """Bring up a new node: what the one before had in memory is gone."""
        self._node = self.provider.node()
        self.connect()

    def connect(self) -> None:
        """Open a new session for the node, in place of the one before."""
        self.disconnect()
        self._running = in_node_loop(self._run())

    def disconnect(self) -> None:
        """End the session."""
        if self._running:
            self._running.cancel()
            self._running = None

    async def die(self) -> None:
        """The node's process ends, here and now."""
        self._node = None
        self.disconnect()
        await asyncio.Event().wait()  # until it is cancelled

    async def _run(self) -> None:
        await NodeSession(
            self.provider.name,
            JOB,
            TOKEN,
            f"localhost:{self._port}",
            self,
            BlobCache(),
            prover=None,
            connections=Connections(QUICK),
            limits=QUICK,
            backoff=AT_ONCE,
        ).run()

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        """As the node."""
        assert self._node is not None
        mquery = decode_mquery(body) if is_mquery(body) else None
        if not isinstance(mquery, Step):
            return await self._node.answer(query_id, body, blobs, tell)
        await self.before(mquery)
        reply = await self._node.answer(query_id, body, blobs, tell)
        self.replies.append((mquery, reply))
        await self.after(mquery)
        return reply

    def acknowledge(self, up_to: QueryId) -> None:
        """As the node."""
        assert self._node is not None
        self._node.acknowledge(up_to)


class Patience:
    """The sessions, with deadlines of the test's own: nobody has to wait for the dead."""

    def __init__(self, server: SessionServer) -> None:
        self.server = server
        self.of: dict[ProviderId, float] = {}

    def ask_many(self, questions: Sequence[Question]) -> "list[Future[bytes]]":
        return self.server.ask_many(
            [replace(asked, timeout=self.of.get(asked.provider, SOON)) for asked in questions]
        )

    def connected(self) -> frozenset[ProviderId]:
        return self.server.connected()


class MaskedSite:
    """A coordinator and its providers."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = {provider.name: provider for provider in providers}
        roster = roster_of(list(self.providers))
        links = (sign_roster(roster, AUTHORITY),)
        self.trust = JobTrust(COORDINATOR, roster, links, manifest_of(roster))
        self.blobs = MemoryBlobs()
        for data in FILES.values():
            self.blobs.publish(data)
        self.attempts: list[AttemptEnded] = []
        self.server = self._server("127.0.0.1:0")
        self.port = self.server.start()
        self.sessions = {
            name: Session(provider, self.port) for name, provider in self.providers.items()
        }
        self.patience = Patience(self.server)
        self.aggregations = self._aggregations()

    def restart_coordinator(self) -> None:
        """A new coordinator on the same port, which knows nothing of the first."""
        self.server = self._server(f"127.0.0.1:{self.port}")
        self.server.start()
        self.patience = Patience(self.server)
        self.aggregations = self._aggregations()

    def start(self) -> None:
        """Start all nodes, and let them join the job."""
        for session in self.sessions.values():
            session.start()
        self.server.wait_for(list(self.sessions), SOON)
        join(self.server, self.trust, list(self.sessions), SOON)

    def stop(self) -> None:
        """Leave nothing behind."""
        self.server.stop("the test is over")
        for session in self.sessions.values():
            session.disconnect()

    @property
    def rows(self) -> Mapping[ProviderId, Sequence[int]]:
        """All parties, each with the rows of `ERRORS`."""
        return dict.fromkeys(self.providers, (ERRORS.rows,))

    def those(self, names: Sequence[ProviderId]) -> list[Provider]:
        """Providers by name."""
        return [self.providers[name] for name in names]

    def _server(self, address: str) -> SessionServer:
        return SessionServer(
            JOB,
            TokenAdmission(dict.fromkeys(self.providers, TOKEN)),
            self.blobs,
            address=address,
            limits=QUICK,
        )

    def _aggregations(self) -> Aggregations:
        return Aggregations(
            self.patience, self.trust, deadline=SOON, on_attempt=self.attempts.append
        )


@contextmanager
def masked_site(providers: Sequence[Provider]) -> Iterator[MaskedSite]:
    """A site that is torn down, whatever happens in it."""
    site = MaskedSite(providers)
    try:
        site.start()
        yield site
    finally:
        site.stop()
