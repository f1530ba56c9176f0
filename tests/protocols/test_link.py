import asyncio
from collections.abc import Awaitable, Callable

import pytest

from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.framing import decode, encode
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.link import Ended, Ending, Link
from protocols.session_rules import CoordinatorRules

LIMITS = Limits(handshake=10, heartbeat=15, silence=60, farewell=2, queue=1000)
HELLO = f.Hello(ProviderId("p"), JobId("j"), b"", None, 8, 1000)


class Time:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waking))
        await waking

    async def advance(self, seconds: float) -> None:
        """Move on, second by second, letting everybody act."""
        for _ in range(int(seconds)):
            self.now += 1
            for when, waking in self._sleepers:
                if when <= self.now and not waking.done():
                    waking.set_result(None)
            await settle()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


class Peer:
    """The other end, and the network between, in the test's hands."""

    def __init__(self) -> None:
        self.incoming: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.got: list[f.Frame] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.closed = False
        self.broken = False

    async def read(self) -> bytes | None:
        message = await self.incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def write(self, message: bytes) -> None:
        await self.takes.wait()
        if self.broken:
            raise ConnectionError("cut")
        self.got.extend(decode(message, LIMITS))

    async def close(self) -> None:
        self.closed = True

    def sends(self, *frames: f.Frame) -> None:
        self.incoming.put_nowait(b"".join(map(encode, frames)))


class Scene:
    """A coordinator's link with its peer, clock and received frames."""

    def __init__(self, *, patient: bool = False) -> None:
        self.time, self.peer = Time(), Peer()
        self.rules = CoordinatorRules(LIMITS)
        self.seen: list[f.Frame] = []
        self.on_frame: Callable[[f.Frame], None] = self.seen.append
        self.link = Link(
            self.peer,
            self.rules,
            LIMITS,
            lambda frame: self.on_frame(frame),  # noqa: PLW0108 - tests replace it
            clock=self.time.clock,
            sleep=self.time.sleep,
            patient=patient,
        )
        self.task = asyncio.ensure_future(self.link.run())

    async def greeted(self) -> "Scene":
        self.peer.sends(HELLO)
        await settle()
        self.rules.welcomed()
        return self


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(5):
            await scenario()

    asyncio.run(within())


def test_frames_go_both_ways_and_goodbye_ends_it() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.link.put(f.Welcome(1, 1, 1, 1))
        await settle()
        assert (scene.seen, scene.peer.got) == ([HELLO], [f.Welcome(1, 1, 1, 1)])
        scene.peer.sends(f.Goodbye("enough"))
        assert await scene.task == Ended(Ending.GOODBYE, "enough")

    play(scenario)


def test_what_we_put_before_the_last_frame_leaves_first() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.link.put(f.Heartbeat())
        scene.link.end(f.Goodbye("done"), Ended(Ending.GOODBYE, "done"))
        scene.link.put(f.Heartbeat())  # too late
        assert await scene.task == Ended(Ending.GOODBYE, "done")
        assert scene.peer.got == [f.Heartbeat(), f.Goodbye("done")]
        assert scene.peer.closed

    play(scenario)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"garbage", Code.MALFORMED),
        (b"\x0a\x00", Code.UNKNOWN_KIND),
        (bytes(LIMITS.max_message + 1), Code.TOO_LARGE),
        (encode(f.Ack(QueryId(0, 0, 0))), Code.OUT_OF_ORDER),
        (encode(HELLO), Code.OUT_OF_ORDER),
    ],
    ids=lambda value: value.name if isinstance(value, Code) else f"{len(value)}_bytes",
)
def test_a_peer_that_breaks_a_rule_is_told(message: bytes, code: Code) -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.incoming.put_nowait(message)
        ended = await scene.task
        assert (ended.how, ended.code) == (Ending.FAULT, code)
        assert scene.peer.got == [f.Error(code, ended.sentence)]

    play(scenario)


def test_a_handler_may_refuse_too() -> None:
    async def scenario() -> None:
        scene = Scene()

        def refuse(frame: f.Frame) -> None:
            raise FrameError(Code.NOT_ADMITTED)

        scene.on_frame = refuse
        ended = await (await scene.greeted()).task
        assert (ended.how, ended.code) == (Ending.FAULT, Code.NOT_ADMITTED)

    play(scenario)


def test_our_own_fault_ends_this_session_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        scene = Scene()

        def fail(frame: f.Frame) -> None:
            raise ZeroDivisionError("secret")

        scene.on_frame = fail
        ended = await (await scene.greeted()).task
        assert ended.how is Ending.LOST
        code = Code.SESSION_FAULT
        assert scene.peer.got == [f.Error(code, code.sentence)]

    play(scenario)
    assert "secret" in caplog.text


def test_an_error_of_the_peer_ends_it() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.sends(f.Error(Code.TOO_MANY, "too many"))
        assert await scene.task == Ended(Ending.ERROR, "too many", Code.TOO_MANY)

    play(scenario)


def test_a_stream_may_just_end() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.incoming.put_nowait(None)
        assert (await scene.task).how is Ending.LOST

    play(scenario)


def test_the_network_says_why() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.incoming.put_nowait(ConnectionError("unplugged"))
        assert await scene.task == Ended(Ending.LOST, "unplugged")

    play(scenario)


def test_last_words_are_heard_though_writing_fails_first() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.broken = True
        scene.link.put(f.Heartbeat())
        await settle()
        assert not scene.task.done()
        scene.peer.sends(f.Error(Code.REPLACED, "a newer one"))
        assert (await scene.task).code is Code.REPLACED

    play(scenario)


def test_no_last_words_are_waited_for_in_vain() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.broken = True
        scene.link.put(f.Heartbeat())
        await settle()
        await scene.time.advance(2)
        assert await scene.task == Ended(Ending.LOST, "cut")

    play(scenario)


@pytest.mark.parametrize("first", [(), (HELLO,)], ids=["silent", "unproven"])
def test_a_stream_without_a_handshake_is_given_up(first: tuple[f.Frame, ...]) -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.peer.sends(*first)
        await settle()
        await scene.time.advance(9)
        assert not scene.task.done()
        await scene.time.advance(1)
        assert (await scene.task).code is Code.SILENT

    play(scenario)


def test_heartbeats_keep_a_quiet_session() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        for _ in range(20):
            await scene.time.advance(15)
            scene.peer.sends(f.Heartbeat())
            await settle()
        assert not scene.task.done()
        assert 15 <= len(scene.peer.got) <= 20
        await scene.time.advance(80)
        assert (await scene.task).code is Code.SILENT

    play(scenario)


def test_a_peer_that_reads_nothing_cannot_hold_the_end_up() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.takes.clear()
        scene.link.end(f.Goodbye("done"), Ended(Ending.GOODBYE, "done"))
        await settle()
        assert not scene.task.done()
        await scene.time.advance(2)
        assert (await scene.task).how is Ending.GOODBYE

    play(scenario)


def test_a_patient_end_reads_nothing_while_too_much_waits() -> None:
    async def scenario() -> None:
        scene = await Scene(patient=True).greeted()
        query = QueryId(0, 0, 0)
        scene.peer.takes.clear()
        scene.link.put(f.Heartbeat())
        await settle()  # the writer is stuck with it
        scene.link.put(f.Answer(query, bytes(LIMITS.queue + 1)))
        scene.peer.sends(f.Heartbeat())
        scene.peer.sends(f.Heartbeat())
        await settle()
        assert len(scene.seen) == 2  # Hello, and the one it was waiting for
        scene.peer.takes.set()
        await settle()
        assert len(scene.seen) == 3
        scene.task.cancel()

    play(scenario)


def test_a_message_on_its_way_is_not_given_up_when_the_peer_says_goodbye() -> None:
    """gRPC would never end the stream: its last write would still be open."""

    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.takes.clear()
        scene.link.put(f.Heartbeat())
        await settle()
        scene.link.put(f.Heartbeat())
        scene.peer.sends(f.Goodbye("enough"))
        await settle()
        assert not scene.task.done()
        scene.peer.takes.set()
        assert await scene.task == Ended(Ending.GOODBYE, "enough")
        assert scene.peer.got == [f.Heartbeat()]

    play(scenario)


def test_a_peer_that_says_goodbye_and_takes_nothing_is_left() -> None:
    async def scenario() -> None:
        scene = await Scene().greeted()
        scene.peer.takes.clear()
        scene.link.put(f.Heartbeat())
        await settle()
        scene.peer.sends(f.Goodbye("enough"))
        await settle()
        assert not scene.task.done()
        await scene.time.advance(LIMITS.farewell)
        assert await scene.task == Ended(Ending.GOODBYE, "enough")

    play(scenario)
