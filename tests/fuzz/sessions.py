"""Both ends of a session over loopback, each against an end that sends whatever it likes."""

from functools import cache

from protocols import frames as f
from protocols.framing import encode
from protocols.ids import QueryId, digest_of
from protocols.limits import Limits
from protocols.queries import Describe, encode_query
from tests.fuzz import frames
from tests.fuzz.node_questions import questions
from tests.fuzz.target import Target
from tests.session_harness import (
    ALICE,
    SOON,
    Echo,
    Site,
    bare_coordinator,
    bare_provider,
    hello,
    start_node,
    until,
)

LIMITS = Limits(
    max_body=1000, max_chunk=500, in_flight=4, blob_window=2, handshake=5.0, farewell=0.2
)
WELCOME = encode(f.Welcome(4, 1000, 500, 2))
GOODBYE = encode(f.Goodbye("done"))
_MOST = 30
"""Messages of one stream."""


def run_node(data: bytes) -> None:
    """A node leaves a coordinator that breaks the rules, comes back, and is a node as before.

    Echo answers, so that deadlines, repeats and files are the session's own; the node behind it is
    another target's.
    """
    stream = [WELCOME, *list(frames.unpacked(data))[:_MOST], GOODBYE]
    responder = Echo()
    responder.gate.set()
    with bare_coordinator([f.Hello, *stream], [f.Hello, WELCOME, GOODBYE]) as coordinator:
        node = start_node(ALICE, responder, coordinator.port, limits=LIMITS)
        try:
            assert node.result(SOON) is not None
        finally:
            node.cancel()
        assert coordinator.streams in {1, 2}


def node_seeds() -> list[bytes]:
    """What an honest coordinator sends, and questions with bodies of all kinds."""
    bodies = (b"wait", b"refuse", b"fail", b"large 900", b"large 5000", b"fetch " + b"0" * 64)
    asked = [
        encode(f.Question(QueryId(0, 0, place), 2000, data))
        for place, data in enumerate((*bodies, *questions()[:2]))
    ]
    return [
        frames.packed(frames.from_coordinator()[2:-1]),
        frames.packed(asked[:4]),
        frames.packed(asked[4:]),
    ]


@cache
def _site() -> Site:
    """A coordinator that lives as long as this process."""
    site = Site(limits=LIMITS)
    site.blobs.publish(b"file")
    return site


def run_coordinator(data: bytes) -> None:
    """A coordinator sends a node away that breaks the rules, and serves the next one as before."""
    messages = list(frames.unpacked(data))[:_MOST]
    with bare_provider(_site().port) as liar:
        if data and data[0] & 1:
            liar.send(hello())
        for message in messages:
            liar.send_bytes(message)
        liar.send(f.Goodbye("over"))
        while isinstance(liar.receive(), f.Frame):
            pass
    with bare_provider(_site().port) as honest:
        assert isinstance(honest.hello(), f.Welcome)
        honest.send(f.BlobRequest(digest_of(b"file"), 0, 4))
        while not isinstance(honest.receive(), f.BlobChunk):
            pass
        honest.send(f.Goodbye("done"))
        while isinstance(honest.receive(), f.Frame):
            pass
    until(lambda: len(_site().events) > 0)
    _site().events.clear()


def coordinator_seeds() -> list[bytes]:
    """What an honest node sends."""
    answers = [encode(f.Answer(QueryId(0, 0, 0), encode_query(Describe()))), encode(f.Heartbeat())]
    return [
        frames.packed(frames.from_provider()[3:], 1),
        frames.packed(frames.from_provider(), 0),
        frames.packed(answers, 1),
    ]


NODES = Target("node-session", run_node, node_seeds, frames.mutate, examples=15, largest=2**14)
COORDINATORS = Target(
    "coordinator-session",
    run_coordinator,
    coordinator_seeds,
    frames.mutate,
    examples=15,
    largest=2**14,
)
