import itertools

import numpy as np

from protocols.ids import JobId, QueryId
from provider.rows import row_generator

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
