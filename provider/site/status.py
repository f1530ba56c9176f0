"""What the process that answers says of itself, for the owner's `status`."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from protocols.ids import JobId
from synlearn.atomic import write_atomically

FRESH = 10.0
"""Seconds after which a status is taken for that of a process that is gone."""


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """One job.

    Attributes:
        state: "answering", or "waiting" where something keeps it from that.
        why: What that is, and what to do.
    """

    state: str
    why: str


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The whole process.

    Attributes:
        time: Unix seconds.
        policy: Digest of the policy in force.
        policy_problem: What is wrong with the policy file as it stands; None while it is in force.
        sessions: By job.
    """

    time: float
    policy: str
    policy_problem: str | None
    sessions: Mapping[str, SessionStatus]


def write_status(
    path: Path,
    sessions: Mapping[JobId, SessionStatus],
    *,
    policy: str,
    policy_problem: str | None,
) -> None:
    """Say how things stand now."""
    status = NodeStatus(
        time.time(), policy, policy_problem, {str(job): said for job, said in sessions.items()}
    )
    write_atomically(path, json.dumps(asdict(status)).encode())


def read_status(path: Path) -> NodeStatus | None:
    """What the process said last; None where there is none."""
    try:
        table = json.loads(path.read_bytes())
        sessions = {job: SessionStatus(**said) for job, said in table.pop("sessions").items()}
        status = NodeStatus(sessions=sessions, **table)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return status if time.time() - status.time < FRESH else None
