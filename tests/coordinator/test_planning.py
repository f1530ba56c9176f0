from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.grouped_job import Fusion, GroupedJob
from coordinator.job import Job, Providers
from coordinator.planning import plan_of
from protocols.ids import digest_of
from protocols.job_plan import JobPlan
from protocols.secagg.member import Transport
from tests.coordinator.grouped_site import JOB
from tests.identities import COORDINATOR

MODELS = [digest_of(bytes([number])) for number in range(5)]


def plan(job: "Job | GroupedJob" = JOB) -> JobPlan:
    return plan_of(
        job,
        coordinator=COORDINATOR.public,
        purpose="A test.",
        models=MODELS,
        classes=4,
        channels=3,
    )


def test_a_plan_can_be_sent_and_names_what_the_job_asks() -> None:
    found = JobPlan.decode(plan().encode())
    names = {each.function for each in found.functions}
    assert names == {
        "describe",
        "class_outputs",
        "head_statistics",
        "head_correct",
        "pretraining_gradient",
        "class_feature_sums",
        "task_evidence",
    }
    assert found.files == set(MODELS)
    assert all(each.questions > 0 and each.bytes > 0 for each in found.functions)


def test_target_datasets_travel_masked_and_nothing_else() -> None:
    masked = [each.function for each in plan().functions if each.transport is Transport.MASKED]
    assert masked == ["class_feature_sums"]


@pytest.mark.parametrize(
    ("job", "missing"),
    [
        (replace(JOB, fusion=Fusion(folds=0)), "task_evidence"),
        (
            replace(
                JOB,
                validation=replace(JOB.validation, function="nce"),
                fusion=Fusion(folds=0),
            ),
            "head_statistics",
        ),
        (replace(JOB, pretraining=replace(JOB.pretraining, mode="off")), "pretraining_gradient"),
    ],
)
def test_what_is_not_asked_is_not_in_the_plan(job: GroupedJob, missing: str) -> None:
    assert plan(job).planned(missing) is None


def test_a_fusion_asks_for_sums_whatever_reusability_is() -> None:
    """How reusable models are for providers' own tasks is always told by heads."""
    job = replace(JOB, validation=replace(JOB.validation, function="nce"))
    assert plan(job).planned("head_statistics") is not None


def test_each_fold_has_models_of_its_own_to_ask_about() -> None:
    found = plan(replace(JOB, fusion=Fusion(folds=20))).planned("task_evidence")
    assert found is not None
    assert found.questions == 20


def test_more_rounds_ask_more() -> None:
    longer = replace(JOB, learning=replace(JOB.learning, rounds=4))
    for name in ("head_statistics", "class_feature_sums"):
        few, many = plan().planned(name), plan(longer).planned(name)
        assert few is not None
        assert many is not None
        assert many.questions > few.questions
        assert many.bytes > few.bytes


def test_an_isolated_job_has_a_plan_as_well() -> None:
    job = Job(name="tiny", zoo=Path("zoo"), providers=Providers(count=4))
    names = {each.function for each in plan(job).functions}
    assert names == {"describe", "pretraining_gradient", "squared_error", "target_features"}
