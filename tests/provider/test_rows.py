import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId
from protocols.queries import half_sizes
from provider.rows import RowSplit, classes_for_training, row_generator, subject_generator

SECRET = bytes(range(32))
JOB = JobId("job")
Q = QueryId(2, 17, 3)


def rows(
    secret: bytes = SECRET, job: JobId = JOB, query: QueryId = Q, attempt: int = 0
) -> tuple[int, ...]:
    drawn = row_generator(secret, job, query, attempt).choice(800, size=10, replace=False)
    return tuple(int(row) for row in drawn)


def test_the_same_question_draws_the_same_rows() -> None:
    assert rows() == rows()


def test_whatever_differs_draws_other_rows() -> None:
    draws = [
        rows(),
        rows(secret=bytes(32)),
        rows(job=JobId("job2")),
        rows(query=QueryId(2, 17, 4)),
        rows(query=QueryId(2, 1, 73)),
        rows(query=QueryId(21, 7, 3)),
        rows(attempt=1),
    ]
    assert len(set(draws)) == len(draws)


def test_no_id_is_told_from_chance() -> None:
    """Draws of neighbouring ids share rows as rarely as independent ones: 10 * 10 / 800."""
    draws = [set(rows(query=QueryId(1, step, 0))) for step in range(100)]
    shared = [len(one & other) for one, other in itertools.combinations(draws, 2)]
    assert abs(np.mean(shared) - 10 * 10 / 800) < 0.02


def test_what_is_asked_about_decides_and_nothing_else() -> None:
    def draw(subject: bytes = b"ants", secret: bytes = SECRET, job: str = "job") -> int:
        return int(subject_generator(secret, JobId(job), subject).integers(2**62))

    assert draw() == draw()
    others = [draw(), draw(b"bees"), draw(secret=bytes(32)), draw(job="job2")]
    assert len(set(others)) == len(others)


def halves(count: int, name: str = "ant", secret: bytes = SECRET) -> tuple[list[int], list[int]]:
    """Of rows numbered 10, 13, 16 and so on."""
    learn, test = RowSplit(secret).halves(name, 10 + 3 * np.arange(count))
    return learn.tolist(), test.tolist()


@given(st.integers(0, 200))
def test_every_row_is_in_one_half(count: int) -> None:
    learn, test = halves(count)
    assert sorted(learn + test) == (10 + 3 * np.arange(count)).tolist()
    assert (len(learn), len(test)) == half_sizes(count)


@given(st.integers(0, 60), st.integers(0, 60))
def test_later_rows_leave_earlier_ones_where_they_are(count: int, more: int) -> None:
    """All but the odd one, which has no neighbour yet."""
    paired = count // 2
    before, after = halves(count), halves(count + more)
    for one, other in zip(before, after, strict=True):
        assert one[:paired] == other[:paired]


def test_the_split_is_the_nodes_own_and_the_same_for_ever() -> None:
    assert halves(40) == halves(40)
    others = [halves(40), halves(40, "bee"), halves(40, secret=bytes(32))]
    assert len({tuple(learn) for learn, _ in others}) == 3


def test_a_row_is_in_either_half_as_often() -> None:
    first = [10 in halves(40, secret=bytes([n]) * 32)[0] for n in range(256)]
    assert abs(np.mean(first) - 0.5) < 0.1


def test_classes_with_too_few_rows_are_not_trained_on() -> None:
    held = {"cat": 9, "ant": 5, "bee": 4}
    assert classes_for_training(held, 5) == ("ant", "cat")
    assert classes_for_training({"ant": 500}, 5) == ()
    with pytest.raises(Refused) as caught:
        classes_for_training(held, 6)
    assert caught.value.code is Code.TOO_FEW_ROWS
    assert "1 of 3 classes have 6 rows" in caught.value.local
