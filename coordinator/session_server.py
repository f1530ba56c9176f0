"""A session port with one job, for a coordinator that runs no other."""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future

from coordinator.admission import Admission
from coordinator.blobs import BlobSource
from coordinator.session_events import SessionEvent, ignore
from coordinator.session_port import SessionPort
from coordinator.session_questions import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    Question,
    SessionsStopped,
)
from coordinator.tls import TlsAtPort
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import Limits

__all__ = [
    "ProvidersMissing",
    "QueryRefused",
    "QueryTimedOut",
    "Question",
    "SessionServer",
    "SessionsStopped",
]


class SessionServer:
    """Serves the sessions of one job; what it offers is that of `JobSessions`.

    Args:
        job: Its providers name it in their first frame.
        admission: Who may come in; called in the port's own thread.
        blobs: The files that providers may pull.
        address: Host and port to listen on; port 0 picks a free one.
        tls: None for plain connections, which suit loopback only.
        limits: Sizes and times.
        on_event: Told what happens, in the port's own thread; it has to return quickly.
    """

    def __init__(
        self,
        job: JobId,
        admission: Admission,
        blobs: BlobSource,
        *,
        address: str = "127.0.0.1:0",
        tls: TlsAtPort | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        on_event: Callable[[SessionEvent], None] = ignore,
    ) -> None:
        self._port = SessionPort(address, tls, limits, turned_away=on_event)
        self._sessions = self._port.open(job, admission, blobs, on_event)

    def start(self) -> int:
        """Listen, and return the port; see `SessionPort.start`."""
        return self._port.start()

    def wait_for(self, providers: Collection[ProviderId], timeout: float) -> None:
        """Wait until all of `providers` have an open session; see `JobSessions.wait_for`."""
        self._sessions.wait_for(providers, timeout)

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        return self._sessions.connected()

    def left(self) -> frozenset[ProviderId]:
        """Whose owners left the job for good."""
        return self._sessions.left()

    def ask(
        self, provider: ProviderId, query: QueryId, body: bytes, timeout: float
    ) -> Future[bytes]:
        """Ask one question; see `JobSessions.ask`."""
        return self._sessions.ask(provider, query, body, timeout)

    def ask_many(self, questions: Iterable[Question]) -> list[Future[bytes]]:
        """Ask many questions in one hand-over; see `JobSessions.ask_many`."""
        return self._sessions.ask_many(questions)

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        self._sessions.acknowledge(up_to)

    def stop(self, reason: str) -> None:
        """Say goodbye to all, close, and let unanswered questions raise `SessionsStopped`."""
        self._sessions.stop(reason)
        self._port.stop(reason)
