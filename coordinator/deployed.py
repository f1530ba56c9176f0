"""A deployed federation: sites that their owners run, invited to a job."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from coordinator.admission import RosterAdmission
from coordinator.authority.current_roster import CurrentRoster
from coordinator.authority.folder import FederationFolder
from coordinator.blobs import BlobSource
from coordinator.flower.meeting_point import Gathering
from coordinator.job_sessions import JobSessions
from coordinator.joining import JobTrust
from coordinator.leavers import Leavers
from coordinator.session_events import SessionEvent
from coordinator.session_port import SessionPort
from coordinator.session_questions import LEFT
from coordinator.site_papers import SitePapers
from coordinator.tls import ServerTlsFiles
from protocols.ids import JobId, ProviderId
from protocols.job_plan import JobPlan
from protocols.secagg.roster import Roster
from synlearn.errors import InputError

_LOOK_AGAIN = 1.0
"""Seconds between two looks at whether somebody was admitted."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Venue:
    """Where sites meet: what all deployed jobs of a process share.

    Attributes:
        port: The session port.
        federation: Whom to invite, under which keys.
        gather: Carries a job's invitations until its block ends.
    """

    port: SessionPort
    federation: FederationFolder
    gather: Callable[[Gathering], AbstractContextManager[None]]

    def suspend(self, job: JobId, sessions: JobSessions, reason: str) -> None:
        """End a job's sessions; its nodes come again until it is opened again."""
        self.port.expect(job)
        sessions.suspend(reason)


@dataclass(frozen=True, slots=True)
class DeployedFederation:
    """A federation under way: a `coordinator.membership.Membership`.

    Attributes:
        server: The coordinator's end of the sessions.
        papers: What the sites are given.
        leavers: Whose owners left the job, in this process of it or an earlier one.
    """

    server: JobSessions
    papers: SitePapers
    leavers: Leavers

    @property
    def trust(self) -> JobTrust:
        """Under the roster in force."""
        return self.papers.trust

    def expected(self) -> frozenset[ProviderId]:
        """The members of the roster in force."""
        return frozenset(self.papers.roster.by_name)

    def young(self) -> frozenset[ProviderId]:
        """Who was admitted not long ago."""
        return self.papers.young()

    def present(self) -> frozenset[ProviderId]:
        """Who has an open session; SessionsStopped once the job's sessions are closed."""
        self.server.wait_for((), 0.0)
        return self.server.connected()

    def gone(self) -> Mapping[ProviderId, str]:
        """Whose owners left the job."""
        return dict.fromkeys(self.leavers.names(), LEFT)

    def peak_memory(self) -> int:
        """Bytes: the largest resident size of this process; sites' own are theirs."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        return 0


def members_of(folder: FederationFolder) -> Roster:
    """The present roster.

    Raises:
        InputError: Nobody was admitted yet.
    """
    roster = folder.roster()
    if roster is None or not roster.members:
        raise InputError(
            f"{folder.root} has no member yet; see: synlearn-coordinator federation admit"
        )
    return roster


def server_tls(folder: FederationFolder) -> ServerTlsFiles:
    """With what a session port of the federation answers; follows renewals while it runs."""
    own = folder.root / "coordinator"
    return ServerTlsFiles(own / "tls.pem", own / "tls.key", folder.root / "ca.pem")


def member_admission(
    folder: FederationFolder, trust: JobTrust, tokens: Mapping[ProviderId, bytes]
) -> RosterAdmission:
    """Who may come in to a job of the federation; follows revocations while it runs."""
    return RosterAdmission(
        tokens,
        trust.identity.public,
        CurrentRoster(folder, trust.roster),
        names_in_certificates=True,
    )


@contextlib.contextmanager
def deployed_federation(
    plan: JobPlan,
    blobs: BlobSource,
    venue: Venue,
    *,
    out: Path,
    on_event: Callable[[SessionEvent], None],
    on_open: Callable[[JobSessions], None],
) -> Iterator[DeployedFederation]:
    """Invite all members to a job, also those who become members while it runs.

    Invitations also lie in `out` as files, one for each site that none reaches otherwise. A run
    that is resumed admits the same tokens, so that nobody has to be invited again.

    Args:
        plan: What the owners agree to.
        blobs: Files that the nodes may pull.
        venue: Where they meet.
        out: Folder of the run.
        on_event: Told what happens to the sessions.
        on_open: Given the sessions as soon as they are open.

    Raises:
        InputError: The federation's folder cannot be used.
    """
    papers = SitePapers(plan, venue.federation, members_of(venue.federation), out)
    admission = member_admission(venue.federation, papers.trust, papers.tokens)
    leavers = Leavers(out)

    def tell(event: SessionEvent) -> None:
        leavers.event(event)
        on_event(event)

    sessions = venue.port.open(plan.job, admission, blobs, tell)
    federation = DeployedFederation(sessions, papers, leavers)
    gathering = Gathering(plan.job, federation.expected, sessions.connected, papers.invitation)
    try:
        on_open(sessions)
        with _papers_kept_up(papers), venue.gather(gathering):
            yield federation
    except InputError:  # going on would fail again
        sessions.stop("the job failed")
        raise
    except BaseException:
        venue.suspend(plan.job, sessions, "the job is interrupted")
        raise
    sessions.stop("the job is done")


@contextlib.contextmanager
def _papers_kept_up(papers: SitePapers) -> Iterator[None]:
    """Make papers for new members as soon as they are admitted, whatever the job waits for."""
    over = threading.Event()

    def look() -> None:
        said = ""
        while not over.wait(_LOOK_AGAIN):
            try:
                papers.trust  # noqa: B018 - issues what is lacking
                said = ""
            except (OSError, InputError) as error:
                if str(error) != said:
                    _log.error("no papers for new members of the federation: %s", error)
                said = str(error)

    thread = threading.Thread(target=look, name="papers of new members", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
