import base64
import math

import pytest

from coordinator.flower import meeting_point
from coordinator.flower.meeting_point import Gathering, MeetingPoint
from coordinator.unix_calls import Call
from protocols.ids import JobId, ProviderId

JOB = JobId("a-job")
NORTH, SOUTH = ProviderId("north"), ProviderId("south")
KEYS = {b"key of north": NORTH, b"key of south": SOUTH}


def gathering(present: frozenset[ProviderId] = frozenset()) -> Gathering:
    return Gathering(
        JOB, lambda: frozenset({NORTH, SOUTH}), lambda: present, lambda name: f"for {name}".encode()
    )


def asked(*verdicts: Call, **nodes: bytes) -> Call:
    keys = {number[1:]: base64.b64encode(key).decode() for number, key in nodes.items()}
    return {"job": JOB, "nodes": keys, "verdicts": list(verdicts)}


def test_the_bridge_is_told_whom_to_invite_until_the_job_is_over() -> None:
    point = MeetingPoint(lambda: KEYS, lambda: 5.0)
    with point.open(gathering()):
        assert point.heard() == {JOB: -math.inf}
        answer = point.answer(asked(n1=b"key of north", n9=b"a stranger's"))
        assert answer["over"] is False
        assert {n: base64.b64decode(b) for n, b in answer["invitations"].items()} == {
            "1": b"for north"
        }
        assert point.heard() == {JOB: 5.0}
        assert "no verdict yet" in point.standing(JOB, NORTH)
    assert point.answer(asked()) == {"over": True, "invitations": {}, "pause": 0.0}
    assert not point.standing(JOB, NORTH)


def test_the_bridge_is_heard_less_often_once_all_are_there() -> None:
    point = MeetingPoint(lambda: KEYS, lambda: 0.0)
    with point.open(gathering()):
        soon = point.answer(asked())["pause"]
    with point.open(gathering(frozenset({NORTH, SOUTH}))):
        assert point.answer(asked())["pause"] > soon


def test_invitations_that_do_not_fit_in_one_answer_go_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meeting_point, "_MOST", 3)
    point = MeetingPoint(lambda: KEYS, lambda: 0.0)
    call = asked(n1=b"key of north", n2=b"key of south")
    with point.open(gathering()):
        first, second, third = (point.answer(call)["invitations"] for _ in range(3))
    assert len(first) == len(second) == 1
    assert first.keys() | second.keys() == {"1", "2"}
    assert not third


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"job": JOB},
        {"job": JOB, "nodes": [], "verdicts": []},
        {"job": JOB, "nodes": {"x": "aGk="}, "verdicts": []},
        {"job": JOB, "nodes": {"1": "no base64!"}, "verdicts": []},
        {"job": JOB, "nodes": {"1": 3}, "verdicts": []},
        {"job": JOB, "nodes": {}, "verdicts": [{"node": "1"}]},
        {"job": JOB, "nodes": {}, "verdicts": 3},
    ],
)
def test_a_call_that_is_none_of_the_bridge_is_refused(call: Call) -> None:
    with pytest.raises(ValueError, match=r"no call of the bridge|invalid literal"):
        MeetingPoint(lambda: KEYS, lambda: 0.0).answer(call)


def test_a_verdict_can_forge_no_line_and_no_colour() -> None:
    point = MeetingPoint(lambda: KEYS, lambda: 0.0)
    forged = {"node": "1", "accepted": True, "sentence": "\x1b[31mok\nroot: logged in"}
    with point.open(gathering()):
        point.answer(asked(n1=b"key of north"))
        point.answer(asked(forged, n1=b"key of north"))
        said = point.standing(JOB, NORTH)
    assert said.isprintable()
    assert "logged in" in said
