"""A session port with two jobs, for tests: `RED` knows Alice, `BLUE` knows Alice and Bob."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from coordinator.admission import TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.job_sessions import JobSessions
from coordinator.session_events import SessionEvent, TurnedAway
from coordinator.session_port import SessionPort
from protocols.ids import JobId, ProviderId
from protocols.limits import Limits
from tests.session_harness import ALICE, BOB, QUICK

RED, BLUE = JobId("red"), JobId("blue")
RED_TOKEN, BLUE_TOKEN = b"token of red", b"token of blue"
TOKENS: Mapping[JobId, Mapping[ProviderId, bytes]] = {
    RED: {ALICE: RED_TOKEN},
    BLUE: {ALICE: BLUE_TOKEN, BOB: BLUE_TOKEN},
}


@dataclass
class JobHere:
    """A job at the port: its sessions, its files, and what it was told."""

    sessions: JobSessions
    blobs: MemoryBlobs
    events: list[SessionEvent]


@dataclass
class PortSite:
    """A port, not yet started."""

    limits: Limits = QUICK
    address: str = "127.0.0.1:0"
    strangers: list[TurnedAway] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = SessionPort(self.address, None, self.limits, turned_away=self.strangers.append)

    def open(self, job: JobId) -> JobHere:
        """Open one of the two jobs."""
        blobs = MemoryBlobs()
        events: list[SessionEvent] = []
        admission = TokenAdmission(TOKENS[job])
        return JobHere(self.port.open(job, admission, blobs, events.append), blobs, events)


@contextmanager
def port_site(limits: Limits = QUICK, address: str = "127.0.0.1:0") -> Iterator[PortSite]:
    """A port that is stopped, whatever happens in the test."""
    made = PortSite(limits, address)
    try:
        yield made
    finally:
        made.port.stop("the test is over")


@dataclass
class TwoJobs:
    """A port that listens, with both jobs open."""

    site: PortSite
    number: int
    red: JobHere
    blue: JobHere


@contextmanager
def two_jobs(limits: Limits = QUICK) -> Iterator[TwoJobs]:
    """Both jobs, open at one port."""
    with port_site(limits) as site:
        red, blue = site.open(RED), site.open(BLUE)
        yield TwoJobs(site, site.port.start(), red, blue)
