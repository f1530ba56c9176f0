"""The coordinator's session port: ask providers questions from ordinary threads.

Inside it is one event loop in one thread, whatever the number of providers. Outside, every method
may be called from any thread except that one (so not from `on_event`).
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future

import grpc
import grpc.aio

from coordinator.admission import Admission
from coordinator.blobs import BlobSource
from coordinator.question_register import QuestionRegister
from coordinator.session_desk import SessionDesk
from coordinator.session_events import Joined, Lost, Rejoined, SessionEvent, ignore
from coordinator.session_questions import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    Question,
    SessionsStopped,
)
from coordinator.tls import ServerTls
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import MIB, Limits
from synlearn.errors import InputError

__all__ = [
    "ProvidersMissing",
    "QueryRefused",
    "QueryTimedOut",
    "Question",
    "SessionServer",
    "SessionsStopped",
]

_DRAIN = 0.05
"""Seconds for gRPC's last completions: of a closed loop, they trip up another one's callbacks."""

_log = logging.getLogger(__name__)


class SessionServer:
    """Serves the sessions of one job.

    Args:
        job: Its providers name it in their first frame.
        admission: Who may come in; called in the server's own thread.
        blobs: The files that providers may pull.
        address: Host and port to listen on; port 0 picks a free one.
        tls: None for plain connections, which suit loopback only.
        limits: Sizes and times.
        on_event: Told what happens, in the server's own thread; it has to return quickly.
    """

    def __init__(
        self,
        job: JobId,
        admission: Admission,
        blobs: BlobSource,
        *,
        address: str = "127.0.0.1:0",
        tls: ServerTls | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        on_event: Callable[[SessionEvent], None] = ignore,
    ) -> None:
        self._job = job
        self._admission = admission
        self._blobs = blobs
        self._address = address
        self._tls = tls
        self._limits = limits
        self._tell = on_event
        self._register = QuestionRegister()
        self._inbox: deque[tuple[Question, Future[bytes]]] = deque()
        self._present: set[ProviderId] = set()
        self._presence = threading.Condition()
        self._started: Future[int] = Future()
        self._loop = asyncio.new_event_loop()
        self._desk: SessionDesk | None = None
        self._leave: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name=f"sessions of {job}", daemon=True)

    def start(self) -> int:
        """Listen, and return the port.

        Raises:
            InputError: The address cannot be listened on.
        """
        self._thread.start()
        return self._started.result()

    def wait_for(self, providers: Collection[ProviderId], timeout: float) -> None:
        """Wait until all of `providers` have an open session.

        Raises:
            ProvidersMissing: Some have none after `timeout` seconds.
        """
        wanted = set(providers)
        with self._presence:
            if not self._presence.wait_for(lambda: wanted <= self._present, timeout):
                raise ProvidersMissing(wanted - self._present, timeout)

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        with self._presence:
            return frozenset(self._present)

    def ask(
        self, provider: ProviderId, query: QueryId, body: bytes, timeout: float
    ) -> Future[bytes]:
        """Ask one question; the future has the answer's body.

        A provider that is not there is asked when it comes, within `timeout` seconds. Asked again
        while unanswered, the same question shares one future; it cannot be cancelled.
        The future raises `QueryRefused`, `QueryTimedOut` or `SessionsStopped`.

        Raises:
            ValueError: The same id was asked with another body and is not yet acknowledged.
        """
        return self.ask_many((Question(provider, query, body, timeout),))[0]

    def ask_many(self, questions: Iterable[Question]) -> list[Future[bytes]]:
        """Ask many questions in one hand-over; like `ask` for each, in their order.

        Raises:
            ValueError: As `ask`; then none of them is asked.
        """
        entered = self._register.enter(questions)
        self._inbox.extend((question, future) for question, future, new in entered if new)
        self._call(self._empty_inbox)
        return [future for _, future, _ in entered]

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        self._register.acknowledge(up_to)
        self._call(lambda: self._acknowledge(up_to))

    def stop(self, reason: str) -> None:
        """Say goodbye to all, close, and let unanswered questions raise `SessionsStopped`."""
        self._call(lambda: self._leave_for(reason))
        if self._thread.is_alive():
            self._thread.join()

    # Called in any thread.

    def _call(self, action: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:  # the loop is closed
            self._refuse_inbox()

    def _take_inbox(self) -> list[tuple[Question, Future[bytes]]]:
        taken = []
        with contextlib.suppress(IndexError):  # two threads may empty it at once
            while True:
                taken.append(self._inbox.popleft())
        return taken

    def _refuse_inbox(self) -> None:
        for _, future in self._take_inbox():
            future.set_exception(SessionsStopped("the session server has stopped"))

    # Called in the server's own thread.

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            self._refuse_inbox()

    async def _serve(self) -> None:
        self._leave = asyncio.Event()
        self._desk = SessionDesk(
            self._job, self._admission, self._blobs, self._limits, self._on_event
        )
        self._empty_inbox()
        server = grpc.aio.server(options=_options(self._limits))
        handler = grpc.stream_stream_rpc_method_handler(self._desk.serve)  # bytes in, bytes out
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("synlearn.Session", {"Open": handler}),)
        )
        port = self._listen(server)
        await server.start()
        self._started.set_result(port)
        await self._leave.wait()
        await server.stop(grace=self._limits.farewell)
        await asyncio.sleep(_DRAIN)

    def _listen(self, server: grpc.aio.Server) -> int:
        try:
            port: int = (
                server.add_secure_port(self._address, self._tls.credentials())
                if self._tls
                else server.add_insecure_port(self._address)
            )
        except RuntimeError as error:
            raise InputError(
                f"cannot listen on {self._address}: stop what uses that port, or choose another"
            ) from error
        return port

    def _empty_inbox(self) -> None:
        if self._desk:
            self._desk.ask(self._take_inbox())

    def _acknowledge(self, up_to: QueryId) -> None:
        if self._desk:
            self._desk.acknowledge(up_to)

    def _leave_for(self, reason: str) -> None:
        if self._desk and self._leave:
            self._desk.stop(reason)
            self._leave.set()

    def _on_event(self, event: SessionEvent) -> None:
        if isinstance(event, Joined | Rejoined | Lost):
            with self._presence:
                if isinstance(event, Lost):
                    self._present.discard(event.provider)
                else:
                    self._present.add(event.provider)
                self._presence.notify_all()
        try:
            self._tell(event)
        except Exception:
            _log.exception("on_event failed at %r", event)


def _options(limits: Limits) -> list[tuple[str, int]]:
    """Channel arguments: one owner of the port, our sizes, pings in both directions."""
    keepalive = int(limits.keepalive * 1000)
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.max_message + MIB),  # ours speaks first
        ("grpc.max_send_message_length", -1),
        ("grpc.keepalive_time_ms", keepalive),
        ("grpc.keepalive_timeout_ms", keepalive),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", min(keepalive // 2, 10_000)),
    ]
