"""One attempt at a masked question: five rounds of session questions, each with a deadline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, as_completed
from typing import Protocol

from coordinator.aggregation_events import AttemptEnded, Dropped
from coordinator.session_questions import QueryRefused, QueryTimedOut, Question
from protocols.ids import ProviderId
from protocols.mquery import SignedQuestion, Step, round_id
from protocols.secagg.keys import Identity
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Aborted, Round
from protocols.secagg.server import Server, Sum


class Sessions(Protocol):
    """What masked questions need of the session server."""

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        """Send the questions; one future each."""
        ...

    def connected(self) -> frozenset[ProviderId]:
        """Who has an open session now."""
        ...


class Attempt:
    """Runs once.

    Args:
        sessions: The session server.
        question: What is asked.
        identities: Public identity keys by party.
        coordinator: Signs the question.
        deadline: Seconds for each round; whoever has not answered by then has dropped out.
        clock: Seconds, from any start.
    """

    def __init__(
        self,
        sessions: Sessions,
        question: AggregationQuestion,
        identities: Mapping[ProviderId, bytes],
        coordinator: Identity,
        *,
        deadline: float,
        clock: Callable[[], float],
    ) -> None:
        self._sessions = sessions
        self._question = question
        self._coordinator = coordinator
        self._deadline = deadline
        self._clock = clock
        self._server = Server(question, identities)
        self._dropped: dict[ProviderId, Dropped] = {}
        self._sent = 0
        self._received = 0

    def run(self, function: str) -> tuple[Sum | None, AttemptEnded]:
        """The sum, or None; and what happened.

        Args:
            function: What is asked, for the report.

        Raises:
            SessionsStopped: As the session server has it.
        """
        began, failure, result = self._clock(), "", None
        try:
            result = self._rounds()
        except Aborted as aborted:
            failure = f"{aborted}."
        ended = AttemptEnded(
            query=self._question.query,
            function=function,
            attempt=self._question.attempt,
            parties=len(self._question.parties),
            survivors=result.survivors if result else (),
            dropped=self._dropped,
            sent=self._sent,
            received=self._received,
            seconds=self._clock() - began,
            failure=failure,
        )
        return result, ended

    def _rounds(self) -> Sum:
        question = self._question
        signed = SignedQuestion.by(self._coordinator, question.encode()).encode()
        messages = dict.fromkeys(question.parties, signed)
        while True:
            self._round(messages)
            if self._server.round is Round.UNMASK:
                return self._server.finish()
            messages = self._server.close()

    def _round(self, messages: Mapping[ProviderId, bytes]) -> None:
        """Ask, and take what comes by the deadline."""
        round_ = self._server.round
        query = round_id(self._question.query, self._question.attempt, round_)
        bodies: dict[bytes, bytes] = {}  # most rounds tell everybody the same
        for message in messages.values():
            if message not in bodies:
                bodies[message] = Step(round_, self._question.transcript, message).encode()
        questions = [
            Question(party, query, bodies[message], self._deadline)
            for party, message in messages.items()
        ]
        self._sent += sum(len(asked.body) for asked in questions)
        for party, reply in answers(self._sessions, questions):
            if isinstance(reply, bytes):
                self._received += len(reply)
                self._server.receive(party, reply)
            else:
                self._dropped[party] = dropped(round_, reply)
        for party, why in self._server.rejected.items():
            self._dropped.setdefault(party, Dropped(round_, f"its message was wrong: {why}"))


def answers(
    sessions: Sessions, questions: Sequence[Question]
) -> Iterator[tuple[ProviderId, bytes | QueryRefused | QueryTimedOut]]:
    """Ask; give each answer, or why there is none, as it comes."""
    futures = dict(
        zip(sessions.ask_many(questions), (asked.provider for asked in questions), strict=True)
    )
    for future in as_completed(list(futures)):
        party = futures.pop(future)  # a masked vector is kept by nobody once it was added
        try:
            yield party, future.result()
        except (QueryRefused, QueryTimedOut) as error:
            yield party, error


def dropped(round_: Round, error: QueryRefused | QueryTimedOut) -> Dropped:
    """How a party left that gave no answer."""
    if isinstance(error, QueryRefused):
        return Dropped(round_, error.sentence, error.code)
    return Dropped(round_, "It did not answer in time.")
