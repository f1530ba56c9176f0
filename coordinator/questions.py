"""Asking many providers the same kind of question, and getting checked answers back in order."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from coordinator.session_server import Question
from protocols.ids import MAX_PART, ProviderId, QueryId
from protocols.queries import Answer, Query, QueryError, decode_answer, encode_query


class Phase(IntEnum):
    """First number of a query id; ids grow along Algorithm 1, and after it."""

    DESCRIBE = 0
    PRETRAINING = 1
    LEARNING = 2
    EVIDENCE = 3


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
    """

    def __init__(
        self,
        server: Asked,
        timeout: float,
        on_answer: Callable[[int, int], None] = lambda _done, _asked: None,
        on_answered: Callable[[Answered], None] = lambda _: None,
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._on_answer = on_answer
        self._on_answered = on_answered

    def ask(
        self, query_id: QueryId, queries: Mapping[ProviderId, Query]
    ) -> dict[ProviderId, Answer]:
        """Ask each provider its question under the same id, and wait for all.

        Returns:
            Checked answers, in the order of the providers' ids: sums over them are the same
            whoever answers first.

        Raises:
            QueryError: A provider's answer is not what the question promises.
            QueryRefused, QueryTimedOut: As the session server has it.
        """
        providers = sorted(queries)
        bodies: dict[Query, bytes] = {}
        for query in queries.values():
            if query not in bodies:
                bodies[query] = encode_query(query)
        futures = self._server.ask_many(
            [
                Question(provider, query_id, bodies[queries[provider]], self._timeout)
                for provider in providers
            ]
        )
        answers: dict[ProviderId, Answer] = {}
        received = 0
        for provider, future in zip(providers, futures, strict=True):
            body = future.result()
            received += len(body)
            try:
                answers[provider] = decode_answer(queries[provider], body)
            except (QueryError, ValueError) as error:
                raise QueryError(f"provider {provider}, question {query_id}: {error}") from error
            self._on_answer(len(answers), len(futures))
        functions = sorted({query.function for query in queries.values()})
        sent = sum(len(bodies[query]) for query in queries.values())
        self._on_answered(Answered(query_id, ", ".join(functions), len(answers), sent, received))
        return answers

    def acknowledge(self, phase: Phase, step: int) -> None:
        """Everything up to this step is in a checkpoint on disk; providers may let it go."""
        self._server.acknowledge(QueryId(phase, step, MAX_PART))
