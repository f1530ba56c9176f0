import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import pytest

from coordinator.question_book import QuestionBook
from coordinator.session_questions import QueryRefused, QueryTimedOut, Question, SessionsStopped
from protocols import frames as f
from protocols.errors import Code
from protocols.framing import MAX_DEADLINE_MS
from protocols.ids import ProviderId, QueryId

ALICE = ProviderId("alice")
LONG = 100.0


class Stream:
    """A provider that takes `in_flight` questions at a time."""

    def __init__(self, in_flight: int = 99, max_body: int = 1000) -> None:
        self.in_flight = in_flight
        self.max_body = max_body
        self.open: set[QueryId] = set()
        self.sent: list[f.Question] = []

    def may_ask(self, query: QueryId) -> bool:
        return len(self.open) < self.in_flight and query not in self.open

    def ask(self, question: f.Question) -> None:
        self.open.add(question.query)
        self.sent.append(question)

    @property
    def parts(self) -> list[int]:
        return [question.query.part for question in self.sent]


class Book(QuestionBook):
    def __init__(self, max_bytes: int = 10_000) -> None:
        super().__init__(ALICE, asyncio.get_running_loop(), max_bytes)

    def ask(self, part: int, body: bytes = b"?", timeout: float = LONG) -> Future[bytes]:
        future: Future[bytes] = Future()
        self.add(Question(ALICE, QueryId(0, 0, part), body, timeout), future)
        return future

    def answer(self, stream: Stream, part: int) -> None:
        stream.open.discard(QueryId(0, 0, part))
        self.answered(f.Answer(QueryId(0, 0, part), b"!"))

    def refuse(self, stream: Stream, part: int, code: Code) -> None:
        stream.open.discard(QueryId(0, 0, part))
        self.refused(f.Refusal(QueryId(0, 0, part), code))


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        await scenario()

    asyncio.run(within())


def test_questions_are_sent_in_order_as_the_provider_takes_them() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream(in_flight=2)
        futures = [book.ask(part) for part in range(4)]
        book.attach(stream)
        assert stream.parts == [0, 1]
        book.answer(stream, 1)
        assert stream.parts == [0, 1, 2]
        assert futures[1].result(0) == b"!"
        book.answer(stream, 0)
        book.answer(stream, 2)
        assert stream.parts == [0, 1, 2, 3]

    play(scenario)


def test_a_new_stream_is_asked_everything_unanswered_in_the_old_order() -> None:
    async def scenario() -> None:
        book, old, new = Book(), Stream(in_flight=3), Stream()
        futures = [book.ask(part) for part in range(4)]
        book.attach(old)
        book.answer(old, 1)
        book.detach(old)
        book.attach(new)
        book.detach(old)  # late news of the old one
        assert new.parts == [0, 2, 3]
        for part in new.parts:
            book.answer(new, part)
        assert all(future.done() for future in futures)

    play(scenario)


def test_the_deadline_that_is_sent_is_what_is_left_of_it() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream()
        book.ask(0, timeout=0.5)
        book.ask(1, timeout=1e12)
        await asyncio.sleep(0.1)
        book.attach(stream)
        assert 1 <= stream.sent[0].deadline_ms <= 400
        assert stream.sent[1].deadline_ms == MAX_DEADLINE_MS
        book.stop("")

    play(scenario)


def test_a_question_times_out_whether_sent_or_not() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream(in_flight=1)
        book.attach(stream)
        sent, waiting = book.ask(0, timeout=0.01), book.ask(1, timeout=0.01)
        book.postponed(f.Pending(QueryId(0, 0, 0), 5, Code.BUSY))
        await asyncio.sleep(0.05)
        with pytest.raises(QueryTimedOut, match="busy"):
            sent.result(0)
        with pytest.raises(QueryTimedOut):
            waiting.result(0)
        assert stream.parts == [0]
        book.answer(stream, 0)  # late, for nobody

    play(scenario)


def test_bodies_in_flight_are_bounded_in_bytes_though_one_always_goes() -> None:
    async def scenario() -> None:
        book, stream = Book(max_bytes=10), Stream()
        book.attach(stream)
        for part, size in enumerate((20, 6, 4, 1)):
            book.ask(part, bytes(size))
        assert stream.parts == [0]
        book.answer(stream, 0)
        assert stream.parts == [0, 1, 2]
        book.refuse(stream, 1, Code.PAUSED)
        assert stream.parts == [0, 1, 2, 3]

    play(scenario)


def test_too_large_a_question_is_refused_and_holds_up_no_other() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream(max_body=5)
        large, small = book.ask(0, bytes(6)), book.ask(1, bytes(5))
        book.attach(stream)
        assert stream.parts == [1]
        with pytest.raises(QueryRefused) as caught:
            large.result(0)
        assert caught.value.code is Code.QUESTION_TOO_LARGE
        assert not small.done()

    play(scenario)


def test_the_refusal_of_a_question_asked_again_does_not_count_for_the_second() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream()
        book.attach(stream)
        book.ask(0, timeout=0.01)
        await asyncio.sleep(0.05)
        again = book.ask(0)
        assert stream.parts == [0]
        book.refuse(stream, 0, Code.DEADLINE_PASSED)
        assert stream.parts == [0, 0]
        book.refuse(stream, 0, Code.DEADLINE_PASSED)
        with pytest.raises(QueryRefused):
            again.result(0)

    play(scenario)


def test_stopping_gives_everything_up() -> None:
    async def scenario() -> None:
        book, stream = Book(), Stream(in_flight=1)
        book.attach(stream)
        futures = [book.ask(part) for part in range(3)]
        book.stop("closing")
        for future in futures:
            with pytest.raises(SessionsStopped, match="closing"):
                future.result(0)

    play(scenario)
