import io
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from coordinator.aggregation_events import AttemptEnded, Dropped
from coordinator.cost import cost_of
from coordinator.job_events import (
    Checkpointed,
    JobEvent,
    Outcome,
    QuestionAsked,
    QuestionSettled,
    RoundsDone,
    Stage,
)
from coordinator.progress import Progress
from coordinator.questions import Answered
from coordinator.session_events import Faulted, Joined, Lost, Postponed, Rejoined, TurnedAway
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.secagg.rounds import Round
from tests.coordinator.tiny import JOB

ALICE = ProviderId("alice")


class Scene:
    def __init__(self, folder: Path) -> None:
        self.screen = io.StringIO()
        self.log = folder / "log.jsonl"
        self.now = 1000.0
        console = Console(file=self.screen, width=200)
        self.progress = Progress(JOB, 4, self.log, console, lambda: self.now)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def test_every_step_is_one_line_of_json(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.progress as progress:
        progress.resumed(1, 0)
        scene.now = 1001.23456
        progress.pretraining(2, loss=0.5, active_share=0.25)
        progress.validation(0, pairs=12, mean=0.125)
        progress.learning(1, loss=0.75)
        progress.write("finished", mre="digest")
        assert scene.lines() == [
            {
                "time": 1000.0,
                "event": "started",
                "job": JOB.id,
                "pretraining_rounds": 1,
                "learning_rounds": 0,
            },
            {
                "time": 1001.235,
                "event": "pretraining",
                "job": JOB.id,
                "round": 2,
                "loss": 0.5,
                "active_share": 0.25,
            },
            {
                "time": 1001.235,
                "event": "validation",
                "job": JOB.id,
                "round": 0,
                "pairs": 12,
                "mean_squared_error": 0.125,
            },
            {"time": 1001.235, "event": "learning", "job": JOB.id, "round": 1, "loss": 0.75},
            {"time": 1001.235, "event": "finished", "job": JOB.id, "mre": "digest"},
        ], "each line is on disk at once"


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    first, second = Scene(tmp_path), Scene(tmp_path)
    with first.progress as progress:
        progress.resumed(0, 0)
    with second.progress as progress:
        progress.resumed(2, 0)
    assert [line["pretraining_rounds"] for line in second.lines()] == [0, 2]


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (Joined(ALICE), {"event": "joined", "provider": "alice"}),
        (Rejoined(ALICE), {"event": "rejoined", "provider": "alice"}),
        (Lost(ALICE, "gone"), {"event": "lost", "provider": "alice", "reason": "gone"}),
        (
            Postponed(ALICE, QueryId(1, 2, 3), 5, Code.BUSY),
            {
                "event": "postponed",
                "provider": "alice",
                "query": "1.2.3",
                "until": "5",
                "code": "BUSY",
            },
        ),
        (
            Faulted(ALICE, Code.MALFORMED, "no [/b] frame"),
            {
                "event": "faulted",
                "provider": "alice",
                "code": "MALFORMED",
                "sentence": "no [/b] frame",
            },
        ),
        (
            TurnedAway("ipv4:1.2.3.4:5", None, Code.NOT_ADMITTED, "[red]"),
            {"event": "turnedaway", "peer": "ipv4:1.2.3.4:5", "sentence": "[red]"},
        ),
    ],
)
def test_session_events_are_logged_whatever_a_peer_says(
    event: Joined, fields: dict[str, str], tmp_path: Path
) -> None:
    """Brackets of a stranger's sentence are no markup of ours."""
    scene = Scene(tmp_path)
    with scene.progress as progress:
        progress.session(event)
    (line,) = scene.lines()
    assert line.items() >= fields.items()
    if "sentence" in fields:
        assert fields["sentence"] in scene.screen.getvalue()


def test_the_terminal_shows_where_the_job_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    with scene.progress as progress:
        for number in range(4):
            progress.session(Joined(ProviderId(f"provider-{number}")))
        progress.pretraining(2, loss=0.5, active_share=0.25)
        progress.answers(3, 4)
    screen = scene.screen.getvalue()
    assert "providers joined" in screen
    for part in ("4/4", "2/3", "0/2", "3/4", "mean hinge 0.500, active 25.0%"):
        assert part in screen


def test_without_pretraining_there_is_none_to_wait_for(tmp_path: Path) -> None:
    job = replace(JOB, pretraining=replace(JOB.pretraining, mode="off"))
    screen = io.StringIO()
    with Progress(job, 4, tmp_path / "log.jsonl", Console(file=screen, width=200), lambda: 0.0):
        pass
    assert "0/0" in screen.getvalue()


def test_two_threads_may_write(tmp_path: Path) -> None:
    """The sessions' thread tells of events while the job's thread tells of its steps."""
    scene = Scene(tmp_path)
    with scene.progress as progress:

        def tell() -> None:
            for _ in range(200):
                progress.write("event", text="x" * 5000)

        threads = [threading.Thread(target=tell) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(scene.lines()) == 800


def test_every_attempt_at_a_masked_question_is_one_line(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    ended = AttemptEnded(
        query=QueryId(2, 5, 0),
        function="class_feature_sums",
        attempt=1,
        parties=3,
        survivors=(),
        dropped={ALICE: Dropped(Round.MASK, "It did not answer in time.")},
        sent=1200,
        received=3400,
        seconds=0.12345,
        failure="the aggregation ended in round mask: 2 parties [of 3] sent a vector.",
    )
    with scene.progress as progress:
        progress.aggregation(ended)
        progress.aggregation(replace(ended, attempt=2, survivors=(ALICE,), dropped={}, failure=""))
    first, second = scene.lines()
    assert first == {
        "time": 1000.0,
        "event": "aggregation",
        "job": JOB.id,
        "query": "2.5.0",
        "function": "class_feature_sums",
        "attempt": 1,
        "parties": 3,
        "survivors": 0,
        "dropped": "alice",
        "bytes_sent": 1200,
        "bytes_received": 3400,
        "seconds": 0.123,
        "failure": ended.failure,
    }
    assert (second["attempt"], second["survivors"], second["failure"]) == (2, 1, "")
    assert scene.screen.getvalue().count("2 parties [of 3] sent a vector.") == 1


def test_what_a_job_asks_is_logged_and_shown(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    ended = AttemptEnded(QueryId(2, 0, 9), "sums", 1, 4, (ALICE,), {}, 70, 30, 0.25)
    with scene.progress as progress:
        progress.answered(Answered(QueryId(2, 0, 0), "describe", 1200, sent=10, received=20))
        progress.aggregation(ended)
        progress.aggregation(replace(ended, failure="too [few] stayed."))
        progress.scored(0, pairs=6, mean=0.5)
        progress.targets(0, datasets=7, wanted=8)
        progress.warn("K from 1 is [low].")
    lines = [line["event"] for line in scene.lines()]
    assert lines == ["questions", "aggregation", "aggregation", "validation", "targets", "warning"]
    cost = cost_of(scene.log)
    assert (cost.questions, cost.question_bytes) == (1200, 30)
    assert (cost.sums, cost.attempts, cost.sum_bytes) == (1, 2, 200)
    screen = scene.screen.getvalue()
    for part in ("1,200 SQUERYs, 1 MQUERYs so far", "too [few] stayed.", "K from 1 is [low]."):
        assert part in screen


def test_a_listener_is_told_all_and_a_refusal_is_a_line(tmp_path: Path) -> None:
    told: list[JobEvent] = []
    log, q = tmp_path / "log.jsonl", QueryId(2, 0, 0)
    ended = AttemptEnded(q, "sums", 1, 4, (ALICE,), {}, 70, 30, 0.25)
    answered = Answered(q, "describe", 4, sent=10, received=20)
    asked = QuestionAsked(ALICE, q, "describe", 10)
    settled = [
        QuestionSettled(ALICE, q, "describe", outcome, code, 0, 0.5)
        for outcome, code in (
            (Outcome.ANSWERED, None),
            (Outcome.REFUSED, Code.PAUSED),
            (Outcome.TIMED_OUT, None),
            (Outcome.STOPPED, None),
        )
    ]
    console = Console(file=io.StringIO())
    with Progress(JOB, 4, log, console, lambda: 0.0, listener=told.append) as progress:
        progress.resumed(1, 0)
        progress.session(Joined(ALICE))
        progress.event(asked)
        for event in settled:
            progress.event(event)
        progress.event(Checkpointed(q))
        progress.answered(answered)
        progress.aggregation(ended)
        progress.learning(1, loss=0.5)
    assert told == [
        RoundsDone(Stage.PRETRAINING, 1, JOB.pretraining.rounds),
        RoundsDone(Stage.LEARNING, 0, JOB.learning.rounds),
        Joined(ALICE),
        asked,
        *settled,
        Checkpointed(q),
        answered,
        ended,
        RoundsDone(Stage.LEARNING, 1, JOB.learning.rounds),
    ]
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    failed = {each["event"]: each for each in lines if each.get("provider") == "alice"}
    assert failed.keys() == {"joined", "refused", "timed_out"}
    assert failed["refused"].items() >= {"query": "2.0.0", "code": "PAUSED", "job": JOB.id}.items()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_a_full_disk_stops_no_job_for_its_log(caplog: pytest.LogCaptureFixture) -> None:
    told: list[JobEvent] = []
    console = Console(file=io.StringIO())
    full = Path("/dev/full")
    with Progress(JOB, 4, full, console, lambda: 0.0, listener=told.append) as progress:
        progress.session(Joined(ALICE))
    assert told == [Joined(ALICE)]
    assert "/dev/full cannot be written (No space left on device)" in caplog.text


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text('{"event": "first"}\n{"event": "questions", "provi')
    for _ in range(2):
        with Progress(JOB, 4, log, None, lambda: 0.0) as progress:
            progress.write("files", bytes=7)
    assert len(log.read_text().splitlines()) == 4
    assert cost_of(log).file_bytes == 14
