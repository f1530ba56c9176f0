"""Frames to bytes and back, trusting nothing that arrives.

A gRPC message is a run of frames, each behind its tag and length. Because a repeated protobuf field
is just that, frames can be encoded one by one and put together without encoding again. `decode`
walks the run itself, so that the number of frames is bounded before any of them is built, and so
that a piece of a file, the message's payload, is never copied.
"""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import DecodeError

from protocols import frames as f
from protocols import messages_pb2 as pb
from protocols.errors import Code, FrameError, code_from_wire
from protocols.ids import Digest, QueryId, job_id, provider_id
from protocols.limits import MAX_FRAMES, Limits
from protocols.secagg.keys import SIGNATURE_BYTES

_Data = TypeVar("_Data", bytes, memoryview)
_FRAME = 0x0A  # field 1, length-delimited: Message.frames
_PAYLOAD = 0x12  # field 2, length-delimited: Message.payload
MAX_TOKEN = 4096
MAX_SENTENCE = 500
MAX_DEADLINE_MS = 2**32 - 1
MAX_UNTIL = 253402300799  # the last second of the year 9999


def encode(frame: f.Frame) -> bytes:
    """`frame` as a message of one frame.

    Such messages joined are a message of all their frames, if at most one is a BlobChunk.
    """
    data: bytes = _WRITERS[type(frame)](frame).SerializeToString()
    if isinstance(frame, f.BlobChunk):
        parts = (_head(_FRAME, len(data)), data, _head(_PAYLOAD, len(frame.data)), frame.data)
        return b"".join(parts)
    return _head(_FRAME, len(data)) + data


def _head(tag: int, size: int) -> bytes:
    """A field's tag and its length, seven bits to a byte, the lowest first."""
    if size < 0x80:
        return bytes((tag, size))
    head = bytearray((tag,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


def decode(message: bytes, limits: Limits) -> list[f.Frame]:
    """The frames of one gRPC message, in order, each within `limits`.

    Raises:
        FrameError: MALFORMED, TOO_LARGE or UNKNOWN_KIND; nothing else, whatever the bytes.
    """
    if len(message) > limits.max_message:
        raise FrameError(
            Code.TOO_LARGE, f"It had {len(message)} bytes, of {limits.max_message} allowed."
        )
    runs, payload = _walk(message)
    frames = [_read(message[start:end], payload, limits) for start, end in runs]
    if payload is not None and sum(type(frame) is f.BlobChunk for frame in frames) != 1:
        raise FrameError(Code.MALFORMED, "A payload belongs to one piece of a file.")
    return frames


def _walk(message: bytes) -> tuple[list[tuple[int, int]], memoryview | None]:
    """Where each frame starts and ends, and the payload."""
    runs: list[tuple[int, int]] = []
    payload: memoryview | None = None
    at, end = 0, len(message)
    while at < end:
        tag = message[at]
        size, shift = 0, 0
        while True:
            at += 1
            if at >= end or shift > 28:
                raise FrameError(Code.MALFORMED, "A message is cut short.")
            byte = message[at]
            size |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        at += 1
        if at + size > end:
            raise FrameError(Code.MALFORMED, "A message is cut short.")
        if tag == _FRAME:
            runs.append((at, at + size))
            if len(runs) > MAX_FRAMES:
                raise FrameError(Code.TOO_LARGE, f"A message held more than {MAX_FRAMES} frames.")
        elif tag == _PAYLOAD and payload is None:
            payload = memoryview(message)[at : at + size]
        else:
            raise FrameError(Code.MALFORMED, "A message holds something that is not a frame.")
        at += size
    return runs, payload


def _read(data: bytes, payload: memoryview | None, limits: Limits) -> f.Frame:
    try:
        frame = pb.Frame.FromString(data)
    except DecodeError as error:
        raise FrameError(Code.MALFORMED, "It is no protobuf message of the session.") from error
    kind = frame.WhichOneof("kind")
    if kind is None:
        raise FrameError(Code.UNKNOWN_KIND)
    try:
        if kind == "blob_chunk":
            return _read_blob_chunk(frame.blob_chunk, payload, limits)
        return _READERS[kind](getattr(frame, kind), limits)
    except FrameError:
        raise
    except ValueError as error:
        raise FrameError(Code.MALFORMED, f"In a frame of kind {kind}: {error}.") from error


def _query(query: pb.Query) -> QueryId:
    return QueryId(query.phase, query.step, query.part)


def _wire_query(query: QueryId) -> pb.Query:
    return pb.Query(phase=query.phase, step=query.step, part=query.part)


def _digest(digest: bytes) -> Digest:
    if len(digest) != 32:
        raise ValueError(f"a digest has 32 bytes, not {len(digest)}")
    return Digest(digest.hex())


def _within(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError(f"{name} has to be from {low} to {high}, not {value}")
    return value


def _fits(name: str, data: _Data, most: int) -> _Data:
    if len(data) > most:
        raise FrameError(Code.TOO_LARGE, f"{name} had {len(data)} bytes, of {most} allowed.")
    return data


def _sentence(text: str) -> str:
    """A peer's words, made safe for a log: one line, bounded."""
    return "".join(c if c.isprintable() else " " for c in text[:MAX_SENTENCE])


def _check_version(version: int, *, here: str, there: str) -> None:
    """Checked before anything else: another version may mean something else by the rest."""
    if version != f.VERSION:
        older = there if version < f.VERSION else here
        raise FrameError(
            Code.VERSION_MISMATCH,
            f"The {here} speaks version {f.VERSION} and the {there} version {version}: "
            f"update the {older}.",
        )


def _exactly(name: str, data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"{name} has {size} bytes, not {len(data)}")
    return data


def _read_hello(hello: pb.Hello, limits: Limits) -> f.Hello:
    _check_version(hello.version, here="coordinator", there="node")
    return f.Hello(
        provider=provider_id(hello.provider),
        job=job_id(hello.job),
        token=_fits("A token", hello.token, MAX_TOKEN),
        acknowledged=_query(hello.acknowledged) if hello.HasField("acknowledged") else None,
        in_flight=_within("in_flight", hello.in_flight, 1, 2**20),
        max_body=_within("max_body", hello.max_body, 1, 2**32 - 1),
        version=hello.version,
    )


def _read_challenge(challenge: pb.Challenge, limits: Limits) -> f.Challenge:
    _check_version(challenge.version, here="node", there="coordinator")
    return f.Challenge(_exactly("a nonce", challenge.nonce, f.NONCE_BYTES), challenge.version)


def _read_proof(proof: pb.Proof, limits: Limits) -> f.Proof:
    return f.Proof(_exactly("a signature", proof.signature, SIGNATURE_BYTES))


def _read_welcome(welcome: pb.Welcome, limits: Limits) -> f.Welcome:
    _check_version(welcome.version, here="node", there="coordinator")
    return f.Welcome(
        in_flight=_within("in_flight", welcome.in_flight, 1, 2**20),
        max_body=_within("max_body", welcome.max_body, 1, 2**32 - 1),
        max_chunk=_within("max_chunk", welcome.max_chunk, 1, 2**32 - 1),
        blob_window=_within("blob_window", welcome.blob_window, 1, 2**32 - 1),
        version=welcome.version,
    )


def _read_question(question: pb.Question, limits: Limits) -> f.Question:
    if not question.deadline_ms:
        raise ValueError("deadline_ms has to be above 0")
    return f.Question(
        _query(question.query),
        question.deadline_ms,
        _fits("A question", question.body, limits.max_body),
    )


def _read_answer(answer: pb.Answer, limits: Limits) -> f.Answer:
    return f.Answer(_query(answer.query), _fits("An answer", answer.body, limits.max_body))


def _read_refusal(refusal: pb.Refusal, limits: Limits) -> f.Refusal:
    return f.Refusal(_query(refusal.query), code_from_wire(refusal.code, 200))


def _read_pending(pending: pb.Pending, limits: Limits) -> f.Pending:
    until = _within("until", pending.until, 0, MAX_UNTIL)
    return f.Pending(_query(pending.query), until, code_from_wire(pending.reason, 300))


def _read_ack(ack: pb.Ack, limits: Limits) -> f.Ack:
    return f.Ack(_query(ack.up_to))


def _read_blob_request(request: pb.BlobRequest, limits: Limits) -> f.BlobRequest:
    if not request.length:
        raise ValueError("length has to be above 0")
    return f.BlobRequest(_digest(request.digest), request.offset, request.length)


def _read_blob_chunk(
    chunk: pb.BlobChunk, payload: memoryview | None, limits: Limits
) -> f.BlobChunk:
    data = _fits("A piece of a file", payload or memoryview(b""), limits.max_chunk)
    if chunk.offset + len(data) > chunk.total:
        raise ValueError(f"a piece ends at {chunk.offset + len(data)}, the file at {chunk.total}")
    return f.BlobChunk(_digest(chunk.digest), chunk.offset, chunk.total, data)


def _read_blob_error(error: pb.BlobError, limits: Limits) -> f.BlobError:
    return f.BlobError(_digest(error.digest), error.offset, code_from_wire(error.code, 400))


def _read_heartbeat(heartbeat: pb.Heartbeat, limits: Limits) -> f.Heartbeat:
    return f.Heartbeat()


def _read_goodbye(goodbye: pb.Goodbye, limits: Limits) -> f.Goodbye:
    code = code_from_wire(goodbye.code, 100) if goodbye.code else None
    return f.Goodbye(_sentence(goodbye.reason), code)


def _read_error(error: pb.Error, limits: Limits) -> f.Error:
    return f.Error(code_from_wire(error.code, 100), _sentence(error.sentence))


def _bytes(digest: Digest) -> bytes:
    return bytes.fromhex(digest)


_READERS: dict[str, Callable[..., f.Frame]] = {
    "hello": _read_hello,
    "challenge": _read_challenge,
    "proof": _read_proof,
    "welcome": _read_welcome,
    "question": _read_question,
    "answer": _read_answer,
    "refusal": _read_refusal,
    "pending": _read_pending,
    "ack": _read_ack,
    "blob_request": _read_blob_request,
    "blob_error": _read_blob_error,
    "heartbeat": _read_heartbeat,
    "goodbye": _read_goodbye,
    "error": _read_error,
}

_WRITERS: dict[type[f.Frame], Callable[..., pb.Frame]] = {
    f.Hello: lambda x: pb.Frame(
        hello=pb.Hello(
            version=x.version,
            provider=x.provider,
            job=x.job,
            token=x.token,
            acknowledged=None if x.acknowledged is None else _wire_query(x.acknowledged),
            in_flight=x.in_flight,
            max_body=x.max_body,
        )
    ),
    f.Challenge: lambda x: pb.Frame(challenge=pb.Challenge(version=x.version, nonce=x.nonce)),
    f.Proof: lambda x: pb.Frame(proof=pb.Proof(signature=x.signature)),
    f.Welcome: lambda x: pb.Frame(
        welcome=pb.Welcome(
            version=x.version,
            in_flight=x.in_flight,
            max_body=x.max_body,
            max_chunk=x.max_chunk,
            blob_window=x.blob_window,
        )
    ),
    f.Question: lambda x: pb.Frame(
        question=pb.Question(query=_wire_query(x.query), deadline_ms=x.deadline_ms, body=x.body)
    ),
    f.Answer: lambda x: pb.Frame(answer=pb.Answer(query=_wire_query(x.query), body=x.body)),
    f.Refusal: lambda x: pb.Frame(
        refusal=pb.Refusal(query=_wire_query(x.query), code=x.code.value)
    ),
    f.Pending: lambda x: pb.Frame(
        pending=pb.Pending(query=_wire_query(x.query), until=x.until, reason=x.reason.value)
    ),
    f.Ack: lambda x: pb.Frame(ack=pb.Ack(up_to=_wire_query(x.up_to))),
    f.BlobRequest: lambda x: pb.Frame(
        blob_request=pb.BlobRequest(digest=_bytes(x.digest), offset=x.offset, length=x.length)
    ),
    f.BlobChunk: lambda x: pb.Frame(
        blob_chunk=pb.BlobChunk(digest=_bytes(x.digest), offset=x.offset, total=x.total)
    ),
    f.BlobError: lambda x: pb.Frame(
        blob_error=pb.BlobError(digest=_bytes(x.digest), offset=x.offset, code=x.code.value)
    ),
    f.Heartbeat: lambda x: pb.Frame(heartbeat=pb.Heartbeat()),
    f.Goodbye: lambda x: pb.Frame(
        goodbye=pb.Goodbye(reason=x.reason, code=x.code.value if x.code else 0)
    ),
    f.Error: lambda x: pb.Frame(error=pb.Error(code=x.code.value, sentence=x.sentence)),
}
