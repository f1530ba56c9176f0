"""What one can see of a real node and of its coordinator: metrics over HTTP, log lines on both
sides."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest

from coordinator.job_events import to_all
from coordinator.job_log import JobLog
from coordinator.metrics import serve_metrics
from coordinator.session_questions import QueryRefused, Question
from coordinator.watched import WatchedSessions
from protocols.certificates import term
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.queries import ClassOutputs, Describe, Query, encode_query
from synlearn.metrics_settings import MetricsSettings
from tests.certificates import Authority
from tests.classifiers import classifier_file
from tests.integration.sites import JOB, OPEN, PATIENCE, Meeting, Owner, meeting, until
from tests.log_lines import Lines, log_lines
from tests.scrape import Scrape, scrape

pytestmark = pytest.mark.integration

A = ProviderId("clinic-a")
HELD: Mapping[str, Mapping[str, int]] = {A: {"ant": 24, "bee": 24}}
NODE, COORDINATOR = "synlearn_node", "synlearn_coordinator"
DESCRIBED, COMPUTED, PAUSED, DENIED, AGAIN = (QueryId(0, step, 5) for step in range(1, 6))


@dataclass
class Watched:
    """One site, and both sides' logs and metrics after the same questions."""

    owner: Owner
    lines: Lines
    node: Scrape
    coordinator: Scrape
    left: list[dict[str, Any]]

    def at_the_node(self, **fields: object) -> list[dict[str, Any]]:
        """Lines of the node's log."""
        lines = [json.loads(line) for line in self.owner.log().splitlines()]
        return [line for line in lines if line.items() >= fields.items()]


class Asker:
    """Asks as a job does."""

    def __init__(self, sessions: WatchedSessions) -> None:
        self.sessions = sessions

    def ask(self, query_id: QueryId, query: Query) -> Future[bytes]:
        question = Question(A, query_id, encode_query(query), PATIENCE, query.function)
        return self.sessions.ask_many([question])[0]

    def refused(self, query_id: QueryId, query: Query) -> Code:
        with pytest.raises(QueryRefused) as caught:
            self.ask(query_id, query).result(PATIENCE)
        return caught.value.code


def play(made: Meeting, asker: Asker) -> None:
    """Answered, answered again, refused for two reasons, put off; a wrong policy."""
    owner = made.owners[A]
    outputs = ClassOutputs((made.blobs.publish(classifier_file("a model")),), ("ant", "bee"), 3)
    asker.ask(DESCRIBED, Describe()).result(PATIENCE)
    for _ in range(2):
        asker.ask(COMPUTED, outputs).result(PATIENCE)
    owner.run("pause", "--reason", "audit")
    assert asker.refused(PAUSED, Describe()) is Code.PAUSED
    owner.run("resume")
    owner.policy(OPEN + "[functions.class_outputs]\napproval = true\n")
    waiting = asker.ask(DENIED, outputs)
    until(lambda: "class_outputs" in owner.run("approvals", "--json").output, owner.log)
    owner.run("deny", "1")
    with pytest.raises(QueryRefused):
        waiting.result(PATIENCE)
    owner.policy("profile = 'open'\nmin_rowz = 3\n")
    asker.ask(AGAIN, Describe()).result(PATIENCE)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    certificate = Authority().issue("localhost").certificate
    with (
        log_lines(packages=("coordinator",)) as lines,
        serve_metrics(MetricsSettings("127.0.0.1:0"), lambda: certificate) as metrics,
        metrics.watching(JOB, 1) as count,
        meeting(tmp_path_factory.mktemp("watched"), HELD, tell=to_all(JobLog(JOB), count)) as made,
    ):
        port = _port(lines.text)
        owner = made.owners[A]
        owner.options = ("--log-format", "json", "--log-level", "debug")
        with owner.home.config.open("a") as config:
            config.write('\n[metrics]\nlisten = "127.0.0.1:0"\n')
        made.gather()
        play(made, Asker(WatchedSessions(made.server, to_all(JobLog(JOB), count))))
        left = [json.loads(line) for line in owner.run("left", "--json").output.splitlines()]
        yield Watched(owner, lines, scrape(_port(owner.log())), scrape(port), left)


def _port(log: str) -> int:
    found = re.search(r"metrics are served on port (\d+)", log)
    assert found, log
    return int(found[1])


def by_verdict(left: list[dict[str, Any]], function: str) -> Counter[str]:
    """Lines of the ledger about a function: what left, and the codes of what was refused."""
    return Counter(line["code"] or "answered" for line in left if line["function"] == function)


def test_the_nodes_numbers_are_those_of_its_ledger(watched: Watched) -> None:
    found, left = watched.node, watched.left
    asked = f"{NODE}_questions_total"
    for function in ("describe", "class_outputs"):
        verdicts = by_verdict(left, function)
        about = {"function": function}
        answered = found.value(asked, **about, verdict="answered", code="")
        assert answered == verdicts.pop("answered")
        for code, count in verdicts.items():
            assert found.value(asked, **about, verdict="refused", code=code) == count
        charged = [line for line in left if line["function"] == function and not line["code"]]
        in_ledger = found.value(f"{NODE}_ledger_questions_total", job=JOB, **about)
        assert in_ledger == len(charged)
        sizes = found.value(f"{NODE}_ledger_charged_bytes_total", job=JOB, **about)
        assert sizes == sum(line["charged"] for line in charged)
    (computed,) = (line for line in left if line["question"] == str(COMPUTED))
    assert found.value(asked, function="class_outputs", verdict="stored", code="") == 1
    sent = found.value(f"{NODE}_answer_bytes_total", job=JOB, function="class_outputs")
    assert sent == 2 * computed["sent"]
    seconds = f"{NODE}_question_duration_seconds_count"
    assert found.value(seconds, function="class_outputs") == 1


def test_a_node_tells_of_all_that_happens_to_it(watched: Watched) -> None:
    found = watched.node
    assert found.value(f"{NODE}_session_open", job=JOB) == 1
    assert found.value(f"{NODE}_door_knocks_total", verdict="accepted") == 1
    assert found.value(f"{NODE}_policy_rejected") == 1
    assert found.value(f"{NODE}_policy_reads_total", result="rejected") == 1
    put_off = f"{NODE}_questions_postponed_total"
    assert found.value(put_off, function="class_outputs", reason="AWAITING_APPROVAL") == 1
    assert found.value(f"{NODE}_paused") == 0
    assert (found.value(f"{NODE}_ledger_events_total") or 0) > 10
    assert (found.value("process_resident_memory_bytes") or 0) > 2**20
    ends = term((watched.owner.home.folder.parent / "own.pem").read_bytes()).ends
    assert found.value(f"{NODE}_certificate_expiry_timestamp_seconds") == ends.timestamp()


def test_both_sides_have_counted_the_same(watched: Watched) -> None:
    node, coordinator = watched.node, watched.coordinator
    settled = f"{COORDINATOR}_questions_settled_total"
    for function in ("describe", "class_outputs"):
        about = {"job": JOB, "function": function}
        given = sum(
            node.total(f"{NODE}_questions_total", function=function, verdict=verdict)
            for verdict in ("answered", "stored")
        )
        assert coordinator.value(settled, **about, outcome="answered", code="") == given
        for code in ("PAUSED", "NOT_ALLOWED"):
            refused = {"function": function, "verdict": "refused", "code": code}
            there = coordinator.value(settled, **about, outcome="refused", code=code)
            assert there == node.value(f"{NODE}_questions_total", **refused)
        received = coordinator.value(f"{COORDINATOR}_answer_bytes_total", **about)
        assert received == node.value(f"{NODE}_answer_bytes_total", **about)
    assert coordinator.value(f"{COORDINATOR}_questions_in_flight", job=JOB) == 0
    assert coordinator.value(f"{COORDINATOR}_providers_present", job=JOB) == 1
    model = len(classifier_file("a model"))
    assert coordinator.value(f"{COORDINATOR}_file_bytes_total", job=JOB) == model


@pytest.mark.parametrize(
    ("query", "code"), [(COMPUTED, None), (PAUSED, "PAUSED"), (DENIED, "NOT_ALLOWED")]
)
def test_one_id_finds_a_question_in_both_logs(
    watched: Watched, query: QueryId, code: str | None
) -> None:
    about = {"job": JOB, "query": str(query), "provider": A} | ({"code": code} if code else {})
    for lines in (watched.at_the_node(**about), watched.lines.about(**about)):
        said = " ".join(line["message"] for line in lines)
        assert ("refused: " if code else "answered") in said
    (recorded, *_) = (line for line in watched.left if line["question"] == str(query))
    assert recorded["code"] == code


def test_every_line_of_a_node_is_json_and_says_whose_it_is(watched: Watched) -> None:
    lines = watched.at_the_node(provider=A)
    assert len(lines) == len(watched.owner.log().splitlines())
    assert {"INFO", "WARNING", "DEBUG"} <= {line["level"] for line in lines}
    assert watched.at_the_node(code="AWAITING_APPROVAL", query=str(DENIED), job=JOB)
