"""What makes providers believe a job's coordinator, and how it is handed to them."""

from collections.abc import Collection
from dataclasses import dataclass

from coordinator.aggregation_attempt import Sessions, answers, dropped
from coordinator.aggregation_events import AggregationFailed, Dropped
from coordinator.questions import Phase
from coordinator.session_questions import ProvidersGone, Question, why_gone
from protocols.ids import ProviderId, QueryId
from protocols.mquery import Join
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.roster import Roster, SignedRoster
from protocols.secagg.rounds import Round


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

    @property
    def query(self) -> QueryId:
        """The id under which every process of a coordinator hands this over; 0.0.1 at first."""
        return QueryId(Phase.DESCRIBE, 0, self.roster.version)


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
        AggregationFailed: Somebody does not take them; it says who, and why.
        ProvidersGone: All others did, but somebody left or did not answer.
        SessionsStopped: As the session server has it.
    """
    body = Join(trust.links, sign_manifest(trust.manifest, trust.identity)).encode()
    questions = [Question(party, trust.query, body, deadline) for party in sorted(parties)]
    refused, gone = dict[ProviderId, Dropped](), dict[ProviderId, str]()
    for party, reply in answers(sessions, questions):
        if isinstance(reply, bytes):
            continue
        if why := why_gone(reply):
            gone[party] = why
        else:
            refused[party] = dropped(Round.ADVERTISE, reply)
    if refused:
        raise AggregationFailed(trust.query, "join", "not everybody joined.", refused)
    if gone:
        raise ProvidersGone(gone)
