"""`synlearn-coordinator up`: one process with the session port, the keys, and all jobs at sites."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from coordinator.authority.expiry import warn_of_expiry
from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import utc_now
from coordinator.deployed import Venue, members_of, server_tls
from coordinator.flower.meeting_point import MeetingPoint
from coordinator.flower.runs import runs_kept
from coordinator.flower.superlink import SuperLink
from coordinator.job_events import EventListener, JobEvent
from coordinator.job_metrics import JobMetrics
from coordinator.job_sessions import JobSessions
from coordinator.jobs.control import Control
from coordinator.jobs.keeper import JobKeeper, Task
from coordinator.jobs.record import Records
from coordinator.jobs.watch import JobWatch
from coordinator.launch import run_deployed
from coordinator.metrics import serve_metrics
from coordinator.session_port import SessionPort
from coordinator.unix_calls import calls_served
from protocols.ids import JobId, ProviderId
from synlearn.errors import InputError
from synlearn.process_lock import alone

_log = logging.getLogger(__name__)
_DAY = 24 * 3600.0


def serve(federation: FederationFolder, runs: Path, stop: threading.Event) -> None:
    """Run jobs, the interrupted ones first, until `stop` is set.

    Args:
        federation: Whom to invite, under which keys.
        runs: Folder of the jobs' runs.
        stop: Set it to end; jobs go on in the next process.

    Raises:
        InputError: A file, a socket or the port cannot be used.
    """
    config = federation.config
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{runs} cannot be made ({error.strerror}); name another.") from error
    records, meeting = Records(runs), MeetingPoint(federation.supernode_keys, time.monotonic)
    told = meeting.standing if config.flower.superlink else _by_hand
    with contextlib.ExitStack() as stack:
        stack.enter_context(alone(federation.root / ".up.lock", "A coordinator of this federation"))
        metrics = stack.enter_context(
            serve_metrics(config.metrics, lambda: federation.server.certificate)
        )
        port = SessionPort(
            f"{config.listen}:{config.port}",
            server_tls(federation),
            turned_away=metrics.count_turned_away,
        )
        runner = SiteRunner(Venue(port, federation, meeting.open), metrics, told)
        keeper = JobKeeper(records, runner)
        control = Control(keeper, records, runner.sites)
        stack.enter_context(calls_served(federation.control, control.answer))
        stack.enter_context(_invitations_carried(federation, meeting))
        keeper.take_up()  # before the port opens: no node is told that its job is unknown
        try:
            port.start()
            _log.info("sessions on %s:%d, runs in %s", config.listen, config.port, runs)
            warn_of_expiry(federation, utc_now())
            while not stop.wait(_DAY):
                warn_of_expiry(federation, utc_now())
            _log.info("shutting down; jobs go on when started again")
        finally:
            keeper.shut_down()
            port.stop("the coordinator shuts down")


@contextlib.contextmanager
def _invitations_carried(federation: FederationFolder, meeting: MeetingPoint) -> Iterator[None]:
    """Let Flower carry invitations, where the federation's configuration names a SuperLink."""
    settings = federation.config.flower
    if not settings.superlink:
        yield
        return
    own = settings.root_certificates
    superlink = SuperLink(
        federation.root / "flower",
        settings.superlink,
        federation.root / ("ca.pem" if own is None else own),
    )
    socket = calls_served(federation.bridge, meeting.answer, users=settings.users, mode=0o660)
    with socket, runs_kept(federation, superlink, meeting):
        yield


@dataclass(slots=True)
class _Open:
    """A job whose sessions are open."""

    sessions: JobSessions
    watch: JobWatch


class SiteRunner:
    """Runs jobs at the sites of a federation.

    Args:
        venue: Where they meet.
        metrics: Where jobs are counted.
        invited: Says how far a site's invitation has come.
    """

    def __init__(
        self, venue: Venue, metrics: JobMetrics, invited: Callable[[JobId, ProviderId], str]
    ) -> None:
        self._venue = venue
        self._metrics = metrics
        self._invited = invited
        self._open: dict[JobId, _Open] = {}

    def expect(self, job: JobId) -> None:
        """The job's nodes may come before it is open."""
        self._venue.port.expect(job)

    def run(self, task: Task) -> str:
        """Run a job; returns what came of it.

        Raises:
            As `run_deployed`.
        """
        sites = len(members_of(self._venue.federation).members)
        with self._metrics.watching(task.job.id, sites) as count:
            try:
                finished = run_deployed(
                    task.job,
                    task.out,
                    self._venue,
                    purpose=task.purpose,
                    resume=task.resume,
                    listener=_Listener(task, self._venue, self._open, count),
                )
            finally:
                self._open.pop(task.job.id, None)
        return (
            f"MRE model in {finished.model} (digest {finished.digest[:12]}), {finished.cost}, "
            f"{finished.seconds:.0f} s"
        )

    def sites(self, job: JobId) -> dict[str, dict[str, Any]]:
        """What is known of each site of a running job."""
        found = self._open.get(job)
        if found is None:
            return {}
        connected, waited = found.sessions.connected(), found.sessions.unanswered()
        return {
            name: {
                "connected": name in connected,
                "invitation": self._invited(job, name),
                "last": found.watch.last(name),
                "asked": [str(query) for query in waited.get(name, [])],
            }
            for name in sorted(members_of(self._venue.federation).by_name)
        }


class _Listener:
    """Passes on what happens in a job to whoever watches it, and the wish to stop to the job."""

    def __init__(
        self, task: Task, venue: Venue, opened: dict[JobId, _Open], count: EventListener
    ) -> None:
        self._task = task
        self._count = count
        self._venue = venue
        self._open = opened

    def opened(self, sessions: JobSessions) -> None:
        job = self._task.job.id
        self._open[job] = _Open(sessions, self._task.watch)
        self._task.halt.on(partial(self._venue.suspend, job, sessions))

    def event(self, event: JobEvent) -> None:
        self._task.watch.event(event)
        self._count(event)

    def told(self, line: Mapping[str, Any]) -> None:
        self._task.watch.told(line)


def _by_hand(job: JobId, name: ProviderId) -> str:
    return "its invitation is a file in the run's folder, to be brought to it"
