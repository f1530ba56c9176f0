import random

import pytest

from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.limits import Limits
from protocols.session_rules import CoordinatorRules, ProviderRules, Stage

LIMITS = Limits(in_flight=3, blob_window=2, max_chunk=10)
DIGEST = digest_of(b"")
Q1, Q2, Q3, Q4 = (QueryId(0, 0, part) for part in range(4))
HELLO = f.Hello(ProviderId("p"), JobId("j"), b"", None, 2, 500)
CHALLENGE = f.Challenge(bytes(32))
PROOF = f.Proof(bytes(64))
WELCOME = f.Welcome(2, 400, 5, 1)
FRAMES: tuple[f.Frame, ...] = (
    HELLO,
    CHALLENGE,
    PROOF,
    WELCOME,
    f.Question(Q1, 1, b""),
    f.Answer(Q1, b""),
    f.Refusal(Q1, Code.PAUSED),
    f.Pending(Q1, 0, Code.BUSY),
    f.Ack(Q1),
    f.BlobRequest(DIGEST, 0, 5),
    f.BlobChunk(DIGEST, 0, 0, b""),
    f.BlobError(DIGEST, 0, Code.BLOB_NOT_PUBLISHED),
    f.Heartbeat(),
    f.Goodbye(""),
    f.Error(Code.MALFORMED, ""),
)
FROM_PROVIDER = {f.Answer, f.Refusal, f.Pending, f.BlobRequest, f.Heartbeat, f.Goodbye, f.Error}
FROM_COORDINATOR = {
    *(f.Question, f.Ack, f.BlobChunk, f.BlobError),
    *(f.Heartbeat, f.Goodbye, f.Error),
}


def coordinator(*open_questions: QueryId) -> CoordinatorRules:
    rules = CoordinatorRules(LIMITS)
    rules.receive(HELLO)
    rules.receive(PROOF)
    rules.welcomed()
    for query in open_questions:
        rules.asked(query)
    return rules


def provider(*requests: f.BlobRequest) -> ProviderRules:
    rules = ProviderRules(LIMITS, proves=True)
    rules.receive(CHALLENGE)
    rules.receive(WELCOME)
    for request in requests:
        rules.requested(request)
    return rules


def refused(rules: CoordinatorRules | ProviderRules, frame: f.Frame) -> Code:
    with pytest.raises(FrameError) as caught:
        rules.receive(frame)
    return caught.value.code


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_what_a_coordinator_takes(frame: f.Frame) -> None:
    fresh, greeted = CoordinatorRules(LIMITS), CoordinatorRules(LIMITS)
    greeted.receive(HELLO)
    for rules, due in ((fresh, f.Hello), (greeted, f.Proof)):
        if type(frame) not in {due, f.Goodbye, f.Error}:
            assert refused(rules, frame) is Code.OUT_OF_ORDER
    if type(frame) in FROM_PROVIDER:
        coordinator(Q1).receive(frame)
    else:
        assert refused(coordinator(Q1), frame) is Code.OUT_OF_ORDER


def test_a_frame_before_the_welcome_is_told_what_was_due() -> None:
    with pytest.raises(FrameError, match="It was a Welcome where a Challenge was due"):
        ProviderRules(LIMITS, proves=True).receive(WELCOME)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_what_a_provider_takes(frame: f.Frame) -> None:
    fresh, challenged, unproven = (
        ProviderRules(LIMITS, proves=proves) for proves in (True, True, False)
    )
    challenged.receive(CHALLENGE)
    for rules, due in ((fresh, f.Challenge), (challenged, f.Welcome), (unproven, f.Welcome)):
        if type(frame) not in {due, f.Goodbye, f.Error}:
            assert refused(rules, frame) is Code.OUT_OF_ORDER
    request = f.BlobRequest(DIGEST, 0, 5)
    if type(frame) in FROM_COORDINATOR:
        provider(request).receive(frame)
    else:
        assert refused(provider(request), frame) is Code.OUT_OF_ORDER


@pytest.mark.parametrize("last", [f.Goodbye(""), f.Error(Code.MALFORMED, "")])
@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_nothing_comes_after_the_last_frame(frame: f.Frame, last: f.Frame) -> None:
    for rules in (coordinator(Q1), provider()):
        rules.receive(last)
        assert rules.stage is Stage.OVER
        assert refused(rules, frame) is Code.OUT_OF_ORDER


def test_a_question_has_one_answer() -> None:
    rules = coordinator(Q1)
    rules.receive(f.Pending(Q1, 5, Code.BUSY))
    rules.receive(f.Pending(Q1, 6, Code.BUSY))
    rules.receive(f.Answer(Q1, b""))
    for late in (f.Answer(Q1, b""), f.Refusal(Q1, Code.PAUSED), f.Pending(Q1, 7, Code.BUSY)):
        assert refused(rules, late) is Code.OUT_OF_ORDER
    assert refused(coordinator(Q1), f.Answer(Q2, b"")) is Code.OUT_OF_ORDER


def test_the_smaller_bound_holds() -> None:
    rules = coordinator()
    assert (rules.in_flight, rules.max_body) == (2, 500)
    rules.asked(Q1)
    assert not rules.may_ask(Q1)  # one at a time under one id
    rules.asked(Q2)
    assert not rules.may_ask(Q3)
    rules.receive(f.Refusal(Q1, Code.PAUSED))
    assert rules.may_ask(Q3)
    theirs = provider()
    assert (theirs.max_chunk, theirs.max_body, theirs.blob_window) == (5, 400, 1)
    greedy = ProviderRules(LIMITS, proves=False)
    assert refused(greedy, f.Welcome(4, 1, 1, 1)) is Code.MALFORMED


def test_a_coordinator_that_asks_too_much() -> None:
    rules = provider()
    for query in (Q1, Q2, Q3, Q3):
        rules.receive(f.Question(query, 1, b""))
    assert refused(rules, f.Question(Q4, 1, b"")) is Code.TOO_MANY


def test_a_question_that_comes_twice_is_one_question() -> None:
    rules = provider()
    rules.receive(f.Question(Q1, 1, b""))
    rules.receive(f.Question(Q1, 1, b""))
    rules.answered(Q1)
    assert not rules.open


def test_a_provider_that_requests_too_much() -> None:
    rules, request = coordinator(), f.BlobRequest(DIGEST, 0, 5)
    rules.receive(request)
    rules.receive(request)
    rules.served()
    rules.receive(request)
    assert refused(rules, request) is Code.TOO_MANY


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (f.BlobChunk(digest_of(b"other"), 0, 5, b"abcde"), Code.OUT_OF_ORDER),
        (f.BlobChunk(DIGEST, 5, 10, b"abcde"), Code.OUT_OF_ORDER),
        (f.BlobChunk(DIGEST, 0, 10, b"abcd"), Code.MALFORMED),
        (f.BlobChunk(DIGEST, 0, 10, b"abcdef"), Code.MALFORMED),
        (f.BlobChunk(DIGEST, 0, 10, b""), Code.MALFORMED),
        (f.BlobError(DIGEST, 5, Code.BLOB_UNREADABLE), Code.OUT_OF_ORDER),
    ],
)
def test_pieces_that_were_not_asked_for(reply: f.Frame, code: Code) -> None:
    assert refused(provider(f.BlobRequest(DIGEST, 0, 5)), reply) is code
    assert refused(provider(), reply) is Code.OUT_OF_ORDER


def test_pieces_come_in_the_order_of_the_requests() -> None:
    rules = provider(f.BlobRequest(DIGEST, 0, 5), f.BlobRequest(DIGEST, 5, 5))
    rules.receive(f.BlobChunk(DIGEST, 0, 7, b"abcde"))
    rules.receive(f.BlobChunk(DIGEST, 5, 7, b"fg"))


@pytest.mark.parametrize("seed", range(20))
def test_two_honest_ends_never_accuse_each_other(seed: int) -> None:
    """Random moves of both ends over channels that keep order and delay at will."""
    draw = random.Random(seed)  # noqa: S311 - for a test
    ours, theirs = CoordinatorRules(LIMITS), ProviderRules(LIMITS, proves=True)
    down: list[f.Frame] = []
    up: list[f.Frame] = [HELLO]
    ids = iter(QueryId(0, 0, part) for part in range(10_000))
    answered = 0
    for _ in range(2000):
        move = draw.randrange(5)
        if move == 0 and up:
            ours.receive(frame := up.pop(0))
            if isinstance(frame, f.Hello):
                down.append(CHALLENGE)
            elif isinstance(frame, f.Proof):
                ours.welcomed()
                down.append(f.Welcome(ours.in_flight, 10, 10, LIMITS.blob_window))
            elif isinstance(frame, f.BlobRequest):
                ours.served()
                down.append(f.BlobChunk(frame.digest, frame.offset, 10**6, bytes(frame.length)))
            elif isinstance(frame, f.Answer):
                answered += 1
        elif move == 1 and down:
            theirs.receive(frame := down.pop(0))
            if isinstance(frame, f.Challenge):
                up.append(PROOF)
        elif move == 2 and ours.stage is Stage.OPEN and ours.may_ask(query := next(ids)):
            ours.asked(query)
            down.append(f.Question(query, 1, b""))
        elif move == 3 and theirs.open:
            query = draw.choice(sorted(theirs.open))
            theirs.answered(query)
            up.append(f.Answer(query, b""))
        elif (
            move == 4
            and theirs.stage is Stage.OPEN
            and len(theirs.blob_requests) < LIMITS.blob_window
        ):
            request = f.BlobRequest(DIGEST, draw.randrange(10), draw.randint(1, 10))
            theirs.requested(request)
            up.append(request)
    assert answered > 50
