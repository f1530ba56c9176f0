from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.ids import Digest, ProviderId, digest_of, job_id, provider_id
from protocols.secagg.manifest import (
    JobManifest,
    SignedManifest,
    accept_manifest,
    sign_manifest,
)
from protocols.secagg.question import MAX_LENGTH
from tests.damage import damaged
from tests.identities import COORDINATOR, first_roster, identity_of

ROSTER = first_roster("a", "b", "c")
JOB = job_id("job-1")
A, B, C = map(provider_id, "abc")
MODEL = digest_of(b"a model")
FIELDS: dict[str, Any] = {
    "job": JOB,
    "coordinator": COORDINATOR.public,
    "roster": ROSTER.digest,
    "participants": (A, B),
    "functions": frozenset({"describe", "class_feature_sums"}),
    "models": frozenset({MODEL}),
    "max_attempts": 2,
    "max_length": 1000,
}
MANIFEST = JobManifest(**FIELDS)
DIGESTS = st.integers(0, 9).map(lambda number: digest_of(bytes([number])))


@given(
    st.frozensets(st.sampled_from("abcdefgh"), min_size=1),
    st.frozensets(st.text(st.characters(categories=["L"]), min_size=1, max_size=9), max_size=4),
    st.frozensets(DIGESTS, max_size=4),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, MAX_LENGTH),
)
def test_a_manifest_survives_its_bytes(
    participants: frozenset[str],
    functions: frozenset[str],
    models: frozenset[Digest],
    makes_models: bool,
    max_attempts: int,
    max_length: int,
) -> None:
    manifest = JobManifest(
        JOB,
        COORDINATOR.public,
        ROSTER.digest,
        tuple(map(provider_id, sorted(participants))),
        functions,
        models,
        makes_models,
        max_attempts,
        max_length,
    )
    assert JobManifest.decode(manifest.encode()) == manifest
    assert manifest.digest == digest_of(manifest.encode())


def test_damaged_bytes_are_no_manifest() -> None:
    body = MANIFEST.encode()
    for data in (*damaged(body, 300), body + b"\x7a\x01x"):
        if data == body:
            continue
        try:
            found = JobManifest.decode(data)
        except ValueError:
            continue
        assert found.encode() == data


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("job", "a b", "job name"),
        ("coordinator", bytes(32), "usable"),
        ("roster", "", "64"),
        ("participants", (), "0 participants"),
        ("participants", ("b", "a"), "ascending"),
        ("participants", ("a", "a"), "once"),
        ("participants", ("../a",), "provider name"),
        ("functions", frozenset({"a\n"}), "printable"),
        ("models", frozenset({"x"}), "64"),
        ("models", frozenset(map(str, range(5000))), "5000 models"),
        ("max_attempts", 0, "max_attempts"),
        ("max_attempts", 4, "max_attempts"),
        ("max_length", 0, "max_length"),
        ("max_length", MAX_LENGTH + 1, "max_length"),
    ],
)
def test_a_malformed_manifest_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JobManifest(**{**FIELDS, field: value})


def test_a_node_accepts_what_its_coordinator_signed() -> None:
    signed = SignedManifest.decode(sign_manifest(MANIFEST, COORDINATOR).encode())
    assert accept_manifest(signed, roster=ROSTER, job=JOB, me=A) == MANIFEST


def test_only_the_coordinator_that_it_names_can_sign_it() -> None:
    with pytest.raises(ValueError, match="another coordinator"):
        sign_manifest(MANIFEST, identity_of("another coordinator"))


def test_who_does_not_take_part_refuses() -> None:
    with pytest.raises(Refused, match="c is not among") as refused:
        accept_manifest(sign_manifest(MANIFEST, COORDINATOR), roster=ROSTER, job=JOB, me=C)
    assert refused.value.code is Code.MANIFEST_NOT_TRUSTED


def test_an_unreadable_manifest_is_refused() -> None:
    signed = SignedManifest.by(COORDINATOR, b"\xff")
    with pytest.raises(Refused, match="cannot be used"):
        accept_manifest(signed, roster=ROSTER, job=JOB, me=A)


def test_a_later_manifest_may_have_other_members_and_ask_less() -> None:
    MANIFEST.check_within(MANIFEST)
    grown = first_roster("a", "b", "c", "d")
    JobManifest(
        **FIELDS
        | {"roster": grown.digest, "participants": (A, C), "functions": frozenset({"describe"})}
        | {"models": frozenset(), "max_attempts": 1, "max_length": 10}
    ).check_within(MANIFEST)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"functions": frozenset({"describe", "squared_error"})}, "names function squared_error"),
        ({"models": frozenset({MODEL, digest_of(b"other")})}, "names file"),
        ({"makes_models": True}, "makes_models"),
        ({"max_attempts": 3}, "max_attempts = 3, beyond the 2"),
        ({"max_length": 1001}, "max_length = 1001"),
    ],
)
def test_a_later_manifest_that_asks_more(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        JobManifest(**FIELDS | changes).check_within(MANIFEST)
    assert refused.value.code is Code.MANIFEST_NOT_TRUSTED


def test_questions_within_the_manifest() -> None:
    MANIFEST.check_question("describe")
    MANIFEST.check_question("class_feature_sums", [MODEL])
    MANIFEST.check_aggregation((A, B), attempt=2, length=1000)
    JobManifest(**FIELDS, makes_models=True).check_question("describe", [digest_of(b"new")])


def test_questions_beyond_the_manifest() -> None:
    with pytest.raises(Refused, match="no function 'squared_error'"):
        MANIFEST.check_question("squared_error")
    with pytest.raises(Refused, match="no file"):
        MANIFEST.check_question("describe", [MODEL, digest_of(b"another model")])
    beyond: list[tuple[tuple[ProviderId, ...], int, int, str]] = [
        ((A, C), 1, 1, "c is no participant"),
        ((A, B), 3, 1, "attempt 3"),
        ((A, B), 1, 1001, "length 1001"),
    ]
    for parties, attempt, length, message in beyond:
        with pytest.raises(Refused, match=message):
            MANIFEST.check_aggregation(parties, attempt=attempt, length=length)
