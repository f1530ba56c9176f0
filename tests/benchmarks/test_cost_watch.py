"""Which step the seconds of a job belong to."""

import pytest

from benchmarks.cost_check import Compared
from benchmarks.cost_watch import Spent, steps_of


def test_seconds_belong_to_the_step_of_the_line_that_ends_them() -> None:
    lines = [
        {"time": 1.0, "event": "joined"},
        {"time": 2.0, "event": "questions", "function": "describe"},
        {"time": 3.0, "event": "questions", "function": "pretraining_gradient"},
        {"time": 4.0, "event": "pretraining"},
        {"time": 5.0, "event": "questions", "function": "head_statistics"},
        {"time": 6.0, "event": "validation"},
        {"time": 7.0, "event": "aggregation"},
        {"time": 8.0, "event": "learning", "round": 1},
        {"time": 9.0, "event": "questions", "function": "head_statistics"},
        {"time": 10.0, "event": "finished"},
    ]
    samples = {str(float(n)): Spent(n, 2.0 * n, float(n)) for n in range(1, 10)}
    samples["10.0"] = Spent(10, 0.0, 10.0)  # the nodes have ended
    found = steps_of(lines, samples)
    assert {step: own.coordinator for step, own in found.items()} == {
        "joining": 1,
        "description": 1,
        "pre-training": 2,
        "validation": 2,
        "target datasets": 1,
        "learning": 1,
        "evidence": 1,
        "fusion": 1,
    }
    assert found["pre-training"].nodes == 4
    assert found["fusion"].nodes == 0


@pytest.mark.parametrize(
    ("predicted", "measured", "off"),
    [(10.0, 25.0, False), (10.0, 31.0, True), (31.0, 10.0, True), (0.01, 0.9, False)],
)
def test_a_step_is_marked_where_it_is_off_by_more_than_moments(
    predicted: float, measured: float, off: bool
) -> None:
    row = Compared("learning", Spent(predicted), Spent(measured))
    assert row.off is off
    assert row.factor == pytest.approx(measured / predicted)
