import asyncio
from collections.abc import Awaitable, Callable

import pytest

from protocols import frames as f
from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId
from provider.answering import Answering
from provider.session_api import BlobFetcher, PendingUntil

Q = QueryId(0, 0, 0)


class NoBlobs:
    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        raise Refused(Code.FILE_UNAVAILABLE)


class Slow:
    """Answers when told to."""

    def __init__(self) -> None:
        self.computed: list[QueryId] = []
        self.go = asyncio.Event()
        self.raises: Exception | None = None
        self.tells: list[PendingUntil] = []
        self.cancelled = 0

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        self.computed.append(query_id)
        for pending in self.tells:
            tell(pending)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.raises:
            raise self.raises
        return b"!" + body

    def acknowledge(self, up_to: QueryId) -> None:
        raise AssertionError("not through here")


class Scene:
    def __init__(self) -> None:
        self.responder = Slow()
        self.sent: list[f.Frame] = []
        self.answering = Answering(self.responder, NoBlobs(), self.sent.append)

    def ask(self, body: bytes = b"?", deadline_ms: int = 60_000, query: QueryId = Q) -> None:
        self.answering.start(f.Question(query, deadline_ms, body))

    async def finish(self) -> None:
        self.responder.go.set()
        await asyncio.sleep(0.01)


def play(scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(5):
            await scenario(Scene())

    asyncio.run(within())


def test_a_question_that_comes_again_is_computed_once_and_answered_once() -> None:
    async def scenario(scene: Scene) -> None:
        for _ in range(5):
            scene.ask()
            await asyncio.sleep(0)
        await scene.finish()
        assert scene.responder.computed == [Q]
        assert scene.sent == [f.Answer(Q, b"!?")]
        scene.ask()  # after the answer it goes to the responder, which has it stored
        await scene.finish()
        assert scene.responder.computed == [Q, Q]

    play(scenario)


def test_another_body_under_an_id_in_flight_is_refused() -> None:
    async def scenario(scene: Scene) -> None:
        scene.ask(b"one")
        scene.ask(b"two")
        assert scene.sent == [f.Refusal(Q, Code.DIFFERENT_BODY)]
        await scene.finish()
        assert scene.responder.computed == [Q]
        assert scene.sent[1:] == [f.Answer(Q, b"!one")]

    play(scenario)


def test_a_deadline_cancels_and_says_so() -> None:
    async def scenario(scene: Scene) -> None:
        scene.ask(deadline_ms=10)
        await asyncio.sleep(0.05)
        assert scene.sent == [f.Refusal(Q, Code.DEADLINE_PASSED)]
        assert scene.responder.cancelled == 1

    play(scenario)


def test_asked_again_it_has_the_new_deadline() -> None:
    async def scenario(scene: Scene) -> None:
        scene.ask(deadline_ms=20)
        scene.ask(deadline_ms=60_000)
        await asyncio.sleep(0.06)
        assert scene.sent == []
        await scene.finish()
        assert scene.sent == [f.Answer(Q, b"!?")]

    play(scenario)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused(Code.BUDGET_SPENT, local="secret"), Code.BUDGET_SPENT),
        (ZeroDivisionError("secret"), Code.NODE_FAULT),
        (TimeoutError("secret"), Code.NODE_FAULT),
    ],
)
def test_only_a_code_leaves_the_node(
    error: Exception, code: Code, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(scene: Scene) -> None:
        scene.responder.raises = error
        scene.ask()
        await scene.finish()
        assert scene.sent == [f.Refusal(Q, code)]

    play(scenario)
    assert ("secret" in caplog.text) == (code is Code.NODE_FAULT)


def test_delays_are_told_and_told_again() -> None:
    async def scenario(scene: Scene) -> None:
        scene.responder.tells = [
            PendingUntil(-5.0, Code.BUSY),
            PendingUntil(99.9, Code.AWAITING_APPROVAL),
        ]
        scene.ask()
        await asyncio.sleep(0)
        last = f.Pending(Q, 99, Code.AWAITING_APPROVAL)
        assert scene.sent == [f.Pending(Q, 0, Code.BUSY), last]
        scene.ask()  # on a new stream
        assert scene.sent[2:] == [last]
        await scene.finish()

    play(scenario)


def test_a_delay_has_a_reason_of_its_own_kind() -> None:
    with pytest.raises(ValueError, match="PAUSED"):
        PendingUntil(1.0, Code.PAUSED)


def test_stopping_leaves_nothing_running_and_says_nothing() -> None:
    async def scenario(scene: Scene) -> None:
        for part in range(3):
            scene.ask(query=QueryId(0, 0, part))
        await asyncio.sleep(0)
        await scene.answering.stop()
        assert scene.responder.cancelled == 3
        assert scene.sent == []

    play(scenario)
