import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import (
    QUERIES,
    SCORES,
    SUM_QUERIES,
    ClassFeatureSums,
    Describe,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    QueryError,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    decode_answer,
    decode_query,
    encode_answer,
    encode_query,
)
from protocols.values import Value, decode_values, encode_values
from tests.protocols.query_examples import (
    CORRECT,
    ERROR,
    EVIDENCE,
    EXAMPLES,
    FEATURES,
    GRADIENT,
    LIKELIHOOD,
    OUTPUTS,
    STATISTICS,
    UPDATE,
    A,
    B,
    answer_to,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
DIGESTS = st.binary(max_size=4).map(digest_of)
ANYTHING = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    TEXT,
    DIGESTS,
    st.lists(TEXT | DIGESTS, max_size=4).map(tuple),
    hnp.arrays("float32", hnp.array_shapes(min_dims=0, max_dims=2, max_side=3)),
)
MARGINS = st.floats(0, 100)
QUESTIONS = st.one_of(
    st.just(Describe()),
    st.builds(
        PretrainingGradient,
        DIGESTS,
        st.integers(2, 16),
        st.integers(2, 16),
        MARGINS,
        st.sampled_from(["float32", "float64"]),
    ),
    st.builds(
        PretrainingUpdate,
        DIGESTS,
        st.integers(2, 6),
        st.integers(2, 6),
        MARGINS,
        st.integers(1, 400),
        st.floats(0, 10),
        st.sampled_from(["float32", "float64"]),
    ),
    st.builds(
        SquaredError, st.lists(DIGESTS, min_size=1, max_size=5).map(tuple), st.integers(1, 9)
    ),
    st.builds(TargetFeatures, DIGESTS, st.integers(1, 10**6), st.integers(1, 4)),
    st.builds(TargetFeatures, DIGESTS, st.integers(1, 400), st.integers(1, 10**4)),
    st.builds(
        TaskEvidence,
        st.lists(DIGESTS, min_size=1, max_size=5).map(tuple),
        DIGESTS,
        st.integers(1, 64),
        st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=8, unique=True).map(tuple),
        st.sets(st.integers(1, 20), min_size=1, max_size=4).map(
            lambda ks: np.array(sorted(ks), np.int32)
        ),
        st.integers(1, 9),
        st.sets(st.sampled_from(SCORES), min_size=1).map(
            lambda some: tuple(score for score in SCORES if score in some)
        ),
    ),
)


def refusal(body: bytes) -> Code | None:
    """The code of the refusal; anything else that is raised fails the test."""
    try:
        decode_query(body)
    except Refused as refused:
        return refused.code
    return None


@given(QUESTIONS)
def test_a_question_survives_the_wire(query: Query) -> None:
    assert decode_query(encode_query(query)) == query


def test_equal_questions_give_equal_bytes_and_others_do_not() -> None:
    assert encode_query(ERROR) == encode_query(SquaredError((A, B), 5))
    assert encode_query(ERROR) != encode_query(SquaredError((B, A), 5))
    assert len({encode_query(query) for query in EXAMPLES}) == len(EXAMPLES)


def test_the_closed_list_is_what_this_file_tests() -> None:
    assert {query.function for query in EXAMPLES} == set(QUERIES)
    assert set(SUM_QUERIES) == {ClassFeatureSums.function}
    assert not set(SUM_QUERIES) & set(QUERIES)


@given(st.binary(max_size=200))
def test_whatever_the_bytes_a_question_is_read_or_refused(body: bytes) -> None:
    refusal(body)


@settings(deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_question_is_read_or_refused(query: Query, data: st.DataObject) -> None:
    body = bytearray(encode_query(query))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    refusal(bytes(body[: data.draw(st.integers(0, len(body)))]))


@settings(deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_whatever_the_parameters_a_question_is_read_or_refused(
    query: Query, data: st.DataObject
) -> None:
    names = [field.name for field in dataclasses.fields(query)] + ["rows", "extra"]
    values = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    changed = data.draw(st.dictionaries(st.sampled_from(names), ANYTHING, max_size=3))
    assert refusal(encode_values(query.function, values | changed)) in {None, Code.BAD_PARAMETERS}


def test_garbage_is_refused_for_its_parameters() -> None:
    assert refusal(b"\xff\xff") is Code.BAD_PARAMETERS


@pytest.mark.parametrize("function", ["", "eval", "Describe", "describe\0", "x" * 10_000])
def test_a_function_that_is_not_on_the_list_is_refused(function: str) -> None:
    assert refusal(encode_values(function, {})) is Code.UNKNOWN_FUNCTION


def wire(query: Query, **changes: Value) -> bytes:
    values = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    return encode_values(query.function, values | changes)


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        (Describe(), {"rows": 1}),
        (GRADIENT, {"steps": 1}),
        (GRADIENT, {"classes": 4.0}),
        (GRADIENT, {"classes": True}),
        (GRADIENT, {"margin": 1}),
        (GRADIENT, {"margin": "0.5"}),
        (GRADIENT, {"backbone": (A,)}),
        (GRADIENT, {"precision": "float16"}),
        (GRADIENT, {"precision": "__class__"}),
        (GRADIENT, {"backbone": A.upper()}),
        (GRADIENT, {"backbone": A[:-1]}),
        (GRADIENT, {"backbone": A + "\n"}),
        (GRADIENT, {"backbone": "../../etc/passwd"}),
        (GRADIENT, {"classes": 1}),
        (GRADIENT, {"classes": 65}),
        (GRADIENT, {"rows_per_class": 1}),
        (GRADIENT, {"rows_per_class": 257}),
        (GRADIENT, {"rows_per_class": 65}),  # 4 x 65: a batch's triplets grow with its cube
        (UPDATE, {"classes": 64, "rows_per_class": 5}),
        (GRADIENT, {"margin": -0.1}),
        (GRADIENT, {"margin": math.nan}),
        (GRADIENT, {"margin": math.inf}),
        (UPDATE, {"steps": 0}),
        (UPDATE, {"steps": 1001}),
        (UPDATE, {"learning_rate": -1.0}),
        (UPDATE, {"learning_rate": math.nan}),
        (UPDATE, {"classes": 1}),
        (ERROR, {"models": ()}),
        (ERROR, {"models": (A, "b")}),
        (ERROR, {"models": (A,) * 4097}),
        (ERROR, {"models": A}),
        (ERROR, {"rows": 0}),
        (ERROR, {"rows": -1}),
        (ERROR, {"rows": 1_000_001}),
        (ERROR, {"rows": np.ones(3)}),
        (FEATURES, {"k": 0}),
        (FEATURES, {"draws": 0}),
        (FEATURES, {"draws": 10_001}),
    ],
)
def test_a_parameter_out_of_its_limits_is_refused(query: Query, changes: dict[str, Value]) -> None:
    assert refusal(wire(query)) is None
    assert refusal(wire(query, **changes)) is Code.BAD_PARAMETERS


@pytest.mark.parametrize("query", EXAMPLES)
def test_a_missing_parameter_is_refused(query: Query) -> None:
    function, values = decode_values(encode_query(query))
    for name in values:
        rest = {key: value for key, value in values.items() if key != name}
        assert refusal(encode_values(function, rest)) is Code.BAD_PARAMETERS


def test_a_question_cannot_be_made_in_a_wrong_state() -> None:
    with pytest.raises(QueryError, match=r"rows is 0; it must lie in \[1, 1000000\]"):
        SquaredError((A,), rows=0)
    with pytest.raises(QueryError, match="backbone must be a SHA-256 digest"):
        TargetFeatures("x", k=1, draws=1)


def test_a_question_names_the_files_it_needs() -> None:
    assert Describe().blobs == ()
    assert GRADIENT.blobs == UPDATE.blobs == FEATURES.blobs == (A,)
    assert EVIDENCE.blobs == (A, A, B)
    for query in (ERROR, OUTPUTS, LIKELIHOOD, STATISTICS, CORRECT):
        assert query.blobs == (A, B)


@pytest.mark.parametrize("query", EXAMPLES)
def test_an_answer_survives_the_wire_and_cannot_be_changed(query: Query) -> None:
    answer = answer_to(query)
    back = decode_answer(query, encode_answer(query, answer))
    assert back.keys() == answer.keys()
    for name, array in back.items():
        np.testing.assert_array_equal(array, answer[name])
        assert array.dtype == answer[name].dtype
        assert not array.flags.writeable


def longer(array: np.ndarray) -> np.ndarray:
    return np.concatenate([np.atleast_1d(array), np.ones_like(np.atleast_1d(array))])


WRONG: list[tuple[Query, str, Callable[[np.ndarray], np.ndarray], str]] = [
    (ERROR, "sums", longer, "shape"),
    (ERROR, "sums", lambda a: a[:, None], "shape"),
    (ERROR, "sums", lambda a: a.astype(np.float32), "float32"),
    (ERROR, "sums", lambda a: -a, "outside"),
    (ERROR, "sums", lambda a: a * np.nan, "NaN"),
    (ERROR, "sums", lambda a: a * np.inf, "infinity"),
    (ERROR, "count", lambda a: a * 0, "outside"),
    (ERROR, "count", lambda a: a.astype(np.float64), "float64"),
    (GRADIENT, "gradient", lambda a: a.astype(np.float64), "float64"),
    (GRADIENT, "gradient", lambda a: a[None], "shape"),
    (GRADIENT, "gradient", lambda a: np.where(np.arange(7) == 3, np.nan, a).astype("f4"), "NaN"),
    (GRADIENT, "hinge_sum", lambda a: -a, "outside"),
    (GRADIENT, "active", lambda a: -a, "outside"),
    (UPDATE, "change", lambda a: a.astype(np.float32), "float32"),
    (UPDATE, "change", lambda a: -a * np.inf, "infinity"),
    (FEATURES, "means", lambda a: a[:1], "shape"),
    (FEATURES, "means", lambda a: 1.01 * a, "outside"),
    (FEATURES, "means", lambda a: -1.01 * a, "outside"),
    (EVIDENCE, "means", lambda a: 2.6 * a, "outside"),
    (EVIDENCE, "means", lambda a: a[:, :1], "shape"),
    (EVIDENCE, "means", lambda a: a.astype(np.float64), "float64"),
    (EVIDENCE, "means", lambda a: a * np.inf, "infinity"),
    (EVIDENCE, "scores", lambda a: a * np.nan, "NaN"),
    (EVIDENCE, "scores", lambda a: -a, "infinity"),
    (EVIDENCE, "scores", lambda a: a[..., :1], "shape"),
    (EVIDENCE, "scores", lambda a: a.astype(np.float32), "float32"),
    (EVIDENCE, "rows", lambda a: a - 1, "outside"),
    (Describe(), "rows", lambda a: -a, "outside"),
    (Describe(), "input_shape", lambda a: a * 0, "outside"),
]


@pytest.mark.parametrize(("query", "name", "spoil", "why"), WRONG)
def test_a_wrong_answer_is_neither_sent_nor_used(
    query: Query, name: str, spoil: Callable[[np.ndarray], np.ndarray], why: str
) -> None:
    answer = answer_to(query)
    answer[name] = np.asarray(spoil(answer[name]))
    with pytest.raises(QueryError, match=f"{query.function}: '{name}'.*{why}"):
        encode_answer(query, answer)
    with pytest.raises(QueryError, match=f"{query.function}: '{name}'.*{why}"):
        decode_answer(query, encode_values("", answer))


@pytest.mark.parametrize("query", EXAMPLES)
def test_missing_and_unknown_arrays_are_neither_sent_nor_used(query: Query) -> None:
    whole = answer_to(query)
    for name in whole:
        rest = {key: array for key, array in whole.items() if key != name}
        for spoilt in (rest, whole | {"rows_themselves": np.ones((5, 64, 64))}):
            with pytest.raises(QueryError, match="missing or unknown"):
                encode_answer(query, spoilt)
            with pytest.raises(QueryError, match="missing or unknown"):
                decode_answer(query, encode_values("", spoilt))


def test_an_answer_that_is_no_array_is_not_used() -> None:
    with pytest.raises(QueryError, match="'count' is not an array"):
        decode_answer(ERROR, encode_values("", {**answer_to(ERROR), "count": 5}))


@given(st.binary(max_size=200))
def test_whatever_the_bytes_an_answer_is_read_or_a_query_error(body: bytes) -> None:
    with pytest.raises(QueryError):
        decode_answer(ERROR, body)


def test_arrays_without_elements_are_checked_like_others() -> None:
    """An empty gradient is allowed by the list; whoever knows the backbone has to refuse it."""
    answer = answer_to(GRADIENT) | {"gradient": np.ones(0, np.float32)}
    assert decode_answer(GRADIENT, encode_answer(GRADIENT, answer))["gradient"].shape == (0,)


@pytest.mark.parametrize(
    ("query", "changes", "sentence"),
    [
        (FEATURES, {"k": 1000, "draws": 5000}, "k x draws"),
        (UPDATE, {"steps": 1000, "classes": 5, "rows_per_class": 4}, "rows of a batch"),
        (UPDATE, {"steps": 5, "classes": 64, "rows_per_class": 4}, "cube of a batch"),
    ],
)
def test_work_without_bound_is_refused(
    query: Query, changes: dict[str, int], sentence: str
) -> None:
    with pytest.raises(QueryError, match=sentence):
        dataclasses.replace(query, **changes)  # type: ignore[arg-type]  # of one kind or another
