"""Asking many providers the same kind of question, and getting checked answers back in order."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from coordinator.session_questions import (
    ProvidersGone,
    QueryRefused,
    QueryTimedOut,
    Question,
    why_gone,
)
from protocols.ids import MAX_PART, ProviderId, QueryId
from protocols.queries import Answer, Query, QueryError, decode_answer, encode_query


class Phase(IntEnum):
    """First number of a query id; ids grow along Algorithm 1, and after it."""

    DESCRIBE = 0
    PRETRAINING = 1
    LEARNING = 2
    EVIDENCE = 3


class WrongAnswer(QueryError):  # noqa: N818 - says what it is
    """An answer is not what its question promises; `provider` gave it."""

    def __init__(self, provider: ProviderId, query: QueryId, error: Exception) -> None:
        super().__init__(f"provider {provider}, question {query}: {error}")
        self.provider = provider


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that all providers asked have answered.

    Attributes:
        query: Its id.
        function: What was asked.
        providers: How many were asked.
        sent: Bytes of the questions' bodies.
        received: Bytes of the answers' bodies.
    """

    query: QueryId
    function: str
    providers: int
    sent: int
    received: int


class Asked(Protocol):
    """What this module needs of the session server."""

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        """Send the questions; one future each."""
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Tell all providers that answers up to here are safe on disk."""
        ...


class Questions:
    """The coordinator's way to its providers.

    Args:
        server: The open sessions.
        timeout: Seconds until a question's deadline.
        on_answer: Called with how many answers have come and how many were asked for.
        on_answered: Called when all have come.
        gone: Given whom to ask, says who of them will not come back, and why.
    """

    def __init__(
        self,
        server: Asked,
        timeout: float,
        on_answer: Callable[[int, int], None] = lambda _done, _asked: None,
        on_answered: Callable[[Answered], None] = lambda _: None,
        gone: Callable[[Collection[ProviderId]], Mapping[ProviderId, str]] = lambda _: {},
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._on_answer = on_answer
        self._on_answered = on_answered
        self._gone = gone

    def ask(
        self,
        query_id: QueryId,
        queries: Mapping[ProviderId, Query],
        timeout: float | None = None,
    ) -> dict[ProviderId, Answer]:
        """Ask each provider its question under the same id, and wait for all.

        Args:
            query_id: Names the questions.
            queries: One for each provider.
            timeout: Seconds until the deadline, where it is another than usual.

        Returns:
            Checked answers, in the order of the providers' ids: sums over them are the same
            whoever answers first.

        Raises:
            WrongAnswer: A provider's answer is not what the question promises.
            ProvidersGone: Some left, or did not answer in time; the others have answered, and
                give the same answers when they are asked again.
            QueryRefused, SessionsStopped: As the session server has it.
        """
        if gone_already := self._gone(queries.keys()):
            raise ProvidersGone(gone_already)
        if not queries:
            return {}
        providers = sorted(queries)
        bodies: dict[Query, bytes] = {}
        for query in queries.values():
            if query not in bodies:
                bodies[query] = encode_query(query)
        futures = self._server.ask_many(
            [
                Question(
                    provider, query_id, bodies[query], timeout or self._timeout, query.function
                )
                for provider, query in sorted(queries.items())
            ]
        )
        answers: dict[ProviderId, Answer] = {}
        gone: dict[ProviderId, str] = {}
        received = 0
        for provider, future in zip(providers, futures, strict=True):
            try:
                body = future.result()
            except (QueryRefused, QueryTimedOut) as error:
                why = why_gone(error)
                if why is None:
                    raise
                gone[provider] = why
                continue
            received += len(body)
            try:
                answers[provider] = decode_answer(queries[provider], body)
            except (QueryError, ValueError) as error:
                raise WrongAnswer(provider, query_id, error) from error
            self._on_answer(len(answers), len(futures))
        if gone:
            raise ProvidersGone(gone)
        functions = sorted({query.function for query in queries.values()})
        sent = sum(len(bodies[query]) for query in queries.values())
        self._on_answered(Answered(query_id, ", ".join(functions), len(answers), sent, received))
        return answers

    def acknowledge(self, phase: Phase, step: int) -> None:
        """Everything up to this step is in a checkpoint on disk; providers may let it go."""
        self._server.acknowledge(QueryId(phase, step, MAX_PART))
