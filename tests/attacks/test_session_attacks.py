"""What a provider of one job can try on another job at the same session port.

Eve is a provider of the job `red`, with its token; the job `blue` is none of her business.
"""

import threading
from dataclasses import replace

import pytest

from coordinator.session_events import Faulted, Joined, TurnedAway
from coordinator.session_questions import Question
from protocols import frames as f
from protocols.errors import Code
from protocols.framing import encode
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from tests.port_site import BLUE, BLUE_TOKEN, RED, RED_TOKEN, two_jobs
from tests.session_harness import ALICE, BOB, QUICK, SOON, Echo, bare_provider, hello, start_node

Q = QueryId(0, 0, 0)
NOTHING = digest_of(b"")


@pytest.mark.parametrize(("job", "token"), [(RED, RED_TOKEN), (BLUE, BLUE_TOKEN)])
def test_a_file_of_another_job_pulled_by_its_digest(job: JobId, token: bytes) -> None:
    with two_jobs() as here, bare_provider(here.number) as eve:
        own, other = (here.red, here.blue) if job == RED else (here.blue, here.red)
        secret = other.blobs.publish(b"their weights")
        ours = own.blobs.publish(b"our weights")
        eve.hello(job=job, token=token)
        eve.send(f.BlobRequest(secret, 0, 100), f.BlobRequest(ours, 0, 100))
        assert eve.receive() == f.BlobError(secret, 0, Code.BLOB_NOT_PUBLISHED)
        assert eve.receive() == f.BlobChunk(ours, 0, 11, b"our weights")
        assert other.blobs.served == 0


@pytest.mark.parametrize("provider", [ALICE, BOB])
def test_a_token_of_one_job_shown_at_another(provider: ProviderId) -> None:
    """Also under a name that both jobs know."""
    with two_jobs() as here, bare_provider(here.number) as eve:
        eve.send(hello(job=BLUE, provider=provider, token=RED_TOKEN))
        refusal = eve.receive()
        assert isinstance(refusal, f.Error)
        assert refusal.code is Code.NOT_ADMITTED
        assert eve.receive() is None
        assert here.blue.sessions.connected() == here.red.sessions.connected() == frozenset()
        assert all(isinstance(event, TurnedAway) for event in here.blue.events)


def test_a_second_hello_to_move_into_another_job() -> None:
    """Even with that job's token: a stream is of one job for good."""
    with two_jobs() as here, bare_provider(here.number) as eve:
        eve.hello(job=RED, token=RED_TOKEN)
        eve.send(hello(job=BLUE, token=BLUE_TOKEN))
        refusal = eve.receive()
        assert isinstance(refusal, f.Error)
        assert refusal.code is Code.OUT_OF_ORDER
        assert here.blue.events == []


def test_a_question_of_another_job_answered() -> None:
    """Under the same name and id: an answer is to the stream's own job, where none is open."""
    with two_jobs() as here, bare_provider(here.number) as eve, bare_provider(here.number) as alice:
        alice.hello(job=BLUE, token=BLUE_TOKEN)
        eve.hello(job=RED, token=RED_TOKEN)
        future = here.blue.sessions.ask(ALICE, Q, b"?", SOON)
        assert isinstance(alice.receive(), f.Question)
        eve.send(f.Answer(Q, b"forged"))
        refusal = eve.receive()
        assert isinstance(refusal, f.Error)
        assert refusal.code is Code.OUT_OF_ORDER
        alice.send(f.Answer(Q, b"true"))
        assert future.result(SOON) == b"true"


LIMITS = replace(QUICK, max_body=1_000_000)
FLOODS = (
    ([bytes(LIMITS.max_message + 1)], Code.TOO_LARGE),
    ([b"\x0a\x00" * 5000], Code.TOO_LARGE),
    ([b"GET / HTTP/1.1\r\n\r\n"] * 50, Code.MALFORMED),
    ([encode(f.BlobRequest(NOTHING, 0, 1)) * 64], Code.TOO_MANY),
    ([encode(f.Heartbeat()) * 4000] * 20 + [b"\x0a\x00"], Code.UNKNOWN_KIND),
    ([encode(hello(job=RED, token=RED_TOKEN))] * 50, Code.OUT_OF_ORDER),
    ([encode(f.Answer(Q, bytes(1_000_000)))] * 8, Code.OUT_OF_ORDER),
)


def test_a_flood_on_one_job_while_another_works() -> None:
    """Stream after stream, each broken in another way; blue's node is asked all the time."""

    def flood() -> None:
        for messages, _ in FLOODS * 3:
            with bare_provider(here.number) as eve:
                eve.hello(job=RED, token=RED_TOKEN)
                for message in messages:
                    eve.send_bytes(message)
                while isinstance(eve.receive(), f.Frame):
                    pass

    with two_jobs(LIMITS) as here:
        node = start_node(BOB, Echo(), here.number, job=BLUE, token=BLUE_TOKEN)
        here.blue.sessions.wait_for([BOB], SOON)
        flooding = threading.Thread(target=flood)
        flooding.start()
        step = 0
        while flooding.is_alive():
            step += 1
            questions = [
                Question(BOB, QueryId(0, step, part), b"still there?", SOON) for part in range(50)
            ]
            for future in here.blue.sessions.ask_many(questions):
                assert future.result(SOON) == b"echo still there?"
        here.red.sessions.stop("enough")  # all that happened there is told by now
        faults = [event.code for event in here.red.events if isinstance(event, Faulted)]
        assert faults == [code for _, code in FLOODS * 3]
        assert here.blue.events == [Joined(BOB)]
        assert not node.done()
