"""Keeps a Flower run going for each job that gathers sites, and SuperNodes registered."""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from coordinator.authority.folder import FederationFolder
from coordinator.flower.meeting_point import MeetingPoint
from coordinator.flower.superlink import SuperLink, SuperLinkError
from synlearn.atomic import write_atomically
from synlearn.errors import InputError

SILENCE = 60.0
"""Seconds after which a bridge that has not called counts as gone, and another run is submitted. A
run takes some ten seconds to its first call; a ServerApp that was killed is found dead in forty."""
_LOOK_AGAIN = 1.0
_REGISTERED = "registered.json"

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def runs_kept(
    federation: FederationFolder,
    superlink: SuperLink,
    meeting: MeetingPoint,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Submit runs, and follow the roster, until the block ends.

    Raises:
        InputError: Flower is not installed.
    """
    superlink.prepare()
    keeper = _Keeper(federation, superlink, meeting, clock)
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(_LOOK_AGAIN):
            for step in (keeper.follow_members, keeper.follow_jobs):
                keeper.attempt(step)

    thread = threading.Thread(target=follow, name="flower runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        keeper.end()


class _Keeper:
    """What was registered and submitted; in one thread."""

    def __init__(
        self,
        federation: FederationFolder,
        superlink: SuperLink,
        meeting: MeetingPoint,
        clock: Callable[[], float],
    ) -> None:
        self._federation = federation
        self._superlink = superlink
        self._meeting = meeting
        self._clock = clock
        self._path = superlink.folder / _REGISTERED
        self._registered: dict[str, dict[str, str]] = _read(self._path)
        self._runs: dict[str, str] = {}
        self._submitted: dict[str, float] = {}
        self._said = ""

    def attempt(self, step: Callable[[], None]) -> None:
        """Do a step; what keeps it from being done is logged once, and it is tried again."""
        try:
            step()
        except (SuperLinkError, InputError) as error:
            if str(error) != self._said:
                _log.warning("%s; tried again", error)
            self._said = str(error)

    def follow_members(self) -> None:
        """Register the SuperNodes of new members; take out those of former ones."""
        wanted = {
            path.stem: path for path in sorted((self._federation.root / "supernodes").glob("*.pub"))
        }
        for name, known in list(self._registered.items()):
            if name not in wanted or wanted[name].read_text() != known["key"]:
                self._superlink.unregister(known["node"])
                self._keep({other: own for other, own in self._registered.items() if other != name})
                about = {"provider": name}
                _log.info("the SuperNode of %s is no longer registered", name, extra=about)
        for name, path in wanted.items():
            if name not in self._registered:
                node = self._superlink.register(path, name)
                self._keep(self._registered | {name: {"key": path.read_text(), "node": node}})
                about = {"provider": name}
                _log.info("the SuperNode of %s is registered", name, extra=about)

    def follow_jobs(self) -> None:
        """Submit a run for each job whose bridge is not there."""
        heard, now = self._meeting.heard(), self._clock()
        for job in [job for job in self._runs if job not in heard]:
            del self._runs[job], self._submitted[job]
        for job, call in heard.items():
            sign = max(call, self._submitted.get(job, -SILENCE))
            if job in self._runs and now - sign < SILENCE:
                continue
            self._submitted[job] = now
            self._runs[job] = self._superlink.submit(job)
            run = self._runs[job]
            _log.info("invitations travel with Flower run %s", run, extra={"job": job})

    def end(self) -> None:
        """Stop the runs of jobs that are interrupted."""
        for run in self._runs.values():
            self._superlink.end(run)

    def _keep(self, registered: dict[str, dict[str, str]]) -> None:
        self._registered = registered
        write_atomically(self._path, json.dumps(registered, indent=1).encode())


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{path} is damaged; delete it.") from error
    return found
