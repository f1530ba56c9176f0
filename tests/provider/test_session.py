"""A node against coordinators that no honest operator runs."""

import asyncio
from concurrent.futures import CancelledError
from dataclasses import replace

import pytest

from protocols import frames as f
from protocols.errors import Code
from protocols.framing import encode
from protocols.ids import ProviderId, QueryId, digest_of
from protocols.limits import Limits
from protocols.proof import Prover, Verifier
from provider.backoff import Backoff
from provider.blobs import BlobCache
from provider.session import Farewell, NodeSession
from tests.identities import COORDINATOR, identity_of
from tests.session_harness import (
    ALICE,
    JOB,
    QUICK,
    SOON,
    BareCoordinator,
    Echo,
    Script,
    bare_coordinator,
    in_node_loop,
    start_node,
    until,
)

Q = QueryId(0, 0, 0)
DIGEST = digest_of(b"file")
LIMITS = replace(QUICK, in_flight=4, max_body=1000, max_chunk=100)
WELCOME = encode(f.Welcome(4, 1000, 100, 2))
GOODBYE = encode(f.Goodbye("done"))
NONCE = bytes(range(32))
CHALLENGE = encode(f.Challenge(NONCE))
PROVER = Prover(identity_of("alice"), COORDINATOR.public)


def visit(
    coordinator: BareCoordinator,
    responder: Echo | None = None,
    limits: Limits = LIMITS,
    prover: Prover | None = None,
) -> Farewell:
    """Run a node until it says farewell."""
    return start_node(
        ALICE, responder or Echo(), coordinator.port, limits=limits, prover=prover
    ).result(SOON)


def received(coordinator: BareCoordinator, kind: type[f.Frame]) -> f.Frame:
    while not isinstance(frame := coordinator.receive(), kind):
        pass
    return frame


def test_it_greets_and_leaves_when_told() -> None:
    with bare_coordinator([f.Hello, WELCOME, GOODBYE]) as coordinator:
        assert visit(coordinator) == Farewell("done")
        assert coordinator.receive() == f.Hello(ALICE, JOB, b"token", None, 4, 1000)


def test_it_leaves_for_good_with_a_code() -> None:
    with bare_coordinator([f.Hello, WELCOME, f.Heartbeat]) as coordinator:

        async def run() -> Farewell:
            session = NodeSession(
                ALICE,
                JOB,
                b"token",
                f"localhost:{coordinator.port}",
                Echo(),
                BlobCache(),
                prover=None,
            )
            assert not session.leave(Code.OWNER_LEFT), "there is no stream yet"
            running = asyncio.create_task(session.run())
            while not session.leave(Code.OWNER_LEFT):
                await asyncio.sleep(0.01)
            return await running

        farewell = in_node_loop(run()).result(SOON)
        assert farewell == Farewell(Code.OWNER_LEFT.sentence, Code.OWNER_LEFT)
        goodbye = received(coordinator, f.Goodbye)
        assert goodbye == f.Goodbye(Code.OWNER_LEFT.sentence, Code.OWNER_LEFT)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"garbage", Code.MALFORMED),
        (b"\x0a\x00", Code.UNKNOWN_KIND),
        (bytes(LIMITS.max_message + 1), Code.TOO_LARGE),
        (encode(f.Question(Q, 1, bytes(1001))), Code.TOO_LARGE),
        (encode(f.BlobChunk(DIGEST, 0, 4, b"file")), Code.OUT_OF_ORDER),
        (encode(f.BlobError(DIGEST, 0, Code.BLOB_UNREADABLE)), Code.OUT_OF_ORDER),
        (encode(f.Answer(Q, b"")), Code.OUT_OF_ORDER),
        (encode(f.BlobRequest(DIGEST, 0, 4)), Code.OUT_OF_ORDER),
        (encode(f.Hello(ALICE, JOB, b"", None, 1, 1)), Code.OUT_OF_ORDER),
        (WELCOME, Code.OUT_OF_ORDER),
        (
            b"".join(encode(f.Question(QueryId(0, 0, n), 9999, b"wait")) for n in range(5)),
            Code.TOO_MANY,
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Code) else f"{len(value)}_bytes",
)
def test_bad_frames_end_the_stream_and_the_node_comes_back(message: bytes, code: Code) -> None:
    with bare_coordinator([WELCOME, message], [WELCOME, GOODBYE]) as coordinator:
        assert visit(coordinator) == Farewell("done")
        error = received(coordinator, f.Error)
        assert isinstance(error, f.Error)
        assert error.code is code
        assert coordinator.streams == 2


@pytest.mark.parametrize(
    "early", [encode(f.Question(Q, 1, b"")), encode(f.Ack(Q)), encode(f.Heartbeat())]
)
def test_nothing_comes_before_the_welcome(early: bytes) -> None:
    with bare_coordinator([early], [WELCOME, GOODBYE]) as coordinator:
        responder = Echo()
        assert visit(coordinator, responder) == Farewell("done")
        assert responder.asked == []
        assert responder.acknowledged == []


def test_it_proves_its_identity_before_it_is_let_in() -> None:
    hello = f.Hello(ALICE, JOB, b"token", None, 4, 1000)
    with bare_coordinator([f.Hello, CHALLENGE, f.Proof, WELCOME, GOODBYE]) as coordinator:
        assert visit(coordinator, prover=PROVER) == Farewell("done")
        assert coordinator.receive() == hello
        assert isinstance(proof := coordinator.receive(), f.Proof)
    member = Verifier(identity_of("alice").public, COORDINATOR.public)
    assert member.holds(hello, f.Challenge(NONCE), proof)


@pytest.mark.parametrize(
    ("script", "prover", "due"),
    [
        ([WELCOME], PROVER, "It was a Welcome where a Challenge was due."),
        ([CHALLENGE, CHALLENGE], PROVER, "It was a Challenge where a Welcome was due."),
        ([CHALLENGE], None, "It was a Challenge where a Welcome was due."),
    ],
    ids=["not_posed", "posed_twice", "posed_to_one_without_a_roster"],
)
def test_a_challenge_is_posed_once_to_those_who_want_one(
    script: Script, prover: Prover | None, due: str
) -> None:
    honest = [CHALLENGE, WELCOME, GOODBYE] if prover else [WELCOME, GOODBYE]
    question = encode(f.Question(Q, 9999, b"hi"))
    responder = Echo()
    with bare_coordinator([*script, question], honest) as coordinator:
        assert visit(coordinator, responder, prover=prover) == Farewell("done")
        error = received(coordinator, f.Error)
        assert isinstance(error, f.Error)
        assert error.code is Code.OUT_OF_ORDER
        assert error.sentence.endswith(due)
    assert responder.asked == []


@pytest.mark.parametrize(
    "code", [Code.NOT_ADMITTED, Code.WRONG_JOB, Code.VERSION_MISMATCH, Code.REPLACED]
)
def test_some_errors_are_final(code: Code) -> None:
    with bare_coordinator([encode(f.Error(code, "no"))]) as coordinator:
        assert visit(coordinator) == Farewell("no", code)
        assert coordinator.streams == 1


@pytest.mark.parametrize("version", [f.VERSION - 1, f.VERSION + 1])
@pytest.mark.parametrize("proves", [True, False])
def test_another_version_is_final_and_said_at_both_ends(
    version: int, proves: bool, caplog: pytest.LogCaptureFixture
) -> None:
    first = f.Challenge(NONCE, version) if proves else f.Welcome(4, 1, 1, 1, version)
    older = "coordinator" if version < f.VERSION else "node"
    sentence = (
        f"The node speaks version {f.VERSION} and the coordinator version {version}: "
        f"update the {older}."
    )
    with bare_coordinator([encode(first)]) as coordinator:
        farewell = visit(coordinator, prover=PROVER if proves else None)
        assert farewell.code is Code.VERSION_MISMATCH
        error = received(coordinator, f.Error)
        assert isinstance(error, f.Error)
        assert error.code is Code.VERSION_MISMATCH
        assert error.sentence.endswith(sentence)
        assert coordinator.streams == 1
    (said,) = [text for text in caplog.messages if "version" in text]
    assert sentence in said
    assert said.endswith("Not connecting again.")


def test_other_errors_are_not() -> None:
    error = encode(f.Error(Code.SESSION_FAULT, "sorry"))
    with bare_coordinator([WELCOME, error], [error], [], [WELCOME, GOODBYE]) as coordinator:
        limits = replace(LIMITS, handshake=0.1)
        assert visit(coordinator, limits=limits) == Farewell("done")
        assert coordinator.streams == 4


def test_a_coordinator_that_says_nothing_is_left() -> None:
    limits = replace(LIMITS, handshake=0.1, heartbeat=0.05, silence=0.1)
    with bare_coordinator([WELCOME], [WELCOME, GOODBYE]) as coordinator:
        assert visit(coordinator, limits=limits) == Farewell("done")
        error = received(coordinator, f.Error)
        assert isinstance(error, f.Error)
        assert error.code is Code.SILENT


def test_a_failing_acknowledge_costs_the_stream_and_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Full(Echo):
        def acknowledge(self, up_to: QueryId) -> None:
            raise OSError("disk full")

    ack = encode(f.Ack(Q))
    with bare_coordinator([WELCOME, ack], [WELCOME, GOODBYE]) as coordinator:
        assert visit(coordinator, Full()) == Farewell("done")
        error = received(coordinator, f.Error)
        assert isinstance(error, f.Error)
        assert "disk" not in error.sentence
    assert "disk full" in caplog.text


def test_the_same_id_with_another_body_is_refused() -> None:
    one, two = f.Question(Q, 9999, b"wait one"), f.Question(Q, 9999, b"wait two")
    responder = Echo()
    with bare_coordinator([WELCOME, encode(one), encode(two)]) as coordinator:
        node = start_node(ALICE, responder, coordinator.port, limits=LIMITS)
        assert received(coordinator, f.Refusal) == f.Refusal(Q, Code.DIFFERENT_BODY)
        assert responder.asked == [(Q, b"wait one")]
        node.cancel()


def test_an_answer_too_large_for_the_coordinator_is_a_refusal() -> None:
    script = [encode(f.Welcome(4, 50, 100, 2)), encode(f.Question(Q, 9999, b"large 51"))]
    with bare_coordinator(script) as coordinator:
        node = start_node(ALICE, Echo(), coordinator.port, limits=LIMITS)
        assert received(coordinator, f.Refusal) == f.Refusal(Q, Code.ANSWER_TOO_LARGE)
        node.cancel()


@pytest.mark.parametrize(
    ("replies", "code"),
    [
        ([f.BlobChunk(DIGEST, 0, 4, b"flie")], Code.FILE_WRONG_DIGEST),
        ([f.BlobChunk(DIGEST, 0, 0, b"")], Code.FILE_WRONG_DIGEST),
        ([f.BlobChunk(DIGEST, 0, 2**40, bytes(100))], Code.FILE_TOO_LARGE),
        ([f.BlobError(DIGEST, 0, Code.BLOB_NOT_PUBLISHED)], Code.FILE_UNAVAILABLE),
    ],
)
def test_a_file_that_is_not_as_it_should_be(replies: list[f.Frame], code: Code) -> None:
    question = encode(f.Question(Q, 9999, f"fetch {DIGEST} 1000".encode()))
    script: Script = [WELCOME, question, f.BlobRequest, *map(encode, replies)]
    with bare_coordinator(script) as coordinator:
        node = start_node(ALICE, Echo(), coordinator.port, limits=LIMITS)
        assert received(coordinator, f.Refusal) == f.Refusal(Q, code)
        node.cancel()


def test_cancelling_leaves_quietly() -> None:
    responder = Echo()
    question = encode(f.Question(Q, 9999, b"wait"))
    with bare_coordinator([WELCOME, question]) as coordinator:
        node = start_node(ALICE, responder, coordinator.port, limits=LIMITS)
        until(lambda: bool(responder.asked))
        node.cancel()
        with pytest.raises(CancelledError):
            node.result(SOON)


def test_waits_between_attempts_grow() -> None:
    backoff, waits = Backoff(first=0.001, most=0.008), list[float]()
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        if seconds <= backoff.most:
            waits.append(seconds)
            if len(waits) == 5:
                enough.set()
        await asyncio.sleep(seconds)

    async def run() -> None:
        session = NodeSession(
            ALICE,
            JOB,
            b"",
            "localhost:1",
            Echo(),
            BlobCache(),
            prover=None,
            backoff=backoff,
            clock=lambda: 0.0,
            sleep=sleep,
            random=lambda: 1.0,
        )
        task = asyncio.create_task(session.run())
        await enough.wait()
        task.cancel()

    in_node_loop(run()).result(SOON)
    assert waits[:5] == [0.001, 0.002, 0.004, 0.008, 0.008]


def test_a_token_is_bounded() -> None:
    with pytest.raises(ValueError, match="4096"):
        NodeSession(
            ProviderId("p"), JOB, bytes(4097), "localhost:1", Echo(), BlobCache(), prover=None
        )
