"""What every provider was asked, so that no id ever names two questions."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import Future
from typing import NamedTuple

from coordinator.session_questions import Question
from protocols.ids import Digest, ProviderId, QueryId, digest_of


class Entered(NamedTuple):
    """A question, its future, and whether it still has to be asked."""

    question: Question
    future: Future[bytes]
    new: bool


class _Known:
    """A body's digest, and the future of its question while there is no answer."""

    __slots__ = ("digest", "future")

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.future: Future[bytes] | None = None

    def settled(self, _: Future[bytes]) -> None:
        """Keep no answer; called by the future."""
        self.future = None


class QuestionRegister:
    """Bodies' digests by provider and id, until acknowledged. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: defaultdict[ProviderId, dict[QueryId, _Known]] = defaultdict(dict)
        self._last = (b"", digest_of(b""))

    def enter(self, questions: Iterable[Question]) -> list[Entered]:
        """All of `questions` with their futures, or none of them.

        A question that is still unanswered is not new: its callers share a future.

        Raises:
            ValueError: An id was asked with another body, or a timeout is not above 0.
        """
        with self._lock:
            entered: list[Entered] = []
            first: list[Question] = []
            try:
                for question in questions:
                    entered.append(self._enter(question, first))
            except ValueError:
                for question, _, new in entered:
                    if new:
                        self._asked[question.provider][question.query].future = None
                for question in first:
                    del self._asked[question.provider][question.query]
                raise
            return entered

    def acknowledge(self, up_to: QueryId) -> None:
        """Forget the questions up to here that were answered."""
        with self._lock:
            for asked in self._asked.values():
                done = [q for q, known in asked.items() if q <= up_to and known.future is None]
                for query in done:
                    del asked[query]

    def unanswered(self) -> dict[ProviderId, list[QueryId]]:
        """What each provider still has to answer, in ascending order."""
        with self._lock:
            return {
                provider: waiting
                for provider, asked in self._asked.items()
                if (waiting := sorted(q for q, known in asked.items() if known.future is not None))
            }

    def _enter(self, question: Question, first: list[Question]) -> Entered:
        """Enter one question; it is added to `first` when its id was never seen."""
        if not question.timeout > 0:
            raise ValueError(f"a question's timeout has to be above 0 s, not {question.timeout}")
        digest, asked = self._digest(question.body), self._asked[question.provider]
        known = asked.get(question.query)
        if known is None:
            known = asked[question.query] = _Known(digest)
            first.append(question)
        elif known.digest != digest:
            raise ValueError(
                f"{question.provider} was asked {question.query} before, with another body: "
                "give the question an id of its own"
            )
        elif (unanswered := known.future) is not None:
            return Entered(question, unanswered, new=False)
        future: Future[bytes] = Future()
        future.set_running_or_notify_cancel()  # a question that was sent cannot be taken back
        known.future = future
        future.add_done_callback(known.settled)
        return Entered(question, future, new=True)

    def _digest(self, body: bytes) -> Digest:
        """The digest of a body, worked out once for a body that goes to many providers."""
        if body is not self._last[0]:
            self._last = (body, digest_of(body))
        return self._last[1]
