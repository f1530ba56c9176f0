"""A worker: a process with a desk or a back room, at the other end of a pipe.

Over the pipe go bytes that both ends take apart themselves; nothing is pickled there.
"""

import gc
import logging
import os
from collections.abc import Iterator, Sequence
from enum import IntEnum
from multiprocessing.connection import Connection
from typing import Final

from coordinator.service.desk import Answer, Desk, DeskPlan, Room, Work
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
    settle()
    pipe.send_bytes(bytes([Outcome.READY]))
    while True:
        try:
            asked = heard_all(pipe)
        except (EOFError, OSError):
            return
        for said in _said(room, asked):
            pipe.send_bytes(said)


def settle() -> None:
    """Take what was loaded out of the garbage collector's sight: it stays as long as the process.

    To look through it takes a fifth of a second, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()


def ask_all(pipe: Connection, asked: Sequence[bytes]) -> None:
    """Ask a worker several questions at once, at most 255, each with its `Work` as first byte."""
    pipe.send_bytes(bytes([len(asked)]))
    for each in asked:
        pipe.send_bytes(each)


def heard_all(pipe: Connection) -> list[bytes]:
    """The other end of `ask_all`."""
    return [pipe.recv_bytes() for _ in range(pipe.recv_bytes()[0])]


def _opened(plan: DeskPlan) -> Room:
    desk = Desk.open(plan)
    if plan.pictures is None:
        return desk
    from coordinator.service.back_room import BackRoom  # noqa: PLC0415 - matplotlib, scikit-learn

    os.nice(_NICE)
    return BackRoom(desk, plan.pictures)


def _said(room: Room, asked: Sequence[bytes]) -> Iterator[bytes]:
    """What is said to each question, in their order."""
    try:
        answers = room.answers([(Work(each[0]), each[1:]) for each in asked])
    except Exception:
        _log.exception("%d requests could not be answered", len(asked))
        yield from [bytes([Outcome.BROKEN])] * len(asked)
        return
    for answer in answers:
        yield _outcome(room, answer)


def _outcome(room: Room, answer: Answer) -> bytes:
    try:
        return bytes([Outcome.ANSWER]) + answer()
    except InputError as error:
        return bytes([Outcome.REFUSED]) + room.told(error).encode("utf-8", "replace")
    except Exception:
        _log.exception("a request could not be answered")
        return bytes([Outcome.BROKEN])
