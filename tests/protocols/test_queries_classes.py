"""Questions about whole classes: arrays as parameters, limits, and answers that fit themselves."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols.errors import Code, Refused
from protocols.queries import (
    MAX_ENTRIES,
    Answer,
    ClassFeatureSums,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    QueryError,
    TaskEvidence,
    batches_of,
    check_answer,
    class_counts,
    decode_query,
    decode_sum_query,
    encode_query,
    feature_signs,
    pack_names,
    packed_length,
)
from protocols.queries.outputs import LEAST_LIKELIHOOD
from protocols.values import Value, encode_values
from tests.protocols.query_examples import (
    CLASSES,
    CORRECT,
    EVIDENCE,
    EXAMPLES,
    LIKELIHOOD,
    OUTPUTS,
    STATISTICS,
    TASKS,
    A,
    answer_to,
)

SUMS = ClassFeatureSums(A, ("ant", "bee", "ant"), width=6)
WITH_ARRAYS: tuple[LeepLikelihood | HeadCorrect | TaskEvidence, ...] = (
    LIKELIHOOD,
    CORRECT,
    EVIDENCE,
)


def wire(query: Query | ClassFeatureSums, **changes: Value) -> bytes:
    values = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    return encode_values(query.function, values | changes)


def code_of(body: bytes) -> Code | None:
    """The code of the refusal; anything else that is raised fails the test."""
    try:
        decode_query(body)
    except Refused as refused:
        return refused.code
    return None


def spoilt(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


TABLES, WEIGHTS, BIASES = LIKELIHOOD.tables, CORRECT.weights, CORRECT.biases
KS = EVIDENCE.ks


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        (OUTPUTS, {"models": ()}),
        (OUTPUTS, {"models": (A, "../x")}),
        (OUTPUTS, {"models": (A,) * 513}),
        (OUTPUTS, {"classes": ()}),
        (OUTPUTS, {"classes": ("ant", "ant")}),
        (OUTPUTS, {"classes": ("ant", "")}),
        (OUTPUTS, {"classes": ("ant\n",)}),
        (OUTPUTS, {"classes": ("x" * 129,)}),
        (OUTPUTS, {"classes": ("é" * 65,)}),
        (OUTPUTS, {"classes": tuple(f"c{i}" for i in range(1025))}),
        (OUTPUTS, {"outputs": 0}),
        (OUTPUTS, {"outputs": 4097}),
        (OUTPUTS, {"outputs": 4.0}),
        (OUTPUTS, {"classes": tuple(f"c{i}" for i in range(1000)), "outputs": 2000}),
        (STATISTICS, {"width": 0}),
        (STATISTICS, {"width": 1025}),
        (STATISTICS, {"width": 1024, "classes": ("a", "b", "c")}),
        (STATISTICS, {"unit_length": 1}),
        (STATISTICS, {"unit_length": "yes"}),
        (LIKELIHOOD, {"tasks": TASKS.astype(np.int64)}),
        (LIKELIHOOD, {"tasks": TASKS[0]}),
        (LIKELIHOOD, {"tasks": TASKS[:0]}),
        (LIKELIHOOD, {"tasks": TASKS[:, :0]}),
        (LIKELIHOOD, {"tasks": TASKS[:1]}),
        (LIKELIHOOD, {"tasks": spoilt(TASKS, (0, 0), 3)}),
        (LIKELIHOOD, {"tasks": spoilt(TASKS, (0, 0), -1)}),
        (LIKELIHOOD, {"tasks": spoilt(TASKS, (0, 2), -2)}),
        (LIKELIHOOD, {"tasks": spoilt(TASKS, (0, 0), 1)}),
        (LIKELIHOOD, {"tasks": spoilt(TASKS, (1, 1), -1)}),
        (LIKELIHOOD, {"tasks": (A,)}),
        (LIKELIHOOD, {"tables": TABLES.astype(np.float32)}),
        (LIKELIHOOD, {"tables": TABLES[:1]}),
        (LIKELIHOOD, {"tables": TABLES[:, :1]}),
        (LIKELIHOOD, {"tables": TABLES[:, :, :2]}),
        (LIKELIHOOD, {"tables": TABLES[..., :0]}),
        (LIKELIHOOD, {"tables": TABLES[..., 0]}),
        (LIKELIHOOD, {"tables": spoilt(TABLES, (0, 0, 0, 0), 1.01)}),
        (LIKELIHOOD, {"tables": spoilt(TABLES, (0, 0, 0, 0), -0.01)}),
        (LIKELIHOOD, {"tables": spoilt(TABLES, (0, 0, 0, 0), np.nan)}),
        (LIKELIHOOD, {"tables": np.zeros((2, 2, 3, 4097))}),
        (CORRECT, {"weights": WEIGHTS[:1]}),
        (CORRECT, {"weights": WEIGHTS[..., :0]}),
        (CORRECT, {"weights": np.zeros((2, 2, 3, 1025), np.float32)}),
        (CORRECT, {"weights": WEIGHTS.astype(np.float64)}),
        (CORRECT, {"weights": spoilt(WEIGHTS, (0, 0, 0, 0), np.inf)}),
        (CORRECT, {"weights": spoilt(WEIGHTS, (0, 0, 0, 0), 1e13)}),
        (CORRECT, {"biases": BIASES[..., None]}),
        (CORRECT, {"biases": BIASES.astype(np.float64)}),
        (CORRECT, {"biases": spoilt(BIASES, (0, 0, 0), np.nan)}),
        (EVIDENCE, {"models": ()}),
        (EVIDENCE, {"models": (A,) * 513}),
        (EVIDENCE, {"backbone": "x"}),
        (EVIDENCE, {"features": 0}),
        (EVIDENCE, {"features": 4097}),
        (EVIDENCE, {"classes": ("ant",)}),
        (EVIDENCE, {"classes": ("ant", "ant")}),
        (EVIDENCE, {"classes": tuple(f"c{i}" for i in range(257))}),
        (EVIDENCE, {"ks": KS.astype(np.int64)}),
        (EVIDENCE, {"ks": KS[:0]}),
        (EVIDENCE, {"ks": KS[None]}),
        (EVIDENCE, {"ks": KS[::-1]}),
        (EVIDENCE, {"ks": KS * 0 + 2}),
        (EVIDENCE, {"ks": KS - 1}),
        (EVIDENCE, {"ks": KS + 340}),  # of 3 classes, more than 1,024 rows
        (EVIDENCE, {"ks": np.array([2**31 - 1], np.int32)}),
        (EVIDENCE, {"ks": np.arange(1, 1026, dtype=np.int32)}),
        (EVIDENCE, {"draws": 0}),
        (EVIDENCE, {"draws": 1366}),  # of 3 x 4 rows, more than 16,384
        (EVIDENCE, {"draws": 2**40}),
        (EVIDENCE, {"scores": ()}),
        (EVIDENCE, {"scores": ("hscore",)}),
        (EVIDENCE, {"scores": ("leep", "leep")}),
        (EVIDENCE, {"scores": ("leep", "logme")}),
        (EVIDENCE, {"features": 4096, "draws": 200}),  # means that fit no body
        (EVIDENCE, {"models": (A,) * 512, "draws": 1024}),  # scores that fit no body
        (EVIDENCE, {"models": (A,) * 512, "draws": 9}),  # similarities that fit no body
        # Gram matrices of more entries than a node keeps:
        (EVIDENCE, {"models": (A,) * 9, "draws": 1000}),
    ],
)
def test_a_parameter_out_of_its_limits_is_refused(query: Query, changes: dict[str, Value]) -> None:
    assert code_of(wire(query)) is None
    assert code_of(wire(query, **changes)) is Code.BAD_PARAMETERS


def test_no_more_than_256_tasks() -> None:
    many = np.tile(TASKS[:1, :2], (257, 1))
    with pytest.raises(QueryError, match="number of tasks is 257"):
        LeepLikelihood((A,), CLASSES, many, np.zeros((1, 257, 2, 1)))
    LeepLikelihood((A,), CLASSES, many[1:], np.zeros((1, 256, 2, 1)))


def test_an_array_parameter_fits_one_body() -> None:
    tasks = np.tile(np.array([[0, 1]], np.int32), (256, 1))
    with pytest.raises(QueryError, match="size of tables"):
        LeepLikelihood((A,), CLASSES, tasks, np.zeros((1, 256, 2, 4096 + 1)))


NUMBERS = hnp.arrays(
    st.sampled_from(["int32", "int64", "float64", "bool"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
)


@settings(deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_whatever_the_arrays_a_question_is_read_or_refused(
    query: Query, data: st.DataObject
) -> None:
    names = [field.name for field in dataclasses.fields(query)] or ["none"]
    changed = data.draw(st.dictionaries(st.sampled_from(names), NUMBERS, min_size=1, max_size=2))
    assert code_of(wire(query, **changed)) in {None, Code.BAD_PARAMETERS}


@pytest.mark.parametrize("query", WITH_ARRAYS)
def test_questions_with_arrays_are_equal_where_their_content_is(
    query: LeepLikelihood | HeadCorrect | TaskEvidence,
) -> None:
    again = decode_query(encode_query(query))
    assert again == query
    assert hash(again) == hash(query)
    assert {again, query} == {query}
    other = dataclasses.replace(query, classes=("ant", "bee", "dog"))
    assert other != query
    assert query != OUTPUTS


def test_a_changed_array_makes_another_question() -> None:
    other = dataclasses.replace(LIKELIHOOD, tables=spoilt(TABLES, (1, 1, 2, 3), 0.5))
    assert other != LIKELIHOOD
    assert encode_query(other) != encode_query(LIKELIHOOD)


def test_the_arrays_of_a_question_cannot_be_changed() -> None:
    tables = np.full((2, 2, 3, 4), 0.25)
    query = LeepLikelihood((A, A), CLASSES, TASKS, tables)
    tables[:] = 0.5
    assert (query.tables == 0.25).all()
    with pytest.raises(ValueError, match="read-only"):
        query.tables[:] = 1


CROSSED: list[tuple[Query, str, Callable[[np.ndarray], np.ndarray]]] = [
    (Describe(), "class_rows", lambda a: a[:2]),
    (Describe(), "class_names", lambda a: a[:7]),
    (Describe(), "class_names", lambda a: pack_names(("ant", "bee", "bee"))),
    (Describe(), "class_names", lambda a: np.full(3, 255, np.uint8)),
    (Describe(), "class_names", lambda a: np.zeros(3, np.uint8)),
    (OUTPUTS, "hard", lambda a: a + 1),
    (OUTPUTS, "sums", lambda a: a * 1.001),
    (OUTPUTS, "sums", lambda a: a * 0),
    (OUTPUTS, "rows", lambda a: a[::-1].copy()),
    (LIKELIHOOD, "sums", lambda a: a * 20),
    (LIKELIHOOD, "sums", lambda a: a - 1e-3),
    (LIKELIHOOD, "sums", lambda a: a + 20),
    (STATISTICS, "sums", lambda a: a * 1.1),
    (STATISTICS, "sums", lambda a: a + 0.1),
    (STATISTICS, "products", lambda a: -a),
    (STATISTICS, "products", lambda a: a * 1.1),
    (CORRECT, "correct", lambda a: a + 1),
    (CORRECT, "correct", lambda a: 3 * a),
    (CORRECT, "rows", lambda a: a * 0),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 0, 0), 0.1)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 0, 0), np.inf)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 2, 0), 0.1)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 2, 0), -1.2)),  # -log 3 is -1.0986
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 2, 0), np.inf)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 3, 0), 1.1)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 3, 0), -0.1)),
    (EVIDENCE, "scores", lambda a: spoilt(a, (0, 0, 1, 0), -np.inf)),
    (EVIDENCE, "similarity", lambda a: spoilt(a, (0, 0, 0), 1.1)),
    (EVIDENCE, "similarity", lambda a: spoilt(a, (0, 0, 0), -0.1)),
    (EVIDENCE, "similarity", lambda a: spoilt(a, (0, 0, 0), np.nan)),
]


@pytest.mark.parametrize(("query", "name", "spoil"), CROSSED)
def test_an_answer_that_does_not_fit_itself_is_not_used(
    query: Query, name: str, spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    answer = answer_to(query)
    check_answer(query, answer)
    with pytest.raises(QueryError, match=f"^{query.function}: "):
        check_answer(query, answer | {name: spoil(answer[name])})


def test_features_of_any_length_bound_their_sums_by_their_squares() -> None:
    query = HeadStatistics((A,), ("ant",), width=2, unit_length=False, halved=True)
    x = np.array([[30.0, -4.0], [10.0, 8.0]])
    answer: Answer = {
        "sums": x.sum(axis=0)[None, None],
        "products": (x.T @ x)[np.triu_indices(2)][None, None],
        "rows": np.array([2]),
    }
    check_answer(query, answer)
    with pytest.raises(QueryError, match="'sums' does not fit"):
        check_answer(query, answer | {"sums": answer["sums"] * 1.2})
    with pytest.raises(QueryError, match="'products' does not fit"):
        check_answer(dataclasses.replace(query, unit_length=True), answer)


def test_a_row_moves_a_likelihood_by_less_than_28() -> None:
    answer = answer_to(LIKELIHOOD)
    least = np.log(LEAST_LIKELIHOOD)
    assert -28 < least < -27
    rows = np.where(TASKS >= 0, answer["rows"][TASKS], 0)
    check_answer(LIKELIHOOD, answer | {"sums": np.ones((2, 1, 1)) * least * rows})


@given(st.integers(1, 30))
def test_the_diagonal_of_packed_products_is_found(width: int) -> None:
    """Unit vectors along each axis: as many rows as there are axes, products the unit matrix."""
    query = HeadStatistics((A,), ("ant",), width, unit_length=True, halved=True)
    packed = np.eye(width)[np.triu_indices(width)]
    assert len(packed) == packed_length(width)
    answer: Answer = {
        "sums": np.ones((1, 1, width)),
        "products": packed[None, None],
        "rows": np.array([width]),
    }
    check_answer(query, answer)
    with pytest.raises(QueryError, match="'products' does not fit"):
        check_answer(query, answer | {"products": 1.01 * packed[None, None]})


def test_class_feature_sums_are_never_asked_in_the_clear() -> None:
    body = encode_query(SUMS)
    assert code_of(body) is Code.UNKNOWN_FUNCTION
    assert decode_sum_query(body) == SUMS


@pytest.mark.parametrize("query", EXAMPLES)
def test_other_questions_are_not_asked_as_sums(query: Query) -> None:
    with pytest.raises(Refused) as caught:
        decode_sum_query(encode_query(query))
    assert caught.value.code is Code.UNKNOWN_FUNCTION


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "x"},
        {"slots": ()},
        {"slots": ("ant", "")},
        {"slots": ("ant",) * (2**16 + 1), "width": 1},
        {"slots": ("ant",) * 3277, "width": 640},
        {"width": 0},
        {"width": 4097},
    ],
)
def test_class_feature_sums_have_limits(changes: dict[str, Value]) -> None:
    with pytest.raises(Refused) as caught:
        decode_sum_query(wire(SUMS, **changes))
    assert caught.value.code is Code.BAD_PARAMETERS


def test_class_feature_sums_know_their_vector() -> None:
    assert SUMS.length == 18
    assert SUMS.blobs == (A,)
    assert SUMS.bound(7) == 7.0
    with pytest.raises(QueryError, match="rows is -1"):
        SUMS.bound(-1)
    assert ClassFeatureSums(A, ("ant",) * 3276, width=640).length < 2**21


@given(
    st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=9).filter(str.isprintable),
        unique=True,
    )
)
def test_names_survive_packing(names: list[str]) -> None:
    counts = np.arange(len(names))
    answer: Answer = {"class_names": pack_names(tuple(names)), "class_rows": counts}
    assert class_counts(answer) == dict(zip(names, range(len(names)), strict=True))


def test_feature_signs_are_public_and_keep_lengths() -> None:
    signs = feature_signs(300, 64)
    assert signs.shape == (300, 64)
    np.testing.assert_array_equal(np.abs(signs), 1 / 8)
    assert signs.tobytes() == feature_signs(300, 64).tobytes()
    assert abs((signs > 0).mean() - 0.5) < 0.02
    x = np.random.default_rng(0).normal(size=(50, 300))
    lengths = np.linalg.norm(x @ signs, axis=1) / np.linalg.norm(x, axis=1)
    assert abs(lengths.mean() - 1) < 0.05


@given(st.integers(0, 2000), st.integers(1, MAX_ENTRIES), st.integers(1, 512))
def test_batches_keep_the_limits_and_leave_nothing_out(items: int, entries: int, most: int) -> None:
    sizes = [part.stop - part.start for part in batches_of(items, entries, most)]
    covered = [i for part in batches_of(items, entries, most) for i in range(part.start, part.stop)]
    assert covered == list(range(items))
    largest = min(most, MAX_ENTRIES // entries)
    assert all(0 < size <= largest for size in sizes)
    assert len(sizes) == -(-items // largest)
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_what_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(QueryError, match="one item needs 2097153 numbers"):
        list(batches_of(1, MAX_ENTRIES + 1, 5))
