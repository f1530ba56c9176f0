"""What makes providers believe a job's coordinator, and how it is handed to them."""

from collections.abc import Collection
from dataclasses import dataclass

from coordinator.aggregation_attempt import Sessions, answers, dropped
from coordinator.aggregation_events import AggregationFailed
from coordinator.questions import Phase
from coordinator.session_questions import Question
from protocols.ids import ProviderId, QueryId
from protocols.mquery import Join
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.roster import Roster, SignedRoster
from protocols.secagg.rounds import Round

JOIN = QueryId(Phase.DESCRIBE, 0, 1)
"""The id under which every process of a coordinator lets its providers join."""


@dataclass(frozen=True, slots=True)
class JobTrust:
    """Roster, manifest and signing key of a job.

    Attributes:
        identity: The coordinator's signing key.
        roster: Under which the job runs.
        links: Of the roster's chain, signed by the authority, for providers that may not have them
            yet: in order, the job's roster last; none if all have it.
        manifest: What will be asked.
    """

    identity: Identity
    roster: Roster
    links: tuple[SignedRoster, ...]
    manifest: JobManifest


def join(
    sessions: Sessions, trust: JobTrust, parties: Collection[ProviderId], deadline: float
) -> None:
    """Hand roster and manifest to the parties; they answer no other question before.

    Args:
        sessions: The session server.
        trust: What to hand over.
        parties: To whom.
        deadline: Seconds.

    Raises:
        AggregationFailed: Somebody does not take them, or does not answer; it says who, and why.
        SessionsStopped: As the session server has it.
    """
    body = Join(trust.links, sign_manifest(trust.manifest, trust.identity)).encode()
    questions = [Question(party, JOIN, body, deadline) for party in sorted(parties)]
    left = {
        party: dropped(Round.ADVERTISE, reply)
        for party, reply in answers(sessions, questions)
        if not isinstance(reply, bytes)
    }
    if left:
        raise AggregationFailed(JOIN, "join", "not everybody joined.", left)
