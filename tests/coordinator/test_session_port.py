import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from coordinator.admission import Peer, TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.session_events import Joined, Lost, TurnedAway
from coordinator.session_port import SessionPort
from coordinator.session_questions import ProvidersMissing, SessionsStopped
from protocols import frames as f
from protocols.errors import Code
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from synlearn.errors import InputError
from tests.port_site import BLUE, BLUE_TOKEN, RED, RED_TOKEN, port_site, two_jobs
from tests.session_harness import (
    ALICE,
    BOB,
    QUICK,
    SOON,
    BareProvider,
    bare_provider,
    hello,
    until,
)

if TYPE_CHECKING:
    from coordinator.aggregation_attempt import Sessions
    from coordinator.questions import Asked

Q = QueryId(0, 0, 0)
IN_RED: dict[str, object] = {"job": RED, "token": RED_TOKEN}
IN_BLUE: dict[str, object] = {"job": BLUE, "token": BLUE_TOKEN}


def last_words(provider: BareProvider) -> f.Error | f.Goodbye:
    """The last frame of a stream, which then ends cleanly."""
    while not isinstance(frame := provider.receive(), f.Error | f.Goodbye):
        assert isinstance(frame, f.Question | f.Ack), frame
    assert provider.receive() is None
    return frame


def test_a_provider_of_two_jobs_has_a_session_of_each() -> None:
    """The same name and the same question's id, in either job: two sessions, two questions."""
    with (
        two_jobs() as here,
        bare_provider(here.number) as red,
        bare_provider(here.number) as blue,
    ):
        red.hello(**IN_RED)
        blue.hello(**IN_BLUE)
        answers = {}
        for job, stream, name in ((here.red, red, b"red"), (here.blue, blue, b"blue")):
            answers[name] = job.sessions.ask(ALICE, Q, name, SOON)
            question = stream.receive()
            assert isinstance(question, f.Question)
            assert question.body == name
        for stream, name in ((blue, b"blue"), (red, b"red")):
            stream.send(f.Answer(Q, b"answer of " + name))
            assert answers[name].result(SOON) == b"answer of " + name
        assert here.red.events == here.blue.events == [Joined(ALICE)]


def test_presence_and_acks_are_of_one_job() -> None:
    with two_jobs() as here, bare_provider(here.number) as bob, bare_provider(here.number) as alice:
        bob.hello(provider=BOB, **IN_BLUE)
        alice.hello(**IN_RED)
        here.red.sessions.wait_for([ALICE], SOON)
        here.blue.sessions.wait_for([BOB], SOON)
        assert here.red.sessions.connected() == {ALICE}
        assert here.blue.sessions.connected() == {BOB}
        with pytest.raises(ProvidersMissing):
            here.red.sessions.wait_for([BOB], 0.05)
        here.red.sessions.acknowledge(QueryId(7, 0, 0))
        here.blue.sessions.acknowledge(QueryId(8, 0, 0))
        assert alice.receive() == f.Ack(QueryId(7, 0, 0))
        assert bob.receive() == f.Ack(QueryId(8, 0, 0))


def test_one_job_ends_and_the_other_goes_on() -> None:
    with (
        two_jobs() as here,
        bare_provider(here.number) as red,
        bare_provider(here.number) as blue,
        bare_provider(here.number) as late,
    ):
        red.hello(**IN_RED)
        blue.hello(**IN_BLUE)
        lost = here.red.sessions.ask(ALICE, Q, b"?", SOON)
        kept = here.blue.sessions.ask(ALICE, Q, b"?", SOON)
        here.red.sessions.stop("red is done")
        assert last_words(red) == f.Goodbye("red is done")
        with pytest.raises(SessionsStopped, match="red is done"):
            lost.result(SOON)
        with pytest.raises(SessionsStopped, match="red is done"):
            here.red.sessions.ask(ALICE, QueryId(0, 0, 1), b"?", SOON).result(SOON)
        with pytest.raises(SessionsStopped, match="red is done"):
            here.red.sessions.wait_for([ALICE], SOON)
        assert here.red.events == [Joined(ALICE), Lost(ALICE, "red is done")]
        assert here.red.sessions.connected() == frozenset()
        late.send(hello(**IN_RED))
        refused = last_words(late)
        assert isinstance(refused, f.Error)
        assert refused.code is Code.WRONG_JOB
        assert isinstance(blue.receive(), f.Question)
        blue.send(f.Answer(Q, b"!"))
        assert kept.result(SOON) == b"!"
        assert here.blue.events == [Joined(ALICE)]
        here.red.sessions.stop("twice")


def test_a_stop_waits_for_those_who_are_leaving_and_for_no_others() -> None:
    """A provider that reads nothing is cut off; one of another job is not waited for."""
    limits = replace(QUICK, farewell=0.2)
    with (
        two_jobs(limits) as here,
        bare_provider(here.number) as red,
        bare_provider(here.number) as blue,
    ):
        red.hello(**IN_RED, max_body=10_000_000)
        blue.hello(**IN_BLUE)
        red.stop_reading()
        for part in range(8):
            here.red.sessions.ask(ALICE, QueryId(0, 0, part), bytes(8_000_000), SOON)
        stopping = threading.Thread(target=here.red.sessions.stop, args=("over",))
        stopping.start()
        stopping.join(SOON)
        assert not stopping.is_alive()
        here.blue.sessions.ask(ALICE, Q, b"?", SOON)
        assert isinstance(blue.receive(), f.Question)


def test_stopping_the_port_ends_all_jobs_and_tells_their_nodes_to_come_again() -> None:
    with (
        two_jobs() as here,
        bare_provider(here.number) as red,
        bare_provider(here.number) as blue,
    ):
        red.hello(**IN_RED)
        blue.hello(**IN_BLUE)
        open_ = [job.sessions.ask(ALICE, Q, b"?", SOON) for job in (here.red, here.blue)]
        here.site.port.stop("the coordinator restarts")
        for future in open_:
            with pytest.raises(SessionsStopped, match="the coordinator restarts"):
                future.result(SOON)
        for stream in (red, blue):
            last = last_words(stream)
            assert isinstance(last, f.Error)
            assert last.code is Code.JOB_NOT_OPEN
            assert last.sentence.endswith("the coordinator restarts")
        assert here.red.events == [Joined(ALICE), Lost(ALICE, "the coordinator restarts")]
        for job in (here.red, here.blue):
            with pytest.raises(SessionsStopped):
                job.sessions.ask(ALICE, QueryId(0, 0, 1), b"?", SOON).result(SOON)
            job.sessions.acknowledge(Q)
            job.sessions.stop("after the port")
        with pytest.raises(SessionsStopped):
            here.site.open(JobId("blue"))
        here.site.port.stop("twice")


def test_whoever_waits_for_providers_is_told_that_the_port_stops() -> None:
    with two_jobs() as here:
        told: list[BaseException] = []

        def wait() -> None:
            with pytest.raises(SessionsStopped) as caught:
                here.red.sessions.wait_for([ALICE], SOON)
            told.append(caught.value)

        waiting = threading.Thread(target=wait)
        waiting.start()
        here.site.port.stop("over")
        waiting.join(SOON)
        assert [str(error) for error in told] == ["over"]


def test_a_job_that_is_open_cannot_be_opened() -> None:
    with port_site() as here:
        first = here.open(RED)
        with pytest.raises(ValueError, match="sessions of red are open"):
            here.open(RED)
        number = here.port.start()
        first.sessions.stop("once")
        again = here.open(RED)
        with bare_provider(number) as alice:
            alice.hello(**IN_RED)
            again.sessions.wait_for([ALICE], SOON)
        assert first.events == []


def test_a_job_that_is_not_here_is_wrong_and_one_that_is_expected_is_not_open_yet() -> None:
    with port_site() as here:
        here.port.expect(RED)
        number = here.port.start()

        def refusal(**changes: object) -> f.Error:
            with bare_provider(number) as stream:
                stream.send(hello(**changes))
                last = last_words(stream)
                assert isinstance(last, f.Error)
                return last

        assert refusal(**IN_RED).code is Code.JOB_NOT_OPEN
        assert refusal(**IN_BLUE).code is Code.WRONG_JOB
        until(lambda: len(here.strangers) == 2)
        assert {(each.provider, each.code) for each in here.strangers} == {
            (ALICE, Code.JOB_NOT_OPEN),
            (ALICE, Code.WRONG_JOB),
        }
        red = here.open(RED)
        here.port.expect(RED)  # open it is, whatever is expected
        with bare_provider(number) as alice:
            alice.hello(**IN_RED)
            red.sessions.suspend("disk full")
            last = last_words(alice)
            assert isinstance(last, f.Error)
            assert (last.code, last.sentence) == (
                Code.JOB_NOT_OPEN,
                f"{Code.JOB_NOT_OPEN.sentence} disk full",
            )
        assert refusal(**IN_RED).code is Code.JOB_NOT_OPEN
        here.port.give_up(RED)
        assert refusal(**IN_RED).code is Code.WRONG_JOB


def test_who_a_job_turns_away_the_job_is_told_of_and_of_strangers_the_port() -> None:
    with two_jobs() as here, bare_provider(here.number) as eve, bare_provider(here.number) as mute:
        eve.send(hello(job=RED, token=b"guess"))
        last_words(eve)
        until(lambda: bool(here.red.events))
        (event,) = here.red.events
        assert isinstance(event, TurnedAway)
        assert event.code is Code.NOT_ADMITTED
        assert here.site.strangers == []
        mute.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
        last_words(mute)
        until(lambda: bool(here.site.strangers))
        (event,) = here.site.strangers
        assert (event.provider, event.code) == (None, Code.MALFORMED)
        assert here.blue.events == []


def test_who_listens_for_strangers_may_fail() -> None:
    def fail(_: TurnedAway) -> None:
        raise ZeroDivisionError

    port = SessionPort(limits=QUICK, turned_away=fail)
    number = port.start()
    try:
        for _ in range(2):
            with bare_provider(number) as stream:
                stream.send(hello())
                assert isinstance(last_words(stream), f.Error)
    finally:
        port.stop("over")


def test_an_admission_that_fails_costs_one_stream() -> None:
    class Failing:
        def admit(self, _hello: f.Hello, _peer: Peer) -> None:
            raise ZeroDivisionError

    port = SessionPort(limits=QUICK)
    failing = port.open(RED, Failing(), MemoryBlobs())
    good = port.open(BLUE, TokenAdmission({ALICE: BLUE_TOKEN}), MemoryBlobs())
    number = port.start()
    try:
        with bare_provider(number) as red, bare_provider(number) as blue:
            blue.hello(**IN_BLUE)
            red.send(hello(**IN_RED))
            last = last_words(red)
            assert isinstance(last, f.Error)
            assert last.code is Code.SESSION_FAULT
            good.ask(ALICE, Q, b"?", SOON)
            assert isinstance(blue.receive(), f.Question)
            assert failing.connected() == frozenset()
    finally:
        port.stop("over")


def test_a_port_that_cannot_listen_ends_its_jobs() -> None:
    with two_jobs() as here, port_site(address=f"127.0.0.1:{here.number}") as other:
        red = other.open(RED)
        early = red.sessions.ask(ALICE, Q, b"?", SOON)
        with pytest.raises(InputError, match="cannot listen"):
            other.port.start()
        with pytest.raises(SessionsStopped):
            early.result(SOON)
        red.sessions.stop("never began")


def test_stopping_before_the_start_waits_for_nothing() -> None:
    with port_site() as here:
        here.open(RED).sessions.stop("never began")


def test_a_thread_for_the_port_and_none_for_a_job() -> None:
    with port_site() as here:
        here.port.start()
        before = threading.active_count()
        for number in range(50):
            here.port.open(JobId(f"job-{number}"), TokenAdmission({}), MemoryBlobs())
        assert threading.active_count() == before


def test_a_job_has_what_questions_and_masked_sums_need() -> None:
    """Checked by the type checker; here, that the methods are there."""
    with two_jobs() as here:
        sessions: Sessions = here.red.sessions
        asked: Asked = here.red.sessions
        assert sessions.ask_many([]) == asked.ask_many([]) == []


@pytest.mark.parametrize("job", [RED, BLUE])
def test_files_are_those_of_the_job(job: JobId) -> None:
    """Also when both jobs serve the same file, and one withdraws it."""
    with two_jobs() as here, bare_provider(here.number) as alice:
        name = here.red.blobs.publish(b"0123")
        assert here.blue.blobs.publish(b"0123") == name
        here.red.blobs.withdraw(name)
        alice.hello(**(IN_RED if job == RED else IN_BLUE))
        alice.send(f.BlobRequest(name, 0, 4), f.BlobRequest(digest_of(b""), 0, 4))
        if job == RED:
            assert alice.receive() == f.BlobError(name, 0, Code.BLOB_NOT_PUBLISHED)
        else:
            assert alice.receive() == f.BlobChunk(name, 0, 4, b"0123")
        assert isinstance(alice.receive(), f.BlobError)


def test_hundreds_of_strangers_leave_nothing_behind() -> None:
    with two_jobs() as here:
        for number in range(100):
            with bare_provider(here.number) as eve:
                eve.send(hello(provider=ProviderId(f"eve{number}"), job=RED))
                last_words(eve)
        assert len(here.red.events) >= 99  # the last one may be on its way
        here.red.sessions.stop("done")
        assert here.blue.events == here.site.strangers == []
