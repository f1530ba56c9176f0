import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coordinator.admission import TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.session_events import (
    Faulted,
    Joined,
    Left,
    Lost,
    Postponed,
    Rejoined,
    SessionEvent,
    TurnedAway,
)
from coordinator.session_server import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    Question,
    SessionServer,
    SessionsStopped,
)
from protocols import frames as f
from protocols.errors import Code
from protocols.framing import encode
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from synlearn.errors import InputError
from tests.session_harness import (
    ALICE,
    BOB,
    JOB,
    QUICK,
    SOON,
    BareProvider,
    Echo,
    bare_provider,
    hello,
    site,
    until,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

Q = QueryId(0, 0, 0)
DIGEST = digest_of(b"")


def ends_with(provider: BareProvider, code: Code) -> str:
    """The stream ends with an Error of this code, and then cleanly."""
    while not isinstance(frame := provider.receive(), f.Error):
        assert isinstance(frame, f.Question | f.Welcome | f.BlobChunk | f.BlobError), frame
    assert frame.code is code
    assert frame.sentence.startswith(code.sentence)
    assert provider.receive() is None
    return frame.sentence


def test_a_question_and_its_answer() -> None:
    with site() as here, bare_provider(here.port) as alice:
        assert alice.hello() == f.Welcome(8, QUICK.max_body, QUICK.max_chunk, QUICK.blob_window)
        future = here.server.ask(ALICE, Q, b"how many rows?", SOON)
        question = alice.receive()
        assert isinstance(question, f.Question)
        assert (question.query, question.body) == (Q, b"how many rows?")
        assert 0 < question.deadline_ms <= SOON * 1000
        alice.send(f.Answer(Q, b"many"))
        assert future.result(SOON) == b"many"
        assert here.events == [Joined(ALICE)]


def test_a_refusal_names_provider_question_and_code() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        future = here.server.ask(ALICE, Q, b"?", SOON)
        alice.receive()
        alice.send(f.Refusal(Q, Code.BUDGET_SPENT))
        with pytest.raises(QueryRefused, match=r"alice refused question 0\.0\.0") as caught:
            future.result(SOON)
        assert caught.value.code is Code.BUDGET_SPENT


def test_a_question_waits_for_its_provider_and_for_its_deadline() -> None:
    with site() as here:
        early = here.server.ask(ALICE, Q, b"early", SOON)
        never = here.server.ask(BOB, Q, b"never", 0.05)
        with pytest.raises(QueryTimedOut, match="bob"):
            never.result(SOON)
        with bare_provider(here.port) as alice:
            alice.hello()
            assert isinstance(question := alice.receive(), f.Question)
            assert question.body == b"early"
            alice.send(f.Answer(Q, b"here"))
            assert early.result(SOON) == b"here"


def test_a_late_answer_is_no_fault() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        future = here.server.ask(ALICE, Q, b"?", 0.05)
        alice.receive()
        with pytest.raises(QueryTimedOut):
            future.result(SOON)
        again = here.server.ask(ALICE, Q, b"?", SOON)  # waits: the first is open at the provider
        alice.send(f.Refusal(Q, Code.DEADLINE_PASSED))
        assert isinstance(alice.receive(), f.Question)
        alice.send(f.Answer(Q, b"at last"))
        assert again.result(SOON) == b"at last"


def test_an_announced_delay_is_told() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        future = here.server.ask(ALICE, Q, b"?", 0.2)
        alice.receive()
        alice.send(f.Pending(Q, 4_000_000_000, Code.OUTSIDE_HOURS))
        with pytest.raises(QueryTimedOut, match="hours of work") as caught:
            future.result(SOON)
        assert caught.value.postponed == f.Pending(Q, 4_000_000_000, Code.OUTSIDE_HOURS)
        assert Postponed(ALICE, Q, 4_000_000_000, Code.OUTSIDE_HOURS) in here.events


def test_the_same_id_never_names_two_questions() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        first = here.server.ask(ALICE, Q, b"one", SOON)
        assert here.server.ask(ALICE, Q, b"one", SOON) is first
        other = QueryId(0, 0, 1)
        with pytest.raises(ValueError, match="id of its own"):
            here.server.ask_many(
                [Question(ALICE, other, b"new", SOON), Question(ALICE, Q, b"two", SOON)]
            )
        alice.receive()
        alice.send(f.Answer(Q, b"1"))
        assert first.result(SOON) == b"1"
        with pytest.raises(ValueError, match="another body"):
            here.server.ask(ALICE, Q, b"two", SOON)
        # Of the two above none was asked, so this is the next thing that comes.
        here.server.ask(ALICE, other, b"different, and allowed", SOON)
        assert isinstance(question := alice.receive(), f.Question)
        assert question.body == b"different, and allowed"
        here.server.acknowledge(other)
        assert alice.receive() == f.Ack(other)
        here.server.ask(ALICE, QueryId(0, 0, 2), b"later", SOON)


def test_no_more_is_in_flight_than_either_end_wants() -> None:
    with site(limits=replace(QUICK, in_flight=3)) as here, bare_provider(here.port) as alice:
        assert alice.hello(in_flight=2).in_flight == 2
        futures = here.server.ask_many(
            [Question(ALICE, QueryId(0, 0, part), b"?", SOON) for part in range(4)]
        )
        asked = [alice.receive(), alice.receive()]
        assert [frame.query.part for frame in asked if isinstance(frame, f.Question)] == [0, 1]
        alice.send(f.Heartbeat(), f.Answer(QueryId(0, 0, 1), b"b"))
        assert isinstance(third := alice.receive(), f.Question)
        assert third.query.part == 2
        assert futures[1].result(SOON) == b"b"
        assert not futures[0].done()


def test_bytes_in_flight_are_bounded_too() -> None:
    limits = replace(QUICK, queue=1000)
    with site(limits=limits) as here, bare_provider(here.port) as alice:
        alice.hello()
        for part in range(3):
            here.server.ask(ALICE, QueryId(0, 0, part), bytes(600), SOON)
        alice.receive()
        alice.send(f.BlobRequest(DIGEST, 0, 1))  # the reply shows that nothing else was sent
        assert isinstance(alice.receive(), f.BlobError)
        alice.send(f.Answer(Q, b""))
        assert isinstance(alice.receive(), f.Question)


def test_a_question_too_large_for_the_provider_is_refused_here() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello(max_body=100)
        with pytest.raises(QueryRefused) as caught:
            here.server.ask(ALICE, Q, bytes(101), SOON).result(SOON)
        assert caught.value.code is Code.QUESTION_TOO_LARGE


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Code.MALFORMED),
        (b"\x0a\x03\x0a\x05a", Code.MALFORMED),
        (b"\x0a\x00", Code.UNKNOWN_KIND),
        (bytes(QUICK.max_message + 1), Code.TOO_LARGE),
        (b"\x0a\x00" * 5000, Code.TOO_LARGE),
        (encode(f.Ack(Q)), Code.OUT_OF_ORDER),
        (encode(f.Answer(Q, b"")), Code.OUT_OF_ORDER),
        (encode(hello()), Code.OUT_OF_ORDER),
        (encode(f.BlobChunk(DIGEST, 0, 0, b"")), Code.OUT_OF_ORDER),
        (encode(f.BlobRequest(DIGEST, 0, 1)) * 9, Code.TOO_MANY),
    ],
    ids=lambda value: value.name if isinstance(value, Code) else f"{len(value)}_bytes",
)
def test_bad_frames_end_one_session_and_no_other(message: bytes, code: Code) -> None:
    with site() as here, bare_provider(here.port) as alice, bare_provider(here.port) as bob:
        alice.hello()
        bob.hello(provider=BOB)
        alice.send_bytes(message)
        sentence = ends_with(alice, code)
        until(lambda: Lost(ALICE, sentence) in here.events)
        assert Faulted(ALICE, code, sentence) in here.events
        future = here.server.ask(BOB, Q, b"still there?", SOON)
        bob.receive()
        bob.send(f.Answer(Q, b"yes"))
        assert future.result(SOON) == b"yes"


def test_a_message_beyond_all_limits_ends_one_session() -> None:
    """gRPC itself stops reading it, and says so in its own words."""
    limits = replace(QUICK, max_body=1000, max_chunk=1000)
    with (
        site(limits=limits) as here,
        bare_provider(here.port) as alice,
        bare_provider(here.port) as bob,
    ):
        alice.hello()
        bob.hello(provider=BOB)
        alice.send_bytes(bytes(5_000_000))
        assert "larger than max" in str(alice.receive())
        until(lambda: any(isinstance(event, Lost) for event in here.events))
        here.server.ask(BOB, Q, b"?", SOON)
        assert isinstance(bob.receive(), f.Question)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 3}, Code.VERSION_MISMATCH),
        ({"job": JobId("another")}, Code.WRONG_JOB),
        ({"token": b"guess"}, Code.NOT_ADMITTED),
        ({"token": b""}, Code.NOT_ADMITTED),
        ({"provider": ProviderId("eve")}, Code.NOT_ADMITTED),
        ({"provider": ProviderId("eve"), "token": b""}, Code.NOT_ADMITTED),
        ({"provider": ProviderId("eve\nroot")}, Code.MALFORMED),
    ],
)
def test_who_is_not_let_in_is_told_why(changes: dict[str, object], code: Code) -> None:
    with site() as here, bare_provider(here.port) as eve:
        eve.send(hello(**changes))
        ends_with(eve, code)
        until(lambda: bool(here.events))
        (event,) = here.events
        assert isinstance(event, TurnedAway)
        assert event.code is code


@pytest.mark.parametrize("version", [f.VERSION - 1, f.VERSION + 1])
def test_another_version_is_refused_and_said_at_both_ends(
    version: int, caplog: pytest.LogCaptureFixture
) -> None:
    older = "node" if version < f.VERSION else "coordinator"
    sentence = (
        f"The coordinator speaks version {f.VERSION} and the node version {version}: "
        f"update the {older}."
    )
    with site() as here, bare_provider(here.port) as eve:
        eve.send(hello(version=version))
        assert ends_with(eve, Code.VERSION_MISMATCH).endswith(sentence)
        until(lambda: bool(here.events))
    assert sentence in caplog.text


def test_a_newer_stream_replaces_an_older_one() -> None:
    with site() as here, bare_provider(here.port) as old:
        old.hello()
        future = here.server.ask(ALICE, Q, b"?", SOON)
        old.receive()
        with bare_provider(here.port) as new:
            new.hello()
            ends_with(old, Code.REPLACED)
            assert isinstance(question := new.receive(), f.Question)  # asked again
            assert question.query == Q
            new.send(f.Answer(Q, b"from the new one"))
            assert future.result(SOON) == b"from the new one"
            assert here.events == [Joined(ALICE), Rejoined(ALICE)]


def test_acks_reach_those_who_missed_them() -> None:
    with site() as here:
        here.server.acknowledge(QueryId(2, 0, 0))
        here.server.acknowledge(QueryId(1, 0, 0))  # no step back
        with bare_provider(here.port) as alice, bare_provider(here.port) as bob:
            alice.hello()
            assert alice.receive() == f.Ack(QueryId(2, 0, 0))
            bob.hello(provider=BOB, acknowledged=QueryId(2, 0, 0))
            here.server.acknowledge(QueryId(3, 0, 0))
            assert bob.receive() == f.Ack(QueryId(3, 0, 0))


def test_files_are_served_piece_by_piece() -> None:
    with site(limits=replace(QUICK, max_chunk=10)) as here, bare_provider(here.port) as alice:
        name = here.blobs.publish(b"0123456789abc")
        alice.hello()
        alice.send(
            f.BlobRequest(name, 0, 10),
            f.BlobRequest(name, 10, 10),
            f.BlobRequest(name, 13, 10),
            f.BlobRequest(name, 14, 10),
        )
        assert alice.receive() == f.BlobChunk(name, 0, 13, b"0123456789")
        assert alice.receive() == f.BlobChunk(name, 10, 13, b"abc")
        assert alice.receive() == f.BlobChunk(name, 13, 13, b"")
        assert alice.receive() == f.BlobError(name, 14, Code.BLOB_BAD_RANGE)
        alice.send(f.BlobRequest(name, 0, 11), f.BlobRequest(digest_of(b"secret"), 0, 10))
        assert alice.receive() == f.BlobError(name, 0, Code.BLOB_BAD_RANGE)
        not_ours = f.BlobError(digest_of(b"secret"), 0, Code.BLOB_NOT_PUBLISHED)
        assert alice.receive() == not_ours


def test_waiting_for_providers_names_the_missing() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        here.server.wait_for([ALICE], SOON)
        with pytest.raises(ProvidersMissing, match=r"1 providers .*: bob;") as caught:
            here.server.wait_for([ALICE, BOB], 0.05)
        assert caught.value.missing == (BOB,)


def test_who_is_connected() -> None:
    with site() as here:
        assert here.server.connected() == frozenset()
        with bare_provider(here.port) as alice:
            alice.hello()
            here.server.wait_for([ALICE], SOON)
            assert here.server.connected() == {ALICE}
        until(lambda: here.server.connected() == frozenset())


def test_who_left_for_good_is_asked_nothing_more() -> None:
    with site() as here:
        with bare_provider(here.port) as alice:
            alice.hello()
            future = here.server.ask(ALICE, Q, b"?", SOON)
            alice.receive()
            alice.send(f.Goodbye("the owner left", Code.OWNER_LEFT))
            with pytest.raises(QueryRefused) as caught:
                future.result(SOON)
        assert caught.value.code is Code.OWNER_LEFT
        until(lambda: here.server.left() == {ALICE})
        assert Left(ALICE) in here.events
        assert here.server.connected() == frozenset()
        with pytest.raises(QueryRefused):
            here.server.ask(ALICE, QueryId(0, 0, 1), b"?", SOON).result(SOON)
        with bare_provider(here.port) as alice:  # invited anew
            alice.hello()
            again = here.server.ask(ALICE, Q, b"?", SOON)
            question = alice.receive()
            assert isinstance(question, f.Question)
            alice.send(f.Answer(Q, b"!"))
            assert again.result(SOON) == b"!"
            assert here.server.left() == frozenset()


def test_who_only_goes_is_waited_for() -> None:
    with site() as here:
        with bare_provider(here.port) as alice:
            alice.hello()
            alice.send(f.Goodbye("good night"))
            until(lambda: Lost(ALICE, "good night") in here.events)
        assert here.server.left() == frozenset()


def test_stopping_says_goodbye_and_gives_up_what_is_open() -> None:
    with site() as here, bare_provider(here.port) as alice:
        alice.hello()
        future = here.server.ask(ALICE, Q, b"?", SOON)
        alice.receive()
        here.server.stop("the job is done")
        assert alice.receive() == f.Goodbye("the job is done")
        assert alice.receive() is None
        with pytest.raises(SessionsStopped, match="the job is done"):
            future.result(SOON)
        with pytest.raises(SessionsStopped):
            here.server.ask(ALICE, QueryId(0, 0, 1), b"?", SOON).result(SOON)
        here.server.acknowledge(Q)
        here.server.stop("twice")


def test_a_provider_that_reads_nothing_does_not_hold_up_the_stop() -> None:
    with site(limits=replace(QUICK, farewell=0.2)) as here, bare_provider(here.port) as alice:
        alice.hello()
        stopping = threading.Thread(target=here.server.stop, args=("over",))
        stopping.start()
        stopping.join(SOON)
        assert not stopping.is_alive()


def test_a_silent_stranger_is_sent_away() -> None:
    limits = replace(QUICK, handshake=0.1)
    with site(limits=limits) as here, bare_provider(here.port) as stranger:
        ends_with(stranger, Code.SILENT)


def test_a_silent_provider_is_lost() -> None:
    limits = replace(QUICK, handshake=0.5, heartbeat=0.05, silence=1.5)
    with site(limits=limits) as here, bare_provider(here.port) as alice:
        alice.hello()
        assert alice.receive() == f.Heartbeat()
        while (frame := alice.receive()) == f.Heartbeat():
            pass
        assert isinstance(frame, f.Error)
        assert frame.code is Code.SILENT


def test_a_port_in_use_is_an_input_error() -> None:
    with site() as here:
        other = SessionServer(
            JOB, TokenAdmission({}), MemoryBlobs(), address=f"127.0.0.1:{here.port}"
        )
        with pytest.raises(InputError, match=f"cannot listen on 127.0.0.1:{here.port}"):
            other.start()
        with pytest.raises(SessionsStopped):
            other.ask(ALICE, Q, b"?", SOON).result(SOON)


def test_a_failing_listener_to_events_costs_nothing() -> None:
    def fail(event: SessionEvent) -> None:
        raise ZeroDivisionError

    server = SessionServer(
        JOB, TokenAdmission({ALICE: b"t"}), MemoryBlobs(), limits=QUICK, on_event=fail
    )
    port = server.start()
    with bare_provider(port) as alice:
        alice.hello(token=b"t")
        server.ask(ALICE, Q, b"?", SOON)
        assert isinstance(alice.receive(), f.Question)
    server.stop("done")


def test_questions_may_be_asked_before_the_start() -> None:
    server = SessionServer(JOB, TokenAdmission({ALICE: b"t"}), MemoryBlobs(), limits=QUICK)
    future: Future[bytes] = server.ask(ALICE, Q, b"?", SOON)
    with bare_provider(server.start()) as alice:
        alice.hello(token=b"t")
        alice.receive()
        alice.send(f.Answer(Q, b"!"))
        assert future.result(SOON) == b"!"
    server.stop("done")


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_a_timeout_has_to_be_positive(timeout: float) -> None:
    with site() as here, pytest.raises(ValueError, match="timeout"):
        here.server.ask(ALICE, Q, b"?", timeout)


def test_the_harness_has_a_node() -> None:
    """The bare ends above and the real ones below speak the same language."""
    with site() as here:
        here.node(ALICE, Echo())
        assert here.server.ask(ALICE, Q, b"hi", SOON).result(SOON) == b"echo hi"
