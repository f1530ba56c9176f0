"""Seeing in which phase a job is, from outside: its log, and what its sites are asked."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from coordinator.grouped_run import _FIRST_MASKED
from coordinator.questions import Phase
from protocols.ids import QueryId
from protocols.mquery import IDS
from protocols.secagg.rounds import Round
from tests.chaos.schedule import Moment

_PHASES = {
    Phase.DESCRIBE: Moment.JOINING,
    Phase.PRETRAINING: Moment.PRETRAINING,
    Phase.EVIDENCE: Moment.EVIDENCE,
}
_EVENTS = {
    "started": Moment.JOINING,
    "pretraining": Moment.PRETRAINING,
    "validation": Moment.ADVERTISE,
    "targets": Moment.TRAINING,
    "learning": Moment.VALIDATION,
    "fusion": Moment.EVIDENCE,
    "finished": Moment.EVIDENCE,
}


def moment_of(told: dict[str, Any]) -> Moment | None:
    """The phase of a running job, from its status; None before it has one."""
    asked = [
        QueryId.parse(query) for site in told.get("sites", {}).values() for query in site["asked"]
    ]
    if asked:
        return _asked(max(asked))
    event = told.get("phase", {}).get("event")
    return None if event is None else _EVENTS.get(event)


def wait_for(
    moment: Moment,
    status: Callable[[], dict[str, Any]],
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Moment | None:
    """Wait until a job is in a phase, or past it; returns where it is, None when it has ended."""
    order, deadline = list(Moment), clock() + patience
    seen = 0
    while clock() < deadline:
        told = status()
        if told and told["state"] != "running":
            return None
        now = moment_of(told) if told else None
        if now is not None:
            place = order.index(now)
            if now is moment or (place > order.index(moment) and place >= seen):
                return now
            seen = max(seen, place)
        sleep(0.004)
    raise AssertionError(f"the job has come to no {moment} within {patience:.0f} s: {status()}")


def _asked(query: QueryId) -> Moment:
    if query.phase != Phase.LEARNING:
        return _PHASES[Phase(query.phase)]
    if query.part < _FIRST_MASKED:
        return Moment.VALIDATION
    rounds: Iterator[Round] = iter(Round)
    by_place = dict(enumerate(rounds))
    place = (query.part - _FIRST_MASKED) % IDS % len(by_place)
    return Moment(by_place[place].value)
