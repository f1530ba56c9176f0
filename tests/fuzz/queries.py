"""Bodies of questions and answers: of every function, plain and masked."""

import numpy as np

from protocols.errors import Refused
from protocols.masked import MaskedQuery, bound_of, decode_masked, slots_of, vector_of
from protocols.mquery import Join, Step, decode_mquery, is_mquery
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    QueryError,
    SquaredError,
    SumQuery,
    TargetFeatures,
    TaskEvidence,
    decode_answer,
    decode_query,
    decode_sum_query,
    encode_answer,
    encode_query,
    pack_names,
)
from protocols.queries.spec import Answer
from protocols.secagg.rounds import Round
from protocols.values import encode_values
from tests.fuzz.bodies import body
from tests.fuzz.signed import SIGNED_MANIFEST, SIGNED_QUESTION, SIGNED_ROSTER
from tests.fuzz.target import Target

A, B = "a" * 64, "b" * 64
CLASSES = ("cat", "dog")
TASKS = np.array([[0, 1], [1, -1]], np.int32)
SAMPLES: tuple[Query, ...] = (
    Describe(),
    PretrainingGradient(A, 2, 3, 0.5),
    PretrainingUpdate(A, 2, 3, 0.5, 2, 0.1),
    SquaredError((A, B), 5),
    TargetFeatures(A, 3, 4),
    ClassOutputs((A, B), CLASSES, 3),
    LeepLikelihood((A,), CLASSES, TASKS, np.full((1, 2, 2, 3), 0.5)),
    HeadStatistics((A,), CLASSES, 4, unit_length=True, halved=True),
    HeadCorrect(
        (A,),
        CLASSES,
        unit_length=False,
        tasks=TASKS,
        weights=np.zeros((1, 2, 2, 4), np.float32),
        biases=np.zeros((1, 2, 2), np.float32),
    ),
    TaskEvidence((A,), B, 6, CLASSES, np.array([1, 3], np.int32), 2, ("ridge_loo", "logme", "knn")),
)
"""One of each function."""
SUMS = ClassFeatureSums(A, (*CLASSES, "cat"), 6)


def run_query(data: bytes) -> None:
    """Refused, or a question that has no other encoding and fits its own layout."""
    for decode in (decode_query, decode_sum_query, decode_masked):
        try:
            query: Query | SumQuery | MaskedQuery = decode(data)
        except Refused:
            continue
        assert encode_query(query) == data
        assert all(len(name) == 64 for name in query.blobs)
        if isinstance(query, MaskedQuery):
            layout, slots = vector_of(query), slots_of(query)
            assert slots
            bound = bound_of(query, 10)
            if bound is not None:
                layout.check_bound(bound)
            layout.shapes(layout.least_length())
        assert not is_mquery(data)


def query_seeds() -> list[bytes]:
    """A question of each function."""
    return [*map(encode_query, SAMPLES), encode_query(SUMS)]


def run_answer(data: bytes) -> None:
    """QueryError, or an answer that can be sent again as it is; the first byte says to what."""
    query = SAMPLES[data[0] % len(SAMPLES)] if data else SAMPLES[0]
    try:
        answer = decode_answer(query, data[1:])
    except QueryError as error:
        assert str(error)
        return
    assert decode_answer(query, encode_answer(query, answer)).keys() == answer.keys()


def zeros(query: Query) -> Answer:
    """The least answer to a question."""
    if isinstance(query, Describe):
        return {
            "rows": np.array(5),
            "input_shape": np.array([1, 8, 8]),
            "targets": np.array(0),
            "class_names": pack_names(CLASSES),
            "class_rows": np.array([3, 2]),
        }
    return {
        name: np.full(
            [3 if side is None else side for side in spec.shape], max(spec.low, 0), spec.dtype
        )
        for name, spec in query.answer.items()
    }


def answer_seeds() -> list[bytes]:
    """An answer to each question."""
    return [
        bytes((place,)) + encode_values("", zeros(query)) for place, query in enumerate(SAMPLES)
    ]


def run_mquery(data: bytes) -> None:
    """Refused, or what is known as an MQUERY and encodes to the same again."""
    try:
        found = decode_mquery(data)
    except Refused:
        return
    assert is_mquery(data)
    assert decode_mquery(found.encode()) == found


def mquery_seeds() -> list[bytes]:
    """A join, and steps."""
    return [
        Join((SIGNED_ROSTER, SIGNED_ROSTER), SIGNED_MANIFEST).encode(),
        Step(Round.ADVERTISE, bytes(32), SIGNED_QUESTION.encode()).encode(),
        Step(Round.MASK, bytes(32), b"message").encode(),
    ]


QUERIES = Target("queries", run_query, query_seeds, body, examples=300)
ANSWERS = Target(
    "answers",
    run_answer,
    answer_seeds,
    lambda data, random: (
        bytes((random.randrange(16),)) + data[1:]
        if not random.randrange(20)
        else data[:1] + body(data[1:], random)
    ),
    examples=300,
)
MQUERIES = Target("mqueries", run_mquery, mquery_seeds, body)
