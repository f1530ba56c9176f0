"""One provider's unanswered questions. The book outlives the provider's streams.

Everything here runs in the session port's event loop.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from typing import Protocol

from coordinator.session_questions import QueryRefused, QueryTimedOut, Question, SessionsStopped
from protocols import frames as f
from protocols.errors import Code
from protocols.framing import MAX_DEADLINE_MS
from protocols.ids import ProviderId, QueryId


class Sender(Protocol):
    """The open stream to the provider."""

    @property
    def max_body(self) -> int:
        """Bytes of the largest question that the provider takes."""
        ...

    def may_ask(self, query: QueryId) -> bool:
        """Whether the provider takes this question now."""
        ...

    def ask(self, question: f.Question) -> None:
        """Send a question."""
        ...


class _Asked:
    """A question without an answer yet."""

    __slots__ = ("body", "deadline", "future", "postponed", "query", "sent", "timer")

    def __init__(self, question: Question, future: Future[bytes], deadline: float) -> None:
        self.query = question.query
        self.body = question.body
        self.future = future
        self.deadline = deadline
        self.sent = False
        self.postponed: f.Pending | None = None
        self.timer: asyncio.TimerHandle | None = None


class QuestionBook:
    """Asks in order, as many as the provider takes; asks again on a new stream.

    Args:
        provider: Whose book this is.
        loop: For its clock and timers.
        max_bytes: Bodies sent and unanswered; a single one may be larger.
    """

    def __init__(
        self, provider: ProviderId, loop: asyncio.AbstractEventLoop, max_bytes: int
    ) -> None:
        self.provider = provider
        self._loop = loop
        self._max_bytes = max_bytes
        self._unanswered: dict[QueryId, _Asked] = {}
        self._waiting: deque[_Asked] = deque()
        self._sent_bytes = 0
        self._sender: Sender | None = None
        self._given_up: Code | None = None

    def add(self, question: Question, future: Future[bytes]) -> None:
        """Ask, now or when the provider is there and takes more."""
        asked = _Asked(question, future, self._loop.time() + question.timeout)
        asked.timer = self._loop.call_at(asked.deadline, self._expire, asked)
        self._unanswered[asked.query] = asked
        self._waiting.append(asked)
        if self._given_up:
            self._refuse(asked, self._given_up)
        self.pump()

    def attach(self, sender: Sender) -> None:
        """A stream is open: ask again what was asked, then what waits."""
        self._sender, self._given_up = sender, None
        for asked in self._unanswered.values():
            asked.sent = False
        self._sent_bytes = 0
        self._waiting = deque(self._unanswered.values())
        self.pump()

    def detach(self, sender: Sender) -> None:
        """The stream is gone; questions wait for the next one, or for their deadlines."""
        if self._sender is sender:
            self._sender = None

    def pump(self) -> None:
        """Send what the provider takes."""
        sender = self._sender
        while sender and self._waiting:
            asked = self._waiting[0]
            if len(asked.body) > sender.max_body:
                self._refuse(asked, Code.QUESTION_TOO_LARGE)
                continue
            full = self._sent_bytes and self._sent_bytes + len(asked.body) > self._max_bytes
            # A question asked again after its deadline waits here for the first one's refusal.
            if full or not sender.may_ask(asked.query):
                return
            self._waiting.popleft()
            asked.sent = True
            self._sent_bytes += len(asked.body)
            left = int((asked.deadline - self._loop.time()) * 1000)
            sender.ask(f.Question(asked.query, min(max(left, 1), MAX_DEADLINE_MS), asked.body))

    def answered(self, answer: f.Answer) -> None:
        """An answer came; it may be late, and then nobody waits for it."""
        asked = self._unanswered.get(answer.query)
        if asked:
            self._close(asked)
            asked.future.set_result(answer.body)
        self.pump()

    def refused(self, refusal: f.Refusal) -> None:
        """A refusal came."""
        asked = self._unanswered.get(refusal.query)
        late = refusal.code is Code.DEADLINE_PASSED and asked and not asked.sent
        if asked and not late:  # late: refused when it was asked before, and asked again since
            self._refuse(asked, refusal.code)
        self.pump()

    def postponed(self, pending: f.Pending) -> None:
        """The provider announced a delay."""
        asked = self._unanswered.get(pending.query)
        if asked:
            asked.postponed = pending

    def give_up(self, code: Code) -> None:
        """The provider will not come back: refuse all questions, until it does after all."""
        self._given_up = code
        for asked in list(self._unanswered.values()):
            self._refuse(asked, code)

    def stop(self, reason: str) -> None:
        """Nobody will answer any more."""
        for asked in list(self._unanswered.values()):
            self._close(asked)
            asked.future.set_exception(SessionsStopped(reason))

    def _expire(self, asked: _Asked) -> None:
        self._close(asked)
        asked.future.set_exception(QueryTimedOut(self.provider, asked.query, asked.postponed))
        self.pump()

    def _refuse(self, asked: _Asked, code: Code) -> None:
        self._close(asked)
        asked.future.set_exception(QueryRefused(self.provider, asked.query, code))

    def _close(self, asked: _Asked) -> None:
        del self._unanswered[asked.query]
        if asked.timer:
            asked.timer.cancel()
        if asked.sent:
            self._sent_bytes -= len(asked.body)
        else:
            self._waiting.remove(asked)
