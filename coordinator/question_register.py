"""What every provider was asked, so that no id ever names two questions."""

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

from coordinator.session_questions import Question
from protocols.ids import Digest, ProviderId, QueryId, digest_of


class Entered(NamedTuple):
    """A question, its future, and whether it still has to be asked."""

    question: Question
    future: Future[bytes]
    new: bool


class QuestionRegister:
    """Bodies' digests by provider and id, until acknowledged. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: dict[ProviderId, dict[QueryId, Digest]] = {}
        self._unanswered: dict[tuple[ProviderId, QueryId], Future[bytes]] = {}
        self._last = (b"", digest_of(b""))

    def enter(self, questions: Iterable[Question]) -> list[Entered]:
        """All of `questions` with their futures, or none of them.

        A question that is still unanswered is not new: its callers share a future.

        Raises:
            ValueError: An id was asked with another body, or a timeout is not above 0.
        """
        questions = tuple(questions)
        with self._lock:
            digests = self._checked(questions)
            for (provider, query), digest in digests.items():
                self._digests.setdefault(provider, {})[query] = digest
            return [self._enter(question) for question in questions]

    def acknowledge(self, up_to: QueryId) -> None:
        """Forget the questions up to here."""
        with self._lock:
            for digests in self._digests.values():
                for query in [query for query in digests if query <= up_to]:
                    del digests[query]

    def _checked(self, questions: tuple[Question, ...]) -> dict[tuple[ProviderId, QueryId], Digest]:
        """The digests of the questions' bodies, none of which contradicts an earlier one."""
        digests: dict[tuple[ProviderId, QueryId], Digest] = {}
        for question in questions:
            provider, query = question.provider, question.query
            if not question.timeout > 0:
                raise ValueError(
                    f"a question's timeout has to be above 0 s, not {question.timeout}"
                )
            digest = self._digest(question.body)
            earlier = self._digests.get(provider, {}).get(query, digest)
            if not earlier == digest == digests.setdefault((provider, query), digest):
                raise ValueError(
                    f"{provider} was asked {query} before, with another body: give the question "
                    "an id of its own"
                )
        return digests

    def _enter(self, question: Question) -> Entered:
        key = (question.provider, question.query)
        unanswered = self._unanswered.get(key)
        if unanswered:
            return Entered(question, unanswered, new=False)
        future: Future[bytes] = Future()
        future.set_running_or_notify_cancel()  # a question that was sent cannot be taken back
        self._unanswered[key] = future
        future.add_done_callback(partial(self._answered, key))
        return Entered(question, future, new=True)

    def _answered(self, key: tuple[ProviderId, QueryId], _: Future[bytes]) -> None:
        self._unanswered.pop(key, None)

    def _digest(self, body: bytes) -> Digest:
        """The digest of a body, worked out once for a body that goes to many providers."""
        if body is not self._last[0]:
            self._last = (body, digest_of(body))
        return self._last[1]
