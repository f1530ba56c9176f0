"""What a plan told beforehand, against what a finished run has asked."""

from collections import Counter
from pathlib import Path

import pytest

from coordinator.cost import cost_of
from coordinator.estimate.record import Estimate
from coordinator.estimate.request import Request, estimate_of_request
from tests.integration.jobs import RunningJob, log, records

CLOSE = 0.02


def check_plan(job_file: Path, run: RunningJob, workers: int) -> Estimate:
    """All totals of a run without a dropout are as expected, and nobody was asked beyond the plan.

    Nothing is drawn or measured at the providers that the plan does not know, so the numbers of
    questions are the very same.
    """
    found, cost = (
        estimate_of_request(Request(job_file, workers=workers)),
        cost_of(run.out / "log.jsonl"),
    )
    assert (found.questions, found.attempts) == (cost.questions, cost.attempts)
    assert found.question_bytes == pytest.approx(cost.question_bytes, rel=CLOSE)
    assert found.sum_bytes == pytest.approx(cost.sum_bytes, rel=CLOSE)
    assert found.files.bytes == pytest.approx(cost.file_bytes, rel=CLOSE)
    _check_functions(found, run)
    _check_providers(found, run)
    return found


def _check_functions(found: Estimate, run: RunningJob) -> None:
    """Function by function, as the coordinator's log has them; and never above the bound."""
    asked, down, up = Counter[str](), Counter[str](), Counter[str]()
    for line in log(run.out):
        if line["event"] in {"questions", "aggregation"}:
            function = line["function"]
            masked = line["event"] == "aggregation"
            asked[function] += line["parties" if masked else "providers"]
            down[function] += line["bytes_sent"]
            up[function] += line["bytes_received"]
    assert {own.function for own in found.functions} == set(asked)
    for own in found.functions:
        assert own.questions == asked[own.function]
        assert own.sent_bytes == pytest.approx(down[own.function], rel=CLOSE)
        assert own.received_bytes == pytest.approx(up[own.function], rel=CLOSE)
        assert own.most_questions <= own.agreed_questions
        assert own.most_bytes <= own.agreed_bytes


def _check_providers(found: Estimate, run: RunningJob) -> None:
    """Provider by provider, as the nodes' ledgers have them; sums have no row of a question."""
    plain = {own.function for own in found.functions if own.transport == "plain"}
    recorded, of_function = Counter[str](), Counter[tuple[str, str]]()
    for (provider, *_), (function, _, _) in records(run.out).items():
        if function in plain:
            recorded[provider] += 1
            of_function[provider, function] += 1
    masked = sum(own.questions for own in found.functions if own.transport == "masked")
    assert sum(own.questions for own in found.providers) - masked == recorded.total()
    agreed = {own.function: own.agreed_questions for own in found.functions}
    for (_, function), count in of_function.items():
        assert count <= agreed[function]
