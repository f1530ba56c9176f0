from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Refused
from protocols.ids import JobId, QueryId
from protocols.mquery import (
    IDS,
    Join,
    SignedQuestion,
    Step,
    decode_mquery,
    is_mquery,
    round_id,
)
from protocols.queries import encode_query
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.question import MAX_ATTEMPTS
from protocols.secagg.roster import sign_roster
from protocols.secagg.rounds import Round
from protocols.values import encode_values
from tests.identities import AUTHORITY, COORDINATOR, first_roster, member_of
from tests.protocols.query_examples import EXAMPLES

FIRST = first_roster("alice", "bob")
SECOND = FIRST.following([member_of("alice")], [COORDINATOR.public])
MANIFEST = sign_manifest(
    JobManifest(JobId("job"), COORDINATOR.public, FIRST.digest, tuple(FIRST.by_name), frozenset()),
    COORDINATOR,
)
LINKS = tuple(sign_roster(roster, AUTHORITY) for roster in (FIRST, SECOND))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_join(count: int) -> None:
    join = Join(LINKS[:count], MANIFEST)
    assert is_mquery(join.encode())
    assert decode_mquery(join.encode()) == join


@pytest.mark.parametrize("round_", list(Round))
def test_step(round_: Round) -> None:
    step = Step(round_, bytes(range(32)), b"message")
    assert is_mquery(step.encode())
    assert decode_mquery(step.encode()) == step


def test_no_squery_says_that_it_is_one() -> None:
    assert not any(is_mquery(encode_query(query)) for query in EXAMPLES)
    assert not is_mquery(encode_values("mquery_joined", {}))
    assert not is_mquery(encode_values("", {}))


def test_ids_grow_and_none_is_taken_twice() -> None:
    base = QueryId(2, 7, 30)
    ids = [
        round_id(base, attempt, round_)
        for attempt in range(1, MAX_ATTEMPTS + 1)
        for round_ in Round
    ]
    assert ids == [QueryId(2, 7, 30 + place) for place in range(IDS)]


@pytest.mark.parametrize(
    "body",
    [
        encode_values("mquery", {}),
        encode_values("mquery", {"round": "share"}),
        Step(Round.SHARE, bytes(31), b"").encode(),
        Step(Round.SHARE, bytes(32), b"").encode().replace(b"share", b"shave"),
        encode_values("mquery_join", {}),
        Join(LINKS, MANIFEST).encode()[:-9],
    ],
)
def test_what_cannot_be_read(body: bytes) -> None:
    assert is_mquery(body)
    with pytest.raises(Refused):
        decode_mquery(body)


@given(st.sampled_from([b"\n\x06mquery", b"\n\x0bmquery_join"]), st.binary(max_size=80))
def test_whatever_the_bytes_it_is_read_or_refused(start: bytes, rest: bytes) -> None:
    with suppress(Refused):
        decode_mquery(start + rest)


def test_a_signature_for_another_purpose_is_none_for_a_question() -> None:
    signed = SignedQuestion.by(COORDINATOR, MANIFEST.body)
    assert signed.holds_for(COORDINATOR.public)
    assert not SignedQuestion(MANIFEST.body, MANIFEST.signature).holds_for(COORDINATOR.public)
