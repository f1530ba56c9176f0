"""One job's sessions at a port: ask its providers questions from ordinary threads."""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future

from coordinator.admission import Admission
from coordinator.blobs import BlobSource
from coordinator.loop_thread import LoopThread
from coordinator.question_register import QuestionRegister
from coordinator.session_desk import SessionDesk
from coordinator.session_events import Joined, Left, Lost, Rejoined, SessionEvent
from coordinator.session_questions import ProvidersMissing, Question, SessionsStopped
from protocols.ids import ProviderId, QueryId
from protocols.limits import Limits

_log = logging.getLogger(__name__)


class JobSessions:
    """What a job may do with its sessions; made by `SessionPort.open`.

    Every method may be called from any thread except the port's own (so not from `on_event`).

    Args:
        admission: Who may come in; called in the port's thread.
        blobs: The files that providers may pull.
        limits: Sizes and times.
        thread: The port's.
        on_event: Told what happens, in the port's thread; it has to return quickly.
        over: Called in the port's thread when the last stream has ended after a stop.

    Attributes:
        desk: The part that lives in the port's event loop.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        admission: Admission,
        blobs: BlobSource,
        limits: Limits,
        thread: LoopThread,
        on_event: Callable[[SessionEvent], None],
        over: Callable[[], None],
    ) -> None:
        self._thread = thread
        self._tell = on_event
        self._over = over
        self._register = QuestionRegister()
        self._inbox: deque[tuple[Question, Future[bytes]]] = deque()
        self._present: set[ProviderId] = set()
        self._left: set[ProviderId] = set()
        self._presence = threading.Condition()
        self._closed = threading.Event()
        self.desk = SessionDesk(
            admission, blobs, limits, thread.loop, on_event=self._on_event, closed=self._on_closed
        )

    def wait_for(self, providers: Collection[ProviderId], timeout: float) -> None:
        """Wait until all of `providers` have an open session.

        Raises:
            ProvidersMissing: Some have none after `timeout` seconds.
            SessionsStopped: The sessions ended meanwhile.
        """
        wanted = set(providers)
        with self._presence:
            self._presence.wait_for(
                lambda: wanted <= self._present or self._closed.is_set(), timeout
            )
            if self._closed.is_set():
                raise self._stopped()
            if missing := wanted - self._present:
                raise ProvidersMissing(missing, timeout)

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        with self._presence:
            return frozenset(self._present)

    def left(self) -> frozenset[ProviderId]:
        """Whose owners left the job for good."""
        with self._presence:
            return frozenset(self._left)

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
        self._thread.call(lambda: self.desk.ask(self._take_inbox()))
        if self._closed.is_set():
            self._refuse_inbox()
        return [future for _, future, _ in entered]

    def unanswered(self) -> dict[ProviderId, list[QueryId]]:
        """What each provider still has to answer, in ascending order."""
        return self._register.unanswered()

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        self._register.acknowledge(up_to)
        self._thread.call(lambda: self.desk.acknowledge(up_to))

    def stop(self, reason: str) -> None:
        """The job is over: say goodbye to all, and let unanswered questions raise SessionsStopped.

        Returns when its streams have ended. Other jobs at the port go on.
        """
        self._stop(lambda: self.desk.stop(reason))

    def suspend(self, reason: str) -> None:
        """Like `stop`, but the job is to be opened again: its nodes come again until it is."""
        self._stop(lambda: self.desk.suspend(reason))

    def close(self) -> None:
        """Note that the port's loop does nothing more for this job; called by the port."""
        self._closed.set()
        with self._presence:
            self._present.clear()
            self._presence.notify_all()
        self._refuse_inbox()

    # Called in any thread.

    def _stop(self, action: Callable[[], None]) -> None:
        self._thread.call(action)
        if self._thread.running:
            self._closed.wait()

    def _take_inbox(self) -> list[tuple[Question, Future[bytes]]]:
        taken = []
        with contextlib.suppress(IndexError):  # two threads may empty it at once
            while True:
                taken.append(self._inbox.popleft())
        return taken

    def _refuse_inbox(self) -> None:
        for _, future in self._take_inbox():
            future.set_exception(self._stopped())

    def _stopped(self) -> SessionsStopped:
        return SessionsStopped(self.desk.stopped or "the session port has stopped")

    # Called in the port's thread.

    def _on_closed(self) -> None:
        self._over()
        self.close()

    def _on_event(self, event: SessionEvent) -> None:
        if isinstance(event, Joined | Rejoined | Lost | Left):
            with self._presence:
                if isinstance(event, Joined | Rejoined):
                    self._present.add(event.provider)
                    self._left.discard(event.provider)
                else:
                    self._present.discard(event.provider)
                if isinstance(event, Left):
                    self._left.add(event.provider)
                self._presence.notify_all()
        try:
            self._tell(event)
        except Exception:
            about = {"provider": event.provider}
            _log.exception("on_event failed at %r", event, extra=about)
