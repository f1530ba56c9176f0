"""What a coordinator has to hold grows with those who take part, and steps tell what is asked."""

from dataclasses import replace

import pytest

from coordinator.estimate.capacity import Capacity, capacity_of
from coordinator.estimate.cost_model import shipped_cost_model
from coordinator.estimate.estimate import estimate_of
from coordinator.estimate.record import Estimate
from coordinator.estimate.time import Place
from tests.coordinator.estimate.test_grouped import FUSED, PARTICIPANTS, ZOO
from tests.coordinator.grouped_site import JOB

FUSED_JOB = replace(JOB, fusion=FUSED)
CLASSES = len({name for own in PARTICIPANTS.counts.values() for name in own})


def told(providers: int) -> tuple[Estimate, Capacity]:
    participants = replace(PARTICIPANTS.repeated(providers), embedded=False)
    measured = shipped_cost_model()
    estimate = estimate_of(FUSED_JOB, participants, ZOO, Place(cores=2, workers=0), measured)
    return estimate, capacity_of(FUSED_JOB, estimate, ZOO, CLASSES, measured.costs)


def test_what_sessions_take_grows_with_providers_alone() -> None:
    (_, few), (_, many) = told(8), told(80)
    for name in ("sessions_bytes", "files", "heartbeats", "heartbeat_share"):
        assert getattr(many, name) == pytest.approx(10 * getattr(few, name)), name
    assert many.checkpoint_bytes == few.checkpoint_bytes
    assert many.gathered_bytes == few.gathered_bytes
    assert many.memory > few.memory > few.sessions_bytes


def test_steps_tell_all_that_is_asked() -> None:
    estimate, _ = told(8)
    assert sum(step.questions for step in estimate.steps) == sum(
        own.questions for own in estimate.functions
    )
    for end in ("sent", "received"):
        assert sum(getattr(step, end) for step in estimate.steps) == pytest.approx(
            sum(getattr(own, f"{end}_bytes") for own in estimate.functions), abs=20
        )


def test_the_first_models_wait_for_each_sites_worker() -> None:
    steps = {step.step: step for step in told(8)[0].steps}
    start = shipped_cost_model().costs.start_seconds
    assert steps["pre-training"].nodes > 8 * start > steps["validation"].nodes
