from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, QueryId, digest_of
from protocols.secagg.encoding import Encoding
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import (
    MAX_ATTEMPTS,
    MAX_LENGTH,
    AggregationQuestion,
    minimum_threshold,
)
from protocols.values import Value, decode_values, encode_values
from tests.damage import damaged
from tests.protocols.secagg.company import ask, named

OTHERWISE: dict[str, Any] = {
    "job": JobId("job2"),
    "query": QueryId(1, 2, 4),
    "attempt": 2,
    "body": b"class_feature_sums of model 2",
    "parties": (*map(named, range(4)), named(9)),
    "slots": ("cat", "cow"),
    "rows": np.array([[1, 1]] * 4 + [[1, 2]]),
    "threshold": 5,
    "corrupt": 1,
    "dropouts": 1,
    "length": 5,
    "encoding": Encoding(1.0, 2.0**-10, 64),
    "manifest": digest_of(b"another"),
}
"""For every field another value than in `QUESTION`."""
QUESTION = ask(5, slots=("cat", "dog"))
NOISY = ask(5, corrupt=1, noise=DiscreteGaussian(1.0, 4, 1))


@st.composite
def questions(draw: st.DrawFn) -> AggregationQuestion:
    parties = draw(st.integers(2, 12))
    slots = tuple(draw(st.lists(st.text(max_size=6), max_size=3)))
    return AggregationQuestion(
        job=JobId("job"),
        query=QueryId(*draw(st.tuples(*[st.integers(0, 2**32 - 1)] * 3))),
        attempt=draw(st.integers(1, MAX_ATTEMPTS)),
        body=draw(st.binary(max_size=30)),
        parties=tuple(map(named, range(parties))),
        slots=slots,
        rows=np.array(
            draw(
                st.lists(
                    st.lists(st.integers(0, 2**63 - 1), min_size=len(slots), max_size=len(slots)),
                    min_size=parties,
                    max_size=parties,
                )
            ),
            np.int64,
        ).reshape(parties, len(slots)),
        threshold=draw(st.integers(1, parties)),
        corrupt=draw(st.integers(0, parties - 1)),
        dropouts=draw(st.integers(0, parties - 1)),
        length=draw(st.integers(1, MAX_LENGTH)),
        encoding=Encoding.choose(draw(st.floats(1e-6, 1e6)), parties),
        manifest=digest_of(draw(st.binary(max_size=4))),
    )


@settings(deadline=None)
@given(questions())
def test_a_question_survives_the_wire(question: AggregationQuestion) -> None:
    body = question.encode()
    back = AggregationQuestion.decode(body)
    assert back.encode() == body
    assert back.transcript == question.transcript
    assert np.array_equal(back.rows, question.rows)
    for name in OTHERWISE.keys() - {"rows"}:
        assert getattr(back, name) == getattr(question, name)


def test_noise_survives_the_wire() -> None:
    back = AggregationQuestion.decode(NOISY.encode())
    assert back.encoding == NOISY.encoding
    assert back.transcript != ask(5, corrupt=1).transcript


@pytest.mark.parametrize("name", OTHERWISE)
def test_every_field_is_in_the_transcript(name: str) -> None:
    other = replace(QUESTION, **{name: OTHERWISE[name]})
    assert other.transcript != QUESTION.transcript


def test_no_field_is_forgotten_above() -> None:
    assert OTHERWISE.keys() == set(AggregationQuestion.__dataclass_fields__)


def test_what_a_field_says_cannot_be_moved_into_the_next() -> None:
    one = replace(QUESTION, slots=("ab", "c"))
    other = replace(QUESTION, slots=("a", "bc"))
    assert one.transcript != other.transcript


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"attempt": 0}, "attempt is 0"),
        ({"attempt": 4}, "attempt is 4"),
        ({"parties": (named(0),), "rows": np.zeros((1, 2), np.int64)}, "hides nobody"),
        ({"parties": tuple(map(named, (0, 1, 2, 2, 3)))}, "each of them once"),
        ({"parties": tuple(map(named, (0, 1, 3, 2, 4)))}, "ascending"),
        ({"rows": np.zeros((5, 3), np.int64)}, "rows must be int64 of shape (5, 2)"),
        ({"rows": np.zeros((5, 2), np.int32)}, "not int32"),
        ({"rows": np.full((5, 2), -1)}, "negative"),
        ({"threshold": 0}, "threshold is 0"),
        ({"threshold": 6}, "threshold is 6"),
        ({"corrupt": 5}, "corrupt is 5"),
        ({"dropouts": -1}, "dropouts is -1"),
        ({"length": 0}, "length is 0"),
        ({"length": MAX_LENGTH + 1}, "length is"),
    ],
)
def test_a_field_out_of_range_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"^[\w(]") as caught:
        replace(QUESTION, **fields)
    assert words in str(caught.value)


def refusal(body: bytes) -> str | None:
    """Why a body is refused; None where it is a question. Anything else fails the test."""
    code, why = Code.BAD_PARAMETERS, None
    try:
        AggregationQuestion.decode(body)
    except Refused as refused:
        code, why = refused.code, refused.local
    assert code is Code.BAD_PARAMETERS
    return why


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_whatever_the_bytes_only_refused(body: bytes) -> None:
    refusal(body)


@pytest.mark.parametrize("question", [QUESTION, NOISY], ids=["plain", "noise"])
def test_whatever_the_damage_only_refused(question: AggregationQuestion) -> None:
    for body in damaged(question.encode(), 1500):
        refusal(body)


HOSTILE: list[Value] = [
    True,
    -1,
    0,
    2**62,
    0.5,
    float("nan"),
    float("inf"),
    5e-324,
    "",
    "x" * 300,
    "9" * 5000,
    "1.2.3",
    (),
    ("a", "b"),
    (" ",) * 5,
    np.zeros(0, np.uint8),
    np.zeros((0, 5), np.int64),
    np.zeros((5, 0), np.int64),
    np.full((5, 2), -(2**63), np.int64),
    np.zeros((5, 2), np.float64),
    np.zeros((2,) * 8, np.uint8),
]


@pytest.mark.parametrize("name", decode_values(NOISY.encode())[1])
def test_whatever_a_field_holds_only_refused(name: str) -> None:
    function, values = decode_values(NOISY.encode())
    for value in HOSTILE:
        refusal(encode_values(function, values | {name: value}))
    del values[name]
    assert refusal(encode_values(function, values)) is not None


def test_what_is_unknown_is_refused() -> None:
    function, values = decode_values(QUESTION.encode())
    assert "more than its fields" in str(refusal(encode_values(function, values | {"width": 8})))
    assert "it is 'other'" in str(refusal(encode_values("other", values)))


def test_a_party_is_found_by_name() -> None:
    assert QUESTION.index(named(3)) == 3
    with pytest.raises(ValueError, match="not in"):
        QUESTION.index(named(77))


@settings(deadline=None)
@given(st.integers(2, 10_000))
def test_two_quorums_share_more_than_a_third(parties: int) -> None:
    threshold = minimum_threshold(parties)
    assert 3 * threshold > 2 * parties
    assert 3 * (threshold - 1) <= 2 * parties  # and it is the least such number
    assert 3 * (2 * threshold - parties) > parties


def test_questions_that_differ_in_digest_only_differ() -> None:
    other = replace(QUESTION, manifest=Digest("0" * 64))
    assert other.encode() != QUESTION.encode()
