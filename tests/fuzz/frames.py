"""Sequences of gRPC messages at either end of a session, by the rules of that end."""

from collections.abc import Iterable, Iterator
from random import Random

from protocols import frames as f
from protocols import messages_pb2 as pb
from protocols.errors import FrameError
from protocols.framing import decode, encode
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.limits import Limits
from protocols.secagg.keys import SIGNATURE_BYTES
from protocols.session_rules import CoordinatorRules, ProviderRules, Stage
from tests.fuzz.mutation import ODD_TEXTS, edited
from tests.fuzz.target import Choices, Target

LIMITS = Limits(max_body=1000, max_chunk=500, in_flight=4, blob_window=2)
DIGEST = digest_of(b"file")
_IDS = tuple(QueryId(0, 0, part) for part in range(6))
_NUMBERS = (0, 1, 2, 4, 100, 203, 299, 300, 400, 501, 1000, 2**31, 2**32 - 1)
_LONG = (*_NUMBERS, 2**53, 2**63, 2**64 - 1)


def packed(messages: Iterable[bytes], end: int = 0) -> bytes:
    """One input: which end reads, then each message behind its length, two bytes."""
    parts = (len(data).to_bytes(2, "little") + data for data in messages if len(data) < 2**16)
    return bytes((end,)) + b"".join(parts)


def unpacked(data: bytes) -> Iterator[bytes]:
    """The messages of an input."""
    choices = Choices(data[1:])
    while choices.left:
        yield choices.take(int.from_bytes(choices.take(2), "little"))


def run(data: bytes) -> None:
    """Nothing but FrameError, whatever comes; and the machines keep their own limits."""
    end = data[0] if data else 0
    rules = CoordinatorRules(LIMITS) if end % 2 else ProviderRules(LIMITS, proves=True)
    try:
        for message in unpacked(data):
            frames = decode(message, LIMITS)
            for frame in frames:
                _check_same(frame)
                rules.receive(frame)
                assert len(rules.open) <= LIMITS.in_flight
                if isinstance(rules, CoordinatorRules):
                    assert rules.blob_requests <= LIMITS.blob_window
                    if isinstance(frame, f.Proof):
                        rules.welcomed()
                if rules.stage is Stage.OPEN:
                    _act(rules, end)
    except FrameError as error:
        assert error.sentence.isprintable()
        assert encode(f.Error(error.code, error.sentence))


def _check_same(frame: f.Frame) -> None:
    """What was read can be written and read again."""
    (again,) = decode(encode(frame), LIMITS)
    assert again == frame


def _act(rules: CoordinatorRules | ProviderRules, end: int) -> None:
    """This end's own moves: it asks or answers, and replies to requests for files or makes them."""
    if isinstance(rules, CoordinatorRules):
        for query in _IDS:
            if rules.may_ask(query):
                rules.asked(query)
        if rules.blob_requests and end & 2:
            rules.served()
        return
    if len(rules.blob_requests) < rules.blob_window:
        rules.requested(f.BlobRequest(DIGEST, 0, 4))
    if len(rules.open) > 2 and end & 2:
        rules.answered(min(rules.open))


def some_frame(random: Random) -> bytes:
    """A message of one frame of any kind, its fields odd more often than not."""
    frame = pb.Frame()
    kind = random.choice([field.name for field in frame.DESCRIPTOR.fields])
    payload = b""
    _fill(getattr(frame, kind), random)
    getattr(frame, kind).SetInParent()
    if kind == "blob_chunk":
        size = random.choice((0, 4, 501))
        payload = b"\x12" + _varint(size) + bytes(size)
    data = frame.SerializeToString()
    return b"\x0a" + _varint(len(data)) + data + payload


def _fill(message: object, random: Random) -> None:
    for field in message.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        if not random.randrange(8):
            continue
        if field.message_type:
            query = random.choice(_IDS)
            inner = getattr(message, field.name)
            inner.phase, inner.step, inner.part = query.phase, query.step, query.part
            inner.SetInParent()
        elif field.type == field.TYPE_BYTES:
            odd = (b"", b"token", bytes.fromhex(DIGEST), bytes(random.choice(_NUMBERS[:11])))
            setattr(message, field.name, random.choice(odd))
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, random.choice(("alice", "job", *ODD_TEXTS[:4])))
        else:
            long = field.type == field.TYPE_UINT64
            setattr(message, field.name, random.choice(_LONG if long else _NUMBERS))


def _varint(number: int) -> bytes:
    low = number & 0x7F
    return bytes((low,)) if number < 0x80 else bytes((low | 0x80,)) + _varint(number >> 7)


def mutate(data: bytes, random: Random) -> bytes:
    """Messages added, removed, repeated, joined or spoilt."""
    end = data[0] if data else 0
    messages = list(unpacked(data))
    place = random.randrange(len(messages) + 1)
    match random.randrange(7):
        case 0 if messages:
            del messages[min(place, len(messages) - 1)]
        case 1 if messages:
            messages.insert(place, random.choice(messages))
        case 2 if place < len(messages):
            messages[place] = edited(messages[place], random)
        case 3 if place + 1 < len(messages):
            messages[place : place + 2] = [messages[place] + messages[place + 1]]
        case 4:
            end = random.randrange(4)
        case _:
            messages.insert(place, some_frame(random))
    return packed(messages[:64], end)


def from_coordinator() -> list[bytes]:
    """What an honest coordinator might send."""
    return [
        encode(f.Challenge(bytes(f.NONCE_BYTES))),
        encode(f.Welcome(4, 1000, 500, 2)),
        *(encode(f.Question(query, 9999, b"describe")) for query in _IDS[:3]),
        encode(f.BlobChunk(DIGEST, 0, 4, b"file")),
        encode(f.Ack(_IDS[0])),
        encode(f.Heartbeat()),
        encode(f.Goodbye("done")),
    ]


def from_provider() -> list[bytes]:
    """What an honest node might send."""
    return [
        encode(f.Hello(ProviderId("alice"), JobId("job"), b"token", None, 4, 1000)),
        encode(f.Proof(bytes(SIGNATURE_BYTES))),
        encode(f.Answer(_IDS[0], b"answer")),
        encode(f.BlobRequest(DIGEST, 0, 4)),
        encode(f.Heartbeat()),
        encode(f.Goodbye("done")),
    ]


def seeds() -> list[bytes]:
    """An honest stream from each end, and one from each that asks for more than was agreed."""
    questions = [encode(f.Question(query, 9999, b"describe")) for query in _IDS]
    requests = [encode(f.BlobRequest(DIGEST, 0, 4))] * 3
    return [
        packed(from_coordinator(), 0),
        packed(from_provider(), 1),
        packed(from_provider(), 3),
        packed([*from_coordinator()[:2], *questions], 0),
        packed([*from_provider()[:2], *requests], 1),
    ]


TARGET = Target("frames", run, seeds, mutate, examples=300)
