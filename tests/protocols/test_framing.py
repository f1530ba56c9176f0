import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols import frames as f
from protocols import messages_pb2 as pb
from protocols.errors import Code, FrameError
from protocols.framing import MAX_DEADLINE_MS, MAX_SENTENCE, MAX_UNTIL, decode, encode
from protocols.ids import MAX_PART, Digest, JobId, ProviderId, QueryId, digest_of
from protocols.limits import MAX_FRAMES, Limits

LIMITS = Limits(max_body=2000, max_chunk=1000)
PARTS = st.integers(0, MAX_PART)
QUERIES = st.builds(QueryId, PARTS, PARTS, PARTS)
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}", fullmatch=True)
DIGESTS = st.binary().map(digest_of)
BODIES = st.binary(max_size=2000)
LINES = st.text(st.characters(categories=("L", "N", "P")), max_size=MAX_SENTENCE)


def codes(family: int) -> st.SearchStrategy[Code]:
    return st.sampled_from([code for code in Code if code.value // 100 == family])


def outcome(message: bytes) -> Code | None:
    """The code of the FrameError; anything else that is raised fails the test."""
    try:
        decode(message, LIMITS)
    except FrameError as error:
        return error.code
    return None


CHUNKS = st.builds(
    lambda digest, offset, data, more: f.BlobChunk(digest, offset, offset + len(data) + more, data),
    DIGESTS,
    st.integers(0, 2**62),
    st.binary(max_size=1000),
    st.integers(0, 2**62),
)
SMALL = st.one_of(
    st.builds(
        f.Hello,
        NAMES.map(ProviderId),
        NAMES.map(JobId),
        st.binary(max_size=100),
        st.none() | QUERIES,
        st.integers(1, 2**20),
        st.integers(1, 2**32 - 1),
    ),
    st.builds(f.Challenge, st.binary(min_size=32, max_size=32)),
    st.builds(f.Proof, st.binary(min_size=64, max_size=64)),
    st.builds(
        f.Welcome,
        st.integers(1, 2**20),
        st.integers(1, 2**32 - 1),
        st.integers(1, 2**32 - 1),
        st.integers(1, 2**32 - 1),
    ),
    st.builds(f.Question, QUERIES, st.integers(1, MAX_DEADLINE_MS), BODIES),
    st.builds(f.Answer, QUERIES, BODIES),
    st.builds(f.Refusal, QUERIES, codes(2)),
    st.builds(f.Pending, QUERIES, st.integers(0, MAX_UNTIL), codes(3)),
    st.builds(f.Ack, QUERIES),
    st.builds(f.BlobRequest, DIGESTS, st.integers(0, 2**64 - 1), st.integers(1, 2**32 - 1)),
    st.builds(f.BlobError, DIGESTS, st.integers(0, 2**64 - 1), codes(4)),
    st.builds(f.Heartbeat),
    st.builds(f.Goodbye, LINES, st.none() | codes(1)),
    st.builds(f.Error, codes(1), LINES),
)


@given(st.lists(SMALL, max_size=5), st.none() | CHUNKS)
def test_frames_joined_come_back_in_order(frames: list[f.Frame], chunk: f.BlobChunk | None) -> None:
    frames = [*frames, chunk] if chunk else frames
    assert decode(b"".join(map(encode, frames)), LIMITS) == frames


@given(st.lists(SMALL, max_size=5), st.none() | CHUNKS)
def test_a_message_is_what_the_proto_file_says(
    frames: list[f.Frame], chunk: f.BlobChunk | None
) -> None:
    joined = b"".join(map(encode, [*frames, chunk] if chunk else frames))
    message = pb.Message.FromString(joined)
    assert len(message.frames) == len(frames) + (chunk is not None)
    assert message.payload == (chunk.data if chunk else b"")
    assert decode(message.SerializeToString(), LIMITS) == decode(joined, LIMITS)


@given(st.binary(max_size=300))
def test_garbage_is_a_frame_error_and_nothing_else(garbage: bytes) -> None:
    assert outcome(garbage) in {None, Code.MALFORMED, Code.UNKNOWN_KIND, Code.VERSION_MISMATCH}


@given(st.lists(SMALL | CHUNKS, min_size=1, max_size=3), st.data())
def test_damaged_frames_are_frame_errors_or_other_frames(
    frames: list[f.Frame], data: st.DataObject
) -> None:
    message = bytearray(b"".join(map(encode, frames)))
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    del message[data.draw(st.integers(0, len(message))) :]
    code = outcome(bytes(message))
    assert code is None or 100 <= code.value < 200


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"\x0a", Code.MALFORMED),  # no length
        (b"\x0a\x05abc", Code.MALFORMED),  # shorter than it says
        (b"\x0a\xff\xff\xff\xff\xff\xff\x01", Code.MALFORMED),  # a length of 2**43
        (b"\x08\x01", Code.MALFORMED),  # a field that is no frame
        (b"\x0a\x03\x0a\x05a", Code.MALFORMED),  # a frame that is no protobuf
        (b"\x0a\x00", Code.UNKNOWN_KIND),  # a frame of no kind
        (b"\x0a\x03\xba\x06\x00", Code.UNKNOWN_KIND),  # a frame of kind 103
        (b"\x12\x01x", Code.MALFORMED),  # a payload of nothing
        (b"\x0a\x00" * (MAX_FRAMES + 1), Code.TOO_LARGE),
        (bytes(LIMITS.max_message + 1), Code.TOO_LARGE),
    ],
    ids=lambda value: value.name if isinstance(value, Code) else f"{len(value)}_bytes",
)
def test_messages_that_cannot_be_read(message: bytes, code: Code) -> None:
    with pytest.raises(FrameError) as caught:
        decode(message, LIMITS)
    assert caught.value.code is code


def chunk(offset: int = 0, total: int = 10) -> pb.BlobChunk:
    return pb.BlobChunk(digest=bytes(32), offset=offset, total=total)


def frame(**kind: object) -> pb.Frame:
    return pb.Frame(**kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (pb.Message(frames=[frame(hello=pb.Hello(version=1))]), Code.VERSION_MISMATCH),
        (pb.Message(frames=[frame(challenge=pb.Challenge(version=3))]), Code.VERSION_MISMATCH),
        (pb.Message(frames=[frame(welcome=pb.Welcome(version=0))]), Code.VERSION_MISMATCH),
        (
            pb.Message(
                frames=[frame(hello=pb.Hello(version=2, provider="a b", job="j", in_flight=1))]
            ),
            Code.MALFORMED,
        ),
        (
            pb.Message(frames=[frame(hello=pb.Hello(version=2, provider="a", job="j"))]),
            Code.MALFORMED,
        ),
        (
            pb.Message(
                frames=[frame(hello=pb.Hello(version=2, provider="a", job="j", token=bytes(5000)))]
            ),
            Code.TOO_LARGE,
        ),
        (
            pb.Message(frames=[frame(challenge=pb.Challenge(version=2, nonce=bytes(31)))]),
            Code.MALFORMED,
        ),
        (pb.Message(frames=[frame(proof=pb.Proof(signature=bytes(65)))]), Code.MALFORMED),
        (pb.Message(frames=[frame(question=pb.Question(body=b"?"))]), Code.MALFORMED),
        (pb.Message(frames=[frame(answer=pb.Answer(body=bytes(2001)))]), Code.TOO_LARGE),
        (pb.Message(frames=[frame(refusal=pb.Refusal(code=100))]), Code.MALFORMED),
        (pb.Message(frames=[frame(pending=pb.Pending(until=2**63, reason=300))]), Code.MALFORMED),
        (
            pb.Message(frames=[frame(blob_request=pb.BlobRequest(digest=b"x", length=1))]),
            Code.MALFORMED,
        ),
        (
            pb.Message(frames=[frame(blob_request=pb.BlobRequest(digest=bytes(32)))]),
            Code.MALFORMED,
        ),
        (pb.Message(frames=[frame(blob_chunk=chunk())] * 2, payload=b"x"), Code.MALFORMED),
        (pb.Message(frames=[frame(blob_chunk=chunk(10))], payload=b"x"), Code.MALFORMED),
        (
            pb.Message(frames=[frame(blob_chunk=chunk(0, 2000))], payload=bytes(1001)),
            Code.TOO_LARGE,
        ),
        (pb.Message(frames=[frame(error=pb.Error(code=200))]), Code.MALFORMED),
    ],
)
def test_frames_that_break_a_limit_or_a_range(message: pb.Message, code: Code) -> None:
    with pytest.raises(FrameError) as caught:
        decode(message.SerializeToString(), LIMITS)
    assert caught.value.code is code


def test_a_peer_cannot_write_lines_into_our_log() -> None:
    sentence = "all is well\n2031-01-01 ERROR \x1b[31m" + "x" * 2000
    (error,) = decode(encode(f.Error(Code.MALFORMED, sentence)), LIMITS)
    assert isinstance(error, f.Error)
    assert error.sentence.isprintable()
    assert len(error.sentence) == MAX_SENTENCE


def test_the_piece_of_an_empty_file_has_no_payload_on_the_wire_of_others() -> None:
    message = pb.Message(frames=[frame(blob_chunk=chunk(0, 0))]).SerializeToString()
    assert decode(message, LIMITS) == [f.BlobChunk(Digest("0" * 64), 0, 0, b"")]


def test_a_piece_of_a_file_is_not_copied() -> None:
    message = encode(f.BlobChunk(digest_of(b""), 0, 1000, bytes(1000)))
    (piece,) = decode(message, LIMITS)
    assert isinstance(piece, f.BlobChunk)
    assert isinstance(piece.data, memoryview)
    assert piece.data.obj is message


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (
            frame(hello=pb.Hello(version=1)),
            "coordinator speaks version 2 and the node version 1: update the node.",
        ),
        (
            frame(hello=pb.Hello(version=3)),
            "coordinator speaks version 2 and the node version 3: update the coordinator.",
        ),
        (
            frame(challenge=pb.Challenge(version=3)),
            "node speaks version 2 and the coordinator version 3: update the node.",
        ),
        (
            frame(welcome=pb.Welcome(version=1)),
            "node speaks version 2 and the coordinator version 1: update the coordinator.",
        ),
    ],
)
def test_who_speaks_which_version_and_who_is_to_be_updated(
    message: pb.Frame, sentence: str
) -> None:
    with pytest.raises(FrameError) as caught:
        decode(pb.Message(frames=[message]).SerializeToString(), LIMITS)
    assert caught.value.sentence == f"{Code.VERSION_MISMATCH.sentence} The {sentence}"
