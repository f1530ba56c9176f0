import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ids import MAX_PART, QueryId, digest, digest_of, job_id, provider_id

PARTS = st.integers(0, MAX_PART)


@given(PARTS, PARTS, PARTS)
def test_a_query_id_survives_its_text(phase: int, step: int, part: int) -> None:
    query = QueryId(phase, step, part)
    assert QueryId.parse(str(query)) == query


@given(st.tuples(PARTS, PARTS, PARTS), st.tuples(PARTS, PARTS, PARTS))
def test_query_ids_are_ordered_by_phase_then_step_then_part(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    assert (QueryId(*one) < QueryId(*other)) == (one < other)


@pytest.mark.parametrize("text", ["", "1.2", "1.2.3.4", "1.2.-3", "1.2.x", "1.2.٣", f"0.0.{2**32}"])
def test_other_texts_are_no_query_ids(text: str) -> None:
    with pytest.raises(ValueError, match="query id"):
        QueryId.parse(text)


@pytest.mark.parametrize("text", ["", "a b", "../etc", "-x", "a\n", "é", "a" * 129])
def test_names_that_would_not_fit_in_a_log_or_a_file_name(text: str) -> None:
    with pytest.raises(ValueError, match="provider name"):
        provider_id(text)
    with pytest.raises(ValueError, match="job name"):
        job_id(text)


def test_a_digest_is_the_sha256() -> None:
    assert digest_of(b"abc") == hashlib.sha256(b"abc").hexdigest()
    assert digest(digest_of(b"abc")) == digest_of(b"abc")
    with pytest.raises(ValueError, match="64"):
        digest(digest_of(b"abc").upper())
