import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from provider.costs import Cost
from provider.ledger_file import LedgerFile
from provider.policies.approvals import Approvals
from provider.policies.asked import Asked, Decision, Waiting
from provider.policies.rules import ApprovalRules
from synlearn.errors import InputError

ALICE, JOB = ProviderId("alice"), JobId("job-1")
Q, BODY = QueryId(2, 5, 0), digest_of(b"body")
RULES = ApprovalRules(expires_hours=1.0, max_pending=3)
QUESTION = Asked(
    JOB, Q, BODY, "class_outputs", "to rank models", "2 models", {"ant": 40}, Cost(800, 0.25)
)

ANOTHER_PROCESS = """
import sys, time
from pathlib import Path
from protocols.ids import ProviderId
from provider.policies.approvals import Approvals
from provider.ledger_file import LedgerFile

approvals = Approvals(LedgerFile(Path(sys.argv[1])), ProviderId("alice"), now=lambda: 0.0)
for number in map(int, sys.argv[2:]):
    approvals.approve(number)
"""


class Queue:
    """A queue on disk, and its owner's clock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        self.now = 0.0
        self.approvals = self.open()

    def open(self, provider: ProviderId = ALICE) -> Approvals:
        return Approvals(LedgerFile(self.path), provider, now=lambda: self.now)

    def ask(self, asked: Asked = QUESTION) -> Waiting:
        return self.approvals.ask(asked, RULES)

    def decision(self, asked: Asked = QUESTION) -> Decision | None:
        return self.approvals.decision(asked.job, asked.query, asked.body, asked.function)


@pytest.fixture
def queue(tmp_path: Path) -> Queue:
    return Queue(tmp_path)


def test_a_question_is_put_down_once_with_all_that_its_owner_needs(queue: Queue) -> None:
    assert queue.decision() is None
    first = queue.ask()
    queue.now = 60.0
    assert queue.ask() == first
    (waiting,) = queue.open().pending()
    assert (waiting.asked, waiting.since, waiting.expires) == (QUESTION, 0.0, 3600.0)
    assert waiting.decision is Decision.PENDING


def test_what_the_owner_decides_is_what_the_node_reads(queue: Queue) -> None:
    number = queue.ask().id
    queue.open().approve(number)
    assert queue.decision() is Decision.APPROVED
    assert queue.ask().decision is Decision.APPROVED
    assert queue.approvals.pending() == []
    queue.open().deny(number)
    assert queue.decision() is Decision.DENIED
    assert queue.ask().decision is Decision.DENIED


def test_approval_is_for_one_body_alone(queue: Queue) -> None:
    queue.approvals.approve(queue.ask().id)
    for other in (
        replace(QUESTION, body=digest_of(b"other")),
        replace(QUESTION, query=QueryId(2, 5, 1)),
        replace(QUESTION, job=JobId("job-2")),
    ):
        assert queue.decision(other) is None
        assert queue.ask(other).decision is Decision.PENDING
    assert queue.decision() is Decision.APPROVED
    bob = queue.open(ProviderId("bob"))
    assert bob.decision(JOB, Q, BODY, "class_outputs") is None


def test_waiting_ends_and_approval_does_not(queue: Queue) -> None:
    first = queue.ask()
    queue.now = 3600.0
    assert queue.decision() is Decision.EXPIRED
    assert queue.approvals.pending() == []
    with pytest.raises(InputError, match="has expired"):
        queue.approvals.approve(first.id)
    again = queue.ask()
    assert again.decision is Decision.PENDING
    assert again.id != first.id, "a number never names another question"
    queue.approvals.approve(again.id)
    queue.now = 10**6
    assert queue.decision() is Decision.APPROVED


def test_all_questions_of_a_function_in_a_job(queue: Queue) -> None:
    waiting = queue.ask()
    assert queue.open().approve_function(JOB, "class_outputs") == 1
    assert queue.decision() is Decision.APPROVED
    later = replace(QUESTION, query=QueryId(3, 0, 0), body=digest_of(b"later"))
    assert queue.decision(later) is Decision.APPROVED
    assert queue.decision(replace(later, function="squared_error")) is None
    assert queue.decision(replace(later, job=JobId("job-2"))) is None
    queue.approvals.withdraw_function(JOB, "class_outputs")
    assert queue.decision(later) is None
    assert queue.decision() is Decision.APPROVED, "it was approved itself"
    assert waiting.decision is Decision.PENDING


def test_a_denied_question_stays_denied_when_its_function_is_approved(queue: Queue) -> None:
    queue.approvals.deny(queue.ask().id)
    queue.approvals.approve_function(JOB, "class_outputs")
    assert queue.decision() is Decision.DENIED


def test_numbers_that_there_are_not(queue: Queue) -> None:
    with pytest.raises(InputError, match="no question 7 waits here"):
        queue.approvals.approve(7)
    number = queue.ask().id
    with pytest.raises(InputError, match="waits here"):
        queue.open(ProviderId("bob")).approve(number)


def test_the_queue_cannot_be_flooded(queue: Queue) -> None:
    for step in range(3):
        queue.ask(replace(QUESTION, query=QueryId(9, step, 0)))
    with pytest.raises(Refused) as caught:
        queue.ask(replace(QUESTION, query=QueryId(9, 3, 0)))
    assert caught.value.code is Code.BUDGET_SPENT
    assert queue.ask(replace(QUESTION, query=QueryId(9, 0, 0))).decision is Decision.PENDING
    queue.now = 3600.0
    assert queue.ask().decision is Decision.PENDING, "what has expired takes no place"


def test_node_and_command_line_are_two_processes(queue: Queue) -> None:
    rules = replace(RULES, max_pending=1000)
    asked = [replace(QUESTION, query=QueryId(9, step, 0)) for step in range(60)]
    numbers = [str(queue.approvals.ask(each, rules).id) for each in asked[:30]]
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(queue.path), *numbers]
    with subprocess.Popen(command) as owner:  # noqa: S603 - our own
        for each in asked:
            queue.approvals.ask(each, rules)
        assert owner.wait() == 0
    decisions = [queue.decision(each) for each in asked]
    assert decisions == [Decision.APPROVED] * 30 + [Decision.PENDING] * 30
