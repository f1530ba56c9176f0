"""Both ends of a session in one process, for tests; and ends made of bare gRPC, for what no honest
end would send."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias, TypedDict, TypeVar, Unpack

import grpc

from coordinator.admission import Admission, TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.session_server import SessionServer
from coordinator.tls import TlsAtPort
from protocols import frames as f
from protocols.errors import Code, Refused
from protocols.framing import decode, encode
from protocols.ids import JobId, ProviderId, QueryId, digest
from protocols.limits import Limits
from protocols.proof import Prover
from provider.backoff import Backoff
from provider.blobs import BlobCache
from provider.session import (
    BlobFetcher,
    ClientTls,
    Connections,
    Farewell,
    NodeSession,
    PendingUntil,
    TlsSource,
)

if TYPE_CHECKING:
    from coordinator.session_events import SessionEvent

T = TypeVar("T")
JOB = JobId("job")
TOKEN = b"token"
ALICE, BOB = ProviderId("alice"), ProviderId("bob")
SOON = 20.0
"""Seconds that nothing here takes, unless it fails."""
QUICK = Limits(farewell=0.5)
AT_ONCE = Backoff(first=0.02, most=0.1)


@cache
def node_loop() -> asyncio.AbstractEventLoop:
    """One event loop for all nodes of all tests, as a node's process has one."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="nodes", daemon=True).start()
    return loop


def in_node_loop(work: Coroutine[None, None, T]) -> Future[T]:
    return asyncio.run_coroutine_threadsafe(work, node_loop())


class Echo:
    """A responder that knows a few words, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[QueryId, bytes]] = []
        self.acknowledged: list[QueryId] = []
        self.gate = threading.Event()

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        self.asked.append((query_id, body))
        word, _, rest = body.partition(b" ")
        if word == b"refuse":
            raise Refused(Code.TOO_FEW_ROWS, local="the reason stays here")
        if word == b"fail":
            raise ZeroDivisionError("the reason stays here")
        if word == b"pending":
            tell(PendingUntil(4_000_000_000.9, Code.AWAITING_APPROVAL))
        if word in {b"pending", b"wait"}:
            while not self.gate.is_set():
                await asyncio.sleep(0.005)
        if word == b"large":
            return bytes(int(rest))
        if word == b"fetch":
            name, _, most = rest.partition(b" ")
            return await blobs.fetch(digest(name.decode()), int(most or 10**9))
        return b"echo " + body

    def acknowledge(self, up_to: QueryId) -> None:
        self.acknowledged.append(up_to)


Node: TypeAlias = "Future[Farewell]"


class Changes(TypedDict, total=False):
    """What a test may want different in a node."""

    token: bytes
    job: JobId
    limits: Limits
    tls: TlsSource | None
    prover: Prover | None
    cache: BlobCache


def start_node(
    provider: ProviderId, responder: Echo, port: int, **changes: Unpack[Changes]
) -> Node:
    """Run a node in the nodes' loop; cancel it, or wait for its farewell."""
    limits = changes.get("limits", QUICK)

    async def run() -> Farewell:
        return await NodeSession(
            provider,
            changes.get("job", JOB),
            changes.get("token", TOKEN),
            f"localhost:{port}",
            responder,
            changes.get("cache") or BlobCache(),
            prover=changes.get("prover"),
            connections=Connections(limits),
            tls=changes.get("tls"),
            limits=limits,
            backoff=AT_ONCE,
        ).run()

    return in_node_loop(run())


class Site:
    """A coordinator and its nodes."""

    def __init__(
        self,
        *,
        providers: Sequence[ProviderId] = (ALICE, BOB),
        limits: Limits = QUICK,
        tls: TlsAtPort | None = None,
        names_in_certificates: bool = False,
        admission: Admission | None = None,
    ) -> None:
        self.events: list[SessionEvent] = []
        self.blobs = MemoryBlobs()
        self.limits = limits
        self.tls = tls
        self.admission = admission or TokenAdmission(
            dict.fromkeys(providers, TOKEN), names_in_certificates
        )
        self.server = self._server("127.0.0.1:0")
        self.port = self.server.start()
        self.nodes: list[Node] = []

    def _server(self, address: str) -> SessionServer:
        return SessionServer(
            JOB,
            self.admission,
            self.blobs,
            address=address,
            tls=self.tls,
            limits=self.limits,
            on_event=self.events.append,
        )

    def restart(self) -> None:
        """A new coordinator on the same port, which knows nothing of the first."""
        self.server = self._server(f"127.0.0.1:{self.port}")
        self.server.start()

    def node(self, provider: ProviderId, responder: Echo, **changes: Unpack[Changes]) -> Node:
        """Start a node of this site."""
        node = start_node(provider, responder, self.port, **changes)
        self.nodes.append(node)
        return node


@contextmanager
def site(
    *,
    providers: Sequence[ProviderId] = (ALICE, BOB),
    limits: Limits = QUICK,
    tls: TlsAtPort | None = None,
    names_in_certificates: bool = False,
    admission: Admission | None = None,
) -> Iterator[Site]:
    """A site that is torn down, whatever happens in it."""
    made = Site(
        providers=providers,
        limits=limits,
        tls=tls,
        names_in_certificates=names_in_certificates,
        admission=admission,
    )
    try:
        yield made
    finally:
        made.server.stop("the test is over")
        for node in made.nodes:
            node.cancel()


class BareProvider:
    """A provider's stream in the test's hands."""

    def __init__(self, port: int, tls: ClientTls | None = None) -> None:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        address = f"localhost:{port}"
        self.channel = (
            grpc.secure_channel(
                address,
                grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate),
                options=options,
            )
            if tls
            else grpc.insecure_channel(address, options=options)
        )
        self._out: SimpleQueue[bytes | None] = SimpleQueue()
        self._in: SimpleQueue[f.Frame | grpc.RpcError | None] = SimpleQueue()
        self._reading = threading.Event()
        self._reading.set()
        self.call = self.channel.stream_stream("/synlearn.Session/Open")(iter(self._out.get, None))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for message in self.call:
                self._reading.wait()
                for frame in decode(message, Limits()):
                    self._in.put(frame)
        except grpc.RpcError as error:
            self._in.put(error)
        self._in.put(None)

    def send(self, *frames: f.Frame) -> None:
        self.send_bytes(b"".join(map(encode, frames)))

    def send_bytes(self, message: bytes) -> None:
        self._out.put(message)

    def hello(self, **changes: object) -> f.Welcome:
        """Come in, as Alice unless told otherwise."""
        self.send(hello(**changes))
        welcome = self.receive()
        assert isinstance(welcome, f.Welcome)
        return welcome

    def receive(self) -> f.Frame | grpc.RpcError | None:
        """The next frame, or how the stream ended; None is a clean end."""
        return self._in.get(timeout=SOON)

    def stop_reading(self) -> None:
        """Read one message more at most, so that the other end cannot write on."""
        self._reading.clear()

    def close(self) -> None:
        self._reading.set()
        self._out.put(None)
        self.call.cancel()
        self.channel.close()


def hello(**changes: object) -> f.Hello:
    fields: dict[str, object] = {
        "provider": ALICE,
        "job": JOB,
        "token": TOKEN,
        "acknowledged": None,
        "in_flight": 8,
        "max_body": 1000,
    }
    return f.Hello(**(fields | changes))  # type: ignore[arg-type]


@contextmanager
def bare_provider(port: int, tls: ClientTls | None = None) -> Iterator[BareProvider]:
    provider = BareProvider(port, tls)
    try:
        yield provider
    finally:
        provider.close()


Script: TypeAlias = Sequence[bytes | type[f.Frame]]


class BareCoordinator:
    """A coordinator's end in the test's hands: one script for each stream, the last one for ever.

    A script is what to send, in order; a kind of frame in it waits until the node sent one.
    """

    def __init__(self, *scripts: Script) -> None:
        self.streams = 0
        self.got: SimpleQueue[f.Frame] = SimpleQueue()
        self._scripts = scripts
        self._over = threading.Event()
        self._server = grpc.server(
            ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)]
        )
        method = grpc.stream_stream_rpc_method_handler(self._serve)
        handler = grpc.method_handlers_generic_handler("synlearn.Session", {"Open": method})
        self._server.add_generic_rpc_handlers((handler,))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def _serve(self, incoming: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        script = self._scripts[min(self.streams, len(self._scripts) - 1)]
        self.streams += 1
        closed = threading.Event()
        seen: SimpleQueue[type[f.Frame]] = SimpleQueue()
        threading.Thread(target=self._listen, args=(incoming, closed, seen), daemon=True).start()
        for step in script:
            if isinstance(step, bytes):
                yield step
            else:
                while seen.get(timeout=SOON) is not step:
                    pass
        while not (closed.is_set() or self._over.is_set()):
            closed.wait(0.01)

    def _listen(
        self,
        incoming: Iterator[bytes],
        closed: threading.Event,
        seen: SimpleQueue[type[f.Frame]],
    ) -> None:
        try:
            for message in incoming:
                for frame in decode(message, Limits()):
                    self.got.put(frame)
                    seen.put(type(frame))
        except Exception:  # noqa: S110 - the stream is over, which is all that matters here
            pass
        closed.set()

    def receive(self) -> f.Frame:
        """The next frame that any node sent."""
        try:
            return self.got.get(timeout=SOON)
        except Empty as error:
            raise AssertionError("the node sent nothing") from error

    def close(self) -> None:
        self._over.set()
        self._server.stop(0).wait()


@contextmanager
def bare_coordinator(*scripts: Script) -> Iterator[BareCoordinator]:
    coordinator = BareCoordinator(*scripts)
    try:
        yield coordinator
    finally:
        coordinator.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread."""
    waiting = threading.Event()
    for _ in range(int(SOON / 0.01)):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not happen")
