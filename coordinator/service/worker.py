"""A worker: a process with a desk or a back room, at the other end of a pipe.

Over the pipe go bytes that both ends take apart themselves; nothing is pickled there.
"""

import logging
import os
from enum import IntEnum
from multiprocessing.connection import Connection
from typing import Final

from coordinator.service.desk import Desk, DeskPlan, Room, Work
from synlearn.errors import InputError
from synlearn.logs import LogFormat, start_logs
from synlearn.worker_process import start_worker

_NICE: Final = 5
"""Of what is slow anyway: rankings go before it."""

_log = logging.getLogger(__name__)


class Outcome(IntEnum):
    """First byte of what a worker says."""

    READY = 0
    ANSWER = 1
    REFUSED = 2
    """A sentence follows, for whoever asked."""
    BROKEN = 3
    """The reason is in the log."""


def work_at(pipe: Connection, plan: DeskPlan, logs: LogFormat) -> None:
    """Answer until the pipe is closed or the parent is gone."""
    start_worker()
    start_logs(logs)
    try:
        room = _opened(plan)
    except InputError as error:
        pipe.send_bytes(bytes([Outcome.REFUSED]) + str(error).encode())
        return
    pipe.send_bytes(bytes([Outcome.READY]))
    while True:
        try:
            asked = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        pipe.send_bytes(_answer(room, asked))


def _opened(plan: DeskPlan) -> Room:
    desk = Desk.open(plan)
    if plan.pictures is None:
        return desk
    from coordinator.service.back_room import BackRoom  # noqa: PLC0415 - matplotlib, scikit-learn

    os.nice(_NICE)
    return BackRoom(desk, plan.pictures)


def _answer(room: Room, asked: bytes) -> bytes:
    try:
        return bytes([Outcome.ANSWER]) + room.answer(Work(asked[0]), asked[1:])
    except InputError as error:
        return bytes([Outcome.REFUSED]) + room.told(error).encode("utf-8", "replace")
    except Exception:
        _log.exception("a request could not be answered")
        return bytes([Outcome.BROKEN])
