import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.masked import (
    MASKED,
    MaskedQuery,
    VectorLayout,
    bound_of,
    decode_masked,
    sensitivity,
    slots_of,
    vector_of,
)
from protocols.queries import (
    Answer,
    ClassFeatureSums,
    Describe,
    QueryError,
    TargetFeatures,
    check_answer,
    encode_query,
)
from protocols.secagg.encoding import Encoding
from protocols.values import encode_values
from tests.protocols.query_examples import (
    CLASSES,
    CORRECT,
    ERROR,
    GRADIENT,
    LIKELIHOOD,
    OUTPUTS,
    STATISTICS,
    A,
    answer_to,
)

FEATURES = ClassFeatureSums(A, ("ant", "bee", "ant"), width=4)
ASKED: list[MaskedQuery] = [ERROR, GRADIENT, FEATURES, OUTPUTS, LIKELIHOOD, STATISTICS, CORRECT]


def answer_of(query: MaskedQuery, seed: int = 0) -> Answer:
    """An answer of the right shapes, with numbers of its own."""
    if isinstance(query, ClassFeatureSums):
        return {"sums": np.random.default_rng(seed).uniform(-5, 5, (3, 4))}
    answer = answer_to(query)
    check_answer(query, answer)
    return {name: np.asarray(array + seed).astype(array.dtype) for name, array in answer.items()}


def test_every_function_of_the_list_has_an_example_here() -> None:
    assert {query.function for query in ASKED} == set(MASKED)


@pytest.mark.parametrize("query", ASKED)
def test_arrays_come_back_as_they_were(query: MaskedQuery) -> None:
    layout, answer = vector_of(query), answer_of(query)
    vector = layout.flatten(answer, 64.0)
    assert vector.dtype == np.float64
    assert vector.shape == (sum(array.size for array in answer.values()),)
    back = layout.unflatten(vector, 64.0)
    assert set(back) == set(answer)
    for name, array in answer.items():
        assert isinstance(back[name], np.ndarray)
        assert back[name].shape == array.shape
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == (np.int64 if array.dtype.kind == "i" else np.float64)


@pytest.mark.parametrize("query", ASKED)
def test_sums_of_vectors_are_vectors_of_sums(query: MaskedQuery) -> None:
    layout = vector_of(query)
    answers = [answer_of(query, seed) for seed in range(3)]
    total = np.sum([layout.flatten(answer, 2.0**9) for answer in answers], axis=0)
    for name, array in layout.unflatten(total, 2.0**9).items():
        np.testing.assert_allclose(array, sum(answer[name] for answer in answers), atol=1e-12)


@pytest.mark.parametrize("query", ASKED)
@pytest.mark.parametrize("bound", [1e-3, 0.7, 1.0, 300.0])
def test_counts_add_up_exactly_at_the_coarsest_step(query: MaskedQuery, bound: float) -> None:
    layout = vector_of(query)
    step = layout.coarsest_step(bound)
    if step > bound:  # no integers, or none that the bound has room for
        return
    encoding = Encoding.choose(bound, 7, step=step)
    answer = answer_of(query)
    vector = np.clip(layout.flatten(answer, bound), -bound, bound)
    total = encoding.decode(7 * encoding.encode(vector))
    for name, array in layout.unflatten(total, bound).items():
        known = next(part for part in layout.parts if part.name == name)
        if known.whole and known.most is not None:
            np.testing.assert_array_equal(array, 7 * answer[name])


@given(bound=st.floats(1e-30, 1e30), most=st.integers(1, 2**40))
def test_what_is_known_beforehand_stays_within_the_bound(bound: float, most: int) -> None:
    layout = vector_of(GRADIENT)
    answer = answer_of(GRADIENT)
    limit = next(part.most for part in layout.parts if part.name == "triplets")
    assert limit == 4 * 3 * 2 * 3 * 3
    answer["triplets"] = np.array(min(most, int(limit)), np.int64)
    entry = layout.flatten(answer, bound)[-1]
    assert 0 < entry <= bound
    assert math.frexp(entry / float(answer["triplets"]))[0] == 0.5  # a power of two: no bit lost


def test_a_count_beyond_what_can_be_is_no_answer() -> None:
    answer = answer_of(GRADIENT)
    answer["active"] = np.array(10**9, np.int64)
    with pytest.raises(QueryError, match="'active' lies outside"):
        vector_of(GRADIENT).flatten(answer, 1.0)
    answer["hinge_sum"], answer["active"] = np.array(np.nan), np.array(1, np.int64)
    with pytest.raises(QueryError, match="'hinge_sum' lies outside"):
        vector_of(GRADIENT).flatten(answer, 1.0)


@pytest.mark.parametrize("query", ASKED)
def test_lengths_that_no_answer_has(query: MaskedQuery) -> None:
    layout = vector_of(query)
    least = layout.least_length()
    layout.shapes(least)
    with pytest.raises(QueryError, match="vector of"):
        layout.shapes(least - 1)
    if query is GRADIENT:  # of any length
        assert layout.shapes(least + 9)["gradient"] == (10,)
    else:
        with pytest.raises(QueryError, match="vector of"):
            layout.shapes(least + 1)


@pytest.mark.parametrize("bound", [5e-324, 0.0, -1.0, math.inf, math.nan])
def test_a_bound_that_counts_cannot_be_scaled_to(bound: float) -> None:
    with pytest.raises(QueryError, match="cannot be scaled"):
        vector_of(GRADIENT).check_bound(bound)


def test_slots() -> None:
    assert slots_of(ERROR) == slots_of(GRADIENT) == ("rows",)
    assert slots_of(FEATURES) == ("ant", "bee", "ant")
    assert slots_of(OUTPUTS) == slots_of(STATISTICS) == CLASSES


@pytest.mark.parametrize("query", ASKED)
def test_a_question_is_read_as_it_was_written(query: MaskedQuery) -> None:
    assert decode_masked(encode_query(query)) == query


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (encode_query(Describe()), Code.UNKNOWN_FUNCTION),
        (encode_query(TargetFeatures(A, 3, 2)), Code.UNKNOWN_FUNCTION),
        (encode_values("exec", {}), Code.UNKNOWN_FUNCTION),
        (encode_values("squared_error", {}), Code.BAD_PARAMETERS),
        (encode_values("class_feature_sums", {}), Code.BAD_PARAMETERS),
        (b"\xff", Code.BAD_PARAMETERS),
    ],
)
def test_what_is_not_on_the_list(body: bytes, code: Code) -> None:
    with pytest.raises(Refused) as caught:
        decode_masked(body)
    assert caught.value.code is code


@given(st.binary(max_size=60))
def test_whatever_the_bytes_a_refusal_comes_of_it(body: bytes) -> None:
    with pytest.raises(Refused):
        decode_masked(body)


def test_bounds_that_follow_from_the_function() -> None:
    assert bound_of(ERROR, 9) is None
    assert bound_of(GRADIENT, 9) is None
    assert bound_of(replace(STATISTICS, unit_length=False), 9) is None
    assert bound_of(FEATURES, 9) == 9
    for query in (OUTPUTS, STATISTICS, CORRECT):
        assert bound_of(query, 9) == pytest.approx(9, rel=1e-5)
    assert bound_of(LIKELIHOOD, 9) == pytest.approx(9 * 40 * math.log(2), rel=1e-5)


def test_a_row_moves_no_vector_further_than_stated() -> None:
    """For sums of unit vectors: worked out by replacing a row in every slot that may draw it."""
    random = np.random.default_rng(0)
    far = sensitivity(FEATURES, bound=5.0, length=12)
    for _ in range(100):
        old, new = (v / np.linalg.norm(v) for v in random.normal(size=(2, 4)))
        moved = np.stack([new - old, np.zeros(4), new - old])  # both slots of "ant"
        assert np.linalg.norm(moved) <= far
    opposite = np.stack([[2.0, 0, 0, 0], [0, 0, 0, 0], [2.0, 0, 0, 0]])
    assert np.linalg.norm(opposite) == pytest.approx(far)
    assert sensitivity(ERROR, bound=3.0, length=3) == pytest.approx(np.linalg.norm([6.0, 6.0, 6.0]))
    assert sensitivity(FEATURES, bound=0.1, length=12) == pytest.approx(0.2 * math.sqrt(12))


def test_a_layout_without_parts_of_any_length_has_one_length() -> None:
    assert VectorLayout(()).least_length() == 0
